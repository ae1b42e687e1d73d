"""Forests in terms of thermometer bits, and how they are read from a converted graph."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import onnx
from numpy.typing import NDArray

from cml_sklearn._typing import Array, FloatArray, IntArray
from cml_sklearn.exceptions import UnsupportedModelError
from cml_sklearn.forest.grid import FeatureGrid
from cml_sklearn.program.integers import to_integers
from cml_sklearn.program.steps import NodeArray
from cml_sklearn.program.trees import reached_leaves

__all__ = ["Forest", "forest_from_onnx", "in_level_order", "label_forest"]

_COMPARISONS = ("LessOrEqual", "Less")


@dataclass(frozen=True)
class Forest:
    """A sum of trees of floats, and a constant; laid out like the step `Trees`.

    Parameters
    ----------
    bit, child : ndarray of int32, shape (n_nodes,)
        Which bit an inner node asks, and where it leads if that is 0; the node after that is where
        it leads if it's 1. At leaves the bit is -1, and the child the leaf itself.
    roots : ndarray of int32, shape (n_trees,)
        First node of each tree, ascending.
    value : ndarray, shape (n_nodes, n_outputs)
        Outputs at leaves; ignored at inner nodes.
    bit_features : ndarray of int, shape (n_bits,)
        Feature of each bit; the bits of one feature stand together, by ascending edge.
    offset : ndarray, shape (n_outputs,)
        Added to the trees' sum.
    """

    bit: NodeArray
    child: NodeArray
    roots: NodeArray
    value: FloatArray
    bit_features: IntArray
    offset: FloatArray

    @property
    def n_trees(self) -> int:
        """Number of trees."""
        return len(self.roots)

    @property
    def n_outputs(self) -> int:
        """Number of outputs."""
        return len(self.offset)

    @property
    def tree_of_node(self) -> IntArray:
        """Number of the tree of each node, shape (n_nodes,)."""
        return np.repeat(np.arange(self.n_trees), np.diff([*self.roots, len(self.bit)]))

    def leaves(self, bits: NDArray[np.integer]) -> NDArray[np.intp]:
        """Node that every row of `bits` reaches; shape (n_trees, n_samples)."""
        blocks = reached_leaves(self.bit, self.child, self.roots, bits)
        return np.concatenate([leaves for _, leaves in blocks], axis=1)

    def evaluate(self, bits: NDArray[np.integer]) -> FloatArray:
        """Add up the leaves that each row reaches; shape (n_samples, n_outputs)."""
        total = np.tile(self.offset.astype(np.float64), (len(bits), 1))
        for leaf in self.leaves(bits):
            total += self.value[leaf]
        return total


def in_level_order(
    bit: IntArray, left: IntArray, right: IntArray, roots: IntArray
) -> tuple[IntArray, NodeArray, NodeArray, NodeArray]:
    """Sort nodes tree by tree, level by level.

    Parameters
    ----------
    bit, left, right : ndarray of int, shape (n_nodes,)
        Bit of every node, -1 at leaves, and its children.
    roots : ndarray of int, shape (n_trees,)

    Returns
    -------
    node : ndarray of int
        Old number of each new node; those that no root leads to are left out.
    bit, child, roots : ndarray of int32
        As in `Forest`.
    """
    levels, trees = [np.asarray(roots)], [np.arange(len(roots))]
    while (is_inner := bit[levels[-1]] >= 0).any():
        parents = levels[-1][is_inner]
        trees.append(np.repeat(trees[-1][is_inner], 2))
        levels.append(np.stack([left[parents], right[parents]], axis=1).ravel())
    node, tree = np.concatenate(levels), np.concatenate(trees)
    order = np.argsort(tree, kind="stable")
    number = np.empty_like(order)
    number[order] = np.arange(len(order))
    is_inner = bit[node] >= 0
    child = np.where(is_inner, len(roots) + 2 * np.cumsum(is_inner) - 2, np.arange(len(node)))
    first = np.searchsorted(tree[order], np.arange(len(roots))).astype(np.int32)
    node, child = node[order], number[child[order]]
    return node, bit[node].astype(np.int32), child.astype(np.int32), first


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
    if forest.n_trees != 1:
        raise UnsupportedModelError(
            f"Labels instead of probabilities need a single tree, the model has "
            f"{forest.n_trees}; ask for its probabilities."
        )
    ends = np.cumsum([forest.n_outputs] if sizes is None else sizes)[:-1]
    parts = np.split(forest.value + forest.offset, ends, axis=1)
    labels = np.stack([part.argmax(axis=1) for part in parts], axis=1).astype(np.float64)
    return replace(forest, value=labels, offset=np.zeros(len(parts)))


def forest_from_onnx(model: onnx.ModelProto, grid: FeatureGrid) -> Forest:
    """Read the forest out of a model that was trained on a grid's codes.

    Parameters
    ----------
    model : onnx.ModelProto
        Exported from Hummingbird with ``tree_implementation="tree_trav"``. What comes after the sum
        of the trees and the base score (links, argmax) is left out.
    grid : FeatureGrid
        The grid that gave the codes.

    Raises
    ------
    UnsupportedModelError
        If the graph doesn't hold trees in this form.
    """
    graph = _Graph(model.graph)
    roots = graph.starts()
    tree = np.searchsorted(roots, np.arange(len(graph.left)), side="right") - 1
    left, right = graph.left + roots[tree], graph.right + roots[tree]
    bit, skipped = _ask_bits(graph, left != np.arange(len(left)), grid)
    target = np.where(skipped == _ALWAYS_LEFT, left, np.where(skipped, right, np.arange(len(left))))
    while (target[target] != target).any():
        target = target[target]
    groups, offset = graph.tail(len(roots))
    value = graph.value
    if groups > 1:
        value = np.zeros((len(left), groups))
        value[np.arange(len(left)), tree // (len(roots) // groups)] = graph.value[:, 0]
    node, bit, child, first = in_level_order(bit, target[left], target[right], target[roots])
    return Forest(bit, child, first, value[node], grid.bit_features, offset)


_ALWAYS_LEFT, _ALWAYS_RIGHT = 1, 2


def _ask_bits(graph: _Graph, inner: NDArray[np.bool_], grid: FeatureGrid) -> tuple[Array, Array]:
    """Bit of each comparison, and where no code of the grid is on one of its sides."""
    code = graph.code
    feature = np.where(inner, graph.feature, 0)
    skipped = np.where(code < 0, _ALWAYS_RIGHT, 0)
    skipped = np.where(code >= grid.counts[feature], _ALWAYS_LEFT, skipped) * inner
    bit = np.where(inner & (skipped == 0), grid.starts[feature] + code, -1)
    return bit, skipped


class _Graph:
    """The tables in a graph of Hummingbird's strategy "tree_trav".

    Attributes
    ----------
    feature, code, left, right : ndarray of int, shape (n_nodes,)
        Column of each node's comparison, and the largest code that goes left; children, counted
        within the tree.
    value : ndarray, shape (n_nodes, n_values)
    """

    def __init__(self, graph: onnx.GraphProto) -> None:
        self._nodes = graph.node
        self._makers = {node.output[0]: node for node in graph.node}
        self._constants = {t.name: onnx.numpy_helper.to_array(t) for t in graph.initializer}
        for node in graph.node:
            if node.op_type == "Constant":
                tensor = onnx.numpy_helper.to_array(node.attribute[0].t)
                self._constants[node.output[0]] = tensor
        comparison = self._first(_COMPARISONS)
        values = self._makers.get(comparison.input[0])
        choice = self._first(("Where",), comparison.output[0])
        if values is None or values.op_type != "GatherElements":
            raise _not_traversal("features are not gathered")
        self.feature = self._table(values.input[1])
        threshold = self._table(comparison.input[1]).astype(np.float64)
        codes = np.ceil(threshold) - 1 if comparison.op_type == "Less" else np.floor(threshold)
        self.code = to_integers(np.clip(codes, -1, 2**31), "A threshold of the trees")
        self.left, self.right = (self._table(name) for name in choice.input[1:])
        self._total = self._first(("ReduceSum",))
        self.value: FloatArray = self._table(self._total.input[0]).astype(np.float64)

    def _first(self, types: tuple[str, ...], reads: str | None = None) -> onnx.NodeProto:
        for node in self._nodes:
            if node.op_type in types and (reads is None or reads in node.input):
                return node
        raise _not_traversal(f"no {' or '.join(types)}")

    def _table(self, name: str) -> Array:
        """Constant that a tensor was gathered from."""
        node = self._makers.get(name)
        while node is not None and node.op_type == "Reshape":
            node = self._makers.get(node.input[0])
        if node is None or node.op_type != "Gather" or node.input[0] not in self._constants:
            raise _not_traversal(f"no table behind {name}")
        return self._constants[node.input[0]]

    def starts(self) -> IntArray:
        """First node of each tree."""
        for node in self._nodes:
            maker = self._makers.get(node.input[0]) if node.op_type == "Add" else None
            if maker is not None and maker.op_type in ("Cast", "Where"):
                return self._constants[node.input[1]].ravel()
        raise _not_traversal("no offsets of the trees")

    def tail(self, n_trees: int) -> tuple[int, FloatArray]:
        """Among how many outputs the trees are dealt out in blocks, and the base score."""
        reshape, groups = self._makers.get(self._total.input[0]), 1
        if int(self._constants[self._total.input[1]].ravel()[0]) == 2 and reshape is not None:
            groups = int(self._constants[reshape.input[1]].ravel()[1])
        if groups < 1 or n_trees % groups:
            raise _not_traversal(f"{n_trees} trees for {groups} outputs")
        offset = np.zeros(max(groups, self.value.shape[1]))
        for node in self._nodes:
            if node.op_type == "Add" and self._total.output[0] in node.input:
                base = next(self._constants[name] for name in node.input if name in self._constants)
                offset += base.astype(np.float64).ravel()
        return groups, offset


def _not_traversal(reason: str) -> UnsupportedModelError:
    return UnsupportedModelError(
        f"The graph isn't a forest of Hummingbird's strategy tree_trav ({reason}); convert with "
        'extra_config={"tree_implementation": "tree_trav"}.'
    )
