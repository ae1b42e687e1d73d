"""What one service takes, and for how long."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Limits"]


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
    key_bytes : int
        Of one set of evaluation keys (413).
    quota_bytes : int
        Of all sets of a token (507).
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
    key_bytes: int = 2**30
    quota_bytes: int = 2 * 2**30
    key_days: float = 30.0
    stop_seconds: float = 30.0
    budget: int | None = None
