"""The last step of planning: cells and bits' weights become matrices and tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import prod

import numpy as np

from cml_sklearn.quantization.trees.cover import Cell
from cml_sklearn.quantization.trees.plan import LookupGroup, LookupPlan
from cml_sklearn.quantization.trees.structure import FloatArray, IntArray
from cml_sklearn.quantization.trees.terms import Term, linear_steps

__all__ = ["Layout", "Lookup", "Sums", "assemble"]

Steps = Mapping[tuple[int, int], IntArray]


@dataclass(frozen=True)
class Layout:
    """Where fields stand in the words, and how they make outputs; see `LookupPlan`."""

    field_word: IntArray
    field_shift: IntArray
    field_bits: int
    upper: IntArray
    scale: FloatArray
    offset: FloatArray
    max_error: FloatArray


@dataclass(frozen=True)
class Lookup:
    """A cell with the table over its states, the weights of the entry in the words, and a width.

    The width of the index may be more than the states need.
    """

    cell: Cell
    table: IntArray
    weights: IntArray
    width: int


class Sums:
    """What the words hold without lookups: a constant and weights of bits."""

    def __init__(self, n_words: int) -> None:
        self.constant: IntArray = np.zeros(n_words, dtype=np.int64)
        self.steps: dict[tuple[int, int], IntArray] = {}

    def take(self, terms: list[Term], words: slice | list[int]) -> list[Term]:
        """Add the linear terms to some words; return the others."""
        for term in terms:
            for place, step in linear_steps(term) if term.is_linear else ():
                target = self.constant
                if place is not None:
                    target = self.steps.setdefault(place, np.zeros_like(self.constant))
                target[words] += np.array(step)
        return [term for term in terms if not term.is_linear]


def assemble(
    features: IntArray, lookups: list[Lookup], sums: Sums, layout: Layout, least_width: int
) -> LookupPlan:
    """Build the plan.

    Parameters
    ----------
    features : ndarray of int, shape (n_bits,)
        Feature of each bit.
    lookups : list of Lookup
        In any order.
    sums : Sums
        What is added to the words without a lookup.
    layout : Layout
        Of the words.
    least_width : int
        Of all lookups. If it's above 1 and there are lookups, then single bits go through lookups
        too, to spare a set of keys.
    """
    lookups, rest = _fold_steps(lookups, sums.steps)
    if lookups and least_width > 1:
        lookups, rest = lookups + _step_lookups(rest, least_width), {}
    lookups = [lookup for lookup in lookups if np.ptp(lookup.table) or lookup.table[0]]
    lookups, constant = _centre(lookups, sums.constant, layout.upper)
    starts = np.searchsorted(features, np.arange(features.max(initial=0) + 1))
    groups = tuple(
        _group(width, [x for x in lookups if x.width == width], starts)
        for width in sorted({x.width for x in lookups})
    )
    places = sorted(rest)
    return LookupPlan(
        n_bits=len(features),
        groups=groups,
        direct_rows=np.array([starts[f] + rank for f, rank in places], dtype=np.int64),
        direct_weights=np.array([rest[p] for p in places]).reshape(len(places), len(constant)),
        constant=constant,
        **vars(layout),
    )


def _fold_steps(lookups: list[Lookup], steps: Steps) -> tuple[list[Lookup], Steps]:
    """Let tables add what they can: a bit among a lookup's edges needs no weight of its own."""
    rest: dict[tuple[int, int], IntArray] = {}
    found = list(lookups)
    homes: dict[tuple[int, int, int], int] = {}
    for index, lookup in enumerate(lookups):
        used = np.flatnonzero(lookup.weights)
        if len(used) == 1 and lookup.weights[used[0]] == 1:
            for feature, ranks in lookup.cell.edges.items():
                homes.update({(int(used[0]), feature, rank): index for rank in ranks})
    for place, weights in steps.items():
        left = weights.copy()
        for word in np.flatnonzero(weights):
            home = homes.get((int(word), *place))
            if home is not None:
                found[home] = _fold(found[home], place, int(weights[word]))
                left[word] = 0
        if left.any():
            rest[place] = left
    return found, rest


def _step_lookups(steps: Steps, width: int) -> list[Lookup]:
    """Pack bits that add to the words into as few lookups as hold them."""
    found: list[Lookup] = []
    n_words = len(next(iter(steps.values()), ()))
    for word, unit in enumerate(np.eye(n_words, dtype=np.int64)):
        edges: dict[int, tuple[int, ...]] = {}
        for feature, rank in sorted(place for place, w in steps.items() if w[word]):
            wider = {**edges, feature: (*edges.get(feature, ()), rank)}
            if Cell((), wider, ()).n_states > 2**width:
                found.append(_step_lookup(edges, steps, word, unit, width))
                wider = {feature: (rank,)}
            edges = wider
        if edges:
            found.append(_step_lookup(edges, steps, word, unit, width))
    return found


def _step_lookup(
    edges: dict[int, tuple[int, ...]], steps: Steps, word: int, unit: IntArray, width: int
) -> Lookup:
    cell = Cell((), edges, ())
    lookup = Lookup(cell, np.zeros(cell.n_states, dtype=np.int64), unit, width)
    for feature, ranks in edges.items():
        for rank in ranks:
            lookup = _fold(lookup, (feature, rank), int(steps[feature, rank][word]))
    return lookup


def _fold(lookup: Lookup, place: tuple[int, int], weight: int) -> Lookup:
    feature, rank = place
    edges = lookup.cell.edges
    stride = _strides(lookup.cell)[1 + list(edges).index(feature)]
    digit = np.arange(len(lookup.table)) // stride % (len(edges[feature]) + 1)
    above = digit > edges[feature].index(rank)
    return replace(lookup, table=lookup.table + weight * above)


def _centre(
    lookups: list[Lookup], constant: IntArray, upper: IntArray
) -> tuple[list[Lookup], IntArray]:
    """Shift tables so that the words lie around 0: signed words then need no further bit."""
    constant, found = constant.copy(), list(lookups)
    goal = (upper + 1) // 2
    for word in range(len(constant)):
        homes = [i for i, x in enumerate(found) if _is_plain(x, word)]
        tables = [found[i].table for i in homes]
        middles = [-((int(t.min()) + int(t.max())) // 2) for t in tables]
        rooms = [max(0, int(goal[word]) - (int(np.ptp(t)) + 1) // 2) for t in tables]
        wanted = int(constant[word] - goal[word])
        for index, shift in zip(homes, _share_out(wanted, middles, rooms), strict=True):
            found[index] = replace(found[index], table=found[index].table + shift)
            constant[word] -= shift
    return found, constant


def _is_plain(lookup: Lookup, word: int) -> bool:
    """Whether its entry counts once, in this word only."""
    used = np.flatnonzero(lookup.weights)
    return len(used) == 1 and used[0] == word and lookup.weights[word] == 1


def _share_out(wanted: int, middles: list[int], rooms: list[int]) -> list[int]:
    """Find shifts that add up to `wanted`, within each room of its middle if that is possible."""
    shifts, rest = list(middles), wanted - sum(middles)
    for index, room in enumerate(rooms):
        step = max(-room, min(room, rest))
        shifts[index], rest = shifts[index] + step, rest - step
    for index in range(len(shifts)):
        step = rest // (len(shifts) - index)
        shifts[index], rest = shifts[index] + step, rest - step
    return shifts


def _group(width: int, lookups: list[Lookup], starts: IntArray) -> LookupGroup:
    weights: list[dict[int, int]] = []
    offsets = []
    for lookup in lookups:
        found, offset = _index(lookup.cell, starts)
        weights.append(found)
        offsets.append(offset)
    rows = np.array(sorted({row for found in weights for row in found}), dtype=np.int64)
    place = {int(row): i for i, row in enumerate(rows)}
    matrix = np.zeros((len(rows), len(lookups)), dtype=np.int64)
    tables = np.zeros((len(lookups), 2**width), dtype=np.int64)
    for column, (lookup, found) in enumerate(zip(lookups, weights, strict=True)):
        tables[column, : len(lookup.table)] = lookup.table
        for row, weight in found.items():
            matrix[place[row], column] = weight
    output = np.array([lookup.weights for lookup in lookups])
    return LookupGroup(width, rows, matrix, np.array(offsets, dtype=np.int64), tables, output)


def _index(cell: Cell, starts: IntArray) -> tuple[dict[int, int], int]:
    """Weights by bit, and the constant, of the number in mixed radix."""
    weights: dict[int, int] = {}
    strides = _strides(cell)
    offset = 0

    def add(feature: int, rank: int, weight: int) -> None:
        row = int(starts[feature]) + rank
        weights[row] = weights.get(row, 0) + weight

    for interval in cell.path:
        # The interval fails unless (low bit) - (high bit) is 1, an absent low bit standing for 1.
        offset += strides[0] if interval.low >= 0 else 0
        if interval.low >= 0:
            add(interval.feature, interval.low, -strides[0])
        if interval.high >= 0:
            add(interval.feature, interval.high, strides[0])
    for stride, (feature, ranks) in zip(strides[1:], cell.edges.items(), strict=True):
        for rank in ranks:
            add(feature, rank, stride)
    return {row: weight for row, weight in weights.items() if weight}, offset


def _strides(cell: Cell) -> list[int]:
    """Weight of every digit, the path's first: it counts most, the last feature's least."""
    radices = [len(cell.path) + 1] + [len(ranks) + 1 for ranks in cell.edges.values()]
    return [prod(radices[i + 1 :]) for i in range(len(radices))]
