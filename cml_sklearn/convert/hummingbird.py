"""Fitted scikit-learn models to ONNX, by Hummingbird, in float64."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import TYPE_CHECKING, Protocol

import numpy as np

from cml_sklearn._typing import Array, FloatArray, IntArray
from cml_sklearn.convert.torch import export_to_onnx

if TYPE_CHECKING:
    import onnx
    import torch

__all__ = ["linear_map_to_onnx", "trees_to_onnx"]


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


def linear_map_to_onnx(coef: FloatArray, intercept: FloatArray) -> onnx.ModelProto:
    """Convert the linear map ``X @ coef.T + intercept``, as a `LinearRegression`.

    The raw scores of every linear model are such a map. Going through the one converter keeps link
    functions, which run in the clear after decryption, out of the graph, and serves the models that
    Hummingbird does not know. Hummingbird rounds to float32; its graph gets the coefficients again
    as they are.

    Parameters
    ----------
    coef : ndarray of shape (n_outputs, n_features)
    intercept : ndarray of shape (n_outputs,)
    """
    from sklearn.linear_model import LinearRegression

    model = LinearRegression()
    model.coef_, model.intercept_ = np.zeros_like(coef), np.zeros_like(intercept)
    model.n_features_in_ = coef.shape[1]
    examples = np.zeros((2, coef.shape[1]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import torch
        from hummingbird.ml import convert

        # without this, it sets torch's threads for the whole process
        threads = {"n_threads": torch.get_num_threads()}
        container = convert(model, "torch", examples, extra_config=threads)
    exported = export_to_onnx(container.model, examples)
    _widen(exported)
    _put(exported, {"coefficients": np.ascontiguousarray(coef.T), "intercepts": intercept})
    return exported


def _widen(model: onnx.ModelProto) -> None:
    """Let a graph compute in float64 instead of float32."""
    from onnx import TensorProto

    for node in model.graph.node:
        for attribute in node.attribute:
            if node.op_type == "Cast" and attribute.i == TensorProto.FLOAT:
                attribute.i = TensorProto.DOUBLE
    for output in model.graph.output:
        output.type.tensor_type.elem_type = TensorProto.DOUBLE


def _put(model: onnx.ModelProto, tables: Mapping[str, Array]) -> None:
    """Put arrays in place of a graph's initializers, by the last part of their names."""
    from onnx import numpy_helper

    for tensor in model.graph.initializer:
        table = tables.get(tensor.name.rpartition(".")[2])
        if table is not None:
            tensor.CopyFrom(numpy_helper.from_array(table, tensor.name))


def trees_to_onnx(trees: Sequence[BinaryTree], n_features: int) -> onnx.ModelProto:
    """Convert the sum of trees, by Hummingbird's strategy "tree_trav".

    The raw scores of every ensemble of trees are such a sum. Like `linear_map_to_onnx` this keeps
    links out of the graph, and serves the models that Hummingbird does not know.

    The graph has a few nodes for each level, and tables that are linear in the trees' nodes.
    Torch's exporter copies all tables whenever it infers a shape, some hundred times; so it
    exports small ones in their place.

    Parameters
    ----------
    trees : sequence of BinaryTree
        All with the same outputs.
    n_features : int
        Columns of the graph's input.
    """
    tables = _node_tables(trees)
    module = _traversal(len(trees), tables["values"].shape[1], _depth(tables), n_features)
    model = export_to_onnx(module, np.zeros((2, n_features)))
    _put(model, tables)
    return model


def _traversal(n_trees: int, n_outputs: int, depth: int, n_features: int) -> torch.nn.Module:
    """Hummingbird's module for trees of three nodes, walked `depth` levels deep."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from hummingbird.ml.operator_converters._tree_implementations import (
            TreeTraversalDecisionTreeImpl,
        )
    # equal tables would become one
    nodes = [np.arange(3), np.full(3, 2), np.full(3, 1), np.zeros(3), np.zeros(3)]
    parameters = [nodes[0], *nodes, np.zeros((3, n_outputs))]
    module: torch.nn.Module = TreeTraversalDecisionTreeImpl(
        SimpleNamespace(full_name="trees", inputs=[], outputs=[]),
        [parameters] * n_trees,
        depth,
        n_features,
        extra_config={"tree_op_precision_dtype": "float64"},
    )
    return module


def _node_tables(trees: Sequence[BinaryTree]) -> dict[str, Array]:
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


def _depth(tables: Mapping[str, Array]) -> int:
    """Levels below the roots, at least 1."""
    roots = tables["nodes_offset"][0]
    start = np.repeat(roots, np.diff([*roots, len(tables["lefts"])]))
    left, right = tables["lefts"] + start, tables["rights"] + start
    level, depth = roots, 0
    while len(level := level[left[level] != level]):
        level, depth = np.concatenate([left[level], right[level]]), depth + 1
    return max(depth, 1)
