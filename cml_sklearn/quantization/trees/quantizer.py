"""From floats to the bits that are encrypted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np

from cml_sklearn.quantization.quantizers import FloatArray
from cml_sklearn.quantization.steps import Bounds
from cml_sklearn.quantization.storage import stored
from cml_sklearn.quantization.trees.grid import FeatureGrid
from cml_sklearn.quantization.trees.structure import IntArray

__all__ = ["GridQuantizer", "Thermometer"]


@stored
@dataclass(frozen=True)
class GridQuantizer:
    """The client's half of a grid: a bit for every edge, 1 where the value lies above it.

    Parameters
    ----------
    grid : FeatureGrid
    float32 : bool
        Whether values are rounded to float32 first, as the wrapped model does.
    """

    grid: FeatureGrid
    float32: bool

    @property
    def upper(self) -> IntArray:
        """Largest code by element of the encrypted tensor."""
        return np.ones(len(self.grid.bit_features), dtype=np.int64)

    @property
    def takes_missing(self) -> bool:
        """See `Quantizer.takes_missing`."""
        return bool(self.grid.missing.any())

    def quantize(self, values: FloatArray) -> IntArray:
        """Encode floats of shape (n_samples, n_features)."""
        rounded = values.astype(np.float32).astype(np.float64) if self.float32 else values
        return cast("IntArray", self.grid.thermometer(rounded))


@stored
@dataclass(frozen=True)
class Thermometer(Bounds):
    """Range of bits of which some features' come together: ones first, then zeros.

    Parameters
    ----------
    low, high : ndarray of int, shape (n_bits,)
        Zeros and ones.
    features : ndarray of int, shape (n_bits,)
        Feature of each bit, ascending.
    """

    features: IntArray

    @classmethod
    def of(cls, features: IntArray) -> Thermometer:
        """Make the range of the bits of some features."""
        return cls(np.zeros_like(features), np.ones_like(features), features)

    def sample(self, rng: np.random.Generator) -> IntArray:
        """See `Bounds.sample`."""
        rank = np.arange(len(self.features)) - np.searchsorted(self.features, self.features)
        counts = np.bincount(self.features)
        return (rank < rng.integers(0, counts, endpoint=True)[self.features]).astype(np.int64)
