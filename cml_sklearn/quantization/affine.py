"""Evenly spaced codes of an interval: most inputs, and what goes from layer to layer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from typing_extensions import override

from cml_sklearn._typing import FloatArray, IntArray
from cml_sklearn.exceptions import CalibrationError
from cml_sklearn.program.integers import to_integers
from cml_sklearn.quantization.encoding import Encoder

__all__ = ["AffineQuantizer"]

_EPS, _TINY = np.finfo(np.float64).eps, np.finfo(np.float64).tiny


@dataclass(frozen=True)
class AffineQuantizer(Encoder):
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
    @override
    def upper(self) -> IntArray:
        return np.full(self.scale.shape, 2**self.n_bits - 1, dtype=np.int64)

    @property
    def ends(self) -> tuple[FloatArray, FloatArray]:
        """Values of the least and of the greatest code, of the scale's shape."""
        return self.dequantize(np.zeros_like(self.upper)), self.dequantize(self.upper)

    @override
    def quantize(self, values: FloatArray) -> IntArray:
        with np.errstate(over="ignore"):
            codes = np.rint(values / self.scale) + self.zero_point
        return to_integers(np.clip(codes, 0, 2**self.n_bits - 1), "A code")

    @override
    def clips(self, values: FloatArray) -> NDArray[np.bool_]:
        with np.errstate(over="ignore"):
            codes = np.rint(values / self.scale) + self.zero_point
        return (codes < 0) | (codes > 2**self.n_bits - 1)

    def dequantize(self, codes: IntArray) -> FloatArray:
        """Decode integers."""
        return self.scale * (codes - self.zero_point)
