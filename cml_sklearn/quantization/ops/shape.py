"""Operators that only move elements: free under encryption."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from cml_sklearn._typing import Array, FloatArray, IntArray
from cml_sklearn.program.integers import to_integers
from cml_sklearn.program.steps import (
    Concatenate,
    Declare,
    MatMul,
    Pad,
    Reshape,
    Take,
    Transpose,
)
from cml_sklearn.quantization.quantized_op import Operand, QuantizedOp
from cml_sklearn.quantization.quantized_tensor import QuantizedTensor
from cml_sklearn.quantization.ranges import best_range


class QuantizedMove(
    QuantizedOp,
    ops=(
        "DepthToSpace",
        "Expand",
        "Flatten",
        "GatherElements",
        "Reshape",
        "Slice",
        "SpaceToDepth",
        "Squeeze",
        "Tile",
        "Unsqueeze",
    ),
):
    """Elements in another shape or order; what goes where is found out by moving their numbers."""

    moves_features = True
    may_be_clear = True

    @override
    def q_impl(self, x: Operand, *parameters: Operand, **attributes: object) -> QuantizedTensor:
        tensor = self.tensor(x)
        positions = self.compute(_numbered(tensor), *map(self.parameter, parameters))
        if positions.ndim == 0 or positions.shape[0] != 1:
            raise self.unsupported(
                "moves the samples' axis", "Keep the first axis as it is, of any length."
            )
        if len(tensor.shape) == 1 and not tensor.is_affine and _all_stay(tensor, positions):
            # what follows may take a range for each channel
            return tensor.reshaped(positions.shape[1:])
        return take(self.affine(tensor), positions[0])


class QuantizedGather(QuantizedMove, ops=("Gather",)):
    """Elements at constant positions, or rows of a constant table: free for indices of an input.

    Other encrypted indices take one lookup for each of a row's elements.
    """

    @override
    def q_impl(self, x: Operand, *parameters: Operand, **attributes: object) -> QuantizedTensor:
        (indices,) = parameters
        if isinstance(indices, QuantizedTensor) and isinstance(x, np.ndarray):
            return self._rows(x, indices)
        return super().q_impl(x, indices, **attributes)

    def _rows(self, table: Array, indices: QuantizedTensor) -> QuantizedTensor:
        """Rows of a table by encrypted indices."""
        if indices.builder.holds_rows(indices.number):
            return self._product(table.astype(np.float64), indices)
        x = self.affine(indices)
        if self.attributes["axis"] % table.ndim:
            raise self.unsupported("looks up columns", "Look up along axis 0 of the table.")
        if np.max(np.abs(x.scale)) > 1:
            raise self.unsupported(
                f"looks up one of {len(table)} rows by an index in steps of more than 1",
                "Raise n_bits until all indices have codes of their own.",
            )
        rest = table.shape[1:]
        columns = np.indices(rest, sparse=True)
        positions = np.arange(math.prod(x.shape)).reshape(*x.shape, *(1,) * len(rest))
        repeated = take(x, np.broadcast_to(positions, (*x.shape, *rest)).copy())

        def function(values: FloatArray) -> FloatArray:
            rows = to_integers(values, "A row of a table")
            rows = np.clip(np.where(rows < 0, rows + len(table), rows), 0, len(table) - 1)
            return table[(rows, *columns)].astype(np.float64)

        return repeated.then(function)

    def _product(self, table: FloatArray, bits: QuantizedTensor) -> QuantizedTensor:
        """Rows of a table's codes by bits, of which one in each row of them is 1."""
        weight = np.full(len(table), 1 / len(table))
        quantizer = best_range(
            table,
            self.n_bits.activations,
            weight,
            per_feature=False,
            method=bits.builder.range_method,
        )
        codes = quantizer.quantize(table).reshape(len(table), -1)
        rows = bits.step(MatMul(codes)).step(Declare(int(codes.max())))
        shaped = rows.step(Reshape((*bits.shape[:-1], *table.shape[1:])))
        return QuantizedTensor.coded(bits.builder, shaped.number, quantizer)


class QuantizedScatter(QuantizedOp, ops=("ScatterElements", "ScatterND")):
    """Elements written over others at constant positions: free."""

    may_be_clear = True

    @override
    def q_impl(
        self, data: Operand, indices: Operand, updates: Operand, **attributes: Any
    ) -> QuantizedTensor:
        if attributes.get("reduction", "none") != "none":
            raise self.unsupported("adds to elements", "Give it no reduction.")
        encrypted = [self.affine(x) for x in (data, updates) if isinstance(x, QuantizedTensor)]
        clear = [x for x in (data, updates) if isinstance(x, np.ndarray)]
        n_encrypted = sum(math.prod(x.shape) for x in encrypted)
        # numbers of encrypted elements first, then those of constants
        starts = iter((0, n_encrypted - math.prod(encrypted[-1].shape)))
        numbers = [
            _numbered(x) + next(starts)
            if isinstance(x, QuantizedTensor)
            else _counted(np.asarray(x), n_encrypted)
            for x in (data, updates)
        ]
        positions = self.compute(numbers[0], self.parameter(indices), numbers[1])[0]
        inside = positions < n_encrypted
        taken = take(_side_by_side(encrypted), np.where(inside, positions, 0))
        if inside.all():
            return taken
        constants = clear[0].ravel().astype(np.float64)
        terms = np.where(inside, 0.0, constants[np.maximum(positions - n_encrypted, 0)])
        return taken.affine(inside.astype(np.float64), terms)


class QuantizedTrilu(QuantizedOp, ops=("Trilu",)):
    """Triangles of matrices; the other elements become 0: free."""

    may_be_clear = True

    @override
    def q_impl(self, input: Operand, k: Operand, *, upper: int) -> QuantizedTensor:
        x = self.tensor(input)
        mask = self.compute(np.ones((1, *x.shape)), self.parameter(k))[0]
        return x.affine(mask, 0.0)


class QuantizedOneHot(QuantizedOp, ops=("OneHot",)):
    """Axis of zeros with a one at the index: one lookup for each of its elements."""

    may_be_clear = True

    @override
    def q_impl(
        self, indices: Operand, depth: Operand, values: Operand, *, axis: int
    ) -> QuantizedTensor:
        x = self.affine(indices)
        size = int(np.asarray(self.parameter(depth)).item())
        off, on = np.asarray(self.parameter(values), np.float64).ravel()
        place = axis % (len(x.shape) + 2) - 1
        if place < 0:
            raise self.unsupported("puts its axis before the samples'", "Give another axis.")
        classes = np.arange(size).reshape(-1, *(1,) * (len(x.shape) - place))
        repeated = take(x, np.expand_dims(_numbered(x)[0], place))
        spread = repeated.broadcast(np.broadcast_shapes(repeated.shape, classes.shape))

        def function(codes: FloatArray) -> FloatArray:
            whole = np.rint(codes)
            known = (whole >= -size) & (whole < size)
            return np.where(known & (whole % size == classes), on, off)

        return spread.then(function)


class QuantizedTranspose(QuantizedOp, ops=("Transpose",)):
    """Permutation of the axes."""

    may_be_clear = True

    @override
    def q_impl(self, data: Operand, *, perm: Sequence[int] | None) -> QuantizedTensor:
        x = self.affine(data)
        permutation = perm or tuple(reversed(range(len(x.shape) + 1)))
        if permutation[0] != 0:
            raise self.unsupported("moves the samples' axis", "Keep axis 0 first.")
        axes = tuple(int(axis) - 1 for axis in permutation[1:])
        scale, offset = (np.transpose(v, axes) for v in (x.full_scale, x.full_offset))
        return replace(x.step(Transpose(axes)), scale=scale, offset=offset)


class QuantizedConcat(QuantizedOp, ops=("Concat",)):
    """Tensors side by side; each keeps its scale."""

    moves_features = True

    @override
    def q_impl(self, *inputs: Operand, axis: int) -> QuantizedTensor:
        if not all(isinstance(x, QuantizedTensor) for x in inputs):
            raise self.unsupported("joins a constant", "Use Pad, or add the constant later.")
        tensors = [self.affine(x) for x in inputs]
        axis = axis % (len(tensors[0].shape) + 1) - 1
        if axis < 0:
            raise self.unsupported("joins along the samples' axis", "Join along another axis.")
        scale = np.concatenate([x.full_scale for x in tensors], axis)
        offset = np.concatenate([x.full_offset for x in tensors], axis)
        joined = tensors[0].step(Concatenate(axis), *tensors[1:])
        return replace(joined, scale=scale, offset=offset)


class QuantizedPad(QuantizedOp, ops=("Pad",)):
    """A border: of a constant, or of the tensor's own elements."""

    moves_features = True

    @override
    def q_impl(
        self, data: Operand, pads: Operand, constant_value: Operand, axes: Operand, *, mode: str
    ) -> QuantizedTensor:
        x = self.affine(data)
        pads, value, axes = map(self.parameter, (pads, constant_value, axes))
        outside = np.asarray(-1) if mode == "constant" else None
        positions = self.compute(_numbered(x), pads, outside, axes)
        if positions.shape[0] != 1:
            raise self.unsupported("pads the samples' axis", "Pad other axes only.")
        if mode != "constant":
            return take(x, positions[0])
        inside = _box(positions[0] >= 0)
        if not all(edge.stop for edge in inside):
            raise self.unsupported("leaves nothing of its input", "Cut off less.")
        kept = positions[0][inside]
        if kept.shape != x.shape:
            x = take(x, kept)
        border = np.full(positions.shape[1:], -1)
        border[inside] = np.arange(kept.size).reshape(kept.shape)
        return pad(x, border, 0.0 if value is None else float(value.item()))


def _side_by_side(tensors: Sequence[QuantizedTensor]) -> QuantizedTensor:
    """Elements of tensors as one vector; each keeps its scale."""
    flat = [take(x, _numbered(x).ravel()) for x in tensors]
    if len(flat) == 1:
        return flat[0]
    scale, offset = (
        np.concatenate([v.ravel() for v in values])
        for values in ([x.full_scale for x in flat], [x.full_offset for x in flat])
    )
    return replace(flat[0].step(Concatenate(0), *flat[1:]), scale=scale, offset=offset)


def _counted(constant: Array, start: int) -> IntArray:
    """Numbers of the elements of a constant, from a start on."""
    return np.arange(start, start + constant.size).reshape(constant.shape)


def _numbered(x: QuantizedTensor) -> IntArray:
    """One sample of a tensor's shape, whose elements are their own positions."""
    return np.arange(math.prod(x.shape)).reshape(1, *x.shape)


def _box(mask: NDArray[np.bool_]) -> tuple[slice, ...]:
    """Smallest box round the true elements; one from 0 to 0 where there are none."""
    ends = [(axis.min(initial=mask.size), axis.max(initial=-1) + 1) for axis in np.nonzero(mask)]
    return tuple(slice(min(start, stop), stop) for start, stop in ends)


def _all_stay(x: QuantizedTensor, positions: IntArray) -> bool:
    """Whether positions are those of all elements in their order."""
    return np.array_equal(positions.ravel(), np.arange(math.prod(x.shape)))


def take(x: QuantizedTensor, positions: IntArray) -> QuantizedTensor:
    """Elements at positions of the flattened affine tensor, in the shape of `positions`."""
    scale, offset = (v.ravel()[positions] for v in (x.full_scale, x.full_offset))
    step = Reshape(positions.shape) if _all_stay(x, positions) else Take(positions)
    return replace(x.step(step), scale=scale, offset=offset)


def pad(x: QuantizedTensor, positions: IntArray, value: float) -> QuantizedTensor:
    """Put a constant around a tensor: codes 0 whose offset is the value."""
    inside = np.nonzero(positions == 0)
    before = tuple(int(axis[0]) for axis in inside)
    after = tuple(
        total - start - size
        for total, start, size in zip(positions.shape, before, x.shape, strict=True)
    )
    padded = x.step(Pad(before, after))
    mask = positions >= 0
    scale = x.full_scale.ravel()[np.maximum(positions, 0)]
    offset = np.where(mask, x.full_offset.ravel()[positions], value)
    return replace(padded, scale=scale, offset=offset)
