"""From a step to a plan: terms, shared lookups, and which form is cheapest."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property, partial

import numpy as np

from cml_sklearn._typing import IntArray
from cml_sklearn.exceptions import BitWidthError, CompilationError
from cml_sklearn.fhe.concrete.forest.assemble import PlannedLookup, Sums, assemble
from cml_sklearn.fhe.concrete.forest.cost import KEY_COST, MAX_WIDTH, lookup_cost, plan_cost
from cml_sklearn.fhe.concrete.forest.cover import Cell, TermCover
from cml_sklearn.fhe.concrete.forest.mixed_radix import MixedRadix
from cml_sklearn.fhe.concrete.forest.plan import LookupPlan, WordLayout
from cml_sklearn.fhe.concrete.forest.terms import (
    Decision,
    Interval,
    Term,
    essential_tree,
    indicator_terms,
    paired_terms,
)
from cml_sklearn.fhe.protocol import DEFAULT_P_ERROR
from cml_sklearn.program.steps import Trees
from cml_sklearn.program.trees import leaf_range

__all__ = ["plan_trees"]

# Least and greatest width of lookups that terms share. Equal ones need one set of keys only.
_WIDTHS = ((1, 3), (1, 4), (3, 3), (4, 4))
_MAX_FIELDS = 2
_MAX_TREE_FIELDS = 6
_MAX_WORD = 14

_MAX_VALUES = 500_000
"""Leaves times fields of a tree; more are refused. So many take about 75 s to plan."""


@dataclass(frozen=True)
class _Problem:
    """A step with the feature of each of its bits, and the chance of a wrong lookup."""

    step: Trees
    features: IntArray
    p_error: float = DEFAULT_P_ERROR

    @cached_property
    def ranks(self) -> IntArray:
        """Place of each bit among its feature's bits."""
        return np.arange(len(self.features)) - np.searchsorted(self.features, self.features)

    @cached_property
    def upper(self) -> list[int]:
        """Bound by field."""
        return [int(high) for high in leaf_range(self.step)[1]]

    @property
    def field_bits(self) -> int:
        """Width that holds every field."""
        return max(1, *(upper.bit_length() for upper in self.upper))

    @cached_property
    def columns(self) -> list[dict[int, int]]:
        """Columns by field, of those fields that a tree adds to, by tree."""
        step = self.step
        if not len(step.roots):
            return []
        used = np.maximum.reduceat(step.values, step.roots) > 0
        return [
            {int(field): column for column, field in enumerate(fields) if uses[column]}
            for fields, uses in zip(step.fields, used, strict=True)
        ]

    @property
    def is_split(self) -> bool:
        """Whether every field belongs to one of several trees."""
        fields = [field for columns in self.columns for field in columns]
        return len(self.columns) > 1 and len(fields) == len(set(fields))

    def by_tree(self, fields: Iterable[int]) -> dict[int, list[int]]:
        """Those of the fields that a tree adds to, by tree."""
        wanted = set(fields)
        parts = {t: sorted(wanted & columns.keys()) for t, columns in enumerate(self.columns)}
        return {tree: own for tree, own in parts.items() if own}

    @cached_property
    def _terms(self) -> dict[int, list[tuple[int, list[Term]]]]:
        return {}

    def word_terms(self, per_word: int) -> list[tuple[int, list[Term]]]:
        """Constant and terms of each word, where so many fields share one."""
        if per_word not in self._terms:
            _, layout = _layout(self, per_word)
            words = [np.flatnonzero(layout.word == w).tolist() for w in np.unique(layout.word)]
            self._terms[per_word] = [self._pairs(fields, layout.shift) for fields in words]
        return self._terms[per_word]

    @cached_property
    def _covers(self) -> dict[tuple[int, int, int], TermCover]:
        return {}

    def cover(self, per_word: int, word: int, max_width: int) -> TermCover:
        """Cover of a word's terms that need lookups."""
        key = per_word, word, max_width
        if key not in self._covers:
            _, terms = self.word_terms(per_word)[word]
            needy = [term for term in terms if not term.is_linear]
            self._covers[key] = TermCover(needy, max_width)
        return self._covers[key]

    def _pairs(self, fields: list[int], shifts: IntArray) -> tuple[int, list[Term]]:
        constant, terms = 0, []
        for tree, own in self.by_tree(fields).items():
            base, pairs = paired_terms(self.decisions(tree, own, shifts))
            constant += base[0]
            terms += pairs
        return constant, terms

    def decisions(self, tree: int, fields: list[int], shifts: IntArray | None) -> Decision:
        """Tree with the values of some fields: side by side, or packed by shifts."""
        step, root = self.step, int(self.step.roots[tree])
        end = step.roots[tree + 1] if tree + 1 < len(step.roots) else len(step.bit)
        columns = [self.columns[tree][field] for field in fields]
        values = step.values[root:end, columns].astype(np.int64)
        if shifts is not None:
            values = (values << shifts[fields]).sum(axis=1, keepdims=True)
        rows = [tuple(row) for row in values.tolist()]
        return essential_tree(step, root, self.features, self.ranks, rows)


def plan_trees(
    step: Trees,
    features: IntArray,
    *,
    p_error: float = DEFAULT_P_ERROR,
    rounds: int = 100,
    key_cost: float = KEY_COST,
    packed: bool = True,
) -> LookupPlan:
    """Cover a step with packed lookups at little cost.

    Parameters
    ----------
    step : Trees
        Its values are 0 or more.
    features : ndarray of int, shape (n_bits,)
        Feature of each bit; the bits of one feature stand together and are a thermometer.
    p_error : float
        Chance that a lookup is wrong, on which its cost depends.
    rounds : int
        Attempts to better the cover.
    key_cost : float
        Share of the operations that another set of evaluation keys must save (see `plan_cost`). 0
        plans for the fewest operations.
    packed : bool
        Whether fields may share words.

    Raises
    ------
    BitWidthError
        If a tree has paths over more features than a lookup's index can count.
    CompilationError
        If there are more than 500,000 leaves, or fewer of several fields. Time grows with their
        number, about 15 s for 100,000, and isn't looked at: no plan depends on the machine's speed.
    """
    n_values = int((step.bit < 0).sum()) * step.values.shape[1]
    if n_values > _MAX_VALUES:
        raise CompilationError(
            f"The trees' leaves hold {n_values} values; at most {_MAX_VALUES} are planned, whose "
            "lookups take hours. Limit max_depth, or train fewer trees."
        )
    problem = _Problem(step, features, p_error)
    makers: list[Callable[[int], LookupPlan]] = [
        partial(_plan_words, problem, count, widths)
        for count in (_field_choices(problem) if packed else [1])
        for widths in _WIDTHS
    ]
    if step.n_fields > 1:
        makers += [partial(_plan_indicators, problem, least) for least in (1, 3)]
    # only the form that looks best gets its cover bettered, which takes longest
    sketches = [plan_cost(make(0), p_error, key_cost) for make in makers]
    return makers[int(np.argmin(sketches))](rounds)


def _field_choices(problem: _Problem) -> list[int]:
    """Numbers of fields a word that are worth a try: packing pays if lookups serve several."""
    most = _MAX_TREE_FIELDS if problem.is_split else _MAX_FIELDS
    limit = min(_MAX_WORD // problem.field_bits, most, problem.step.n_fields)
    shared = any(len(columns) > 1 for columns in problem.columns)
    return list(range(1, max(1, limit if shared or problem.is_split else 1) + 1))


def _layout(problem: _Problem, per_word: int) -> tuple[IntArray, WordLayout]:
    """Bounds of the words, and where fields stand in them."""
    index = np.arange(problem.step.n_fields)
    word, shift = index // per_word, index % per_word * problem.field_bits
    upper = np.zeros(-(-len(index) // per_word), dtype=np.int64)
    np.add.at(upper, word, np.array(problem.upper, dtype=np.int64) << shift)
    return upper, WordLayout(word, shift, problem.field_bits)


def _plan_words(
    problem: _Problem, per_word: int, widths: tuple[int, int], rounds: int
) -> LookupPlan:
    """Plan every word by itself, with lookups that give the leaves' values."""
    upper, layout = _layout(problem, per_word)
    lookups: list[PlannedLookup] = []
    sums = Sums(len(upper))
    for word, (constant, pairs) in enumerate(problem.word_terms(per_word)):
        unit = np.eye(1, len(upper), word, dtype=np.int64)[0]
        sums.constant[word] += constant
        terms = sums.take(pairs, slice(word, word + 1))
        width = max(1, int(upper[word]).bit_length())
        prices = partial(_lookup_price, problem, widths[0], width, len(terms))
        cells = problem.cover(per_word, word, widths[1]).cells(prices, rounds)
        lookups += [_lookup(c.index, _table(c), unit, widths[0]) for c in cells]
    return assemble(problem.features, lookups, sums, layout, upper=upper, least_width=widths[0])


def _lookup_price(
    problem: _Problem, least: int, sum_bits: int, n_lookups: int, width: int
) -> float:
    return lookup_cost(max(width, least), sum_bits, n_lookups, problem.p_error)


def _lookup(
    index: MixedRadix, table: IntArray, weights: IntArray, least_width: int
) -> PlannedLookup:
    if index.width > MAX_WIDTH:
        raise BitWidthError(
            f"A path of a tree needs a lookup of {index.width} bits, at most {MAX_WIDTH} are "
            "possible; limit max_depth."
        )
    return PlannedLookup(index, table, weights, max(least_width, index.width))


def _table(cell: Cell) -> IntArray:
    """Add up the cell's terms (of one value each) over all states of its index."""
    index, path = cell.index, set(cell.index.path)
    total = np.zeros(index.n_states, dtype=np.int64)
    for term in cell.terms:
        holds = index.holds() if path & set(term.path) else np.ones(index.n_states, dtype=bool)
        for interval in set(term.path) - path:
            for rank in interval.edges:
                holds &= index.above(interval.feature, rank) == (rank == interval.low)
        above = index.above(term.feature, term.rank)
        total += holds * np.where(above, term.above[0], term.below[0])
    return total


def _plan_indicators(problem: _Problem, least_width: int, rounds: int = 0) -> LookupPlan:
    """Plan all words together, with lookups that say whether a path holds."""
    del rounds  # these lookups share nothing
    upper, layout = _layout(problem, 1)
    n_words = len(upper)
    sums = Sums(n_words)
    weights: dict[tuple[Interval, ...], IntArray] = {}
    for tree, fields in problem.by_tree(range(n_words)).items():
        base, terms = indicator_terms(problem.decisions(tree, fields, None))
        sums.constant[fields] += np.array(base)
        for term in sums.take(terms, fields):
            weight = weights.setdefault(_full_path(term), np.zeros(n_words, np.int64))
            weight[fields] += np.array(term.above)
    lookups = [_indicator(path, value, least_width) for path, value in weights.items()]
    return assemble(problem.features, lookups, sums, layout, upper=upper, least_width=least_width)


def _full_path(term: Term) -> tuple[Interval, ...]:
    """Narrow the path by the own bit being 1."""
    others = [i for i in term.path if i.feature != term.feature]
    own = [i.high for i in term.path if i.feature == term.feature]
    last = Interval(term.feature, term.rank, own[0] if own else -1)
    return tuple(sorted([*others, last]))


def _indicator(path: tuple[Interval, ...], weights: IntArray, least_width: int) -> PlannedLookup:
    table = np.zeros(len(path) + 1, dtype=np.int64)
    table[0] = 1
    return _lookup(MixedRadix(path, {}), table, weights, least_width)
