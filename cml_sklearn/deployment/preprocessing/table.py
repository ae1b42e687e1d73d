"""Columns of numbers and text, as users give them and as steps pass them on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isnan
from numbers import Real
from typing import Any

import numpy as np

from cml_sklearn._typing import Array, FloatArray
from cml_sklearn.exceptions import InvalidInputError

__all__ = [
    "MAX_EXACT",
    "Cell",
    "Code",
    "Missing",
    "Table",
    "as_key",
    "as_number",
    "as_table",
    "is_nan",
    "plain_cell",
]

MAX_EXACT = 2**53
"""Integers below it are exact as floats."""


@dataclass(frozen=True)
class Missing:
    """NaN among stored values; JSON has none."""


Code = float | Missing
"""A stored number, or NaN."""

Cell = Code | str | None
"""A stored value of a column of text or numbers."""


@dataclass(frozen=True)
class Table:
    """Columns of numbers and text, on their way to a matrix.

    Parameters
    ----------
    columns : tuple of ndarray of shape (n_samples,)
        Each of float64, or of objects: str, float and None.
    names : tuple of str
        What messages call the columns.
    n_samples : int
    by_name : bool
        Whether columns are to be found by their names: true of what users give with names.
    """

    columns: tuple[Array, ...]
    names: tuple[str, ...]
    n_samples: int
    by_name: bool = False

    @classmethod
    def of(cls, values: FloatArray, names: tuple[str, ...] | None = None) -> Table:
        """Make it of a matrix, with scikit-learn's generic names if none are given."""
        names = names or _generic_names(values.shape[1])
        return cls(tuple(values.T), names, len(values))

    def require(self, n_features: int) -> None:
        """Refuse another number of columns."""
        if len(self.columns) != n_features:
            raise InvalidInputError(
                f"The data has {len(self.columns)} columns, but {n_features} are needed: give "
                "those that the model was fitted to, in the same order."
            )

    def numbers(self, *, allow_nan: bool = False) -> FloatArray:
        """Matrix of shape (n_samples, n_features), without infinities.

        Raises
        ------
        InvalidInputError
            A column holds text, an infinite value, or NaN where none may be.
        """
        values = np.empty((self.n_samples, len(self.columns)))
        for place, (column, name) in enumerate(zip(self.columns, self.names, strict=True)):
            values[:, place] = _numbers_of(column, name)
        _check_values(values, self.names, allow_nan)
        return values


def as_table(data: object) -> Table:
    """Read columns of a data frame, a mapping, an array, or a list of rows.

    Raises
    ------
    InvalidInputError
        It has no columns, some of unequal lengths, or values other than numbers and text.
    """
    names = _names_in(data)
    if names is not None:
        columns = [_as_row(data[name]) for name in names]  # type: ignore[index]
        return _checked_table(columns, [str(name) for name in names], by_name=True)
    values = _as_array(data)
    return _checked_table(list(values.T), _generic_names(values.shape[1]), length=len(values))


def _names_in(data: object) -> list[Any] | None:
    names = data.keys() if isinstance(data, Mapping) else getattr(data, "columns", None)
    if names is None:
        return None
    listed = list(names)
    if len(set(listed)) < len(listed):
        raise InvalidInputError(f"Two columns have the same name, among {listed}: rename one.")
    return listed


def _as_row(column: object) -> Array:
    """Array of a column; in a list, numbers stay numbers beside text."""
    return np.asarray(column, dtype=None if hasattr(column, "dtype") else object)


def _as_array(data: object) -> Array:
    """Array of rows, in which numbers stay numbers beside text."""
    try:
        values = np.asarray(data) if isinstance(data, np.ndarray) else np.array(data, dtype=object)
    except ValueError:
        values = np.empty(0)
    if values.ndim != 2:
        raise InvalidInputError(
            f"Data of class {type(data).__name__} has no columns: give a data frame, a mapping of "
            "names to columns, or a dense array of shape (n_samples, n_columns)."
        )
    return values


def _checked_table(
    columns: Sequence[Array],
    names: Sequence[str],
    length: int | None = None,
    *,
    by_name: bool = False,
) -> Table:
    n_samples = len(np.atleast_1d(columns[0])) if length is None and columns else length or 0
    for column, name in zip(columns, names, strict=True):
        if column.shape != (n_samples,):
            raise InvalidInputError(
                f"Column {name!r} has the shape {column.shape}, but {(n_samples,)} is needed."
            )
    read = tuple(_column_of(c, name) for c, name in zip(columns, names, strict=True))
    return Table(read, tuple(names), n_samples, by_name)


def _column_of(column: Array, name: str) -> Array:
    """Column of float64, or of objects: str, float and None."""
    if column.dtype.kind in "biuf":
        return column.astype(np.float64)
    if column.dtype.kind not in "UO":
        raise _neither_number_nor_text(name, column.dtype.name)
    cells = np.empty(len(column), dtype=object)
    cells[:] = [plain_cell(value, name) for value in column.tolist()]
    return cells


def plain_cell(value: object, name: str) -> float | str | None:
    """Cell of a value from outside: float, str or None."""
    if value is None or isinstance(value, str):
        return value if value is None else str(value)
    if type(value).__name__ == "NAType":  # that of pandas, which need not be there
        return np.nan
    if isinstance(value, (Real, np.bool_)):
        return _plain_number(value)
    raise _neither_number_nor_text(name, type(value).__name__)


def _plain_number(value: Any) -> float:
    try:
        return float(value)
    except OverflowError:
        return np.inf


def _neither_number_nor_text(name: str, what: str) -> InvalidInputError:
    return InvalidInputError(
        f"Column {name!r} holds values of type {what}, but numbers, text, None and NaN are allowed."
    )


def _generic_names(n: int) -> tuple[str, ...]:
    return tuple(f"x{place}" for place in range(n))


def _numbers_of(column: Array, name: str) -> FloatArray:
    """Column as floats; None becomes NaN."""
    if column.dtype == object:
        texts = [(row, cell) for row, cell in enumerate(column) if isinstance(cell, str)]
        if texts:
            # one that is no number makes pandas read the others as texts, too
            row, cell = next((each for each in texts if not _is_number(each[1])), texts[0])
            raise InvalidInputError(
                f"Column {name!r} holds the text {cell!r}, but numbers are needed (row {row}, "
                "counted from 0)."
            )
    return column.astype(np.float64)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _check_values(values: FloatArray, names: Sequence[str], allow_nan: bool) -> None:
    bad = np.isinf(values) if allow_nan else ~np.isfinite(values)
    if bad.any():
        row, place = np.argwhere(bad)[0]
        allowed = "finite numbers and NaN" if allow_nan else "finite numbers without gaps"
        raise InvalidInputError(
            f"Column {names[place]!r} holds {values[row, place]} in row {row}, but {allowed} are "
            "needed."
        )


def as_number(cell: Cell) -> float:
    """Float of a stored number, NaN of what is missing."""
    return cell if isinstance(cell, (float, int)) else np.nan


def as_key(cell: float | str | None) -> Cell:
    """Turn NaN, which is equal to nothing, into what can be stored and looked up."""
    return Missing() if is_nan(cell) else cell


def is_nan(cell: float | str | None) -> bool:
    """Whether a cell is NaN."""
    return isinstance(cell, float) and isnan(cell)
