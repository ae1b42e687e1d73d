"""Features in two digits: the same integers from fewer ciphertexts, and the choice of them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cml_sklearn.exceptions import InvalidInputError
from cml_sklearn.fhe.protocol import CircuitOptions
from cml_sklearn.fhe.seal import SealEngine
from cml_sklearn.fhe.seal.bindings import KeyRing
from cml_sklearn.fhe.seal.choice import Choice, choose
from cml_sklearn.fhe.seal.circuit import SealCircuit
from cml_sklearn.fhe.seal.cost import key_bytes
from cml_sklearn.fhe.seal.digits import Digits
from cml_sklearn.fhe.seal.halves import SealClient, SealServer
from cml_sklearn.fhe.seal.layouts import Layouts, SlotLayout
from cml_sklearn.fhe.seal.noise import ProductNoise, n_random
from cml_sklearn.fhe.seal.plan import Plan, plan_digits, plan_program
from cml_sklearn.fhe.seal.tape import ClearAlgebra, Combination, Tape
from cml_sklearn.forest.forest import Forest
from cml_sklearn.forest.lowering import quantize_forest
from cml_sklearn.program.bounds import Thermometer
from cml_sklearn.program.builder import ProgramBuilder
from cml_sklearn.program.program import IntegerProgram
from tests.fhe.seal.test_engine import valid_codes
from tests.fhe.seal.test_noise import Watched

P_ERROR = 2.0**-64
WIDTHS = (1, 2, 3, 7, 8, 15, 20, 63)
GRID = np.repeat(np.arange(6), 31)
"""Six features of 5 bits."""


def thermometer(values: np.ndarray, width: int) -> np.ndarray:
    """Bits of values, shape (width, n_values)."""
    return (np.arange(width)[:, None] < values).astype(np.int64)


def copies(n_bits: int) -> Tape:
    """Each bit is an output."""
    one, zero = np.array([1]), 0
    operations = tuple(Combination(np.array([bit]), one, zero) for bit in range(n_bits))
    return Tape(n_bits, operations, tuple(range(n_bits, 2 * n_bits)))


def grid_program(seed: int, n_trees: int = 4, depth: int = 3) -> IntegerProgram:
    """Sums of complete trees that ask random bits of `GRID`."""
    rng = np.random.default_rng(seed)
    inner, nodes = 2**depth - 1, 2 ** (depth + 1) - 1
    own = np.tile(np.arange(nodes), n_trees)
    bit = np.where(own < inner, rng.integers(0, len(GRID), own.size), -1)
    starts = nodes * np.arange(n_trees)
    child = np.where(own < inner, 2 * own + 1, own) + np.repeat(starts, nodes)
    values = np.where(bit[:, None] < 0, rng.normal(size=(own.size, 2)), 0.0)
    forest = Forest(bit, child, starts, values, GRID, np.zeros(2))
    bounds = Thermometer.of(GRID)
    samples = np.stack([bounds.sample(rng) for _ in range(20)])
    builder = ProgramBuilder([bounds])
    return builder.build([builder.add(quantize_forest(forest, samples, 6).step, 0)])


def plans(program: IntegerProgram) -> tuple[Plan, Plan]:
    """Plan for bits and plan for digits."""
    bits = plan_program(program, P_ERROR)
    digits = plan_digits(program, bits, P_ERROR)
    assert digits is not None
    return bits, digits


def circuit_of(program: IntegerProgram, choice: Choice) -> SealCircuit:
    return SealCircuit(program, choice, CircuitOptions())


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("base", [2, 3, 8, 100])
def test_all_bits_of_all_values(width: int, base: int) -> None:
    bits = thermometer(np.arange(width + 1), width)
    digits = Digits((width,), (base,))
    encoded = digits.encode(bits)
    assert encoded.shape == (width // base + min(base - 1, width), width + 1)
    outputs = digits.tape(copies(width)).run(ClearAlgebra(), lambda column: encoded[column])
    np.testing.assert_array_equal(np.stack(outputs), bits)


@given(st.lists(st.sampled_from(WIDTHS), min_size=1, max_size=6), st.integers(0, 10**6))
def test_features_beside_each_other(widths: list[int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    features = np.repeat(np.arange(0, 2 * len(widths), 2), widths)
    digits = Digits.of(features)
    assert digits.widths == tuple(widths)
    assert digits.n_columns <= len(features)
    parts = [thermometer(rng.integers(0, width, 50, endpoint=True), width) for width in widths]
    bits = np.vstack(parts)
    encoded = digits.encode(bits)
    outputs = digits.tape(copies(len(bits))).run(ClearAlgebra(), lambda column: encoded[column])
    np.testing.assert_array_equal(np.stack(outputs), bits)


def test_bases_of_few_ciphertexts() -> None:
    assert Digits.of(np.zeros(63, dtype=np.int64)).n_columns == 14
    assert Digits.of(np.zeros(255, dtype=np.int64)).n_columns == 30
    assert Digits.of(np.zeros(2, dtype=np.int64)) == Digits((2,), (3,))


@settings(max_examples=12)
@given(st.integers(0, 10**6), st.integers(1, 5), st.integers(1, 3))
def test_both_plans_give_the_programs_integers(seed: int, n_trees: int, depth: int) -> None:
    program = grid_program(seed, n_trees, depth)
    bits = plan_program(program, P_ERROR)
    found = plan_digits(program, bits, P_ERROR)
    codes = valid_codes(program, 40, seed)
    for plan in (bits, found) if found else (bits,):
        circuit = circuit_of(program, Choice((plan,)))
        sent = circuit.client.encrypt(*codes)
        answer = circuit.server.run(sent, circuit.client.evaluation_keys)
        for outputs in (circuit.simulate(*codes), circuit.client.decrypt(answer)):
            np.testing.assert_array_equal(outputs[0], program(*codes)[0])


@pytest.mark.parametrize("seed", [0, 1])
def test_noise_of_digits_stays_below_its_bound(seed: int) -> None:
    program = grid_program(seed)
    _, plan = plans(program)
    bounds = ProductNoise(plan.parameters, n_random(plan.tape, plan.parameters), P_ERROR)
    watched = Watched(plan.parameters, bounds)
    columns = plan.layouts.columns(*valid_codes(program, 300, seed))
    packed = list(SlotLayout(plan.layouts.n, plan.layouts.n).pack(columns))
    plan.tape.run(watched, lambda column: watched.fresh(packed[column]))
    assert watched.left >= 0
    assert plan.budget >= 1


def test_the_choice_is_by_cost() -> None:
    program = grid_program(0)
    choice = choose(program, P_ERROR)
    bits, digits = choice.plans
    first, least = choice.least
    assert (first, choice.plan_of(1), choice.plan_of(least - 1)) == (1, bits, bits)
    assert choice.plan_of(least) is choice.plan_of(8192) is digits
    n_bits, n_digits = (plan.tape.n_inputs for plan in (bits, digits))
    assert (n_bits, n_digits) == (6 * 31, digits.digits.n_columns)  # type: ignore[union-attr]
    alone = Choice((bits,))
    assert choice.cost(8192).total + key_bytes(digits) / 12.5e6 < alone.cost(8192).total
    assert choice.cost(least - 1) == alone.cost(least - 1)
    assert choice.cost_of_keys.n_bytes <= 8_000_000
    assert choice.up_to(least - 1) == alone
    assert choice.up_to(None) == choice.up_to(least) == choice


def test_a_program_of_two_ways(tmp_path: Path) -> None:
    """Both halves know the way by the number of samples alone."""
    program = grid_program(1)
    choice = Choice(plans(program), (1, 4))
    circuit = circuit_of(program, choice)
    circuit.client.save(tmp_path / "client")
    circuit.server.save(tmp_path / "server")
    client, server = SealClient.load(tmp_path / "client"), SealServer.load(tmp_path / "server")
    keys = KeyRing.of(client.evaluation_keys.parts)
    other = SealClient.load(tmp_path / "client")
    other.use_secret(client.secret)
    for n_samples, plan in ((3, choice.plans[0]), (4, choice.plans[1])):
        codes = valid_codes(program, n_samples, 0)
        sent = client.encrypt(*codes)
        wanted = plan.layouts.of(n_samples).n_ciphertexts(plan.tape.n_inputs)
        assert len(sent.values) == wanted
        np.testing.assert_array_equal(other.decrypt(server.run(sent, keys))[0], program(*codes)[0])
    with pytest.raises(InvalidInputError, match="the circuit takes"):
        server.run(replace(sent, n_samples=3), keys)
    assert other.key_name == client.key_name != circuit_of(program, choice.up_to(3)).client.key_name


def test_keys_of_another_kind_of_circuit_are_refused() -> None:
    program = grid_program(1)
    choice = Choice(plans(program), (1, 4))
    circuit, small = (circuit_of(program, c) for c in (choice, choice.up_to(3)))
    codes = valid_codes(program, 3, 0)
    sent, keys = small.client.encrypt(*codes), small.client.evaluation_keys
    with pytest.raises(InvalidInputError, match="for 1 kinds of batches came"):
        circuit.server.run(sent, keys)
    with pytest.raises(InvalidInputError, match="came in 4 parts, and this circuit's have 8"):
        circuit.client.use_secret(small.client.secret)
    for parts in ((), keys.parts[:2], (*keys.parts, b"")):
        with pytest.raises(InvalidInputError, match="Evaluation keys came in"):
            KeyRing.of(parts)


def test_two_digits_are_not_taken_where_they_spare_nothing() -> None:
    few = np.repeat(np.arange(4), 2)
    builder = ProgramBuilder([Thermometer.of(few)])
    forest = Forest(
        np.array([0, 2, -1, -1, -1]),
        np.array([1, 3, 2, 3, 4]),
        np.array([0]),
        np.array([[0.0], [0.0], [1.0], [2.0], [4.0]]),
        few,
        np.zeros(1),
    )
    step = quantize_forest(forest, np.eye(8, dtype=np.int64), 6).step
    program = builder.build([builder.add(step, 0)])
    assert len(choose(program, P_ERROR).plans) == 1


def test_the_largest_batch_says_which_way() -> None:
    program = grid_program(0)
    whole = SealEngine().compile(program, CircuitOptions())
    small = SealEngine().compile(program, CircuitOptions(batch_size=16))
    assert whole.report.levels == small.report.levels + 1  # type: ignore[operator]
    assert whole.report.input_bytes < small.report.input_bytes
    assert len(small.client.specification.ways) == 1


BROKEN: list[Any] = [
    lambda: Digits((), ()),
    lambda: Digits((3,), (1,)),
    lambda: Digits((3, 0), (2, 2)),
    lambda: Digits((3,), (2, 2)),
    lambda: Layouts(8192, 5, False, Digits((63,), (8,))),
]


@pytest.mark.parametrize("broken", BROKEN)
def test_what_a_file_may_say_is_refused(broken: Any) -> None:
    with pytest.raises(InvalidInputError, match="there are no digits"):
        broken()


@pytest.mark.parametrize("least", [(), (2,), (1, 1), (1, 5, 4)])
def test_ways_out_of_order_are_refused(least: tuple[int, ...]) -> None:
    circuit = circuit_of(program := grid_program(1), Choice(plans(program), (1, 4)))
    way = circuit.client.specification.ways[0]
    ways = tuple(replace(way, least=number) for number in least)
    with pytest.raises(InvalidInputError, match="can't be parted"):
        replace(circuit.client.specification, ways=ways)
