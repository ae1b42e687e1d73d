"""What of a tree needs lookups: the terms, one for about every two leaves.

A tree is written as ``g(root)`` plus the sum over inner nodes u of ``[u is reached] * (g(child) -
g(u))``, where ``g`` is free at inner nodes and the leaf's value at leaves. A node's term vanishes
if ``g`` of it and its children are equal, so ``g`` is tied along as many nodes as hold only one
leaf's value: half of the leaves' number of terms remains. A term whose
comparisons are all on one feature is a sum of bits and needs no lookup.
"""

from __future__ import annotations

from dataclasses import dataclass

from cml_sklearn._typing import IntArray
from cml_sklearn.program.steps import Trees

__all__ = [
    "Decision",
    "Interval",
    "Term",
    "essential_tree",
    "indicator_terms",
    "linear_steps",
    "paired_terms",
]

Value = tuple[int, ...]


@dataclass(frozen=True, order=True)
class Interval:
    """Ranks of one feature's bits: bit `low` is 1 (if not -1) and bit `high` is 0 (if not -1)."""

    feature: int
    low: int
    high: int

    @property
    def edges(self) -> frozenset[int]:
        """Ranks of the bits that decide it."""
        return frozenset(rank for rank in (self.low, self.high) if rank >= 0)


@dataclass
class Decision:
    """A simplified tree; leaves have a value and no children."""

    value: Value | None = None
    feature: int = -1
    rank: int = -1
    left: Decision | None = None
    right: Decision | None = None


@dataclass(frozen=True)
class Term:
    """``[path holds] * (above if the own bit is 1 else below)``, in integers by output."""

    path: tuple[Interval, ...]
    feature: int
    rank: int
    below: Value
    above: Value

    @property
    def is_linear(self) -> bool:
        """Whether it's a sum of bits."""
        return all(interval.feature == self.feature for interval in self.path)


def essential_tree(
    trees: Trees, root: int, features: IntArray, ranks: IntArray, values: list[Value]
) -> Decision:
    """Leave out comparisons that the path decides, and those between equal subtrees.

    Parameters
    ----------
    trees : Trees
        Its values are ignored.
    root : int
        Node at which the tree begins.
    features, ranks : ndarray of int, shape (n_bits,)
        Feature of each bit, and its place among the feature's bits.
    values : list of tuple of int
        Integers of the tree's nodes.
    """
    # By hand rather than by recursion: trees of unlimited depth may be deeper than Python's stack.
    done: dict[int, Decision] = {}
    bounds: dict[int, dict[int, tuple[int, int]]] = {root: {}}
    waiting = [(root, False)]
    while waiting:
        index, ready = waiting.pop()
        bit = int(trees.bit[index])
        if bit < 0:
            done[index] = Decision(values[index - root])
            continue
        feature, rank = int(features[bit]), int(ranks[bit])
        children = int(trees.child[index]), int(trees.child[index]) + 1
        if ready:
            done[index] = _decide(feature, rank, [done.get(child) for child in children])
            continue
        waiting.append((index, True))
        sides = _open_sides(bounds[index].get(feature, (-1, -1)), rank)
        for side in sides:
            decided = len(sides) == 1
            inner = bounds[index] if decided else _narrow(bounds[index], feature, rank, side)
            bounds[children[side]] = inner
            waiting.append((children[side], False))
    return done[root]


def _open_sides(bound: tuple[int, int], rank: int) -> tuple[int, ...]:
    low, high = bound
    if low >= rank:
        return (1,)
    if 0 <= high <= rank:
        return (0,)
    return (0, 1)


def _narrow(
    bounds: dict[int, tuple[int, int]], feature: int, rank: int, side: int
) -> dict[int, tuple[int, int]]:
    low, high = bounds.get(feature, (-1, -1))
    return {**bounds, feature: (rank, high) if side else (low, rank)}


def _decide(feature: int, rank: int, children: list[Decision | None]) -> Decision:
    left, right = children
    if left is None or right is None:
        only = right if left is None else left
        if only is None:
            raise ValueError("A node has no reachable child.")
        return only
    if left.value is not None and left.value == right.value:
        return left
    return Decision(None, feature, rank, left, right)


@dataclass
class _Visit:
    """A node with the comparisons that lead to it, in order parents first."""

    node: Decision
    bounds: dict[int, tuple[int, int]]
    children: tuple[int, int] = (-1, -1)

    @property
    def path(self) -> tuple[Interval, ...]:
        """Intervals that hold where the node is reached."""
        return tuple(sorted(Interval(f, low, high) for f, (low, high) in self.bounds.items()))


def _visits(root: Decision) -> list[_Visit]:
    visits: list[_Visit] = []
    waiting: list[tuple[Decision, dict[int, tuple[int, int]], int, int]] = [(root, {}, -1, 0)]
    while waiting:
        node, bounds, parent, side = waiting.pop()
        visits.append(_Visit(node, bounds))
        if parent >= 0:
            pair = list(visits[parent].children)
            pair[side] = len(visits) - 1
            visits[parent].children = (pair[0], pair[1])
        if node.left is not None and node.right is not None:
            for number, child in enumerate((node.left, node.right)):
                narrowed = _narrow(bounds, node.feature, node.rank, number)
                waiting.append((child, narrowed, len(visits) - 1, number))
    return visits


def paired_terms(root: Decision) -> tuple[Value, list[Term]]:
    """Terms that serve two leaves each, for lookups that give values; and the constant."""
    visits = _visits(root)
    group = list(range(len(visits)))
    known: dict[int, Value] = {}
    owners: list[int] = []
    for index in reversed(range(len(visits))):
        visit = visits[index]
        if visit.node.value is not None:
            known[index] = visit.node.value
            continue
        left, right = (_find(group, child) for child in visit.children)
        linear = visit.bounds.keys() <= {visit.node.feature}
        if linear or (left in known and right in known and known[left] != known[right]):
            owners.append(index)
        else:
            _unite(group, known, index, left, right)
    return _collect(visits, group, known, owners)


def _find(group: list[int], index: int) -> int:
    while group[index] != index:
        group[index] = group[group[index]]
        index = group[index]
    return index


def _unite(group: list[int], known: dict[int, Value], index: int, left: int, right: int) -> None:
    for child in (left, right):
        group[child] = index
        if child in known:
            known[index] = known[child]


def _collect(
    visits: list[_Visit], group: list[int], known: dict[int, Value], owners: list[int]
) -> tuple[Value, list[Term]]:
    size = len(next(iter(known.values())))
    nothing = (0,) * size

    def level(index: int) -> Value:
        return known.get(_find(group, index), nothing)

    terms = []
    for index in owners:
        visit, base = visits[index], level(index)
        below, above = (_subtract(level(child), base) for child in visit.children)
        if any(below) or any(above):
            terms.append(Term(visit.path, visit.node.feature, visit.node.rank, below, above))
    return level(0), terms


def _subtract(left: Value, right: Value) -> Value:
    return tuple(a - b for a, b in zip(left, right, strict=True))


def indicator_terms(root: Decision) -> tuple[Value, list[Term]]:
    """Terms that are 0 unless the own bit is 1, for lookups that give 0 or 1; and the constant."""
    visits = _visits(root)
    levels: list[Value] = [()] * len(visits)
    terms = []
    for index in reversed(range(len(visits))):
        visit = visits[index]
        if visit.node.value is not None:
            levels[index] = visit.node.value
            continue
        left, right = (levels[child] for child in visit.children)
        levels[index] = left
        step = _subtract(right, left)
        if any(step):
            nothing = (0,) * len(step)
            terms.append(Term(visit.path, visit.node.feature, visit.node.rank, nothing, step))
    return levels[0], terms


def linear_steps(term: Term) -> list[tuple[tuple[int, int] | None, Value]]:
    """List what a linear term adds when a bit, given as (feature, rank), turns 1.

    None in place of a bit stands for the constant.
    """
    own = term.path[0] if term.path else Interval(term.feature, -1, -1)
    nothing = (0,) * len(term.below)
    start = (term.feature, own.low) if own.low >= 0 else None
    steps = [
        (start, term.below),
        ((term.feature, term.rank), _subtract(term.above, term.below)),
    ]
    if own.high >= 0:
        steps.append(((term.feature, own.high), _subtract(nothing, term.above)))
    return steps
