"""Functions of features that the client computes before it encrypts, and codes of their results."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from cml_sklearn._typing import FloatArray, IntArray
from cml_sklearn.quantization.affine import AffineQuantizer
from cml_sklearn.quantization.encoding import Encoder, check_columns

__all__ = [
    "PRODUCT_BITS",
    "Companding",
    "CompandingQuantizer",
    "MappedQuantizer",
    "Monomials",
    "decile_spread",
]

PRODUCT_BITS = 4
"""Bits of products beside those of features: most of them lie in a small part of their range."""

_DECILE = 1.28
"""Standard deviations from the median of a normal distribution to its outer deciles."""

_FAR = 6.0
"""Standard deviations, estimated from deciles, beyond which a feature has a tail."""


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


class _AfterMap(Encoder):
    """Codes of what a map gives; abstract."""

    quantizer: AffineQuantizer

    @property
    @override
    def upper(self) -> IntArray:
        return self.quantizer.upper


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

    @override
    def quantize(self, values: FloatArray) -> IntArray:
        return self.quantizer.quantize(self.companding(values))

    @override
    def clips(self, values: FloatArray) -> NDArray[np.bool_]:
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

    @override
    def sample_shape(self, encoded: tuple[int, ...]) -> tuple[int, ...]:
        del encoded
        return self.features.centre.shape

    @override
    def quantize(self, values: FloatArray) -> IntArray:
        return self.quantizer.quantize(self.features(values))

    @override
    def clips(self, values: FloatArray) -> NDArray[np.bool_]:
        """Whether values lie out of the box."""
        inside = values - self.features.centre
        return (inside < self.features.low) | (inside > self.features.high)


def decile_spread(values: FloatArray) -> FloatArray:
    """Estimate standard deviations of features (n_samples, n_features) by outer deciles.

    Far values don't count; of a feature that is constant for nine rows in ten, it is 0.
    """
    low, high = np.quantile(values, (0.1, 0.9), axis=0)
    return np.asarray((high / 2 - low / 2) / _DECILE)  # halves can't overflow
