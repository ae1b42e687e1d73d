"""Small integer programs, and inputs for any."""

from __future__ import annotations

import numpy as np

from cml_sklearn._typing import IntArray
from cml_sklearn.program.bounds import Bounds
from cml_sklearn.program.builder import ProgramBuilder
from cml_sklearn.program.program import IntegerProgram
from cml_sklearn.program.steps import AddConstant, Declare, Lookup, MatMul


def range_to(upper: int, size: int) -> Bounds:
    return Bounds(np.zeros(size, dtype=np.int64), np.full(size, upper))


def linear_program() -> IntegerProgram:
    builder = ProgramBuilder([range_to(7, 3)])
    return builder.build([builder.add(MatMul(np.array([[1, -2], [3, 0], [-1, 1]])), 0)])


def lookup_program() -> IntegerProgram:
    builder = ProgramBuilder([range_to(3, 2)])
    table = Lookup(0, np.array([[3, 1, 0, 2]]), np.zeros(2, dtype=np.int64))
    return builder.build([builder.add(table, 0)])


def affine_program(seed: int, bits: int, *, declared: bool) -> IntegerProgram:
    """Two outputs, one of them negative in places, with constants in between."""
    rng = np.random.default_rng(seed)
    upper = (1 << bits) - 1
    builder = ProgramBuilder([range_to(upper, 3)])
    weights = rng.integers(-upper, upper, (3, 2), dtype=np.int64, endpoint=True)
    signed = builder.add(MatMul(weights), builder.add(AddConstant(np.array([1, 0, 5])), 0))
    positive = builder.add(MatMul(abs(weights)), 0)
    if declared:
        positive = builder.add(Declare(int(builder.bounds(positive).high.max())), positive)
    return builder.build([signed, positive])


def codes_for(program: IntegerProgram, n_samples: int, seed: int = 0) -> list[IntArray]:
    """Random inputs within a program's bounds."""
    rng = np.random.default_rng(seed)
    return [
        rng.integers(b.low, b.high, (n_samples, *b.low.shape), dtype=np.int64, endpoint=True)
        for b in program.input_bounds
    ]
