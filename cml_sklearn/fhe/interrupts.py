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

    Only the main thread gets signals; elsewhere nothing is changed.
    """
    previous = signal.getsignal(signal.SIGINT)
    if current_thread() is not main_thread() or previous is None:
        yield lambda: False
        return
    pressed = Event()
    signal.signal(signal.SIGINT, lambda *_: pressed.set())
    # blocked here, so that native code's own handlers never run in this thread, nor in new ones
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield lambda: pressed.is_set() or signal.SIGINT in signal.sigpending()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        signal.signal(signal.SIGINT, previous)
        if pressed.is_set():
            signal.raise_signal(signal.SIGINT)
