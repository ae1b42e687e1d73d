"""Which terms share a lookup: a cover of all terms at little cost.

Terms share a lookup if they share the path whose failures its index counts, and the product of the
radices fits the index: see `MixedRadix`.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from random import Random

import numpy as np

from cml_sklearn.fhe.concrete.forest.mixed_radix import MixedRadix, Path, count_states
from cml_sklearn.fhe.concrete.forest.terms import Term

__all__ = ["Cell", "cover_terms"]

Edges = Mapping[int, frozenset[int]]

_ALL_SUBSETS = 4
_BLOCK = 300
_MAX_PIECES = 24


@dataclass(frozen=True)
class Cell:
    """A lookup's index, and the terms that its table adds up: all functions of its digits."""

    index: MixedRadix
    terms: tuple[Term, ...]


@dataclass
class _Group:
    """Terms together with every choice of path that lets them share a lookup."""

    terms: tuple[int, ...]
    options: dict[Path, Edges]
    states: int

    @classmethod
    def of(cls, index: int, options: dict[Path, Edges]) -> _Group:
        """Make a group of one term."""
        return cls((index,), options, min(count_states(*option) for option in options.items()))


def cover_terms(
    terms: Sequence[Term], cost: Callable[[int], float], max_width: int, rounds: int = 200
) -> list[Cell]:
    """Distribute terms over lookups.

    Parameters
    ----------
    terms : sequence of Term
        None of them linear.
    cost : callable
        Cost of a lookup by the width of its index.
    max_width : int
        Widest index for terms that share a lookup (a single term may need a wider one).
    rounds : int
        Number of attempts to better the first cover by taking a part of it to pieces; the result
        is the same at every call.
    """
    prices = _price_table(cost, max_width)
    cells: list[Cell] = []
    for start in range(0, len(terms), _BLOCK):
        block = terms[start : start + _BLOCK]
        groups = [_Group.of(i, _options(term, max_width)) for i, term in enumerate(block)]
        merged = _improve(_merge(groups, prices), groups, prices, rounds)
        cells += [_cell(group, block) for group in merged]
    return cells


def _price_table(cost: Callable[[int], float], max_width: int) -> list[float]:
    """Cost by number of states; index 0 is never used."""
    return [cost(max(1, (n - 1).bit_length())) for n in range(1, 2**max_width + 1)]


def _group_price(group: _Group, prices: list[float]) -> float:
    # A term too wide to share is left alone: its cost never changes.
    return prices[group.states - 1] if group.states <= len(prices) else 0.0


def _total_price(groups: Iterable[_Group], prices: list[float]) -> float:
    return sum(_group_price(group, prices) for group in groups)


def _options(term: Term, max_width: int) -> dict[Path, Edges]:
    """Every path that may be counted, and the edges that then remain; at least the cheapest."""
    options = {path: _rest(term, path) for path in _subsets(term.path)}
    fitting = {p: e for p, e in options.items() if count_states(p, e) <= 2**max_width}
    if fitting:
        return fitting
    best = min(options, key=lambda path: count_states(path, options[path]))
    return {best: options[best]}


def _subsets(path: Path) -> Iterable[Path]:
    sizes = range(len(path) + 1)
    if len(path) > _ALL_SUBSETS:
        sizes = range(len(path) - 1, len(path) + 1)
    for size in sizes:
        yield from combinations(path, size)


def _rest(term: Term, path: Path) -> Edges:
    edges = {term.feature: frozenset([term.rank])}
    counted = {interval.feature for interval in path}
    for interval in term.path:
        if interval.feature not in counted:
            known = edges.get(interval.feature, frozenset())
            edges[interval.feature] = known | interval.edges
    return edges


def _share(left: _Group, right: _Group, limit: int) -> _Group | None:
    """Both groups in one lookup, or None if it would have too many states."""
    options: dict[Path, Edges] = {}
    fewest = limit + 1
    for path, edges in left.options.items():
        other = right.options.get(path)
        if other is None:
            continue
        states = len(path) + 1
        union = dict(edges)
        for feature, ranks in other.items():
            mine = union.get(feature)
            union[feature] = ranks if mine is None else mine | ranks
        for ranks in union.values():
            states *= len(ranks) + 1
        if states <= limit:
            options[path] = union
            fewest = min(fewest, states)
    return _Group(left.terms + right.terms, options, fewest) if options else None


def _merge(
    groups: Sequence[_Group], prices: list[float], random: Random | None = None
) -> list[_Group]:
    """Join the pair that saves most, again and again."""
    alive = dict(enumerate(groups))
    queue: list[tuple[float, float, int, int, _Group]] = []

    def consider(i: int, j: int) -> None:
        joined = _share(alive[i], alive[j], len(prices))
        if joined is None:
            return
        saved = _total_price([alive[i], alive[j]], prices) - _group_price(joined, prices)
        if saved > 0:
            waste = joined.states / (alive[i].states * alive[j].states)
            if random is not None:
                saved, waste = saved * random.uniform(0.7, 1), waste * random.uniform(0.7, 1.4)
            heapq.heappush(queue, (-saved, waste, i, j, joined))

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


def _improve(
    groups: list[_Group], single: Sequence[_Group], prices: list[float], rounds: int
) -> list[_Group]:
    """Take neighbouring lookups to pieces and merge these anew; keep what isn't dearer."""
    random = Random(0)  # noqa: S311 - no secret depends on it
    for _ in range(rounds if len(groups) > 1 else 0):
        chosen = _neighbours(groups, random)
        pieces = [single[i] for group in chosen for i in group.terms]
        fresh = _merge(pieces, prices, random)
        if _total_price(fresh, prices) <= _total_price(chosen, prices):
            kept = {id(group) for group in chosen}
            groups = [group for group in groups if id(group) not in kept] + fresh
    return groups


def _neighbours(groups: list[_Group], random: Random, size: int = 8) -> list[_Group]:
    """Take a random lookup and those that share most features with it."""
    centre = random.choice(groups)
    features = {f for edges in centre.options.values() for f in edges}

    def likeness(group: _Group) -> float:
        shared = {f for edges in group.options.values() for f in edges} & features
        return len(shared) + random.random() * 2

    nearest = sorted(groups, key=likeness, reverse=True)[:size]
    ends = np.cumsum([len(group.terms) for group in nearest])
    return nearest[: max(2, int(np.searchsorted(ends, _MAX_PIECES)))]


def _cell(group: _Group, terms: Sequence[Term]) -> Cell:
    path = min(group.options, key=lambda p: count_states(p, group.options[p]))
    edges = {f: tuple(sorted(ranks)) for f, ranks in sorted(group.options[path].items())}
    return Cell(MixedRadix(path, edges), tuple(terms[i] for i in group.terms))
