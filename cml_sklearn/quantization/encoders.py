"""Encoders of one kind of model each: balls for distances, grids for trees, rows for tables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from cml_sklearn._typing import FloatArray, IntArray
from cml_sklearn.exceptions import InvalidInputError
from cml_sklearn.program.integers import to_integers
from cml_sklearn.quantization.encoding import Encoder, check_columns

__all__ = ["BallQuantizer", "GridEncoder", "IndexEncoder"]

_OUTSIDE = 1e100
"""Steps from the centre that are as good as infinitely many."""


@dataclass(frozen=True)
class BallQuantizer(Encoder):
    """Points of a ball on a lattice, each with its squared distance from the centre.

    So the squared distance from any other point of the lattice is an affine function of the codes,
    and exact. A point outside of the ball is moved to its surface, towards the centre.

    Parameters
    ----------
    centre : ndarray of shape (n_features,)
    step : float
        Distance of neighbours in the lattice, positive.
    reach : int
        Radius, in steps.
    """

    centre: FloatArray
    step: float
    reach: int

    @property
    @override
    def upper(self) -> IntArray:
        return np.append(np.full(len(self.centre), 2 * self.reach), self.reach**2)

    @override
    def sample_shape(self, encoded: tuple[int, ...]) -> tuple[int, ...]:
        del encoded
        return self.centre.shape

    @override
    def quantize(self, values: FloatArray) -> IntArray:
        """Encode floats of shape (n_samples, n_features) as (n_samples, n_features + 1).

        Raises
        ------
        InvalidInputError
            If the number of features differs, or a value is missing.
        """
        check_columns(values, np.zeros(len(self.centre), dtype=np.bool_))
        places, shrinkage = self._placed(values)
        points = self._rounded(places * shrinkage)
        return np.c_[points + self.reach, (points**2).sum(axis=1)]

    @override
    def clips(self, values: FloatArray) -> NDArray[np.bool_]:
        """Whether values are moved, since their sample lies out of the ball."""
        places, shrinkage = self._placed(values)
        return (shrinkage < 1) & (places != 0)

    def _placed(self, values: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Count steps from the centre, and find what factor brings each sample into the ball."""
        # what lies this far inside of the ball is not rounded out of it
        radius = self.reach - np.sqrt(len(self.centre)) / 2
        with np.errstate(over="ignore"):
            places = np.clip(values / self.step - self.centre / self.step, -_OUTSIDE, _OUTSIDE)
        size = np.maximum(np.abs(places).max(axis=1, keepdims=True), 1.0)  # squares can't overflow
        length = np.linalg.norm(places / size, axis=1, keepdims=True) * size
        return places, np.minimum(radius / np.maximum(length, radius), 1.0)

    def lattice(self, values: FloatArray) -> IntArray:
        """Nearest points of the lattice to floats of shape (n, n_features), seen from the centre.

        They may lie outside of the ball.
        """
        return self._rounded((values - self.centre) / self.step)

    def _rounded(self, places: FloatArray) -> IntArray:
        return to_integers(places, "A code")


@dataclass(frozen=True)
class GridEncoder(Encoder):
    """A bit for every edge of a grid, 1 where the value lies above it.

    The bits of one feature stand together, by ascending edge. A missing value lies above every edge
    and has a last bit of its own.

    Parameters
    ----------
    edges : tuple of ndarray
        Strictly ascending edges of each feature, in the user's units.
    missing : ndarray of bool, shape (n_features,)
        Which features may be missing (NaN).
    float32 : bool
        Whether values are rounded to float32 first, as the wrapped model does.
    """

    edges: tuple[FloatArray, ...]
    missing: NDArray[np.bool_]
    float32: bool

    @property
    @override
    def upper(self) -> IntArray:
        return np.ones(int(self._ends[-1]), dtype=np.int64)

    @property
    @override
    def takes_missing(self) -> bool:
        return bool(self.missing.any())

    @override
    def sample_shape(self, encoded: tuple[int, ...]) -> tuple[int, ...]:
        del encoded
        return (len(self.edges),)

    @override
    def quantize(self, values: FloatArray) -> IntArray:
        """Encode floats of shape (n_samples, n_features).

        Raises
        ------
        InvalidInputError
            If the number of features differs, or a value is missing where none may be.
        """
        check_columns(values, self.missing)
        # one row a bit, and turned at the end: whole columns are compared and taken faster
        columns = np.ascontiguousarray(values.T, dtype=np.float32 if self.float32 else np.float64)
        columns = columns.astype(np.float64)
        ends = self._ends
        above = np.zeros((ends[-1], len(values)), dtype=np.bool_)
        for column, edges, start in zip(columns, self.edges, ends, strict=False):
            np.greater(column, edges[:, None], out=above[start : start + len(edges)])
        for feature in np.flatnonzero(self.missing):
            above[ends[feature] : ends[feature + 1], np.isnan(columns[feature])] = True
        return cast("IntArray", above.view(np.uint8).T)

    @property
    def _ends(self) -> IntArray:
        """First bit of each feature, and the number of bits."""
        counts = [len(edges) for edges in self.edges] + self.missing
        return np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)


@dataclass(frozen=True)
class IndexEncoder(Encoder):
    """A bit for every row of a table, 1 for the row of an index.

    The row itself is then a product with the table, which costs no lookup.

    Parameters
    ----------
    n_rows : int
    """

    n_rows: int

    @property
    @override
    def upper(self) -> IntArray:
        return np.ones(self.n_rows, dtype=np.int64)

    def sample_shape(self, encoded: tuple[int, ...]) -> tuple[int, ...]:
        """Shape of a sample of indices, by its shape as bits."""
        return encoded[:-1]

    @override
    def quantize(self, values: FloatArray) -> IntArray:
        """Encode indices of shape (n_samples, ...) as bits of shape (n_samples, ..., n_rows).

        Negative ones count from the end.

        Raises
        ------
        InvalidInputError
            An index that no row has.
        """
        rows = np.rint(values)
        wrong = values[(rows != values) | (rows < -self.n_rows) | (rows >= self.n_rows)]
        if wrong.size:
            raise InvalidInputError(
                f"An input has the index {wrong[0]:g}, but the table that it is for has "
                f"{self.n_rows} rows; give whole numbers from 0 to {self.n_rows - 1}."
            )
        places = (rows % self.n_rows)[..., None]
        return (places == np.arange(self.n_rows)).astype(np.int64)
