"""Pooling: values of windows that slide over the spatial axes, and of whole ones.

Tensors have axes (batch, channels, spatial...), with any number of spatial ones.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Literal

import numpy as np

from cml_sklearn._typing import Array
from cml_sklearn.onnx._arrays import Tensors, keeps_type, lowest
from cml_sklearn.onnx.ops_impl.registry import operator
from cml_sklearn.program.windows import Windows


@operator("AveragePool")
@keeps_type
def numpy_average_pool(
    x: Array,
    /,
    *,
    auto_pad: str = "NOTSET",
    ceil_mode: int = 0,
    count_include_pad: int = 0,
    dilations: Sequence[int] | None = None,
    kernel_shape: Sequence[int],
    pads: Sequence[int] | None = None,
    strides: Sequence[int] | None = None,
) -> Tensors:
    """Mean of each window's elements, with `count_include_pad` also of its padding."""
    windows = Windows.place(
        x.shape[2:],
        kernel_shape,
        strides=strides,
        dilations=dilations,
        pads=pads,
        auto_pad=auto_pad,
        ceil_mode=ceil_mode,
    )
    total = _accumulate(np.add, windows.taps(windows.pad(x, 0)))
    # what `ceil_mode` lets hang over the end of the padding never counts: so do torch, onnxruntime
    # and the corrected specification, though not the test data of ONNX 1.16
    return (total / windows.populations(padding=bool(count_include_pad)),)


def _accumulate(ufunc: np.ufunc, arrays: Iterator[Array]) -> Array:
    """Combine arrays by a function of two, in place."""
    result = next(arrays).copy()
    for array in arrays:
        ufunc(result, array, out=result)
    return result


@operator("MaxPool")
def numpy_max_pool(
    x: Array,
    /,
    *,
    auto_pad: str = "NOTSET",
    ceil_mode: int = 0,
    dilations: Sequence[int] | None = None,
    kernel_shape: Sequence[int],
    pads: Sequence[int] | None = None,
    storage_order: int = 0,
    strides: Sequence[int] | None = None,
    n_outputs: int = 1,
) -> Tensors:
    """Largest value of each window; as second output its index in the flat input."""
    windows = Windows.place(
        x.shape[2:],
        kernel_shape,
        strides=strides,
        dilations=dilations,
        pads=pads,
        auto_pad=auto_pad,
        ceil_mode=ceil_mode,
    )
    padded = windows.pad(x, lowest(x.dtype))
    if n_outputs == 1:
        return (_accumulate(np.maximum, windows.taps(padded)),)
    return _max_with_indices(windows, padded, x.shape, "F" if storage_order else "C")


def _max_with_indices(
    windows: Windows, padded: Array, shape: tuple[int, ...], order: Literal["C", "F"]
) -> Tensors:
    """Largest value of each window, and its index; `order` is that of the spatial axes."""
    size = math.prod(shape[2:])
    positions = windows.pad(np.arange(size).reshape(shape[2:], order=order), -1)
    taps = zip(windows.taps(padded), windows.taps(positions), strict=True)
    best, where = next(taps)
    for values, places in taps:
        better = (values > best) | (where < 0)
        best, where = np.where(better, values, best), np.where(better, places, where)
    planes = np.arange(shape[0] * shape[1]) * size
    return best.copy(), where + planes.reshape(*shape[:2], *(1,) * len(shape[2:]))


@operator("LpPool")
@keeps_type
def numpy_lp_pool(
    x: Array,
    /,
    *,
    auto_pad: str = "NOTSET",
    ceil_mode: int = 0,
    dilations: Sequence[int] | None = None,
    kernel_shape: Sequence[int],
    p: int = 2,
    pads: Sequence[int] | None = None,
    strides: Sequence[int] | None = None,
) -> Tensors:
    """Norm of order `p` of each window."""
    windows = Windows.place(
        x.shape[2:],
        kernel_shape,
        strides=strides,
        dilations=dilations,
        pads=pads,
        auto_pad=auto_pad,
        ceil_mode=ceil_mode,
    )
    powers = np.abs(windows.pad(x, 0)) ** p
    return (_accumulate(np.add, windows.taps(powers)) ** (1 / p),)


def _spatial(x: Array) -> tuple[int, ...]:
    """Spatial axes."""
    return tuple(range(2, x.ndim))


@operator("GlobalAveragePool")
@keeps_type
def numpy_global_average_pool(x: Array, /) -> Tensors:
    """Mean over all spatial axes."""
    return (np.mean(x, axis=_spatial(x), keepdims=True),)


@operator("GlobalLpPool")
@keeps_type
def numpy_global_lp_pool(x: Array, /, *, p: int = 2) -> Tensors:
    """Norm of order `p` over all spatial axes."""
    return (np.sum(np.abs(x) ** p, axis=_spatial(x), keepdims=True) ** (1 / p),)


@operator("GlobalMaxPool")
def numpy_global_max_pool(x: Array, /) -> Tensors:
    """Largest value over all spatial axes."""
    return (np.max(x, axis=_spatial(x), keepdims=True),)


@operator("MaxUnpool")
def numpy_max_unpool(
    x: Array,
    i: Array,
    /,
    output_shape: Array | None = None,
    *,
    kernel_shape: Sequence[int],
    pads: Sequence[int] | None = None,
    strides: Sequence[int] | None = None,
) -> Tensors:
    """Largest values put back where `numpy_max_pool` took them from, zeros elsewhere."""
    n = len(kernel_shape)
    steps, ends = strides or (1,) * n, pads or (0,) * 2 * n
    sizes = tuple(
        (size - 1) * step + k - ends[axis] - ends[n + axis]
        for axis, (size, step, k) in enumerate(zip(x.shape[2:], steps, kernel_shape, strict=True))
    )
    unpooled = np.zeros((*x.shape[:2], *sizes), x.dtype)
    unpooled.flat[i.ravel()] = x.ravel()
    if output_shape is None:
        return (unpooled,)
    y = np.zeros([int(size) for size in output_shape], x.dtype)
    y[tuple(map(slice, unpooled.shape))] = unpooled
    return (y,)
