"""What comes before encryption, as plain data: scaling, imputing, one-hot codes, projections.

The fitted transformers of a pipeline become a tuple of steps that know no more than NumPy and
SciPy. A client takes a data frame, a mapping of columns or an array through them to the floats that
the model encrypts. All is computed in float64, whatever the precision of the data is.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import UserList
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from math import isnan
from numbers import Real
from typing import Any

import numpy as np
from scipy import special
from typing_extensions import override

from cml_sklearn._typing import Array, FloatArray, IntArray
from cml_sklearn.exceptions import InvalidInputError, UnsupportedModelError

__all__ = [
    "TRANSFORM_CLASSES",
    "Binarize",
    "Bins",
    "ClientTransform",
    "CodeBook",
    "Columns",
    "Encode",
    "Impute",
    "Indicators",
    "Limit",
    "Missing",
    "MissingFlags",
    "Norm",
    "Polynomial",
    "Power",
    "Preprocessing",
    "Project",
    "QuantileMap",
    "Rescale",
    "Select",
    "SideBySide",
    "Standardize",
    "Table",
    "Ufunc",
    "Weigh",
    "as_table",
    "columns_of",
    "preprocess",
    "transforms_of",
    "words_of",
]

_MAX_COLUMNS = 2**20
"""Most columns that a step may make."""

_MAX_DEGREE = 2**10
"""Most factors of a product of columns."""

_MAX_EXACT = 2**53
"""Integers below it are exact as floats."""

_NEAR_ENDS = 1e-7
"""scikit-learn's `BOUNDS_THRESHOLD`: values so near to an end of the quantiles are at the end."""

_UFUNCS: dict[str, Callable[[FloatArray], FloatArray]] = {
    name: getattr(np, name)
    for name in (
        *("absolute", "arcsinh", "arctan", "cbrt", "ceil", "cos", "exp", "exp2", "expm1"),
        *("floor", "log", "log10", "log1p", "log2", "rint", "sign", "sin", "sqrt", "tanh"),
    )
} | {"expit": special.expit}

_NORMS: dict[str, Callable[[FloatArray], FloatArray]] = {
    "l1": lambda values: np.abs(values).sum(axis=1),
    "l2": lambda values: np.sqrt(np.einsum("ij,ij->i", values, values)),
    "max": lambda values: np.abs(values).max(axis=1, initial=0.0),
}


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


class ClientTransform(ABC):
    """A function of tables that is a frozen dataclass of plain data."""

    @abstractmethod
    def __call__(self, table: Table) -> Table:
        """Map a table to another with the same rows."""


Preprocessing = tuple[ClientTransform, ...]
"""What is done with data before encryption, in turn."""


def preprocess(transforms: Preprocessing, data: object, *, allow_nan: bool = False) -> FloatArray:
    """Take data through all steps.

    Parameters
    ----------
    transforms : tuple of ClientTransform
    data : DataFrame, mapping of names to columns, or array of shape (n_samples, n_columns)
    allow_nan : bool
        Whether the result may have NaN, for models that take them.

    Returns
    -------
    ndarray of float64 of shape (n_samples, n_features)

    Raises
    ------
    InvalidInputError
        The data is not of the kind that the steps were fitted to.
    """
    with np.errstate(all="ignore"):  # what overflows is refused in words
        return _apply(transforms, as_table(data)).numbers(allow_nan=allow_nan)


def words_of(transforms: Preprocessing, names: Sequence[str]) -> dict[str, set[str | None]]:
    """Find the columns that hold text, and the words in them that are known.

    Parameters
    ----------
    transforms : tuple of ClientTransform
    names : sequence of str
        Of the columns of a table.

    Returns
    -------
    dict of str to set of str or None
        By name; columns of numbers are left out. None: a gap is None there, and not NaN.

    Raises
    ------
    InvalidInputError
        A column is missing.
    """
    table = Table((np.empty(0),) * len(names), tuple(names), 0, by_name=True)
    found: dict[str, set[str | None]] = {}
    for name, book in _books_met(transforms, table):
        words = {cell for cell in book.cells if isinstance(cell, str)}
        if words:
            gap = {None} if None in book.cells and Missing() not in book.cells else set()
            found.setdefault(name, set()).update(words | gap)
    return found


def _books_met(transforms: Preprocessing, table: Table) -> Iterator[tuple[str, CodeBook]]:
    """Yield names of columns and their categories, as a table without rows meets them."""
    for transform in transforms:
        if isinstance(transform, SideBySide):
            for branch in transform.branches:
                yield from _books_met(branch, table)
        if isinstance(transform, Encode):
            yield from zip(table.names, transform.books, strict=False)
        table = transform(table)


def _apply(transforms: Preprocessing, table: Table) -> Table:
    return reduce(lambda part, transform: transform(part), transforms, table)


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
    cells[:] = [_plain(value, name) for value in column.tolist()]
    return cells


def _plain(value: object, name: str) -> float | str | None:
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
        for cell in column:
            if isinstance(cell, str):
                raise InvalidInputError(
                    f"Column {name!r} holds the text {cell!r}, but numbers are needed."
                )
    return column.astype(np.float64)


def _check_values(values: FloatArray, names: Sequence[str], allow_nan: bool) -> None:
    bad = np.isinf(values) if allow_nan else ~np.isfinite(values)
    if bad.any():
        row, place = np.argwhere(bad)[0]
        allowed = "finite numbers and NaN" if allow_nan else "finite numbers without gaps"
        raise InvalidInputError(
            f"Column {names[place]!r} holds {values[row, place]} in row {row}, but {allowed} are "
            "needed."
        )


def _number(cell: Cell) -> float:
    """Float of a stored number, NaN of what is missing."""
    return cell if isinstance(cell, (float, int)) else np.nan


def _key(cell: float | str | None) -> Cell:
    """Turn NaN, which is equal to nothing, into what can be stored and looked up."""
    return Missing() if _is_nan(cell) else cell


def _is_nan(cell: float | str | None) -> bool:
    return isinstance(cell, float) and isnan(cell)


def _require(condition: object, complaint: str) -> None:
    if not condition:
        raise InvalidInputError(complaint)


def _require_places(places: Iterable[int], n_features: int) -> None:
    sound = all(0 <= place < n_features for place in places)
    _require(sound, f"a place of a column is none of {n_features}")


def _require_rows(name: str, *arrays: Array) -> None:
    """Refuse arrays that are no rows of the same length."""
    sound = all(array.ndim == 1 and array.shape == arrays[0].shape for array in arrays)
    _require(sound, f"{name} has arrays of unequal shapes")


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
        _require_places(self.places, self.n_features)
        _require(len(self.names) in {0, len(self.places)}, "Columns has a wrong number of names")

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
        parts = [_apply(branch, table) for branch in self.branches]
        columns = [column for part in parts for column in part.columns]
        names = [name for part in parts for name in part.names]
        _require(len(columns) <= _MAX_COLUMNS, "SideBySide makes too many columns")
        return Table(tuple(columns), tuple(names), table.n_samples)


@dataclass(frozen=True)
class Standardize(ClientTransform):
    """``(x - center) / scale`` of each column.

    Parameters
    ----------
    center, scale : ndarray of shape (n_features,)
    """

    center: FloatArray
    scale: FloatArray

    def __post_init__(self) -> None:
        _require_rows("Standardize", self.center, self.scale)

    @override
    def __call__(self, table: Table) -> Table:
        table.require(len(self.center))
        values = table.numbers(allow_nan=True)
        return Table.of((values - self.center) / self.scale, table.names)


@dataclass(frozen=True)
class Rescale(ClientTransform):
    """``scale * x + offset`` of each column.

    Parameters
    ----------
    scale, offset : ndarray of shape (n_features,)
    """

    scale: FloatArray
    offset: FloatArray

    def __post_init__(self) -> None:
        _require_rows("Rescale", self.scale, self.offset)

    @override
    def __call__(self, table: Table) -> Table:
        table.require(len(self.scale))
        values = table.numbers(allow_nan=True)
        return Table.of(values * self.scale + self.offset, table.names)


@dataclass(frozen=True)
class Limit(ClientTransform):
    """What lies outside of an interval moves to its ends."""

    low: float
    high: float

    @override
    def __call__(self, table: Table) -> Table:
        values = table.numbers(allow_nan=True)
        return Table.of(np.clip(values, self.low, self.high), table.names)


@dataclass(frozen=True)
class Weigh(ClientTransform):
    """All columns times a factor."""

    factor: float

    @override
    def __call__(self, table: Table) -> Table:
        return Table.of(table.numbers(allow_nan=True) * self.factor, table.names)


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
        _require_places(self.places, self.n_features)
        _require(len(self.fills) == len(self.places), "Impute has a wrong number of fills")

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
        _require_places(self.places, self.n_features)

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
        return np.array([_is_nan(cell) for cell in column.tolist()], dtype=bool)
    if column.dtype != object and not isinstance(missing, (float, int)):
        return np.zeros(len(column), dtype=bool)
    return np.asarray(column == missing, dtype=bool)


def _filled(column: Array, missing: Cell, fill: Cell) -> Array:
    mask = _is_missing(column, missing)
    if not mask.any():
        return column
    is_text = isinstance(fill, str) or fill is None
    filled = column.astype(object if is_text else column.dtype)
    filled[mask] = fill if is_text else _number(fill)
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
        _require(len(self.cells) == len(self.codes), "CodeBook has a wrong number of codes")

    def codes_of(self, column: Array, name: str) -> FloatArray:
        """Codes of a column's values."""
        cells = list(map(_key, column.tolist()))
        known = dict(zip(self.cells, self.codes, strict=True))
        codes = {c: known[c] if c in known else self._unknown(c, name) for c in set(cells)}
        return np.array([_number(codes[cell]) for cell in cells], dtype=np.float64)

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
        sound = all(width >= 0 for width in self.widths) and sum(self.widths) <= _MAX_COLUMNS
        _require(sound, "Indicators has widths that make no sense")

    @override
    def __call__(self, table: Table) -> Table:
        table.require(len(self.widths))
        codes = table.numbers(allow_nan=True)
        parts = [codes[:, [i]] == np.arange(width) for i, width in enumerate(self.widths)]
        return Table.of(np.hstack([np.empty((len(codes), 0)), *parts]))


@dataclass(frozen=True)
class Bins(ClientTransform):
    """Number of the bin of each value.

    Parameters
    ----------
    edges : tuple of ndarray
        Inner edges of the bins, ascending, by column. An edge is in the bin above it.
    """

    edges: tuple[FloatArray, ...]

    def __post_init__(self) -> None:
        _require(all(edges.ndim == 1 for edges in self.edges), "Bins has edges that are no rows")

    @override
    def __call__(self, table: Table) -> Table:
        table.require(len(self.edges))
        pairs = zip(self.edges, table.numbers().T, strict=True)
        columns = [np.searchsorted(edges, values, side="right") for edges, values in pairs]
        values = np.array(columns, dtype=np.float64).reshape(len(columns), table.n_samples).T
        return Table.of(values, table.names)


@dataclass(frozen=True)
class QuantileMap(ClientTransform):
    """Shares of the training data that lie below, or the normal quantiles of these shares.

    Parameters
    ----------
    quantiles : ndarray of shape (n_quantiles, n_features)
        Ascending.
    shares : ndarray of shape (n_quantiles,)
        Ascending from 0 to 1.
    normal : bool
        Whether the result follows the normal distribution; else the uniform one.
    """

    quantiles: FloatArray
    shares: FloatArray
    normal: bool

    def __post_init__(self) -> None:
        sound = self.quantiles.ndim == 2 and self.shares.shape == (len(self.quantiles),)
        _require(sound and len(self.shares) > 0, "QuantileMap has arrays of unequal shapes")

    @override
    def __call__(self, table: Table) -> Table:
        table.require(self.quantiles.shape[1])
        values = table.numbers(allow_nan=True)
        for place, quantiles in enumerate(self.quantiles.T):
            values[:, place] = self._mapped(values[:, place], quantiles)
        return Table.of(values, table.names)

    def _mapped(self, values: FloatArray, quantiles: FloatArray) -> FloatArray:
        # repeated quantiles give the mean of their shares
        upper = np.interp(values, quantiles, self.shares)
        lower = -np.interp(-values, -quantiles[::-1], -self.shares[::-1])
        near = _NEAR_ENDS if self.normal else 0.0
        shares = 0.5 * (upper + lower)
        shares[self._beyond(values + near, quantiles[-1])] = 1.0
        shares[self._beyond(-(values - near), -quantiles[0])] = 0.0
        return self._normal_quantiles(shares) if self.normal else shares

    def _beyond(self, values: FloatArray, end: float) -> Array:
        return np.asarray(values > end if self.normal else values == end)

    def _normal_quantiles(self, shares: FloatArray) -> FloatArray:
        least = _NEAR_ENDS - np.spacing(1)
        quantiles: FloatArray = special.ndtri(shares)
        return np.clip(quantiles, special.ndtri(least), special.ndtri(1 - least))


@dataclass(frozen=True)
class Power(ClientTransform):
    """Yeo and Johnson's power transform of each column, or that of Box and Cox.

    Parameters
    ----------
    powers : ndarray of shape (n_features,)
    positive : bool
        Whether it is that of Box and Cox, for numbers above 0.
    """

    powers: FloatArray
    positive: bool

    def __post_init__(self) -> None:
        _require_rows("Power", self.powers)

    @override
    def __call__(self, table: Table) -> Table:
        table.require(len(self.powers))
        values = table.numbers(allow_nan=True)
        if self.positive:
            return Table.of(self._box_cox(values, table.names), table.names)
        above = _power_above_one(np.maximum(values, 0), self.powers)
        below = -_power_above_one(np.maximum(-values, 0), 2 - self.powers)
        return Table.of(np.where(values >= 0, above, below), table.names)

    def _box_cox(self, values: FloatArray, names: Sequence[str]) -> FloatArray:
        if (values <= 0).any():
            row, place = np.argwhere(values <= 0)[0]
            raise InvalidInputError(
                f"Column {names[place]!r} holds {values[row, place]} in row {row}, but numbers "
                "above 0 are needed."
            )
        result: FloatArray = special.boxcox(values, self.powers)
        return result


def _power_above_one(values: FloatArray, powers: FloatArray) -> FloatArray:
    """``((1 + x) ** power - 1) / power``, to the last bit as SciPy's `yeojohnson` has it."""
    logarithms, is_zero = np.log1p(values), np.abs(powers) < np.spacing(1)
    divisors = np.where(is_zero, 1.0, powers)
    return np.where(is_zero, logarithms, np.expm1(divisors * logarithms) / divisors)


@dataclass(frozen=True)
class Norm(ClientTransform):
    """Rows divided by their norm, "l1", "l2" or "max"; rows of zeros stay."""

    name: str

    def __post_init__(self) -> None:
        _require(self.name in _NORMS, f"there is no norm {self.name!r}")

    @override
    def __call__(self, table: Table) -> Table:
        values = table.numbers()
        norms = _NORMS[self.name](values)
        norms[norms < 10 * np.finfo(np.float64).eps] = 1.0  # scikit-learn takes these for zero
        return Table.of(values / norms[:, None], table.names)


@dataclass(frozen=True)
class Binarize(ClientTransform):
    """1 above a threshold, else 0."""

    threshold: float

    @override
    def __call__(self, table: Table) -> Table:
        return Table.of((table.numbers() > self.threshold).astype(np.float64), table.names)


@dataclass(frozen=True)
class Polynomial(ClientTransform):
    """Products of powers of the columns.

    Parameters
    ----------
    powers : ndarray of shape (n_products, n_features)
    """

    powers: IntArray

    def __post_init__(self) -> None:
        sound = self.powers.ndim == 2 and (self.powers >= 0).all()
        sound = sound and (self.powers.astype(np.float64).sum(axis=1) <= _MAX_DEGREE).all()
        _require(sound, "Polynomial has powers that make no sense")

    @override
    def __call__(self, table: Table) -> Table:
        table.require(self.powers.shape[1])
        values = table.numbers()
        products = np.empty((len(values), len(self.powers)))
        for place, powers in enumerate(self.powers):
            # in scikit-learn's order, since bins may be cut at the last bit
            factors = np.repeat(np.arange(len(powers)), powers)[::-1]
            products[:, place] = reduce(np.multiply, values.T[factors], np.ones(len(values)))
        return Table.of(products)


@dataclass(frozen=True)
class Project(ClientTransform):
    """``x @ weights + offset``.

    Parameters
    ----------
    weights : ndarray of shape (n_features, n_components)
    offset : ndarray of shape (n_components,)
    """

    weights: FloatArray
    offset: FloatArray

    def __post_init__(self) -> None:
        sound = self.weights.ndim == 2 and self.offset.shape == self.weights.shape[1:]
        _require(sound, "Project has arrays of unequal shapes")

    @override
    def __call__(self, table: Table) -> Table:
        table.require(len(self.weights))
        return Table.of(table.numbers() @ self.weights + self.offset)


@dataclass(frozen=True)
class Select(ClientTransform):
    """Some of the columns, which are numbers.

    Parameters
    ----------
    places : tuple of int
    n_features : int
    allow_nan : bool
    """

    places: tuple[int, ...]
    n_features: int
    allow_nan: bool

    def __post_init__(self) -> None:
        _require_places(self.places, self.n_features)

    @override
    def __call__(self, table: Table) -> Table:
        table.require(self.n_features)
        values = table.numbers(allow_nan=self.allow_nan)
        names = tuple(table.names[place] for place in self.places)
        return Table.of(values[:, list(self.places)], names)


@dataclass(frozen=True)
class Ufunc(ClientTransform):
    """A function of numbers by its name in NumPy, or "expit"."""

    name: str

    def __post_init__(self) -> None:
        _require(self.name in _UFUNCS, f"there is no function {self.name!r}")

    @override
    def __call__(self, table: Table) -> Table:
        return Table.of(_UFUNCS[self.name](table.numbers(allow_nan=True)), table.names)


TRANSFORM_CLASSES: tuple[type, ...] = (*ClientTransform.__subclasses__(), CodeBook, Missing)
"""What files of preprocessing are made of."""

Fitted = Any
"""A fitted transformer of scikit-learn, which has no types; or "passthrough"."""

_CONVERTERS: dict[str, Callable[[Fitted], Preprocessing]] = {}
"""Conversions by the name of a class of scikit-learn."""


def transforms_of(pipeline_steps: Sequence[tuple[str, Fitted]]) -> Preprocessing:
    """Turn fitted transformers into plain data.

    Parameters
    ----------
    pipeline_steps : sequence of (str, transformer)
        As in `Pipeline.steps`, without the model at the end.

    Returns
    -------
    tuple of ClientTransform
        Empty, if all steps are "passthrough".

    Raises
    ------
    UnsupportedModelError
        A transformer is of a class that has no plain form, or was fitted to what can't be stored.
    """
    transforms = (*_front(pipeline_steps), *_chain(pipeline_steps))
    _has_indicators(transforms)
    return transforms


def _has_indicators(transforms: Preprocessing, *, before: bool = False) -> bool:
    """Whether columns are indicators, which may be sparse; no quantiles may be mapped of such."""
    for transform in transforms:
        if before and isinstance(transform, QuantileMap):
            raise UnsupportedModelError(
                "QuantileTransformer leaves the zeros of sparse indicators as they are, which has "
                "no plain form. Put it before the indicators, or beside them."
            )
        if isinstance(transform, SideBySide):
            of_branches = [_has_indicators(b, before=before) for b in transform.branches]
            before = any(of_branches)  # after all branches have been checked
        before = before or isinstance(transform, Indicators)
    return before


def columns_of(estimator: Fitted) -> Preprocessing:
    """Step that takes the columns which an estimator was fitted to; none if it doesn't know."""
    n_features = getattr(estimator, "n_features_in_", None)
    if n_features is None:
        return ()
    names = tuple(map(str, getattr(estimator, "feature_names_in_", ())))
    return (Columns(tuple(range(n_features)), int(n_features), names),)


def _front(steps: Sequence[tuple[str, Fitted]]) -> Preprocessing:
    """Choice of the columns that the first step was fitted to."""
    first = next(_flat(steps), None)
    if type(first).__name__ == "ColumnTransformer":  # which chooses for itself
        return ()
    return next((c for reader in _readers(first) if (c := columns_of(reader))), ())


def _flat(steps: Sequence[tuple[str, Fitted]]) -> Iterator[Fitted]:
    """Yield the steps of a pipeline and of those within it."""
    for _, step in steps:
        if type(step).__name__ == "Pipeline":
            yield from _flat(step.steps)
        elif not _passes(step):
            yield step


def _readers(step: Fitted) -> Iterator[Fitted]:
    """Yield the transformers that get the same data as a step."""
    if type(step).__name__ == "FeatureUnion":
        for branch in step.transformer_list:
            yield from _readers(next(_flat([branch]), None))
    else:
        yield step


def _passes(step: Fitted) -> bool:
    return step is None or (isinstance(step, str) and step == "passthrough")


def _chain(steps: Iterable[tuple[str, Fitted]]) -> Preprocessing:
    return tuple(transform for _, step in steps for transform in _converted(step))


def _converted(step: Fitted) -> Preprocessing:
    if _passes(step):
        return ()
    cls = type(step)
    if cls.__module__.startswith("sklearn.") and cls.__name__ in _CONVERTERS:
        _check_is_fitted(step)
        return _CONVERTERS[cls.__name__](step)
    if _is_selector(step):
        return _select(step)
    raise UnsupportedModelError(
        f"{cls.__name__} can't become plain data for the client. Transform the data before it "
        f"comes to the pipeline, or use one of {', '.join(sorted(_CONVERTERS))}, or a selector of "
        "features."
    )


def _check_is_fitted(step: Fitted) -> None:
    from sklearn.utils.validation import check_is_fitted

    check_is_fitted(step)


def _is_selector(step: Fitted) -> bool:
    """Whether a step does no more than to take the columns of `get_support`."""
    from sklearn.feature_selection import SelectorMixin

    return all(
        getattr(type(step), name, None) is getattr(SelectorMixin, name)
        for name in ("transform", "_transform", "get_support")
    )


def _converts(
    *names: str,
) -> Callable[[Callable[[Fitted], Preprocessing]], Callable[[Fitted], Preprocessing]]:
    """Enter a conversion for classes of scikit-learn."""

    def enter(convert: Callable[[Fitted], Preprocessing]) -> Callable[[Fitted], Preprocessing]:
        _CONVERTERS.update(dict.fromkeys(names, convert))
        return convert

    return enter


def _refused(step: Fitted, reason: str, remedy: str) -> UnsupportedModelError:
    return UnsupportedModelError(
        f"{type(step).__name__} can't become plain data for the client: {reason}. {remedy}, or "
        "transform the data before it comes to the pipeline."
    )


def _floats(step: Fitted, values: object) -> FloatArray:
    """Fitted values, which must be finite."""
    array = np.array(values, dtype=np.float64)
    if not np.isfinite(array).all():
        raise _refused(
            step, "it has fitted values that are not finite", "Leave out columns without any values"
        )
    return array


def _stored(step: Fitted, value: object) -> Cell:
    """Storable form of a category, a fill, or what stands for missing values."""
    try:
        plain = _plain(value, "")
    except InvalidInputError:
        plain = np.inf
    if isinstance(plain, float) and abs(plain) >= _MAX_EXACT:
        raise _refused(step, f"it has the value {value!r}", "Use text or numbers below 2**53")
    return _key(plain)


@_converts("Pipeline")
def _pipeline(pipeline: Fitted) -> Preprocessing:
    return _chain(pipeline.steps)


@_converts("FeatureUnion")
def _union(union: Fitted) -> Preprocessing:
    weights = union.transformer_weights or {}
    kept = [(name, step) for name, step in union.transformer_list if not _drops(step)]
    branches = [(*_converted(step), *_weigh(weights.get(name))) for name, step in kept]
    return (SideBySide(tuple(branches)),)


@_converts("ColumnTransformer")
def _columns(transformer: Fitted) -> Preprocessing:
    weights = transformer.transformer_weights or {}
    branches = []
    for name, step, spec in transformer.transformers_:
        chosen = _chosen(transformer, spec)
        if chosen.places and not _drops(step):
            branches.append((chosen, *_converted(step), *_weigh(weights.get(name))))
    return (SideBySide(tuple(branches)),)


def _drops(step: Fitted) -> bool:
    return isinstance(step, str) and step == "drop"


def _weigh(weight: float | None) -> Preprocessing:
    return () if weight is None else (Weigh(float(weight)),)


def _chosen(transformer: Fitted, spec: Any) -> Columns:
    """Choice of columns by names, places, slices of either, or a mask."""
    n_features = int(transformer.n_features_in_)
    names = list(map(str, getattr(transformer, "feature_names_in_", ())))
    places = tuple(np.arange(n_features)[_index(spec, names)].tolist())
    return Columns(places, n_features, tuple(names[place] for place in places) if names else ())


def _index(spec: Any, names: list[str]) -> slice | Array:
    if isinstance(spec, slice):
        start, stop = (names.index(e) if isinstance(e, str) else e for e in (spec.start, spec.stop))
        # a slice of names has its last one
        return slice(start, stop + 1 if isinstance(spec.stop, str) else stop, spec.step)
    keys = np.atleast_1d(np.asarray(spec.data if isinstance(spec, UserList) else spec))
    if keys.dtype.kind in "OU":
        keys = np.array([names.index(key) for key in keys])
    return keys if keys.dtype == bool else keys.astype(np.int64)


@_converts("StandardScaler")
def _standard_scaler(scaler: Fitted) -> Preprocessing:
    return _standardized(scaler, *_mean_and_scale(scaler))


def _mean_and_scale(scaler: Fitted) -> tuple[object, object]:
    return (scaler.mean_ if scaler.with_mean else 0, scaler.scale_ if scaler.with_std else 1)


@_converts("RobustScaler")
def _robust_scaler(scaler: Fitted) -> Preprocessing:
    center = scaler.center_ if scaler.with_centering else 0
    return _standardized(scaler, center, scaler.scale_ if scaler.with_scaling else 1)


@_converts("MaxAbsScaler")
def _max_abs_scaler(scaler: Fitted) -> Preprocessing:
    limits = (Limit(-1.0, 1.0),) if getattr(scaler, "clip", False) else ()
    return (*_standardized(scaler, 0, scaler.scale_), *limits)


@_converts("MinMaxScaler")
def _min_max_scaler(scaler: Fitted) -> Preprocessing:
    limits = (Limit(*map(float, scaler.feature_range)),) if scaler.clip else ()
    return (Rescale(_floats(scaler, scaler.scale_), _floats(scaler, scaler.min_)), *limits)


def _standardized(step: Fitted, center: object, scale: object) -> Preprocessing:
    """Step with a center and a scale for each column, given for each or for all."""
    ones = np.ones(step.n_features_in_)
    return (Standardize(_floats(step, center) * ones, _floats(step, scale) * ones),)


@_converts("SimpleImputer")
def _simple_imputer(imputer: Fitted) -> Preprocessing:
    missing, numeric = _stored(imputer, imputer.missing_values), imputer._fit_dtype.kind != "O"
    fills = [_stored(imputer, value) for value in imputer.statistics_]
    kept = [i for i, f in enumerate(fills) if imputer.keep_empty_features or f != Missing()]
    impute = Impute(missing, tuple(fills[i] for i in kept), tuple(kept), len(fills), numeric)
    if not imputer.add_indicator:
        return (impute,)
    places = tuple(map(int, imputer.indicator_.features_))
    return (SideBySide(((impute,), (MissingFlags(missing, places, len(fills), numeric),))),)


@_converts("MissingIndicator")
def _missing_indicator(indicator: Fitted) -> Preprocessing:
    if indicator.sparse is True:
        raise _refused(indicator, "its flags are sparse", 'Give sparse="auto"')
    missing = _stored(indicator, indicator.missing_values)
    only_there = indicator.features == "missing-only" and indicator.error_on_new
    places = tuple(map(int, indicator.features_))
    n_features = int(indicator.n_features_in_)
    return (MissingFlags(missing, places, n_features, numeric=False, only_there=only_there),)


@_converts("OrdinalEncoder")
def _ordinal_encoder(encoder: Fitted) -> Preprocessing:
    missing = _code(encoder.encoded_missing_value)
    unknown = None
    if encoder.handle_unknown == "use_encoded_value":
        unknown = _code(encoder.unknown_value)
    books = []
    for cells, rare in _categories(encoder):
        named = [cell for cell in cells if cell != Missing()]
        codes: dict[Cell, Code] = {Missing(): missing, **_grouped(named, rare)}
        books.append(CodeBook(cells, tuple(codes[cell] for cell in cells), unknown))
    return (Encode(tuple(books)),)


def _code(value: float) -> Code:
    return Missing() if isnan(value) else float(value)


@_converts("OneHotEncoder")
def _one_hot_encoder(encoder: Fitted) -> Preprocessing:
    drops = [None] * len(encoder.categories_) if encoder.drop_idx_ is None else encoder.drop_idx_
    books, widths = [], []
    for (cells, rare), drop in zip(_categories(encoder), drops, strict=True):
        groups = _grouped(cells, rare)
        dropped = None if drop is None else groups[cells[drop]]
        codes = tuple(_code_without(dropped, groups[cell]) for cell in cells)
        unknown = None if encoder.handle_unknown == "error" else -1.0
        if rare and encoder.handle_unknown in {"infrequent_if_exist", "warn"}:
            unknown = _code_without(dropped, groups[next(iter(rare))])
        books.append(CodeBook(cells, codes, unknown))
        widths.append(len(set(groups.values())) - (dropped is not None))
    return (Encode(tuple(books)), Indicators(tuple(widths)))


def _categories(encoder: Fitted) -> list[tuple[tuple[Cell, ...], set[Cell]]]:
    """For each column its categories, and those of them that are too rare for a code."""
    rare = getattr(encoder, "infrequent_categories_", [None] * len(encoder.categories_))
    return [
        (_cells(encoder, all_of_them), set() if some is None else set(_cells(encoder, some)))
        for all_of_them, some in zip(encoder.categories_, rare, strict=True)
    ]


def _cells(encoder: Fitted, categories: Array) -> tuple[Cell, ...]:
    return tuple(_stored(encoder, category) for category in categories.tolist())


def _grouped(cells: Sequence[Cell], rare: set[Cell]) -> dict[Cell, float]:
    """Codes in turn; the rare categories share the one after the others'."""
    frequent = [cell for cell in cells if cell not in rare]
    numbers = {cell: float(code) for code, cell in enumerate(frequent)}
    return numbers | {cell: float(len(frequent)) for cell in cells if cell not in numbers}


def _code_without(dropped: float | None, code: float) -> float:
    """Code after the dropped one has gone."""
    if dropped is None or code < dropped:
        return code
    return -1.0 if code == dropped else code - 1.0


@_converts("KBinsDiscretizer")
def _k_bins(bins: Fitted) -> Preprocessing:
    if bins.dtype not in {None, np.float64}:
        raise _refused(bins, f"its dtype is {bins.dtype}", "Give dtype=None")
    step = Bins(tuple(_floats(bins, edges[1:-1]) for edges in bins.bin_edges_))
    if bins.encode == "ordinal":
        return (step,)
    return (step, Indicators(tuple(map(int, bins.n_bins_))))


@_converts("QuantileTransformer")
def _quantiles(transformer: Fitted) -> Preprocessing:
    quantiles = _floats(transformer, transformer.quantiles_)
    shares = _floats(transformer, transformer.references_)
    return (QuantileMap(quantiles, shares, transformer.output_distribution == "normal"),)


@_converts("PowerTransformer")
def _power(transformer: Fitted) -> Preprocessing:
    powers = _floats(transformer, transformer.lambdas_)
    scaled: Preprocessing = ()
    if transformer.standardize:
        scaled = _standardized(transformer, *_mean_and_scale(transformer._scaler))
    return (Power(powers, transformer.method == "box-cox"), *scaled)


@_converts("Normalizer")
def _normalizer(normalizer: Fitted) -> Preprocessing:
    return (Norm(normalizer.norm),)


@_converts("Binarizer")
def _binarizer(binarizer: Fitted) -> Preprocessing:
    return (Binarize(float(binarizer.threshold)),)


@_converts("PolynomialFeatures")
def _polynomial(polynomial: Fitted) -> Preprocessing:
    shape = polynomial.n_output_features_, polynomial.n_features_in_
    # scikit-learn's `powers_` fails where there are no products
    powers = polynomial.powers_ if shape[0] else np.empty(shape)
    return (Polynomial(np.array(powers, dtype=np.int64)),)


@_converts("PCA", "IncrementalPCA")
def _pca(pca: Fitted) -> Preprocessing:
    weights = _floats(pca, pca.components_).T
    project = Project(weights, -(_floats(pca, pca.mean_) @ weights))
    if not pca.whiten:
        return (project,)
    deviations = np.sqrt(_floats(pca, pca.explained_variance_))
    least = np.finfo(deviations.dtype).eps
    return (project, Standardize(np.zeros(len(deviations)), np.maximum(deviations, least)))


@_converts("TruncatedSVD", "GaussianRandomProjection", "SparseRandomProjection")
def _projection(projection: Fitted) -> Preprocessing:
    components = projection.components_
    dense = components.toarray() if hasattr(components, "toarray") else components
    return (_projected(projection, dense.T),)


@_converts("FastICA")
def _fast_ica(ica: Fitted) -> Preprocessing:
    centered = _standardized(ica, ica.mean_, 1) if ica.whiten else ()
    return (*centered, _projected(ica, ica.components_.T))


@_converts("FactorAnalysis")
def _factor_analysis(analysis: Fitted) -> Preprocessing:
    precise = analysis.components_ / analysis.noise_variance_
    covariance = np.linalg.inv(np.eye(len(precise)) + precise @ analysis.components_.T)
    centered = _standardized(analysis, analysis.mean_, 1)
    return (*centered, _projected(analysis, precise.T), _projected(analysis, covariance))


@_converts("LinearDiscriminantAnalysis")
def _discriminants(analysis: Fitted) -> Preprocessing:
    if analysis.solver == "lsqr":
        raise _refused(analysis, "its solver has no `transform`", 'Use the solver "svd" or "eigen"')
    centered = _standardized(analysis, analysis.xbar_, 1) if analysis.solver == "svd" else ()
    return (*centered, _projected(analysis, analysis.scalings_[:, : analysis._max_components]))


def _projected(step: Fitted, weights: Array) -> Project:
    return Project(_floats(step, weights), np.zeros(weights.shape[1]))


@_converts("FunctionTransformer")
def _function(transformer: Fitted) -> Preprocessing:
    func = transformer.func
    if func is None:
        return ()
    name = next((name for name, known in _UFUNCS.items() if known is func), None)
    if name is None or transformer.kw_args:
        shown = getattr(func, "__name__", type(func).__name__)
        arguments = " with arguments" if transformer.kw_args else ""
        known = ", ".join(sorted(_UFUNCS))
        raise _refused(
            transformer,
            f"it calls {shown}{arguments}",
            f"Use one of NumPy's {known} without arguments",
        )
    return (Ufunc(name),)


def _select(selector: Fitted) -> Preprocessing:
    from sklearn.utils import get_tags

    support = selector.get_support()
    places = tuple(np.flatnonzero(support).tolist())
    allow_nan = bool(get_tags(selector).input_tags.allow_nan)
    return (Select(places, len(support), allow_nan),)
