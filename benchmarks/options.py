"""Options that several commands share, and the names that they take."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

__all__ = [
    "Datasets",
    "Engine",
    "Models",
    "Output",
    "Plot",
    "Repeat",
    "Rows",
    "Seed",
    "Table",
    "UnknownNameError",
    "Widths",
    "chosen",
    "parted",
    "widths_of",
]

Datasets = Annotated[str, typer.Option(help="Names, parted by commas. Empty: the usual ones.")]
Models = Annotated[str, typer.Option(help="Names, parted by commas. Empty: all.")]
Widths = Annotated[str, typer.Option(help="Widths, parted by commas. Empty: the models' own.")]
Engine = Annotated[str, typer.Option(help="Engine of circuits, or auto: the cheapest.")]
Seed = Annotated[int, typer.Option(help="Seed of all that is random but the data's usual split.")]
Repeat = Annotated[int, typer.Option(min=1, help="Runs, of which the median counts.")]
Output = Annotated[Path | None, typer.Option(help="JSON lines, appended.")]
Rows = Annotated[
    Path | None,
    typer.Option(exists=True, dir_okay=False, help="Take these JSON lines, and measure nothing."),
]
Table = Annotated[Path | None, typer.Option(help="Markdown file for the table.")]
Plot = Annotated[Path | None, typer.Option(help="PNG file.")]


class UnknownNameError(typer.BadParameter):
    """A value that an option doesn't know; the message lists those that it does."""


def parted(text: str) -> list[str]:
    """Names parted by commas."""
    return [name.strip() for name in text.split(",") if name.strip()]


def chosen(text: str, allowed: Sequence[str], kind: str) -> list[str]:
    """Names parted by commas; none: all that are allowed.

    Raises
    ------
    UnknownNameError
    """
    names = parted(text)
    for name in names:
        if name not in allowed:
            raise UnknownNameError(f"unknown {kind} {name!r}; use one of {', '.join(allowed)}")
    return names or list(allowed)


def widths_of(text: str) -> list[int | None]:
    """Widths parted by commas; none: only None, the models' own.

    Raises
    ------
    UnknownNameError
    """
    try:
        return [int(value) for value in parted(text)] or [None]
    except ValueError as error:
        raise UnknownNameError(
            f"--n-bits takes whole numbers such as 6,8; {text!r} came"
        ) from error
