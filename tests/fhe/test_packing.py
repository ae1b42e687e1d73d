"""Several samples in one integer give what they give one by one."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cml_sklearn.exceptions import BitWidthError
from cml_sklearn.fhe.protocol import CircuitOptions, Program
from cml_sklearn.fhe.circuit import FheCircuit
from cml_sklearn.fhe.packing import PackedProgram
from cml_sklearn.program.builder import ProgramBuilder
from cml_sklearn.program.program import IntegerProgram
from cml_sklearn.program.steps import AddConstant, Bounds, Declare, MatMul
from tests.fake_backend import FakeBackend, FakeCircuit, StrictPrimitives, codes_for


def affine_program(seed: int, bits: int, *, declared: bool) -> IntegerProgram:
    """Two outputs, one of them negative in places, with constants in between."""
    rng = np.random.default_rng(seed)
    upper = (1 << bits) - 1
    bounds = Bounds(np.zeros(3, dtype=np.int64), np.full(3, upper))
    builder = ProgramBuilder([bounds], [np.zeros((1, 3), dtype=np.int64)], np.ones(1))
    weights = rng.integers(-upper, upper, (3, 2), endpoint=True)
    signed = builder.add(MatMul(weights), builder.add(AddConstant(np.array([1, 0, 5])), 0))
    positive = builder.add(MatMul(abs(weights)), 0)
    if declared:
        positive = builder.add(Declare(int(builder.bounds(positive).high.max())), positive)
    return builder.build([signed, positive])


@given(
    seed=st.integers(0, 1000),
    bits=st.integers(1, 6),
    declared=st.booleans(),
    batch_size=st.sampled_from([4, 12, 24]),
)
def test_packed_samples_give_what_single_ones_give(
    seed: int, bits: int, declared: bool, batch_size: int
) -> None:
    program = affine_program(seed, bits, declared=declared)
    packed = PackedProgram.for_batch(program, batch_size)
    assert batch_size % packed.n_packed == 0
    codes = codes_for(program, batch_size, seed)
    inputs = packed.pack(*codes)
    for x, bounds in zip(inputs, packed.input_bounds, strict=True):
        assert len(x) == batch_size // packed.n_packed
        assert ((x >= bounds.low) & (x <= bounds.high)).all()
    outputs = packed.unpack(*packed.run(StrictPrimitives(), *inputs))
    for ours, expected in zip(outputs, program(*codes), strict=True):
        np.testing.assert_array_equal(ours, expected)


def test_no_more_samples_than_fit() -> None:
    assert PackedProgram.for_batch(affine_program(0, 2, declared=False), 24).n_packed > 2
    assert PackedProgram.for_batch(affine_program(0, 2, declared=False), 1).n_packed == 1
    assert PackedProgram.for_batch(affine_program(0, 12, declared=False), 24).n_packed == 1


class NarrowBackend(FakeBackend):
    """Finds no parameters for packed programs."""

    def compile(self, program: Program, batch_size: int, options: CircuitOptions) -> FakeCircuit:
        if isinstance(program, PackedProgram):
            raise BitWidthError("too wide")
        return super().compile(program, batch_size, options)


def test_without_parameters_for_packed_samples_they_go_one_by_one() -> None:
    program, backend = affine_program(0, 3, declared=True), NarrowBackend()
    circuit = FheCircuit(program, CircuitOptions(), backend)
    codes = codes_for(program, 30)
    np.testing.assert_array_equal(circuit.execute(*codes)[0], program(*codes)[0])
    assert [c.batch_size for c in backend.compiled] == [24, 1]


@pytest.mark.parametrize("mode", ["execute", "simulate"])
def test_packed_samples_under_encryption(mode: str) -> None:
    program = affine_program(1, 5, declared=True)
    circuit = FheCircuit(program, CircuitOptions())
    codes = codes_for(program, 50)
    for ours, expected in zip(getattr(circuit, mode)(*codes), program(*codes), strict=True):
        np.testing.assert_array_equal(ours, expected)
