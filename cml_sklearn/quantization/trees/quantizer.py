"""From floats to the bits that are encrypted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import numpy as np

from cml_sklearn._typing import FloatArray
from cml_sklearn.quantization.trees.grid import FeatureGrid
from cml_sklearn.quantization.trees.structure import IntArray

__all__ = ["GridQuantizer"]


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
