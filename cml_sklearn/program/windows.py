"""Windows that slide over the spatial axes of a tensor, and the convolution."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import product
from types import EllipsisType

import numpy as np

from cml_sklearn._typing import Array, IntArray

__all__ = ["Windows", "convolve"]

_UNROLLED = 1 << 17
"""Elements of a block of unrolled windows: as many as the processor's cache holds."""


@dataclass(frozen=True)
class Windows:
    """Where the windows lie along each spatial axis.

    Attributes
    ----------
    sizes : tuple of int
        Of the input, without padding.
    kernel, strides, dilations : tuple of int
    before, after : tuple of int
        Padding.
    count : tuple of int
        Number of windows.
    """

    sizes: tuple[int, ...]
    kernel: tuple[int, ...]
    strides: tuple[int, ...]
    dilations: tuple[int, ...]
    before: tuple[int, ...]
    after: tuple[int, ...]
    count: tuple[int, ...]

    @classmethod
    def place(
        cls,
        sizes: Sequence[int],
        kernel: Sequence[int],
        *,
        strides: Sequence[int] | None = None,
        dilations: Sequence[int] | None = None,
        pads: Sequence[int] | None = None,
        auto_pad: str = "NOTSET",
        ceil_mode: int = 0,
    ) -> Windows:
        """Work out padding and number of windows from an operator's attributes."""
        n = len(sizes)
        steps, gaps = strides or (1,) * n, dilations or (1,) * n
        ends = pads if pads and auto_pad == "NOTSET" else (0,) * 2 * n
        if min((*kernel, *steps, *gaps, 1)) < 1 or min(ends, default=0) < 0:
            raise ValueError(
                f"windows of {list(kernel)} elements with strides {list(steps)}, dilations "
                f"{list(gaps)} and pads {list(ends)}: sizes must be positive, and pads not negative"
            )
        axes = [
            _place_axis(
                size,
                (k - 1) * gap + 1,
                step,
                (ends[i], ends[n + i]),
                auto_pad=auto_pad,
                ceil_mode=ceil_mode,
            )
            for i, (size, k, step, gap) in enumerate(zip(sizes, kernel, steps, gaps, strict=True))
        ]
        before, after, count = zip(*axes, strict=True)
        return cls(tuple(sizes), tuple(kernel), tuple(steps), tuple(gaps), before, after, count)

    @property
    def overhang(self) -> tuple[int, ...]:
        """Padding after the input that the last windows reach; what is more stays unused."""
        along = zip(
            self.count,
            self.strides,
            self.kernel,
            self.dilations,
            self.sizes,
            self.before,
            strict=True,
        )
        return tuple(
            max(0, (n - 1) * step + (k - 1) * gap + 1 - size - before)
            for n, step, k, gap, size, before in along
        )

    def pad(self, x: Array, value: float) -> Array:
        """Pad `x` so that all windows fit, also those that `ceil_mode` lets hang over the end."""
        width = list(zip(self.before, self.overhang, strict=True))
        if not any(map(any, width)):
            return x
        shape = [size + sum(ends) for size, ends in zip(self.sizes, width, strict=True)]
        padded = np.full((*x.shape[: -len(width)], *shape), value, x.dtype)
        ends = zip(self.sizes, width, strict=True)
        inner = tuple(slice(b, b + size) for size, (b, _) in ends)
        padded[(slice(None),) * (x.ndim - len(inner)) + inner] = x
        return padded

    def taps(self, padded: Array) -> Iterator[Array]:
        """Give for each element of the kernel, in turn, the elements that it meets."""
        for offset in product(*map(range, self.kernel)):
            yield padded[self.tap(offset)]

    def tap(self, offset: tuple[int, ...]) -> tuple[EllipsisType | slice, ...]:
        """Index of all elements of the padded input that one element of the kernel meets."""
        along = zip(offset, self.dilations, self.count, self.strides, strict=True)
        return (
            ...,
            *(slice(o * gap, o * gap + (n - 1) * step + 1, step) for o, gap, n, step in along),
        )

    def view(self, padded: Array) -> Array:
        """View the padded input as an array of axes (..., kernel, count)."""
        n = len(self.kernel)
        outer, inner = padded.strides[:-n], padded.strides[-n:]
        return np.lib.stride_tricks.as_strided(
            padded,
            (*padded.shape[:-n], *self.kernel, *self.count),
            (
                *outer,
                *(s * gap for s, gap in zip(inner, self.dilations, strict=True)),
                *(s * step for s, step in zip(inner, self.strides, strict=True)),
            ),
            writeable=False,
        )

    def positions(self) -> list[IntArray]:
        """Place of each window's elements along each axis, shape (count, kernel).

        They are counted from the input's first element: those of the padding lie outside of it.
        """
        along = zip(self.count, self.strides, self.before, self.kernel, self.dilations, strict=True)
        return [
            np.arange(n)[:, None] * step - before + np.arange(k) * gap
            for n, step, before, k, gap in along
        ]

    def populations(self, *, padding: bool = False) -> IntArray:
        """Count the elements of the input in each window.

        With `padding`, those of the padding count, too; what hangs over its end never does.
        """
        counts = []
        along = zip(self.positions(), self.sizes, self.before, self.after, strict=True)
        for positions, size, before, after in along:
            low, high = (-before, size + after) if padding else (0, size)
            counts.append(np.sum((positions >= low) & (positions < high), axis=1))
        return reduce(np.multiply.outer, counts)


def _place_axis(
    size: int, extent: int, step: int, ends: tuple[int, int], *, auto_pad: str, ceil_mode: int
) -> tuple[int, int, int]:
    """Find padding before and after, and number of windows, along one axis."""
    if auto_pad in {"SAME_UPPER", "SAME_LOWER"}:
        count = -(-size // step)
        total = max(0, (count - 1) * step + extent - size)
        small, large = total // 2, total - total // 2
        return (small, large, count) if auto_pad == "SAME_UPPER" else (large, small, count)
    before, after = ends
    room = size + before + after - extent
    if room < 0:
        raise ValueError(f"a window of {extent} elements does not fit into {room + extent}")
    count = (-(-room // step) if ceil_mode else room // step) + 1
    if ceil_mode and (count - 1) * step >= size + before:  # a window wholly after the input
        count -= 1
    return before, after, count


def convolve(
    x: Array,
    w: Array,
    *,
    strides: Sequence[int] | None = None,
    pads: Sequence[int] | None = None,
    dilations: Sequence[int] | None = None,
    group: int = 1,
) -> Array:
    """Convolve tensors whose channels come before their spatial axes.

    Parameters
    ----------
    x : ndarray of shape (n_samples, channels, spatial...)
    w : ndarray of shape (filters, channels / group, kernel...)
    strides, dilations : sequence of int, optional
        One for each spatial axis.
    pads : sequence of int, optional
        Zeros before each spatial axis, then those after each.
    group : int
        Parts of the channels, each with its own filters.

    Returns
    -------
    ndarray of shape (n_samples, filters, count...)

    Raises
    ------
    ValueError
        The kernel does not fit into the padded input.
    """
    windows = Windows.place(
        x.shape[2:], w.shape[2:], strides=strides, dilations=dilations, pads=pads
    )
    padded = windows.pad(x, 0)
    unrolled = windows.view(padded.reshape(len(x), group, w.shape[1], *padded.shape[2:]))
    filters = w.reshape(group, w.shape[0] // group, -1)
    y = _blocked_product(filters, unrolled, math.prod(windows.count))
    return y.reshape(len(x), w.shape[0], *windows.count)


def _blocked_product(filters: Array, unrolled: Array, positions: int) -> Array:
    """Multiply filters by unrolled windows, a few samples at a time.

    Parameters
    ----------
    filters : ndarray of shape (group, filters, channels * kernel)
    unrolled : ndarray of shape (n_samples, group, channels, kernel..., count...)

    Returns
    -------
    ndarray of shape (n_samples, group, filters, positions)
    """
    n_samples = len(unrolled)
    group, n_filters, size = filters.shape
    y = np.empty((n_samples, group, n_filters, positions), np.result_type(unrolled, filters))
    step = max(1, _UNROLLED // max(1, group * size * positions))
    for start in range(0, n_samples, step):
        block = slice(start, start + step)
        columns = unrolled[block].reshape(-1, group, size, positions)
        np.matmul(filters, columns, out=y[block])
    return y
