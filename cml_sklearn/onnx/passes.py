"""Passes over a prepared graph; each returns a new one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from cml_sklearn.onnx._arrays import NUMPY_TYPES
from cml_sklearn.onnx.graph import Node, PreparedGraph, TensorSpec
from cml_sklearn.onnx.running import run_node
from cml_sklearn.onnx.shapes import resolve_shapes
from cml_sklearn.onnx.sizes import check_folded_size

__all__ = ["free_batch", "simplify_graph"]


def simplify_graph(graph: PreparedGraph, specs: Mapping[str, TensorSpec]) -> PreparedGraph:
    """Remove from a graph what can be worked out beforehand, and what changes nothing.

    Parameters
    ----------
    graph : PreparedGraph
    specs : mapping of str to TensorSpec
        What is known of its tensors.
    """
    folded = fold_constants(resolve_shapes(fold_constants(graph), specs))
    return remove_unused(remove_noops(folded, specs))


def remove_noops(graph: PreparedGraph, specs: Mapping[str, TensorSpec]) -> PreparedGraph:
    """Remove nodes that hand their input on, unless an output of the graph bears their name."""
    renamed: dict[str, str] = {}
    nodes = []
    for node in graph.nodes:
        inputs = tuple(renamed.get(name, name) for name in node.inputs)
        if _is_noop(node, specs) and node.outputs[0] not in graph.outputs:
            renamed[node.outputs[0]] = inputs[0]
        else:
            nodes.append(replace(node, inputs=inputs))
    return replace(graph, nodes=tuple(nodes))


def _is_noop(node: Node, specs: Mapping[str, TensorSpec]) -> bool:
    """Whether a node's one output is its input."""
    if node.op_type == "Cast":
        spec = specs.get(node.inputs[0])
        return spec is not None and spec.dtype == NUMPY_TYPES.get(node.attributes["to"])
    if node.op_type == "Dropout":
        return len(node.outputs) == 1 and not any(node.inputs[2:])
    return node.op_type == "Identity"


def fold_constants(graph: PreparedGraph) -> PreparedGraph:
    """Run all nodes that depend on constants only."""
    constants, nodes = dict(graph.constants), []
    with np.errstate(all="ignore"):
        for node in graph.nodes:
            if all(not name or name in constants for name in node.inputs):
                check_folded_size(node, constants)
                constants |= run_node(node, constants)
            else:
                nodes.append(node)
    return replace(graph, nodes=tuple(nodes), constants=constants)


def remove_unused(graph: PreparedGraph) -> PreparedGraph:
    """Remove nodes and constants that no output depends on."""
    used, nodes = set(graph.outputs), []
    for node in reversed(graph.nodes):
        if used & set(node.outputs) - {""}:
            used |= set(node.inputs)
            nodes.append(node)
    constants = {name: value for name, value in graph.constants.items() if name in used}
    return replace(graph, nodes=tuple(reversed(nodes)), constants=constants)


def free_batch(graph: PreparedGraph) -> PreparedGraph:
    """Let inputs of one sample have any number of them, and keep it in what reshapes them."""
    inputs = tuple(
        replace(spec, shape=None if spec.shape is None else (None, *spec.shape[1:]))
        for spec in graph.inputs
    )
    constants, nodes = dict(graph.constants), []
    for node in graph.nodes:
        shape = constants.get(node.inputs[1]) if node.op_type == "Reshape" else None
        if shape is not None and shape.ravel()[:1].tolist() == [1] and 0 not in shape:
            name = f"{node.outputs[0]}/shape"
            constants[name] = np.concatenate([[0], shape[1:]])
            node = replace(node, inputs=(node.inputs[0], name), attributes={})  # noqa: PLW2901
        nodes.append(node)
    return replace(graph, nodes=tuple(nodes), constants=constants, inputs=inputs)
