"""Integers near the end of 64 bits: exact, or refused when they are added to a program."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cml_sklearn.exceptions import BitWidthError
from cml_sklearn.program.bounds import Bounds
from cml_sklearn.program.builder import ProgramBuilder
from cml_sklearn.program.evaluation import evaluate
from cml_sklearn.program.packing import pack_samples
from cml_sklearn.program.steps import (
    Add,
    AddConstant,
    Convolve,
    MatMul,
    Multiply,
    MultiplyConstant,
    Step,
    Subtract,
    SumOver,
)
from tests.programs import codes_for, range_to


def steps_of(size: int) -> dict[str, tuple[Step, int]]:
    """Steps of big integers on tensors of two elements, and how many tensors they take."""
    big = np.full(2, size)
    return {
        "MatMul": (MatMul(np.full((2, 2), size)), 1),
        "AddConstant": (AddConstant(big), 1),
        "MultiplyConstant": (MultiplyConstant(-big), 1),
        "Add": (Add(), 2),
        "Subtract": (Subtract(), 2),
        "Multiply": (Multiply(), 2),
        "SumOver": (SumOver((0,), keepdims=True), 1),
    }


@pytest.mark.parametrize("name", steps_of(1))
@given(bits=st.integers(1, 61), more=st.integers(1, 61))
@settings(max_examples=30, deadline=None)
def test_a_step_is_exact_or_refused(name: str, bits: int, more: int) -> None:
    step, n_inputs = steps_of(1 << more)[name]
    builder = ProgramBuilder([range_to(1 << bits, 2)])
    try:
        made = builder.add(step, *(0,) * n_inputs)
    except BitWidthError:
        return
    program = builder.build([made])
    (x,) = codes_for(program, 5)
    exact = x.astype(object)
    if isinstance(step, MatMul):
        wanted = exact @ step.weights
    else:
        wanted = evaluate(step, *(exact,) * n_inputs)
    np.testing.assert_array_equal(program(x)[0].astype(object), wanted)
    low, high = program.output_bounds[0].low, program.output_bounds[0].high
    assert (low <= program(x)[0]).all()
    assert (program(x)[0] <= high).all()


@pytest.mark.parametrize("bits", [10, 26, 27, 40, 55])
def test_convolutions_are_exact_beyond_the_floats(bits: int) -> None:
    weights = np.array([[[1, 3, -1]], [[7, 1, 1]]])
    step = Convolve(weights, (1,), (1, 1), (1,), 1)
    x = (1 << bits) + np.arange(8).reshape(1, 1, 8)
    padded = np.pad(x[0, 0], 1).astype(object)
    wanted = [[sum(padded[i + k] * w[0, k] for k in range(3)) for i in range(8)] for w in weights]
    np.testing.assert_array_equal(evaluate(step, x)[0].astype(object), wanted)


def test_samples_are_not_packed_where_what_is_in_between_would_overflow() -> None:
    builder = ProgramBuilder([Bounds(np.zeros(1, dtype=np.int64), np.full(1, 3))])
    up = builder.add(AddConstant(np.full(1, 1 << 55)), 0)
    program = builder.build([builder.add(AddConstant(np.full(1, -(1 << 55))), up)])
    packed, packing = pack_samples(program, 8, 48)
    (x,) = codes_for(program, 8)
    (answer,) = packing.unpack(*packed(*packing.pack(x)))
    np.testing.assert_array_equal(answer, x)
    packed.check()
