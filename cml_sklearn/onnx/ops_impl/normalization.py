"""Operators that bring values to a common scale."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cml_sklearn._typing import Array
from cml_sklearn.onnx._arrays import NUMPY_TYPES, Tensors, keeps_type
from cml_sklearn.onnx.ops_impl.registry import operator


def _per_channel(values: Array, x: Array) -> Array:
    """One value a channel, in the type of `x` and shaped so that it meets the channels of `x`."""
    return values.astype(x.dtype, copy=False).reshape(-1, *(1,) * (x.ndim - 2))


def _standardized(x: Array, axes: tuple[int, ...], epsilon: float) -> Array:
    """Values with mean 0 and variance 1 over some axes."""
    centred = x - np.mean(x, axis=axes, keepdims=True)
    variance = np.mean(np.square(centred), axis=axes, keepdims=True)
    return centred / np.sqrt(variance + epsilon)


@operator("BatchNormalization")
def numpy_batch_normalization(
    x: Array,
    scale: Array,
    b: Array,
    input_mean: Array,
    input_var: Array,
    /,
    *,
    epsilon: float = 1e-5,
    momentum: float = 0.9,
    training_mode: int = 0,
) -> Tensors:
    """Channels standardized by given statistics, or in training by the batch's own."""
    if not training_mode:
        factor = _per_channel(scale / np.sqrt(input_var + input_var.dtype.type(epsilon)), x)
        return (x * factor + (_per_channel(b, x) - _per_channel(input_mean, x) * factor),)
    axes = (0, *range(2, x.ndim))
    standardized = _standardized(x, axes, epsilon)
    y = standardized * _per_channel(scale, x) + _per_channel(b, x)
    statistics = ((input_mean, np.mean(x, axis=axes)), (input_var, np.var(x, axis=axes)))
    running = (momentum * old + (1 - momentum) * new for old, new in statistics)
    return y.astype(x.dtype), *(value.astype(input_mean.dtype) for value in running)


@operator("InstanceNormalization")
@keeps_type
def numpy_instance_normalization(
    input: Array, scale: Array, b: Array, /, *, epsilon: float = 1e-5
) -> Tensors:
    """Each channel of each sample standardized."""
    standardized = _standardized(input, tuple(range(2, input.ndim)), epsilon)
    return (standardized * _per_channel(scale, input) + _per_channel(b, input),)


@operator("GroupNormalization")
@keeps_type
def numpy_group_normalization(
    x: Array,
    scale: Array,
    bias: Array,
    /,
    *,
    epsilon: float = 1e-5,
    num_groups: int,
    stash_type: int = 1,
) -> Tensors:
    """Each group of channels of each sample standardized.

    `scale` and `bias` have one value a channel, or as before operator set 21 one a group.
    """
    scale, bias = (values.repeat(x.shape[1] // values.size) for values in (scale, bias))
    groups = _wide(x, stash_type).reshape(len(x), num_groups, -1)
    standardized = _standardized(groups, (2,), epsilon).astype(x.dtype).reshape(x.shape)
    return (standardized * _per_channel(scale, x) + _per_channel(bias, x),)


def _wide(x: Array, stash_type: int) -> Array:
    """Values in the type in which a normalization runs."""
    return x.astype(NUMPY_TYPES[stash_type], copy=False)


@operator("LayerNormalization")
def numpy_layer_normalization(
    x: Array,
    scale: Array,
    /,
    b: Array | None = None,
    *,
    axis: int = -1,
    epsilon: float = 1e-5,
    stash_type: int = 1,
) -> Tensors:
    """Values standardized over the axes from `axis` on; also their means and inverse deviations."""
    wide = _wide(x, stash_type)
    axes = tuple(range(axis % x.ndim, x.ndim))
    mean = np.mean(wide, axis=axes, keepdims=True)
    variance = np.mean(np.square(wide - mean), axis=axes, keepdims=True)
    inverse = 1 / np.sqrt(variance + wide.dtype.type(epsilon))
    y = ((wide - mean) * inverse).astype(x.dtype) * scale
    return y if b is None else y + b, mean, inverse


@operator("LpNormalization")
@keeps_type
def numpy_lp_normalization(input: Array, /, *, axis: int = -1, p: int = 2) -> Tensors:
    """Vectors along an axis divided by their norm of order `p`."""
    return (input / np.linalg.norm(input, p, axis=axis, keepdims=True),)


@operator("LRN")
@keeps_type
def numpy_lrn(
    x: Array, /, *, alpha: float = 1e-4, beta: float = 0.75, bias: float = 1.0, size: int
) -> Tensors:
    """Local response normalization: division by the squares of nearby channels."""
    before = (size - 1) // 2
    padded = np.pad(np.square(x), [(0, 0), (before, size - 1 - before), *[(0, 0)] * (x.ndim - 2)])
    squares = sum(padded[:, i : i + x.shape[1]] for i in range(size))
    return (x / (bias + alpha / size * squares) ** beta,)


@operator("MeanVarianceNormalization")
@keeps_type
def numpy_mean_variance_normalization(x: Array, /, *, axes: Sequence[int] = (0, 2, 3)) -> Tensors:
    """Values with mean 0 and variance 1 over some axes."""
    return (_standardized(x, tuple(axes), 1e-9),)
