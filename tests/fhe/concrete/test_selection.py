"""The server expands what the program reads; the client's half doesn't say what that is."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pytest

from cml_sklearn.exceptions import InvalidInputError
from cml_sklearn.fhe.circuit import FheCircuit
from cml_sklearn.fhe.concrete import ConcreteEngine
from cml_sklearn.fhe.concrete.halves import ConcreteCiphertexts, ConcreteClient, ConcreteServer
from cml_sklearn.fhe.concrete.messages import pick_ciphertexts
from cml_sklearn.fhe.concrete.selection import select_inputs
from cml_sklearn.fhe.protocol import CircuitOptions
from cml_sklearn.program.bounds import Thermometer
from cml_sklearn.program.builder import ProgramBuilder
from cml_sklearn.program.program import IntegerProgram
from cml_sklearn.program.steps import Add, Lookup, MatMul, Take
from tests.programs import linear_program, range_to

N_BITS = 60
READ = [3, 17, 18, 59]


def reading(*positions: list[int], look_up: bool = False) -> IntegerProgram:
    """Sum of bits at positions that are taken one after the other."""
    builder = ProgramBuilder([Thermometer.of(np.repeat(np.arange(6), N_BITS // 6))])
    parts = [builder.add(Take(np.array(p)), 0) for p in positions]
    sums = [
        builder.add(MatMul(np.ones((len(p), 1), np.int64)), x)
        for p, x in zip(positions, parts, strict=True)
    ]
    total = sums[0]
    for part in sums[1:]:
        total = builder.add(Add(), total, part)
    if look_up:
        total = builder.add(Lookup(0, np.arange(8)[None] ** 2 % 7, np.zeros((), np.int64)), total)
    return builder.build([total])


def bits_for(program: IntegerProgram, n_samples: int) -> np.ndarray:
    rng = np.random.default_rng(n_samples)
    return np.stack([program.input_bounds[0].sample(rng) for _ in range(n_samples)])


def test_only_what_is_taken_is_read() -> None:
    program = reading([17, 3], [59, 3, 18])
    read, selection = select_inputs(program)
    bits = bits_for(program, 20)
    assert read.input_bounds[0].shape == (len(READ),)
    np.testing.assert_array_equal(selection.integers(bits)[0], bits[:, READ])
    np.testing.assert_array_equal(read(*selection.integers(bits))[0], program(bits)[0])
    assert selection.bytes_left_out == 24 * (N_BITS - len(READ))


def test_inputs_that_are_read_otherwise_stay() -> None:
    everything = reading(list(range(N_BITS)))
    for program in (linear_program(), everything):
        read, selection = select_inputs(program)
        assert selection.positions == (None,) * len(program.input_bounds)
        assert read is program
    builder = ProgramBuilder([range_to(3, 4)])
    taken = builder.add(Take(np.array([1])), 0)
    program = builder.build([builder.add(MatMul(np.ones((4, 1), np.int64)), 0), taken])
    assert select_inputs(program)[1].positions == (None,)
    assert select_inputs(builder.build([taken, 0]))[1].positions == (None,)


@pytest.mark.fhe
@pytest.mark.parametrize(("look_up", "size"), [(False, 6), (True, 1), (True, 3)])
def test_encrypted_equals_clear(look_up: bool, size: int, tmp_path: Path) -> None:
    program = reading([17, 3], [59, 3, 18], look_up=look_up)
    circuit = FheCircuit(program, CircuitOptions(batch_size=size), ConcreteEngine())
    bits = bits_for(program, 7)
    np.testing.assert_array_equal(circuit.execute(bits)[0], program(bits)[0])
    np.testing.assert_array_equal(circuit.simulate(bits)[0], program(bits)[0])
    circuit.client.save(tmp_path / "client")
    circuit.server.save(tmp_path / "server")
    client = ConcreteClient.load(tmp_path / "client")
    server = pickle.loads(pickle.dumps(ConcreteServer.load(tmp_path / "server")))
    encrypted = pickle.loads(pickle.dumps(client.encrypt(bits[:size])))
    results = client.decrypt(server.run(encrypted, client.evaluation_keys))
    np.testing.assert_array_equal(results[0], program(bits[:size])[0])


@pytest.mark.fhe
def test_the_clients_half_has_the_shape_of_all_and_nothing_of_what_is_read(tmp_path: Path) -> None:
    """Circuits that read other bits, as many, have the same half byte for byte."""
    folders = []
    for number, positions in enumerate(([1, 2, 3], [40, 9, 30])):
        program = reading(positions, look_up=True)
        circuit = ConcreteEngine().compile(program, CircuitOptions())
        circuit.client.save(tmp_path / str(number))
        specs = json.loads(circuit.client._clients[1].specs.serialize())
        gate = specs["circuits"][0]["inputs"][0]
        assert gate["rawInfo"]["shape"]["dimensions"] == [1, N_BITS, 3]
        folders.append((specs, sorted(p.name for p in (tmp_path / str(number)).rglob("*"))))
        assert circuit.report.input_bytes == 24 * N_BITS
    assert folders[0] == folders[1]
    assert folders[0][1] == ["1", "client.zip", "layout.npz"]


@pytest.mark.fhe
def test_ciphertexts_of_another_shape_are_refused() -> None:
    circuit = ConcreteEngine().compile(reading(READ, look_up=True), CircuitOptions())
    bits = np.zeros((1, N_BITS), np.int64)
    encrypted, keys = circuit.client.encrypt(bits), circuit.client.evaluation_keys
    result = circuit.server.run(encrypted, keys)
    with pytest.raises(InvalidInputError, match="encrypt with the client's half"):
        circuit.server.run(ConcreteCiphertexts(1, result.values), keys)
    message = encrypted.values[0].serialize()
    with pytest.raises(InvalidInputError, match="encrypt with the client's half"):
        pick_ciphertexts(message, N_BITS + 1, np.array(READ))
    assert len(pick_ciphertexts(message, N_BITS, np.array(READ))) == len(message)


@pytest.mark.fhe
def test_damaged_messages_are_refused_or_change_nothing_else() -> None:
    client = ConcreteEngine().compile(reading(READ, look_up=True), CircuitOptions()).client
    message = client.encrypt(np.zeros((1, N_BITS), np.int64)).values[0].serialize()
    rng = np.random.default_rng(0)
    for _ in range(500):
        damaged = np.frombuffer(message, np.uint8).copy()
        damaged[rng.integers(0, 80, 2)] = rng.integers(0, 256, 2)
        try:
            picked = pick_ciphertexts(damaged.tobytes(), N_BITS, np.array(READ))
        except InvalidInputError:
            continue
        assert len(picked) == len(message)
