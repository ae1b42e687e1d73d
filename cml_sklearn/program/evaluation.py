"""What every step does to clear integers."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

import numpy as np

from cml_sklearn._typing import Array, FloatArray, IntArray
from cml_sklearn.program import steps
from cml_sklearn.program.trees import sum_leaves
from cml_sklearn.program.windows import convolve

__all__ = ["CLEAR", "CLEAR_AND_TRACED", "convolve_floats", "evaluate"]

_EXACT_FLOATS = 2**53
"""Up to here a float64 holds every integer."""


def evaluate(step: steps.Step, *values: IntArray) -> IntArray:
    """Compute a step on tensors of shape (n_samples, ...)."""
    return CLEAR[type(step)](step, *values)


def _sum_over(step: steps.SumOver, x: Array) -> Array:
    total: Array = np.sum(x, axis=tuple(a + 1 for a in step.axes), keepdims=step.keepdims)
    return total


def _take(step: steps.Take, x: Array) -> Array:
    flat = x.reshape((x.shape[0], math.prod(x.shape[1:])))
    taken: Array = flat[:, step.positions.ravel()]
    return taken.reshape((x.shape[0], *step.positions.shape))


CLEAR_AND_TRACED: Mapping[type[steps.Step], Callable[..., Array]] = {
    steps.AddConstant: lambda step, x: x + step.constant[None],
    steps.MultiplyConstant: lambda step, x: x * step.constant[None],
    steps.Add: lambda _, x, y: x + y,
    steps.Subtract: lambda _, x, y: x - y,
    steps.SumOver: _sum_over,
    steps.Reshape: lambda step, x: x.reshape((x.shape[0], *step.shape)),
    steps.Transpose: lambda step, x: np.transpose(x, (0, *(a + 1 for a in step.axes))),
    steps.Concatenate: lambda step, *xs: np.concatenate(xs, axis=step.axis + 1),
    steps.Take: _take,
}
"""Steps that NumPy's own operators and functions say, on its arrays and on all that act as such."""


def _matmul(step: steps.MatMul, x: IntArray) -> IntArray:
    """Multiply in floats where these are exact: NumPy has fast products of floats only."""
    weights = step.weights
    if not x.size or not weights.size or _widest(x, weights) > _EXACT_FLOATS:
        return x @ weights
    product: IntArray = (x.astype(np.float64) @ weights.astype(np.float64)).astype(np.int64)
    return product


def _widest(x: IntArray, weights: IntArray) -> int:
    """Bound of the absolute values in ``x @ weights`` and on the way there."""
    return _greatest(x) * int(np.abs(weights).sum(axis=0, dtype=np.float64).max())


def _greatest(x: IntArray) -> int:
    return max(-int(x.min(initial=0)), int(x.max(initial=0)))


def convolve_floats(step: steps.Convolve, x: FloatArray) -> FloatArray:
    """Compute a convolution on floats of shape (n_samples, channels, ...)."""
    return _convolve_as(np.float64, step, x)


def _convolve_as(dtype: type[np.generic], step: steps.Convolve, x: Array) -> Array:
    return convolve(
        x.astype(dtype),
        step.weights.astype(dtype),
        strides=step.strides,
        pads=step.pads,
        dilations=step.dilations,
        group=step.group,
    )


def _convolve(step: steps.Convolve, x: IntArray) -> IntArray:
    """Convolve in floats where these are exact: they are several times faster."""
    sums = np.abs(step.weights).reshape(len(step.weights), -1).sum(axis=1, dtype=np.float64)
    exact = _greatest(x) * int(sums.max()) <= _EXACT_FLOATS
    return _convolve_as(np.float64 if exact else np.int64, step, x).astype(np.int64)


def _look_up(step: steps.Lookup, x: IntArray) -> IntArray:
    index = x - step.low
    removed = step.lsbs_to_remove
    if removed:
        index = np.minimum((index + (1 << (removed - 1))) >> removed, (1 << step.width) - 1)
    # one index into all tables laid end to end: much faster than one for table and entry
    return step.tables.ravel()[index + step.choice * step.tables.shape[1]]


def _pad(step: steps.Pad, x: IntArray) -> IntArray:
    return np.pad(x, ((0, 0), *zip(step.before, step.after, strict=True)))


CLEAR: Mapping[type[steps.Step], Callable[..., IntArray]] = {
    **CLEAR_AND_TRACED,
    steps.Multiply: lambda _, x, y: x * y,
    steps.MultiplyMatrices: lambda _, x, y: x @ y,
    steps.Maximum: lambda _, x, y: np.maximum(x, y),
    steps.MatMul: _matmul,
    steps.Convolve: _convolve,
    steps.Lookup: _look_up,
    steps.Declare: lambda _, x: x,
    steps.Pad: _pad,
    steps.Trees: sum_leaves,
}
"""Every step's function on clear integers."""
