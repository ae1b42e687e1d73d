"""Several samples in one integer, for affine programs.

An affine program may as well be given the integers ``x[0] + 2**s * x[1] + ...``: what comes out
holds the results of all samples side by side, if each fits into ``s`` bits. So packing is a rewrite
from program to program: ranges and constant terms grow by the sum of the factors, weights stay.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from cml_sklearn._typing import IntArray
from cml_sklearn.exceptions import InvalidInputError
from cml_sklearn.program.bounds import Bounds
from cml_sklearn.program.integers import MAX_MAGNITUDE
from cml_sklearn.program.program import Instruction, IntegerProgram
from cml_sklearn.program.steps import AddConstant, Declare

__all__ = ["Packing", "pack_samples"]

_WIDEST = 62
"""Bits that 64-bit integers hold with a sign, and a sum to spare."""


@dataclass(frozen=True)
class Packing:
    """How samples stand in an integer.

    Parameters
    ----------
    n_packed : int
        Samples in one integer.
    bits : int
        Bits of one sample's result.
    shifts : tuple of int
        What is added to every result, by output: a power of two, which shows its width only.
    """

    n_packed: int
    bits: int
    shifts: tuple[int, ...]

    def __post_init__(self) -> None:
        """Refuse fields that don't fit into 64 bits, or shifts that are not theirs."""
        fits = min(self.n_packed, self.bits) >= 1 and self.n_packed * self.bits <= _WIDEST
        if not fits or not {0, 1 << (self.bits - 1)}.issuperset(self.shifts):
            raise InvalidInputError(
                f"{self.n_packed} results of {self.bits} bits, shifted by {self.shifts}, can't "
                f"share an integer; give {_WIDEST} bits at most, and shifts by the top bit."
            )

    @property
    def factors(self) -> IntArray:
        """Weight of each sample in an integer."""
        return 1 << (self.bits * np.arange(self.n_packed, dtype=np.int64))

    def pack(self, *inputs: IntArray) -> list[IntArray]:
        """Join every `n_packed` rows of the inputs to one."""
        rows = [x.reshape((-1, self.n_packed, *x.shape[1:])) for x in inputs]
        return [np.tensordot(self.factors, x, axes=(0, 1)) for x in rows]

    def unpack(self, *outputs: IntArray) -> tuple[IntArray, ...]:
        """Part the rows of results again."""
        parts = []
        for packed, shift in zip(outputs, self.shifts, strict=True):
            fields = [(packed // factor) % (1 << self.bits) - shift for factor in self.factors]
            parts.append(np.stack(fields, axis=1).reshape((-1, *packed.shape[1:])))
        return tuple(parts)


def pack_samples(
    program: IntegerProgram, batch_size: int, max_bits: int
) -> tuple[IntegerProgram, Packing]:
    """Rewrite an affine program for as many samples in an integer as fit and divide the batch.

    Parameters
    ----------
    program : IntegerProgram
    batch_size : int
    max_bits : int
        Width of the packed results.
    """
    bits = _result_bits(program)
    # what the outputs are made from may be wider than they
    widest = max(_widest_constant(program), 1 << max(width.bits for width in program.widths()))
    fitting = range(1, max(1, max_bits // bits) + 1)
    n_packed = max(
        k
        for k in fitting
        if batch_size % k == 0 and (k == 1 or widest << (bits * (k - 1) + 1) <= MAX_MAGNITUDE)
    )
    signed = (b.low.min(initial=0) < 0 for b in program.output_bounds)
    packing = Packing(n_packed, bits, tuple(1 << (bits - 1) if s else 0 for s in signed))
    return _rewrite(program, packing), packing


def _result_bits(program: IntegerProgram) -> int:
    """Bits that hold any output of one sample: two's complement where one is negative."""
    low = min(int(b.low.min(initial=0)) for b in program.output_bounds)
    high = max(int(b.high.max(initial=0)) for b in program.output_bounds)
    return max(high.bit_length(), (-low - 1).bit_length() if low < 0 else 0) + (low < 0) or 1


def _widest_constant(program: IntegerProgram) -> int:
    """Greatest absolute value of the constant terms."""
    constants = (i.step.constant for i in program.instructions if isinstance(i.step, AddConstant))
    return max((int(np.abs(constant).max(initial=0)) for constant in constants), default=0)


def _rewrite(program: IntegerProgram, packing: Packing) -> IntegerProgram:
    """Scale ranges and constants; shift the results so that none is negative, and declare it."""
    total = int(packing.factors.sum())
    bounds = tuple(Bounds(b.low * total, b.high * total) for b in program.input_bounds)
    numbers = list(range(len(bounds)))
    instructions: list[Instruction] = []

    def append(instruction: Instruction) -> int:
        instructions.append(instruction)
        return len(bounds) + len(instructions) - 1

    for instruction in program.instructions:
        inputs = tuple(numbers[i] for i in instruction.inputs)
        if isinstance(instruction.step, Declare):  # another range than a single sample's
            numbers.append(inputs[0])
            continue
        step = instruction.step
        if isinstance(step, AddConstant):
            step = AddConstant(step.constant * total)
        numbers.append(append(replace(instruction, step=step, inputs=inputs)))
    upper = (1 << (packing.n_packed * packing.bits)) - 1
    outputs = []
    for output, shape, shift in zip(
        program.outputs, (b.shape for b in program.output_bounds), packing.shifts, strict=True
    ):
        number = numbers[output]
        if shift:
            constant = AddConstant(np.full(shape, shift * total, dtype=np.int64))
            number = append(Instruction(constant, (number,), "packing"))
        outputs.append(append(Instruction(Declare(upper), (number,), "packing")))
    return IntegerProgram(bounds, tuple(instructions), tuple(outputs))
