"""The noise that is measured never exceeds the one that is derived."""

from __future__ import annotations

import numpy as np
import pytest

from cml_sklearn.fhe.seal.bindings import Ciphertext, EncryptionParameters, SealScheme, scheme
from cml_sklearn.fhe.seal.noise import AffineNoise, Noise, ProductNoise, budget_of, n_random, unit
from cml_sklearn.fhe.seal.plan import plain_modulus, plan_program
from cml_sklearn.fhe.seal.session import Session
from cml_sklearn.fhe.seal.tape import Combination, Operation, Product, Tape
from tests.fhe.seal.test_engine import matmul_program, trees_program
from tests.forest.random_forests import chain

N = 8192
THREE = EncryptionParameters(N, (54, 54, 54, 56), 65537)
TWO = EncryptionParameters(N, (60, 60, 60), 65537)
P_ERROR = 2.0**-64


class Watched(Session):
    """Measures the noise of everything that is computed, beside its bound."""

    def __init__(self, parameters: EncryptionParameters, bounds: ProductNoise) -> None:
        self.secret = scheme(parameters).secret_keys()
        keys = self.secret.evaluation_keys(products=True, rotations=[3, 2 * N - 1])
        super().__init__(parameters, keys)
        self.bounds, self.left = bounds, float("inf")
        self.known: dict[int, Noise] = {}

    def note(self, value: Ciphertext, bound: Noise) -> Ciphertext:
        """Compare the budget that is left with the derived one, which is never more."""
        derived = budget_of(bound)
        if derived > 0:
            self.left = min(self.left, self.secret.noise_budget(value) - np.floor(derived))
        self.known[id(value)] = bound
        return value

    def fresh(self, values: np.ndarray) -> Ciphertext:
        plain = self.scheme.slots(values)
        return self.note(self.read(self.secret.encrypt(plain)), self.bounds.fresh)

    def product(self, left: Ciphertext, right: Ciphertext) -> Ciphertext:
        bound = self.bounds.product(self.known[id(left)], self.known[id(right)])
        result = super().product(left, right)
        self.note(result, bound)
        self.relinearize(result)
        return self.note(result, bound)

    def combine(self, values: list[Ciphertext], weights: np.ndarray, constant: int) -> Ciphertext:
        bound = self.bounds.combine([self.known[id(v)] for v in values], weights, constant)
        return self.note(super().combine(values, weights, constant), bound)


def random_tape(rng: np.random.Generator, levels: int) -> Tape:
    """Levels of products of sums with weights of all sizes."""
    operations: list[Operation] = []
    nodes = list(range(4))
    for _ in range(levels):
        sums = []
        for _ in range(2):
            chosen = rng.choice(nodes[-6:], int(rng.integers(1, min(4, len(nodes)))), replace=False)
            size = 10 ** rng.integers(0, 4, len(chosen))
            weights = rng.integers(1, 1 + size) * rng.choice([-1, 1], len(chosen))
            operations.append(Combination(chosen, weights, int(rng.integers(-99, 99))))
            sums.append(3 + len(operations))
        operations.append(Product(*sums))
        nodes += [*sums, 3 + len(operations)]
    return Tape(4, tuple(operations), (3 + len(operations),))


@pytest.mark.parametrize(("parameters", "levels"), [(TWO, 1), (TWO, 2), (THREE, 2), (THREE, 3)])
def test_products(parameters: EncryptionParameters, levels: int) -> None:
    for seed in range(6):
        measure_products(parameters, levels, seed)


@pytest.mark.slow
@pytest.mark.parametrize(("parameters", "levels"), [(TWO, 1), (TWO, 2), (THREE, 2), (THREE, 3)])
def test_products_of_hundreds_of_circuits(parameters: EncryptionParameters, levels: int) -> None:
    closest = min(measure_products(parameters, levels, seed) for seed in range(100, 250))
    assert closest >= 0


def measure_products(parameters: EncryptionParameters, levels: int, seed: int) -> float:
    """Bits between the derived bound and the noise that comes closest to it."""
    rng = np.random.default_rng([seed, levels])
    tape = random_tape(rng, levels)
    watched = Watched(parameters, ProductNoise(parameters, n_random(tape, parameters), P_ERROR))
    largest = rng.choice([2, 65537])
    tape.run(watched, lambda _: watched.fresh(rng.integers(0, largest, N)))
    assert watched.left >= 0
    return watched.left


def test_rotations() -> None:
    watched = Watched(TWO, (bounds := ProductNoise(TWO, 100, P_ERROR)))
    rng = np.random.default_rng(0)
    value = watched.fresh(rng.integers(0, 65537, N))
    for times in range(1, 6):
        value = watched.note(watched.turned(value, 3), bounds.rotated(2 * times - 1))
        value = watched.note(watched.turned(value, 2 * N - 1), bounds.rotated(2 * times))
    assert watched.left >= 0


def test_affine_circuits_at_their_worst() -> None:
    """All weights equal, all integers large: the bound is reached within a few bits."""
    parameters = EncryptionParameters(4096, (40, 40, 21), plain_modulus(4096, 2**19))
    algebra = AffineNoise(parameters)
    session, rng = scheme(parameters), np.random.default_rng(0)
    secret = session.secret_keys()
    server = Session(parameters, secret.evaluation_keys(products=False, rotations=[]))
    for n_terms in (1, 10, 100):
        values = [
            server.read(secret.encrypt(session.slots(rng.integers(0, 255, 4096))))
            for _ in range(n_terms)
        ]
        weights = np.full(n_terms, 1000)
        budget = secret.noise_budget(server.combine(values, weights, 5))
        bound = int(weights.sum()) * algebra.fresh + algebra.encoded
        assert budget >= np.floor(budget_of(bound))
        assert budget < budget_of(bound) + 10


@pytest.mark.parametrize("bits", [30, 36, 54, 60])
def test_primes_lie_closely_below_their_power_of_two(bits: int) -> None:
    made: SealScheme = scheme(EncryptionParameters(4096, (bits, 21), 40961))
    assert unit(made.parameters) >= 40961 / made.modulus


def test_plans_keep_a_bit_for_themselves() -> None:
    trees = trees_program(chain(0, 4, 8, value=[1.0, 2.0, 4.0, 8.0]))
    for program in (matmul_program(np.ones((30, 1), int)), trees):
        plan = plan_program(program, P_ERROR)
        assert plan.budget >= 1
    assert plan_program(matmul_program(np.ones((30, 1), int)), P_ERROR).hidden_bits >= 39


def test_the_least_primes_with_slots() -> None:
    assert [plain_modulus(4096, span) for span in (1, 40960, 40961)] == [40961, 65537, 65537]
    assert plain_modulus(8192, 2**40) % 16384 == 1
