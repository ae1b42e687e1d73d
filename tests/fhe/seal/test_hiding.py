"""An answer gives away its results, and nothing else of the model."""

from __future__ import annotations

import numpy as np
import pytest

from cml_sklearn.fhe.protocol import CircuitOptions
from cml_sklearn.fhe.seal import SealEngine
from cml_sklearn.fhe.seal.bindings import EncryptionParameters, scheme
from cml_sklearn.fhe.seal.circuit import SealCircuit
from cml_sklearn.fhe.seal.hiding import flood, random_beside
from tests.fhe.seal.test_engine import matmul_program, trees_program, valid_codes
from tests.forest.random_forests import chain


def plain_values(circuit: SealCircuit, answer: bytes) -> np.ndarray:
    """All that a client can read of an answer."""
    secret, _ = circuit.client._keys()
    plain = secret.decrypt(answer)
    made, n = circuit.client._scheme, circuit.client.specification.layouts.n
    if circuit.client.specification.layouts.is_affine:
        return made.read_coefficients(plain, np.arange(n))
    return made.read_slots(plain)


@pytest.mark.parametrize("kind", ["affine", "trees"])
def test_places_beside_the_results_are_random(kind: str) -> None:
    program = {
        "affine": matmul_program(np.arange(1, 9)[:, None]),
        "trees": trees_program(chain(0, 4, value=[1.0, 2.0, 5.0])),
    }[kind]
    circuit = SealEngine().compile(program, CircuitOptions())
    codes = valid_codes(program, 3, 0)
    sent = circuit.client.encrypt(*codes)
    keys = circuit.client.evaluation_keys
    first, second = (circuit.server.run(sent, keys).values[0] for _ in range(2))
    a, b = plain_values(circuit, first), plain_values(circuit, second)
    t = circuit.report.plain_modulus
    assert t is not None
    assert (a == b).sum() < 3 + 10
    beside = np.sort(a[a != b])
    # uniform: the largest gap between empirical and true distribution (Kolmogorov, Smirnov)
    assert np.abs(np.arange(len(beside)) / len(beside) - beside / t).max() < 0.04


def test_answers_to_the_same_question_are_unlike() -> None:
    program = matmul_program(np.arange(1, 9)[:, None])
    circuit = SealEngine().compile(program, CircuitOptions())
    sent, keys = circuit.client.encrypt(*valid_codes(program, 2, 0)), circuit.client.evaluation_keys
    first, second = (circuit.server.run(sent, keys).values[0] for _ in range(2))
    assert first != second


@pytest.mark.parametrize("bits", [5, 40, 61, 62, 90])
def test_flooding_is_uniform_of_its_size(bits: int) -> None:
    parameters = EncryptionParameters(4096, (50, 35, 24), 40961)
    made = scheme(parameters)
    secret = made.secret_keys()
    expected = (sum(parameters.prime_bits[:-1]) - 1 - 15.33) - bits
    budget = secret.noise_budget(flood(made, bits))
    assert budget == pytest.approx(max(expected, 0), abs=1.1)


def test_random_integers_beside() -> None:
    values = random_beside(np.array([0, 7]), 4096, 1000)
    assert values[0] == values[7] == 0
    assert values.min() >= 0
    assert len(np.unique(values)) > 900
