"""Choosing integers by what they do to the output, not by what is nearest.

Rounding every weight to its nearest integer ignores that features are correlated and that the
inputs have been rounded too. Both are known on the calibration data, so the integers are chosen to
keep the layer's *output*: weights are refitted to the rounded inputs, then rounded one input
feature after the other, each rounding error being made up for by the weights still to come
(the scheme of Frantar et al., "GPTQ", 2022, after Hassibi and Stork's "optimal brain surgeon").
Under encryption this costs nothing: they are integers of the same width.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from cml_sklearn._typing import FloatArray, IntArray
from cml_sklearn.program.integers import to_integers

__all__ = ["Calibration", "round_weights"]

_DAMPING = 0.01
_SAME_STEP = 1e-6
"""Share of the largest weight by which multiples of a step may miss it: floats of 32 bits do."""

_WEIGHT_PEAKS = np.linspace(1.0, 0.5, 6)


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

    def hessian(self) -> FloatArray:
        """Second moments of the inputs, damped; shape (n_in, n_in)."""
        x, _ = self.centred()
        moments: FloatArray = x.T @ (self.weight[:, None] * x)
        damping = _DAMPING * np.trace(moments) / len(moments) + np.finfo(np.float64).tiny
        moments[np.diag_indices_from(moments)] += damping
        return moments

    def loses(self, weights: FloatArray) -> NDArray[np.bool_]:
        """Whether the outputs are too large to show what weights (n_in, n_out) do; shape (n_out,).

        Such outputs are constants, and what is fitted to their last bits would be noise.
        """
        effect = np.ptp(self.inputs, axis=0) @ np.abs(weights)
        precision = np.finfo(np.result_type(self.outputs, np.float32)).eps
        return np.asarray(effect <= precision * np.abs(self.outputs).max(axis=0))

    def refitted(self, weights: FloatArray) -> FloatArray:
        """Weights (n_in, n_out) near those given that bring the inputs to the outputs."""
        x, y = self.centred()
        residual = self.weight[:, None] * (y - x @ weights)
        return weights + np.linalg.solve(self.hessian(), x.T @ residual)


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
    weights = weights * ~calibration.loses(weights)
    # counted in powers of two near the outputs' size, so that squares fit a float
    size = np.maximum(np.abs(weights).max(axis=0), np.abs(calibration.outputs).max(axis=0))
    unit = np.frexp(size)[1]
    outputs = np.ldexp(calibration.outputs, -unit)
    calibration, weights = replace(calibration, outputs=outputs), np.ldexp(weights, -unit)
    refitted = np.where((weights == 0).all(axis=0), 0.0, calibration.refitted(weights))
    codes, scale = _best_rounding(refitted, n_bits, calibration.hessian())
    exact, multiples, step = _multiples(weights, n_bits)
    codes, scale = np.where(exact, multiples, codes), np.where(exact, step, scale)
    mean_output = calibration.weight @ outputs
    offset = mean_output - (calibration.weight @ calibration.inputs) @ (codes * scale)
    return codes, np.ldexp(scale, unit), np.ldexp(offset, unit)


def _multiples(weights: FloatArray, n_bits: int) -> tuple[NDArray[np.bool_], IntArray, FloatArray]:
    """Find columns whose weights are small multiples of a step, as a tool's that trained them so.

    Returns
    -------
    exact : ndarray of bool, shape (n_out,)
        Whether there is such a step.
    codes : ndarray of int, shape (n_in, n_out)
    scale : ndarray of shape (n_out,)
    """
    peak = np.abs(weights).max(axis=0)
    peak = np.where(peak <= np.finfo(np.float64).tiny, 1.0, peak)
    exact = np.zeros(peak.shape, np.bool_)
    codes, scale = np.zeros(weights.shape, np.int64), np.ones(peak.shape)
    for top in range(1, 2 ** (n_bits - 1)):
        ratios = weights * (top / peak)
        nearest = np.rint(ratios)
        fits = ~exact & (np.abs(ratios - nearest) < _SAME_STEP * top).all(axis=0)
        codes[:, fits] = to_integers(nearest[:, fits], "A weight")
        scale[fits] = peak[fits] / top
        exact |= fits
    return exact, codes, scale


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
        codes[i] = to_integers(np.clip(rest[i] / scale, -top, top), "A weight")
        error = (rest[i] - codes[i] * scale) / factor[i, i]
        rest[i + 1 :] -= factor[i, i + 1 :, None] * error
    result = np.empty_like(codes)
    result[order] = codes
    return result
