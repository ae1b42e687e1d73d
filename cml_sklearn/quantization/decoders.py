"""Maps from the integers that come back to floats."""

from __future__ import annotations

from dataclasses import dataclass

from cml_sklearn._typing import FloatArray, IntArray

__all__ = ["OutputScale"]


@dataclass(frozen=True)
class OutputScale:
    """An affine output: ``value = scale * (q - zero_point) + offset``."""

    scale: FloatArray
    zero_point: int
    offset: FloatArray

    def dequantize(self, values: IntArray) -> FloatArray:
        """Floats of integers of shape (n_samples, ...)."""
        return self.scale * (values - self.zero_point) + self.offset
