"""Passes over a prepared graph; each returns a new one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from cml_sklearn.exceptions import CmlError, InvalidInputError, UnsupportedOperatorError
from cml_sklearn.onnx._arrays import Array
from cml_sklearn.onnx.graph import Node, PreparedGraph, TensorSpec
from cml_sklearn.onnx.ops_impl import ONNX_OPS_TO_NUMPY_IMPL
from cml_sklearn.onnx.ops_logic import NUMPY_TYPES
from cml_sklearn.onnx.opsets import signature_of

__all__ = ["run_node", "simplify"]


def run_node(node: Node, values: Mapping[str, Array]) -> dict[str, Array]:
    """Run one node, and give its outputs by their names.

    Parameters
    ----------
    node : Node
    values : mapping of str to ndarray
        Has the node's inputs, by their names.

    Raises
    ------
    InvalidInputError
        The operator can't be computed on these tensors; the message has their shapes.
    """
    inputs = [values[name] if name else None for name in node.inputs]
    counted = signature_of(node.op_type).counts_outputs
    extra = {"n_outputs": len(node.outputs)} if counted else {}
    try:
        outputs = ONNX_OPS_TO_NUMPY_IMPL[node.op_type](*inputs, **node.attributes, **extra)
    except CmlError as error:
        raise type(error)(f"{node}: {error}") from error
    except (ArithmeticError, LookupError, TypeError, ValueError) as error:
        tensors = ", ".join(
            f"{name!r}: {values[name].dtype}{list(values[name].shape)}"
            for name in node.inputs
            if name
        )
        raise InvalidInputError(
            f"{node} can't be computed on {tensors or 'no tensors'}: {error}. Check the shapes of "
            "the model's inputs, and the shapes that the model itself computes."
        ) from error
    if len(outputs) < len(node.outputs):
        raise UnsupportedOperatorError(
            f"{node} has {len(node.outputs)} outputs; only the first {len(outputs)} are supported."
        )
    named = zip(node.outputs, outputs, strict=False)
    return {name: np.asarray(value) for name, value in named if name}


def simplify(graph: PreparedGraph, specs: Mapping[str, TensorSpec]) -> PreparedGraph:
    """Remove from a graph what can be worked out beforehand, and what changes nothing.

    Parameters
    ----------
    graph : PreparedGraph
    specs : mapping of str to TensorSpec
        What is known of its tensors.
    """
    for change in (
        lambda graph: resolve_shapes(graph, specs),
        fold_constants,
        lambda graph: remove_noops(graph, specs),
        remove_unused,
    ):
        graph = change(graph)
    return graph


def resolve_shapes(graph: PreparedGraph, specs: Mapping[str, TensorSpec]) -> PreparedGraph:
    """Replace shapes computed by the graph by constants, where these are known.

    So ``x.reshape(len(x), -1)``, which exporters turn into five nodes, becomes one node again.
    """
    constants, nodes = dict(graph.constants), []
    for node in graph.nodes:
        shape = _known_shape(node, specs)
        if shape is None or (node.op_type == "Shape" and -1 in shape):
            nodes.append(node)
        elif node.op_type == "Shape":
            ends = slice(node.attributes.get("start", 0), node.attributes.get("end"))
            constants[node.outputs[0]] = np.asarray(shape[ends], np.int64)
        else:
            name = f"{node.outputs[0]}/shape"
            constants[name] = np.asarray(shape, np.int64)
            nodes.append(replace(node, inputs=(node.inputs[0], name), attributes={"allowzero": 1}))
    return replace(graph, nodes=tuple(nodes), constants=constants)


def _known_shape(node: Node, specs: Mapping[str, TensorSpec]) -> list[int] | None:
    """Shape that a node asks for or makes, with at most one free axis as -1."""
    known = {"Shape": node.inputs, "Reshape": node.outputs}.get(node.op_type)
    spec = specs.get(known[0]) if known else None
    if spec is None or spec.shape is None:
        return None
    shape = [size if isinstance(size, int) else -1 for size in spec.shape]
    return shape if shape.count(-1) <= 1 and not (-1 in shape and 0 in shape) else None


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
