"""Convolutions, over any number of spatial axes."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

import numpy as np

from cml_sklearn._typing import Array
from cml_sklearn.onnx._arrays import Tensors, keeps_type
from cml_sklearn.onnx.ops_impl.registry import operator
from cml_sklearn.program.windows import Windows, convolve


@operator("Conv")
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
    if kernel_shape and tuple(kernel_shape) != w.shape[2:]:
        raise ValueError(f"kernel_shape is {list(kernel_shape)} for filters of {w.shape[2:]}")
    if auto_pad != "NOTSET":
        windows = Windows.place(
            x.shape[2:], w.shape[2:], strides=strides, dilations=dilations, auto_pad=auto_pad
        )
        pads = (*windows.before, *windows.after)
    y = convolve(x, w, strides=strides, pads=pads, dilations=dilations, group=group)
    return (y if b is None else _plus_bias(y, b),)


def _plus_bias(y: Array, b: Array) -> Array:
    """Add one value a channel, in place."""
    y += b.reshape(-1, *(1,) * (y.ndim - 2))
    return y


@operator("ConvTranspose")
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
    reach = transposed_reach(sizes, kernel, steps, gaps, output_padding or (0,) * len(sizes))
    if auto_pad in {"SAME_UPPER", "SAME_LOWER"} and output_shape is None:
        output_shape = [size * step for size, step in zip(sizes, steps, strict=True)]
    before, after = crops(reach, output_shape, pads, auto_pad)
    full = tuple(n - min(0, z) for n, z in zip(reach, after, strict=True))
    y = _transposed(x, w, Windows(full, kernel, steps, gaps, before, after, sizes), group)
    cropped = [slice(a, n - z) for a, z, n in zip(before, after, reach, strict=True)]
    y = y[(slice(None), slice(None), *cropped)]
    return (y if b is None else _plus_bias(y, b),)


def transposed_reach(
    sizes: Sequence[int],
    kernel: Sequence[int],
    strides: Sequence[int],
    dilations: Sequence[int],
    output_padding: Sequence[int],
) -> list[int]:
    """Sizes of a transposed convolution's result before anything is cut off."""
    along = zip(sizes, kernel, strides, dilations, output_padding, strict=True)
    return [(n - 1) * step + (k - 1) * gap + 1 + extra for n, k, step, gap, extra in along]


def _transposed(x: Array, w: Array, windows: Windows, group: int) -> Array:
    """Add each input element's multiple of the filters to the window that it belongs to."""
    n_samples, channels = len(x), group * w.shape[1]
    filters = w.reshape(group, w.shape[0] // group, -1).swapaxes(1, 2)
    products = filters @ x.reshape(n_samples, group, w.shape[0] // group, -1)
    products = products.reshape(n_samples, channels, *windows.kernel, *windows.count)
    y = np.zeros((n_samples, channels, *windows.sizes), x.dtype)
    for offset in product(*map(range, windows.kernel)):
        y[windows.tap(offset)] += products[(slice(None), slice(None), *offset)]
    return y


def crops(
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
