"""Choosing integers by what they do to the output, not by what is nearest.

Rounding every weight to its nearest integer ignores that features are correlated and that the
inputs have been rounded too. Both are known on the calibration data, so the integers are chosen to
keep the layer's *output*: weights are refitted to the rounded inputs, then rounded one input
feature after the other, each rounding error being made up for by the weights still to come
(the scheme of Frantar et al., "GPTQ", 2022, after Hassibi and Stork's "optimal brain surgeon").
Under encryption this costs nothing: they are integers of the same width.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cml_sklearn.fhe.primitives import IntArray
from cml_sklearn.quantization.quantizers import AffineQuantizer, FloatArray

__all__ = ["Calibration", "best_range", "round_weights"]

_ENOUGH_BITS = 8
"""From this width on, clipping gains nothing over the full range."""

_DAMPING = 0.01
_WEIGHT_PEAKS = np.linspace(1.0, 0.5, 6)
_RANGE_SHRINKS = np.linspace(1.0, 0.4, 13)


@dataclass(frozen=True)
class Calibration:
    """What a layer does on the calibration data.

    Parameters
    ----------
    inputs : ndarray of shape (n_samples, n_in)
        Floats that the encrypted input stands for, after all rounding so far.
    outputs : ndarray of shape (n_samples, n_out)
        What the float model gives.
    weight : ndarray of shape (n_samples,)
        Sample weights that add up to 1.
    """

    inputs: FloatArray
    outputs: FloatArray
    weight: FloatArray

    def centred(self) -> tuple[FloatArray, FloatArray]:
        """Subtract the weighted means of inputs and outputs."""
        mean = self.weight @ self.inputs, self.weight @ self.outputs
        return self.inputs - mean[0], self.outputs - mean[1]


def round_weights(
    weights: FloatArray, n_bits: int, calibration: Calibration
) -> tuple[IntArray, FloatArray, FloatArray]:
    """Round the weights of a linear layer so that its output on calibration data stays.

    Parameters
    ----------
    weights : ndarray of shape (n_in, n_out)
    n_bits : int
        Width of the signed integers, at least 2.
    calibration : Calibration

    Returns
    -------
    codes : ndarray of int, shape (n_in, n_out)
    scale : ndarray of shape (n_out,)
        ``codes * scale`` approximates the refitted weights.
    offset : ndarray of shape (n_out,)
        Term that makes the mean output right.
    """
    x, y = calibration.centred()
    hessian = x.T @ (calibration.weight[:, None] * x)
    damping = _DAMPING * np.trace(hessian) / len(hessian) + np.finfo(np.float64).tiny
    hessian[np.diag_indices_from(hessian)] += damping
    residual = y - x @ weights
    refitted = weights + np.linalg.solve(hessian, x.T @ (calibration.weight[:, None] * residual))
    codes, scale = _best_rounding(refitted, n_bits, hessian)
    mean_output = calibration.weight @ calibration.outputs
    offset = mean_output - (calibration.weight @ calibration.inputs) @ (codes * scale)
    return codes, scale, offset


def _best_rounding(
    weights: FloatArray, n_bits: int, hessian: FloatArray
) -> tuple[IntArray, FloatArray]:
    """Try several scales, and keep for each output the one of the least error."""
    top = 2 ** (n_bits - 1) - 1
    peak = np.abs(weights).max(axis=0)
    peak = np.where(peak <= np.finfo(np.float64).tiny, 1.0, peak)
    order = np.argsort(-np.diag(hessian), kind="stable")
    factor = np.linalg.cholesky(np.linalg.inv(hessian[np.ix_(order, order)])).T
    trials = [(shrink * peak / top) for shrink in _WEIGHT_PEAKS]
    codes = np.stack([_round_in_turn(weights, s, top, factor, order) for s in trials])
    errors = codes * np.stack(trials)[:, None] - weights
    losses = np.einsum("tio,ij,tjo->to", errors, hessian, errors, optimize=True)
    best = losses.argmin(axis=0)
    outputs = np.arange(weights.shape[1])
    return codes[best, :, outputs].T, np.stack(trials)[best, outputs]


def _round_in_turn(
    weights: FloatArray, scale: FloatArray, top: int, factor: FloatArray, order: IntArray
) -> IntArray:
    """Round row by row, in the given order; later rows make up for each error."""
    rest = weights[order].copy()
    codes = np.empty(rest.shape, dtype=np.int64)
    for i in range(len(rest)):
        codes[i] = np.clip(np.rint(rest[i] / scale), -top, top)
        error = (rest[i] - codes[i] * scale) / factor[i, i]
        rest[i + 1 :] -= factor[i, i + 1 :, None] * error
    result = np.empty_like(codes)
    result[order] = codes
    return result


def best_range(
    values: FloatArray, n_bits: int, weight: FloatArray, *, per_feature: bool
) -> AffineQuantizer:
    """Range of codes with the least mean squared error: rare extremes may be clipped.

    Parameters
    ----------
    values : ndarray of shape (n_samples, ...)
    n_bits : int
    weight : ndarray of shape (n_samples,)
        Sample weights that add up to 1.
    per_feature : bool
        One range for each element after the first axis, or one for the tensor.
    """
    axis = 0 if per_feature else None
    low, high = values.min(axis=axis), values.max(axis=axis)
    if n_bits >= _ENOUGH_BITS:
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
    return AffineQuantizer(scales[pick], zeros[pick], n_bits)


def _loss(
    quantizer: AffineQuantizer, values: FloatArray, weight: FloatArray, per_feature: bool
) -> FloatArray:
    """Weighted mean squared error of rounding, by feature or in all."""
    error = (quantizer.dequantize(quantizer.quantize(values)) - values) ** 2
    by_feature = np.tensordot(weight, error, axes=1)
    return by_feature if per_feature else np.asarray(by_feature.mean())
