"""Operators between floats and quantized integers, as quantized ONNX models have them."""

from __future__ import annotations

import numpy as np

from cml_sklearn._typing import Array
from cml_sklearn.onnx._arrays import NUMPY_TYPES, Tensors
from cml_sklearn.onnx.ops_impl.registry import operator


def _spread(values: Array, x: Array, axis: int, block_size: int) -> Array:
    """Bring the parameters of a tensor, of its slices or of its blocks to the elements of `x`."""
    if block_size:
        return np.repeat(values, block_size, axis)[tuple(map(slice, x.shape))]
    if values.size == 1:
        return values.reshape(())
    return values.reshape([-1 if i == axis % x.ndim else 1 for i in range(x.ndim)])


@operator("DequantizeLinear")
def numpy_dequantize_linear(
    x: Array,
    x_scale: Array,
    /,
    x_zero_point: Array | None = None,
    *,
    axis: int = 1,
    block_size: int = 0,
) -> Tensors:
    """Floats that integers stand for."""
    steps = x.astype(np.int64)
    if x_zero_point is not None:
        steps = steps - _spread(x_zero_point, x, axis, block_size).astype(np.int64)
    return (steps.astype(x_scale.dtype) * _spread(x_scale, x, axis, block_size),)


@operator("DynamicQuantizeLinear")
def numpy_dynamic_quantize_linear(x: Array, /) -> Tensors:
    """Integers of 8 bits that stand for floats; also their scale and zero point."""
    low, high = min(x.min(), x.dtype.type(0)), max(x.max(), x.dtype.type(0))
    scale = np.asarray((high - low) / 255, x.dtype)
    zero = np.clip(np.rint(-low / scale), 0, 255)
    y = np.clip(np.rint(x / scale) + zero, 0, 255)
    return y.astype(np.uint8), scale, np.asarray(zero, np.uint8)


@operator("QuantizeLinear")
def numpy_quantize_linear(
    x: Array,
    y_scale: Array,
    /,
    y_zero_point: Array | None = None,
    *,
    axis: int = 1,
    block_size: int = 0,
    output_dtype: int = 0,
    saturate: int = 1,
) -> Tensors:
    """Integers that stand for floats; `saturate` matters only for 8-bit floats."""
    del saturate
    kind = NUMPY_TYPES[output_dtype or 2] if y_zero_point is None else y_zero_point.dtype
    codes = np.rint(x / _spread(y_scale, x, axis, block_size))
    if y_zero_point is not None:
        codes = codes + _spread(y_zero_point, x, axis, block_size).astype(np.float64)
    limits = np.iinfo(kind)
    return (np.clip(codes, limits.min, limits.max).astype(kind),)
