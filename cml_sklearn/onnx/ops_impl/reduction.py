"""Operators that run over whole axes: products, reductions, softmax."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from cml_sklearn._typing import Array
from cml_sklearn.onnx._arrays import Operator, Tensors, highest, keeps_type, lowest
from cml_sklearn.onnx.ops_impl.registry import operator

_Axes = tuple[int, ...] | None
"""Axes as NumPy takes them; None means all."""


@operator("Gemm")
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


@operator("MatMul")
def numpy_matmul(a: Array, b: Array, /) -> Tensors:
    """Matrix product over the last two axes."""
    return (np.matmul(a, b),)


@operator("Einsum")
def numpy_einsum(*inputs: Array, equation: str) -> Tensors:
    """Sum of products by Einstein's convention."""
    return (np.einsum(equation, *inputs, optimize=True),)


def _reduction(reduce: Callable[..., Array]) -> Operator:
    """Make an implementation, which keeps the type, of a function with NumPy's axis, keepdims."""

    def apply(
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
        y = reduce(data, axis=chosen, keepdims=bool(keepdims))
        return (np.asarray(y).astype(data.dtype, copy=False),)

    return apply


def _arg_extreme(first: Callable[..., Array]) -> Operator:
    """Make an implementation of NumPy's function for the index of the first extreme value."""

    def apply(
        data: Array, /, *, axis: int = 0, keepdims: int = 1, select_last_index: int = 0
    ) -> Tensors:
        if not select_last_index:
            return (first(data, axis=axis, keepdims=bool(keepdims)),)
        backwards = first(np.flip(data, axis), axis=axis, keepdims=bool(keepdims))
        return (data.shape[axis] - 1 - backwards,)

    return apply


def _log_sum_exp(data: Array, axis: int | _Axes, *, keepdims: bool) -> Array:
    """Logarithm of the sum of exponentials, shifted so that none overflows."""
    x = data if np.issubdtype(data.dtype, np.floating) else data.astype(np.float64)
    top = np.max(x, axis=axis, keepdims=True, initial=-np.inf)
    shift = np.where(np.isfinite(top), top, 0)
    total = np.log(np.sum(np.exp(x - shift), axis=axis, keepdims=True)) + shift
    return total if keepdims else np.squeeze(total, axis=axis)


@operator("ReduceL1")
@_reduction
def numpy_reduce_l1(data: Array, axis: _Axes, keepdims: bool) -> Array:
    """Sum of absolute values."""
    return np.sum(np.abs(data), axis=axis, keepdims=keepdims)


@operator("ReduceL2")
@_reduction
def numpy_reduce_l2(data: Array, axis: _Axes, keepdims: bool) -> Array:
    """Square root of the sum of squares."""
    return np.sqrt(np.sum(np.square(data), axis=axis, keepdims=keepdims))


@operator("ReduceLogSum")
@_reduction
def numpy_reduce_log_sum(data: Array, axis: _Axes, keepdims: bool) -> Array:
    """Logarithm of the sum."""
    return np.log(np.sum(data, axis=axis, keepdims=keepdims))


@operator("ReduceMax")
@_reduction
def numpy_reduce_max(data: Array, axis: _Axes, keepdims: bool) -> Array:
    """Largest value."""
    return np.max(data, axis, keepdims=keepdims, initial=lowest(data.dtype))


@operator("ReduceMin")
@_reduction
def numpy_reduce_min(data: Array, axis: _Axes, keepdims: bool) -> Array:
    """Smallest value."""
    return np.min(data, axis, keepdims=keepdims, initial=highest(data.dtype))


@operator("ReduceSumSquare")
@_reduction
def numpy_reduce_sum_square(data: Array, axis: _Axes, keepdims: bool) -> Array:
    """Sum of squares."""
    return np.sum(np.square(data), axis=axis, keepdims=keepdims)


numpy_reduce_mean = operator("ReduceMean")(_reduction(np.mean))
numpy_reduce_prod = operator("ReduceProd")(_reduction(np.prod))
numpy_reduce_sum = operator("ReduceSum")(_reduction(np.sum))
numpy_reduce_log_sum_exp = operator("ReduceLogSumExp")(_reduction(_log_sum_exp))
numpy_arg_max = operator("ArgMax")(_arg_extreme(np.argmax))
numpy_arg_min = operator("ArgMin")(_arg_extreme(np.argmin))


@operator("Softmax")
@keeps_type
def numpy_softmax(input: Array, /, *, axis: int = -1) -> Tensors:
    """Exponentials that add up to one."""
    exponentials = np.exp(input - np.max(input, axis=axis, keepdims=True))
    return (exponentials / np.sum(exponentials, axis=axis, keepdims=True),)


@operator("LogSoftmax")
@keeps_type
def numpy_log_softmax(input: Array, /, *, axis: int = -1) -> Tensors:
    """Logarithm of the softmax."""
    return (input - _log_sum_exp(input, axis, keepdims=True),)


@operator("Hardmax")
@keeps_type
def numpy_hardmax(input: Array, /, *, axis: int = -1) -> Tensors:
    """One at the first largest value, zero elsewhere."""
    largest = np.argmax(input, axis=axis, keepdims=True)
    positions = np.arange(input.shape[axis])
    return (np.moveaxis(positions == np.moveaxis(largest, axis, -1), -1, axis),)
