"""Integer programs: what a quantized model computes, free of floats."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, TypeVar

import numpy as np

from cml_sklearn._typing import IntArray
from cml_sklearn.exceptions import InvalidInputError
from cml_sklearn.program.bounds import Bounds, interval
from cml_sklearn.program.evaluation import CLEAR
from cml_sklearn.program.soundness import (
    FOREIGN_ERRORS,
    checked_bounds,
    checked_interval,
    pick,
)
from cml_sklearn.program.steps import (
    AddConstant,
    Declare,
    Lookup,
    Maximum,
    Multiply,
    MultiplyConstant,
    MultiplyMatrices,
    Step,
    Trees,
)

__all__ = [
    "Instruction",
    "IntegerProgram",
    "Operations",
    "Width",
    "looked_up",
    "n_lookups",
    "source_of",
]

_BLOCK = 2048
"""Samples that are evaluated at once: their tensors stay in the processor's cache."""

Tensor = TypeVar("Tensor")
Operations = Mapping[type[Step], Callable[..., Tensor]]
"""What every step does to some kind of tensor: arrays, ciphertexts, tracers, or facts of them."""


@dataclass(frozen=True)
class Instruction:
    """A step, the tensors it reads (by their numbers), and the operator that asked for it."""

    step: Step
    inputs: tuple[int, ...]
    source: str


class Width(NamedTuple):
    """Width of a tensor's integers, or of the index of a layer of lookups.

    Attributes
    ----------
    source : str
        Operator that makes them.
    bits : int
    kept_bits : int, optional
        Bits of an index that rounding leaves for the lookup; None for tensors.
    """

    source: str
    bits: int
    kept_bits: int | None = None


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

    def run(self, operations: Operations[Tensor], *inputs: Tensor) -> tuple[Tensor, ...]:
        """Evaluate by a table of what every step does."""
        tensors = list(inputs)
        for instruction in self.instructions:
            values = (tensors[i] for i in instruction.inputs)
            tensors.append(operations[type(instruction.step)](instruction.step, *values))
        return tuple(tensors[i] for i in self.outputs)

    def __call__(self, *inputs: IntArray) -> tuple[IntArray, ...]:
        """Evaluate on clear integers of shape (n_samples, ...), in blocks of rows."""
        n_samples = max(len(inputs[0]), 1)
        # trees cut samples into blocks of their own
        has_trees = any(isinstance(i.step, Trees) for i in self.instructions)
        size = n_samples if has_trees else _BLOCK
        starts = range(0, n_samples, size)
        blocks = [self.run(CLEAR, *(x[i : i + size] for x in inputs)) for i in starts]
        return tuple(np.concatenate(parts) for parts in zip(*blocks, strict=True))

    def check_inputs(self, inputs: tuple[IntArray, ...]) -> None:
        """Refuse integers that no circuit of the program can be trusted with.

        Raises
        ------
        InvalidInputError
            A wrong number of inputs, what are no integers, or such outside their range or of a
            wrong shape.
        """
        if len(inputs) != len(self.input_bounds):
            raise InvalidInputError(
                f"The module takes {len(self.input_bounds)} input(s), but {len(inputs)} came."
            )
        for i, (x, bounds) in enumerate(zip(inputs, self.input_bounds, strict=True)):
            if x.shape[1:] != bounds.shape:
                raise InvalidInputError(
                    f"Input {i} has shape {x.shape}; the module takes (n_samples, *{bounds.shape})."
                )
            if x.dtype.kind not in "iub":
                raise InvalidInputError(
                    f"Input {i} has the type {x.dtype}; give integers, as from quantize_input."
                )
            if len(x) and ((x.min(0) < bounds.low) | (x.max(0) > bounds.high)).any():
                raise InvalidInputError(
                    f"Input {i} has integers outside the range it was quantized for "
                    f"({bounds.low.min()} to {bounds.high.max()}); encode with quantize_input."
                )

    def check(self) -> None:
        """Refuse a program that makes no sense, such as one from a file of someone else.

        Raises
        ------
        InvalidInputError
            Tensors that are not there, shapes that don't fit, integers that leave their tables or
            64 bits, or tensors that would take all memory.
        """
        place = "its inputs"
        try:
            bounds = [checked_bounds(b) for b in self.input_bounds]
            n_elements = sum(b.low.size for b in bounds)
            for instruction in self.instructions:
                place = f"a step of {instruction.source!r}"
                operands = pick(bounds, instruction.inputs)
                bounds.append(checked_interval(instruction.step, operands, n_elements))
                n_elements += bounds[-1].low.size
            place = "its outputs"
            pick(bounds, self.outputs)
        except FOREIGN_ERRORS as error:
            raise InvalidInputError(
                f"The program makes no sense in {place}: {error}. Give one of this library."
            ) from error

    @cached_property
    def bounds(self) -> tuple[Bounds, ...]:
        """Interval of every tensor, by its number."""
        bounds = list(self.input_bounds)
        for instruction in self.instructions:
            bounds.append(interval(instruction.step, *(bounds[i] for i in instruction.inputs)))
        return tuple(bounds)

    @property
    def bounded_instructions(self) -> list[tuple[Instruction, Bounds]]:
        """All instructions with the interval of their results."""
        bounds = self.bounds[len(self.input_bounds) :]
        return list(zip(self.instructions, bounds, strict=True))

    @property
    def output_bounds(self) -> list[Bounds]:
        """Interval of every output."""
        return [self.bounds[i] for i in self.outputs]

    def widths(self) -> list[Width]:
        """Widths of all tensors in turn, and of the index before every layer of lookups."""
        n_inputs = len(self.input_bounds)
        widths = [Width("input", bounds.width) for bounds in self.input_bounds]
        for instruction, bounds in self.bounded_instructions:
            step = instruction.step
            if isinstance(step, Lookup):
                maker = looked_up(self.instructions, n_inputs, instruction)
                widths.append(Width(maker, step.index_width, step.width))
            widths.append(Width(instruction.source, bounds.width))
        return widths

    @property
    def is_affine(self) -> bool:
        """Whether no step needs more than sums, and products with clear integers."""
        return not any(isinstance(i.step, _NOT_AFFINE) for i in self.instructions)

    @property
    def unused_inputs(self) -> list[int]:
        """Inputs that no output comes from."""
        n_inputs, needed = len(self.input_bounds), set(self.outputs)
        for number, instruction in reversed([*enumerate(self.instructions, n_inputs)]):
            if number in needed:
                needed.update(instruction.inputs)
        return [i for i in range(n_inputs) if i not in needed]

    @property
    def n_lookups(self) -> int:
        """Layers of lookups: steps that look every element of a tensor up."""
        return n_lookups(self.instructions)


_NOT_AFFINE = (Lookup, Maximum, Multiply, MultiplyMatrices, Trees)


_INDEXING = (AddConstant, Declare, MultiplyConstant)
"""Steps that make an index of an operator's results."""


def source_of(instructions: Sequence[Instruction], n_inputs: int, tensor: int) -> str:
    """Operator that made a tensor."""
    return "input" if tensor < n_inputs else instructions[tensor - n_inputs].source


def looked_up(instructions: Sequence[Instruction], n_inputs: int, lookup: Instruction) -> str:
    """Operator whose results a layer of lookups takes, behind what shifts and scales them."""
    tensor = lookup.inputs[0]
    while tensor >= n_inputs:
        before = instructions[tensor - n_inputs]
        if before.source != lookup.source or not isinstance(before.step, _INDEXING):
            break
        tensor = before.inputs[0]
    return source_of(instructions, n_inputs, tensor)


def n_lookups(instructions: Sequence[Instruction]) -> int:
    """Count the layers of lookups."""
    return sum(isinstance(instruction.step, Lookup) for instruction in instructions)
