"""Operators that look elements up, write them, order them or count them out."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from cml_sklearn._typing import Array
from cml_sklearn.onnx._arrays import NUMPY_TYPES, Tensors, keeps_type
from cml_sklearn.onnx.ops_impl.registry import operator

_COMBINE: dict[str, Callable[..., Array]] = {
    "add": np.add,
    "mul": np.multiply,
    "max": np.maximum,
    "min": np.minimum,
}
"""How scattered values are combined with those there already."""


def _along(indices: Array, axis: int) -> tuple[Array, ...]:
    """Index of the elements that lie where `indices` says along an axis, in place elsewhere."""
    where = list(np.indices(indices.shape, sparse=True))
    where[axis] = indices
    return tuple(where)


def _written(data: Array, where: tuple[Array, ...], updates: Array, reduction: str) -> Array:
    """Copy with values written into it."""
    y = data.copy()
    if reduction == "none":
        y[where] = updates
    else:
        _COMBINE[reduction].at(y, where, updates)  # type: ignore[attr-defined]
    return y


@operator("Compress")
def numpy_compress(input: Array, condition: Array, /, *, axis: int | None = None) -> Tensors:
    """Slices where the condition holds, along an axis or of the flat tensor."""
    return (np.compress(condition, input, axis=axis),)


@operator("CumSum")
@keeps_type
def numpy_cum_sum(x: Array, axis: Array, /, *, exclusive: int = 0, reverse: int = 0) -> Tensors:
    """Sum of all elements up to each one, which `exclusive` leaves out, or from each one on."""
    along = int(axis.item())
    ordered = np.flip(x, along) if reverse else x
    sums = np.cumsum(ordered, axis=along)
    sums = sums - ordered if exclusive else sums
    return (np.flip(sums, along) if reverse else sums,)


@operator("Det")
def numpy_det(x: Array, /) -> Tensors:
    """Calculate the determinant of each matrix on the last two axes."""
    return (np.asarray(np.linalg.det(x), x.dtype),)


@operator("EyeLike")
def numpy_eye_like(input: Array, /, *, dtype: int | None = None, k: int = 0) -> Tensors:
    """Matrix with ones on a diagonal, in the shape of another."""
    rows, columns = input.shape
    kind = input.dtype if dtype is None else NUMPY_TYPES[dtype]
    return (np.eye(rows, columns, k, kind),)


@operator("Gather")
def numpy_gather(data: Array, indices: Array, /, *, axis: int = 0) -> Tensors:
    """Slices of `data` at the indices along an axis."""
    return (np.take(data, indices, axis=axis),)


@operator("GatherElements")
def numpy_gather_elements(data: Array, indices: Array, /, *, axis: int = 0) -> Tensors:
    """Elements of `data`, each by its own index along an axis."""
    return (data[_along(indices, axis)],)


@operator("GatherND")
def numpy_gather_nd(data: Array, indices: Array, /, *, batch_dims: int = 0) -> Tensors:
    """Parts of `data` by index vectors, after axes that both tensors share."""
    batch = np.indices(indices.shape[:batch_dims], sparse=True)
    spread = (b.reshape(*b.shape, *(1,) * (indices.ndim - 1 - batch_dims)) for b in batch)
    return (data[(*spread, *np.moveaxis(indices, -1, 0))],)


@operator("NonZero")
def numpy_non_zero(x: Array, /) -> Tensors:
    """Index of every element that is not zero, one column each."""
    return (np.stack(np.nonzero(np.atleast_1d(x))).astype(np.int64)[: x.ndim],)


@operator("OneHot")
def numpy_one_hot(indices: Array, depth: Array, values: Array, /, *, axis: int = -1) -> Tensors:
    """Axis added, with the second of two values at the index, the first elsewhere."""
    n = int(depth.item())
    hot = np.expand_dims(indices % n, axis) == np.arange(n).reshape(
        [n if i == axis % (indices.ndim + 1) else 1 for i in range(indices.ndim + 1)]
    )
    inside = np.expand_dims((indices >= -n) & (indices < n), axis)
    return (np.where(hot & inside, values[1], values[0]),)


@operator("Range")
def numpy_range(start: Array, limit: Array, delta: Array, /) -> Tensors:
    """Numbers from `start` by steps of `delta`, up to `limit`."""
    return (np.arange(start.item(), limit.item(), delta.item(), dtype=start.dtype),)


@operator("ReverseSequence")
def numpy_reverse_sequence(
    input: Array, sequence_lens: Array, /, *, batch_axis: int = 1, time_axis: int = 0
) -> Tensors:
    """Sequences of a batch turned round, each over its own length."""
    time = np.arange(input.shape[time_axis])[:, None]
    where = np.where(time < sequence_lens, sequence_lens - 1 - time, time)
    where = where if batch_axis else where.T
    shape = where.shape + (1,) * (input.ndim - 2)
    return (np.take_along_axis(input, where.reshape(shape), axis=time_axis),)


@operator("Scatter")
def numpy_scatter(data: Array, indices: Array, updates: Array, /, *, axis: int = 0) -> Tensors:
    """Copy with some elements written, each by its own index along an axis."""
    return (_written(data, _along(indices, axis), updates, "none"),)


@operator("ScatterElements")
def numpy_scatter_elements(
    data: Array, indices: Array, updates: Array, /, *, axis: int = 0, reduction: str = "none"
) -> Tensors:
    """Copy with some elements written or changed, each by its own index along an axis."""
    where = _along(np.where(indices < 0, indices + data.shape[axis], indices), axis)
    return (_written(data, where, updates, reduction),)


@operator("ScatterND")
def numpy_scatter_nd(
    data: Array, indices: Array, updates: Array, /, *, reduction: str = "none"
) -> Tensors:
    """Copy with parts written or changed by index vectors."""
    return (_written(data, tuple(np.moveaxis(indices, -1, 0)), updates, reduction),)


@operator("TopK")
def numpy_top_k(
    x: Array, k: Array, /, *, axis: int = -1, largest: int = 1, sorted: int = 1
) -> Tensors:
    """Largest or smallest values along an axis, and their indices; always sorted."""
    del sorted
    backwards = np.flip(x, axis) if largest else x
    order = np.argsort(backwards, axis=axis, kind="stable")
    order = np.flip(x.shape[axis] - 1 - order, axis) if largest else order
    indices = np.take(order, np.arange(int(k.item())), axis=axis)
    return np.take_along_axis(x, indices, axis), indices


@operator("Trilu")
def numpy_trilu(input: Array, /, k: Array | None = None, *, upper: int = 1) -> Tensors:
    """Upper or lower triangles of matrices, from the diagonal `k` on."""
    diagonal = 0 if k is None else int(k.item())
    return ((np.triu if upper else np.tril)(input, diagonal),)


@operator("Unique")
def numpy_unique(x: Array, /, *, axis: int | None = None, sorted: int = 1) -> Tensors:
    """Values that occur, sorted or by first occurrence; where, where from, and how often."""
    flat = x if axis is not None else x.ravel()
    along = axis or 0
    values, first, inverse, counts = np.unique(
        flat, return_index=True, return_inverse=True, return_counts=True, axis=along
    )
    order = np.arange(len(first)) if sorted else np.argsort(first)
    rank = np.argsort(order)
    return np.take(values, order, along), first[order], rank[inverse.ravel()], counts[order]
