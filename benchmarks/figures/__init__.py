"""Tables and pictures in the pages of the documentation."""

from __future__ import annotations

import warnings
from importlib import import_module
from typing import Annotated

import typer

from benchmarks.options import chosen

__all__ = ["FIGURES", "main"]

FIGURES = ["linear", "trees", "networks", "small_networks", "aware", "losses", "squares"]
FIGURES += ["widths", "engines", "costs", "families", "p_error"]
"""Modules here, each with a `write`."""


def main(
    names: Annotated[str, typer.Argument(help=f"Of {', '.join(FIGURES)}. Empty: all.")] = "",
) -> None:
    """Write tables and pictures of docs/ anew; takes minutes, since networks are encrypted."""
    for name in chosen(names, FIGURES, "figure"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # scikit-learn's on convergence
            import_module(f"benchmarks.figures.{name}").write()
        typer.echo(f"wrote {name}")
