"""Few products and few turns: what is written once, and what must be written twice."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cml_sklearn.fhe.protocol import CircuitOptions
from cml_sklearn.fhe.seal import SealEngine
from cml_sklearn.fhe.seal.factoring import factored
from cml_sklearn.fhe.seal.layouts import LEAST_BLOCK, SlotLayout
from cml_sklearn.fhe.seal.polynomial import Polynomial
from cml_sklearn.fhe.seal.tape import ClearAlgebra
from cml_sklearn.program.builder import ProgramBuilder
from cml_sklearn.program.steps import Lookup, MatMul
from tests.programs import range_to

MONOMIALS = st.sets(st.integers(0, 6), max_size=4).map(lambda bits: tuple(sorted(bits)))


@given(st.dictionaries(MONOMIALS, st.tuples(*[st.integers(-3, 3)] * 2), max_size=20))
def test_tapes_compute_their_polynomials(terms: dict[tuple[int, ...], tuple[int, int]]) -> None:
    polynomial = Polynomial(7, 2, {m: np.array(w) for m, w in terms.items() if any(w)})
    bits = (np.arange(2**7) >> np.arange(7)[:, None]) & 1
    expected = np.zeros((2, 2**7), dtype=np.int64)
    for monomial, weights in terms.items():
        expected += np.outer(weights, bits[list(monomial)].prod(axis=0))
    tape = factored(polynomial)
    outputs = tape.run(ClearAlgebra(), lambda bit: bits[bit])
    for ours, theirs in zip(outputs, expected, strict=True):
        np.testing.assert_array_equal(np.broadcast_to(ours, theirs.shape), theirs)
    assert tape.levels <= 2
    assert len(set(tape.outputs)) == 2


def test_a_sum_and_its_complement_share_a_product() -> None:
    terms = {(0, 1): [1, -1], (0, 2): [-1, 1], (0, 3): [2, -2]}
    tape = factored(Polynomial(4, 2, {m: np.array(w) for m, w in terms.items()}))
    assert tape.n_products == 1


def test_equal_answers_are_hidden_each_by_itself() -> None:
    builder = ProgramBuilder([range_to(1, 2)])
    index = builder.add(MatMul(np.array([[1, 1], [2, 2]])), 0)
    tables = np.array([[5, 1, 2, 9]] * 2)
    program = builder.build([builder.add(Lookup(0, tables, np.array([0, 1])), index)])
    circuit = SealEngine().compile(program, CircuitOptions())
    codes = np.array([[0, 0], [0, 1], [1, 0], [1, 1]])
    client = circuit.client
    answer = circuit.server.run(client.encrypt(codes), client.evaluation_keys)
    np.testing.assert_array_equal(client.decrypt(answer)[0], program(codes)[0])
    assert answer.values[0] != answer.values[1]


@pytest.mark.parametrize("block", [LEAST_BLOCK, 256, 4096])
@given(columns=st.lists(st.integers(0, 2000), max_size=40))
def test_ways_lead_to_the_front_turn_by_turn(block: int, columns: list[int]) -> None:
    layout = SlotLayout(8192, block)
    ways = layout.ways(columns)
    for column in columns:
        place, n_turns = layout.place(column), 0
        while place.turns:
            before = ways[place]
            turn = place.turns ^ before.turns
            assert turn.bit_count() == 1
            assert turn < 1 << len(layout.galois_elements)
            assert turn & place.turns
            assert before.ciphertext == place.ciphertext
            place, n_turns = before, n_turns + 1
        assert n_turns == layout.place(column).turns.bit_count()
    assert len(ways) <= sum(layout.place(column).turns.bit_count() for column in set(columns))
