"""Ranges of codes from calibration data."""

from __future__ import annotations

from typing import Literal

import numpy as np

from cml_sklearn._typing import FloatArray
from cml_sklearn.quantization.encoders import AffineQuantizer

__all__ = ["RangeMethod", "best_range"]

RangeMethod = Literal["min-max", "mse", "percentile"]

_ENOUGH_BITS = 8
"""From this width on, clipping gains nothing over the full range."""

_RANGE_SHRINKS = np.linspace(1.0, 0.4, 13)
_PERCENTILES = (0.001, 0.999)


def best_range(
    values: FloatArray,
    n_bits: int,
    weight: FloatArray,
    *,
    per_feature: bool,
    method: RangeMethod = "mse",
) -> AffineQuantizer:
    """Choose the range of codes; what lies outside gets clipped.

    Parameters
    ----------
    values : ndarray of shape (n_samples, ...)
    n_bits : int
    weight : ndarray of shape (n_samples,)
        Sample weights that add up to 1.
    per_feature : bool
        One range for each element after the first axis, or one for the tensor.
    method : {"mse", "min-max", "percentile"}
        The range of least mean squared error, of all values, or of all but one in a thousand on
        either side.
    """
    axis = 0 if per_feature else None
    low, high = values.min(axis=axis), values.max(axis=axis)
    if method == "percentile":
        low, high = np.quantile(values, _PERCENTILES, axis=axis)
    if method != "mse" or n_bits >= _ENOUGH_BITS:
        return AffineQuantizer.from_range(low, high, n_bits)
    centre = np.tensordot(weight, values, axes=1)
    centre = centre if per_feature else centre.mean()
    trials = [
        AffineQuantizer.from_range(
            centre + shrink * (low - centre), centre + shrink * (high - centre), n_bits
        )
        for shrink in _RANGE_SHRINKS
    ]
    losses = np.stack([_loss(trial, values, weight, per_feature) for trial in trials])
    best = losses.argmin(axis=0)
    scales, zeros = np.stack([t.scale for t in trials]), np.stack([t.zero_point for t in trials])
    pick = (best, np.arange(best.size)) if per_feature else (best,)
    return AffineQuantizer(np.asarray(scales[pick]), np.asarray(zeros[pick]), n_bits)


def _loss(
    quantizer: AffineQuantizer, values: FloatArray, weight: FloatArray, per_feature: bool
) -> FloatArray:
    """Weighted mean squared error of rounding, by feature or in all."""
    error = (quantizer.dequantize(quantizer.quantize(values)) - values) ** 2
    by_feature = np.tensordot(weight, error, axes=1)
    return by_feature if per_feature else np.asarray(by_feature.mean())
