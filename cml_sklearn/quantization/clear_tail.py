"""The end of a model that the client computes in the clear, after decryption.

A function after the last layer (sigmoid, softmax, ...) needs no lookup if whoever decrypts applies
it: cheaper, exact, and for some operators the only way. The client then learns the scores before
the function instead of after it. It gets no trained weights, unless the user says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from cml_sklearn._typing import Array, FloatArray
from cml_sklearn.exceptions import UnsupportedOperatorError
from cml_sklearn.onnx.graph import Node, PreparedGraph
from cml_sklearn.onnx.onnx_utils import ONNX_OPS_TO_NUMPY_IMPL, signature_of
from cml_sklearn.onnx.running import run_node
from cml_sklearn.quantization.decompositions import DECOMPOSED
from cml_sklearn.quantization.ops import ONNX_OPS_TO_QUANTIZED_IMPL
from cml_sklearn.quantization.quantized_op import quantized_class, reason_without_quantized_form

__all__ = [
    "ClearTail",
    "check_quantized_forms",
    "may_be_clear",
    "split_clear_tail",
    "tensors_of_sizes",
]

_MOVED = tuple(range(1, 10))
"""All inputs but the first."""

_MOVES = frozenset(
    name
    for name in ONNX_OPS_TO_NUMPY_IMPL
    if signature_of(name).inputs[1:2] == ("axes",) and name.startswith("Reduce")
) | {"Expand", "Reshape", "Slice", "Split", "Squeeze", "Tile", "TopK", "Trilu", "Unsqueeze"}
"""Operators whose later inputs are shapes, axes and counts."""

_PARAMETERS: dict[str, tuple[int, ...]] = {
    "Clip": (1, 2),
    "Compress": (1,),
    "CumSum": (1,),
    "Dropout": (1, 2),
    "Gather": (1,),
    "GatherElements": (1,),
    "GatherND": (1,),
    "OneHot": (1, 2),
    "ReverseSequence": (1,),
}
"""Places of inputs that are no trained weights, by operator."""


@dataclass(frozen=True)
class ClearTail:
    """Nodes that follow the encrypted part.

    Parameters
    ----------
    nodes : tuple of Node
    constants : dict of str to ndarray
    inputs, outputs : tuple of str
        Tensors that come from the encrypted part, and those to give back.
    """

    nodes: tuple[Node, ...]
    constants: Mapping[str, Array]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]

    def __call__(self, *values: FloatArray) -> tuple[FloatArray, ...]:
        """Compute the outputs."""
        tensors: dict[str, Array] = dict(self.constants)
        tensors |= zip(self.inputs, values, strict=True)
        for node in self.nodes:
            tensors |= run_node(node, tensors)
        return tuple(tensors[name] for name in self.outputs)


def split_clear_tail(
    graph: PreparedGraph, *, weights: bool = False
) -> tuple[PreparedGraph, ClearTail]:
    """Divide a graph into the part to encrypt and the tail.

    The tail has what stands after the last layer and is a function of one element, only moves
    elements, or has no quantized form, as long as it needs no trained weights. A graph that would
    be nothing but tail stays whole.

    Parameters
    ----------
    graph : PreparedGraph
    weights : bool
        Whether the client also computes all that follows an operator without a quantized form,
        layers with weights included. It then holds these weights.
    """
    body: list[Node] = []
    tail: list[Node] = []
    encrypted: set[str] = set()  # what the body reads
    clear = _from_first_unquantized(graph) if weights else set()
    sizes = tensors_of_sizes(graph)
    for node in reversed(graph.nodes):
        may = (
            node.name in clear
            or (sizes.issuperset(node.outputs) and not _has_floats(node, graph))
            or (may_be_clear(node.op_type) and not _weights(node, graph))
        )
        if may and encrypted.isdisjoint(node.outputs):
            tail.append(node)
        else:
            body.append(node)
            encrypted.update(filter(None, node.inputs))
    if not body:
        return graph, ClearTail((), {}, graph.outputs, graph.outputs)
    boundary = _boundary(graph, tail[::-1])
    read = {name for node in tail for name in node.inputs}
    constants = {name: value for name, value in graph.constants.items() if name in read}
    return (
        replace(graph, nodes=tuple(body[::-1]), outputs=boundary),
        ClearTail(tuple(tail[::-1]), constants, boundary, graph.outputs),
    )


def may_be_clear(op_type: str) -> bool:
    """Whether an operator may stand in the tail, if it needs no trained weights."""
    kind = ONNX_OPS_TO_QUANTIZED_IMPL.get(op_type)
    return kind is None or kind.may_be_clear


def check_quantized_forms(graph: PreparedGraph) -> None:
    """Refuse a node of the part to encrypt that has no quantized form.

    Raises
    ------
    UnsupportedOperatorError
        With the node's name; where the node was kept from the tail by its weights, also with theirs
        and the way out.
    """
    used = {name for node in graph.nodes for name in node.inputs} | set(graph.outputs)
    for node in graph.nodes:
        weights = _weights(node, graph)
        if node.op_type not in ONNX_OPS_TO_QUANTIZED_IMPL and weights:
            raise UnsupportedOperatorError(
                f"{node} has no quantized form: {reason_without_quantized_form(node.op_type)}. "
                f"It needs the weights {', '.join(map(repr, weights))}, which the client gets only "
                "if clear_tail='weights' says so; or replace it by operators with a quantized form."
            )
        quantized_class(node)
        if not used.isdisjoint(filter(None, node.outputs[1:])):
            raise UnsupportedOperatorError(
                f"{node} has {len(node.outputs)} outputs that are used; only the first has a "
                "quantized form. Rewrite the model without the others."
            )


def _weights(node: Node, graph: PreparedGraph) -> list[str]:
    """Constants of a node that may come of training: all but parameters that are none by nature."""
    places = _PARAMETERS.get(node.op_type, _MOVED if node.op_type in _MOVES else ())
    return [
        name
        for place, name in enumerate(node.inputs)
        if name in graph.constants and place not in places
    ]


def _has_floats(node: Node, graph: PreparedGraph) -> bool:
    """Whether a node reads constants that are no sizes."""
    read = (graph.constants[name] for name in node.inputs if name in graph.constants)
    return any(np.issubdtype(value.dtype, np.floating) for value in read)


def tensors_of_sizes(graph: PreparedGraph) -> set[str]:
    """Names of the tensors that depend on sizes and constants only, whatever the inputs hold."""
    names = {""}
    for node in graph.nodes:
        known = names | graph.constants.keys()
        if node.op_type in {"Shape", "Size"} or known.issuperset(node.inputs):
            names.update(node.outputs)
    return names - {""}


def _from_first_unquantized(graph: PreparedGraph) -> set[str]:
    """Names of the nodes without a quantized form, and of all that depend on them."""
    names: set[str] = set()
    made: set[str] = set()
    for node in graph.nodes:
        has_form = node.op_type in ONNX_OPS_TO_QUANTIZED_IMPL or node.op_type in DECOMPOSED
        if not has_form or not made.isdisjoint(node.inputs):
            names.add(node.name)
            made.update(filter(None, node.outputs))
    return names


def _boundary(graph: PreparedGraph, tail: Sequence[Node]) -> tuple[str, ...]:
    """Tensors of the encrypted part that the tail reads, or that are given back as they are."""
    made = {name for node in tail for name in node.outputs} | graph.constants.keys()
    wanted = dict.fromkeys(name for node in tail for name in node.inputs)
    return tuple(name for name in wanted | dict.fromkeys(graph.outputs) if name not in {"", *made})
