"""The engine on Concrete, for real."""

from __future__ import annotations

import pickle
from pathlib import Path

import joblib
import numpy as np
import pytest

from cml_sklearn._typing import IntArray
from cml_sklearn.exceptions import BitWidthError, InvalidInputError
from cml_sklearn.fhe.circuit import FheCircuit
from cml_sklearn.fhe.concrete import ConcreteEngine
from cml_sklearn.fhe.concrete.halves import ConcreteClient, ConcreteServer
from cml_sklearn.fhe.concrete.tracing import tracing_operations
from cml_sklearn.fhe.protocol import CircuitOptions
from cml_sklearn.program.bounds import Bounds
from cml_sklearn.program.builder import ProgramBuilder
from cml_sklearn.program.evaluation import CLEAR
from cml_sklearn.program.program import IntegerProgram
from cml_sklearn.program.steps import (
    AddConstant,
    Lookup,
    MatMul,
    Maximum,
    Multiply,
    MultiplyMatrices,
    Trees,
)
from tests.programs import (
    affine_program,
    codes_for,
    linear_program,
    lookup_program,
    range_to,
)

pytestmark = pytest.mark.fhe


@pytest.mark.parametrize("program", [linear_program(), lookup_program()])
def test_encrypted_equals_clear(program: IntegerProgram) -> None:
    circuit = FheCircuit(program, CircuitOptions(), ConcreteEngine())
    codes = codes_for(program, 3)
    np.testing.assert_array_equal(circuit.execute(*codes)[0], program(*codes)[0])
    np.testing.assert_array_equal(circuit.simulate(*codes)[0], program(*codes)[0])


def test_ranges_beyond_the_representative_inputs_hold() -> None:
    """Extremes of an accumulator that the compiler never saw must not wrap around."""
    bounds = range_to(255, 2)
    builder = ProgramBuilder([bounds])
    number, shift = builder.add_output(builder.add(MatMul(np.array([[127], [-127]])), 0))
    program = builder.build([number])
    codes = np.array([[255, 0], [0, 255]])
    result = FheCircuit(program, CircuitOptions(), ConcreteEngine()).execute(codes)[0] - shift
    np.testing.assert_array_equal(result, [[32385], [-32385]])


def test_output_width_is_proven_not_observed() -> None:
    """Alternating weights meet their extremes on one input only, which no sample shows."""
    bounds = range_to(255, 40)
    builder = ProgramBuilder([bounds])
    weights = np.where(np.arange(40) % 2, 127, -127)[:, None]
    number, _ = builder.add_output(builder.add(MatMul(weights), 0))
    program = builder.build([number])
    circuit = FheCircuit(program, CircuitOptions(batch_size=1), ConcreteEngine())
    assert circuit.report.max_bit_width == int(program.bounds[-1].high.max()).bit_length()


@pytest.mark.parametrize("program", [linear_program(), lookup_program()])
def test_samples_in_any_order_of_memory(program: IntegerProgram) -> None:
    """The library takes what lies in memory one after the other, whatever an array says."""
    circuit = ConcreteEngine().compile(program, CircuitOptions(batch_size=4))
    codes = tuple(np.asfortranarray(x) for x in codes_for(program, 4))
    encrypted = circuit.server.run(circuit.client.encrypt(*codes), circuit.client.evaluation_keys)
    np.testing.assert_array_equal(circuit.client.decrypt(encrypted)[0], program(*codes)[0])
    np.testing.assert_array_equal(circuit.simulate(*codes)[0], program(*codes)[0])


def test_every_step_can_be_traced() -> None:
    replaced = {Maximum, Multiply, MultiplyMatrices, Trees}
    assert tracing_operations().keys() == CLEAR.keys() - replaced


def test_affine_circuits_do_the_rest_one_by_one_and_others_fill_up() -> None:
    affine = ConcreteEngine().compile(linear_program(), CircuitOptions())
    assert affine.client.batch_sizes(50) == [24, 24, 1, 1]
    other = ConcreteEngine().compile(lookup_program(), CircuitOptions(batch_size=4))
    assert other.client.batch_sizes(6) == [4, 4]


@pytest.mark.parametrize("mode", ["execute", "simulate"])
def test_packed_samples_under_encryption(mode: str) -> None:
    program = affine_program(1, 5, declared=True)
    circuit = FheCircuit(program, CircuitOptions(), ConcreteEngine())
    assert circuit.report.samples_per_ciphertext > 1
    codes = codes_for(program, 50)
    for ours, expected in zip(getattr(circuit, mode)(*codes), program(*codes), strict=True):
        np.testing.assert_array_equal(ours, expected)


def test_without_parameters_for_packed_samples_they_go_one_by_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    program, compiled = affine_program(0, 3, declared=True), ConcreteEngine._compiled

    def narrow(self: ConcreteEngine, given: IntegerProgram, *others: object) -> object:
        if given is not program:
            raise BitWidthError("too wide")
        return compiled(self, given, *others)  # type: ignore[arg-type]

    monkeypatch.setattr(ConcreteEngine, "_compiled", narrow)
    circuit = FheCircuit(program, CircuitOptions(), ConcreteEngine())
    codes = codes_for(program, 30)
    np.testing.assert_array_equal(circuit.execute(*codes)[0], program(*codes)[0])
    assert circuit.report.samples_per_ciphertext == 1


def test_servers_half_travels_without_the_secret_key() -> None:
    program = lookup_program()
    circuit = ConcreteEngine().compile(program, CircuitOptions())
    client, codes = circuit.client, codes_for(program, 1)
    encrypted = pickle.loads(pickle.dumps(client.encrypt(*codes)))
    server = pickle.loads(pickle.dumps(circuit.server))
    keys = pickle.loads(pickle.dumps(client.evaluation_keys))
    answer = pickle.loads(pickle.dumps(server.run(encrypted, keys)))
    np.testing.assert_array_equal(client.decrypt(answer)[0], program(*codes)[0])
    held = {type(v).__name__ for half in (server._servers, keys.keys) for v in half.values()}
    assert held == {"Server", "EvaluationKeys"}


@pytest.mark.parametrize("program", [linear_program(), lookup_program()])
def test_halves_are_saved_and_loaded(program: IntegerProgram, tmp_path: Path) -> None:
    circuit = ConcreteEngine().compile(program, CircuitOptions())
    circuit.client.save(tmp_path / "client")
    circuit.server.save(tmp_path / "server")
    client = ConcreteClient.load(tmp_path / "client")
    server = ConcreteServer.load(tmp_path / "server")
    codes = codes_for(program, circuit.client.batch_sizes(24)[0])
    answer = server.run(client.encrypt(*codes), client.evaluation_keys)
    np.testing.assert_array_equal(client.decrypt(answer)[0], program(*codes)[0])


def test_damaged_halves_are_refused(tmp_path: Path) -> None:
    circuit = ConcreteEngine().compile(linear_program(), CircuitOptions())
    for kind, half in ((ConcreteClient, circuit.client), (ConcreteServer, circuit.server)):
        folder = tmp_path / kind.__name__
        half.save(folder)
        for path in folder.glob("*/*.zip"):
            path.write_bytes(path.read_bytes()[:100])
        with pytest.raises(InvalidInputError, match="can't be read"):
            kind.load(folder)
        with pytest.raises(InvalidInputError, match="can't be read"):
            kind.load(tmp_path / "nowhere")
    with pytest.raises(InvalidInputError, match=r"A batch of 5 samples came; .* 24, 1"):
        circuit.client.encrypt(*codes_for(linear_program(), 5))


def test_strategies_are_checked() -> None:
    assert ConcreteEngine("mono").parameters == "mono"
    with pytest.raises(InvalidInputError, match='must be "multi" or "mono"'):
        ConcreteEngine("v0")


def test_worker_processes() -> None:
    program = linear_program()
    codes = codes_for(program, 20)
    with joblib.parallel_config("loky", n_jobs=2):
        result = FheCircuit(program, CircuitOptions(), ConcreteEngine()).execute(*codes)[0]
    np.testing.assert_array_equal(result, program(*codes)[0])


def test_report_counts_bootstraps_by_width() -> None:
    report = FheCircuit(lookup_program(), CircuitOptions(), ConcreteEngine()).report
    assert report.pbs_count == 2
    assert report.pbs_by_width == {2: 2}
    assert report.key_bytes > 0
    assert report.security_bits == 128
    assert FheCircuit(linear_program(), CircuitOptions(), ConcreteEngine()).report.pbs_count == 0


def test_too_wide_a_lookup_names_operator_and_width() -> None:
    bounds = range_to(2**17 - 1, 1)
    builder = ProgramBuilder([bounds])
    builder.source = "Relu (node 'act')"
    table = Lookup(0, np.zeros((1, 2**17), dtype=np.int64), np.zeros(1, dtype=np.int64))
    builder.add(table, 0)
    with pytest.raises(BitWidthError, match=r"lookup after input has an index of 17 bits.*Lower"):
        FheCircuit(builder.build([1]), CircuitOptions(), ConcreteEngine())


def test_a_rounded_index_may_be_wider_than_a_lookup_but_not_by_much() -> None:
    for width, fits in ((18, True), (21, False)):
        bounds = range_to(2**width - 2 ** (width - 3), 1)
        builder = ProgramBuilder([bounds])
        table = np.arange(8, dtype=np.int64)[None]
        builder.add(Lookup(0, table, np.zeros(1, dtype=np.int64), width - 3, exact=False), 0)
        if fits:
            circuit = FheCircuit(builder.build([1]), CircuitOptions(), ConcreteEngine())
            steps = (np.arange(7) << (width - 3))[:, None]
            np.testing.assert_array_equal(circuit.simulate(steps)[0], np.arange(7)[:, None])
        else:
            with pytest.raises(BitWidthError, match=r"index of 21 bits before rounding.* Lower"):
                FheCircuit(builder.build([1]), CircuitOptions(), ConcreteEngine())


def test_too_wide_an_accumulator_names_operator_and_width() -> None:
    bounds = range_to(2**20 - 1, 30)
    builder = ProgramBuilder([bounds])
    builder.source = "Gemm (node 'layer')"
    builder.add(MatMul(np.full((30, 1), 2**20)), 0)
    with pytest.raises(BitWidthError, match=r"Gemm \(node 'layer'\) makes integers of 45 bits"):
        FheCircuit(builder.build([1]), CircuitOptions(), ConcreteEngine())


@pytest.mark.parametrize("exact", [True, False])
def test_rounded_indices_may_be_greater_than_those_of_samples(exact: bool) -> None:
    """What no representative input reaches, a lookup of narrow tables must still tell apart."""
    builder = ProgramBuilder([Bounds(np.zeros(8, np.int64), np.full(8, 15))])
    signs = np.repeat([1, -1], 4)[:, None]
    total = builder.add(AddConstant(np.full(1, 60)), builder.add(MatMul(signs), 0))
    # above 0 in a corner of the inputs alone
    excess = np.minimum(np.maximum(np.arange(128) - 100, 0), 20) * 16
    corner = builder.add(Lookup(0, excess[None], np.zeros((), np.int64)), total)
    table = np.arange(16)[None]
    kept = builder.add(Lookup(0, table, np.zeros((), np.int64), 5, exact=exact), corner)
    program = builder.build([builder.add_output(kept)[0]])
    samples = np.array([[15, 15, 15, 15, 0, 0, 0, 0], [15, 15, 15, 10, 0, 0, 0, 0], [0] * 8])
    simulated = FheCircuit(program, CircuitOptions(), ConcreteEngine()).simulate(samples)
    wanted = program(samples)[0]
    assert wanted.ravel().tolist() == [10, 8, 0]
    assert np.abs(simulated[0] - wanted).max() <= (0 if exact else 1)


def test_a_tensor_may_be_looked_up_rounded_and_given_out() -> None:
    """Both say how wide it is: the narrower one, said later, must not cut the other's tables."""
    builder = ProgramBuilder([Bounds(np.zeros(1, np.int64), np.full(1, 31))])
    tensor = builder.add(AddConstant(np.zeros(1, np.int64)), 0)
    kept = builder.add(Lookup(0, np.arange(16)[None], np.zeros(1, np.int64), 2), tensor)
    program = builder.build([builder.add_output(number)[0] for number in (kept, tensor)])
    assert_simulated_in_full(program, np.arange(32)[:, None])


@pytest.mark.parametrize("n_tables", [1, 2])
def test_an_index_may_round_up_over_its_last_step(n_tables: int) -> None:
    builder = ProgramBuilder([Bounds(np.zeros(2, np.int64), np.full(2, 15))])
    tables = np.arange(4) + 4 * np.arange(n_tables)[:, None]
    total = builder.add(MatMul(np.eye(2, dtype=np.int64)), 0)
    kept = builder.add(Lookup(0, tables, np.arange(2) % n_tables, 2), total)
    program = builder.build([builder.add_output(kept)[0]])
    assert_simulated_in_full(program, np.repeat(np.arange(16), 2).reshape(-1, 2))


def assert_simulated_in_full(program: IntegerProgram, inputs: IntArray) -> None:
    simulated = FheCircuit(program, CircuitOptions(), ConcreteEngine()).simulate(inputs)
    for values, wanted in zip(simulated, program(inputs), strict=True):
        np.testing.assert_array_equal(values, wanted)
