"""The last step of planning: indices and bits' weights become matrices and tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from cml_sklearn._typing import IntArray
from cml_sklearn.fhe.concrete.forest.mixed_radix import MixedRadix
from cml_sklearn.fhe.concrete.forest.plan import LookupGroup, LookupPlan, WordLayout
from cml_sklearn.fhe.concrete.forest.terms import Term, linear_steps

__all__ = ["PlannedLookup", "Sums", "assemble"]

Steps = Mapping[tuple[int, int], IntArray]


@dataclass(frozen=True)
class PlannedLookup:
    """An index with the table over its states, the weights of the entry in the words, and a width.

    The width may be more than the states need.
    """

    index: MixedRadix
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
    features: IntArray,
    lookups: list[PlannedLookup],
    sums: Sums,
    layout: WordLayout,
    *,
    upper: IntArray,
    least_width: int,
) -> LookupPlan:
    """Build the plan.

    Parameters
    ----------
    features : ndarray of int, shape (n_bits,)
        Feature of each bit.
    lookups : list of PlannedLookup
        In any order.
    sums : Sums
        What is added to the words without a lookup.
    layout : WordLayout
        Of the fields in the words.
    upper : ndarray of int, shape (n_words,)
        Bound of the words.
    least_width : int
        Of all lookups. If it's above 1 and there are lookups, then single bits go through lookups
        too, to spare a set of keys.
    """
    lookups, rest = _fold_steps(lookups, sums.steps)
    if lookups and least_width > 1:
        lookups, rest = lookups + _step_lookups(rest, least_width), {}
    lookups = [lookup for lookup in lookups if np.ptp(lookup.table) or lookup.table[0]]
    lookups, constant = _centre(lookups, sums.constant, upper)
    starts = np.searchsorted(features, np.arange(features.max(initial=0) + 1))
    groups = tuple(
        _group(width, [x for x in lookups if x.width == width], starts)
        for width in sorted({x.width for x in lookups})
    )
    places = sorted(rest)
    return LookupPlan(
        groups=groups,
        direct_rows=np.array([starts[f] + rank for f, rank in places], dtype=np.int64),
        direct_weights=np.array([rest[p] for p in places], dtype=np.int64).reshape(
            len(places), len(constant)
        ),
        constant=constant,
        upper=upper,
        layout=layout,
    )


def _fold_steps(lookups: list[PlannedLookup], steps: Steps) -> tuple[list[PlannedLookup], Steps]:
    """Let tables add what they can: a bit among a lookup's edges needs no weight of its own."""
    rest: dict[tuple[int, int], IntArray] = {}
    folded = list(lookups)
    homes: dict[tuple[int, int, int], int] = {}
    for index, lookup in enumerate(lookups):
        used = np.flatnonzero(lookup.weights)
        if len(used) == 1 and lookup.weights[used[0]] == 1:
            for feature, ranks in lookup.index.edges.items():
                homes.update({(int(used[0]), feature, rank): index for rank in ranks})
    for place, weights in steps.items():
        left = weights.copy()
        for word in np.flatnonzero(weights):
            home = homes.get((int(word), *place))
            if home is not None:
                folded[home] = _fold(folded[home], place, int(weights[word]))
                left[word] = 0
        if left.any():
            rest[place] = left
    return folded, rest


def _step_lookups(steps: Steps, width: int) -> list[PlannedLookup]:
    """Pack bits that add to the words into as few lookups as hold them."""
    packed: list[PlannedLookup] = []
    n_words = len(next(iter(steps.values()), ()))
    for word, unit in enumerate(np.eye(n_words, dtype=np.int64)):
        edges: dict[int, tuple[int, ...]] = {}
        for feature, rank in sorted(place for place, w in steps.items() if w[word]):
            wider = {**edges, feature: (*edges.get(feature, ()), rank)}
            if MixedRadix((), wider).n_states > 2**width:
                packed.append(_step_lookup(edges, steps, word, unit, width))
                wider = {feature: (rank,)}
            edges = wider
        if edges:
            packed.append(_step_lookup(edges, steps, word, unit, width))
    return packed


def _step_lookup(
    edges: dict[int, tuple[int, ...]], steps: Steps, word: int, unit: IntArray, width: int
) -> PlannedLookup:
    index = MixedRadix((), edges)
    lookup = PlannedLookup(index, np.zeros(index.n_states, dtype=np.int64), unit, width)
    for feature, ranks in edges.items():
        for rank in ranks:
            lookup = _fold(lookup, (feature, rank), int(steps[feature, rank][word]))
    return lookup


def _fold(lookup: PlannedLookup, place: tuple[int, int], weight: int) -> PlannedLookup:
    return replace(lookup, table=lookup.table + weight * lookup.index.above(*place))


def _centre(
    lookups: list[PlannedLookup], constant: IntArray, upper: IntArray
) -> tuple[list[PlannedLookup], IntArray]:
    """Shift tables so that the words lie around 0: signed words then need no further bit."""
    constant, centred = constant.copy(), list(lookups)
    goal = (upper + 1) // 2
    for word in range(len(constant)):
        homes = [i for i, x in enumerate(centred) if _is_plain(x, word)]
        tables = [centred[i].table for i in homes]
        middles = [-((int(t.min()) + int(t.max())) // 2) for t in tables]
        rooms = [max(0, int(goal[word]) - (int(np.ptp(t)) + 1) // 2) for t in tables]
        wanted = int(constant[word] - goal[word])
        for index, shift in zip(homes, _share_out(wanted, middles, rooms), strict=True):
            centred[index] = replace(centred[index], table=centred[index].table + shift)
            constant[word] -= shift
    return centred, constant


def _is_plain(lookup: PlannedLookup, word: int) -> bool:
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


def _group(width: int, lookups: list[PlannedLookup], starts: IntArray) -> LookupGroup:
    weights: list[dict[int, int]] = []
    offsets = []
    for lookup in lookups:
        bit_weights, offset = lookup.index.bit_weights(starts)
        weights.append(bit_weights)
        offsets.append(offset)
    rows = np.array(sorted({row for bit_weights in weights for row in bit_weights}), dtype=np.int64)
    place = {int(row): i for i, row in enumerate(rows)}
    matrix = np.zeros((len(rows), len(lookups)), dtype=np.int64)
    tables = np.zeros((len(lookups), 2**width), dtype=np.int64)
    for column, (lookup, bit_weights) in enumerate(zip(lookups, weights, strict=True)):
        tables[column, : len(lookup.table)] = lookup.table
        for row, weight in bit_weights.items():
            matrix[place[row], column] = weight
    output = np.array([lookup.weights for lookup in lookups])
    return LookupGroup(width, rows, matrix, np.array(offsets, dtype=np.int64), tables, output)
