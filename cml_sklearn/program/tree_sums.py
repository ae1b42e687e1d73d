"""Sums of leaves for many samples at once, node by node: fast where trees are shallow.

Going left everywhere ends in a tree's first leaf. Every node where a sample turns right changes
what it will get by a known difference, so a sum is a product of these differences with a matrix
that says who turns right where.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cml_sklearn._typing import Array, IntArray
from cml_sklearn.program.steps import Trees

__all__ = ["asked_bits", "sum_by_nodes"]

_NODES = 512
_ROWS = 1024
"""Inner nodes and samples that are looked at together: what they need stays in the cache."""

_EXACT_FLOATS = 2**24
"""Up to here a float32 holds every integer."""


@dataclass(frozen=True)
class _Level:
    """Inner nodes at one depth of some trees.

    Attributes
    ----------
    asked : ndarray of int, shape (n_nodes,)
        Row of each node's answers.
    inner : ndarray of int
        Which of all left children, then all right ones, are the next level's nodes.
    gains : ndarray, shape (n_fields, n_nodes)
        What turning right adds.
    """

    asked: IntArray
    inner: IntArray
    gains: Array


def asked_bits(bit: NDArray[np.int32], n_bits: int) -> tuple[IntArray, IntArray]:
    """Bits that any node asks, ascending, and the place of each bit (or of -1) among them."""
    asked = np.flatnonzero(np.bincount(bit + 1)[1:])
    place = np.full(n_bits + 1, len(asked))
    place[asked] = np.arange(len(asked))
    return asked, place


def sum_by_nodes(trees: Trees, bits: NDArray[np.integer]) -> IntArray:
    """Add up the leaves that samples reach; see `sum_leaves`."""
    asked, place = asked_bits(trees.bit, bits.shape[1])
    first = _leftmost(trees)
    start = np.zeros((trees.n_fields, 1), dtype=np.int64)
    np.add.at(start[:, 0], trees.fields, trees.values[first[trees.roots]])
    sums = np.repeat(start, len(bits), axis=1)
    parts = [(f, _levels(trees, roots, f, first, place)) for roots, f in _blocks(trees)]
    for row in range(0, len(bits), _ROWS):
        answers = bits[row : row + _ROWS].T.take(asked, axis=0).astype(np.uint8, copy=False)
        for fields, levels in parts:
            sums[fields, row : row + _ROWS] += _turn_right(levels, answers).astype(np.int64)
    return sums.T


def _leftmost(trees: Trees) -> NDArray[np.int32]:
    """Leaf where each node leads if all bits are 0."""
    leaf = trees.child
    while (leaf[leaf] != leaf).any():
        leaf = leaf[leaf]
    return leaf


def _blocks(trees: Trees) -> list[tuple[IntArray, IntArray]]:
    """Trees of few nodes and few fields together: their numbers, and the fields."""
    order = np.lexsort(trees.fields.T[::-1])
    counts = np.add.reduceat((trees.bit >= 0).astype(np.int64), trees.roots)[order]
    cuts = np.flatnonzero(np.diff(np.cumsum(counts) // _NODES)) + 1
    return [(part, np.unique(trees.fields[part])) for part in np.split(order, cuts)]


def _levels(
    trees: Trees, numbers: IntArray, fields: IntArray, first: NDArray[np.int32], place: IntArray
) -> list[_Level]:
    """Inner nodes of some trees, level by level."""
    levels: list[_Level] = []
    kind = np.float32 if _is_exact(trees) else np.float64
    nodes, tree = trees.roots[numbers], numbers
    nodes, tree = nodes[trees.bit[nodes] >= 0], tree[trees.bit[nodes] >= 0]
    while len(nodes):
        children = np.concatenate([trees.child[nodes], trees.child[nodes] + 1])
        inner = np.flatnonzero(trees.bit[children] >= 0)
        gain = trees.values[first[trees.child[nodes] + 1]] - trees.values[first[nodes]]
        gains = np.zeros((len(fields), len(nodes)), dtype=kind)
        rows = np.searchsorted(fields, trees.fields[tree])
        np.add.at(gains, (rows, np.arange(len(nodes))[:, None]), gain)
        levels.append(_Level(place[trees.bit[nodes]], inner, gains))
        nodes, tree = children[inner], np.concatenate([tree, tree])[inner]
    return levels


def _is_exact(trees: Trees) -> bool:
    """Whether all sums on the way are exact in float32, however deep the trees."""
    greatest = np.maximum.reduceat(np.abs(trees.values).max(axis=1), trees.roots)
    size = np.diff([*trees.roots, len(trees.bit)])
    return float((2.0 * greatest * size).sum()) < _EXACT_FLOATS


def _turn_right(levels: list[_Level], answers: NDArray[np.uint8]) -> Array:
    """Sum of the gains where samples turn right, shape (n_fields, n_samples)."""
    reached = np.ones((1, 1), dtype=np.uint8)
    total: Array = np.zeros((1, 1))
    for level in levels:
        right = answers.take(level.asked, axis=0)
        right &= reached
        total = total + level.gains @ right.astype(level.gains.dtype)
        reached = np.concatenate([right ^ reached, right]).take(level.inner, axis=0)
    return total
