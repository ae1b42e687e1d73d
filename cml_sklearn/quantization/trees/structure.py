"""Forests in terms of thermometer bits, and how they are read from a converted graph."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cml_sklearn.exceptions import UnsupportedModelError

__all__ = ["Forest", "Tree", "label_forest"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class Tree:
    """A binary tree whose splits are bits; node 0 is the root.

    Parameters
    ----------
    bit : ndarray of int, shape (n_nodes,)
        Bit that an inner node asks: 0 goes left, 1 goes right. -1 at leaves.
    left, right : ndarray of int, shape (n_nodes,)
        Children; -1 at leaves.
    value : ndarray, shape (n_nodes, n_outputs)
        Outputs at leaves; ignored at inner nodes.
    """

    bit: IntArray
    left: IntArray
    right: IntArray
    value: NDArray[np.float64] | IntArray

    def apply(self, bits: NDArray[np.integer]) -> IntArray:
        """Leaf (node number) that every row of `bits` reaches; shape (n_samples,)."""
        rows = np.arange(len(bits))
        node = np.zeros(len(bits), dtype=np.int64)
        active = rows[self.bit[node] >= 0]
        while len(active):
            here = node[active]
            goes_right = bits[active, self.bit[here]] != 0
            node[active] = np.where(goes_right, self.right[here], self.left[here])
            active = active[self.bit[node[active]] >= 0]
        return node


@dataclass(frozen=True)
class Forest:
    """A sum of trees plus a constant.

    Parameters
    ----------
    trees : tuple of Tree
        All with the same number of outputs.
    bit_features : ndarray of int, shape (n_bits,)
        Feature of each bit; the bits of one feature stand together, by ascending edge.
    offset : ndarray, shape (n_outputs,)
        Added to the trees' sum.
    """

    trees: tuple[Tree, ...]
    bit_features: IntArray
    offset: FloatArray

    @property
    def n_outputs(self) -> int:
        """Number of outputs."""
        return len(self.offset)

    def evaluate(self, bits: NDArray[np.integer]) -> FloatArray:
        """Add up the leaves that each row reaches; shape (n_samples, n_outputs)."""
        total = np.tile(self.offset.astype(np.float64), (len(bits), 1))
        for tree in self.trees:
            total += tree.value[tree.apply(bits)]
        return total


def label_forest(forest: Forest, sizes: Sequence[int] | None = None) -> Forest:
    """Let a single tree give the position of its greatest output: all that `predict` needs.

    Parameters
    ----------
    forest : Forest
        Of one tree, with an output a class.
    sizes : sequence of int, optional
        Number of classes of each target, whose outputs stand side by side. None: one target.

    Raises
    ------
    UnsupportedModelError
        If there are several trees: their greatest output isn't known before the sum.
    """
    if len(forest.trees) != 1:
        raise UnsupportedModelError(
            f"Labels instead of probabilities need a single tree, the model has "
            f"{len(forest.trees)}; ask for its probabilities."
        )
    tree = forest.trees[0]
    ends = np.cumsum([forest.n_outputs] if sizes is None else sizes)[:-1]
    parts = np.split(tree.value + forest.offset, ends, axis=1)
    labels = np.stack([part.argmax(axis=1) for part in parts], axis=1).astype(np.float64)
    only = Tree(tree.bit, tree.left, tree.right, labels)
    return Forest((only,), forest.bit_features, np.zeros(len(parts)))
