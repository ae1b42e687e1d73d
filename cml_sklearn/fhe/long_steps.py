"""Long steps speak: lines of the logger `cml_sklearn`, and a clock on terminals and in notebooks.

A line has the name of the step, how long it took, and sizes. Nothing that is secret goes into it:
no value, no key, no path of one.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from threading import Event, Thread
from time import perf_counter

from tqdm.auto import tqdm

from cml_sklearn.config import bars_disabled

__all__ = ["LOG", "Facts", "long_step", "quiet_steps"]

LOG = logging.getLogger("cml_sklearn")

Facts = dict[str, str | int | float]
"""What a line tells of a step, by name."""

_level = ContextVar("_level", default=logging.INFO)
"""At which steps are logged."""

_PATIENCE = 1.0
"""Seconds that a step may take before its clock is shown."""

_TICK = 0.5


@contextmanager
def long_step(name: str, *, locks: bool = False, **facts: str | float) -> Iterator[Facts]:
    """Log start and end of what the block does, and show a clock after a second.

    Parameters
    ----------
    name : str
        What is done, in a word or two.
    locks : bool
        Whether the step keeps Python's lock, so that no clock can go: its name shows at once.
    **facts : str or float
        What is known of it before.

    Yields
    ------
    dict
        For what is known in the end.
    """
    level = _level.get()
    _tell(level, f"{name}: started", facts)
    known: Facts = dict(facts)
    started = perf_counter()
    try:
        with _notice(name) if locks else _clock(name):
            yield known
    except BaseException as error:
        _tell(level, f"{name}: ended by {type(error).__name__}", _timed(facts, started))
        raise
    _tell(level, f"{name}: done", _timed(known, started))


@contextmanager
def quiet_steps() -> Iterator[None]:
    """Log the steps of the block at DEBUG: nobody has asked for them by name."""
    before = _level.set(logging.DEBUG)
    try:
        yield
    finally:
        _level.reset(before)


def _timed(facts: Facts, started: float) -> Facts:
    return {"seconds": round(perf_counter() - started, 3), **facts}


def _tell(level: int, event: str, facts: Facts) -> None:
    """Write a line; formatters find the facts as `fields`, too."""
    told = ", ".join(f"{name}={value}" for name, value in facts.items())
    LOG.log(level, "%s, %s", event, told, extra={"fields": facts})


@contextmanager
def _notice(name: str) -> Iterator[None]:
    """Show a name while the block runs."""
    with tqdm(desc=name, bar_format="{desc} ...", leave=False, disable=bars_disabled()):
        yield


@contextmanager
def _clock(name: str) -> Iterator[None]:
    """Show the seconds while the block runs, after the first one.

    Nobody knows how much of such a step is done, so there is a clock instead of a bar.
    """
    bar = tqdm(
        desc=name,
        bar_format="{desc}: {elapsed}",
        delay=_PATIENCE,
        miniters=0,
        leave=False,
        disable=bars_disabled(),
    )
    if bar.disable:
        yield
        return
    over = Event()
    ticking = Thread(target=_tick, args=(bar, over), daemon=True)
    ticking.start()
    try:
        yield
    finally:
        over.set()
        ticking.join()
        bar.close()


def _tick(bar: tqdm, over: Event) -> None:
    """Let a clock go on until the step is over."""
    while not over.wait(_TICK):
        bar.update(0)
