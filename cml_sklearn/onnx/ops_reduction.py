"""Operators that run over whole axes: products, reductions, normalizations."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from cml_sklearn.onnx._arrays import Array, Tensors, highest, keeps_type, lowest

__all__ = [
    "numpy_arg_max",
    "numpy_arg_min",
    "numpy_einsum",
    "numpy_gemm",
    "numpy_hardmax",
    "numpy_log_softmax",
    "numpy_matmul",
    "numpy_reduce_l1",
    "numpy_reduce_l2",
    "numpy_reduce_log_sum",
    "numpy_reduce_log_sum_exp",
    "numpy_reduce_max",
    "numpy_reduce_mean",
    "numpy_reduce_min",
    "numpy_reduce_prod",
    "numpy_reduce_sum",
    "numpy_reduce_sum_square",
    "numpy_softmax",
]


@keeps_type
def numpy_gemm(
    a: Array,
    b: Array,
    /,
    c: Array | None = None,
    *,
    alpha: float = 1.0,
    beta: float = 1.0,
    transA: int = 0,
    transB: int = 0,
) -> Tensors:
    """Matrix product ``alpha * a @ b + beta * c``."""
    product = (a.T if transA else a) @ (b.T if transB else b)
    scaled = product if alpha == 1 else alpha * product
    if c is None:
        return (scaled,)
    return (scaled + (c if beta == 1 else beta * c),)


def numpy_matmul(a: Array, b: Array, /) -> Tensors:
    """Matrix product over the last two axes."""
    return (np.matmul(a, b),)


def numpy_einsum(*inputs: Array, equation: str) -> Tensors:
    """Sum of products by Einstein's convention."""
    return (np.einsum(equation, *inputs, optimize=True),)


def _axes(axes: Array | None) -> tuple[int, ...] | None:
    """Axes as NumPy takes them; none means all."""
    return None if axes is None or not axes.size else tuple(int(axis) for axis in axes.ravel())


def _arg_extreme(
    find: Callable[..., Array], data: Array, axis: int, keepdims: bool, last: bool
) -> Array:
    """Index of an extreme value along an axis."""
    if not last:
        return find(data, axis=axis, keepdims=keepdims)
    return data.shape[axis] - 1 - find(np.flip(data, axis), axis=axis, keepdims=keepdims)


def _is_noop(axes: Array | None, noop_with_empty_axes: int) -> bool:
    """Whether a reduction is to hand its input on."""
    return bool(noop_with_empty_axes) and (axes is None or not axes.size)


def _log_sum_exp(x: Array, axes: int | tuple[int, ...] | None, *, keepdims: bool) -> Array:
    """Logarithm of the sum of exponentials, shifted so that none overflows."""
    top = np.max(x, axis=axes, keepdims=True, initial=-np.inf)
    shift = np.where(np.isfinite(top), top, 0)
    total = np.log(np.sum(np.exp(x - shift), axis=axes, keepdims=True)) + shift
    return total if keepdims else np.squeeze(total, axis=axes)


@keeps_type
def numpy_reduce_l1(
    data: Array, /, axes: Array | None = None, *, keepdims: int = 1, noop_with_empty_axes: int = 0
) -> Tensors:
    """Sum of absolute values."""
    if _is_noop(axes, noop_with_empty_axes):
        return (data,)
    return (np.sum(np.abs(data), axis=_axes(axes), keepdims=bool(keepdims)),)


@keeps_type
def numpy_reduce_l2(
    data: Array, /, axes: Array | None = None, *, keepdims: int = 1, noop_with_empty_axes: int = 0
) -> Tensors:
    """Square root of the sum of squares."""
    if _is_noop(axes, noop_with_empty_axes):
        return (data,)
    return (np.sqrt(np.sum(np.square(data), axis=_axes(axes), keepdims=bool(keepdims))),)


@keeps_type
def numpy_reduce_log_sum(
    data: Array, /, axes: Array | None = None, *, keepdims: int = 1, noop_with_empty_axes: int = 0
) -> Tensors:
    """Logarithm of the sum."""
    if _is_noop(axes, noop_with_empty_axes):
        return (data,)
    return (np.log(np.sum(data, axis=_axes(axes), keepdims=bool(keepdims))),)


@keeps_type
def numpy_reduce_log_sum_exp(
    data: Array, /, axes: Array | None = None, *, keepdims: int = 1, noop_with_empty_axes: int = 0
) -> Tensors:
    """Logarithm of the sum of exponentials."""
    if _is_noop(axes, noop_with_empty_axes):
        return (data,)
    return (_log_sum_exp(data, _axes(axes), keepdims=bool(keepdims)),)


@keeps_type
def numpy_reduce_max(
    data: Array, /, axes: Array | None = None, *, keepdims: int = 1, noop_with_empty_axes: int = 0
) -> Tensors:
    """Largest value."""
    if _is_noop(axes, noop_with_empty_axes):
        return (data,)
    return (np.max(data, _axes(axes), keepdims=bool(keepdims), initial=lowest(data.dtype)),)


@keeps_type
def numpy_reduce_mean(
    data: Array, /, axes: Array | None = None, *, keepdims: int = 1, noop_with_empty_axes: int = 0
) -> Tensors:
    """Mean."""
    if _is_noop(axes, noop_with_empty_axes):
        return (data,)
    return (np.mean(data, axis=_axes(axes), keepdims=bool(keepdims)),)


@keeps_type
def numpy_reduce_min(
    data: Array, /, axes: Array | None = None, *, keepdims: int = 1, noop_with_empty_axes: int = 0
) -> Tensors:
    """Smallest value."""
    if _is_noop(axes, noop_with_empty_axes):
        return (data,)
    return (np.min(data, _axes(axes), keepdims=bool(keepdims), initial=highest(data.dtype)),)


@keeps_type
def numpy_reduce_prod(
    data: Array, /, axes: Array | None = None, *, keepdims: int = 1, noop_with_empty_axes: int = 0
) -> Tensors:
    """Product."""
    if _is_noop(axes, noop_with_empty_axes):
        return (data,)
    return (np.prod(data, axis=_axes(axes), keepdims=bool(keepdims)),)


@keeps_type
def numpy_reduce_sum(
    data: Array, /, axes: Array | None = None, *, keepdims: int = 1, noop_with_empty_axes: int = 0
) -> Tensors:
    """Sum."""
    if _is_noop(axes, noop_with_empty_axes):
        return (data,)
    return (np.sum(data, axis=_axes(axes), keepdims=bool(keepdims)),)


@keeps_type
def numpy_reduce_sum_square(
    data: Array, /, axes: Array | None = None, *, keepdims: int = 1, noop_with_empty_axes: int = 0
) -> Tensors:
    """Sum of squares."""
    if _is_noop(axes, noop_with_empty_axes):
        return (data,)
    return (np.sum(np.square(data), axis=_axes(axes), keepdims=bool(keepdims)),)


def numpy_arg_max(
    data: Array, /, *, axis: int = 0, keepdims: int = 1, select_last_index: int = 0
) -> Tensors:
    """Index of the largest value: the first one, or the last."""
    return (_arg_extreme(np.argmax, data, axis, bool(keepdims), bool(select_last_index)),)


def numpy_arg_min(
    data: Array, /, *, axis: int = 0, keepdims: int = 1, select_last_index: int = 0
) -> Tensors:
    """Index of the smallest value: the first one, or the last."""
    return (_arg_extreme(np.argmin, data, axis, bool(keepdims), bool(select_last_index)),)


@keeps_type
def numpy_softmax(input: Array, /, *, axis: int = -1) -> Tensors:
    """Exponentials that add up to one."""
    exponentials = np.exp(input - np.max(input, axis=axis, keepdims=True))
    return (exponentials / np.sum(exponentials, axis=axis, keepdims=True),)


@keeps_type
def numpy_log_softmax(input: Array, /, *, axis: int = -1) -> Tensors:
    """Logarithm of the softmax."""
    return (input - _log_sum_exp(input, axis, keepdims=True),)


@keeps_type
def numpy_hardmax(input: Array, /, *, axis: int = -1) -> Tensors:
    """One at the first largest value, zero elsewhere."""
    largest = np.argmax(input, axis=axis, keepdims=True)
    positions = np.arange(input.shape[axis])
    return (np.moveaxis(positions == np.moveaxis(largest, axis, -1), -1, axis),)
