"""What the lookups of a program will cost, told without compiling it.

Of a lookup, the cost is known by its width and by the spread of what its result is added to (see
`forest/cost.py`). The spread is twice the bits that the next lookup must tell apart, and log2 of
the squared weights on the way to it: products enlarge the noise, and bits that are rounded
away approximately need not be told apart.
"""

from __future__ import annotations

import math

import numpy as np

from cml_sklearn._typing import IntArray
from cml_sklearn.fhe.concrete.forest.cost import MAX_WIDTH, spread_cost
from cml_sklearn.fhe.concrete.substitutes import substitute
from cml_sklearn.fhe.protocol import LookupCost
from cml_sklearn.program.program import IntegerProgram, looked_up
from cml_sklearn.program.steps import (
    Add,
    Convolve,
    Lookup,
    MatMul,
    MultiplyConstant,
    Step,
    Subtract,
    SumOver,
)

__all__ = ["lookup_costs"]

_WIDER = 1.5
"""Factor of the cost for every bit beyond the widest that was measured: 14 bits take 49 Gop."""

_EXACT = 2.5
"""Factor of the cost where rounding is exact: measured 2 to 3."""


def lookup_costs(program: IntegerProgram, p_error: float) -> list[LookupCost]:
    """Estimate the cost of every layer of lookups, in the order of the program.

    Parameters
    ----------
    program : IntegerProgram
        Trees, which are planned by themselves, count nothing.
    p_error : float
        Chance that a lookup is wrong.

    Raises
    ------
    BitWidthError
        Lookups that stand for products or maxima of encrypted tensors are too wide.
    """
    program = substitute(program)
    n_inputs, spreads = len(program.input_bounds), _spreads(program)
    costs = []
    for number, (instruction, bounds) in enumerate(program.bounded_instructions, n_inputs):
        step, size = instruction.step, bounds.low.size
        if isinstance(step, Lookup):
            gop = size * _cost(step, spreads[number], p_error) / 1e3
            maker = looked_up(program.instructions, n_inputs, instruction)
            widths = step.index_width, step.width
            costs.append(LookupCost(maker, size, *widths, gop))
    return costs


def _cost(step: Lookup, spread: float, p_error: float) -> float:
    """Millions of operations of one lookup."""
    measured = spread_cost(min(step.width, MAX_WIDTH), spread, p_error)
    wider = _WIDER ** max(step.width - MAX_WIDTH, 0)
    return measured * wider * (_EXACT if step.exact and step.lsbs_to_remove else 1)


def _spreads(program: IntegerProgram) -> list[float]:
    """Spread that every tensor's elements are asked for by those who read it, by number."""
    n_inputs = len(program.input_bounds)
    spreads = [0.0] * (n_inputs + len(program.instructions))
    for output in program.outputs:
        spreads[output] = 2.0 * program.bounds[output].width
    for number, instruction in reversed([*enumerate(program.instructions, n_inputs)]):
        step = instruction.step
        for operand in instruction.inputs:
            asked = (
                2.0 * (step.width if not step.exact else step.index_width)
                if isinstance(step, Lookup)
                else spreads[number] + math.log2(max(_squares(step, program, operand, number), 1))
            )
            spreads[operand] = max(spreads[operand], asked)
    return spreads


def _squares(step: Step, program: IntegerProgram, operand: int, result: int) -> float:
    """Factor by which a step enlarges the variance of its operand's noise, at most."""
    if isinstance(step, MatMul):
        return _greatest(step.weights, axis=0)
    if isinstance(step, Convolve):
        return _greatest(step.weights.reshape(len(step.weights), -1), axis=1)
    if isinstance(step, MultiplyConstant):
        return float(np.max(step.constant.astype(float) ** 2, initial=0))
    if isinstance(step, SumOver):
        return program.bounds[operand].low.size / max(program.bounds[result].low.size, 1)
    return 2.0 if isinstance(step, Add | Subtract) else 1.0


def _greatest(weights: IntArray, axis: int) -> float:
    """Greatest sum of squared weights along an axis."""
    return float((weights.astype(float) ** 2).sum(axis=axis).max(initial=0))
