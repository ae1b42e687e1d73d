"""Fitted scikit-learn models to ONNX, by Hummingbird, in float64."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import TYPE_CHECKING

import numpy as np

from cml_sklearn._typing import Array, FloatArray
from cml_sklearn.convert.node_tables import BinaryTree, depth_of, node_tables
from cml_sklearn.convert.torch import export_to_onnx

if TYPE_CHECKING:
    import onnx
    import torch

__all__ = ["linear_map_to_onnx", "trees_to_onnx"]


def linear_map_to_onnx(coef: FloatArray, intercept: FloatArray) -> onnx.ModelProto:
    """Convert ``X @ coef.T + intercept``, as a `LinearRegression`.

    Hummingbird rounds to float32; its graph gets the coefficients again as they are.
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

    Torch's exporter copies all tables whenever it infers a shape, some hundred times; so it
    exports small ones in their place.
    """
    tables = node_tables(trees)
    module = _traversal(len(trees), tables["values"].shape[1], depth_of(tables), n_features)
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
