"""Maps between floats and the integers that are encrypted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cml_sklearn._typing import FloatArray, IntArray
from cml_sklearn.exceptions import CalibrationError, InvalidInputError
from cml_sklearn.program.integers import to_integers

__all__ = [
    "PRODUCT_BITS",
    "AffineQuantizer",
    "BallQuantizer",
    "Companding",
    "CompandingQuantizer",
    "Encoder",
    "GridEncoder",
    "IndexEncoder",
    "MappedQuantizer",
    "Monomials",
    "as_floats",
    "check_columns",
    "decile_spread",
]

PRODUCT_BITS = 4
"""Bits of products beside those of features: most of them lie in a small part of their range."""

_DECILE = 1.28
"""Standard deviations from the median of a normal distribution to its outer deciles."""

_FAR = 6.0
"""Standard deviations, estimated from deciles, beyond which a feature has a tail."""

_OUTSIDE = 1e100
"""Steps from the centre that are as good as infinitely many."""

_EPS, _TINY = np.finfo(np.float64).eps, np.finfo(np.float64).tiny


@dataclass(frozen=True)
class AffineQuantizer:
    """Codes ``0 .. 2**n_bits - 1`` of an interval: ``value = scale * (code - zero_point)``.

    Values outside the interval are clipped to its ends.

    Parameters
    ----------
    scale : ndarray
        Size of a step, positive; one for the tensor, or broadcastable to its features.
    zero_point : ndarray of int
        Code of the value 0 (may lie outside the codes' range), same shape as `scale`.
    n_bits : int
        Width of the codes.
    """

    scale: FloatArray
    zero_point: IntArray
    n_bits: int

    @classmethod
    def from_range(cls, low: ArrayLike, high: ArrayLike, n_bits: int) -> AffineQuantizer:
        """Spread the codes evenly over ``[low, high]`` (scalars or one pair a feature)."""
        low, high = np.asarray(low, dtype=np.float64), np.asarray(high, dtype=np.float64)
        if not (np.isfinite(low).all() and np.isfinite(high).all()):
            raise CalibrationError(
                "The calibration data hold NaN or infinity; give finite values only."
            )
        scale = high / (2**n_bits - 1) - low / (2**n_bits - 1)
        # steps finer than floats of this size are would be none
        scale = np.maximum(scale, np.maximum(_EPS * np.maximum(np.abs(low), np.abs(high)), _TINY))
        # a constant feature: any step does, but one near the value keeps the code small
        flat = np.where(low == 0, 1.0, np.maximum(np.abs(low), _TINY))
        return cls.from_step(low, np.where(low == high, flat, scale), n_bits)

    @classmethod
    def from_step(cls, low: ArrayLike, scale: ArrayLike, n_bits: int) -> AffineQuantizer:
        """Count steps of given size from `low` on (scalars or one pair a feature)."""
        low, scale = np.asarray(low, dtype=np.float64), np.asarray(scale, dtype=np.float64)
        return cls(scale, to_integers(-low / scale, "The code of the value 0"), n_bits)

    @property
    def upper(self) -> IntArray:
        """Largest code by element of the encrypted tensor."""
        return np.full(self.scale.shape, 2**self.n_bits - 1, dtype=np.int64)

    @property
    def takes_missing(self) -> bool:
        """Whether NaN has a code."""
        return False

    def sample_shape(self, encoded: tuple[int, ...]) -> tuple[int, ...]:
        """Shape of a sample as floats, by its shape as integers."""
        return encoded

    def quantize(self, values: FloatArray) -> IntArray:
        """Encode floats of shape (n_samples, ...), clipping what lies out of range."""
        with np.errstate(over="ignore"):
            codes = np.rint(values / self.scale) + self.zero_point
        return to_integers(np.clip(codes, 0, 2**self.n_bits - 1), "A code")

    def clips(self, values: FloatArray) -> NDArray[np.bool_]:
        """Whether values lie out of range, by more than rounding."""
        with np.errstate(over="ignore"):
            codes = np.rint(values / self.scale) + self.zero_point
        return (codes < 0) | (codes > 2**self.n_bits - 1)

    def dequantize(self, codes: IntArray) -> FloatArray:
        """Decode integers."""
        return self.scale * (codes - self.zero_point)


@dataclass(frozen=True)
class Companding:
    """A monotone map of each feature that draws its tails in: ``asinh((x - centre) / spread)``.

    Parameters
    ----------
    centre, spread : ndarray of shape (n_features,)
        Where a feature lies, and how far most of its values are from there; positive.
    curved : ndarray of bool, shape (n_features,)
        Which features are drawn in; the others stay as they are.
    """

    centre: FloatArray
    spread: FloatArray
    curved: NDArray[np.bool_]

    @classmethod
    def fitted(cls, values: FloatArray) -> Companding:
        """Draw in the features with values far beyond most others, shape (n_samples, n_features).

        A feature that is constant for nine rows in ten has no such scale of its own, and stays.
        """
        spread, centre = decile_spread(values), np.quantile(values, 0.5, axis=0)
        farthest = np.abs(values / 2 - centre / 2).max(axis=0)
        curved = (spread > 0) & (farthest / 2 > _FAR / 2 * spread)
        return cls(centre, np.where(curved, spread, 1.0), curved)

    def __call__(self, values: FloatArray) -> FloatArray:
        """Map floats of shape (n_samples, n_features)."""
        drawn_in = np.arcsinh((values - self.centre) / self.spread)
        return np.where(self.curved, drawn_in, values)


class _AfterMap:
    """Codes of what a map gives; abstract."""

    quantizer: AffineQuantizer

    @property
    def upper(self) -> IntArray:
        """Largest code by element of the encrypted tensor."""
        return self.quantizer.upper

    @property
    def takes_missing(self) -> bool:
        """Whether NaN has a code."""
        return False


@dataclass(frozen=True)
class CompandingQuantizer(_AfterMap):
    """Codes that are evenly spaced after a companding.

    They are as fine near the centre as those of a narrow range, and yet far values get codes of
    their own. The client encodes, so this costs nothing under encryption.

    Parameters
    ----------
    companding : Companding
    quantizer : AffineQuantizer
        Of what it gives.
    """

    companding: Companding
    quantizer: AffineQuantizer

    def sample_shape(self, encoded: tuple[int, ...]) -> tuple[int, ...]:
        """Shape of a sample as floats, by its shape as integers."""
        return encoded

    def quantize(self, values: FloatArray) -> IntArray:
        """Encode floats of shape (n_samples, n_features), clipping what lies out of range."""
        return self.quantizer.quantize(self.companding(values))

    def clips(self, values: FloatArray) -> NDArray[np.bool_]:
        """Whether values lie out of range, by more than rounding."""
        return self.quantizer.clips(self.companding(values))


@dataclass(frozen=True)
class Monomials:
    """Features and products of two: what makes quadratic functions affine.

    Features are centred and moved into a box before they are multiplied. So a sample outside of it
    becomes one at its edge, whose products belong together.

    Parameters
    ----------
    centre : ndarray of shape (n_features,)
    low, high : ndarray of shape (n_features,)
        The box, as seen from the centre.
    first, second : ndarray of int, shape (n_terms,)
        Which two features are multiplied; `n_features` stands for the number 1.
    """

    centre: FloatArray
    low: FloatArray
    high: FloatArray
    first: IntArray
    second: IntArray

    def __call__(self, values: FloatArray) -> FloatArray:
        """Map floats of shape (n_samples, n_features) to (n_samples, n_terms).

        Raises
        ------
        InvalidInputError
            If the number of features differs, or a value is missing.
        """
        check_columns(values, np.zeros(len(self.centre), dtype=np.bool_))
        inside = np.clip(values - self.centre, self.low, self.high)
        factors = np.c_[inside, np.ones(len(values))]
        return np.asarray(factors[:, self.first] * factors[:, self.second])

    def quantizer(self, n_bits: int) -> AffineQuantizer:
        """Spread codes over the products of the box, with `PRODUCT_BITS` more than `n_bits`."""
        ends = np.c_[[self.low, self.high], np.ones(2)]
        corners = np.stack([a[self.first] * b[self.second] for a in ends for b in ends])
        square = self.first == self.second
        low = np.where(square, 0.0, corners.min(axis=0))
        return AffineQuantizer.from_range(low, corners.max(axis=0), n_bits + PRODUCT_BITS)


@dataclass(frozen=True)
class MappedQuantizer(_AfterMap):
    """Codes of what a feature map gives, so that the encrypted program stays affine.

    Parameters
    ----------
    features : Monomials
    quantizer : AffineQuantizer
        Of what it gives.
    """

    features: Monomials
    quantizer: AffineQuantizer

    def sample_shape(self, encoded: tuple[int, ...]) -> tuple[int, ...]:
        """Shape of a sample as floats, by its shape as integers."""
        del encoded
        return self.features.centre.shape

    def quantize(self, values: FloatArray) -> IntArray:
        """Encode floats of shape (n_samples, n_features), clipping what lies out of range."""
        return self.quantizer.quantize(self.features(values))

    def clips(self, values: FloatArray) -> NDArray[np.bool_]:
        """Whether values lie out of the box."""
        inside = values - self.features.centre
        return (inside < self.features.low) | (inside > self.features.high)


@dataclass(frozen=True)
class BallQuantizer:
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
    def upper(self) -> IntArray:
        """Largest code by element of the encrypted tensor."""
        return np.append(np.full(len(self.centre), 2 * self.reach), self.reach**2)

    @property
    def takes_missing(self) -> bool:
        """Whether NaN has a code."""
        return False

    def sample_shape(self, encoded: tuple[int, ...]) -> tuple[int, ...]:
        """Shape of a sample as floats, by its shape as integers."""
        del encoded
        return self.centre.shape

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
class GridEncoder:
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
    def upper(self) -> IntArray:
        """Largest code by element of the encrypted tensor."""
        return np.ones(int(self._ends[-1]), dtype=np.int64)

    @property
    def takes_missing(self) -> bool:
        """Whether NaN has a code."""
        return bool(self.missing.any())

    def sample_shape(self, encoded: tuple[int, ...]) -> tuple[int, ...]:
        """Shape of a sample as floats, by its shape as integers."""
        del encoded
        return (len(self.edges),)

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
class IndexEncoder:
    """A bit for every row of a table, 1 for the row of an index.

    The row itself is then a product with the table, which costs no lookup.

    Parameters
    ----------
    n_rows : int
    """

    n_rows: int

    @property
    def upper(self) -> IntArray:
        """Largest code by element of the encrypted tensor."""
        return np.ones(self.n_rows, dtype=np.int64)

    @property
    def takes_missing(self) -> bool:
        """Whether NaN has a code."""
        return False

    def sample_shape(self, encoded: tuple[int, ...]) -> tuple[int, ...]:
        """Shape of a sample of indices, by its shape as bits."""
        return encoded[:-1]

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


Encoder = (
    AffineQuantizer
    | BallQuantizer
    | CompandingQuantizer
    | MappedQuantizer
    | GridEncoder
    | IndexEncoder
)
"""What turns a float input of a module into the integers to encrypt."""


def decile_spread(values: FloatArray) -> FloatArray:
    """Estimate standard deviations of features (n_samples, n_features) by outer deciles.

    Far values don't count; of a feature that is constant for nine rows in ten, it is 0.
    """
    low, high = np.quantile(values, (0.1, 0.9), axis=0)
    return np.asarray((high / 2 - low / 2) / _DECILE)  # halves can't overflow


def as_floats(values: ArrayLike) -> FloatArray:
    """Array of float64.

    Raises
    ------
    InvalidInputError
        Values that are no numbers, or rows of different lengths.
    """
    try:
        return np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidInputError(
            f"An input can't be read as numbers ({error}). Give an array of numbers, with rows of "
            "one length."
        ) from error


def check_columns(values: FloatArray, missing: NDArray[np.bool_]) -> None:
    """Refuse matrices of other columns than an encoder's.

    Parameters
    ----------
    values : ndarray of shape (n_samples, n_features)
    missing : ndarray of bool, shape (n_features,)
        Where NaN is allowed.

    Raises
    ------
    InvalidInputError
        If the number of features differs, or a value is missing where none may be.
    """
    if values.ndim != 2 or values.shape[1] != len(missing):
        raise InvalidInputError(
            f"X has shape {values.shape}, but the model was fitted on {len(missing)} features; "
            "give the same columns as in training."
        )
    refused = np.flatnonzero(np.isnan(values).any(axis=0) & ~missing)
    if len(refused):
        raise InvalidInputError(
            f"X has missing values (NaN) in the columns {refused.tolist()}, which had none in "
            "training; impute them, or train with missing values there."
        )
