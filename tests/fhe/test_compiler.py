"""The Concrete backend, for real."""

from __future__ import annotations

import pickle

import joblib
import numpy as np
import pytest

from cml_sklearn.exceptions import BitWidthError
from cml_sklearn.fhe.protocol import CircuitOptions
from cml_sklearn.fhe.circuit import FheCircuit
from cml_sklearn.fhe.compiler import ConcreteBackend
from cml_sklearn.program.builder import ProgramBuilder
from cml_sklearn.program.program import IntegerProgram
from cml_sklearn.program.steps import Bounds, Lookup, MatMul
from tests.fake_backend import codes_for
from tests.fhe.test_circuit import linear_program, lookup_program

pytestmark = pytest.mark.fhe


@pytest.mark.parametrize("program", [linear_program(), lookup_program()])
def test_encrypted_equals_clear(program: IntegerProgram) -> None:
    circuit = FheCircuit(program, CircuitOptions())
    codes = codes_for(program, 3)
    np.testing.assert_array_equal(circuit.execute(*codes)[0], program(*codes)[0])
    np.testing.assert_array_equal(circuit.simulate(*codes)[0], program(*codes)[0])


def test_ranges_beyond_the_representative_inputs_hold() -> None:
    """Extremes of an accumulator that the compiler never saw must not wrap around."""
    bounds = Bounds(np.zeros(2, dtype=np.int64), np.full(2, 255))
    builder = ProgramBuilder([bounds], [np.zeros((1, 2), dtype=np.int64)], np.ones(1))
    number, shift = builder.add_output(builder.add(MatMul(np.array([[127], [-127]])), 0))
    program = builder.build([number])
    codes = np.array([[255, 0], [0, 255]])
    result = FheCircuit(program, CircuitOptions()).execute(codes)[0] - shift
    np.testing.assert_array_equal(result, [[32385], [-32385]])


def test_output_width_is_proven_not_observed() -> None:
    """Alternating weights meet their extremes on one input only, which no sample shows."""
    bounds = Bounds(np.zeros(40, dtype=np.int64), np.full(40, 255))
    builder = ProgramBuilder([bounds], [np.zeros((1, 40), dtype=np.int64)], np.ones(1))
    weights = np.where(np.arange(40) % 2, 127, -127)[:, None]
    number, _ = builder.add_output(builder.add(MatMul(weights), 0))
    program = builder.build([number])
    circuit = FheCircuit(program, CircuitOptions(batch_size=1))
    assert circuit.report.max_bit_width == int(program.bounds()[-1].high.max()).bit_length()


def test_server_half_travels_without_the_secret_key() -> None:
    program = lookup_program()
    circuit = ConcreteBackend().compile(program, 1, CircuitOptions())
    codes = codes_for(program, 1)
    encrypted = pickle.loads(pickle.dumps(circuit.encrypt(*codes)))
    server = pickle.loads(pickle.dumps(circuit.server()))
    answer = pickle.loads(pickle.dumps(server.run(encrypted)))
    np.testing.assert_array_equal(circuit.decrypt(answer)[0], program(*codes)[0])
    held = {type(value).__name__ for value in vars(server).values()}
    assert held == {"Server", "EvaluationKeys"}


def test_worker_processes() -> None:
    program = linear_program()
    codes = codes_for(program, 20)
    with joblib.parallel_config("loky", n_jobs=2):
        result = FheCircuit(program, CircuitOptions()).execute(*codes)[0]
    np.testing.assert_array_equal(result, program(*codes)[0])


def test_report_counts_bootstraps_by_width() -> None:
    report = FheCircuit(lookup_program(), CircuitOptions()).report
    assert report.pbs_count == 2
    assert report.pbs_by_width == {2: 2}
    assert report.key_bytes > 0
    assert report.security_bits == 128
    assert FheCircuit(linear_program(), CircuitOptions()).report.pbs_count == 0


def test_too_wide_a_lookup_names_operator_and_width() -> None:
    bounds = Bounds(np.zeros(1, dtype=np.int64), np.full(1, 2**17 - 1))
    builder = ProgramBuilder([bounds], [np.zeros((1, 1), dtype=np.int64)], np.ones(1))
    builder.source = "Relu (node 'act')"
    table = Lookup(0, np.zeros((1, 2**17), dtype=np.int64), np.zeros(1, dtype=np.int64))
    builder.add(table, 0)
    with pytest.raises(BitWidthError, match=r"lookup after input has an index of 17 bits.*Lower"):
        FheCircuit(builder.build([1]), CircuitOptions())


def test_a_rounded_index_may_be_wider_than_a_lookup_but_not_by_much() -> None:
    for width, fits in ((18, True), (21, False)):
        bounds = Bounds(np.zeros(1, dtype=np.int64), np.full(1, 2**width - 2 ** (width - 3)))
        builder = ProgramBuilder([bounds], [np.zeros((1, 1), dtype=np.int64)], np.ones(1))
        table = np.arange(8, dtype=np.int64)[None]
        builder.add(Lookup(0, table, np.zeros(1, dtype=np.int64), width - 3, exact=False), 0)
        if fits:
            circuit = FheCircuit(builder.build([1]), CircuitOptions())
            steps = (np.arange(7) << (width - 3))[:, None]
            np.testing.assert_array_equal(circuit.simulate(steps)[0], np.arange(7)[:, None])
        else:
            with pytest.raises(BitWidthError, match=r"index of 21 bits before rounding.* Lower"):
                FheCircuit(builder.build([1]), CircuitOptions())


def test_too_wide_an_accumulator_names_operator_and_width() -> None:
    bounds = Bounds(np.zeros(30, dtype=np.int64), np.full(30, 2**20 - 1))
    builder = ProgramBuilder([bounds], [np.zeros((1, 30), dtype=np.int64)], np.ones(1))
    builder.source = "Gemm (node 'layer')"
    builder.add(MatMul(np.full((30, 1), 2**20)), 0)
    with pytest.raises(BitWidthError, match=r"Gemm \(node 'layer'\) makes integers of 45 bits"):
        FheCircuit(builder.build([1]), CircuitOptions())
