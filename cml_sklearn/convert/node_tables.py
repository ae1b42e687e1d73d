"""Trees as tables of their nodes, in the form of Hummingbird's strategy "tree_trav"."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np

from cml_sklearn._typing import Array, FloatArray, IntArray

__all__ = ["BinaryTree", "depth_of", "node_tables"]


class BinaryTree(Protocol):
    """A tree with the names of scikit-learn's `tree_`; node 0 is the root."""

    @property
    def children_left(self) -> IntArray:
        """Child where ``x[feature] <= threshold``, shape (n_nodes,); -1 at leaves."""
        ...

    @property
    def children_right(self) -> IntArray:
        """The other child."""
        ...

    @property
    def feature(self) -> IntArray:
        """Column that is compared, shape (n_nodes,); any at leaves."""
        ...

    @property
    def threshold(self) -> FloatArray:
        """Shape (n_nodes,)."""
        ...

    @property
    def value(self) -> FloatArray:
        """What leaves add to the outputs, shape (n_nodes, n_outputs)."""
        ...


def node_tables(trees: Sequence[BinaryTree]) -> dict[str, Array]:
    """Tables of all nodes, end to end, as Hummingbird names them; leaves lead to themselves."""
    sizes = np.array([len(tree.feature) for tree in trees])
    own = np.concatenate([np.arange(size) for size in sizes])
    left, right, feature, threshold, value = (
        np.concatenate([getattr(tree, name) for tree in trees])
        for name in ("children_left", "children_right", "feature", "threshold", "value")
    )
    return {
        "lefts": np.where(left < 0, own, left),
        "rights": np.where(right < 0, own, right),
        "features": np.where(left < 0, 0, feature),
        "thresholds": threshold.astype(np.float64),
        "values": value.astype(np.float64),
        "nodes_offset": (np.cumsum(sizes) - sizes)[None],
    }


def depth_of(tables: Mapping[str, Array]) -> int:
    """Levels below the roots, at least 1."""
    roots = tables["nodes_offset"][0]
    start = np.repeat(roots, np.diff([*roots, len(tables["lefts"])]))
    left, right = tables["lefts"] + start, tables["rights"] + start
    level, depth = roots, 0
    while len(level := level[left[level] != level]):
        level, depth = np.concatenate([left[level], right[level]]), depth + 1
    return max(depth, 1)
