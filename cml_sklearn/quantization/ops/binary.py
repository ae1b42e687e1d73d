"""Operators on two tensors, element by element: one or both encrypted.

With a constant they are affine (free) or a lookup. Two encrypted tensors are brought to one scale,
then added or subtracted; all else is made from that: a comparison is the sign of a difference, a
maximum the positive part of one, a product the backend's own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from cml_sklearn._typing import FloatArray
from cml_sklearn.program.steps import (
    Add,
    AddConstant,
    Multiply,
    MultiplyConstant,
    Step,
    Subtract,
)
from cml_sklearn.quantization.encoders import AffineQuantizer
from cml_sklearn.quantization.quantized_op import QuantizedOp
from cml_sklearn.quantization.quantized_tensor import QuantizedTensor

__all__ = [
    "QuantizedAdd",
    "QuantizedComparison",
    "QuantizedDiv",
    "QuantizedExtremum",
    "QuantizedLogical",
    "QuantizedMul",
    "QuantizedPow",
    "QuantizedWhere",
]

_LOGIC: dict[str, Callable[[FloatArray], FloatArray]] = {
    "And": lambda total: (total > 1.5).astype(np.float64),
    "Or": lambda total: (total > 0.5).astype(np.float64),
    "Xor": lambda total: (np.abs(total - 1) < 0.5).astype(np.float64),
}
"""Functions of the sum of two bits."""


class _QuantizedBinary(QuantizedOp):
    """An operator on two tensors; abstract."""

    def q_impl(self, a: Any, b: Any, **attributes: Any) -> QuantizedTensor:
        """See `QuantizedOp.q_impl`."""
        if not isinstance(b, QuantizedTensor):
            return self.with_constant(a, self.constant(b, len(a.shape)), **attributes)
        if not isinstance(a, QuantizedTensor):
            return self.from_constant(self.constant(a, len(b.shape)), b, **attributes)
        if len(a.shape) != len(b.shape):
            raise self.unsupported(
                f"mixes encrypted tensors of {len(a.shape) + 1} and {len(b.shape) + 1} axes",
                "Reshape them to the same number of axes.",
            )
        return self.encrypted(a, b, **attributes)

    def with_constant(
        self, x: QuantizedTensor, c: FloatArray, **attributes: Any
    ) -> QuantizedTensor:
        """Combine an encrypted tensor with a constant on its right."""
        return x.then(lambda values: self.impl(values, c, **attributes)[0])

    def from_constant(
        self, c: FloatArray, x: QuantizedTensor, **attributes: Any
    ) -> QuantizedTensor:
        """Combine a constant with an encrypted tensor on its right."""
        return x.then(lambda values: self.impl(c, values, **attributes)[0])

    def encrypted(
        self, a: QuantizedTensor, b: QuantizedTensor, **attributes: Any
    ) -> QuantizedTensor:
        """Combine two encrypted tensors."""
        raise self.unsupported("has two encrypted operands", "Make one of them a constant.")

    def combined(self, step: Step, a: QuantizedTensor, b: QuantizedTensor) -> QuantizedTensor:
        """Add or subtract, after bringing both to one scale."""
        a, b = to_common_scale(a, b, self.n_bits.activations)
        sign = 1 if isinstance(step, Add) else -1
        return replace(a.step(step, b), offset=a.offset + sign * b.offset)


class QuantizedAdd(_QuantizedBinary, ops=("Add", "Sub")):
    """Sum or difference: exact integer addition."""

    def with_constant(
        self, x: QuantizedTensor, c: FloatArray, **attributes: Any
    ) -> QuantizedTensor:
        """See `_QuantizedBinary`."""
        return x.affine(1.0, c if self.node.op_type == "Add" else -c)

    def from_constant(
        self, c: FloatArray, x: QuantizedTensor, **attributes: Any
    ) -> QuantizedTensor:
        """See `_QuantizedBinary`."""
        return x.affine(1.0 if self.node.op_type == "Add" else -1.0, c)

    def encrypted(
        self, a: QuantizedTensor, b: QuantizedTensor, **attributes: Any
    ) -> QuantizedTensor:
        """See `_QuantizedBinary`."""
        return self.combined(Add() if self.node.op_type == "Add" else Subtract(), a, b)


class QuantizedMul(_QuantizedBinary, ops=("Mul",)):
    """Product: free with a constant, two lookups with an encrypted tensor."""

    def with_constant(
        self, x: QuantizedTensor, c: FloatArray, **attributes: Any
    ) -> QuantizedTensor:
        """See `_QuantizedBinary`."""
        return x.affine(c, 0.0)

    def from_constant(
        self, c: FloatArray, x: QuantizedTensor, **attributes: Any
    ) -> QuantizedTensor:
        """See `_QuantizedBinary`."""
        return x.affine(c, 0.0)

    def encrypted(
        self, a: QuantizedTensor, b: QuantizedTensor, **attributes: Any
    ) -> QuantizedTensor:
        """See `_QuantizedBinary`."""
        return multiply(a, b, self.n_bits.activations)


class QuantizedDiv(_QuantizedBinary, ops=("Div",)):
    """Quotient: free by a constant, else a product with the reciprocal."""

    def with_constant(
        self, x: QuantizedTensor, c: FloatArray, **attributes: Any
    ) -> QuantizedTensor:
        """See `_QuantizedBinary`."""
        return x.affine(1 / c, 0.0)

    def encrypted(
        self, a: QuantizedTensor, b: QuantizedTensor, **attributes: Any
    ) -> QuantizedTensor:
        """See `_QuantizedBinary`."""
        return multiply(a, b.then(lambda values: 1 / values), self.n_bits.activations)


class QuantizedPow(_QuantizedBinary, ops=("Mod", "Pow")):
    """Power or remainder, with a constant."""


class QuantizedComparison(
    _QuantizedBinary, ops=("Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual")
):
    """Comparison: a function of the difference.

    Values within half a step of each other count as equal, since they have the same code.
    """

    def with_constant(
        self, x: QuantizedTensor, c: FloatArray, **attributes: Any
    ) -> QuantizedTensor:
        """See `_QuantizedBinary`."""
        if not x.is_affine:
            return super().with_constant(x, c, **attributes)
        return self._compare(x.affine(1.0, -c))

    def from_constant(
        self, c: FloatArray, x: QuantizedTensor, **attributes: Any
    ) -> QuantizedTensor:
        """See `_QuantizedBinary`."""
        if not x.is_affine:
            return super().from_constant(c, x, **attributes)
        return self._compare(x.affine(-1.0, c))

    def encrypted(
        self, a: QuantizedTensor, b: QuantizedTensor, **attributes: Any
    ) -> QuantizedTensor:
        """See `_QuantizedBinary`."""
        return self._compare(self.combined(Subtract(), a, b))

    def _compare(self, difference: QuantizedTensor) -> QuantizedTensor:
        half = np.abs(difference.scale) / 2

        def function(values: FloatArray) -> FloatArray:
            near_zero = np.where(np.abs(values) < half, 0.0, values)
            result: FloatArray = self.impl(near_zero, np.zeros_like(near_zero))[0]
            return result.astype(np.float64)

        return difference.then(function)


class QuantizedLogical(_QuantizedBinary, ops=("And", "Or", "Xor")):
    """Logic on 0 and 1: a function of the sum."""

    def with_constant(
        self, x: QuantizedTensor, c: FloatArray, **attributes: Any
    ) -> QuantizedTensor:
        """See `_QuantizedBinary`."""
        return x.affine(1.0, c).then(_LOGIC[self.node.op_type])

    def from_constant(
        self, c: FloatArray, x: QuantizedTensor, **attributes: Any
    ) -> QuantizedTensor:
        """See `_QuantizedBinary`."""
        return self.with_constant(x, c, **attributes)

    def encrypted(
        self, a: QuantizedTensor, b: QuantizedTensor, **attributes: Any
    ) -> QuantizedTensor:
        """See `_QuantizedBinary`."""
        return self.combined(Add(), a, b).then(_LOGIC[self.node.op_type])


class QuantizedExtremum(_QuantizedBinary, ops=("Max", "Min")):
    """Maximum ``b + relu(a - b)``, minimum ``a - relu(a - b)``."""

    def q_impl(self, *inputs: Any, **attributes: Any) -> QuantizedTensor:
        """See `QuantizedOp.q_impl`."""
        result = inputs[0]
        for other in inputs[1:]:
            result = super().q_impl(result, other, **attributes)
        return result

    def encrypted(
        self, a: QuantizedTensor, b: QuantizedTensor, **attributes: Any
    ) -> QuantizedTensor:
        """See `_QuantizedBinary`."""
        a, b = to_common_scale(a, b, self.n_bits.activations)
        difference = self.combined(Subtract(), a, b)
        positive = difference.then(lambda values: np.maximum(values, 0.0))
        n_bits = difference.bounds.width
        zero_point = np.zeros(a.scale.shape, dtype=np.int64)
        quantizer = AffineQuantizer(np.abs(a.scale), zero_point, n_bits)
        excess = positive.encode(quantizer)
        if self.node.op_type == "Max":
            return self.combined(Add(), b, excess)
        return self.combined(Subtract(), a, excess)


class QuantizedWhere(QuantizedOp, ops=("Where",)):
    """Choice by a condition, encrypted or constant."""

    def q_impl(self, condition: Any, x: Any, y: Any, **attributes: Any) -> QuantizedTensor:
        """See `QuantizedOp.q_impl`."""
        rank = max(len(v.shape) for v in (condition, x, y) if isinstance(v, QuantizedTensor))
        values = [
            v if isinstance(v, QuantizedTensor) else self.constant(v, rank)
            for v in (condition, x, y)
        ]
        condition, x, y = values
        if not isinstance(x, QuantizedTensor) and not isinstance(y, QuantizedTensor):
            return condition.then(lambda c: np.where(c > 0.5, x, y))
        taken, other = self._gated(condition, x, 1), self._gated(condition, y, 0)
        if not isinstance(taken, QuantizedTensor):
            taken, other = other, taken
        if not isinstance(other, QuantizedTensor):
            return taken.affine(1.0, other)
        a, b = to_common_scale(taken, other, self.n_bits.activations)
        return replace(a.step(Add(), b), offset=a.offset + b.offset)

    def _gated(self, condition: Any, x: Any, wanted: int) -> Any:
        """Return `x` where the condition is as wanted, else 0."""
        if not isinstance(condition, QuantizedTensor):
            mask = (condition > 0.5) == wanted
            if isinstance(x, QuantizedTensor):
                return x.affine(mask.astype(np.float64), 0.0)
            return np.where(mask, x, 0.0)
        if not isinstance(x, QuantizedTensor):
            return condition.then(lambda c: np.where((c > 0.5) == wanted, x, 0.0))
        codes = x.as_codes(self.n_bits.activations)
        bits = condition.requantize(1)
        size = int(codes.bounds.high.max()) + 1
        weighted = bits.step(MultiplyConstant(np.full(bits.shape, size)))
        index = weighted.step(Add(), codes)
        scale, offset = codes.scale, codes.offset

        def function(packed: FloatArray) -> FloatArray:
            bit, code = np.divmod(packed, size)
            return np.where(bit == wanted, scale * code + offset, 0.0)

        return replace(index, scale=np.ones(()), offset=np.zeros(())).then(function)


def to_common_scale(
    a: QuantizedTensor, b: QuantizedTensor, n_bits: int
) -> tuple[QuantizedTensor, QuantizedTensor]:
    """Bring two tensors to one scale; those that share one already stay as they are."""
    if a.has_one_scale and b.has_one_scale and a.scale.flat[0] == b.scale.flat[0]:
        return a, b
    ranges = [(v.min(), v.max()) for v in (a.calibration_values, b.calibration_values)]
    widest = max(high - low for low, high in ranges)
    scale = np.asarray(widest / (2**n_bits - 1) or 1.0)
    quantizers = [
        AffineQuantizer(scale, np.asarray(-np.rint(low / scale), np.int64), n_bits)
        for low, _ in ranges
    ]
    return a.encode(quantizers[0]), b.encode(quantizers[1])


def multiply(a: QuantizedTensor, b: QuantizedTensor, n_bits: int) -> QuantizedTensor:
    """Multiply two encrypted tensors: codes are centred, so that the product is affine."""
    x, y = (_centred(t.as_codes(n_bits)) for t in (a, b))
    return replace(x.step(Multiply(), y), scale=x.scale * y.scale, offset=np.zeros(()))


def _centred(x: QuantizedTensor) -> QuantizedTensor:
    """Integers that are 0 where the float is."""
    shift = np.rint(x.offset / x.scale).astype(np.int64)
    return x.step(AddConstant(np.broadcast_to(shift, x.shape))) if shift.any() else x
