"""Batches, whatever the backend."""

from __future__ import annotations

from threading import Barrier
from typing import Any

import joblib
import numpy as np
import pytest

from cml_sklearn.exceptions import InvalidInputError
from cml_sklearn.fhe.protocol import CircuitOptions
from cml_sklearn.fhe.circuit import FheCircuit
from cml_sklearn.program.builder import ProgramBuilder
from cml_sklearn.program.program import IntegerProgram
from cml_sklearn.program.steps import Bounds, Lookup, MatMul
from tests.fake_backend import FakeBackend, FakeServer, codes_for


def linear_program() -> IntegerProgram:
    bounds = Bounds(np.zeros(3, dtype=np.int64), np.full(3, 7))
    builder = ProgramBuilder([bounds], [np.zeros((1, 3), dtype=np.int64)], np.ones(1))
    return builder.build([builder.add(MatMul(np.array([[1, -2], [3, 0], [-1, 1]])), 0)])


def lookup_program() -> IntegerProgram:
    bounds = Bounds(np.zeros(2, dtype=np.int64), np.full(2, 3))
    builder = ProgramBuilder([bounds], [np.zeros((1, 2), dtype=np.int64)], np.ones(1))
    table = Lookup(0, np.array([[3, 1, 0, 2]]), np.zeros(2, dtype=np.int64))
    return builder.build([builder.add(table, 0)])


@pytest.mark.parametrize("n_samples", [1, 2, 15, 16, 17, 40])
@pytest.mark.parametrize("program", [linear_program(), lookup_program()])
@pytest.mark.parametrize("batch_size", [None, 1, 4])
def test_every_sample_comes_back_in_order(
    program: IntegerProgram, n_samples: int, batch_size: int | None
) -> None:
    circuit = FheCircuit(program, CircuitOptions(batch_size=batch_size), FakeBackend())
    codes = codes_for(program, n_samples)
    expected = program(*codes)[0]
    np.testing.assert_array_equal(circuit.execute(*codes)[0], expected)
    np.testing.assert_array_equal(circuit.simulate(*codes)[0], expected)


def test_linear_circuits_do_the_rest_one_by_one_and_others_fill_up() -> None:
    backend = FakeBackend()
    FheCircuit(linear_program(), CircuitOptions(), backend).execute(
        *codes_for(linear_program(), 26)
    )
    assert [len(c.batches) for c in backend.compiled] == [1, 2]
    backend = FakeBackend()
    options = CircuitOptions(batch_size=4)
    FheCircuit(lookup_program(), options, backend).execute(*codes_for(lookup_program(), 6))
    assert [c.batch_size for c in backend.compiled] == [4]


def test_batches_spread_over_joblib_workers() -> None:
    program = linear_program()
    codes = codes_for(program, 40)
    circuit = FheCircuit(program, CircuitOptions(), FakeBackend())
    with joblib.parallel_config("threading", n_jobs=2):
        np.testing.assert_array_equal(circuit.execute(*codes)[0], program(*codes)[0])


@pytest.mark.parametrize(("n_jobs", "at_once"), [(None, 2), (3, 3)])
def test_batches_are_evaluated_at_once(
    n_jobs: int | None, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    barrier, run = Barrier(at_once), FakeServer.run

    def run_together(self: FakeServer, encrypted: dict[str, Any]) -> dict[str, Any]:
        barrier.wait(timeout=30)  # fails unless as many batches have come
        return run(self, encrypted)

    monkeypatch.setattr(FakeServer, "run", run_together)
    program = lookup_program()
    codes = codes_for(program, 6)
    with joblib.parallel_config(n_jobs=n_jobs):
        circuit = FheCircuit(program, CircuitOptions(), FakeBackend())
        np.testing.assert_array_equal(circuit.execute(*codes)[0], program(*codes)[0])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"p_error": 0.0}, "p_error is 0.0; it must lie between 0 and 1"),
        ({"batch_size": 0}, "batch_size is 0; it must be a positive int"),
        ({"parameters": "v0"}, 'must be "multi" or "mono"'),
    ],
)
def test_wrong_options(options: dict[str, object], message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        CircuitOptions(**options)  # type: ignore[arg-type]


def test_profile_does_as_execute_and_measures_the_stages() -> None:
    program = linear_program()
    codes = codes_for(program, 18)
    circuit = FheCircuit(program, CircuitOptions(), FakeBackend())
    outputs, seconds = circuit.profile(*codes)
    np.testing.assert_array_equal(outputs[0], program(*codes)[0])
    assert list(seconds) == ["encrypt", "run", "decrypt"]
    assert min(seconds.values()) > 0


@pytest.mark.parametrize(
    ("program", "sizes"), [(linear_program(), [4, 1]), (lookup_program(), [1])]
)
def test_keys_are_generated_for_all_batch_sizes(program: IntegerProgram, sizes: list[int]) -> None:
    backend = FakeBackend()
    FheCircuit(program, CircuitOptions(), backend).generate_keys()
    assert [(c.batch_size, c.n_servers) for c in backend.compiled] == [(size, 1) for size in sizes]
