"""Values brought to mean 0 and variance 1, or divided by their norm.

Deviations from the mean are exact integers, brought to codes by one lookup each. Their squares are
another lookup; the inverse of the root of the sum is one for all, and is multiplied by each.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from typing_extensions import override

from cml_sklearn._typing import FloatArray
from cml_sklearn.program.steps import MatMul
from cml_sklearn.quantization.affine import AffineQuantizer
from cml_sklearn.quantization.ops.binary import factor_codes, multiply
from cml_sklearn.quantization.ops.reduction import sum_over
from cml_sklearn.quantization.ops.shape import take
from cml_sklearn.quantization.quantized_op import Operand, QuantizedOp
from cml_sklearn.quantization.quantized_tensor import FloatFunction, QuantizedTensor

_ENDS = (0.5, 0.75, 0.9, 0.95, 0.98, 1.0)
"""Shares of the factors that their codes may reach; the largest ones meet small elements."""


class _QuantizedNormalization(QuantizedOp):
    """A normalization over some of the axes; abstract."""

    def standardized(
        self, x: QuantizedTensor, axes: Sequence[int], epsilon: float
    ) -> QuantizedTensor:
        """Bring values to mean 0 and variance 1 over axes, counted without that of the samples."""
        rows, order = _as_rows(self.affine(x), axes)
        bits, size = self.n_bits.activations, rows.shape[-1]
        rows = rows.requantize(bits, unless=rows.has_one_scale)
        centred = rows.step(MatMul(size * np.eye(size, dtype=np.int64) - 1))
        scale = np.asarray(rows.scale.flat[0] / size)
        codes = factor_codes(replace(centred, scale=scale, offset=np.zeros(())), bits)
        result = self.scaled(codes, np.square, lambda total: 1 / np.sqrt(total / size + epsilon))
        return _back(result, x, order)

    def scaled(
        self, codes: QuantizedTensor, before: FloatFunction, after: FloatFunction
    ) -> QuantizedTensor:
        """Multiply each row by a function of the sum of functions of its elements."""
        bits = self.n_bits.activations
        total = sum_over(codes.then(before), (len(codes.shape) - 1,), bits, keepdims=True)
        least = float(np.abs(total.scale)) / 2  # what counts as 0 is some of it
        sums = np.maximum(total.calibration_values, least)
        factor = total.then(lambda values: after(np.maximum(values, least)))
        return multiply(codes, factor.encode(_factors(sums, after(sums), bits)), bits)

    def by_channel(self, values: Operand, x: QuantizedTensor, n_channels: int) -> FloatArray:
        """Parameter of one value a channel, or one a group of them, to meet the channels of x."""
        given = np.asarray(self.parameter(values), dtype=np.float64)
        return given.repeat(n_channels // given.size).reshape(-1, *(1,) * (len(x.shape) - 1))


class QuantizedLayerNormalization(_QuantizedNormalization, ops=("LayerNormalization",)):
    """Last axes standardized: two lookups an element and one product, and one lookup a mean."""

    @override
    def q_impl(
        self,
        x: Operand,
        scale: Operand,
        b: Operand,
        *,
        axis: int,
        epsilon: float,
        stash_type: int,
    ) -> QuantizedTensor:
        tensor = self.tensor(x)
        rank = len(tensor.shape)
        first = axis % (rank + 1) - 1
        if first < 0:
            raise self.unsupported("runs over the samples", "Give another axis.")
        result = self.standardized(tensor, range(first, rank), epsilon)
        bias = np.zeros(()) if b is None else self.constant(b, rank)
        return result.affine(self.constant(scale, rank), bias)


class QuantizedGroupNormalization(
    _QuantizedNormalization, ops=("GroupNormalization", "InstanceNormalization")
):
    """Groups of channels standardized: two lookups an element and one product."""

    @override
    def q_impl(
        self,
        x: Operand,
        scale: Operand,
        bias: Operand,
        *,
        epsilon: float,
        num_groups: int | None = None,
        stash_type: int = 1,
    ) -> QuantizedTensor:
        tensor = self.tensor(x)
        channels = tensor.shape[0]
        groups = channels if num_groups is None else num_groups
        shape = (groups, math.prod(tensor.shape) // groups)
        tensor = self.affine(tensor)
        grouped = take(tensor, np.arange(math.prod(shape)).reshape(shape))
        result = self.standardized(grouped, (1,), epsilon)
        result = take(result, np.arange(math.prod(shape)).reshape(tensor.shape))
        factor, term = (self.by_channel(values, tensor, channels) for values in (scale, bias))
        return result.affine(factor, term)


class QuantizedMeanVarianceNormalization(
    _QuantizedNormalization, ops=("MeanVarianceNormalization",)
):
    """Values standardized over axes: two lookups an element and one product."""

    may_be_clear = True

    @override
    def q_impl(self, x: Operand, *, axes: Sequence[int]) -> QuantizedTensor:
        tensor = self.tensor(x)
        places = [axis % (len(tensor.shape) + 1) - 1 for axis in axes]
        if min(places) < 0:
            raise self.unsupported("runs over the samples", "Keep axis 0 out of its axes.")
        return self.standardized(tensor, places, 1e-9)


class QuantizedLpNormalization(_QuantizedNormalization, ops=("LpNormalization",)):
    """Vectors divided by their norm: two lookups an element and one product."""

    may_be_clear = True

    @override
    def q_impl(self, input: Operand, *, axis: int, p: int) -> QuantizedTensor:
        tensor = self.tensor(input)
        place = axis % (len(tensor.shape) + 1) - 1
        if place < 0:
            raise self.unsupported("runs over the samples", "Give another axis.")
        rows, order = _as_rows(self.affine(tensor), (place,))
        codes = factor_codes(rows, self.n_bits.activations)
        if p == 1:
            return _back(self.scaled(codes, np.abs, lambda total: 1 / total), tensor, order)
        result = self.scaled(codes, np.square, lambda total: 1 / np.sqrt(total))
        return _back(result, tensor, order)


def _factors(sums: FloatArray, factors: FloatArray, n_bits: int) -> AffineQuantizer:
    """Codes of factors, which matter by how large the elements are that they meet."""
    trials = [AffineQuantizer.from_range(0.0, end, n_bits) for end in np.quantile(factors, _ENDS)]
    rounded = (trial.dequantize(trial.quantize(factors)) for trial in trials)
    losses = [float(np.mean(sums * np.square(factors - values))) for values in rounded]
    return trials[int(np.argmin(losses))]


def _as_rows(x: QuantizedTensor, axes: Sequence[int]) -> tuple[QuantizedTensor, tuple[int, ...]]:
    """Affine tensor whose last axis is all of some axes, and the order of the axes then."""
    kept = [axis for axis in range(len(x.shape)) if axis not in axes]
    order = (*kept, *axes)
    if order == tuple(range(len(x.shape))) and len(axes) == 1:
        return x, order
    numbers = np.arange(math.prod(x.shape)).reshape(x.shape).transpose(order)
    return take(x, numbers.reshape(*(x.shape[axis] for axis in kept), -1)), order


def _back(rows: QuantizedTensor, x: QuantizedTensor, order: Sequence[int]) -> QuantizedTensor:
    """Bring rows of `_as_rows` back into the shape of the tensor that they were made of."""
    if rows.shape == x.shape:
        return rows
    numbers = np.arange(math.prod(x.shape)).reshape([x.shape[axis] for axis in order])
    return take(rows, numbers.transpose(np.argsort(order)))
