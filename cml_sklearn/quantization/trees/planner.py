"""From a forest to a plan: integers, terms, shared lookups, and which form is cheapest."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from cml_sklearn.exceptions import BitWidthError, InvalidInputError
from cml_sklearn.quantization.trees.assemble import Layout, Lookup, Sums, assemble
from cml_sklearn.quantization.trees.cost import KEY_COST, MAX_WIDTH, lookup_cost, plan_cost
from cml_sklearn.quantization.trees.cover import Cell, cover_terms
from cml_sklearn.quantization.trees.leaves import QuantizedOutput, SeenLeaves, quantize_output
from cml_sklearn.quantization.trees.plan import LookupPlan
from cml_sklearn.quantization.trees.structure import FloatArray, Forest, IntArray
from cml_sklearn.quantization.trees.terms import (
    Interval,
    Node,
    Term,
    indicator_terms,
    paired_terms,
    simplify,
)

__all__ = ["choose_sum_bits", "plan_forest"]

_SUM_BITS = (4, 5, 6, 7, 8, 10, 12, 14)

# Least and greatest width of lookups that terms share. Equal ones need one set of keys only.
_WIDTHS = ((1, 3), (1, 4), (3, 3), (4, 4))
_MAX_FIELDS = 2
_MAX_TREE_FIELDS = 6
_MAX_WORD = 14


@dataclass(frozen=True)
class _Field:
    """A number that the client gets: some trees' sum of one output, with their integers."""

    output: int
    values: Mapping[int, IntArray]
    upper: int


@dataclass(frozen=True)
class _Problem:
    """A forest in integers: its outputs, and the fields that add up to them."""

    forest: Forest
    ranks: IntArray
    outputs: tuple[QuantizedOutput, ...]
    fields: tuple[_Field, ...]
    last: float | None

    @property
    def field_bits(self) -> int:
        """Width that holds every field."""
        return max(1, *(field.upper.bit_length() for field in self.fields))

    def by_tree(self, fields: Iterable[int]) -> dict[int, list[int]]:
        """Those of the fields that a tree adds to, by tree."""
        found: dict[int, list[int]] = {}
        for field in fields:
            for tree in self.fields[field].values:
                found.setdefault(tree, []).append(field)
        return dict(sorted(found.items()))

    def node(self, tree: int, fields: list[int], shifts: IntArray | None) -> Node:
        """Simplify a tree with the values of some fields: side by side, or packed by shifts."""
        columns = np.stack([self.fields[f].values[tree] for f in fields], axis=1)
        if shifts is not None:
            columns = (columns << shifts[fields]).sum(axis=1, keepdims=True)
        values = [tuple(row) for row in columns.tolist()]
        return simplify(self.forest.trees[tree], self.forest.bit_features, self.ranks, values)


def plan_forest(
    forest: Forest,
    sum_bits: int = 10,
    samples: NDArray[np.integer] | None = None,
    *,
    rounds: int = 100,
    key_cost: float = KEY_COST,
    sample_weight: FloatArray | None = None,
    per_tree: bool = False,
) -> LookupPlan:
    """Cover a forest with packed lookups at little cost.

    Parameters
    ----------
    forest : Forest
        In terms of a grid's bits.
    sum_bits : int
        Width of each output's sum over the trees. What the integers differ from the forest is the
        plan's `max_error`; up to 6 or 7 bits make every lookup cheaper (see `lookup_cost`).
    samples : ndarray of shape (n_samples, n_bits), optional
        Bits of training data: the trees then make up for each other's rounding on them.
    rounds : int
        Attempts to better the cover.
    key_cost : float
        Share of the operations that another set of evaluation keys must save (see `plan_cost`). 0
        plans for the fewest operations.
    sample_weight : ndarray of shape (n_samples,), optional
        Weights of the samples, positive.
    per_tree : bool
        Whether every tree's share of an output is a field of its own, which the client adds up; the
        integers are the same.

    Raises
    ------
    InvalidInputError
        If `sum_bits` is below 1.
    BitWidthError
        If a tree has paths over more features than a lookup's index can count.
    """
    if sum_bits < 1:
        raise InvalidInputError(f"sum_bits is {sum_bits}; give at least 1.")
    seen = None if samples is None else SeenLeaves.of(forest, samples, sample_weight)
    problem = _quantize(forest, sum_bits, seen, per_tree)
    makers: list[Callable[[int], LookupPlan]] = [
        partial(_plan_words, problem, count, widths)
        for count in _field_choices(problem, per_tree)
        for widths in _WIDTHS
    ]
    if len(problem.fields) > 1:
        makers += [partial(_plan_indicators, problem, least) for least in (1, 3)]
    # only the form that looks best gets its cover bettered, which takes longest
    sketches = [plan_cost(make(0), key_cost) for make in makers]
    return makers[int(np.argmin(sketches))](rounds)


def choose_sum_bits(
    forest: Forest,
    samples: NDArray[np.integer],
    tolerance: float = 0.02,
    sample_weight: FloatArray | None = None,
) -> int:
    """Find the least width of the sum that keeps the error on samples below a share of the spread.

    Parameters
    ----------
    forest : Forest
        Of floats.
    samples : ndarray of shape (n_samples, n_bits)
        Bits of training data.
    tolerance : float
        Allowed root mean square of the error, over the outputs' standard deviation (the greatest
        of all outputs).
    sample_weight : ndarray of shape (n_samples,), optional
        Weights of the samples, positive.
    """
    seen = SeenLeaves.of(forest, samples, sample_weight)
    exact = np.zeros((len(samples), forest.n_outputs)) + forest.offset
    for tree, leaf in zip(forest.trees, seen.leaves, strict=True):
        exact += tree.value[leaf]
    centre = np.average(exact, axis=0, weights=seen.weight)
    allowed = tolerance * _root_mean_square(exact - centre, seen)
    for sum_bits in _SUM_BITS:
        fields = [quantize_output(forest, o, sum_bits, seen) for o in range(forest.n_outputs)]
        sums = np.stack([_add_up(field, seen) for field in fields], axis=1)
        if _root_mean_square(sums - exact, seen) <= allowed + 1e-12:
            return sum_bits
    return _SUM_BITS[-1]


def _root_mean_square(values: FloatArray, seen: SeenLeaves) -> float:
    """Greatest of all outputs."""
    return float(np.sqrt(np.average(values**2, axis=0, weights=seen.weight)).max())


def _add_up(field: QuantizedOutput, seen: SeenLeaves) -> FloatArray:
    total = np.zeros(len(seen.weight))
    for value, leaf in zip(field.values, seen.leaves, strict=True):
        if value.any():
            total += value[leaf]
    return total * field.scale + field.offset


def _quantize(
    forest: Forest, sum_bits: int, seen: SeenLeaves | None, per_tree: bool = False
) -> _Problem:
    total = _common_total(forest)
    count = forest.n_outputs - (total is not None)
    outputs = tuple(quantize_output(forest, o, sum_bits, seen) for o in range(count))
    features = forest.bit_features
    starts = np.searchsorted(features, features)
    fields = tuple(_Field(o, _varying(q), q.upper) for o, q in enumerate(outputs))
    if per_tree:
        fields = _split(fields) or fields[:1]
    return _Problem(forest, np.arange(len(features)) - starts, outputs, fields, total)


def _varying(output: QuantizedOutput) -> dict[int, IntArray]:
    """Integers of the trees that add something."""
    return {tree: value for tree, value in enumerate(output.values) if value.any()}


def _split(fields: tuple[_Field, ...]) -> tuple[_Field, ...]:
    """Give every tree fields of its own, which stand together."""
    parts = [
        (tree, _Field(field.output, {tree: value}, int(value.max())))
        for field in fields
        for tree, value in field.values.items()
    ]
    return tuple(part for _, part in sorted(parts, key=lambda pair: pair[0]))


def _common_total(forest: Forest) -> float | None:
    """Sum of all outputs if it's the same at every leaf, as for probabilities."""
    if forest.n_outputs < 2:
        return None
    total = float(forest.offset.sum())
    for tree in forest.trees:
        sums = tree.value[tree.bit < 0].sum(axis=1)
        if np.ptp(sums) > 1e-6 * (1 + np.abs(sums).max()):
            return None
        total += float(sums.mean())
    return total


def _field_choices(problem: _Problem, per_tree: bool = False) -> list[int]:
    """Numbers of fields a word that are worth a try: packing pays if lookups serve several."""
    most = _MAX_TREE_FIELDS if per_tree else _MAX_FIELDS
    limit = min(_MAX_WORD // problem.field_bits, most, len(problem.fields))
    shared = any(len(fields) > 1 for fields in problem.by_tree(range(len(problem.fields))).values())
    return list(range(1, max(1, limit if shared or per_tree else 1) + 1))


def _layout(problem: _Problem, per_word: int | None) -> Layout:
    """Where fields stand, and how they make outputs; `per_word` None has a field a word too."""
    count, per = len(problem.fields), per_word or 1
    index = np.arange(count)
    shift = index % per * problem.field_bits
    upper = np.zeros(-(-count // per), dtype=np.int64)
    np.add.at(
        upper, index // per, [f.upper << int(s) for f, s in zip(problem.fields, shift, strict=True)]
    )
    output = [field.output for field in problem.fields]
    scale = np.diag([q.scale for q in problem.outputs])[output]
    offset = np.array([q.offset for q in problem.outputs])
    error = np.array([q.max_error for q in problem.outputs])
    if problem.last is not None:
        scale = np.hstack([scale, -scale.sum(axis=1, keepdims=True)])
        offset = np.append(offset, problem.last - offset.sum())
        error = np.append(error, error.sum())
    return Layout(index // per, shift, problem.field_bits, upper, scale, offset, error)


def _plan_words(
    problem: _Problem, per_word: int, widths: tuple[int, int], rounds: int
) -> LookupPlan:
    """Plan every word by itself, with lookups that give the leaves' values."""
    layout = _layout(problem, per_word)
    lookups: list[Lookup] = []
    sums = Sums(len(layout.upper))
    for word, unit in enumerate(np.eye(len(layout.upper), dtype=np.int64)):
        terms: list[Term] = []
        for tree, fields in problem.by_tree(np.flatnonzero(layout.field_word == word)).items():
            base, found = paired_terms(problem.node(tree, fields, layout.field_shift))
            sums.constant[word] += base[0]
            terms += found
        terms = sums.take(terms, slice(word, word + 1))
        width = max(1, int(layout.upper[word]).bit_length())
        prices = partial(_price, least=widths[0], sum_bits=width, n_lookups=len(terms))
        cells = cover_terms(terms, prices, widths[1], rounds)
        lookups += [Lookup(c, _table(c), unit, max(widths[0], _width(c))) for c in cells]
    return assemble(problem.forest.bit_features, lookups, sums, layout, widths[0])


def _price(width: int, least: int, sum_bits: int, n_lookups: int) -> float:
    return lookup_cost(max(width, least), sum_bits, n_lookups)


def _width(cell: Cell) -> int:
    width = max(1, (cell.n_states - 1).bit_length())
    if width > MAX_WIDTH:
        raise BitWidthError(
            f"A path of a tree needs a lookup of {width} bits, at most {MAX_WIDTH} are possible; "
            "limit max_depth."
        )
    return width


def _table(cell: Cell) -> IntArray:
    """Add up the cell's terms (of one value each) over all states of its index."""
    features = list(cell.edges)
    shape = [len(cell.path) + 1] + [len(cell.edges[f]) + 1 for f in features]
    digits = np.indices(shape).reshape(len(shape), -1)
    failed = digits[0] > 0
    # Position p among the edges e[0] < e[1] < ... means: bits e[:p] are 1, bits e[p:] are 0.
    position = {f: (digits[i + 1], cell.edges[f]) for i, f in enumerate(features)}
    total = np.zeros(digits.shape[1], dtype=np.int64)
    for term in cell.terms:
        holds = np.ones(digits.shape[1], dtype=bool)
        for interval in term.path:
            if interval in cell.path:
                holds &= ~failed
                continue
            for rank in interval.edges:
                state, edges = position[interval.feature]
                holds &= (state > edges.index(rank)) == (rank == interval.low)
        state, edges = position[term.feature]
        above = state > edges.index(term.rank)
        total += holds * np.where(above, term.above[0], term.below[0])
    return total


def _plan_indicators(problem: _Problem, least_width: int, rounds: int = 0) -> LookupPlan:
    """Plan all words together, with lookups that say whether a path holds."""
    del rounds  # these lookups share nothing
    layout = _layout(problem, None)
    n_words = len(layout.upper)
    sums = Sums(n_words)
    weights: dict[tuple[Interval, ...], IntArray] = {}
    for tree, fields in problem.by_tree(range(n_words)).items():
        base, terms = indicator_terms(problem.node(tree, fields, None))
        sums.constant[fields] += np.array(base)
        for term in sums.take(terms, fields):
            weight = weights.setdefault(_full_path(term), np.zeros(n_words, np.int64))
            weight[fields] += np.array(term.above)
    lookups = [_indicator(path, value, least_width) for path, value in weights.items()]
    return assemble(problem.forest.bit_features, lookups, sums, layout, least_width)


def _full_path(term: Term) -> tuple[Interval, ...]:
    """Narrow the path by the own bit being 1."""
    others = [i for i in term.path if i.feature != term.feature]
    own = [i.high for i in term.path if i.feature == term.feature]
    last = Interval(term.feature, term.rank, own[0] if own else -1)
    return tuple(sorted([*others, last]))


def _indicator(path: tuple[Interval, ...], weights: IntArray, least_width: int) -> Lookup:
    cell = Cell(path, {}, ())
    table = np.zeros(len(path) + 1, dtype=np.int64)
    table[0] = 1
    return Lookup(cell, table, weights, max(least_width, _width(cell)))
