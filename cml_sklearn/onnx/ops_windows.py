"""Operators that slide a window over the spatial axes: convolution, pooling; and padding.

Tensors have axes (batch, channels, spatial...), with any number of spatial ones.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import product
from typing import Literal

import numpy as np

from cml_sklearn.onnx._arrays import Array, Tensors, keeps_type, lowest
from cml_sklearn.program.windows import Windows, convolve

__all__ = [
    "numpy_average_pool",
    "numpy_conv",
    "numpy_conv_transpose",
    "numpy_global_average_pool",
    "numpy_global_lp_pool",
    "numpy_global_max_pool",
    "numpy_lp_pool",
    "numpy_max_pool",
    "numpy_max_unpool",
    "numpy_pad",
]


@keeps_type
def numpy_conv(
    x: Array,
    w: Array,
    /,
    b: Array | None = None,
    *,
    auto_pad: str = "NOTSET",
    dilations: Sequence[int] | None = None,
    group: int = 1,
    kernel_shape: Sequence[int] | None = None,
    pads: Sequence[int] | None = None,
    strides: Sequence[int] | None = None,
) -> Tensors:
    """Convolution, each group of channels with its own filters."""
    placed = Windows.place(
        x.shape[2:],
        kernel_shape or w.shape[2:],
        strides=strides,
        dilations=dilations,
        pads=pads,
        auto_pad=auto_pad,
    )
    ends = (*placed.before, *placed.after)
    y = convolve(x, w, strides=strides, pads=ends, dilations=dilations, group=group)
    if b is not None:
        y += b.reshape(-1, *(1,) * len(placed.count))
    return (y,)


@keeps_type
def numpy_conv_transpose(
    x: Array,
    w: Array,
    /,
    b: Array | None = None,
    *,
    auto_pad: str = "NOTSET",
    dilations: Sequence[int] | None = None,
    group: int = 1,
    kernel_shape: Sequence[int] | None = None,
    output_padding: Sequence[int] | None = None,
    output_shape: Sequence[int] | None = None,
    pads: Sequence[int] | None = None,
    strides: Sequence[int] | None = None,
) -> Tensors:
    """Transposed convolution: each input element adds its multiple of the filters to the output."""
    sizes, kernel = x.shape[2:], tuple(kernel_shape or w.shape[2:])
    ones = (1,) * len(sizes)
    steps, gaps = tuple(strides or ones), tuple(dilations or ones)
    reach = [
        (size - 1) * step + (k - 1) * gap + 1 + extra
        for size, step, k, gap, extra in zip(
            sizes, steps, kernel, gaps, output_padding or (0,) * len(sizes), strict=True
        )
    ]
    if auto_pad in {"SAME_UPPER", "SAME_LOWER"} and output_shape is None:
        output_shape = [size * step for size, step in zip(sizes, steps, strict=True)]
    before, after = _crops(reach, output_shape, pads, auto_pad)
    full = tuple(n - min(0, z) for n, z in zip(reach, after, strict=True))
    y = _scatter(x, w, Windows(full, kernel, steps, gaps, before, after, sizes), group)
    cropped = [slice(a, n - z) for a, z, n in zip(before, after, reach, strict=True)]
    y = y[:, :, *cropped]
    return (y if b is None else y + b.reshape(-1, *ones),)


def _scatter(x: Array, w: Array, windows: Windows, group: int) -> Array:
    """Add each input element's multiple of the filters to the window that it belongs to."""
    n_samples, channels = len(x), group * w.shape[1]
    filters = w.reshape(group, w.shape[0] // group, -1).swapaxes(1, 2)
    products = filters @ x.reshape(n_samples, group, w.shape[0] // group, -1)
    products = products.reshape(n_samples, channels, *windows.kernel, *windows.count)
    y = np.zeros((n_samples, channels, *windows.sizes), x.dtype)
    for offset in product(*map(range, windows.kernel)):
        y[windows.tap(offset)] += products[:, :, *offset]
    return y


def _crops(
    reach: Sequence[int],
    output_shape: Sequence[int] | None,
    pads: Sequence[int] | None,
    auto_pad: str,
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Find what to cut off before and after along each axis; negative: to add zeros."""
    n = len(reach)
    if output_shape is None:
        ends = pads if pads and auto_pad == "NOTSET" else (0,) * 2 * n
        return tuple(ends[:n]), tuple(ends[n:])
    totals = [size - wanted for size, wanted in zip(reach, output_shape[-n:], strict=True)]
    upper = auto_pad == "SAME_UPPER"
    before = tuple(max(0, total // 2 if upper else total - total // 2) for total in totals)
    return before, tuple(total - cut for total, cut in zip(totals, before, strict=True))


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
    """Mean of each window."""
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
    # as ONNX's own test data have it, `count_include_pad` counts what `ceil_mode` adds, too
    total /= math.prod(kernel_shape) if count_include_pad else windows.populations()
    return (total,)


def _accumulate(ufunc: np.ufunc, arrays: Iterator[Array]) -> Array:
    """Combine arrays by a function of two, in place."""
    result = next(arrays).copy()
    for array in arrays:
        ufunc(result, array, out=result)
    return result


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
    """Largest value of each window; as second output where it is found in the flat input."""
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


@keeps_type
def numpy_global_average_pool(x: Array, /) -> Tensors:
    """Mean over all spatial axes."""
    return (np.mean(x, axis=_spatial(x), keepdims=True),)


@keeps_type
def numpy_global_lp_pool(x: Array, /, *, p: int = 2) -> Tensors:
    """Norm of order `p` over all spatial axes."""
    return (np.sum(np.abs(x) ** p, axis=_spatial(x), keepdims=True) ** (1 / p),)


def numpy_global_max_pool(x: Array, /) -> Tensors:
    """Largest value over all spatial axes."""
    return (np.max(x, axis=_spatial(x), keepdims=True),)


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
    """Largest values put back where `numpy_max_pool` found them, zeros elsewhere."""
    n = len(kernel_shape)
    steps, ends = strides or (1,) * n, pads or (0,) * 2 * n
    sizes = tuple(
        (size - 1) * step + k - ends[axis] - ends[n + axis]
        for axis, (size, step, k) in enumerate(zip(x.shape[2:], steps, kernel_shape, strict=True))
    )
    found = np.zeros((*x.shape[:2], *sizes), x.dtype)
    found.flat[i.ravel()] = x.ravel()
    if output_shape is None:
        return (found,)
    y = np.zeros([int(size) for size in output_shape], x.dtype)
    y[tuple(map(slice, found.shape))] = found
    return (y,)


def numpy_pad(
    data: Array,
    pads: Array,
    /,
    constant_value: Array | None = None,
    axes: Array | None = None,
    *,
    mode: str = "constant",
) -> Tensors:
    """Tensor with elements added before and after along some axes; negative numbers cut off."""
    chosen = range(data.ndim) if axes is None else [int(axis) for axis in axes]
    ends = np.zeros((data.ndim, 2), np.int64)
    ends[list(chosen)] = pads.reshape(2, -1).T
    cuts = np.maximum(-ends, 0)
    kept = data[tuple(slice(a, n - z) for (a, z), n in zip(cuts, data.shape, strict=True))]
    if mode != "constant":
        return (np.pad(kept, np.maximum(ends, 0), mode=mode),)  # type: ignore[call-overload]
    fill = 0 if constant_value is None else constant_value.item()
    return (np.pad(kept, np.maximum(ends, 0), constant_values=fill),)
