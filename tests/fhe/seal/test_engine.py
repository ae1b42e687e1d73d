"""SEAL computes what programs say, on any number of samples, or refuses in words."""

from __future__ import annotations

import pickle
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cml_sklearn.exceptions import CompilationError, InvalidInputError
from cml_sklearn.fhe.circuit import FheCircuit
from cml_sklearn.fhe.protocol import CircuitOptions
from cml_sklearn.fhe.seal import SealEngine
from cml_sklearn.fhe.seal.bindings import KeyRing, scheme
from cml_sklearn.fhe.seal.halves import SealCiphertexts, SealClient, SealServer
from cml_sklearn.forest.forest import Forest
from cml_sklearn.forest.lowering import quantize_forest
from cml_sklearn.program.bounds import Bounds, Thermometer
from cml_sklearn.program.builder import ProgramBuilder
from cml_sklearn.program.program import IntegerProgram
from cml_sklearn.program.steps import (
    Add,
    AddConstant,
    Concatenate,
    Convolve,
    Declare,
    Lookup,
    MatMul,
    Multiply,
    Pad,
    Reshape,
    Subtract,
    SumOver,
    Take,
    Trees,
)
from tests.forest.random_forests import BIT_FEATURES, chain, forests
from tests.programs import affine_program, codes_for, linear_program, lookup_program, range_to


def check(program: IntegerProgram, n_samples: int, seed: int = 0) -> FheCircuit:
    """Clear, simulated and encrypted integers are the same."""
    circuit = FheCircuit(program, CircuitOptions(2.0**-64), SealEngine())
    codes = valid_codes(program, n_samples, seed)
    for outputs in (circuit.simulate(*codes), circuit.execute(*codes)):
        for ours, theirs in zip(outputs, program(*codes), strict=True):
            np.testing.assert_array_equal(ours, theirs)
    return circuit


def valid_codes(program: IntegerProgram, n_samples: int, seed: int) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [np.stack([b.sample(rng) for _ in range(n_samples)]) for b in program.input_bounds]


def matmul_program(weights: np.ndarray, upper: int = 255) -> IntegerProgram:
    builder = ProgramBuilder([range_to(upper, len(weights))])
    return builder.build([builder.add(MatMul(weights), 0)])


def trees_program(forest: Forest) -> IntegerProgram:
    """Integer sums of a forest, as estimators make them."""
    rng = np.random.default_rng(0)
    bounds = Thermometer.of(BIT_FEATURES)
    bits = np.stack([bounds.sample(rng) for _ in range(20)])
    builder = ProgramBuilder([bounds])
    return builder.build([builder.add(quantize_forest(forest, bits, 6).step, 0)])


@settings(max_examples=25)
@given(st.integers(0, 10**6), st.integers(1, 9), st.booleans(), st.sampled_from([1, 2, 1500]))
def test_affine_programs(seed: int, bits: int, declared: bool, n_samples: int) -> None:
    check(affine_program(seed, bits, declared=declared), n_samples, seed)


@settings(max_examples=25)
@given(forests(), st.sampled_from([1, 3, 40]))
def test_trees(forest: Forest, n_samples: int) -> None:
    check(trees_program(forest), n_samples)


@pytest.mark.parametrize("n_samples", [4095, 4096, 4097, 8193])
def test_more_samples_than_slots(n_samples: int) -> None:
    check(linear_program(), n_samples)


@pytest.mark.parametrize("n_samples", [16, 17, 2048, 2049, 5000, 8193])
def test_trees_of_every_size_of_blocks(n_samples: int) -> None:
    program = trees_program(chain(0, 4, 8, value=[1.0, 2.0, 4.0, 8.0]))
    circuit = check(program, n_samples)
    assert circuit.report.ring_dimension == 8192


def test_a_program_of_every_affine_step() -> None:
    rng = np.random.default_rng(0)
    image = Bounds(np.full((1, 4, 4), -3), np.full((1, 4, 4), 7))
    builder = ProgramBuilder([image, range_to(5, 8)])
    padded = builder.add(Pad((0, 1, 1), (0, 0, 0)), 0)
    kernel = rng.integers(-3, 4, (2, 1, 2, 2))
    windows = builder.add(Convolve(kernel, (2, 2), (0, 0, 0, 0), (1, 1)), padded)
    flat = builder.add(Reshape((8,)), windows)
    total = builder.add(Add(), flat, 1)
    less = builder.add(Subtract(), total, builder.add(AddConstant(np.arange(8)), 1))
    joined = builder.add(Concatenate(0), less, builder.add(Take(np.array([7, 0])), total))
    builder.add(SumOver((0,), keepdims=True), joined)
    check(builder.build([joined, joined + 1]), 5)


def test_outputs_without_axes() -> None:
    builder = ProgramBuilder([range_to(7, 3)])
    check(builder.build([builder.add(SumOver((0,)), 0)]), 4)


def test_weights_that_are_zero_single_or_negative() -> None:
    weights = np.array([[0, 0, -7, 1], [0, 3, 0, -1]])
    check(matmul_program(weights), 3)
    check(matmul_program(weights), 3000)


def test_more_features_than_coefficients() -> None:
    rng = np.random.default_rng(1)
    check(matmul_program(rng.integers(-3, 4, (5000, 2)), upper=3), 2)


def test_wide_sums_take_a_larger_modulus() -> None:
    weights = np.array([[2**20], [-(2**19)]])
    circuit = check(matmul_program(weights, upper=2**12), 7)
    assert circuit.report.plain_modulus is not None
    assert circuit.report.plain_modulus > 3 * 2**31
    assert circuit.report.p_error == 0


def test_lookups_of_bits_are_polynomials() -> None:
    bits = Thermometer.of(np.array([0, 0, 1, 1, 1, 2]))
    builder = ProgramBuilder([bits])
    taken = builder.add(Take(np.array([0, 1, 2, 4, 5])), 0)
    index = builder.add(MatMul(np.array([[1, 0], [1, 2], [3, 0], [3, 1], [0, 3]])), taken)
    index = builder.add(AddConstant(np.array([0, 1])), index)
    tables = np.random.default_rng(0).integers(-5, 9, (2, 16))
    looked_up = builder.add(Lookup(0, tables, np.array([0, 1])), index)
    program = builder.build([builder.add(MatMul(np.array([[1], [-2]])), looked_up)])
    check(program, 30)


def test_trees_after_moves_and_before_sums() -> None:
    tree = quantize_forest(
        chain(0, 4, value=[0.0, 1.0, 5.0]), np.eye(len(BIT_FEATURES), dtype=np.int64), 4
    ).step
    builder = ProgramBuilder([Thermometer.of(BIT_FEATURES)])
    moved = builder.add(Take(np.arange(len(BIT_FEATURES))), 0)
    sums = builder.add(tree, moved)
    shifted = builder.add(AddConstant(np.array([3])), sums)
    check(builder.build([builder.add(MatMul(np.array([[2, -1]])), shifted)]), 9)


def test_outputs_that_are_constant() -> None:
    builder = ProgramBuilder([range_to(1, 3)])
    program = builder.build(
        [builder.add(AddConstant(np.array([5])), builder.add(MatMul(np.zeros((3, 1), int)), 0))]
    )
    check(program, 4)


def with_keys(ring: KeyRing, **parts: bytes) -> KeyRing:
    """Keys of which the first ones have other parts."""
    return KeyRing((replace(ring.keys[0], **parts), *ring.keys[1:]))


def refusal(program: IntegerProgram) -> str:
    reason = SealEngine().supports(program)
    assert reason is not None
    with pytest.raises(CompilationError, match="Choose another one"):
        FheCircuit(program, CircuitOptions(), SealEngine())
    return reason


def test_what_has_no_polynomial_is_refused() -> None:
    assert refusal(lookup_program()) == "it looks up integers, not bits of a grid"
    builder = ProgramBuilder([range_to(1, 2)])
    both = builder.add(
        Multiply(), 0, builder.add(Lookup(0, np.eye(2, dtype=int), np.zeros(2, int)), 0)
    )
    assert refusal(builder.build([both])).endswith("is neither a sum nor a product of integers")
    builder = ProgramBuilder([range_to(1, 2001)])
    many = builder.build([builder.add(Multiply(), 0, 0)])
    assert refusal(many) == "it has over 2,000 products of encrypted integers"


def test_deep_paths_are_refused_with_figures() -> None:
    n = 9
    bit = np.array([v for i in range(n) for v in (i, -1)] + [-1], dtype=np.int32)
    child = np.zeros(2 * n + 1, dtype=np.int32)
    for i in range(n):
        child[2 * i] = 2 * i + 1
    child[1::2] = np.arange(1, 2 * n, 2)
    child[-1] = 2 * n
    # each inner node's second child is the next inner node
    values = np.arange(2 * n + 1, dtype=np.int32)[:, None] * (bit < 0)[:, None]
    step = Trees(bit, child, np.array([0], np.int32), values, np.zeros((1, 1), np.int32), 1)
    builder = ProgramBuilder([range_to(1, n)])
    program = builder.build([builder.add(step, 0)])
    assert refusal(program) == (
        "a path of its trees asks 9 features, and 8 are possible: lower max_depth"
    )


def test_halves_meet_as_files_and_as_pickles(tmp_path: Path) -> None:
    program = trees_program(chain(0, 4, value=[1.0, 2.0, 5.0]))
    circuit = SealEngine().compile(program, CircuitOptions())
    circuit.client.save(tmp_path / "client")
    circuit.server.save(tmp_path / "server")
    client, server = SealClient.load(tmp_path / "client"), SealServer.load(tmp_path / "server")
    codes = valid_codes(program, 5, 0)
    sent, keys = (
        pickle.loads(pickle.dumps(x)) for x in (client.encrypt(*codes), client.evaluation_keys)
    )
    answer = pickle.loads(pickle.dumps(server)).run(sent, keys)
    np.testing.assert_array_equal(client.decrypt(answer)[0], program(*codes)[0])
    assert answer.n_bytes == sum(map(len, answer.values))


def test_keys_are_made_once_and_never_pickled() -> None:
    client = SealEngine().compile(linear_program(), CircuitOptions()).client
    assert client.evaluation_keys is client.evaluation_keys
    with pytest.raises(TypeError, match=r"(cannot|can't be) pickle"):
        pickle.dumps(client)


def test_what_is_damaged_or_of_others_is_refused() -> None:
    program = linear_program()
    ours, theirs = (SealEngine().compile(program, CircuitOptions()) for _ in range(2))
    sent = ours.client.encrypt(*codes_for(program, 3))
    answer = ours.server.run(sent, ours.client.evaluation_keys)
    with pytest.raises(InvalidInputError, match="made with other keys"):
        theirs.client.decrypt(answer)
    with pytest.raises(InvalidInputError, match="encrypted with other keys"):
        ours.server.run(sent, theirs.client.evaluation_keys)
    with pytest.raises(InvalidInputError, match="outside the model's range"):
        theirs.client.decrypt(replace(answer, tag=theirs.client.evaluation_keys.tag))
    for bad in (b"", b"x", sent.values[0][:-9], b"\0" * 500):
        with pytest.raises(InvalidInputError, match="can't be read"):
            ours.server.run(replace(sent, values=(bad,)), ours.client.evaluation_keys)
        with pytest.raises(InvalidInputError, match="can't be read"):
            ours.client.decrypt(replace(answer, values=(bad, bad)))
        keys = with_keys(ours.client.evaluation_keys, public=bad)
        with pytest.raises(InvalidInputError, match="Evaluation keys can't be read"):
            ours.server.run(replace(sent, tag=keys.tag), keys)
    with pytest.raises(InvalidInputError, match="came in 2 ciphertexts; the circuit takes 1"):
        ours.server.run(replace(sent, values=sent.values * 2), ours.client.evaluation_keys)
    with pytest.raises(InvalidInputError, match="the circuit gives 2"):
        ours.client.decrypt(replace(answer, values=answer.values[:1]))
    sizes: list[Any] = [0, -1, 10**6, 2.0]
    for n_samples in sizes:
        with pytest.raises(InvalidInputError, match="the circuit takes 1 to 4096"):
            ours.server.run(replace(sent, n_samples=n_samples), ours.client.evaluation_keys)


def test_errors_do_not_tell_which_columns_are_read() -> None:
    program = trees_program(chain(0, 4, 8, value=[1.0, 2.0, 4.0, 8.0]))
    circuit = SealEngine().compile(program, CircuitOptions())
    sent = circuit.client.encrypt(*codes_for(program, 4096))
    assert len(sent.values) > 4
    errors = set()
    for i in range(len(sent.values)):
        for other in (b"garbage", sent.values[i - 1]):
            values = (*sent.values[:i], other, *sent.values[i + 1 :])
            with pytest.raises(InvalidInputError) as raised:
                circuit.server.run(replace(sent, values=values), circuit.client.evaluation_keys)
            errors.add((other == b"garbage", str(raised.value)))
    assert len(errors) == 2


def test_the_report_has_what_bfv_is_about() -> None:
    report = check(trees_program(chain(0, 4, 8, value=[1.0, 2.0, 4.0, 8.0])), 2).report
    assert (report.engine, report.pbs_count, report.complexity) == ("seal", None, None)
    assert (report.levels, report.products, report.security_bits) == (2, 2, 128)
    assert (report.ring_dimension, report.modulus_bits, report.plain_modulus) == (8192, 180, 65537)
    assert report.noise_budget is not None
    assert report.noise_budget >= 1


@pytest.mark.parametrize("most", [None, 1, 7, 136, 171, 10**6])
@pytest.mark.parametrize("n_samples", [1, 135, 136, 137, 171, 5000, 9000])
def test_batches_hold_all_samples(most: int | None, n_samples: int) -> None:
    circuit = SealEngine().compile(matmul_program(np.ones((30, 1), int)), CircuitOptions(0.1, most))
    sizes = circuit.client.batch_sizes(n_samples)
    assert sum(sizes) == n_samples
    assert max(sizes) <= min(most or 4096, 4096)
    # a few samples go in coefficients, however large batches may be
    assert n_samples > 171 or max(sizes) <= 136


_HOSTILE = """
import pickle, sys
from cml_sklearn.exceptions import InvalidInputError
server, sent, keys = pickle.load(sys.stdin.buffer)
try:
    server.run(sent, keys)
except InvalidInputError as error:
    print(error)
"""


def run_apart(server: SealServer, sent: SealCiphertexts, keys: KeyRing) -> str:
    """What a server says in a process of its own, where a crash shows."""
    content = pickle.dumps((server, sent, keys))
    command = [sys.executable, "-c", _HOSTILE]
    run = subprocess.run(command, input=content, capture_output=True, check=True)
    return run.stdout.decode()


def test_what_seal_itself_would_crash_with_is_refused() -> None:
    """A ciphertext without polynomials, one on another level, and keys that lack what is needed."""
    program = trees_program(chain(0, 4, 8, value=[1.0, 2.0, 4.0, 8.0]))
    circuit = SealEngine().compile(program, CircuitOptions())
    keys, sent = circuit.client.evaluation_keys, circuit.client.encrypt(*valid_codes(program, 3, 0))
    made = scheme(circuit.client.specification.ways[0].parameters)
    lower = made.read(sent.values[0], 2)
    made.evaluator.mod_switch_to_next_inplace(lower)
    empty = made.new()
    for ciphertext in (made.write(lower), made.write(empty)):
        values = (ciphertext,) * len(sent.values)
        assert "can't be read" in run_apart(circuit.server, replace(sent, values=values), keys)
    for bad in (
        with_keys(keys, relinearization=keys.keys[0].galois),
        with_keys(keys, galois=keys.keys[0].relinearization),
        with_keys(keys, galois=b""),
    ):
        assert "Evaluation keys can't be read" in run_apart(circuit.server, sent, bad)


@pytest.mark.parametrize("span", [2**n + d for n in (12, 15, 20, 21) for d in (-1, 1)] + [2056150])
def test_moduli_never_meet(span: int) -> None:
    check(matmul_program(np.array([[span]]), upper=1), 2)


def test_widest_ranges_are_no_ranges_of_one() -> None:
    builder = ProgramBuilder([Bounds(np.array([-1]), np.array([1]))])
    program = builder.build([builder.add(MatMul(np.array([[2**61]])), 0)])
    assert refusal(program) == "its answers have 63 bits, which are too many, or noise has no room"


def test_states_that_can_not_occur_need_no_entries() -> None:
    builder = ProgramBuilder([range_to(1, 2)])
    index = builder.add(Declare(1), builder.add(SumOver((0,), keepdims=True), 0))
    table = Lookup(0, np.array([[3, 5]]), np.zeros(1, dtype=np.int64))
    program = builder.build([builder.add(table, index)])
    circuit = FheCircuit(program, CircuitOptions(), SealEngine())
    codes = np.array([[0, 0], [0, 1], [1, 0]])
    np.testing.assert_array_equal(circuit.execute(codes)[0], program(codes)[0])


def test_programs_without_elements_are_refused() -> None:
    builder = ProgramBuilder([range_to(3, 0)])
    assert refusal(builder.build([0])) == "it has no inputs or no outputs"


def test_a_stump_is_affine() -> None:
    report = check(trees_program(chain(3, value=[1.0, 5.0])), 40).report
    assert (report.products, report.p_error, report.key_bytes < 200_000) == (0, 0, True)


def test_large_forests_are_refused_before_they_take_long() -> None:
    rng = np.random.default_rng(0)
    n_trees, depth = 300, 5
    inner, nodes = 2**depth - 1, 2 ** (depth + 1) - 1
    bit = np.where(np.arange(nodes) < inner, rng.integers(0, 2000, (n_trees, nodes)), -1)
    own = np.arange(nodes)
    child = np.where(own < inner, 2 * own + 1, own) + nodes * np.arange(n_trees)[:, None]
    values = np.where(bit < 0, rng.integers(0, 9, bit.shape), 0)[..., None]
    flat = [x.reshape(-1, *x.shape[2:]).astype(np.int32) for x in (bit, child, values)]
    roots = nodes * np.arange(n_trees, dtype=np.int32)
    step = Trees(flat[0], flat[1], roots, flat[2], np.zeros((n_trees, 1), np.int32), 1)
    builder = ProgramBuilder([range_to(1, 2000)])
    reason = refusal(builder.build([builder.add(step, 0)]))
    assert reason.startswith("its polynomial has over 20,000 products of bits")
