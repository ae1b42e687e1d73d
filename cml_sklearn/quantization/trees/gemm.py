"""The way from a graph of Hummingbird's GEMM strategy to a forest.

Its matrices carry every tree: which feature and threshold each inner node compares, which leaves
lie left (1) or right (-1) of it, and the values of the leaves.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx
from numpy.typing import NDArray

from cml_sklearn.exceptions import UnsupportedModelError
from cml_sklearn.quantization.trees.grid import FeatureGrid
from cml_sklearn.quantization.trees.structure import FloatArray, Forest, IntArray, Tree

__all__ = ["forest_from_onnx"]

_COMPARISONS = ("LessOrEqual", "Less")


@dataclass(frozen=True)
class _Matrices:
    """What the graph holds.

    Thresholds (n_trees, n_inner) are the largest codes that go left; `sides` has shape (n_trees,
    n_leaves, n_inner), `needed` (n_trees, n_leaves), `values` (n_trees, n_leaves, n_outputs).
    """

    features: IntArray
    thresholds: IntArray
    sides: FloatArray
    needed: FloatArray
    values: FloatArray


def forest_from_onnx(model: onnx.ModelProto, grid: FeatureGrid) -> Forest:
    """Read the forest out of a model that was trained on a grid's codes.

    Parameters
    ----------
    model : onnx.ModelProto
        Exported from Hummingbird with ``tree_implementation="gemm"``. What comes after the sum of
        the trees and the base score (links, argmax) is left out.
    grid : FeatureGrid
        The grid that gave the codes.

    Raises
    ------
    UnsupportedModelError
        If the graph doesn't hold trees in this form.
    """
    graph = model.graph
    matrices = _read_matrices(graph)
    n_trees = len(matrices.values)
    groups, offset = _read_tail(graph, n_trees, matrices.values.shape[2])
    trees = []
    for index in range(n_trees):
        tree = _build_tree(matrices, index, grid)
        trees.append(_place_output(tree, index // (n_trees // groups), groups))
    return Forest(tuple(trees), grid.bit_features, offset)


def _constants(graph: onnx.GraphProto) -> dict[str, NDArray[np.generic]]:
    found = {tensor.name: onnx.numpy_helper.to_array(tensor) for tensor in graph.initializer}
    for node in graph.node:
        if node.op_type == "Constant":
            found[node.output[0]] = onnx.numpy_helper.to_array(node.attribute[0].t)
    return found


def _read_matrices(graph: onnx.GraphProto) -> _Matrices:
    constants = _constants(graph)
    comparison = _only(graph, _COMPARISONS)
    products = [node for node in graph.node if node.op_type == "MatMul"]
    if len(products) != 2:
        raise _not_gemm(f"{len(products)} MatMul nodes instead of 2")
    sides, values = (constants[node.input[0]].astype(np.float64) for node in products)
    n_trees, n_leaves, n_inner = sides.shape
    selection = constants[_only(graph, ("Gemm",)).input[0]]
    thresholds = constants[comparison.input[1]].astype(np.float64).ravel()
    strict = comparison.op_type == "Less"
    codes = np.ceil(thresholds) - 1 if strict else np.floor(thresholds)
    needed = constants[_only(graph, ("Equal",)).input[0]]
    return _Matrices(
        np.argmax(selection, axis=1).reshape(n_trees, n_inner),
        np.clip(codes, -1, 2**31).astype(np.int64).reshape(n_trees, n_inner),
        sides,
        needed.astype(np.float64).reshape(n_trees, n_leaves),
        values.transpose(0, 2, 1),
    )


def _only(graph: onnx.GraphProto, types: tuple[str, ...]) -> onnx.NodeProto:
    found = [node for node in graph.node if node.op_type in types]
    if len(found) != 1:
        raise _not_gemm(f"{len(found)} {' or '.join(types)} nodes instead of 1")
    return found[0]


def _not_gemm(reason: str) -> UnsupportedModelError:
    return UnsupportedModelError(
        f"The graph isn't a forest of Hummingbird's GEMM strategy ({reason}); convert with "
        'extra_config={"tree_implementation": "gemm"}.'
    )


def _read_tail(graph: onnx.GraphProto, n_trees: int, n_values: int) -> tuple[int, FloatArray]:
    """Read among how many outputs the trees are dealt out in blocks, and the base score."""
    constants = _constants(graph)
    total = _only(graph, ("ReduceSum",))
    makers = {node.output[0]: node for node in graph.node}
    reshape = makers.get(total.input[0])
    groups = 1
    if int(constants[total.input[1]].ravel()[0]) == 2 and reshape is not None:
        groups = int(constants[reshape.input[1]].ravel()[1])
    if groups < 1 or n_trees % groups:
        raise _not_gemm(f"{n_trees} trees for {groups} outputs")
    offset = np.zeros(max(groups, n_values))
    for node in graph.node:
        if node.op_type == "Add" and total.output[0] in node.input:
            base = next(constants[name] for name in node.input if name in constants)
            offset += base.astype(np.float64).ravel()
    return groups, offset


def _place_output(tree: Tree, output: int, groups: int) -> Tree:
    if groups == 1:
        return tree
    value = np.zeros((len(tree.bit), groups))
    value[:, output] = tree.value[:, 0]
    return Tree(tree.bit, tree.left, tree.right, value)


def _build_tree(matrices: _Matrices, index: int, grid: FeatureGrid) -> Tree:
    """Sort one tree's matrices into nodes, parents first; a padded column has no leaves."""
    sides = matrices.sides[index]
    reached = [(sides[:, i] != 0) for i in range(sides.shape[1])]
    nodes = {mask.tobytes(): i for i, mask in enumerate(reached) if mask.any()}
    if not nodes:
        return _single_leaf(matrices, index)
    root = reached[max(nodes.values(), key=lambda i: int(reached[i].sum()))]
    bit: list[int] = []
    children: list[list[int]] = []
    value: list[FloatArray] = []
    waiting: list[tuple[NDArray[np.bool_], int, int]] = [(root, -1, 0)]
    while waiting:
        leaves, parent, side = waiting.pop()
        if parent >= 0:
            children[parent][side] = len(bit)
        children.append([-1, -1])
        inner = nodes.get(leaves.tobytes()) if leaves.sum() > 1 else None
        value.append(matrices.values[index, np.flatnonzero(leaves)[0]])
        bit.append(-1 if inner is None else _bit(matrices, index, inner, grid))
        if inner is not None:
            waiting.append((sides[:, inner] > 0, len(bit) - 1, 0))
            waiting.append((sides[:, inner] < 0, len(bit) - 1, 1))
    return _prune(np.array(bit), np.array(children), np.array(value))


def _single_leaf(matrices: _Matrices, index: int) -> Tree:
    active = matrices.needed[index] == 0
    value = matrices.values[index, active].sum(axis=0, keepdims=True)
    none = np.array([-1])
    return Tree(none, none, none, value)


_ALWAYS_LEFT, _ALWAYS_RIGHT = -2, -3


def _bit(matrices: _Matrices, index: int, inner: int, grid: FeatureGrid) -> int:
    """Bit of a comparison, or a mark if no code of the grid is on one of its sides."""
    feature, code = matrices.features[index, inner], matrices.thresholds[index, inner]
    if code < 0:
        return _ALWAYS_RIGHT
    if code >= grid.counts[feature]:
        return _ALWAYS_LEFT
    return int(grid.starts[feature] + code)


def _prune(bit: IntArray, children: IntArray, value: FloatArray) -> Tree:
    """Step over the nodes that always go one way, and number the others anew."""
    order: list[int] = []
    links: list[list[int]] = []
    waiting = [(0, -1, 0)]
    while waiting:
        node, parent, side = waiting.pop()
        while bit[node] in (_ALWAYS_LEFT, _ALWAYS_RIGHT):
            node = int(children[node, 0 if bit[node] == _ALWAYS_LEFT else 1])
        if parent >= 0:
            links[parent][side] = len(order)
        order.append(node)
        links.append([-1, -1])
        if bit[node] >= 0:
            waiting += [(int(children[node, s]), len(order) - 1, s) for s in (0, 1)]
    table = np.array(links)
    return Tree(bit[order], table[:, 0], table[:, 1], value[order])
