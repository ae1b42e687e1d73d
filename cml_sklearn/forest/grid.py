"""Public grids: the edges of every feature, and the thermometer bits that the client sends.

The bits of one feature are ``x > edge`` for all its edges in ascending order, so that a tree's
comparison ``code <= t`` is the negation of bit ``t`` of that feature. A missing value lies above
every edge and has a last bit of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cml_sklearn._typing import FloatArray
from cml_sklearn.exceptions import InvalidInputError
from cml_sklearn.program.integers import to_integers
from cml_sklearn.quantization.encoders import GridEncoder
from cml_sklearn.quantization.encoding import check_columns

__all__ = ["FeatureGrid", "GridMethod"]

GridMethod = Literal["balanced", "quantile", "uniform"]
_Place = Callable[[FloatArray, FloatArray, int], FloatArray]


@dataclass(frozen=True)
class FeatureGrid:
    """Edges by feature; the code of a value is the number of edges below it.

    Parameters
    ----------
    edges : tuple of ndarray
        Strictly ascending edges of each feature, in the user's units.
    missing : ndarray of bool, shape (n_features,)
        Which features may be missing (NaN): their code is then one above the largest.
    """

    edges: tuple[FloatArray, ...]
    missing: NDArray[np.bool_]

    @classmethod
    def fit(
        cls,
        X: ArrayLike,
        n_bits: int,
        method: GridMethod = "balanced",
        sample_weight: ArrayLike | None = None,
        allow_missing: bool = False,
    ) -> FeatureGrid:
        """Place at most ``2**n_bits - 1`` edges a feature.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Training data; NaN is a missing value.
        n_bits : int
            Width of the codes.
        method : {"balanced", "quantile", "uniform"}
            Whether edges part the samples ("quantile"), the interval ("uniform"), or the mean of
            both evenly. A feature of few distinct values gets the midpoints between them in any
            case.
        sample_weight : array-like of shape (n_samples,), optional
            Rows of weight 0 count as absent.
        allow_missing : bool
            Whether every feature may be missing later; else those that are so in `X`.

        Raises
        ------
        InvalidInputError
            If `X` isn't a matrix, holds infinity, or has no row of positive weight.
        """
        values = _matrix(X)
        weight = _weights(sample_weight, len(values))
        if n_bits < 1:
            raise InvalidInputError(f"n_bits is {n_bits}; give at least 1.")
        values, weight = values[weight > 0], weight[weight > 0]
        if not len(values):
            raise InvalidInputError("No sample has a positive weight; give at least one.")
        place = _PLACES.get(method)
        if place is None:
            allowed = ", ".join(map(repr, _PLACES))
            raise InvalidInputError(f"method is {method!r}; allowed: {allowed}.")
        missing = np.isnan(values)
        edges = tuple(
            _place_edges(column[~gone], weight[~gone], 2**n_bits - 1, place)
            for column, gone in zip(values.T, missing.T, strict=True)
        )
        if not any(map(len, edges)) and not missing.any() and edges:
            # constant features part nothing, but what is encrypted must not be empty
            edges = (values[0, :1], *edges[1:])
        return cls(edges, missing.any(axis=0) | allow_missing)

    @classmethod
    def of_thresholds(
        cls, features: ArrayLike, thresholds: ArrayLike, n_features: int
    ) -> FeatureGrid:
        """Take the thresholds of a ready-made model as edges.

        Parameters
        ----------
        features, thresholds : array-like of shape (n_splits,)
        n_features : int
        """
        feature, threshold = np.asarray(features), np.asarray(thresholds, dtype=np.float64)
        edges = [np.unique(threshold[feature == f]) for f in range(n_features)]
        if not any(map(len, edges)):
            edges[0] = np.zeros(1)
        return cls(tuple(edges), np.zeros(n_features, dtype=bool))

    @property
    def n_features(self) -> int:
        """Number of features."""
        return len(self.edges)

    @property
    def counts(self) -> NDArray[np.int64]:
        """Bits by feature, shape (n_features,)."""
        lengths = np.array([len(edges) for edges in self.edges], dtype=np.int64)
        return lengths + self.missing

    @property
    def starts(self) -> NDArray[np.int64]:
        """First bit of each feature, shape (n_features,)."""
        return np.cumsum(self.counts) - self.counts

    @property
    def bit_features(self) -> NDArray[np.int64]:
        """Feature of each bit, shape (n_bits_total,)."""
        return np.repeat(np.arange(self.n_features), self.counts)

    @property
    def bit_ranks(self) -> NDArray[np.int64]:
        """Place of each bit among its feature's, shape (n_bits_total,)."""
        return np.arange(int(self.counts.sum())) - np.repeat(self.starts, self.counts)

    def codes(self, X: ArrayLike) -> NDArray[np.int64]:
        """Count the edges below every value; shape (n_samples, n_features).

        Raises
        ------
        InvalidInputError
            If the number of features differs, or a value is missing where none may be.
        """
        values = _matrix(X)
        check_columns(values, self.missing)
        columns = [np.searchsorted(e, c) for e, c in zip(self.edges, values.T, strict=True)]
        codes = np.stack(columns, axis=1).astype(np.int64)
        return np.where(np.isnan(values), self.counts, codes)

    def encoder(self, *, float32: bool) -> GridEncoder:
        """Make the client's half; `float32` is the wrapped model's precision."""
        return GridEncoder(self.edges, self.missing, float32)

    def ranks(self, features: ArrayLike, thresholds: ArrayLike) -> NDArray[np.int64]:
        """Find the edges that equal thresholds, by their place among the feature's edges.

        Parameters
        ----------
        features, thresholds : array-like of shape (n_splits,)
        """
        feature, threshold = np.asarray(features), np.asarray(thresholds, dtype=np.float64)
        ranks = np.zeros(len(feature), dtype=np.int64)
        for f in np.unique(feature):
            ranks[feature == f] = np.searchsorted(self.edges[f], threshold[feature == f])
        return ranks

    def bits(self, codes: NDArray[np.integer]) -> NDArray[np.uint8]:
        """Spread codes (n_samples, n_features) into bits (n_samples, n_bits_total)."""
        return (codes[:, self.bit_features] > self.bit_ranks).view(np.uint8)

    def thresholds(self, features: ArrayLike, codes: ArrayLike) -> FloatArray:
        """Give the value at which ``code <= t`` turns false, for thresholds of trees on codes.

        Parameters
        ----------
        features, codes : array-like of shape (n_nodes,)
            Feature and threshold of each split; codes may lie between integers.

        Returns
        -------
        ndarray of shape (n_nodes,)
            Edges in the user's units; infinite outside the grid (or between value and missing).
        """
        feature = np.asarray(features, dtype=np.int64)
        code = np.asarray(codes, dtype=np.float64)
        # each feature's edges between two infinities, all end to end
        ends = [np.concatenate([[-np.inf], edges, [np.inf]]) for edges in self.edges]
        sizes = np.array([len(edges) for edges in ends])
        place = to_integers(np.clip(np.floor(code) + 1, 0, sizes[feature] - 1), "A threshold")
        return np.concatenate(ends)[(np.cumsum(sizes) - sizes)[feature] + place]


def _matrix(X: ArrayLike) -> FloatArray:
    values = np.asarray(X, dtype=np.float64)
    if values.ndim != 2:
        raise InvalidInputError(f"X has {values.ndim} dimensions; give (n_samples, n_features).")
    if np.isinf(values).any():
        raise InvalidInputError("X holds infinity; give finite values, or NaN where missing.")
    return values


def _weights(sample_weight: ArrayLike | None, n_samples: int) -> FloatArray:
    if sample_weight is None:
        return np.ones(n_samples)
    weight = np.asarray(sample_weight, dtype=np.float64)
    if weight.shape != (n_samples,):
        raise InvalidInputError(
            f"sample_weight has shape {weight.shape}; give one weight a sample: ({n_samples},)."
        )
    return weight


def _place_edges(values: FloatArray, weight: FloatArray, limit: int, place: _Place) -> FloatArray:
    distinct, inverse = np.unique(values, return_inverse=True)
    if len(distinct) - 1 <= limit:
        return _midpoints(distinct)
    mass = np.bincount(inverse, weights=weight).astype(np.float64)
    return np.unique(place(distinct, mass, limit))


def _midpoints(distinct: FloatArray) -> FloatArray:
    # Halving first can't overflow; an edge on the lower value still parts it from the higher one.
    middle = distinct[:-1] / 2 + distinct[1:] / 2
    return np.where(middle < distinct[1:], middle, distinct[:-1])


def _quantile_edges(distinct: FloatArray, mass: FloatArray, limit: int) -> FloatArray:
    """Part the samples evenly, by weight."""
    return _nearest_midpoints(distinct, _shares(mass), limit)


def _balanced_edges(distinct: FloatArray, mass: FloatArray, limit: int) -> FloatArray:
    """Part the mean of rank and distance evenly: neither dense nor far samples fall together."""
    middle = _midpoints(distinct) / 2  # so that differences can't overflow
    distance = (middle - distinct[0] / 2) / (distinct[-1] / 2 - distinct[0] / 2)
    levels = _shares(mass) + distance
    return _nearest_midpoints(distinct, (levels - levels[0]) / (levels[-1] - levels[0]), limit)


def _shares(mass: FloatArray) -> FloatArray:
    """Share of the weight below each midpoint."""
    return np.cumsum(mass)[:-1] / mass.sum()


def _nearest_midpoints(distinct: FloatArray, levels: FloatArray, limit: int) -> FloatArray:
    """Midpoints whose ascending levels come nearest to evenly spaced ones in [0, 1]."""
    wanted = np.arange(1, limit + 1) / (limit + 1)
    after = np.clip(np.searchsorted(levels, wanted), 0, len(levels) - 1)
    before = np.maximum(after - 1, 0)
    nearest = np.where(wanted - levels[before] < levels[after] - wanted, before, after)
    return _midpoints(distinct)[nearest]


def _uniform_edges(distinct: FloatArray, mass: FloatArray, limit: int) -> FloatArray:
    """Part the interval from the least to the greatest value evenly."""
    del mass
    step = distinct[-1] / (limit + 1) - distinct[0] / (limit + 1)
    return distinct[0] + step * np.arange(1, limit + 1)


_PLACES: dict[str, _Place] = {
    "balanced": _balanced_edges,
    "quantile": _quantile_edges,
    "uniform": _uniform_edges,
}
