"""An answer gives away its results, and nothing else of the model."""

from __future__ import annotations

import numpy as np
import pytest

from cml_sklearn.fhe.concrete.bindings import compiling, delete_folder_of, load_concrete
from cml_sklearn.fhe.protocol import CircuitOptions
from cml_sklearn.fhe.seal import SealEngine
from cml_sklearn.fhe.seal.bindings import EncryptionParameters, scheme
from cml_sklearn.fhe.seal.circuit import SealCircuit
from cml_sklearn.fhe.seal.hiding import _residues, flood, random_beside
from cml_sklearn.fhe.seal.layouts import CoefficientLayout
from cml_sklearn.fhe.seal.session import Session
from tests.fhe.seal.test_engine import matmul_program, trees_program, valid_codes
from tests.forest.random_forests import chain


def plain_values(circuit: SealCircuit, answer: bytes) -> np.ndarray:
    """All that a client can read of an answer."""
    secret, way = circuit.client._secret(1)
    plain, made = secret.decrypt(answer), scheme(way.parameters)
    if way.layouts.is_affine:
        return made.read_coefficients(plain, np.arange(way.layouts.n))
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


@pytest.mark.parametrize("prime", [40961, 2**40 - 87, 2**60 - 93])
@pytest.mark.parametrize("whole", [1, 39, 40, 41, 80, 102, 145])
def test_residues_of_limbs(prime: int, whole: int) -> None:
    sizes = [min(40, whole - start) for start in range(0, whole, 40)]
    largest = [np.full(4, (1 << size) - 1) for size in sizes]
    some = [np.random.default_rng(0).integers(0, 1 << size, 500) for size in sizes]
    for limbs in (largest, some, [0 * limb for limb in some]):
        numbers = np.full(len(limbs[0]), -(1 << whole - 1), dtype=object)
        for i, limb in enumerate(limbs):
            numbers += limb.astype(object) << 40 * i
        assert _residues(limbs, 1 << whole - 1, prime).tolist() == (numbers % prime).tolist()


def test_random_integers_beside() -> None:
    values = random_beside(np.array([0, 7]), 4096, 1000)
    assert values[0] == values[7] == 0
    assert values.min() >= 0
    assert len(np.unique(values)) > 900


WEIGHTS = np.array([3, -5, 7, 2])
CODES = np.array([[1, 2, 3, 4]])


def solved(masks: np.ndarray, mask: np.ndarray, modulus: int) -> list[int] | None:
    """Small weights for which ``weights @ masks`` is the mask of an answer; None if there are none.

    Gauss's elimination on as many equations as there are weights; all others must agree.
    """
    n = len(masks)
    rows = [[int(v) for v in (*column, m)] for column, m in zip(masks.T, mask, strict=True)]
    used: list[list[int]] = []
    for place in range(n):
        pivot = next(row for row in rows if row[place] % 2 and np.gcd(row[place], modulus) == 1)
        inverse = pow(pivot[place], -1, modulus)
        pivot = [v * inverse % modulus for v in pivot]
        rows, used = (
            [eliminated(row, pivot, place, modulus) for row in part] for part in (rows, used)
        )
        used.append(pivot)
        rows = [row for row in rows if any(row[:n])]
    weights = [row[n] - modulus * (row[n] > modulus // 2) for row in used]
    agrees = (sum(w * int(a) for w, a in zip(weights, column, strict=True)) for column in masks.T)
    same = all((a - int(b)) % modulus == 0 for a, b in zip(agrees, mask, strict=True))
    return weights if same else None


def eliminated(row: list[int], pivot: list[int], place: int, modulus: int) -> list[int]:
    return [(v - row[place] * p) % modulus for v, p in zip(row, pivot, strict=True)]


def second_polynomial(ciphertext: object, n: int) -> np.ndarray:
    """Mask of a ciphertext modulo its first prime."""
    data = ciphertext.dyn_array()  # type: ignore[attr-defined]
    start = n * ciphertext.coeff_modulus_size()  # type: ignore[attr-defined]
    return np.array([data.at(i) for i in range(start, start + n)], dtype=object)


@pytest.mark.parametrize("hidden", [False, True])
def test_one_answer_of_seal_gives_no_weights(hidden: bool) -> None:
    """Without what hides them, the client's own masks and that of the answer give the weights."""
    program = matmul_program(WEIGHTS[:, None], upper=15)
    circuit = SealEngine().compile(program, CircuitOptions())
    sent, keys = circuit.client.encrypt(CODES), circuit.client.evaluation_keys
    (task,) = circuit.server.specification.tasks
    session = Session(task.way.parameters, keys.keys[0])
    n, layout = 4096, CoefficientLayout(4096, 4)
    (result,) = circuit.server._products(session, layout, sent)
    if hidden:
        places, encode = layout.results(1), session.scheme.coefficients
        session.hide(result, places, encode, task.flood_bits)
    mask = second_polynomial(session.read(sent.values[0]), n)
    prime = session.scheme.primes[0]
    # the mask times X**(3 - f), modulo X**n + 1, for each feature
    masks = np.stack(
        [np.concatenate([-mask[n - k :], mask[: n - k]]) % prime for k in (3, 2, 1, 0)]
    )
    found = solved(masks[:, :40], second_polynomial(result, n)[:40], prime)
    assert found == (None if hidden else WEIGHTS.tolist())


@pytest.mark.fhe
def test_one_answer_of_concrete_gives_the_weights() -> None:
    """What docs/explanation/security.md warns of."""
    fhe = load_concrete()
    compiler = fhe.Compiler(lambda x: x @ WEIGHTS[:, None], {"x": "encrypted"})
    configuration = fhe.Configuration(compress_input_ciphertexts=False)
    with compiling():
        circuit = compiler.compile(
            [np.zeros(4, int), np.full(4, 15), np.array([0, 15, 0, 0])], configuration
        )
    delete_folder_of(circuit.server)
    sent = circuit.encrypt(CODES[0])
    answer = circuit.run(sent)
    n_words = circuit.statistics["size_of_outputs"] // 8
    # 23 words of their message stand behind the data
    masks, mask = (
        np.frombuffer(value.serialize(), dtype="<u8")[-23 - rows * n_words : -23].reshape(rows, -1)
        for value, rows in ((sent, 4), (answer, 1))
    )
    assert solved(masks[:, :40].astype(object), mask[0, :40], 2**64) == WEIGHTS.tolist()
