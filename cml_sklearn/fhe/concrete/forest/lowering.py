"""Programs with trees become programs of lookups: what Concrete can compile."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cml_sklearn._typing import IntArray
from cml_sklearn.fhe.concrete.forest.plan import LookupGroup, LookupPlan, OutputWords
from cml_sklearn.fhe.concrete.forest.planner import plan_trees
from cml_sklearn.fhe.long_steps import long_step
from cml_sklearn.fhe.protocol import DEFAULT_P_ERROR
from cml_sklearn.program.bounds import Bounds, Thermometer
from cml_sklearn.program.program import Instruction, IntegerProgram
from cml_sklearn.program.steps import (
    Add,
    AddConstant,
    Declare,
    Lookup,
    MatMul,
    Step,
    Take,
    Trees,
)

__all__ = ["LoweredProgram", "lower_trees"]


@dataclass(frozen=True)
class LoweredProgram:
    """A program without trees, and the way back from its outputs."""

    program: IntegerProgram
    words: OutputWords


def lower_trees(
    program: IntegerProgram, *, p_error: float = DEFAULT_P_ERROR, rounds: int = 100
) -> LoweredProgram:
    """Plan lookups for every `Trees` step.

    Parameters
    ----------
    program : IntegerProgram
    p_error, rounds
        See `plan_trees`.

    Raises
    ------
    BitWidthError, CompilationError
        See `plan_trees`.
    """
    if not any(isinstance(i.step, Trees) for i in program.instructions):
        return LoweredProgram(program, OutputWords((None,) * len(program.outputs)))
    bounds, inner = program.bounds, {t for i in program.instructions for t in i.inputs}
    tape = _Tape(len(program.input_bounds))
    numbers, layouts = list(range(tape.n_inputs)), {}
    for tensor, instruction in enumerate(program.instructions, start=tape.n_inputs):
        step, inputs = instruction.step, tuple(numbers[i] for i in instruction.inputs)
        if isinstance(step, Trees):
            features = _features(bounds[instruction.inputs[0]])
            packed = tensor not in inner
            with long_step("plan", engine="concrete", trees=len(step.roots)) as facts:
                plan = plan_trees(step, features, p_error=p_error, rounds=rounds, packed=packed)
                facts["lookups"] = sum(group.n_lookups for group in plan.groups)
            layouts[tensor] = plan.layout
            numbers.append(tape.add_plan(plan, inputs[0], instruction.source))
        else:
            numbers.append(tape.add(step, inputs, instruction.source))
    outputs = tuple(numbers[i] for i in program.outputs)
    lowered = IntegerProgram(program.input_bounds, tuple(tape.instructions), outputs)
    return LoweredProgram(lowered, OutputWords(tuple(layouts.get(i) for i in program.outputs)))


def _features(bounds: Bounds) -> IntArray:
    """Feature of each bit; where nothing is known, each is one of its own."""
    if isinstance(bounds, Thermometer):
        return bounds.features
    return np.arange(len(bounds.low))


class _Tape:
    """Instructions that are written one after the other."""

    def __init__(self, n_inputs: int) -> None:
        self.n_inputs = n_inputs
        self.instructions: list[Instruction] = []

    def add(self, step: Step, inputs: tuple[int, ...], source: str) -> int:
        """Append a step; returns the number of the tensor that it makes."""
        self.instructions.append(Instruction(step, inputs, source))
        return self.n_inputs + len(self.instructions) - 1

    def add_plan(self, plan: LookupPlan, bits: int, source: str) -> int:
        """Append the steps from bits to words."""
        parts = [self._add_group(group, bits, source) for group in plan.groups]
        if len(plan.direct_rows) or not parts:
            rows, weights = plan.direct_rows, plan.direct_weights
            if not len(rows):
                rows, weights = np.zeros(1, np.int64), np.zeros((1, plan.n_words), np.int64)
            direct = self.add(Take(rows), (bits,), source)
            parts.append(self.add(MatMul(weights), (direct,), source))
        words = parts[0]
        for part in parts[1:]:
            words = self.add(Add(), (words, part), source)
        words = self.add(AddConstant(plan.constant), (words,), source)
        # intervals can't see that the lookups of one tree exclude each other
        widest = Bounds(np.zeros_like(plan.upper), plan.upper).width
        return self.add(Declare(2**widest - 1), (words,), source)

    def _add_group(self, group: LookupGroup, bits: int, source: str) -> int:
        """Append the lookups of one width; gives the number of what they add to the words."""
        taken = self.add(Take(group.rows), (bits,), source)
        index = self.add(MatMul(group.index_weights), (taken,), source)
        if group.index_offset.any():
            index = self.add(AddConstant(group.index_offset), (index,), source)
        lookup = Lookup(0, group.tables, np.arange(group.n_lookups))
        entries = self.add(lookup, (index,), source)
        return self.add(MatMul(group.output_weights), (entries,), source)
