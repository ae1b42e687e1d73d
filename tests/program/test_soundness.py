"""Programs from elsewhere: what the steps would give is known before, and nonsense is refused."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from cml_sklearn._typing import IntArray
from cml_sklearn.exceptions import InvalidInputError
from cml_sklearn.program import soundness, steps
from cml_sklearn.program.bounds import Bounds, Thermometer, interval
from cml_sklearn.program.evaluation import CLEAR
from cml_sklearn.program.program import Instruction, IntegerProgram
from cml_sklearn.program.soundness import OUTCOMES
from cml_sklearn.program.steps import Step

from .test_steps import CASES

LARGE = 1 << 40


def ints(*shape: int, value: int = 0) -> IntArray:
    return np.full(shape, value, dtype=np.int64)


def bounds_of(*shape: int, low: int = -8, high: int = 7) -> Bounds:
    return Bounds(ints(*shape, value=low), ints(*shape, value=high))


def program_of(step: Step, *shapes: tuple[int, ...]) -> IntegerProgram:
    instruction = Instruction(step, tuple(range(len(shapes))), "case")
    return IntegerProgram(
        tuple(bounds_of(*shape) for shape in shapes), (instruction,), (len(shapes),)
    )


def test_every_step_has_an_outcome() -> None:
    assert OUTCOMES.keys() == CLEAR.keys()


@CASES
def test_outcomes_are_true(step: Step, shapes: list[tuple[int, ...]]) -> None:
    ends = {"low": 0, "high": 1} if isinstance(step, steps.Trees | steps.Declare) else {}
    inputs = tuple(bounds_of(*shape, **ends) for shape in shapes)
    outcome, result = OUTCOMES[type(step)](step, *inputs), interval(step, *inputs)
    assert outcome.shape == result.shape
    assert outcome.magnitude >= max(-result.low.min(), result.high.max())
    instruction = Instruction(step, tuple(range(len(inputs))), "case")
    IntegerProgram(inputs, (instruction,), (len(inputs),)).check()


WRONG: list[tuple[Step, list[tuple[int, ...]]]] = [
    (steps.MatMul(ints(3, 2)), [(4,)]),
    (steps.MatMul(ints(4)), [(4,)]),
    (steps.MatMul(ints(4, 2)), [()]),
    (steps.MatMul(ints(4, 2)), [(4,), (4,)]),
    (steps.MatMul(ints(4, 2, value=1 << 60)), [(4,)]),
    (steps.MultiplyConstant(ints(4, value=-(1 << 62))), [(4,)]),
    (steps.MultiplyConstant(ints(4, 4)), [(4,)]),
    (steps.AddConstant(ints(3)), [(4,)]),
    (steps.AddConstant(ints(9)), [(1,)]),
    (steps.Add(), [(4,)]),
    (steps.Add(), [(4,), (2, 4)]),
    (steps.Subtract(), [(4,), (3,)]),
    (steps.Multiply(), [(1 << 14, 1), (1, 1 << 14)]),
    (steps.MultiplyMatrices(), [(1 << 14, 1), (1, 1 << 14)]),
    (steps.MultiplyMatrices(), [(2, 3), (2, 3)]),
    (steps.MultiplyMatrices(), [(3,), (3,)]),
    (steps.MultiplyMatrices(), [(1, 2, 3), (3, 2)]),
    (steps.MultiplyMatrices(), [(2, 2, 3), (3, 3, 2)]),
    (steps.Lookup(-8, ints(1, 8), ints(4)), [(4,)]),
    (steps.Lookup(-7, ints(1, 16), ints(4)), [(4,)]),
    (steps.Lookup(-8, ints(1, 20), ints(4)), [(4,)]),
    (steps.Lookup(-8, ints(1, 16), ints(4, value=1)), [(4,)]),
    (steps.Lookup(-8, ints(1, 16), ints(4, value=-1)), [(4,)]),
    (steps.Lookup(-8, ints(0, 16), ints(4)), [(4,)]),
    (steps.Lookup(-8, ints(16), ints(4)), [(4,)]),
    (steps.Lookup(-8, ints(1, 16), ints(3)), [(4,)]),
    (steps.Lookup(-8, ints(1, 1), ints(4), LARGE), [(4,)]),
    (steps.Lookup(-(10**30), ints(1, 16), ints(4)), [(4,)]),
    (steps.Declare(1 << 63), [(4,)]),
    (steps.SumOver((1,)), [(4,)]),
    (steps.SumOver((0, 0)), [(4,)]),
    (steps.SumOver((-1,)), [(4,)]),
    (steps.Reshape((3,)), [(4,)]),
    (steps.Reshape((-1,)), [(4,)]),
    (steps.Reshape((-2, -2)), [(4,)]),
    (steps.Transpose((0, 0)), [(2, 2)]),
    (steps.Transpose((0,)), [(2, 2)]),
    (steps.Concatenate(1), [(2,), (2,)]),
    (steps.Concatenate(0), [(2, 3), (2, 4)]),
    (steps.Pad((LARGE,), (0,)), [(4,)]),
    (steps.Pad((-1,), (0,)), [(4,)]),
    (steps.Pad((1, 1), (1, 1)), [(4,)]),
    (steps.Take(ints(2, value=4)), [(4,)]),
    (steps.Take(ints(2, value=-1)), [(4,)]),
]
FILTER = steps.Convolve(ints(2, 1, 2, 2, value=1), (1, 1), (0, 0, 0, 0), (1, 1))
WRONG += [
    (replace(FILTER, **change), [shape])  # type: ignore[arg-type]
    for change, shape in [
        ({}, (2, 4, 4)),
        ({}, (1, 1, 1)),
        ({}, (1, 4)),
        ({}, ()),
        ({"group": 0}, (1, 4, 4)),
        ({"group": 3}, (3, 4, 4)),
        ({"strides": (0, 1)}, (1, 4, 4)),
        ({"strides": (1,)}, (1, 4, 4)),
        ({"dilations": (1, -1)}, (1, 4, 4)),
        ({"pads": (0, 0, 0, LARGE)}, (1, 4, 4)),
        ({"pads": (0, 0, 0, 1 << 25)}, (1, 4, 4)),
        ({"pads": (0, 0, 0, -1)}, (1, 4, 4)),
        ({"weights": ints(2, 1, 2000, 2000)}, (1, 4000, 4000)),
        ({"weights": ints(0, 1, 2, 2)}, (1, 4, 4)),
    ]
]


@pytest.mark.parametrize(("step", "shapes"), WRONG, ids=lambda v: type(v).__name__)
def test_steps_that_make_no_sense(step: Step, shapes: list[tuple[int, ...]]) -> None:
    if math.prod(shapes[0]) > 10**6:
        small = Bounds(*np.broadcast_to(ints(2, 1, 1, 1), (2, *shapes[0])))
        program = IntegerProgram((small,), (Instruction(step, (0,), "case"),), (1,))
    else:
        program = program_of(step, *shapes)
    with pytest.raises(InvalidInputError, match=r"makes no sense in a step of 'case': .* Give"):
        program.check()


def test_many_small_steps_that_eat_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(soundness, "_MAX_ELEMENTS", 1 << 16)
    doubled = tuple(Instruction(steps.Concatenate(0), (i, i), "double") for i in range(60))
    with pytest.raises(InvalidInputError, match="integers a sample"):
        IntegerProgram((bounds_of(4),), doubled, (60,)).check()


def test_many_small_steps_that_overflow() -> None:
    squared = tuple(Instruction(steps.Multiply(), (i, i), "square") for i in range(9))
    with pytest.raises(InvalidInputError, match="wider than 62 bits"):
        IntegerProgram((bounds_of(4),), squared, (9,)).check()


def test_declarations_are_not_believed() -> None:
    lookup = steps.Lookup(0, ints(1, 2), ints(4))
    chain = (Instruction(steps.Declare(1), (0,), "d"), Instruction(lookup, (1,), "case"))
    with pytest.raises(InvalidInputError, match="declares integers from -8 to 7 narrower"):
        IntegerProgram((bounds_of(4),), chain, (2,)).check()


def stump(**changes: object) -> steps.Trees:
    """A tree that asks bit 0, with changes."""
    parts = {
        "bit": np.array([0, -1, -1], dtype=np.int32),
        "child": np.array([1, 1, 2], dtype=np.int32),
        "roots": np.array([0], dtype=np.int32),
        "values": np.array([[0], [3], [5]], dtype=np.int32),
        "fields": np.array([[0]], dtype=np.int32),
        "n_fields": 1,
    }
    return steps.Trees(**{**parts, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("change", "upper"),
    [
        ({}, 7),
        ({"bit": np.array([2, -1, -1], dtype=np.int32)}, 1),
        ({"child": np.array([0, 1, 2], dtype=np.int32)}, 1),
        ({"child": np.array([2, 1, 2], dtype=np.int32)}, 1),
        ({"child": np.array([1, 2, 2], dtype=np.int32)}, 1),
        ({"roots": np.array([1], dtype=np.int32)}, 1),
        ({"roots": np.array([0, 3], dtype=np.int32)}, 1),
        ({"fields": np.array([[1]], dtype=np.int32)}, 1),
        ({"n_fields": -1}, 1),
        ({"values": np.zeros(3, dtype=np.int32)}, 1),
    ],
)
def test_trees_that_make_no_sense(change: dict[str, object], upper: int) -> None:
    bits = Bounds(ints(2), ints(2, value=1))
    IntegerProgram((bits,), (Instruction(stump(), (0,), "case"),), (1,)).check()
    inputs = Bounds(ints(2), ints(2, value=upper))
    with pytest.raises(InvalidInputError, match="makes no sense in a step of 'case'"):
        IntegerProgram((inputs,), (Instruction(stump(**change), (0,), "case"),), (1,)).check()


@pytest.mark.parametrize("numbers", [(), (1,), (-1,), (10**30,)])
def test_tensors_that_are_not_there(numbers: tuple[int, ...]) -> None:
    with pytest.raises(InvalidInputError, match="in its outputs"):
        IntegerProgram((bounds_of(2),), (), numbers).check()
    itself = Instruction(steps.Concatenate(0), numbers, "itself")
    with pytest.raises(InvalidInputError, match="in a step of 'itself'"):
        IntegerProgram((bounds_of(2),), (itself,), (1,)).check()


@pytest.mark.parametrize(
    "bounds",
    [
        Bounds(ints(2), ints(3)),
        Bounds(ints(2, value=1), ints(2)),
        Bounds(ints(2), ints(2, value=(1 << 63) - 1)),
        Thermometer(ints(2), ints(2, value=1), ints(3)),
        Thermometer(ints(2), ints(2, value=1), np.array([1, 0])),
        Thermometer(ints(2), ints(2, value=1), np.array([0, LARGE])),
    ],
)
def test_ranges_of_inputs_that_are_none(bounds: Bounds) -> None:
    with pytest.raises(InvalidInputError, match="in its inputs"):
        IntegerProgram((bounds,), (), (0,)).check()
