"""Progress of long runs: a bar on a terminal, a line for each finished piece of work in a log."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Iterator
from time import perf_counter
from typing import TypeVar

from rich.console import Console
from rich.progress import track

__all__ = ["tracked"]

Work = TypeVar("Work")


def tracked(
    work: Collection[Work], name: Callable[[Work], str] = str, *, console: Console | None = None
) -> Iterator[Work]:
    """Go through pieces of work, and say on standard error how far it is.

    Parameters
    ----------
    work : collection
        A piece is finished when the next one is asked for.
    name : callable
        What a piece is called in its line.
    console : Console, optional
        The one that the loop prints on meanwhile, so that no bar is broken. Default: one of
        standard error.

    Yields
    ------
    object
        Each piece.
    """
    console = console or Console(stderr=True)
    if console.is_terminal:
        yield from track(work, "measuring", console=console, transient=True)
    else:
        yield from _logged(work, name)


def _logged(work: Collection[Work], name: Callable[[Work], str]) -> Iterator[Work]:
    """Write a line for each piece, at once: a log that is read meanwhile shows it."""
    began = perf_counter()
    for number, piece in enumerate(work, start=1):
        started = perf_counter()
        yield piece
        now = perf_counter()
        line = f"{number} of {len(work)}, {name(piece)}: {now - started:.1f} s"
        print(f"{line}, {_clock(now - began)} since the start", file=sys.stderr, flush=True)


def _clock(seconds: float) -> str:
    """Write seconds as hours, minutes and seconds."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02}:{rest:02}"
