"""Maps between floats and the integers that are encrypted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from cml_sklearn._typing import FloatArray, IntArray
from cml_sklearn.exceptions import CalibrationError

__all__ = ["AffineQuantizer"]


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
        # a constant feature: any step does, but one near the value keeps the code small
        flat = scale <= np.finfo(np.float64).tiny
        scale = np.where(flat, np.where(low == 0, 1.0, np.abs(low)), scale)
        return cls(scale, np.asarray(np.rint(-low / scale), dtype=np.int64), n_bits)

    @property
    def upper(self) -> IntArray:
        """Largest code by element of the encrypted tensor."""
        return np.full(self.scale.shape, 2**self.n_bits - 1, dtype=np.int64)

    @property
    def takes_missing(self) -> bool:
        """See `Quantizer.takes_missing`."""
        return False

    def quantize(self, values: FloatArray) -> IntArray:
        """Encode floats of shape (n_samples, ...), clipping what lies out of range."""
        codes = np.rint(values / self.scale) + self.zero_point
        return np.clip(codes, 0, 2**self.n_bits - 1).astype(np.int64)

    def dequantize(self, codes: IntArray) -> FloatArray:
        """Decode integers."""
        return self.scale * (codes - self.zero_point)
