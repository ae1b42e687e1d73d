"""A circuit for those of its inputs' integers that it reads, behind a client that sends all.

The client encrypts the whole grid of a tree, the server needs a few bits of it, and making masks
out of the seeds of all takes longer than the lookups. So the circuit is compiled for the few, and
the server drops the others before. The client's half says nothing of them: it has the shape of all.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from cml_sklearn._typing import IntArray
from cml_sklearn.fhe.concrete.bindings import load_concrete
from cml_sklearn.fhe.concrete.messages import SEEDED_WORDS, pick_ciphertexts
from cml_sklearn.program.bounds import Bounds, Thermometer
from cml_sklearn.program.program import Instruction, IntegerProgram
from cml_sklearn.program.steps import Take

__all__ = ["Selection", "select_inputs"]


@dataclass(frozen=True)
class Selection:
    """Which integers a program reads.

    Parameters
    ----------
    sizes : tuple of int
        Integers of a sample, by input.
    positions : tuple of (ndarray of int or None)
        Which ones are read, by input; None: all, in whatever shape they have.
    """

    sizes: tuple[int, ...]
    positions: tuple[IntArray | None, ...]

    @property
    def bytes_left_out(self) -> int:
        """Bytes of the ciphertexts that are sent and dropped."""
        unread = sum(size - len(kept) for _, size, kept in self._selected())
        return 8 * SEEDED_WORDS * unread

    def integers(self, *inputs: IntArray) -> tuple[IntArray, ...]:
        """Leave out the columns of clear inputs that are not read."""
        parts = list(inputs)
        for number, _, kept in self._selected():
            parts[number] = parts[number][:, kept]
        return tuple(parts)

    def ciphertexts(self, values: tuple[Any, ...]) -> tuple[Any, ...]:
        """Leave out the ciphertexts that are not read."""
        parts = list(values)
        for number, size, kept in self._selected():
            message = pick_ciphertexts(parts[number].serialize(), size, kept)
            parts[number] = load_concrete().Value.deserialize(message)
        return tuple(parts)

    def client(self, specs: Any) -> Any:
        """Make the library's client for all integers out of a circuit's specifications."""
        content = json.loads(specs.serialize())
        for number, size, _ in self._selected():
            gate = content["circuits"][0]["inputs"][number]
            kind = gate["typeInfo"]["lweCiphertext"]
            for place in (gate["rawInfo"]["shape"], kind["abstractShape"], kind["concreteShape"]):
                place["dimensions"][1] = size
        wide = type(specs).deserialize(json.dumps(content).encode())
        return load_concrete().Client(wide)

    def _selected(self) -> Iterator[tuple[int, int, IntArray]]:
        """Find the inputs that are not read as a whole: number, size and positions."""
        for number, (size, kept) in enumerate(zip(self.sizes, self.positions, strict=True)):
            if kept is not None:
                yield number, size, kept


def select_inputs(program: IntegerProgram) -> tuple[IntegerProgram, Selection]:
    """Rewrite a program for the integers that it takes from its inputs."""
    inputs = range(len(program.input_bounds))
    positions = tuple(_positions(program, number) for number in inputs)
    selection = Selection(tuple(b.low.size for b in program.input_bounds), positions)
    if not any(kept is not None for kept in positions):
        return program, selection
    pairs = zip(program.input_bounds, positions, strict=True)
    bounds = tuple(b if kept is None else _narrowed(b, kept) for b, kept in pairs)
    instructions = tuple(_renumbered(i, positions) for i in program.instructions)
    return IntegerProgram(bounds, instructions, program.outputs), selection


def _positions(program: IntegerProgram, number: int) -> IntArray | None:
    """Positions that are taken of an input, if nothing else is done with it."""
    readers = [i.step for i in program.instructions if number in i.inputs]
    taken = [step.positions.ravel() for step in readers if isinstance(step, Take)]
    bounds = program.input_bounds[number]
    if not taken or len(taken) < len(readers) or number in program.outputs or bounds.low.ndim != 1:
        return None
    kept = np.unique(np.concatenate(taken))
    return kept if len(kept) < bounds.low.size else None


def _narrowed(bounds: Bounds, kept: IntArray) -> Bounds:
    """Range of some bits or other integers."""
    low, high = bounds.low[kept], bounds.high[kept]
    if isinstance(bounds, Thermometer):
        return Thermometer(low, high, bounds.features[kept])
    return Bounds(low, high)


def _renumbered(instruction: Instruction, positions: tuple[IntArray | None, ...]) -> Instruction:
    """Let a step take its integers from among those that are kept."""
    step, source = instruction.step, instruction.inputs[0]
    kept = positions[source] if source < len(positions) else None
    if kept is None or not isinstance(step, Take):
        return instruction
    return replace(instruction, step=Take(np.searchsorted(kept, step.positions)))
