"""Lookups fail as often as their circuit's parameters say, and no more."""

from __future__ import annotations

import numpy as np
import pytest

from cml_sklearn.fhe.concrete import ConcreteEngine
from cml_sklearn.fhe.protocol import CircuitOptions
from cml_sklearn.program.bounds import Bounds
from cml_sklearn.program.builder import ProgramBuilder
from cml_sklearn.program.program import IntegerProgram
from cml_sklearn.program.steps import Lookup

pytestmark = [pytest.mark.fhe, pytest.mark.slow]

WIDTH, N_LOOKUPS, N_BATCHES = 2, 512, 100
P_ERROR = 2.0**-8


def parities() -> IntegerProgram:
    """Lookups whose neighbouring entries differ, so that each failure shows."""
    size = 2**WIDTH
    bounds = Bounds(np.zeros(N_LOOKUPS, np.int64), np.full(N_LOOKUPS, size - 1))
    builder = ProgramBuilder([bounds])
    lookup = Lookup(0, np.arange(size)[None] % 2, np.zeros(N_LOOKUPS, np.int64))
    return builder.build([builder.add(lookup, 0)])


def test_failures_are_as_many_as_foretold() -> None:
    """51,200 lookups at 2**-8: 200 failures, or some less, since parameters are a little better."""
    circuit = ConcreteEngine().compile(parities(), CircuitOptions(P_ERROR))
    foretold = circuit._largest.circuit.p_error
    assert 0.8 * P_ERROR < foretold <= P_ERROR
    client, rng, failures = circuit.client, np.random.default_rng(0), 0
    keys = client.evaluation_keys
    for _ in range(N_BATCHES):
        x = rng.integers(0, 2**WIDTH, (1, N_LOOKUPS))
        (y,) = client.decrypt(circuit.server.run(client.encrypt(x), keys))
        failures += int((y != x % 2).sum())
    expected = N_BATCHES * N_LOOKUPS * foretold
    assert abs(failures - expected) <= 3 * np.sqrt(expected)
