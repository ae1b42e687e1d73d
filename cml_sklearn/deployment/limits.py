"""What one service takes, and for how long."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import cast

from cml_sklearn.deployment.archives import Card

__all__ = ["Limits", "key_bytes_of", "key_limits"]

_SETS = 4
"""Of keys for each model, for which a quota has room: new ones come before old ones expire."""

_LEAST_QUOTA = 2**30
_HEADS = 2**20
"""More than the heads of messages take, and what the engines' own files have beside keys."""


@dataclass(frozen=True)
class Limits:
    """What one service takes.

    Parameters
    ----------
    workers : int
        Processes that compute, each with all models in memory.
    waiting : int
        Requests that may wait for one: with those that are computed, they hold up to `body_bytes`
        of memory each. More get status 429, and so do those of a token that holds more places
        than are left.
    seconds : float
        For a request, from its head to its answer (504).
    idle_seconds : float
        For which an upload of keys may stand still (408).
    body_bytes : int
        Of an encrypted batch (413).
    key_bytes : int, optional
        Of one set of evaluation keys (413). None: what the models need.
    quota_bytes : int, optional
        Of all sets of a token (507). None: four sets for each model, and 1 GB at least.
    key_days : float
        For which keys stay that are not used.
    stop_seconds : float
        For which running requests may go on when the service ends.
    budget : int, optional
        Rows that a token may have answered by a model (403); None: as many as it likes.
    """

    workers: int = 1
    waiting: int = 16
    seconds: float = 300.0
    idle_seconds: float = 30.0
    body_bytes: int = 256 * 2**20
    key_bytes: int | None = None
    quota_bytes: int | None = None
    key_days: float = 30.0
    stop_seconds: float = 30.0
    budget: int | None = None


def key_bytes_of(card: Card) -> int:
    """Bytes that a model's evaluation keys have at most."""
    sizes = {
        name: cast("int", costs["key_bytes"])
        for name, costs in zip(card.keys, card.costs, strict=True)
    }
    return sum(sizes.values()) + _HEADS


def key_limits(limits: Limits, cards: Iterable[Card]) -> tuple[int, int]:
    """Bytes of one set of keys, and of all of a token; what is open follows from the models."""
    sizes = [key_bytes_of(card) for card in cards]
    key_bytes = max(sizes) if limits.key_bytes is None else limits.key_bytes
    if limits.quota_bytes is not None:
        return key_bytes, limits.quota_bytes
    return key_bytes, max(_SETS * sum(sizes), key_bytes, _LEAST_QUOTA)
