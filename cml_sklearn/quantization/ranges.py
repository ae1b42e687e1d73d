"""Ranges of codes from calibration data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from cml_sklearn._typing import Array, FloatArray, IntArray
from cml_sklearn.exceptions import CalibrationError
from cml_sklearn.quantization.affine import AffineQuantizer

__all__ = ["RangeMethod", "best_range", "finite_values", "random_rows", "size_of", "thinned"]

RangeMethod = Literal["min-max", "mse", "percentile"]

_ENOUGH_BITS = 8
"""From this width on, clipping gains nothing over the full range."""

_RANGE_SHRINKS = np.linspace(1.0, 0.4, 13)
_PERCENTILES = (0.001, 0.999)

_MOST_ROWS = 10_000
"""Rows on which ranges are compared; their ends come from all rows."""


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
    (values,), weight = thinned([values], weight, _MOST_ROWS)
    # halves can't overflow
    centre = np.tensordot(weight, values, axes=1)
    centre = centre if per_feature else centre.mean()
    trials = [
        AffineQuantizer.from_range(
            2 * (centre / 2 + shrink * (low / 2 - centre / 2)),
            2 * (centre / 2 + shrink * (high / 2 - centre / 2)),
            n_bits,
        )
        for shrink in _RANGE_SHRINKS
    ]
    unit = np.frexp(trials[0].scale)[1]
    losses = np.stack([_loss(trial, values, weight, per_feature, unit) for trial in trials])
    best = losses.argmin(axis=0)
    scales, zeros = np.stack([t.scale for t in trials]), np.stack([t.zero_point for t in trials])
    pick = (best, np.arange(best.size)) if per_feature else (best,)
    return AffineQuantizer(np.asarray(scales[pick]), np.asarray(zeros[pick]), n_bits)


def _loss(
    quantizer: AffineQuantizer,
    values: FloatArray,
    weight: FloatArray,
    per_feature: bool,
    unit: IntArray,
) -> FloatArray:
    """Weighted mean squared error of rounding, by feature or in all.

    It is counted in `unit`, a power of two near the values' range, so that squares fit a float.
    """
    error = np.ldexp(quantizer.dequantize(quantizer.quantize(values)) - values, -unit) ** 2
    by_feature = np.tensordot(weight, error, axes=1)
    return by_feature if per_feature else np.asarray(by_feature.mean())


def random_rows(n_rows: int, limit: int) -> IntArray:
    """Pick at most `limit` rows, always the same of as many; ascending."""
    if n_rows <= limit:
        return np.arange(n_rows)
    return np.sort(np.random.default_rng(0).choice(n_rows, limit, replace=False))


def thinned(
    samples: Sequence[FloatArray], weight: FloatArray, limit: int
) -> tuple[list[FloatArray], FloatArray]:
    """Keep at most `limit` rows, picked at random; their weights add up to 1 again.

    Parameters
    ----------
    samples : sequence of ndarray of shape (n_samples, ...)
    weight : ndarray of shape (n_samples,)
    limit : int
    """
    if len(weight) <= limit:
        return list(samples), weight
    rows = random_rows(len(weight), limit)
    return [x[rows] for x in samples], weight[rows] / weight[rows].sum()


def size_of(values: Array) -> float:
    """Greatest finite value without its sign, as a measure for what is negligible beside it."""
    return float(np.abs(values[np.isfinite(values)]).max(initial=0.0))


def finite_values(values: FloatArray, source: object) -> FloatArray:
    """Cut infinities off at the outermost finite values.

    Parameters
    ----------
    values : ndarray
    source : object
        What gives the values, for the message.

    Raises
    ------
    CalibrationError
        Some are NaN, or none of an element (the first axis has the samples) is finite.
    """
    finite = np.isfinite(values)
    if finite.all():
        return values
    has_nan = np.isnan(values).any()
    if has_nan or not finite.any(axis=0).all():
        raise CalibrationError(
            f"{source} gives {'NaN' if has_nan else 'infinity'} on calibration data, which nothing "
            "can be fitted to. Give data that the float model is finite on, or keep the operator's "
            "argument inside its domain (by Clip, or by adding a small constant)."
        )
    return np.clip(values, values[finite].min(), values[finite].max())
