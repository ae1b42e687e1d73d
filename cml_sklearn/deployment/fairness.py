"""Shares of a queue with an end: nobody gets all of it, or waits behind all of another's."""

from __future__ import annotations

from collections import Counter, OrderedDict, deque
from threading import Lock
from typing import Generic, TypeVar

__all__ = ["Places", "Turns"]

Item = TypeVar("Item")


class Places:
    """A number of places, of which nobody may hold more than are then free.

    So one alone gets half of them, two get a third each: the dynamic threshold by which switches
    of networks share a buffer (Choudhury and Hahne, 1998). A first place is never refused while
    one is free.

    Parameters
    ----------
    total : int

    Examples
    --------
    >>> places = Places(4)
    >>> [places.take("alice") for _ in range(3)], places.take("bob")
    ([True, True, False], True)
    """

    def __init__(self, total: int) -> None:
        self.total = total
        self._lock = Lock()
        self._held: Counter[str] = Counter()

    @property
    def taken(self) -> int:
        """Places that are held."""
        with self._lock:
            return self._held.total()

    def take(self, owner: str) -> bool:
        """Take a place, if the owner may."""
        with self._lock:
            fits = self._held[owner] < self.total - self._held.total()
            self._held[owner] += fits
            return fits

    def leave(self, owner: str) -> None:
        """Give a place back."""
        with self._lock:
            self._held[owner] -= 1
            self._held += Counter()  # forgets those that hold none


class Turns(Generic[Item]):
    """A queue that takes one of each owner in turn.

    Examples
    --------
    >>> turns = Turns()
    >>> for owner, item in (("alice", 1), ("alice", 2), ("bob", 3)):
    ...     turns.put(owner, item)
    >>> [turns.get() for _ in range(3)]
    [1, 3, 2]
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._items: OrderedDict[str, deque[Item]] = OrderedDict()

    def put(self, owner: str, item: Item) -> None:
        """Add an item behind the owner's others."""
        with self._lock:
            self._items.setdefault(owner, deque()).append(item)

    def get(self) -> Item:
        """Take the next item; there must be one."""
        with self._lock:
            owner, items = self._items.popitem(last=False)
            item = items.popleft()
            if items:
                self._items[owner] = items
            return item

    def clear(self) -> list[Item]:
        """Take all items."""
        with self._lock:
            left = [item for items in self._items.values() for item in items]
            self._items.clear()
            return left
