"""How many rows a token may have answered: each answer tells something of the model."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from threading import Lock

from cml_sklearn.deployment.archives import Card
from cml_sklearn.deployment.refusals import RefusedError

__all__ = ["Budget", "known_after"]

_TABLE = """
CREATE TABLE IF NOT EXISTS answered (
    owner TEXT, model TEXT, samples INTEGER NOT NULL, PRIMARY KEY (owner, model)
)
"""
_ADD = """
INSERT INTO answered VALUES (?, ?, ?)
ON CONFLICT DO UPDATE SET samples = samples + excluded.samples
"""
_TELLING_ENGINES = ("concrete",)
"""Engines whose answers of a linear model give the weights to the key's holder at once."""


class Budget:
    """Rows that each token may have answered by each model, counted in a file that stays.

    Rows are counted as the circuit takes them, with those that fill a batch up: a client could
    put other samples there.

    Parameters
    ----------
    path : path
        SQLite file, made where it is not there; one service may use it at a time.
    limit : int
        Rows of a token and a model.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     budget = Budget(Path(folder) / "budget.sqlite", 30)
    ...     budget.take("alice", "ab12", 20)
    ...     budget.left("alice", "ab12"), budget.left("bob", "ab12")
    (10, 30)
    """

    def __init__(self, path: str | Path, limit: int) -> None:
        self.limit = limit
        Path(path).touch(mode=0o600)
        self._lock = Lock()
        self._database = sqlite3.connect(path, check_same_thread=False)
        with self._database:
            self._database.execute(_TABLE)

    def left(self, owner: str, model: str) -> int:
        """Rows that may still be asked."""
        with self._lock:
            return max(self.limit - self._answered(owner, model), 0)

    def take(self, owner: str, model: str, n_samples: int) -> None:
        """Count rows, before they are answered.

        Raises
        ------
        RefusedError
            They are more than are left; none is counted then.
        """
        with self._lock:
            left = max(self.limit - self._answered(owner, model), 0)
            if n_samples > left:
                raise RefusedError(
                    403,
                    f"This token may have {self.limit:,} rows answered by this model; {left:,} are "
                    f"left, and {n_samples:,} came. Send fewer, or ask the service's operator.",
                )
            self._add(owner, model, n_samples)

    def give_back(self, owner: str, model: str, n_samples: int) -> None:
        """Forget rows that got no answer."""
        with self._lock:
            self._add(owner, model, -n_samples)

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def _answered(self, owner: str, model: str) -> int:
        query = "SELECT samples FROM answered WHERE owner = ? AND model = ?"
        row = self._database.execute(query, (owner, model)).fetchone()
        return int(row[0]) if row else 0

    def _add(self, owner: str, model: str, n_samples: int) -> None:
        with self._database:
            self._database.execute(_ADD, (owner, model, n_samples))


def known_after(card: Card) -> int | None:
    """Estimate the rows after whose answers a client can work a model's weights out.

    None where there is no such number: trees and networks tell more with each answer.
    """
    numbers = [
        1 if engine in _TELLING_ENGINES else questions
        for engine, questions in zip(card.engines, card.questions, strict=True)
        if questions
    ]
    return min(numbers, default=None)
