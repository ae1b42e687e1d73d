"""What a step is, how steps follow one another, and which columns they take."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import reduce

from typing_extensions import override

from cml_sklearn._typing import Array
from cml_sklearn.deployment.preprocessing.table import Table
from cml_sklearn.exceptions import InvalidInputError

__all__ = [
    "MAX_COLUMNS",
    "ClientTransform",
    "Columns",
    "Preprocessing",
    "SideBySide",
    "apply_all",
    "require",
    "require_places",
    "require_rows",
]

MAX_COLUMNS = 2**20
"""Most columns that a step may make."""


class ClientTransform(ABC):
    """A function of tables that is a frozen dataclass of plain data."""

    @abstractmethod
    def __call__(self, table: Table) -> Table:
        """Map a table to another with the same rows."""


Preprocessing = tuple[ClientTransform, ...]
"""What is done with data before encryption, in turn."""


def apply_all(transforms: Preprocessing, table: Table) -> Table:
    """Take a table through all steps."""
    return reduce(lambda part, transform: transform(part), transforms, table)


def require(condition: object, complaint: str) -> None:
    """Refuse a step whose fields make no sense."""
    if not condition:
        raise InvalidInputError(complaint)


def require_places(places: Iterable[int], n_features: int) -> None:
    """Refuse places of columns that are not there."""
    sound = all(0 <= place < n_features for place in places)
    require(sound, f"a place of a column is none of {n_features}")


def require_rows(name: str, *arrays: Array) -> None:
    """Refuse arrays that are no rows of the same length."""
    sound = all(array.ndim == 1 and array.shape == arrays[0].shape for array in arrays)
    require(sound, f"{name} has arrays of unequal shapes")


@dataclass(frozen=True)
class Columns(ClientTransform):
    """Some of the columns, by their names where there are any.

    Parameters
    ----------
    places : tuple of int
        Of the columns, in data without names.
    n_features : int
        Columns of data without names.
    names : tuple of str
        Of the columns, in data with names, which may have others beside them; empty: by place.
    """

    places: tuple[int, ...]
    n_features: int
    names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        require_places(self.places, self.n_features)
        require(len(self.names) in {0, len(self.places)}, "Columns has a wrong number of names")

    @override
    def __call__(self, table: Table) -> Table:
        places = self._places_in(table)
        columns = tuple(table.columns[place] for place in places)
        return Table(columns, tuple(table.names[place] for place in places), table.n_samples)

    def _places_in(self, table: Table) -> Sequence[int]:
        if not (table.by_name and self.names):
            table.require(self.n_features)
            return self.places
        missing = [name for name in self.names if name not in table.names]
        if missing:
            raise InvalidInputError(
                f"Missing columns: {missing}. The data has {list(table.names)}; "
                f"{list(self.names)} are needed."
            )
        return [table.names.index(name) for name in self.names]


@dataclass(frozen=True)
class SideBySide(ClientTransform):
    """The columns that several branches make of the same table."""

    branches: tuple[Preprocessing, ...]

    @override
    def __call__(self, table: Table) -> Table:
        parts = [apply_all(branch, table) for branch in self.branches]
        columns = [column for part in parts for column in part.columns]
        names = [name for part in parts for name in part.names]
        require(len(columns) <= MAX_COLUMNS, "SideBySide makes too many columns")
        return Table(tuple(columns), tuple(names), table.n_samples)
