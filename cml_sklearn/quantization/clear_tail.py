"""The end of a model that the client computes in the clear, after decryption.

A function after the last layer (sigmoid, softmax, ...) needs no lookup if whoever decrypts applies
it: cheaper, exact, and for some operators the only way. The client then learns the scores before
the function instead of after it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from cml_sklearn._typing import Array, FloatArray
from cml_sklearn.onnx.graph import Node, PreparedGraph
from cml_sklearn.onnx.running import run_node
from cml_sklearn.quantization.ops import ONNX_OPS_TO_QUANTIZED_IMPL

__all__ = ["ClearTail", "may_be_clear", "split_clear_tail"]


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


def split_clear_tail(graph: PreparedGraph) -> tuple[PreparedGraph, ClearTail]:
    """Divide a graph into the part to encrypt and the tail.

    The tail has what stands after the last layer and is a function of one element, only moves
    elements, or has no quantized form. A graph that would be nothing but tail stays whole.
    """
    body: list[Node] = []
    tail: list[Node] = []
    encrypted: set[str] = set()  # what the body reads
    for node in reversed(graph.nodes):
        if may_be_clear(node.op_type) and encrypted.isdisjoint(node.outputs):
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
    """Whether an operator may stand in the tail."""
    kind = ONNX_OPS_TO_QUANTIZED_IMPL.get(op_type)
    return kind is None or kind.may_be_clear


def _boundary(graph: PreparedGraph, tail: Sequence[Node]) -> tuple[str, ...]:
    """Tensors of the encrypted part that the tail reads, or that are given back as they are."""
    made = {name for node in tail for name in node.outputs} | graph.constants.keys()
    wanted = dict.fromkeys(name for node in tail for name in node.inputs)
    return tuple(name for name in wanted | dict.fromkeys(graph.outputs) if name not in {"", *made})
