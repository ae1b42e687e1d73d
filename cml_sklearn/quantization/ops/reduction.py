"""Operators that add up: sums over axes, of functions of the elements, and running sums."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import reduce

import numpy as np
from typing_extensions import override

from cml_sklearn.program.steps import Add, MatMul, SumOver, Transpose
from cml_sklearn.quantization.ops.binary import combine
from cml_sklearn.quantization.quantized_op import Operand, QuantizedOp
from cml_sklearn.quantization.quantized_tensor import FloatFunction, QuantizedTensor

_BEFORE: dict[str, FloatFunction] = {
    "ReduceL1": np.abs,
    "ReduceL2": np.square,
    "ReduceLogSumExp": np.exp,
    "ReduceSumSquare": np.square,
}
"""Functions of the elements that are added up."""

_AFTER: dict[str, FloatFunction] = {
    "ReduceL2": np.sqrt,
    "ReduceLogSum": np.log,
    "ReduceLogSumExp": np.log,
}
"""Functions of the sum."""


class QuantizedReduction(QuantizedOp, ops=("ReduceMean", "ReduceSum")):
    """Sum over constant axes; the mean's divisor goes into the scale."""

    @override
    def q_impl(
        self, data: Operand, axes: Operand, *, keepdims: int, noop_with_empty_axes: int
    ) -> QuantizedTensor:
        op_type = self.node.op_type
        if op_type == "ReduceMean" and self.is_integer(0):
            raise self.unsupported("cuts a mean of integers", "Cast to floats before.")
        x = self.tensor(data)
        reduced = reduced_axes(self, len(x.shape), axes, noop_with_empty_axes)
        if reduced is None:
            return x
        x = x.then(_BEFORE[op_type]) if op_type in _BEFORE else x
        total = sum_over(x, reduced, self.n_bits.activations, keepdims=bool(keepdims))
        if op_type == "ReduceMean":
            return total.affine(1 / math.prod(x.shape[axis] for axis in reduced), 0.0)
        return total.then(_AFTER[op_type]) if op_type in _AFTER else total


class QuantizedReductionOfFunctions(
    QuantizedReduction,
    ops=("ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceSumSquare"),
):
    """Function of a sum of functions: one lookup an element."""

    may_be_clear = True


class QuantizedSum(QuantizedOp, ops=("Mean", "Sum")):
    """Sum of tensors: exact integer addition; the mean's divisor goes into the scale."""

    may_be_clear = True

    @override
    def q_impl(self, *inputs: Operand) -> QuantizedTensor:
        encrypted = [x for x in inputs if isinstance(x, QuantizedTensor)]
        bits, rank = self.n_bits.activations, len(encrypted[0].shape)
        total = reduce(lambda x, y: combine(Add(), x, y, bits), encrypted)
        clear = [self.constant(x, rank) for x in inputs if not isinstance(x, QuantizedTensor)]
        total = self.widened(total, *clear).affine(1.0, sum(clear, np.zeros(())))
        return total.affine(1 / len(inputs), 0.0) if self.node.op_type == "Mean" else total


class QuantizedCumSum(QuantizedOp, ops=("CumSum",)):
    """Running sum along an axis: exact integer addition."""

    may_be_clear = True

    @override
    def q_impl(self, x: Operand, axis: Operand, *, exclusive: int, reverse: int) -> QuantizedTensor:
        tensor, place = self.tensor(x), int(np.asarray(self.parameter(axis)).item())
        rank = len(tensor.shape)
        place = place % (rank + 1) - 1
        if place < 0:
            raise self.unsupported("adds up the samples", "Give another axis.")
        tensor = tensor.requantize(self.n_bits.activations, unless=tensor.has_one_scale)
        size = tensor.shape[place]
        weights = np.triu(np.ones((size, size), np.int64), 1 if exclusive else 0)
        weights = weights[::-1, ::-1] if reverse else weights
        order = list(range(rank))
        order[place], order[-1] = order[-1], order[place]
        there = Transpose(tuple(order))  # its own inverse
        summed = tensor.step(there).step(MatMul(np.ascontiguousarray(weights))).step(there)
        scale, offset = (np.asarray(v.flat[0]) for v in (tensor.scale, tensor.offset))
        counts = weights.sum(axis=0).reshape(-1, *(1,) * (rank - 1 - place))
        return replace(summed, scale=scale, offset=offset * counts)


def sum_over(
    x: QuantizedTensor, axes: tuple[int, ...], n_bits: int, *, keepdims: bool
) -> QuantizedTensor:
    """Sum over axes, counted without that of the samples; of codes where scales differ."""
    x = x.requantize(n_bits, unless=x.has_one_scale)
    count = math.prod(x.shape[axis] for axis in axes)
    scale, offset = (np.asarray(v.flat[0]) for v in (x.scale, x.offset))
    return replace(x.step(SumOver(axes, keepdims)), scale=scale, offset=offset * count)


def reduced_axes(
    operator: QuantizedOp, rank: int, axes: Operand, noop_with_empty_axes: int
) -> tuple[int, ...] | None:
    """Axes that a reduction runs over, counted without that of the samples; None: it does nothing.

    Raises
    ------
    UnsupportedOperatorError
        One of them is the samples'.
    """
    given = operator.parameter(axes)
    named = [] if given is None else given.ravel().tolist()
    if not named and noop_with_empty_axes:
        return None
    reduced = [axis % (rank + 1) for axis in named or range(rank + 1)]
    if 0 in reduced:
        raise operator.unsupported("reduces over the samples", "Keep axis 0 out of its axes.")
    return tuple(axis - 1 for axis in reduced)
