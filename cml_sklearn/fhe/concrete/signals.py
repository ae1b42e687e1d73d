"""Ctrl-C stays Python's while native code runs.

Concrete's libraries install C handlers that end the process: some when they are imported, some for
as long as a circuit is compiled, simulated or evaluated; calls that overlap put them back in the
wrong order. So the calling thread takes no Ctrl-C during a call, and for threads that were there
before, Python's handlers are noted and put back: after the import, and again and again during a
call, by a thread that looks at once and then ever less often.
"""

from __future__ import annotations

import ctypes
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Lock, Thread

__all__ = ["handlers_kept", "interruptible"]

_SHORTEST, _LONGEST = 1e-4, 0.02
"""Seconds between two looks, which double from the one to the other."""

_get = ctypes.pythonapi.PyOS_getsig
_get.restype, _get.argtypes = ctypes.c_void_p, [ctypes.c_int]
_put = ctypes.pythonapi.PyOS_setsig
_put.restype, _put.argtypes = ctypes.c_void_p, [ctypes.c_int, ctypes.c_void_p]


@contextmanager
def handlers_kept() -> Iterator[None]:
    """Put the C handlers of all signals back at the end, from whatever thread."""
    numbers = signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}
    handlers = {int(number): _get(number) for number in numbers}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            _restore(number, handler)


def _restore(number: int, handler: int | None) -> bool:
    """Put a handler back; returns whether it was another one."""
    changed = bool(_get(number) != handler)
    if changed:
        _put(number, handler)
    return changed


class _Guard:
    """Counts the calls under way; the first one starts the watch and the last one ends it."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._n_calls = 0
        self._handler: int | None = None
        self._ended = Event()

    def enter(self) -> None:
        with self._lock:
            self._n_calls += 1
            if self._n_calls == 1:
                self._handler, self._ended = _get(signal.SIGINT), Event()
                watch = Thread(target=_watch, args=(self._handler, self._ended), daemon=True)
                watch.start()

    def leave(self) -> None:
        with self._lock:
            self._n_calls -= 1
            if self._n_calls == 0:
                self._ended.set()
            _restore(signal.SIGINT, self._handler)


_guard = _Guard()


@contextmanager
def interruptible() -> Iterator[None]:
    """Let Ctrl-C raise `KeyboardInterrupt` in the main thread as soon as that runs Python again."""
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    _guard.enter()
    try:
        yield
    finally:
        _guard.leave()
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)


def _watch(handler: int | None, ended: Event) -> None:
    pause = _SHORTEST
    while not ended.wait(pause):
        pause = _SHORTEST if _restore(signal.SIGINT, handler) else min(2 * pause, _LONGEST)
