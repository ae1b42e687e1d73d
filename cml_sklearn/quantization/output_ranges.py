"""Ranges of a layer's inputs, chosen by what they do to its output.

A lookup after a layer sees its output in steps of the range that the inputs can reach, not of that
which they do reach. So a narrow range of an input clips its tails, but makes the steps finer for
all inputs. The ranges are chosen together, one feature after the other, for the least mean
squared error of the layer's output: that of clipped and rounded inputs, and that of the steps.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from cml_sklearn._typing import Array, FloatArray
from cml_sklearn.onnx.graph import Node
from cml_sklearn.quantization.affine import AffineQuantizer
from cml_sklearn.quantization.ranges import thinned

__all__ = ["affine_weights", "output_ranges"]

_MOST_ROWS = 2_000
"""Rows on which ranges are compared; their ends come from all rows."""

_SHARES = np.linspace(1.0, 0.05, 20)
"""Trials: how much of the way from the mean to an end stays inside."""

_SWEEPS = 3


def output_ranges(
    values: FloatArray,
    weights: FloatArray,
    n_bits: int,
    kept_bits: int,
    sample_weight: FloatArray,
) -> AffineQuantizer:
    """Choose a range of codes for each input feature of an affine layer before lookups.

    Parameters
    ----------
    values : ndarray of shape (n_samples, n_in)
        Inputs on the calibration data.
    weights : ndarray of shape (n_in, n_out)
    n_bits : int
        Width of the inputs' codes.
    kept_bits : int
        Bits of an output that the lookups look at.
    sample_weight : ndarray of shape (n_samples,)
        Weights that add up to 1.
    """
    low, high = values.min(axis=0), values.max(axis=0)
    centre, half = low / 2 + high / 2, high / 2 - low / 2  # halves can't overflow
    half = np.where(half > 0, half, 1.0)
    weights = half[:, None] * weights
    weights = weights / np.maximum(np.abs(weights).max(axis=0), np.finfo(np.float64).tiny)
    if not np.isfinite(weights).all():
        return AffineQuantizer.from_range(low, high, n_bits)
    (rows,), shares = thinned([values], sample_weight, _MOST_ROWS)
    search = _Search((rows - centre) / half, shares, weights, n_bits, kept_bits)
    for _ in range(_SWEEPS):
        if not search.sweep():
            break
    return AffineQuantizer.from_range(
        centre + half * search.low, centre + half * search.high, n_bits
    )


def affine_weights(node: Node, constants: Mapping[str, Array]) -> FloatArray | None:
    """Constant weights (n_in, n_out) of an affine layer; None for other nodes."""
    if node.op_type not in ("Gemm", "MatMul") or node.inputs[1] not in constants:
        return None
    weights = constants[node.inputs[1]].astype(np.float64)
    if weights.ndim != 2 or node.attributes.get("transA", 0):
        return None
    factor = node.attributes.get("alpha", 1.0)
    return factor * (weights.T if node.attributes.get("transB", 0) else weights)


class _Search:
    """Coordinate descent over the ends of the ranges, of inputs within -1 and 1.

    The layer's error is followed as it is for the present ranges: `error`, of shape (n_samples,
    n_out), by clipping and rounding of the inputs, and `reach`, of shape (n_out,), the length of
    the range that the outputs can reach.
    """

    def __init__(
        self,
        values: FloatArray,
        sample_weight: FloatArray,
        weights: FloatArray,
        n_bits: int,
        kept_bits: int,
    ) -> None:
        self._values, self._sample_weight, self._weights = values, sample_weight, weights
        self._n_steps = 2**n_bits - 1
        # a uniform error of a step has a twelfth of its square for variance
        self._step_loss = 1 / (12 * max(2**kept_bits - 2, 1) ** 2)
        means, n_features = sample_weight @ values, values.shape[1]
        self._lows, self._highs = (means + _SHARES[:, None] * (end - means) for end in (-1.0, 1.0))
        self.low, self.high = -np.ones(n_features), np.ones(n_features)
        errors = [self._error_of(feature, -1.0, 1.0) for feature in range(n_features)]
        self._errors = np.stack(errors, axis=1)
        self._error = self._errors @ weights
        self._reach = 2 * np.abs(weights).sum(axis=0)

    def sweep(self) -> bool:
        """Choose the range of every feature anew, the most important first; whether any changed."""
        effect = (self.high - self.low) * np.abs(self._weights).sum(axis=1)
        before = self.low.copy(), self.high.copy()
        for feature in np.argsort(-effect, kind="stable"):
            self._choose(feature)
        return not (np.array_equal(before[0], self.low) and np.array_equal(before[1], self.high))

    def _choose(self, feature: int) -> None:
        """Choose one feature's lower end, then its upper end."""
        weights = self._weights[feature]
        rest = self._error - np.outer(self._errors[:, feature], weights)
        reach = self._reach - np.abs(weights) * (self.high[feature] - self.low[feature])
        low, high = self.low[feature], self.high[feature]
        trials = [(low, high), *((end, high) for end in self._lows[:, feature])]
        low, high = self._best(feature, trials, rest, reach)
        trials = [(low, high), *((low, end) for end in self._highs[:, feature])]
        low, high = self._best(feature, trials, rest, reach)
        self.low[feature], self.high[feature] = low, high
        self._errors[:, feature] = self._error_of(feature, low, high)
        self._error = rest + np.outer(self._errors[:, feature], weights)
        self._reach = reach + np.abs(weights) * (high - low)

    def _best(
        self,
        feature: int,
        ranges: list[tuple[float, float]],
        rest: FloatArray,
        reach: FloatArray,
    ) -> tuple[float, float]:
        """Range of the least loss, where the other features leave an error and a reach."""
        weights = self._weights[feature]
        low, high = np.array(ranges).T
        errors = self._error_of(feature, low[:, None], high[:, None])
        errors = errors - (errors @ self._sample_weight)[:, None]  # the bias makes up for the mean
        common = self._sample_weight * ((rest - self._sample_weight @ rest) @ weights)
        squares = errors**2 @ self._sample_weight * (weights**2).sum()
        reaches = reach + np.outer(high - low, np.abs(weights))
        losses = 2 * errors @ common + squares + self._step_loss * (reaches**2).sum(axis=1)
        return ranges[int(np.argmin(losses))]

    def _error_of(
        self, feature: int, low: FloatArray | float, high: FloatArray | float
    ) -> FloatArray:
        """Error of a feature's codes in a range, shape (n_samples,), or in several ones.

        Parameters
        ----------
        feature : int
        low, high : float or ndarray of shape (n_ranges, 1)
        """
        values = self._values[:, feature]
        step = (high - low) / self._n_steps
        inside = np.clip(values, low, high)
        steps = np.rint((inside - low) / np.where(step > 0, step, 1.0))
        return np.asarray(low + step * steps - values)
