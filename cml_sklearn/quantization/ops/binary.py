"""Operators on two tensors, element by element: one or both encrypted.

With a constant they are affine (free) or a lookup. Two encrypted tensors are brought to one scale,
then added or subtracted; a comparison is the sign of a difference. A product is a step of the
program. Of two functions of the same
integers, such as ``x * sigmoid(x)``, the result is one more function of them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from cml_sklearn._typing import FloatArray
from cml_sklearn.program.integers import to_integers
from cml_sklearn.program.steps import (
    Add,
    AddConstant,
    Multiply,
    MultiplyConstant,
    Step,
    Subtract,
)
from cml_sklearn.quantization.affine import AffineQuantizer
from cml_sklearn.quantization.quantized_op import Operand, QuantizedOp
from cml_sklearn.quantization.quantized_tensor import QuantizedTensor
from cml_sklearn.quantization.ranges import size_of
from cml_sklearn.quantization.squares import squared

_LOGIC: dict[str, Callable[[FloatArray], FloatArray]] = {
    "And": lambda total: (total > 1.5).astype(np.float64),
    "Or": lambda total: (total > 0.5).astype(np.float64),
    "Xor": lambda total: (np.abs(total - 1) < 0.5).astype(np.float64),
}
"""Functions of the sum of two bits."""

_CENTRED = 1e-6
"""Share of a step by which integers that stand for a float may miss its 0."""

_LAST_BITS = 1e-7
"""Share of the greatest value by which floats of 32 bits that are the same may differ."""

_BIT = AffineQuantizer(np.ones(()), np.zeros((), np.int64), 1)
"""Codes of a condition."""


class QuantizedBinary(QuantizedOp):
    """An operator on two tensors; abstract."""

    is_elementwise = True

    @override
    def q_impl(self, a: Operand, b: Operand, **attributes: object) -> QuantizedTensor:
        if not isinstance(a, QuantizedTensor):
            x = self.tensor(b)
            c = self.constant(a, len(x.shape))
            return self.from_constant(self.widened(x, c), c)
        if not isinstance(b, QuantizedTensor):
            c = self.constant(b, len(a.shape))
            return self.with_constant(self.widened(a, c), c)
        if a.number == b.number:
            return self.same_integers(a, b)
        if len(a.shape) != len(b.shape):
            raise self.unsupported(
                f"mixes encrypted tensors of {len(a.shape) + 1} and {len(b.shape) + 1} axes",
                "Reshape them to the same number of axes.",
            )
        return self.encrypted(a, b)

    def with_constant(self, x: QuantizedTensor, c: FloatArray) -> QuantizedTensor:
        """Combine an encrypted tensor with a constant on its right."""
        return x.then(lambda values: self.evaluate(values, c))

    def from_constant(self, x: QuantizedTensor, c: FloatArray) -> QuantizedTensor:
        """Combine an encrypted tensor with a constant on its left."""
        return x.then(lambda values: self.evaluate(c, values))

    def same_integers(self, a: QuantizedTensor, b: QuantizedTensor) -> QuantizedTensor:
        """Combine two functions of the same encrypted integers."""
        return a.jointly(self.evaluate, b)

    def encrypted(self, a: QuantizedTensor, b: QuantizedTensor) -> QuantizedTensor:
        """Combine two encrypted tensors."""
        raise self.unsupported("has two encrypted operands", "Make one of them a constant.")


class QuantizedAdd(QuantizedBinary, ops=("Add", "Sub")):
    """Sum or difference: exact integer addition."""

    @property
    def sign(self) -> float:
        """Factor of the second operand."""
        return 1.0 if self.node.op_type == "Add" else -1.0

    @override
    def with_constant(self, x: QuantizedTensor, c: FloatArray) -> QuantizedTensor:
        return x.affine(1.0, self.sign * c)

    @override
    def from_constant(self, x: QuantizedTensor, c: FloatArray) -> QuantizedTensor:
        return x.affine(self.sign, c)

    @override
    def encrypted(self, a: QuantizedTensor, b: QuantizedTensor) -> QuantizedTensor:
        step = Add() if self.sign > 0 else Subtract()
        return combine(step, a, b, self.n_bits.activations)

    same_integers = encrypted


class QuantizedMul(QuantizedBinary, ops=("Mul",)):
    """Product: free with a constant, two lookups with an encrypted tensor."""

    @override
    def with_constant(self, x: QuantizedTensor, c: FloatArray) -> QuantizedTensor:
        return x.affine(c, 0.0)

    from_constant = with_constant

    @override
    def same_integers(self, a: QuantizedTensor, b: QuantizedTensor) -> QuantizedTensor:
        is_square = self.node.inputs[0] == self.node.inputs[1]
        if is_square and a.is_affine and a.builder.exact_squares:
            return squared(a)
        return super().same_integers(a, b)

    @override
    def encrypted(self, a: QuantizedTensor, b: QuantizedTensor) -> QuantizedTensor:
        return multiply(a, b, self.n_bits.activations)


class QuantizedDiv(QuantizedBinary, ops=("Div",)):
    """Quotient: free by a constant, else a product with the reciprocal; integers' is cut."""

    @override
    def with_constant(self, x: QuantizedTensor, c: FloatArray) -> QuantizedTensor:
        return super().with_constant(x, c) if self.is_integer(0) else x.affine(1 / c, 0.0)

    @override
    def encrypted(self, a: QuantizedTensor, b: QuantizedTensor) -> QuantizedTensor:
        if self.is_integer(0):
            raise self.unsupported(
                "divides two encrypted integers", "Cast to floats, or divide by a constant."
            )
        return multiply(a, b.then(lambda values: 1 / values), self.n_bits.activations)


class QuantizedPow(QuantizedBinary, ops=("Mod", "Pow")):
    """Power or remainder, with a constant, or of two functions of the same integers."""

    @override
    def with_constant(self, x: QuantizedTensor, c: FloatArray) -> QuantizedTensor:
        is_square = self.node.op_type == "Pow" and bool((c == 2).all())
        if is_square and x.is_affine and x.builder.exact_squares:
            return squared(x)
        return super().with_constant(x, c)


class QuantizedComparison(
    QuantizedBinary, ops=("Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual")
):
    """Comparison: a function of the difference.

    Values within half a step of each other count as equal, since they have the same code.
    """

    @override
    def with_constant(self, x: QuantizedTensor, c: FloatArray) -> QuantizedTensor:
        return self._compare(x.affine(1.0, -c)) if x.is_affine else super().with_constant(x, c)

    @override
    def from_constant(self, x: QuantizedTensor, c: FloatArray) -> QuantizedTensor:
        return self._compare(x.affine(-1.0, c)) if x.is_affine else super().from_constant(x, c)

    @override
    def encrypted(self, a: QuantizedTensor, b: QuantizedTensor) -> QuantizedTensor:
        return self._compare(combine(Subtract(), a, b, self.n_bits.activations))

    @override
    def same_integers(self, a: QuantizedTensor, b: QuantizedTensor) -> QuantizedTensor:
        least = _LAST_BITS * max(size_of(x.calibration_values) for x in (a, b))

        def function(x: FloatArray, y: FloatArray) -> FloatArray:
            same = np.abs(x - y) <= least
            return self.compute(np.where(same, y, x), y).astype(np.float64)

        return a.jointly(function, b)

    def _compare(self, difference: QuantizedTensor) -> QuantizedTensor:
        half = np.abs(difference.scale) / 2

        def function(values: FloatArray) -> FloatArray:
            near_zero = np.where(np.abs(values) < half, 0.0, values)
            return self.compute(near_zero, np.zeros_like(near_zero)).astype(np.float64)

        return difference.then(function)


class QuantizedLogical(QuantizedBinary, ops=("And", "Or", "Xor")):
    """Logic on 0 and 1: a function of the sum."""

    @override
    def with_constant(self, x: QuantizedTensor, c: FloatArray) -> QuantizedTensor:
        return x.affine(1.0, c).then(_LOGIC[self.node.op_type])

    from_constant = with_constant

    @override
    def encrypted(self, a: QuantizedTensor, b: QuantizedTensor) -> QuantizedTensor:
        total = combine(Add(), a, b, self.n_bits.activations)
        return total.then(_LOGIC[self.node.op_type])

    same_integers = encrypted


class QuantizedWhere(QuantizedOp, ops=("Where",)):
    """Choice by a condition, encrypted or constant.

    It is the sum of both tensors, each made 0 where it is not chosen.
    """

    @override
    def q_impl(self, condition: Operand, x: Operand, y: Operand) -> QuantizedTensor:
        operands = (condition, x, y)
        ranks = {len(v.shape) for v in operands if isinstance(v, QuantizedTensor)}
        if len(ranks) > 1:
            raise self.unsupported(
                "mixes encrypted tensors of different numbers of axes",
                "Reshape them to the same number of axes.",
            )
        known = [
            v if isinstance(v, QuantizedTensor) else self.constant(v, max(ranks)) for v in operands
        ]
        shape = np.broadcast_shapes(*(v.shape for v in known))
        chooser, a, b = (v.broadcast(shape) if isinstance(v, QuantizedTensor) else v for v in known)
        if not isinstance(chooser, QuantizedTensor):
            return self._added(_masked(a, chooser > 0.5), _masked(b, chooser <= 0.5))
        if _depends_on(chooser, a) and _depends_on(chooser, b):
            return _chosen(chooser, a, b)
        return self._added(self._gated(chooser, a, 1), self._gated(chooser, b, 0))

    def _added(
        self, a: QuantizedTensor | FloatArray, b: QuantizedTensor | FloatArray
    ) -> QuantizedTensor:
        """Add two tensors, one of them encrypted at least."""
        if not isinstance(a, QuantizedTensor):
            a, b = b, a
        a = self.tensor(a)
        if isinstance(b, QuantizedTensor):
            return combine(Add(), a, b, self.n_bits.activations)
        return a.affine(1.0, b)

    def _gated(
        self, chooser: QuantizedTensor, x: QuantizedTensor | FloatArray, wanted: int
    ) -> QuantizedTensor:
        """Return `x` where an encrypted condition is as wanted, else 0: one lookup.

        The lookup's index has the condition's bit above the codes of `x`. None of its bits may be
        rounded away: the largest codes of one half would be taken for the other.
        """
        if _depends_on(chooser, x):
            return _chosen(chooser, *((x, np.zeros(())) if wanted else (np.zeros(()), x)))
        x = self.tensor(x)
        codes = _from_zero(narrow_codes(x, self._narrow(x)))
        bits = chooser.encode(_BIT)
        size = int(codes.bounds.high.max()) + 1
        weighted = bits.step(MultiplyConstant(np.full(bits.shape, size)))
        index = replace(weighted.step(Add(), codes), scale=np.ones(()), offset=np.zeros(()))

        def function(packed: FloatArray) -> FloatArray:
            bit, code = np.divmod(packed, size)
            return np.where(bit == wanted, codes.scale * code + codes.offset, 0.0)

        return index.then(function)

    def _narrow(self, x: QuantizedTensor) -> int:
        """Bits of codes that leave one of those which lookups look at to the condition."""
        kept = x.builder.fewest_kept_bits
        if kept is not None and kept < 2:
            raise self.unsupported(
                "chooses encrypted values by an encrypted condition",
                "Set rounding_bits to 2 at least, or to None.",
            )
        bits = self.n_bits.activations
        return bits if kept is None else min(bits, kept - 1)


def _from_zero(x: QuantizedTensor) -> QuantizedTensor:
    """Integers that count from 0, of one scale."""
    low = x.bounds.low.min()
    if not low:
        return x
    return replace(x, offset=x.offset + x.scale * low).step(AddConstant(np.full(x.shape, -low)))


def _depends_on(chooser: QuantizedTensor, x: QuantizedTensor | FloatArray) -> bool:
    """Whether the integers of a condition say all about a tensor."""
    return not isinstance(x, QuantizedTensor) or x.number == chooser.number


def _chosen(
    chooser: QuantizedTensor, a: QuantizedTensor | FloatArray, b: QuantizedTensor | FloatArray
) -> QuantizedTensor:
    """Choose between functions of the condition's integers, or constants: one lookup."""

    def function(condition: FloatArray, *values: FloatArray) -> FloatArray:
        rest = iter(values)
        x, y = (next(rest) if isinstance(v, QuantizedTensor) else v for v in (a, b))
        return np.where(condition > 0.5, x, y)

    return chooser.jointly(function, *(v for v in (a, b) if isinstance(v, QuantizedTensor)))


def _masked(
    x: QuantizedTensor | FloatArray, mask: NDArray[np.bool_]
) -> QuantizedTensor | FloatArray:
    """Return `x` where a constant condition holds, else 0: free."""
    if isinstance(x, QuantizedTensor):
        return x.affine(mask.astype(np.float64), 0.0)
    return np.where(mask, x, 0.0)


def combine(step: Step, a: QuantizedTensor, b: QuantizedTensor, n_bits: int) -> QuantizedTensor:
    """Add or subtract two encrypted tensors, after bringing both to one scale.

    Functions of the same integers are one function of them, and affine ones are free.
    """
    if a.number == b.number:
        sign = 1.0 if isinstance(step, Add) else -1.0
        if a.is_affine and b.is_affine:
            return replace(a, scale=a.scale + sign * b.scale, offset=a.offset + sign * b.offset)
        return a.jointly(lambda x, y: x + sign * y, b)
    a, b = to_common_scale(a, b, n_bits)
    offset = a.offset + b.offset if isinstance(step, Add) else a.offset - b.offset
    return replace(a.step(step, b), offset=offset)


def narrow_codes(x: QuantizedTensor, n_bits: int) -> QuantizedTensor:
    """Tensor of one scale in at most so many bits: itself, or its codes."""
    return x.requantize(n_bits, unless=x.has_one_scale and x.bounds.width <= n_bits)


def to_common_scale(
    a: QuantizedTensor, b: QuantizedTensor, n_bits: int
) -> tuple[QuantizedTensor, QuantizedTensor]:
    """Bring two tensors to one scale; those that share one already stay as they are."""
    if a.has_one_scale and b.has_one_scale and a.scale.flat[0] == b.scale.flat[0]:
        return a, b
    ranges = [(v.min(), v.max()) for v in (a.calibration_values, b.calibration_values)]
    widest = max(high - low for low, high in ranges)
    scale = np.asarray(widest / (2**n_bits - 1) or 1.0)
    quantizers = [AffineQuantizer.from_step(low, scale, n_bits) for low, _ in ranges]
    return a.encode(quantizers[0]), b.encode(quantizers[1])


def multiply(a: QuantizedTensor, b: QuantizedTensor, n_bits: int) -> QuantizedTensor:
    """Multiply two encrypted tensors: codes are centred, so that the product is affine."""
    x, y = factor_codes(a, n_bits), factor_codes(b, n_bits)
    return replace(x.step(Multiply(), y), scale=x.scale * y.scale, offset=np.zeros(()))


def factor_codes(x: QuantizedTensor, n_bits: int) -> QuantizedTensor:
    """Integers of at most so many bits, of one scale, that are 0 where the float is."""
    if not (x.has_one_scale and x.bounds.width <= n_bits and _reaches_zero(x)):
        x = x.requantize(n_bits)
    scale, offset = x.scale.flat[0], x.offset.flat[0]
    shift = np.full(x.shape, to_integers(offset / scale, "The integer of the value 0"))
    centred = x.step(AddConstant(shift)) if shift.any() else x
    return replace(centred, scale=np.asarray(scale), offset=np.zeros(()))


def _reaches_zero(x: QuantizedTensor) -> bool:
    """Whether a tensor of one scale is 0 for some integer, in range or not."""
    if not x.scale.flat[0]:
        return False
    zero = x.offset.flat[0] / x.scale.flat[0]
    return bool(np.isclose(zero, np.rint(zero), rtol=0, atol=_CENTRED))
