"""Tensors of weighted sums: what linear steps make of monomials, of bits or of nodes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cml_sklearn._typing import IntArray
from cml_sklearn.exceptions import CompilationError
from cml_sklearn.program import steps
from cml_sklearn.program.evaluation import evaluate

__all__ = [
    "LINEAR",
    "MAX_ELEMENTS",
    "MOVES",
    "Monomial",
    "Sums",
    "Terms",
    "UnsupportedProgramError",
    "linear",
    "plus",
    "unit_sums",
    "without_zeros",
]

Monomial = tuple[int, ...]
"""Numbers of what is multiplied, ascending; the empty one is the constant's."""

Terms = dict[Monomial, IntArray]
"""Weights of monomials, an array a monomial."""

MAX_ELEMENTS = 2**26
"""Of a matrix that is made on the way."""


class UnsupportedProgramError(CompilationError):
    """A program has no polynomial that is worth evaluating; says why."""


@dataclass(frozen=True)
class Sums:
    """A tensor of weighted sums of monomials: weights of the tensor's shape by monomial."""

    terms: Terms
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        """Number of elements."""
        return int(np.prod(self.shape))

    def stacked(self, monomials: list[Monomial]) -> IntArray:
        """Weights as a batch, one row a monomial."""
        zero = np.zeros(self.shape, dtype=np.int64)
        return np.stack([self.terms.get(m, zero) for m in monomials])


MOVES: tuple[type[steps.Step], ...] = (steps.Take, steps.Reshape, steps.Transpose, steps.Declare)
LINEAR: tuple[type[steps.Step], ...] = (
    *MOVES,
    steps.MatMul,
    steps.Convolve,
    steps.MultiplyConstant,
    steps.Add,
    steps.Subtract,
    steps.SumOver,
    steps.Concatenate,
    steps.Pad,
)


def linear(step: steps.Step, sums: list[Sums]) -> Sums:
    """Apply a linear step to the weights of all monomials at once."""
    monomials = sorted({m for s in sums for m in s.terms}) or [()]
    rows = evaluate(step, *(s.stacked(monomials) for s in sums))
    return without_zeros(dict(zip(monomials, rows, strict=True)), rows.shape[1:])


def plus(sums: Sums, step: steps.AddConstant) -> Sums:
    """Add to the constant's weights."""
    zeros = np.zeros_like(step.constant)
    moved = linear(steps.AddConstant(zeros), [sums])
    constant = moved.terms.get((), np.zeros(moved.shape, dtype=np.int64)) + step.constant
    return without_zeros({**moved.terms, (): constant}, moved.shape)


def without_zeros(terms: Terms, shape: tuple[int, ...]) -> Sums:
    """Leave out monomials without weight."""
    return Sums({m: w for m, w in terms.items() if w.any()}, shape)


def unit_sums(numbers: IntArray) -> Sums:
    """Write single monomials as sums: each element is the one of its number.

    Raises
    ------
    UnsupportedProgramError
        They are too many.
    """
    if numbers.size**2 > MAX_ELEMENTS:
        raise UnsupportedProgramError(f"it reads {numbers.size:,} values at once")
    eye = np.eye(numbers.size, dtype=np.int64).reshape(-1, *numbers.shape)
    terms: Terms = {}
    for number, row in zip(numbers.ravel().tolist(), eye, strict=True):
        terms[number,] = terms[number,] + row if (number,) in terms else row
    return Sums(terms, numbers.shape)
