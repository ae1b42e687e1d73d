"""From polynomials to few products of ciphertexts.

A polynomial is written as sums of a pivot, a monomial that many others share, times what they are
beside it. Pivots are chosen greedily; products that are added need one relinearization together;
all outputs share the monomials.
"""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterator
from itertools import combinations

import numpy as np

from cml_sklearn._typing import IntArray
from cml_sklearn.fhe.seal.polynomial import AffineMap, Polynomial
from cml_sklearn.fhe.seal.sums import Monomial, Terms
from cml_sklearn.fhe.seal.tape import Combination, Operation, Product, Tape

__all__ = ["affine_tape", "factored"]

_MOST_TRIES = 64
_TERMS_TRIED = 20_000
"""Of all tries: about a second."""


def affine_tape(affine: AffineMap) -> Tape:
    """Tape of an affine map, one combination an output."""
    operations = []
    for column, constant in zip(affine.weights.T, affine.constant.tolist(), strict=True):
        nodes = np.flatnonzero(column)
        operations.append(Combination(nodes, column[nodes], constant))
    n_inputs = len(affine.weights)
    outputs = range(n_inputs, n_inputs + len(operations))
    return Tape(n_inputs, tuple(operations), tuple(outputs))


def factored(polynomial: Polynomial) -> Tape:
    """Tape of polynomials, with as few levels of products as the degree allows.

    The greedy choice has many ties, so that some tries with other orders save a tenth of the work.
    """
    n_tries = min(max(_TERMS_TRIED // max(len(polynomial.terms), 1), 1), _MOST_TRIES)
    tapes = (_factored(polynomial, np.random.default_rng(seed)) for seed in range(n_tries))
    return min(tapes, key=_effort)


def _effort(tape: Tape) -> int:
    """Time of a tape: a relinearization takes about a quarter of a product's."""
    return 4 * tape.work.products + tape.work.relinearizations


def _factored(polynomial: Polynomial, rng: np.random.Generator) -> Tape:
    writer = _Writer(polynomial.n_inputs, rng)
    levels = max(polynomial.degree - 1, 0).bit_length()
    sums = writer.sums(polynomial.terms, polynomial.n_outputs, levels)
    # an answer is hidden in place: equal ones are written twice
    outputs = tuple(writer.write(total.operation) for total in sums)
    return Tape(polynomial.n_inputs, tuple(writer.operations), outputs)


class _Sum:
    """Weights of nodes, and a constant."""

    def __init__(self) -> None:
        self.weights: Counter[int] = Counter()
        self.constant = 0

    @property
    def terms(self) -> list[tuple[int, int]]:
        """Nodes with their weights, none of which is zero."""
        return sorted((node, weight) for node, weight in self.weights.items() if weight)

    @property
    def is_constant(self) -> bool:
        return not self.terms

    @property
    def sign(self) -> int:
        """Of the first weight."""
        return 1 if self.terms[0][1] > 0 else -1

    @property
    def operation(self) -> Combination:
        """Operation that computes it."""
        nodes, weights = np.array(self.terms, dtype=np.int64).reshape(-1, 2).T
        return Combination(nodes, weights, self.constant)

    def times(self, factor: int) -> _Sum:
        """Multiply all weights."""
        result = _Sum()
        result.weights.update({node: factor * weight for node, weight in self.terms})
        result.constant = factor * self.constant
        return result


class _Writer:
    """Operations that are written one after the other, each once."""

    def __init__(self, n_inputs: int, rng: np.random.Generator) -> None:
        self.operations: list[Operation] = []
        self._n_inputs, self._rng = n_inputs, rng
        self._known: dict[Hashable, int] = {}

    def sums(self, terms: Terms, n_outputs: int, levels: int) -> list[_Sum]:
        """Write what is needed of some terms within a number of levels; sums of nodes by output."""
        totals = [_Sum() for _ in range(n_outputs)]
        rest = dict(terms)
        while levels:
            half = 2 ** (levels - 1)
            for pivot, cofactor in _groups(rest, half, self._rng):
                self._add_group(totals, pivot, cofactor, levels - 1)
            levels -= 1
        for monomial, weights in rest.items():
            for output in np.flatnonzero(weights).tolist():
                if monomial:
                    totals[output].weights[monomial[0]] += int(weights[output])
                else:
                    totals[output].constant += int(weights[output])
        return totals

    def _add_group(self, totals: list[_Sum], pivot: Monomial, cofactor: Terms, levels: int) -> None:
        """Add a pivot times its cofactors: by output, or by monomial where that takes less."""
        weights = np.stack(list(cofactor.values()))
        outputs = np.flatnonzero(weights.any(axis=0))
        if len(outputs) < sum(map(bool, cofactor)):
            self._by_output(totals, pivot, cofactor, levels, outputs)
            return
        for monomial, row in cofactor.items():
            node = self.monomial(pivot)
            if monomial:
                node = self._product(node, self.monomial(monomial))
            for output in outputs.tolist():
                totals[output].weights[node] += int(row[output])

    def _by_output(
        self, totals: list[_Sum], pivot: Monomial, cofactor: Terms, levels: int, outputs: IntArray
    ) -> None:
        parts = {m: w[outputs] for m, w in cofactor.items()}
        node = self.monomial(pivot)
        for output, inner in zip(
            outputs.tolist(), self.sums(parts, len(outputs), levels), strict=True
        ):
            if inner.is_constant:
                totals[output].weights[node] += inner.constant
            else:
                # a sum and its complement, which branches of a tree often are, share a product
                sign = inner.sign
                factor = inner.times(sign)
                other = self._node((tuple(factor.terms), factor.constant), factor.operation)
                totals[output].weights[self._product(node, other)] += sign

    def monomial(self, monomial: Monomial) -> int:
        """Node of a product of bits, by halves."""
        if len(monomial) == 1:
            return monomial[0]
        half = len(monomial) // 2
        return self._product(self.monomial(monomial[:half]), self.monomial(monomial[half:]))

    def write(self, operation: Operation) -> int:
        """Append an operation; its node."""
        self.operations.append(operation)
        return self._n_inputs + len(self.operations) - 1

    def _product(self, left: int, right: int) -> int:
        left, right = sorted((left, right))
        return self._node((left, right), Product(left, right))

    def _node(self, key: Hashable, operation: Operation) -> int:
        """Node of an operation, which is written once."""
        if key not in self._known:
            self._known[key] = self.write(operation)
        return self._known[key]


def _groups(terms: Terms, half: int, rng: np.random.Generator) -> Iterator[tuple[Monomial, Terms]]:
    """Take terms out until all that are left have degree `half`, or 1: pivots with cofactors.

    A pivot counts for every term beyond that degree which it and its cofactor, both of degree
    `half` at the most, make up; longer ones, which cost products themselves, count less. Of equal
    ones any comes first.
    """
    members: dict[Monomial, list[Monomial]] = defaultdict(list)
    count: Counter[Monomial] = Counter()
    for monomial in sorted(terms):
        if len(monomial) > 1:
            for pivot in _pivots(monomial, half):
                members[pivot].append(monomial)
                count[pivot] += len(monomial) > half
    heap = [(-hits / len(pivot), rng.random(), pivot) for pivot, hits in count.items() if hits]
    heapq.heapify(heap)
    while heap:
        gain, tie, pivot = heapq.heappop(heap)
        now = count[pivot] / len(pivot)
        if now != -gain:
            if now:
                heapq.heappush(heap, (-now, tie, pivot))
            continue
        cofactor: Terms = {}
        for monomial in members[pivot]:
            if monomial in terms:
                cofactor[tuple(b for b in monomial if b not in pivot)] = terms.pop(monomial)
                if len(monomial) > half:
                    count.subtract(_pivots(monomial, half))
        yield pivot, cofactor


def _pivots(monomial: Monomial, half: int) -> Iterator[Monomial]:
    """Parts of a monomial that leave, and have, at most `half` bits."""
    for size in range(max(1, len(monomial) - half), min(half, len(monomial)) + 1):
        yield from combinations(monomial, size)
