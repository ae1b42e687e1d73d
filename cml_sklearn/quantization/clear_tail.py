"""The end of a model that the client computes in the clear, after decryption.

A function after the last layer (sigmoid, softmax, ...) needs no lookup if whoever decrypts applies
it: cheaper, exact, and for some operators the only way. The client then learns the scores before
the function instead of after it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from numpy.typing import NDArray

from cml_sklearn._typing import FloatArray
from cml_sklearn.onnx.graph import Node, PreparedGraph
from cml_sklearn.onnx.running import run_node
from cml_sklearn.quantization.ops.elementwise import QuantizedUnivariate
from cml_sklearn.quantization.ops.shape import QuantizedMove, QuantizedTranspose
from cml_sklearn.quantization.quantized_op import ONNX_OPS_TO_QUANTIZED_IMPL

__all__ = ["ClearTail", "split_clear_tail"]

_IN_THE_CLEAR = {
    "Cast",
    "Identity",
    *QuantizedUnivariate.ops,
    *QuantizedMove.ops,
    *QuantizedTranspose.ops,
}


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
    constants: Mapping[str, NDArray[Any]]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]

    def __call__(self, *values: FloatArray) -> tuple[FloatArray, ...]:
        """Compute the outputs."""
        tensors: dict[str, NDArray[Any]] = dict(self.constants)
        tensors |= zip(self.inputs, values, strict=True)
        for node in self.nodes:
            tensors |= run_node(node, tensors)
        return tuple(tensors[name] for name in self.outputs)


def split_clear_tail(graph: PreparedGraph) -> tuple[PreparedGraph, ClearTail]:
    """Divide a graph into the part to encrypt and the tail.

    The tail has what stands after the last layer and is a function of one element, only moves
    elements, or has no quantized form. A graph that would be nothing but tail stays whole.
    """
    tail: list[Node] = []
    for node in reversed(graph.nodes):
        rest = (other for other in graph.nodes if other is not node and other not in tail)
        used = {name for other in rest for name in other.inputs}
        if _may_be_clear(node) and not used & set(node.outputs):
            tail.insert(0, node)
    body = tuple(node for node in graph.nodes if node not in tail)
    if not body:
        return graph, ClearTail((), {}, graph.outputs, graph.outputs)
    made = {name for node in tail for name in node.outputs}
    wanted = (name for node in tail for name in node.inputs)
    boundary = tuple(
        name
        for name in dict.fromkeys([*wanted, *graph.outputs])
        if name and name not in made and name not in graph.constants
    )
    read = {name for node in tail for name in node.inputs}
    constants = {name: value for name, value in graph.constants.items() if name in read}
    return (
        replace(graph, nodes=body, outputs=boundary),
        ClearTail(tuple(tail), constants, boundary, graph.outputs),
    )


def _may_be_clear(node: Node) -> bool:
    """Whether a node can stand in the tail."""
    return node.op_type in _IN_THE_CLEAR or node.op_type not in ONNX_OPS_TO_QUANTIZED_IMPL
