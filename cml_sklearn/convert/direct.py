"""Raw scores of linear models and trees to ONNX, written directly, where there is no torch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from cml_sklearn._typing import FloatArray
from cml_sklearn.convert.node_tables import BinaryTree, depth_of, node_tables
from cml_sklearn.convert.text import model_from_text

if TYPE_CHECKING:
    import onnx

__all__ = ["linear_map_to_onnx", "trees_to_onnx"]


def linear_map_to_onnx(coef: FloatArray, intercept: FloatArray) -> onnx.ModelProto:
    """Write ``X @ coef.T + intercept``."""
    n_outputs, n_features = coef.shape
    return model_from_text(
        f"scores (double[n, {n_features}] x) => (double[n, {n_outputs}] y)",
        "y = Gemm(x, coefficients, intercepts)",
        {"coefficients": coef.T, "intercepts": intercept},
    )


_START = """
    n_samples = Shape<start = 0, end = 1>(x)
    n_trees = Constant<value = int64[1] {{{n_trees}}}>()
    shape = Concat<axis = 0>(n_samples, n_trees)
    nodes_0 = Expand(nodes_offset, shape)
"""

_LEVEL = """
    columns_{i} = Gather(features, nodes_{i})
    inputs_{i} = GatherElements<axis = 1>(x, columns_{i})
    limits_{i} = Gather(thresholds, nodes_{i})
    left_{i} = Gather(lefts, nodes_{i})
    right_{i} = Gather(rights, nodes_{i})
    goes_left_{i} = LessOrEqual(inputs_{i}, limits_{i})
    children_{i} = Where(goes_left_{i}, left_{i}, right_{i})
    nodes_{next} = Add(children_{i}, nodes_offset)
"""

_SUM = """
    leaves = Gather(values, nodes_{depth})
    tree_axis = Constant<value = int64[1] {{1}}>()
    y = ReduceSum<keepdims = 0>(leaves, tree_axis)
"""


def trees_to_onnx(trees: Sequence[BinaryTree], n_features: int) -> onnx.ModelProto:
    """Write the sum of trees, walked level by level from the roots."""
    tables = node_tables(trees)
    depth, n_outputs = depth_of(tables), tables["values"].shape[1]
    levels = [_LEVEL.format(i=i, next=i + 1) for i in range(depth)]
    return model_from_text(
        f"trees (double[n, {n_features}] x) => (double[n, {n_outputs}] y)",
        "".join([_START.format(n_trees=len(trees)), *levels, _SUM.format(depth=depth)]),
        tables,
    )
