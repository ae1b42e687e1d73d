"""Steps on numbers: scaling, powers, quantiles, projections."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
from scipy import special
from typing_extensions import override

from cml_sklearn._typing import Array, FloatArray, IntArray
from cml_sklearn.deployment.preprocessing.base import (
    ClientTransform,
    require,
    require_places,
    require_rows,
)
from cml_sklearn.deployment.preprocessing.table import Table
from cml_sklearn.exceptions import InvalidInputError

__all__ = [
    "UFUNCS",
    "Binarize",
    "Bins",
    "Limit",
    "Norm",
    "Polynomial",
    "Power",
    "Project",
    "QuantileMap",
    "Rescale",
    "Select",
    "Standardize",
    "Ufunc",
    "Weigh",
]

_MAX_DEGREE = 2**10
"""Most factors of a product of columns."""

_NEAR_ENDS = 1e-7
"""scikit-learn's `BOUNDS_THRESHOLD`: values so near to an end of the quantiles are at the end."""

UFUNCS: dict[str, Callable[[FloatArray], FloatArray]] = {
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
class Standardize(ClientTransform):
    """``(x - center) / scale`` of each column.

    Parameters
    ----------
    center, scale : ndarray of shape (n_features,)
    """

    center: FloatArray
    scale: FloatArray

    def __post_init__(self) -> None:
        require_rows("Standardize", self.center, self.scale)

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
        require_rows("Rescale", self.scale, self.offset)

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
class Bins(ClientTransform):
    """Number of the bin of each value.

    Parameters
    ----------
    edges : tuple of ndarray
        Inner edges of the bins, ascending, by column. An edge is in the bin above it.
    """

    edges: tuple[FloatArray, ...]

    def __post_init__(self) -> None:
        require(all(edges.ndim == 1 for edges in self.edges), "Bins has edges that are no rows")

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
        require(sound and len(self.shares) > 0, "QuantileMap has arrays of unequal shapes")

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
        require_rows("Power", self.powers)

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
        require(self.name in _NORMS, f"there is no norm {self.name!r}")

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
        require(sound, "Polynomial has powers that make no sense")

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
        require(sound, "Project has arrays of unequal shapes")

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
        require_places(self.places, self.n_features)

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
        require(self.name in UFUNCS, f"there is no function {self.name!r}")

    @override
    def __call__(self, table: Table) -> Table:
        return Table.of(UFUNCS[self.name](table.numbers(allow_nan=True)), table.names)
