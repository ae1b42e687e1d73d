"""Batches, whatever the engine."""

from __future__ import annotations

import copy
import pickle
import re
from collections.abc import Callable
from threading import Barrier

import joblib
import numpy as np
import pytest

from cml_sklearn import config_context
from cml_sklearn.exceptions import CompilationError, InvalidInputError, MissingPackageError
from cml_sklearn.fhe.circuit import FheCircuit
from cml_sklearn.fhe.clear import ClearEngine
from cml_sklearn.fhe.clear.engine import ClearCiphertexts, ClearCircuit, ClearKeys, ClearServer
from cml_sklearn.fhe.concrete import ConcreteEngine
from cml_sklearn.fhe.concrete.bindings import load_concrete
from cml_sklearn.fhe.engines import choose_engine
from cml_sklearn.fhe.protocol import CircuitOptions
from cml_sklearn.fhe.seal import SealEngine
from cml_sklearn.program.builder import ProgramBuilder
from cml_sklearn.program.program import IntegerProgram
from cml_sklearn.program.steps import Add, Subtract
from tests.programs import codes_for, linear_program, lookup_program, range_to


@pytest.mark.parametrize("n_samples", [1, 2, 15, 16, 17, 40])
@pytest.mark.parametrize("program", [linear_program(), lookup_program()])
@pytest.mark.parametrize("batch_size", [None, 1, 4])
def test_every_sample_comes_back_in_order(
    program: IntegerProgram, n_samples: int, batch_size: int | None
) -> None:
    circuit = FheCircuit(program, CircuitOptions(batch_size=batch_size), ClearEngine())
    codes = codes_for(program, n_samples)
    expected = program(*codes)[0]
    np.testing.assert_array_equal(circuit.execute(*codes)[0], expected)
    np.testing.assert_array_equal(circuit.simulate(*codes)[0], expected)


def test_batches_spread_over_joblib_workers() -> None:
    program = linear_program()
    codes = codes_for(program, 40)
    circuit = FheCircuit(program, CircuitOptions(batch_size=8), ClearEngine())
    with joblib.parallel_config("threading", n_jobs=2):
        np.testing.assert_array_equal(circuit.execute(*codes)[0], program(*codes)[0])


@pytest.mark.parametrize(("n_jobs", "at_once"), [(None, 2), (3, 3)])
def test_batches_are_evaluated_at_once(
    n_jobs: int | None, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    barrier, run = Barrier(at_once), ClearServer.run

    def run_together(
        self: ClearServer, encrypted: ClearCiphertexts, keys: ClearKeys
    ) -> ClearCiphertexts:
        barrier.wait(timeout=30)  # fails unless as many batches have come
        return run(self, encrypted, keys)

    monkeypatch.setattr(ClearServer, "run", run_together)
    monkeypatch.setattr(ClearCircuit, "overlaps", True)
    program = lookup_program()
    codes = codes_for(program, 6)
    with joblib.parallel_config(n_jobs=n_jobs):
        circuit = FheCircuit(program, CircuitOptions(batch_size=1), ClearEngine())
        np.testing.assert_array_equal(circuit.execute(*codes)[0], program(*codes)[0])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"p_error": 0.0}, "p_error is 0.0; it must lie between 0 and 1"),
        ({"p_error": "small"}, "p_error is 'small'; it must lie between 0 and 1"),
        ({"batch_size": 0}, "batch_size is 0; it must be a positive int"),
        ({"batch_size": 2.5}, "batch_size is 2.5; it must be a positive int"),
        ({"batch_size": True}, "batch_size is True; it must be a positive int"),
    ],
)
def test_wrong_options(options: dict[str, object], message: str) -> None:
    with pytest.raises(InvalidInputError, match=message):
        CircuitOptions(**options)  # type: ignore[arg-type]


def test_profile_does_as_execute_and_measures_the_stages() -> None:
    program = linear_program()
    codes = codes_for(program, 18)
    circuit = FheCircuit(program, CircuitOptions(batch_size=4), ClearEngine())
    outputs, seconds = circuit.profile(*codes)
    np.testing.assert_array_equal(outputs[0], program(*codes)[0])
    assert list(seconds) == ["encrypt", "run", "decrypt"]
    assert min(seconds.values()) > 0


def test_what_an_engine_cannot_do_is_refused_in_its_words() -> None:
    class Linear(ClearEngine):
        name = "linear"

        def supports(self, program: IntegerProgram) -> str | None:
            return None if program.is_affine else "it has lookups"

    FheCircuit(linear_program(), CircuitOptions(), Linear())
    with pytest.raises(CompilationError, match="'linear' can't do this model: it has lookups"):
        FheCircuit(lookup_program(), CircuitOptions(), Linear())


def test_engines_are_chosen_by_name_by_the_context_or_given() -> None:
    engine = ConcreteEngine("mono")
    program = linear_program()
    assert choose_engine(program, engine).engine is engine
    assert isinstance(choose_engine(program, "clear").engine, ClearEngine)
    assert isinstance(choose_engine(program).engine, SealEngine)
    with config_context(engine="clear"):
        assert isinstance(choose_engine(program).engine, ClearEngine)
        assert isinstance(choose_engine(program, "concrete").engine, ConcreteEngine)
    message = "must be one of 'auto', 'seal', 'concrete', 'concrete-numpy', 'clear'"
    with pytest.raises(InvalidInputError, match=message):
        choose_engine(program, "seal2")
    with pytest.raises(InvalidInputError, match=message), config_context(engine="seal2"):
        pass


def test_auto_takes_the_cheapest_that_can_and_says_why() -> None:
    linear = choose_engine(linear_program(), n_samples=100)
    assert linear.engine.name == "seal"
    assert linear.reason.startswith("cheapest for 100 samples with keys: seal ")
    network = choose_engine(lookup_program())
    assert network.engine.name == "concrete"
    assert network.reason == "seal can't: it looks up integers, not bits of a grid"
    circuit = FheCircuit(linear_program(), CircuitOptions(), *linear)
    assert circuit.report.chosen == linear.reason


def test_auto_says_what_each_engine_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cml_sklearn.fhe.seal.engine.is_installed", lambda: False)
    assert choose_engine(linear_program()).reason == (
        'seal can\'t: the package "tenseal" is not installed'
    )
    with pytest.raises(
        CompilationError, match=r'seal can\'t: the package "tenseal" .*; concrete can\'t: no out'
    ):
        choose_engine(program_with_an_unused_input())


def test_auto_says_first_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cml_sklearn.fhe.concrete.bindings._PACKAGE", "concrete-nowhere")
    with pytest.raises(CompilationError) as caught:
        choose_engine(lookup_program())
    assert str(caught.value) == (
        "This model needs the engine 'concrete', but concrete-nowhere is not installed (pip install "
        "'cml-sklearn[concrete]'); seal can't: it looks up integers, not bits of a grid."
    )
    with pytest.raises(
        MissingPackageError, match=re.escape("pip install 'cml-sklearn[concrete]'.")
    ):
        load_concrete()


@pytest.mark.parametrize("attempt", [pickle.dumps, copy.copy, copy.deepcopy])
def test_circuits_stay_and_say_what_goes_elsewhere(attempt: Callable[[FheCircuit], object]) -> None:
    circuit = FheCircuit(linear_program(), CircuitOptions(), ConcreteEngine())
    with pytest.raises(TypeError, match=r"Pickle the estimator, or .* QuantizedModule\.save"):
        attempt(circuit)


def program_with_an_unused_input() -> IntegerProgram:
    builder = ProgramBuilder([range_to(3, 1)] * 3)
    builder.add(Add(), 0, 1)
    return builder.build([builder.add(Subtract(), 2, 0)])


def test_inputs_that_nothing_comes_from_are_refused() -> None:
    program = program_with_an_unused_input()
    assert program.unused_inputs == [1]
    with pytest.raises(CompilationError, match="no output comes from its input 1"):
        FheCircuit(program, CircuitOptions(), ConcreteEngine())
