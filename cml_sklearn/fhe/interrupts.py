"""Ctrl-C between batches: what runs natively is never left alone with half of the work."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, current_thread, main_thread

__all__ = ["deferred_interrupts"]


@contextmanager
def deferred_interrupts() -> Iterator[Callable[[], bool]]:
    """Keep Ctrl-C waiting until the end of the block; yields what says whether it was pressed.

    Only the main thread handles signals; elsewhere nothing is changed.
    """
    previous = signal.getsignal(signal.SIGINT)
    pressed = Event()
    if current_thread() is not main_thread() or previous is None:
        yield pressed.is_set
        return
    signal.signal(signal.SIGINT, lambda *_: pressed.set())
    try:
        yield pressed.is_set
    finally:
        signal.signal(signal.SIGINT, previous)
        if pressed.is_set():
            signal.raise_signal(signal.SIGINT)
