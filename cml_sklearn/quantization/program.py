"""Integer programs: what a quantized model computes, free of floats."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cml_sklearn.fhe.primitives import IntArray, NumpyPrimitives, Primitives
from cml_sklearn.program.trees import Trees
from cml_sklearn.quantization.bit_widths import Widths, width_of
from cml_sklearn.quantization.quantizers import FloatArray
from cml_sklearn.quantization.ranges import RangeMethod
from cml_sklearn.quantization.steps import (
    AddConstant,
    Bounds,
    Declare,
    Lookup,
    Multiply,
    Step,
)
from cml_sklearn.quantization.storage import stored

__all__ = ["Instruction", "IntegerProgram", "ProgramBuilder"]


_NUMPY = NumpyPrimitives()
_BLOCK = 2048


@stored
@dataclass(frozen=True)
class Instruction:
    """A step, the tensors it reads (by their numbers), and the operator that asked for it."""

    step: Step
    inputs: tuple[int, ...]
    source: str


@stored
@dataclass(frozen=True)
class IntegerProgram:
    """A straight line of steps on integer tensors.

    Tensors are numbered: first the inputs, then one for each instruction.

    Parameters
    ----------
    input_bounds : tuple of Bounds
        Range of every input, which also gives its shape without the batch axis.
    instructions : tuple of Instruction
    outputs : tuple of int
        Numbers of the tensors to give back.
    """

    input_bounds: tuple[Bounds, ...]
    instructions: tuple[Instruction, ...]
    outputs: tuple[int, ...]

    def run(self, primitives: Primitives, *inputs: Any) -> tuple[Any, ...]:
        """Evaluate on arrays or tracers of shape (n_samples, ...)."""
        tensors = list(inputs)
        for instruction in self.instructions:
            values = (tensors[i] for i in instruction.inputs)
            tensors.append(instruction.step.run(primitives, *values))
        return tuple(tensors[i] for i in self.outputs)

    def __call__(self, *inputs: IntArray) -> tuple[IntArray, ...]:
        """Evaluate on clear integers, in blocks of rows that stay in the processor's cache."""
        n_samples = max(len(inputs[0]), 1)
        # trees cut samples into blocks of their own
        has_trees = any(isinstance(i.step, Trees) for i in self.instructions)
        size = n_samples if has_trees else _BLOCK
        starts = range(0, n_samples, size)
        blocks = [self.run(_NUMPY, *(x[i : i + size] for x in inputs)) for i in starts]
        return tuple(np.concatenate(parts) for parts in zip(*blocks, strict=True))

    def bounds(self) -> list[Bounds]:
        """Interval of every tensor, by its number."""
        found = list(self.input_bounds)
        for instruction in self.instructions:
            found.append(instruction.step.bounds(*(found[i] for i in instruction.inputs)))
        return found

    @property
    def output_bounds(self) -> list[Bounds]:
        """Interval of every output."""
        found = self.bounds()
        return [found[i] for i in self.outputs]

    def widths(self) -> list[tuple[str, int, int]]:
        """See `Program.widths`."""
        rows = [("input", bounds.width, 0) for bounds in self.input_bounds]
        bounds = self.bounds()
        for i, instruction in enumerate(self.instructions, start=len(rows)):
            rows.append((instruction.source, bounds[i].width, 0))
            if isinstance(instruction.step, Lookup):
                before = _source(self.instructions, len(self.input_bounds), instruction.inputs[0])
                tables = instruction.step.table_set
                rows.append((before, tables.index_width, tables.width))
        return rows

    def has_lookups(self) -> bool:
        """Whether any step needs a programmable bootstrap."""
        return any(isinstance(i.step, Lookup | Multiply) for i in self.instructions)

    @property
    def n_lookups(self) -> int:
        """Layers of lookups: steps that look every element of a tensor up."""
        return _n_lookups(self.instructions)


class ProgramBuilder:
    """Grows an `IntegerProgram` step by step; knows every tensor's interval and calibration codes.

    Parameters
    ----------
    input_bounds : sequence of Bounds
    input_codes : sequence of ndarray of int, shape (n_samples, ...)
        Quantized calibration data, which run through each step as it is added.
    sample_weight : ndarray of shape (n_samples,)
        Weights of the calibration data, which add up to 1.
    rounding_bits : int or tuple of int, optional
        Bits of an index that lookups keep, for all or for each layer of lookups; None: all.
    exact_rounding : bool
        See `TableSet`.
    range_method : {"mse", "min-max", "percentile"}
        How ranges of codes are chosen: see `best_range`.

    Attributes
    ----------
    source : str
        Label of the operator that the next steps come from, for messages.
    """

    def __init__(
        self,
        input_bounds: Sequence[Bounds],
        input_codes: Sequence[IntArray],
        sample_weight: FloatArray,
        *,
        rounding_bits: Widths | None = None,
        exact_rounding: bool = True,
        range_method: RangeMethod = "mse",
    ) -> None:
        self._input_bounds = tuple(input_bounds)
        self._instructions: list[Instruction] = []
        self._bounds = list(input_bounds)
        self._codes = list(input_codes)
        self._rounding_bits = rounding_bits
        self._exact_rounding = exact_rounding
        self.sample_weight = sample_weight
        self.range_method = range_method
        self.source = "input"

    def add(self, step: Step, *inputs: int) -> int:
        """Append a step; returns the number of the tensor that it makes."""
        self._instructions.append(Instruction(step, inputs, self.source))
        self._bounds.append(step.bounds(*(self._bounds[i] for i in inputs)))
        self._codes.append(step.run(_NUMPY, *(self._codes[i] for i in inputs)))
        return len(self._bounds) - 1

    def codes(self, tensor: int) -> IntArray:
        """Integers of a tensor on the calibration data, shape (n_samples, ...)."""
        return self._codes[tensor]

    @property
    def n_inputs(self) -> int:
        """Number of inputs; tensors from this number on come from steps."""
        return len(self._input_bounds)

    @property
    def n_lookups(self) -> int:
        """Layers of lookups so far."""
        return _n_lookups(self._instructions)

    def source_of(self, tensor: int) -> str:
        """Label of the operator that a tensor comes from."""
        return _source(self._instructions, self.n_inputs, tensor)

    def rounding(self, width: int) -> tuple[int, bool]:
        """Low bits that the next lookup, of this width, rounds away, and whether exactly."""
        if self._rounding_bits is None:
            return 0, self._exact_rounding
        kept = width_of(self._rounding_bits, self.n_lookups)
        return max(width - kept, 0), self._exact_rounding

    def bounds(self, tensor: int) -> Bounds:
        """Interval of a tensor."""
        return self._bounds[tensor]

    def add_output(self, tensor: int) -> tuple[int, int]:
        """Shift a tensor so that it has no sign; returns its new number and the shift.

        The shift is a power of two and so shows the width only, not the bound itself.
        """
        bounds = self._bounds[tensor]
        shift = 0 if bounds.low.min(initial=0) >= 0 else 1 << (bounds.width - 1)
        if shift:
            tensor = self.add(AddConstant(np.full(bounds.shape, shift, dtype=np.int64)), tensor)
        upper = int(self._bounds[tensor].high.max(initial=0))
        return self.add(Declare(upper), tensor), shift

    def build(self, outputs: Sequence[int]) -> IntegerProgram:
        """Finish the program."""
        return IntegerProgram(self._input_bounds, tuple(self._instructions), tuple(outputs))


def _source(instructions: Sequence[Instruction], n_inputs: int, tensor: int) -> str:
    """Operator that made a tensor."""
    return "input" if tensor < n_inputs else instructions[tensor - n_inputs].source


def _n_lookups(instructions: Sequence[Instruction]) -> int:
    """Count steps that are lookups."""
    return sum(isinstance(instruction.step, Lookup) for instruction in instructions)
