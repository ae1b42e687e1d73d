"""Operators that run over whole axes: products, reductions, normalizations."""

from __future__ import annotations

from collections.abc import Callable
from functools import update_wrapper

import numpy as np

from cml_sklearn.onnx._arrays import Array, Operator, Tensors, highest, keeps_type, lowest

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

_Axes = tuple[int, ...] | None
"""Axes as NumPy takes them; None means all."""


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


def _reduction(reduce: Callable[[Array, _Axes, bool], Array]) -> Operator:
    """Make an operator, with ONNX's signature, of a reduction over axes; it keeps the type."""

    def operator(
        data: Array,
        /,
        axes: Array | None = None,
        *,
        keepdims: int = 1,
        noop_with_empty_axes: int = 0,
    ) -> Tensors:
        chosen = None if axes is None or not axes.size else tuple(map(int, axes.ravel()))
        if chosen is None and noop_with_empty_axes:
            return (data,)
        return (np.asarray(reduce(data, chosen, bool(keepdims))).astype(data.dtype, copy=False),)

    update_wrapper(operator, reduce, ("__module__", "__name__", "__qualname__", "__doc__"), ())
    vars(operator).pop("__wrapped__")  # so that `inspect` shows the operator's own signature
    return operator


def _arg_extreme(
    find: Callable[..., Array], data: Array, axis: int, keepdims: bool, last: bool
) -> Array:
    """Index of an extreme value along an axis."""
    if not last:
        return find(data, axis=axis, keepdims=keepdims)
    return data.shape[axis] - 1 - find(np.flip(data, axis), axis=axis, keepdims=keepdims)


def _log_sum_exp(data: Array, axes: int | _Axes, *, keepdims: bool) -> Array:
    """Logarithm of the sum of exponentials, shifted so that none overflows."""
    x = data if np.issubdtype(data.dtype, np.floating) else data.astype(np.float64)
    top = np.max(x, axis=axes, keepdims=True, initial=-np.inf)
    shift = np.where(np.isfinite(top), top, 0)
    total = np.log(np.sum(np.exp(x - shift), axis=axes, keepdims=True)) + shift
    return total if keepdims else np.squeeze(total, axis=axes)


@_reduction
def numpy_reduce_l1(data: Array, axes: _Axes, keepdims: bool) -> Array:
    """Sum of absolute values."""
    return np.sum(np.abs(data), axis=axes, keepdims=keepdims)


@_reduction
def numpy_reduce_l2(data: Array, axes: _Axes, keepdims: bool) -> Array:
    """Square root of the sum of squares."""
    return np.sqrt(np.sum(np.square(data), axis=axes, keepdims=keepdims))


@_reduction
def numpy_reduce_log_sum(data: Array, axes: _Axes, keepdims: bool) -> Array:
    """Logarithm of the sum."""
    return np.log(np.sum(data, axis=axes, keepdims=keepdims))


@_reduction
def numpy_reduce_log_sum_exp(data: Array, axes: _Axes, keepdims: bool) -> Array:
    """Logarithm of the sum of exponentials."""
    return _log_sum_exp(data, axes, keepdims=keepdims)


@_reduction
def numpy_reduce_max(data: Array, axes: _Axes, keepdims: bool) -> Array:
    """Largest value."""
    return np.max(data, axes, keepdims=keepdims, initial=lowest(data.dtype))


@_reduction
def numpy_reduce_mean(data: Array, axes: _Axes, keepdims: bool) -> Array:
    """Mean."""
    return np.mean(data, axis=axes, keepdims=keepdims)


@_reduction
def numpy_reduce_min(data: Array, axes: _Axes, keepdims: bool) -> Array:
    """Smallest value."""
    return np.min(data, axes, keepdims=keepdims, initial=highest(data.dtype))


@_reduction
def numpy_reduce_prod(data: Array, axes: _Axes, keepdims: bool) -> Array:
    """Product."""
    return np.prod(data, axis=axes, keepdims=keepdims)


@_reduction
def numpy_reduce_sum(data: Array, axes: _Axes, keepdims: bool) -> Array:
    """Sum."""
    return np.sum(data, axis=axes, keepdims=keepdims)


@_reduction
def numpy_reduce_sum_square(data: Array, axes: _Axes, keepdims: bool) -> Array:
    """Sum of squares."""
    return np.sum(np.square(data), axis=axes, keepdims=keepdims)


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
