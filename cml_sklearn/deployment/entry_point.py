"""Where the command ``cml-sklearn`` begins, also where its packages are not installed."""

from __future__ import annotations

import sys

from cml_sklearn.exceptions import MissingPackageError

__all__ = ["main"]


def main() -> None:
    """Run the command, or say in one line what to install."""
    try:
        from cml_sklearn.deployment.command_line import app
    except MissingPackageError as error:
        sys.exit(str(error))
    app(prog_name="cml-sklearn")
