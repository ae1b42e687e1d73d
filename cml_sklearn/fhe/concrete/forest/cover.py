"""Which terms share a lookup: a cover of all terms at little cost.

Terms share a lookup if they share the path whose failures its index counts, and the product of the
radices fits the index: see `MixedRadix`.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from random import Random

import numpy as np

from cml_sklearn.fhe.concrete.forest.mixed_radix import MixedRadix, Path, count_states
from cml_sklearn.fhe.concrete.forest.terms import Term

__all__ = ["Cell", "TermCover"]

Edges = Mapping[int, frozenset[int]]

_ALL_SUBSETS = 4
_BLOCK = 300
_MAX_PIECES = 24


@dataclass(frozen=True)
class Cell:
    """A lookup's index, and the terms that its table adds up: all functions of its digits."""

    index: MixedRadix
    terms: tuple[Term, ...]


@dataclass(frozen=True)
class _Group:
    """Terms together with every choice of path (by number) that lets them share a lookup."""

    terms: tuple[int, ...]
    options: dict[int, Edges]
    states: int

    @cached_property
    def features(self) -> set[int]:
        """Features of all edges."""
        return {feature for edges in self.options.values() for feature in edges}


class TermCover:
    """Distributes terms over lookups.

    Parameters
    ----------
    terms : sequence of Term
        None of them linear.
    max_width : int
        Widest index for terms that share a lookup (a single term may need a wider one).
    """

    def __init__(self, terms: Sequence[Term], max_width: int) -> None:
        starts = range(0, len(terms), _BLOCK)
        self._blocks = [_Block(terms[start : start + _BLOCK], 2**max_width) for start in starts]
        self._widths = [max(1, (n - 1).bit_length()) for n in range(1, 2**max_width + 1)]

    def cells(self, cost: Callable[[int], float], rounds: int) -> list[Cell]:
        """Cover all terms.

        Parameters
        ----------
        cost : callable
            Cost of a lookup by the width of its index.
        rounds : int
            Number of attempts to better the first cover of each block by taking a part of it to
            pieces; the result is the same at every call.
        """
        prices = [cost(width) for width in self._widths]
        return [cell for block in self._blocks for cell in block.cells(prices, rounds)]


class _Block:
    """Some terms, which may share lookups of up to `limit` states."""

    def __init__(self, terms: Sequence[Term], limit: int) -> None:
        self._terms, self._limit = terms, limit
        # numbers in place of paths, which are slow to compare
        self._numbers: dict[Path, int] = {}
        self._single = [self._group(index) for index in range(len(terms))]
        self._paths = list(self._numbers)
        self._pairs: dict[tuple[int, ...], _Group] = {}

    def cells(self, prices: list[float], rounds: int) -> list[Cell]:
        """Cover all terms; prices are by the number of a lookup's states, less 1."""
        groups = self._improve(self._merge(self._single, prices), prices, rounds)
        return [self._cell(group) for group in groups]

    def _group(self, index: int) -> _Group:
        """Make a group of one term, of every path that may be counted; at least the cheapest."""
        term = self._terms[index]
        options = {path: _rest(term, path) for path in _subsets(term.path)}
        states = {path: count_states(path, edges) for path, edges in options.items()}
        fitting = [path for path, count in states.items() if count <= self._limit]
        chosen = fitting or [min(states, key=lambda path: states[path])]
        numbered = {self._numbers.setdefault(p, len(self._numbers)): options[p] for p in chosen}
        return _Group((index,), numbered, min(states[path] for path in chosen))

    def _share(self, left: _Group, right: _Group) -> _Group | None:
        """Both groups in one lookup, or None if it would have too many states."""
        if left.options.keys().isdisjoint(right.options):
            return None
        # pairs of terms come again in every round
        key = left.terms + right.terms
        if len(key) > 2:
            return self._share_options(left, right)
        joined = self._pairs.get(key) or self._share_options(left, right)
        if joined is not None:
            self._pairs[key] = joined
        return joined

    def _share_options(self, left: _Group, right: _Group) -> _Group | None:
        options: dict[int, Edges] = {}
        fewest = self._limit + 1
        for number, edges in left.options.items():
            other = right.options.get(number)
            if other is None:
                continue
            states = len(self._paths[number]) + 1
            union = dict(edges)
            for feature, ranks in other.items():
                mine = union.get(feature)
                union[feature] = ranks if mine is None else mine | ranks
            for ranks in union.values():
                states *= len(ranks) + 1
            if states <= self._limit:
                options[number] = union
                fewest = min(fewest, states)
        return _Group(left.terms + right.terms, options, fewest) if options else None

    def _merge(
        self, groups: Sequence[_Group], prices: list[float], random: Random | None = None
    ) -> list[_Group]:
        """Join the pair that saves most, again and again."""
        alive = dict(enumerate(groups))
        queue: list[tuple[float, float, int, int, _Group]] = []

        def consider(i: int, j: int) -> None:
            joined = self._share(alive[i], alive[j])
            gain = None if joined is None else _gain(alive[i], alive[j], joined, prices, random)
            if joined is not None and gain is not None:
                heapq.heappush(queue, (*gain, i, j, joined))

        for i, j in combinations(alive, 2):
            consider(i, j)
        number = len(groups)
        while queue:
            _, _, i, j, joined = heapq.heappop(queue)
            if i not in alive or j not in alive:
                continue
            del alive[i], alive[j]
            others = list(alive)
            alive[number] = joined
            for other in others:
                consider(other, number)
            number += 1
        return list(alive.values())

    def _improve(self, groups: list[_Group], prices: list[float], rounds: int) -> list[_Group]:
        """Take neighbouring lookups to pieces and merge these anew; keep what isn't dearer."""
        random = Random(0)  # noqa: S311 - no secret depends on it
        for _ in range(rounds if len(groups) > 1 else 0):
            chosen = _neighbours(groups, random)
            pieces = [self._single[i] for group in chosen for i in group.terms]
            fresh = self._merge(pieces, prices, random)
            if _price_of(fresh, prices) <= _price_of(chosen, prices):
                kept = {id(group) for group in chosen}
                groups = [group for group in groups if id(group) not in kept] + fresh
        return groups

    def _cell(self, group: _Group) -> Cell:
        paths = {self._paths[number]: edges for number, edges in group.options.items()}
        path = min(paths, key=lambda p: count_states(p, paths[p]))
        edges = {f: tuple(sorted(ranks)) for f, ranks in sorted(paths[path].items())}
        return Cell(MixedRadix(path, edges), tuple(self._terms[i] for i in group.terms))


def _price_of(groups: Iterable[_Group], prices: list[float]) -> float:
    # A term too wide to share is left alone: its cost never changes.
    return sum(prices[g.states - 1] if g.states <= len(prices) else 0.0 for g in groups)


def _subsets(path: Path) -> Iterable[Path]:
    sizes = range(len(path) + 1)
    if len(path) > _ALL_SUBSETS:
        sizes = range(len(path) - 1, len(path) + 1)
    for size in sizes:
        yield from combinations(path, size)


def _rest(term: Term, path: Path) -> Edges:
    """Edges that remain where a path is counted."""
    edges = {term.feature: frozenset([term.rank])}
    counted = {interval.feature for interval in path}
    for interval in term.path:
        if interval.feature not in counted:
            known = edges.get(interval.feature, frozenset())
            edges[interval.feature] = known | interval.edges
    return edges


def _gain(
    left: _Group, right: _Group, joined: _Group, prices: list[float], random: Random | None
) -> tuple[float, float] | None:
    """Rank of joining two groups, the least first: by what it saves, then by states it wastes.

    None where it saves nothing; a little off where chance shall play a part.
    """
    saved = _price_of([left, right], prices) - _price_of([joined], prices)
    if saved <= 0:
        return None
    waste = joined.states / (left.states * right.states)
    if random is not None:
        saved, waste = saved * random.uniform(0.7, 1), waste * random.uniform(0.7, 1.4)
    return -saved, waste


def _neighbours(groups: list[_Group], random: Random, size: int = 8) -> list[_Group]:
    """Take a random lookup and those that share most features with it."""
    features = random.choice(groups).features

    def likeness(group: _Group) -> float:
        return len(group.features & features) + random.random() * 2

    nearest = sorted(groups, key=likeness, reverse=True)[:size]
    ends = np.cumsum([len(group.terms) for group in nearest])
    return nearest[: max(2, int(np.searchsorted(ends, _MAX_PIECES)))]
