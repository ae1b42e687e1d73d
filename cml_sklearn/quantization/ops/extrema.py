"""Maxima and minima: one lookup for each pair of elements that are compared.

Both are the step `Maximum`, whose range is proven to be that of its operands; it is exact however
lookups round. Minima are maxima of integers with the other sign.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from typing_extensions import override

from cml_sklearn._typing import IntArray
from cml_sklearn.exceptions import UnsupportedOperatorError
from cml_sklearn.program.integers import to_integers
from cml_sklearn.program.steps import AddConstant, Concatenate, Maximum, MultiplyConstant
from cml_sklearn.program.windows import Windows
from cml_sklearn.quantization.affine import AffineQuantizer
from cml_sklearn.quantization.ops.binary import QuantizedBinary, narrow_codes
from cml_sklearn.quantization.ops.reduction import reduced_axes
from cml_sklearn.quantization.ops.shape import take
from cml_sklearn.quantization.quantized_op import Operand, QuantizedOp
from cml_sklearn.quantization.quantized_tensor import QuantizedTensor
from cml_sklearn.quantization.ranges import finite_values


class QuantizedExtremum(QuantizedBinary, ops=("Max", "Min")):
    """Larger or smaller one of two tensors: one lookup, of their difference."""

    @override
    def q_impl(self, *operands: Operand, **attributes: object) -> QuantizedTensor:
        rest = list(operands)
        first = next(i for i, x in enumerate(rest) if isinstance(x, QuantizedTensor))
        result = self.tensor(rest.pop(first))
        for other in rest:
            result = super().q_impl(result, other)
        return result

    @override
    def encrypted(self, a: QuantizedTensor, b: QuantizedTensor) -> QuantizedTensor:
        sign = 1 if self.node.op_type == "Max" else -1
        a, b = _counted_alike(a, b, compared_bits(self, a))
        return _rising(a, sign).step(Maximum(), _rising(b, sign))


class QuantizedMaxPool(QuantizedOp, ops=("GlobalMaxPool", "MaxPool")):
    """Largest element of each window, axis by axis, in rounds: of each pair the larger one goes on.

    Pairs that windows share are compared once.
    """

    may_be_clear = True

    @override
    def q_impl(
        self, x: Operand, *, kernel_shape: Sequence[int] = (), storage_order: int = 0, **place: Any
    ) -> QuantizedTensor:
        result = comparable(self, self.tensor(x), 1)
        windows = Windows.place(result.shape[1:], kernel_shape or result.shape[1:], **place)
        for axis, members in enumerate(_members(windows), start=1):
            numbers = np.moveaxis(
                np.arange(math.prod(result.shape)).reshape(result.shape), axis, -1
            )
            groups = np.moveaxis(numbers[..., members], -2, axis)
            result = largest(result, groups)
        return result


class QuantizedReduceExtremum(QuantizedOp, ops=("ReduceMax", "ReduceMin")):
    """Largest or smallest element along constant axes, in rounds: one lookup a comparison."""

    may_be_clear = True

    @override
    def q_impl(
        self, data: Operand, axes: Operand, *, keepdims: int, noop_with_empty_axes: int
    ) -> QuantizedTensor:
        x = self.tensor(data)
        reduced = reduced_axes(self, len(x.shape), axes, noop_with_empty_axes)
        if reduced is None:
            return x
        codes = comparable(self, x, 1 if self.node.op_type == "ReduceMax" else -1)
        return largest_along(codes, reduced, keepdims=bool(keepdims))


def compared_bits(operator: QuantizedOp, x: QuantizedTensor) -> int:
    """Bits of codes to be compared: their differences are looked up without rounding."""
    kept, bits = x.builder.fewest_kept_bits, operator.n_bits.activations
    return bits if kept is None else min(bits, kept)


def comparable(operator: QuantizedOp, x: QuantizedTensor, sign: int) -> QuantizedTensor:
    """Codes of one scale, that grow with the float, or fall with it for a negative sign."""
    return _rising(narrow_codes(x, compared_bits(operator, x)), sign)


def largest_along(x: QuantizedTensor, axes: tuple[int, ...], *, keepdims: bool) -> QuantizedTensor:
    """Largest integers along axes, counted without that of the samples."""
    numbers = np.arange(math.prod(x.shape)).reshape(x.shape)
    kept = [axis for axis in range(numbers.ndim) if axis not in axes]
    shape = [numbers.shape[axis] for axis in kept]
    if keepdims:
        shape = [1 if axis in axes else size for axis, size in enumerate(numbers.shape)]
    return largest(x, numbers.transpose(*kept, *axes).reshape(*shape, -1))


def largest(x: QuantizedTensor, groups: IntArray) -> QuantizedTensor:
    """Largest integer of each group of elements.

    Parameters
    ----------
    x : QuantizedTensor
        Of one scale.
    groups : ndarray of int, shape (..., n_elements)
        Positions in the flattened tensor.

    Returns
    -------
    QuantizedTensor of the shape of `groups` without its last axis
    """
    while groups.shape[-1] > 1:
        x, groups = _round(x, groups)
    return _taken(x, groups[..., 0])


def _round(x: QuantizedTensor, groups: IntArray) -> tuple[QuantizedTensor, IntArray]:
    """Compare the elements of each group in pairs; those that go on, and where they stand now."""
    paired = groups.shape[-1] // 2 * 2
    pairs = np.sort(groups[..., :paired].reshape(*groups.shape[:-1], -1, 2))
    alone = groups[..., paired:]
    same = pairs[..., 0] == pairs[..., 1]
    compared, of_pair = np.unique(pairs[~same], axis=0, return_inverse=True)
    kept = np.unique(np.concatenate([pairs[same][:, 0], alone.ravel()]))
    places = np.empty(pairs.shape[:-1], np.int64)
    places[~same] = of_pair.ravel()
    places[same] = len(compared) + np.searchsorted(kept, pairs[same][:, 0])
    rest = len(compared) + np.searchsorted(kept, alone)
    parts = []
    if len(compared):
        first, second = (_taken(x, compared[:, i]) for i in range(2))
        parts.append(first.step(Maximum(), second))
    if len(kept):
        parts.append(_taken(x, kept))
    joined = parts[0].step(Concatenate(0), *parts[1:]) if len(parts) > 1 else parts[0]
    return joined, np.concatenate([places, rest], axis=-1)


def _taken(x: QuantizedTensor, positions: IntArray) -> QuantizedTensor:
    """Elements of a tensor of one scale, which they keep."""
    scale, offset = (np.asarray(v.flat[0]) for v in (x.scale, x.offset))
    return replace(take(x, positions), scale=scale, offset=offset)


def _members(windows: Windows) -> list[IntArray]:
    """Elements of each window along each axis, shape (count, kernel).

    In place of the padding, there is an element of the window once more.
    """
    members = []
    for positions, size in zip(windows.positions(), windows.sizes, strict=True):
        inside = np.where((positions >= 0) & (positions < size), positions, -1)
        if (inside < 0).all(axis=1).any():
            raise UnsupportedOperatorError(
                "A window lies in the padding alone, whose maximum is no number; pad less."
            )
        members.append(np.where(inside < 0, inside.max(axis=1, keepdims=True), inside))
    return members


def _rising(x: QuantizedTensor, sign: int) -> QuantizedTensor:
    """Integers that grow with the float times a sign."""
    if x.scale.flat[0] * sign > 0:
        return x
    flipped = x.step(MultiplyConstant(np.full(x.shape, -1, np.int64)))
    return replace(flipped, scale=-x.scale)


def _counted_alike(
    a: QuantizedTensor, b: QuantizedTensor, n_bits: int
) -> tuple[QuantizedTensor, QuantizedTensor]:
    """Integers of at most so many bits of which the same stand for the same floats."""
    if all(x.has_one_scale and x.bounds.width <= n_bits for x in (a, b)):
        steps = (a.offset.flat[0] - b.offset.flat[0]) / b.scale.flat[0]
        if a.scale.flat[0] == b.scale.flat[0] and np.isclose(
            steps, np.rint(steps), rtol=0, atol=1e-6
        ):
            shift = np.full(a.shape, to_integers(steps, "A difference of offsets"))
            return replace(a.step(AddConstant(shift)) if steps else a, offset=b.offset), b
    values = np.concatenate([a.calibration_values.ravel(), b.calibration_values.ravel()])
    values = finite_values(values, f"What goes into {a.builder.program.source}")
    quantizer = AffineQuantizer.from_range(values.min(), values.max(), n_bits)
    return a.encode(quantizer), b.encode(quantizer)
