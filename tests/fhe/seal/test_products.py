"""Programs with squares and other products of integers."""

from __future__ import annotations

import numpy as np
import pytest

from cml_sklearn.fhe.seal import SealEngine
from cml_sklearn.fhe.seal.noise import ProductNoise, budget_of, n_random
from cml_sklearn.fhe.seal.plan import plan_program
from cml_sklearn.fhe.seal.products import product_tape
from cml_sklearn.program.bounds import Bounds
from cml_sklearn.program.builder import ProgramBuilder
from cml_sklearn.program.program import IntegerProgram
from cml_sklearn.program.steps import (
    AddConstant,
    Declare,
    MatMul,
    Multiply,
    MultiplyConstant,
    Reshape,
    Subtract,
    Take,
)
from tests.fhe.seal.test_engine import check, valid_codes
from tests.fhe.seal.test_noise import P_ERROR, Watched
from tests.programs import range_to


def squares_program(
    n_in: int = 5, n_hidden: int = 3, n_out: int = 2, size: int = 15
) -> IntegerProgram:
    """Affine layer, squares, affine layer: weights up to a size, on codes of 5 bits."""
    rng = np.random.default_rng(0)
    builder = ProgramBuilder([range_to(31, n_in)])
    hidden = builder.add(MatMul(rng.integers(-size, size + 1, (n_in, n_hidden))), 0)
    moved = builder.add(AddConstant(rng.integers(-400, 400, n_hidden)), hidden)
    squared = builder.add(Multiply(), moved, moved)
    scores = builder.add(MatMul(rng.integers(-size, size + 1, (n_hidden, n_out))), squared)
    return builder.build([scores])


@pytest.mark.parametrize("n_samples", [1, 40, 5000])
def test_squares_between_layers(n_samples: int) -> None:
    report = check(squares_program(), n_samples).report
    assert (report.products, report.levels) == (3, 1)
    assert report.flood_bits is not None
    assert report.flood_bits >= 30


def test_products_of_every_kind() -> None:
    """Of inputs with a sign, of one element by several, of products, of constants."""
    signed = Bounds(np.full((2, 2), -4), np.full((2, 2), 7))
    builder = ProgramBuilder([signed, range_to(9, 2)])
    row = builder.add(Reshape((1, 2)), 1)
    scaled = builder.add(Multiply(), 0, row)
    nothing = builder.add(MultiplyConstant(np.zeros((2, 2), np.int64)), scaled)
    seven = builder.add(AddConstant(np.full((2, 2), 7)), nothing)
    twice = builder.add(Multiply(), scaled, builder.add(Subtract(), seven, 0))
    taken = builder.add(Take(np.array([3, 0, 0])), twice)
    known = builder.add(Declare(9), 1)
    program = builder.build([taken, seven, known, builder.add(Multiply(), 1, known)])
    assert product_tape(program).levels == 2
    check(program, 3)


def test_noise_stays_below_its_bound() -> None:
    program = squares_program(30, 16, 1)
    plan = plan_program(program, P_ERROR)
    parameters = plan.parameters
    watched = Watched(
        parameters, ProductNoise(parameters, n_random(plan.tape, parameters), P_ERROR)
    )
    (codes,) = valid_codes(program, parameters.ring_dimension, 0)
    (answer,) = plan.tape.run(watched, lambda column: watched.fresh(codes[:, column]))
    assert watched.left >= 0
    assert budget_of(watched.known[id(answer)]) > 0


def test_wide_answers_are_refused_with_their_width() -> None:
    reason = SealEngine().supports(squares_program(60, 3, 1, size=10_000))
    assert reason is not None
    assert "bits, which are too many" in reason
