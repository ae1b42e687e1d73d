"""Integer programs as polynomials of their inputs: affine maps, and multilinear ones of bits.

The bits of one feature's thermometer are ones first, then zeros, so a product of two of them is the
later one: monomials hold one bit a feature, and their degree is the number of features asked on a
path of a tree.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product

import numpy as np

from cml_sklearn._typing import IntArray
from cml_sklearn.fhe.seal.sums import (
    LINEAR,
    MAX_ELEMENTS,
    MOVES,
    Monomial,
    Sums,
    Terms,
    UnsupportedProgramError,
    linear,
    plus,
    unit_sums,
    without_zeros,
)
from cml_sklearn.program import steps
from cml_sklearn.program.bounds import Bounds, Thermometer
from cml_sklearn.program.evaluation import evaluate
from cml_sklearn.program.program import Instruction, IntegerProgram

__all__ = ["AffineMap", "Polynomial", "affine_map", "features_of", "polynomial_of"]

MAX_LEAVES, MAX_MONOMIALS = 20_000, 20_000
"""Of a step's trees, and of a program; what is larger has too many products, and takes minutes to
plan."""

MAX_DEGREE = 8
"""Three levels of products."""

_MAX_STATES = 2**12
"""Of the bits that one lookup reads."""


@dataclass(frozen=True)
class AffineMap:
    """``x @ weights + constant``, for all inputs' elements in a row.

    Parameters
    ----------
    weights : ndarray of int, shape (n_inputs, n_outputs)
    constant : ndarray of int, shape (n_outputs,)
    """

    weights: IntArray
    constant: IntArray


@dataclass(frozen=True)
class Polynomial:
    """Polynomials of bits, with common monomials.

    Parameters
    ----------
    n_inputs : int
        Number of bits.
    n_outputs : int
    terms : dict of tuple of int to ndarray of shape (n_outputs,)
        Weights of each monomial; none is all zeros.
    """

    n_inputs: int
    n_outputs: int
    terms: Terms

    @property
    def degree(self) -> int:
        """Largest number of bits in a product."""
        return max(map(len, self.terms), default=0)


def affine_map(program: IntegerProgram) -> AffineMap:
    """Find the matrix of an affine program.

    Raises
    ------
    UnsupportedProgramError
        The matrix would be too large.
    """
    shapes = [bounds.shape for bounds in program.input_bounds]
    sizes = [int(np.prod(shape)) for shape in shapes]
    n_inputs, n_outputs = sum(sizes), sum(b.low.size for b in program.output_bounds)
    if n_inputs * max(n_inputs, n_outputs) > MAX_ELEMENTS:
        raise UnsupportedProgramError(f"its matrix has {n_inputs:,} rows and {n_outputs:,} columns")
    points = np.vstack([np.zeros(n_inputs, dtype=np.int64), np.eye(n_inputs, dtype=np.int64)])
    parts = np.split(points, np.cumsum(sizes)[:-1], axis=1)
    outputs = program(*(x.reshape(-1, *shape) for x, shape in zip(parts, shapes, strict=True)))
    values = np.hstack([y.reshape(len(points), -1) for y in outputs])
    return AffineMap(values[1:] - values[0], values[0])


def polynomial_of(program: IntegerProgram) -> Polynomial:
    """Find the polynomials of a program of bits with one layer of lookups or trees.

    Raises
    ------
    UnsupportedProgramError
        There are none, or they are too large; the message ends a sentence.
    """
    reading = _Reading(program)
    tensors: list[_Bits | Sums] = list(reading.inputs)
    for instruction in program.instructions:
        tensors.append(reading.step(instruction, [tensors[i] for i in instruction.inputs]))
    outputs = [reading.sums(tensors[i]) for i in program.outputs]
    terms: Terms = {}
    sizes = [output.size for output in outputs]
    for monomial in sorted({m for output in outputs for m in output.terms}):
        zeros = (np.zeros(size, dtype=np.int64) for size in sizes)
        pairs = zip(outputs, zeros, strict=True)
        row = np.concatenate([o.terms.get(monomial, zero).ravel() for o, zero in pairs])
        if row.any():
            terms[monomial] = row
    return Polynomial(len(reading.features), sum(sizes), terms)


@dataclass(frozen=True)
class _Bits:
    """A tensor of bits of the input: their numbers."""

    numbers: IntArray


class _Reading:
    """What a program's steps make of bits."""

    def __init__(self, program: IntegerProgram) -> None:
        self.features = features_of(program.input_bounds)
        starts = np.cumsum([0, *(b.low.size for b in program.input_bounds)])
        self.inputs = [
            _Bits(np.arange(bounds.low.size).reshape(bounds.shape) + start)
            for bounds, start in zip(program.input_bounds, starts[:-1].tolist(), strict=True)
        ]

    def step(self, instruction: Instruction, values: list[_Bits | Sums]) -> _Bits | Sums:
        """Polynomials of a step's result."""
        step, first = instruction.step, values[0]
        if isinstance(step, MOVES) and isinstance(first, _Bits):
            return _Bits(evaluate(step, first.numbers[None])[0])
        if isinstance(step, steps.Trees):
            return without_zeros(
                tree_terms(step, self._bits(first), self.features), (step.n_fields,)
            )
        sums = [self.sums(value) for value in values]
        if isinstance(step, steps.AddConstant):
            return plus(sums[0], step)
        if isinstance(step, steps.Lookup):
            return self._lookup(step, sums[0])
        if isinstance(step, LINEAR):
            return linear(step, sums)
        raise UnsupportedProgramError(
            f"{instruction.source} multiplies encrypted values by each other"
        )

    def sums(self, value: _Bits | Sums) -> Sums:
        """Write bits as sums."""
        if isinstance(value, Sums):
            return value
        return unit_sums(value.numbers)

    def _bits(self, value: _Bits | Sums) -> IntArray:
        if isinstance(value, Sums):
            raise UnsupportedProgramError("its trees ask sums, not bits")
        return value.numbers.ravel()

    def _lookup(self, step: steps.Lookup, index: Sums) -> Sums:
        """Polynomials of a table's entries."""
        if step.lsbs_to_remove:
            raise UnsupportedProgramError("it rounds before lookups")
        if max(map(len, index.terms), default=0) > 1:
            raise UnsupportedProgramError("it has more than one layer of lookups")
        choice = np.broadcast_to(step.choice, index.shape).ravel()
        weights = {m: w.ravel() for m, w in index.terms.items()}
        terms: Terms = {}
        for element, row in enumerate(choice.tolist()):
            affine = {m: int(w[element]) for m, w in weights.items() if w[element]}
            for monomial, value in self._entries(step.tables[row], step.low, affine):
                check_number(terms)
                total = terms.setdefault(monomial, np.zeros(index.size, dtype=np.int64))
                total[element] += value
        return without_zeros(terms, index.shape)

    def _entries(
        self, table: IntArray, low: int, index: dict[Monomial, int]
    ) -> Iterator[tuple[Monomial, int]]:
        """Monomials of one table whose index is affine in bits: mixed differences of entries."""
        groups: dict[int, list[int]] = defaultdict(list)
        for (bit,) in sorted(m for m in index if m):
            groups[int(self.features[bit])].append(bit)
        bits = list(groups.values())
        shape = [len(group) + 1 for group in bits]
        if int(np.prod(shape)) > _MAX_STATES or len(bits) > MAX_DEGREE:
            raise UnsupportedProgramError(f"a lookup reads bits of {len(bits)} features")
        at = np.array(index.get((), 0) - low)
        for group in bits:
            at = np.add.outer(at, _running(index, group))
        # what is beyond the table are states that can't occur
        values = table[np.clip(at, 0, len(table) - 1)]
        for axis in range(len(shape)):
            values = np.diff(values, axis=axis, prepend=0)
        for state in product(*map(range, shape)):
            if values[state]:
                used = (g[s - 1] for g, s in zip(bits, state, strict=True) if s)
                yield tuple(sorted(used)), int(values[state])


def _running(index: Mapping[Monomial, int], bits: list[int]) -> IntArray:
    """Find what a feature adds to an index when its first bits are ones, by their number."""
    return np.cumsum([0, *(index[bit,] for bit in bits)], dtype=np.int64)


def features_of(input_bounds: tuple[Bounds, ...]) -> IntArray:
    """Feature of each bit of all inputs; bits of no thermometer are features of their own."""
    parts, count = [], 0
    for bounds in input_bounds:
        if (bounds.low < 0).any() or (bounds.high > 1).any():
            raise UnsupportedProgramError("it looks up integers, not bits of a grid")
        own = np.arange(bounds.low.size)
        parts.append((bounds.features if isinstance(bounds, Thermometer) else own) + count)
        count = int(parts[-1].max(initial=count)) + 1
    return np.concatenate(parts)


def check_number(terms: Terms) -> None:
    """Refuse more monomials than are worth it."""
    if len(terms) > MAX_MONOMIALS:
        raise UnsupportedProgramError(
            f"its polynomial has over {MAX_MONOMIALS:,} products of bits: lower max_depth, or the "
            "number of trees"
        )


def tree_terms(step: steps.Trees, bits: IntArray, features: IntArray) -> Terms:
    """Polynomials of the sums of trees.

    Parameters
    ----------
    step : Trees
    bits : ndarray of int
        Number of the bit that each element of the step's input is.
    features : ndarray of int
        Feature of each bit.

    Returns
    -------
    dict of tuple of int to ndarray of int, shape (n_fields,)
    """
    n_leaves = int((step.bit < 0).sum())
    if n_leaves > MAX_LEAVES:
        raise UnsupportedProgramError(
            f"its trees have {n_leaves:,} leaves, and {MAX_LEAVES:,} are possible"
        )
    asked = np.where(step.bit < 0, -1, bits[step.bit])
    degree = _degree(step, asked, features)
    if degree > MAX_DEGREE:
        raise UnsupportedProgramError(
            f"a path of its trees asks {degree} features, and {MAX_DEGREE} are possible: "
            "lower max_depth"
        )
    total: Terms = {}
    for root, fields in zip(step.roots.tolist(), step.fields, strict=True):
        check_number(total)
        for monomial, weights in _tree(step, asked, features, root).items():
            row = total.setdefault(monomial, np.zeros(step.n_fields, dtype=np.int64))
            np.add.at(row, fields, weights)
    return total


def _degree(step: steps.Trees, asked: IntArray, features: IntArray) -> int:
    """Most features that a path asks; where it is too many, not exactly."""
    most = 0
    walkers: list[tuple[int, frozenset[int]]] = [(root, frozenset()) for root in step.roots]
    while walkers:
        node, seen = walkers.pop()
        most = max(most, len(seen))
        if asked[node] < 0 or most > MAX_DEGREE:
            continue
        seen |= {int(features[asked[node]])}
        child = int(step.child[node])
        walkers += [(child, seen), (child + 1, seen)]
    return most


def _tree(step: steps.Trees, asked: IntArray, features: IntArray, root: int) -> Terms:
    """Weights by monomial of one tree's columns; children first, since trees may be deep."""
    order, waiting = [], [root]
    while waiting:
        node = waiting.pop()
        order.append(node)
        if asked[node] >= 0:
            child = int(step.child[node])
            waiting += [child, child + 1]
    done: dict[int, Terms] = {}
    for node in reversed(order):
        if asked[node] < 0:
            done[node] = {(): step.values[node].astype(np.int64)}
        else:
            child = int(step.child[node])
            done[node] = _chosen(done.pop(child), done.pop(child + 1), int(asked[node]), features)
    return done[root]


def _chosen(no: Terms, yes: Terms, bit: int, features: IntArray) -> Terms:
    """``no + bit * (yes - no)``."""
    result = dict(no)
    times: Callable[[Monomial], Monomial] = lambda m: _times(m, bit, features)  # noqa: E731
    for sign, terms in ((1, yes), (-1, no)):
        for monomial, weights in terms.items():
            key = times(monomial)
            old = result.get(key)
            result[key] = sign * weights if old is None else old + sign * weights
    return {m: w for m, w in result.items() if w.any()}


def _times(monomial: Monomial, bit: int, features: IntArray) -> Monomial:
    """Product of a monomial and a bit: within a feature the later bit stays."""
    kept = [b for b in monomial if features[b] != features[bit]]
    same = [b for b in monomial if features[b] == features[bit]]
    return tuple(sorted([*kept, max([bit, *same])]))
