"""Growing an integer program step by step, with every tensor's interval at hand."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cml_sklearn.exceptions import BitWidthError
from cml_sklearn.program.bounds import Bounds, interval
from cml_sklearn.program.integers import MAX_MAGNITUDE
from cml_sklearn.program.program import Instruction, IntegerProgram, n_lookups, source_of
from cml_sklearn.program.soundness import OUTCOMES
from cml_sklearn.program.steps import AddConstant, Declare, Step

__all__ = ["ProgramBuilder"]


class ProgramBuilder:
    """Grows an `IntegerProgram`.

    Parameters
    ----------
    input_bounds : sequence of Bounds

    Attributes
    ----------
    source : str
        Label of the operator that the next steps come from, for messages.
    """

    def __init__(self, input_bounds: Sequence[Bounds]) -> None:
        self._input_bounds = tuple(input_bounds)
        self._instructions: list[Instruction] = []
        self._bounds = list(input_bounds)
        self.source = "input"

    def add(self, step: Step, *inputs: int) -> int:
        """Append a step; returns the number of the tensor that it makes.

        Raises
        ------
        BitWidthError
            Its integers, or those on the way to them, may not fit 64 bits.
        """
        bounds = [self._bounds[i] for i in inputs]
        # a declaration makes nothing larger, and is believed until a circuit runs
        is_declared = isinstance(step, Declare)
        magnitude = 0.0 if is_declared else OUTCOMES[type(step)](step, *bounds).magnitude
        if not magnitude <= MAX_MAGNITUDE:
            raise BitWidthError(
                f"{self.source} makes integers up to {magnitude:.3g}; 62 bits are the most that "
                "is computed with. Lower n_bits (of inputs, weights or activations), or give "
                "weights and data that differ less in size."
            )
        self._instructions.append(Instruction(step, inputs, self.source))
        self._bounds.append(interval(step, *bounds))
        return len(self._bounds) - 1

    def narrow(self, tensor: int, bounds: Bounds) -> None:
        """Take bounds that were proven elsewhere, where the steps' own are wider."""
        self._bounds[tensor] = bounds

    def bounds(self, tensor: int) -> Bounds:
        """Interval of a tensor."""
        return self._bounds[tensor]

    @property
    def n_inputs(self) -> int:
        """Number of inputs; tensors from this number on come from steps."""
        return len(self._input_bounds)

    @property
    def n_lookups(self) -> int:
        """Layers of lookups so far."""
        return n_lookups(self._instructions)

    def source_of(self, tensor: int) -> str:
        """Label of the operator that a tensor comes from."""
        return source_of(self._instructions, self.n_inputs, tensor)

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
