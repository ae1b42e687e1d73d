"""Regressors on encrypted data: scores, seconds, bytes.

Run with ``python -m benchmarks.regression --help``.
"""

from __future__ import annotations

import typer

from benchmarks.core import make_command
from benchmarks.subject import OurSubject

main = make_command("regression", OurSubject)
app = typer.Typer(add_completion=False)
app.command(help="Measure regressors on encrypted data.")(main)

if __name__ == "__main__":
    app()
