"""The layers of a perceptron, read from its graph, and put back with other weights."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch.nn import functional

from cml_sklearn._typing import FloatArray
from cml_sklearn.onnx.graph import Node, PreparedGraph
from cml_sklearn.quantization.output_ranges import affine_weights

__all__ = ["ACTIVATIONS", "AffineLayer", "float_outputs", "read_layers", "with_layers"]

ACTIVATIONS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "Gelu": functional.gelu,
    "Relu": torch.relu,
    "Sigmoid": torch.sigmoid,
    "Tanh": torch.tanh,
}


@dataclass(frozen=True)
class AffineLayer:
    """An affine layer of a graph: names of its constants, and these as floats.

    Attributes
    ----------
    names : tuple of str
        Of the weights and of the bias.
    is_transposed : bool
        Whether the graph holds the weights as (n_out, n_in).
    weight, bias : ndarray of shape (n_in, n_out), (n_out,)
    activation : str
        Operator after it; empty after the last.
    """

    names: tuple[str, str]
    is_transposed: bool
    weight: FloatArray
    bias: FloatArray
    activation: str


def read_layers(graph: PreparedGraph) -> list[AffineLayer] | None:
    """Read the layers of a perceptron with one kind of activation; None for other graphs."""
    affine, between = graph.nodes[::2], graph.nodes[1::2]
    kinds = {node.op_type for node in between}
    if any(node.attributes.get("approximate", "none") != "none" for node in between):
        return None
    if len(graph.inputs) != 1 or len(kinds) != 1 or not kinds <= ACTIVATIONS.keys():
        return None
    names = [graph.inputs[0].name, *(node.outputs[0] for node in graph.nodes)]
    if [node.inputs[0] for node in graph.nodes] != names[:-1] or len(affine) == len(between):
        return None
    if graph.outputs != graph.nodes[-1].outputs:
        return None
    layers = [
        _layer(graph, node, after.op_type if after else "")
        for node, after in zip(affine, (*between, None), strict=True)
    ]
    found = [layer for layer in layers if layer is not None]
    return found if len(found) == len(layers) else None


def _is_plain_gemm(node: Node) -> bool:
    """Whether a node is an affine layer without factors."""
    plain = all(node.attributes.get(name, 1.0) == 1.0 for name in ("alpha", "beta"))
    return node.op_type == "Gemm" and plain and len(node.inputs) == 3


def _layer(graph: PreparedGraph, node: Node, activation: str) -> AffineLayer | None:
    """Read an affine layer with constant weights and bias; None for other nodes."""
    weight = affine_weights(node, graph.constants)
    if weight is None or not _is_plain_gemm(node) or node.inputs[2] not in graph.constants:
        return None
    names, is_transposed = node.inputs[1:3], bool(node.attributes.get("transB", 0))
    bias = graph.constants[names[1]].astype(np.float64)
    offset = np.broadcast_to(bias, weight.shape[1:])
    return AffineLayer((names[0], names[1]), is_transposed, weight, offset, activation)


def with_layers(
    graph: PreparedGraph,
    layers: Sequence[AffineLayer],
    weights: Sequence[FloatArray],
    biases: Sequence[FloatArray],
) -> PreparedGraph:
    """Graph with other weights and biases, in double precision."""
    constants = dict(graph.constants)
    for layer, weight, bias in zip(layers, weights, biases, strict=True):
        constants |= {layer.names[0]: weight.T if layer.is_transposed else weight}
        constants |= {layer.names[1]: bias}
    inputs = tuple(replace(spec, dtype=np.dtype(np.float64)) for spec in graph.inputs)
    return replace(graph, constants=constants, inputs=inputs)


def float_outputs(layers: Sequence[AffineLayer], x: FloatArray) -> FloatArray:
    """Compute what the float net gives."""
    for layer in layers:
        x = x @ layer.weight + layer.bias
        if layer.activation:
            x = ACTIVATIONS[layer.activation](torch.from_numpy(x)).numpy()
    return x
