"""Ctrl-C stays Python's while native code runs.

Concrete's libraries install C handlers of signals. Some come with the import; they are put back.
One is installed for as long as a circuit is simulated or evaluated, and kills the process on
Ctrl-C, whichever thread gets the signal, with all keys and results in it. It can't be turned off.
So the library's calls of C's `signal` are led to a function that does nothing: its table of
imported functions, which the loader fills in, gets another address there. That is done for ELF
files on 64 bits (Linux), whose layout is that of the System V ABI; elsewhere all stays as it is.
"""

from __future__ import annotations

import ctypes
import signal
import struct
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

__all__ = ["handlers_kept", "keep_from_signals"]

_get = ctypes.pythonapi.PyOS_getsig
_get.restype, _get.argtypes = ctypes.c_void_p, [ctypes.c_int]
_put = ctypes.pythonapi.PyOS_setsig
_put.restype, _put.argtypes = ctypes.c_void_p, [ctypes.c_int, ctypes.c_void_p]

_RELOCATIONS = 4
"""Type of the sections that list which addresses the loader fills in."""


@contextmanager
def handlers_kept() -> Iterator[None]:
    """Put the C handlers of all signals back at the end, from whatever thread."""
    numbers = signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}
    handlers = {int(number): _get(number) for number in numbers}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            if _get(number) != handler:
                _put(number, handler)


def keep_from_signals(library: Path) -> bool:
    """Let a loaded library's calls of C's `signal` do nothing; returns whether that was done."""
    if sys.platform != "linux" or struct.calcsize("P") != 8:
        return False
    harmless = ctypes.cast(ctypes.CDLL(None).getpid, ctypes.c_void_p).value
    start = _start_of(library)
    slots = [start + place for place in _places_of(library.read_bytes(), "signal")]
    writable = [slot for slot in slots if _is_writable(slot)]
    for slot in writable:
        ctypes.c_void_p.from_address(slot).value = harmless
    return bool(slots) and writable == slots


class _Section(NamedTuple):
    """A header of a section in an ELF file, of 64 bits."""

    name: int
    kind: int
    flags: int
    address: int
    offset: int
    size: int
    link: int
    info: int
    alignment: int
    entry_size: int

    def content(self, data: bytes) -> bytes:
        """Bytes of the section."""
        return data[self.offset : self.offset + self.size]


def _places_of(data: bytes, name: str) -> list[int]:
    """Where a library keeps the addresses of an imported function, from its start on."""
    (table,) = struct.unpack_from("<Q", data, 0x28)
    entry_size, count = struct.unpack_from("<HH", data, 0x3A)
    headers = (data[table + i * entry_size :][:64] for i in range(count))
    sections = [_Section(*struct.unpack("<IIQQQQIIQQ", header)) for header in headers]
    places = []
    for section in (s for s in sections if s.kind == _RELOCATIONS):
        symbols, names = sections[section.link], sections[sections[section.link].link].content(data)
        for place, info, _ in struct.iter_unpack("<QQq", section.content(data)):
            (at,) = struct.unpack_from("<I", data, symbols.offset + 24 * (info >> 32))
            if names[at : names.index(b"\0", at)] == name.encode():
                places.append(place)
    return places


def _mappings() -> Iterator[tuple[int, int, str, str]]:
    """First and last address, permissions and file of all that is mapped into memory."""
    for line in Path("/proc/self/maps").read_text().splitlines():
        addresses, permissions, *_, file = [*line.split(maxsplit=5), ""][:6]
        first, last = (int(address, 16) for address in addresses.split("-"))
        yield first, last, permissions, file


def _start_of(library: Path) -> int:
    """Address to which a library was loaded."""
    return min(first for first, _, _, file in _mappings() if file == str(library.resolve()))


def _is_writable(address: int) -> bool:
    """Whether one may write to an address."""
    return any(first <= address < last and "w" in p for first, last, p, _ in _mappings())
