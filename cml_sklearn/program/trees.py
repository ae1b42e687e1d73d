"""A sum of decision trees as one step: bits are asked on the way, integers stand at the leaves."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from cml_sklearn._typing import IntArray
from cml_sklearn.program.steps import NodeArray, Trees
from cml_sklearn.program.tree_sums import asked_bits, sum_by_nodes

__all__ = ["leaf_range", "reached_leaves", "sum_leaves"]

_WALKERS = 1 << 16
"""Pairs of a tree and a sample that walk at once: what they need stays in the cache."""

_MIN_ROWS, _MAX_ROWS = 16, 2048

_LEVELS = 3
"""Levels after which those who have reached a leaf are let out."""

_SHALLOW, _MANY = 32, 256
"""Inner nodes a tree up to which, and samples from which on, `sum_by_nodes` is faster."""


def leaf_range(trees: Trees) -> tuple[IntArray, IntArray]:
    """Add up the trees' least leaves by field, and their greatest."""
    if not len(trees.roots):
        low, high = np.zeros((2, trees.n_fields), dtype=np.int64)
        return low, high
    leaf = (trees.bit < 0)[:, None]
    edge = np.iinfo(np.int32)
    least = np.minimum.reduceat(np.where(leaf, trees.values, edge.max), trees.roots)
    greatest = np.maximum.reduceat(np.where(leaf, trees.values, edge.min), trees.roots)
    return _add_to_fields(trees, least), _add_to_fields(trees, greatest)


def _add_to_fields(trees: Trees, values: NodeArray) -> IntArray:
    """Sum by field of values of shape (n_trees, n_columns)."""
    total = np.zeros(trees.n_fields, dtype=np.int64)
    np.add.at(total, trees.fields, values)
    return total


def sum_leaves(trees: Trees, bits: NDArray[np.integer]) -> IntArray:
    """Add up the leaves that samples reach.

    Parameters
    ----------
    trees : Trees
    bits : ndarray of shape (n_samples, n_bits)
        Zeros and ones; fastest as uint8 whose columns are contiguous.

    Returns
    -------
    ndarray of int, shape (n_samples, n_fields)
    """
    n_inner, n_trees = int((trees.bit >= 0).sum()), len(trees.roots)
    if 0 < n_inner <= _SHALLOW * n_trees and len(bits) >= _MANY:
        return sum_by_nodes(trees, bits)
    sums = np.zeros((trees.n_fields, len(bits)), dtype=np.int64)
    columns = [np.ascontiguousarray(column) for column in trees.values.T]
    parts = _parts(trees)
    for first, leaves in reached_leaves(trees.bit, trees.child, trees.roots, bits):
        block = slice(first, first + leaves.shape[1])
        for column, field, chosen in parts:
            sums[field, block] += columns[column].take(leaves[chosen]).sum(axis=0)
    return sums.T


def _parts(trees: Trees) -> list[tuple[int, int, slice | IntArray]]:
    """Trees that add a column to the same field: the column, the field, and which trees."""
    parts: list[tuple[int, int, slice | IntArray]] = []
    for column, fields in enumerate(trees.fields.T):
        if len(fields) and (fields == fields[0]).all():
            parts.append((column, int(fields[0]), slice(None)))
            continue
        parts += [(column, int(f), np.flatnonzero(fields == f)) for f in np.unique(fields)]
    return parts


def reached_leaves(
    bit: NodeArray, child: NodeArray, roots: NodeArray, bits: NDArray[np.integer]
) -> Iterator[tuple[int, NDArray[np.intp]]]:
    """Send samples down all trees, block by block.

    Parameters
    ----------
    bit, child, roots
        See `Trees`.
    bits : ndarray of shape (n_samples, n_bits)

    Yields
    ------
    first : int
        Number of the block's first sample.
    leaves : ndarray of int, shape (n_trees, n_rows)
        Node that every sample of the block reaches in every tree.
    """
    asked, rank = asked_bits(bit, bits.shape[1])
    rows = int(np.clip(_WALKERS // max(len(roots), 1), _MIN_ROWS, _MAX_ROWS))
    # a leaf, whose bit is -1, asks the last row, which is all zeros: it leads to itself
    offset, child = rank[bit] * rows, child.astype(np.intp)
    answers = np.zeros((len(asked) + 1, rows), dtype=np.uint8)
    for first in range(0, len(bits), rows):
        block = bits[first : first + rows].T
        answers[:-1, : block.shape[1]] = block.take(asked, axis=0)
        yield first, _walk(bit, child, roots, offset, answers, n_rows=block.shape[1])


def _walk(
    bit: NodeArray,
    child: NDArray[np.intp],
    roots: NodeArray,
    offset: NDArray[np.intp],
    answers: NDArray[np.uint8],
    *,
    n_rows: int,
) -> NDArray[np.intp]:
    """Leaf by tree and sample; the answer of sample i to a node stands at its offset plus i."""
    flat = answers.ravel()
    # all begin at the roots, whose answers need no search
    asked = offset[roots] // answers.shape[1]
    reached = (child[roots][:, None] + answers[asked, :n_rows]).ravel()
    here, walkers = reached, np.arange(len(reached))
    row = walkers % n_rows
    while len(walkers):
        place, answer = np.empty_like(here), np.empty(len(here), dtype=np.uint8)
        for _ in range(_LEVELS):
            # "clip" spares a copy, since nothing is out of range
            offset.take(here, out=place, mode="clip")
            place += row
            flat.take(place, out=answer, mode="clip")
            here = child.take(here)
            here += answer
        reached[walkers] = here
        inner = np.flatnonzero(bit.take(here) >= 0)
        here, walkers, row = here[inner], walkers[inner], row[inner]
    return reached.reshape(len(roots), n_rows)
