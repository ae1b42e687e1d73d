"""Steps on text and gaps: imputing, codes, one-hot columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from typing_extensions import override

from cml_sklearn._typing import Array, FloatArray
from cml_sklearn.deployment.preprocessing.base import (
    MAX_COLUMNS,
    ClientTransform,
    require,
    require_places,
)
from cml_sklearn.deployment.preprocessing.table import (
    Cell,
    Code,
    Missing,
    Table,
    as_key,
    as_number,
    is_nan,
)
from cml_sklearn.exceptions import InvalidInputError

__all__ = [
    "CodeBook",
    "Encode",
    "Impute",
    "Indicators",
    "MissingFlags",
]


@dataclass(frozen=True)
class Impute(ClientTransform):
    """Something in place of what is missing.

    Parameters
    ----------
    missing : Cell
        What stands for a missing value. If it isn't NaN, NaN is refused.
    fills : tuple of Cell
        What comes in its place, by column that is kept.
    places : tuple of int
        Columns that are kept.
    n_features : int
    numeric : bool
        Whether columns must be numbers; None counts as NaN then.
    """

    missing: Cell
    fills: tuple[Cell, ...]
    places: tuple[int, ...]
    n_features: int
    numeric: bool

    def __post_init__(self) -> None:
        require_places(self.places, self.n_features)
        require(len(self.fills) == len(self.places), "Impute has a wrong number of fills")

    @override
    def __call__(self, table: Table) -> Table:
        table = _ready_to_impute(table, self.missing, self.n_features, self.numeric)
        pairs = zip(self.places, self.fills, strict=True)
        columns = tuple(_filled(table.columns[p], self.missing, fill) for p, fill in pairs)
        return Table(columns, tuple(table.names[p] for p in self.places), table.n_samples)


@dataclass(frozen=True)
class MissingFlags(ClientTransform):
    """1 where a value is missing, else 0.

    Parameters
    ----------
    missing : Cell
        What stands for a missing value. If it isn't NaN, NaN is refused.
    places : tuple of int
        Columns that get a flag.
    n_features : int
    numeric : bool
        Whether columns must be numbers; None counts as NaN then.
    only_there : bool
        Whether other columns with missing values are refused.
    """

    missing: Cell
    places: tuple[int, ...]
    n_features: int
    numeric: bool
    only_there: bool = False

    def __post_init__(self) -> None:
        require_places(self.places, self.n_features)

    @override
    def __call__(self, table: Table) -> Table:
        table = _ready_to_impute(table, self.missing, self.n_features, self.numeric)
        flags = [_is_missing(column, self.missing) for column in table.columns]
        if self.only_there:
            self._check_others(flags, table.names)
        columns = tuple(flags[place].astype(np.float64) for place in self.places)
        return Table(columns, tuple(table.names[p] for p in self.places), table.n_samples)

    def _check_others(self, flags: Sequence[Array], names: Sequence[str]) -> None:
        for place, name in enumerate(names):
            if flags[place].any() and place not in self.places:
                raise InvalidInputError(
                    f"Column {name!r} has missing values, but had none when the model was fitted: "
                    "none may be missing."
                )


def _ready_to_impute(table: Table, missing: Cell, n_features: int, numeric: bool) -> Table:
    table.require(n_features)
    nan_is_missing = isinstance(missing, Missing)
    if numeric:
        return Table.of(table.numbers(allow_nan=nan_is_missing), table.names)
    for column, name in zip(table.columns, table.names, strict=True):
        if not nan_is_missing and _is_missing(column, Missing()).any():
            raise InvalidInputError(
                f"Column {name!r} holds NaN, but {missing!r} stands for missing values."
            )
    return table


def _is_missing(column: Array, missing: Cell) -> Array:
    """Mask of shape (n_samples,)."""
    if isinstance(missing, Missing):
        return np.array([is_nan(cell) for cell in column.tolist()], dtype=bool)
    if column.dtype != object and not isinstance(missing, (float, int)):
        return np.zeros(len(column), dtype=bool)
    return np.asarray(column == missing, dtype=bool)


def _filled(column: Array, missing: Cell, fill: Cell) -> Array:
    mask = _is_missing(column, missing)
    if not mask.any():
        return column
    is_text = isinstance(fill, str) or fill is None
    filled = column.astype(object if is_text else column.dtype)
    filled[mask] = fill if is_text else as_number(fill)
    return filled


@dataclass(frozen=True)
class CodeBook:
    """Codes of a column's categories.

    Parameters
    ----------
    cells : tuple of Cell
        The categories; NaN and None are two.
    codes : tuple of float or Missing
        Theirs.
    unknown : float, Missing or None
        Code of all others; None: these are refused.
    """

    cells: tuple[Cell, ...]
    codes: tuple[Code, ...]
    unknown: Code | None = None

    def __post_init__(self) -> None:
        require(len(self.cells) == len(self.codes), "CodeBook has a wrong number of codes")

    def codes_of(self, column: Array, name: str) -> FloatArray:
        """Codes of a column's values."""
        cells = list(map(as_key, column.tolist()))
        known = dict(zip(self.cells, self.codes, strict=True))
        codes = {c: known[c] if c in known else self._unknown(c, name) for c in set(cells)}
        return np.array([as_number(codes[cell]) for cell in cells], dtype=np.float64)

    def _unknown(self, cell: Cell, name: str) -> Code:
        kinds = {type(known) for known in self.cells} & {str, float}
        of_other_kind = isinstance(cell, (str, float)) and kinds and type(cell) not in kinds
        if of_other_kind or self.unknown is None:
            raise InvalidInputError(
                f"Column {name!r} holds {_shown(cell)}, but these are allowed: "
                f"{_listed(self.cells)}."
            )
        return self.unknown


def _shown(cell: Cell) -> str:
    return "NaN" if isinstance(cell, Missing) else repr(cell)


def _listed(cells: Sequence[Cell]) -> str:
    listed = ", ".join(map(_shown, cells[:10]))
    return listed + (f" and {len(cells) - 10} more" if len(cells) > 10 else "")


@dataclass(frozen=True)
class Encode(ClientTransform):
    """Codes in place of categories.

    Parameters
    ----------
    books : tuple of CodeBook
        By column.
    """

    books: tuple[CodeBook, ...]

    @override
    def __call__(self, table: Table) -> Table:
        table.require(len(self.books))
        parts = zip(self.books, table.columns, table.names, strict=True)
        columns = tuple(book.codes_of(column, name) for book, column, name in parts)
        return Table(columns, table.names, table.n_samples)


@dataclass(frozen=True)
class Indicators(ClientTransform):
    """For each code of a column a column, 1 where it is and else 0; -1 has none.

    Parameters
    ----------
    widths : tuple of int
        Number of codes, by column.
    """

    widths: tuple[int, ...]

    def __post_init__(self) -> None:
        sound = all(width >= 0 for width in self.widths) and sum(self.widths) <= MAX_COLUMNS
        require(sound, "Indicators has widths that make no sense")

    @override
    def __call__(self, table: Table) -> Table:
        table.require(len(self.widths))
        codes = table.numbers(allow_nan=True)
        parts = [codes[:, [i]] == np.arange(width) for i, width in enumerate(self.widths)]
        return Table.of(np.hstack([np.empty((len(codes), 0)), *parts]))
