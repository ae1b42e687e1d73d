"""What was used last, as far as it fits into memory."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator
from threading import Lock
from typing import Generic, TypeVar

__all__ = ["Recent"]

Name = TypeVar("Name", bound=Hashable)
Value = TypeVar("Value")


class Recent(Generic[Name, Value]):
    """Values by name, of which those that were not used for the longest time go first.

    Parameters
    ----------
    n_bytes : int
        Of all together; the newest stays in any case.

    Examples
    --------
    >>> recent = Recent(n_bytes=10)
    >>> [recent.get(name, lambda: (name.upper(), 6)) for name in "aab"], list(recent)
    (['A', 'A', 'B'], ['b'])
    """

    def __init__(self, n_bytes: int) -> None:
        self._n_bytes = n_bytes
        self._lock = Lock()
        self._values: OrderedDict[Name, tuple[Value, int]] = OrderedDict()

    def __iter__(self) -> Iterator[Name]:
        """Names, the oldest first."""
        with self._lock:
            return iter(list(self._values))

    def get(self, name: Name, make: Callable[[], tuple[Value, int]]) -> Value:
        """Give a value, made where it is not there: the value and its bytes."""
        with self._lock:
            if name in self._values:
                self._values.move_to_end(name)
                return self._values[name][0]
        made = make()
        with self._lock:
            self._values[name] = made
            while len(self._values) > 1 and self._total() > self._n_bytes:
                self._values.popitem(last=False)
        return made[0]

    def _total(self) -> int:
        return sum(size for _, size in self._values.values())
