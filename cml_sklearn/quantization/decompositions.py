"""Operators without arithmetic of their own, replaced by others before a graph is quantized."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from cml_sklearn._typing import Array
from cml_sklearn.exceptions import CmlError, UnsupportedOperatorError
from cml_sklearn.onnx.graph import Node, PreparedGraph
from cml_sklearn.onnx.onnx_utils import signature_of
from cml_sklearn.onnx.ops_impl.convolution import crops, transposed_reach
from cml_sklearn.onnx.passes import remove_unused
from cml_sklearn.onnx.recurrence import Layer, unrolled
from cml_sklearn.onnx.writing import NodeWriter

__all__ = ["DECOMPOSED", "decompose"]

_Shapes = Mapping[str, tuple[int, ...]]


def decompose(graph: PreparedGraph, shapes: _Shapes) -> PreparedGraph:
    """Replace operators that others can say.

    Parameters
    ----------
    graph : PreparedGraph
    shapes : mapping of str to tuple of int
        Of all tensors, the samples' axis with some number of samples.

    Raises
    ------
    UnsupportedOperatorError
        A form of an operator that can't be replaced; the message names the node.
    """
    if not any(node.op_type in DECOMPOSED for node in graph.nodes):
        return graph
    constants, nodes = dict(graph.constants), []
    for node in graph.nodes:
        if node.op_type not in DECOMPOSED:
            nodes.append(node)
            continue
        write = NodeWriter(node.name)
        try:
            DECOMPOSED[node.op_type](write, _Call(node, constants, shapes))
        except CmlError as error:
            raise type(error)(f"{node}: {error}") from error
        nodes += write.nodes
        constants |= write.constants
    return remove_unused(replace(graph, nodes=tuple(nodes), constants=constants))


class _Call:
    """A node, with what is known of its inputs.

    Parameters
    ----------
    node : Node
    constants : mapping of str to ndarray
    shapes : mapping of str to tuple of int
    """

    def __init__(self, node: Node, constants: Mapping[str, Array], shapes: _Shapes) -> None:
        self.node, self.constants, self.shapes = node, constants, shapes
        signature = signature_of(node.op_type)
        self.names = dict(zip(signature.inputs, node.inputs, strict=False))
        self.attributes = {**signature.attributes, **node.attributes}

    def shape(self, name: str) -> tuple[int, ...]:
        """Shape of an input, by its name in the signature."""
        return self.shapes[self.names[name]]

    def weights(self, name: str) -> Array:
        """Input that must be a constant.

        Raises
        ------
        UnsupportedOperatorError
            It is encrypted.
        """
        if self.names[name] not in self.constants:
            raise UnsupportedOperatorError(
                f"Its input {name.upper()} is encrypted; make it a constant of the model."
            )
        return self.constants[self.names[name]]

    def optional(self, name: str) -> Array | None:
        """Input that must be a constant, or left out."""
        return self.weights(name) if self.names.get(name) else None


def _split(write: NodeWriter, call: _Call) -> None:
    """Each piece taken by itself: free."""
    axis, start = call.attributes["axis"], 0
    for piece in filter(None, call.node.outputs):
        size = call.shapes[piece][axis]
        indices = np.arange(start, start + size)
        write("Gather", call.names["input"], indices, output=piece, axis=axis)
        start += size


def _conv_transpose(write: NodeWriter, call: _Call) -> None:
    """Convolution, with zeros between the elements and filters turned round."""
    weights, attributes = call.weights("w"), call.attributes
    sizes, kernel = call.shape("x")[2:], weights.shape[2:]
    ones = (1,) * len(sizes)
    strides, gaps = (tuple(attributes[n] or ones) for n in ("strides", "dilations"))
    wanted = call.shapes[call.node.outputs[0]][2:]
    extra = attributes["output_padding"] or (0,) * len(sizes)
    reach = transposed_reach(sizes, kernel, strides, gaps, extra)
    given = attributes["output_shape"] or attributes["auto_pad"].startswith("SAME")
    shape = wanted if given else None
    before, _ = crops(reach, shape, attributes["pads"], attributes["auto_pad"])
    x = _stretched(write, call.names["x"], call.shape("x"), strides)
    extents = [(k - 1) * gap for k, gap in zip(kernel, gaps, strict=True)]
    starts = [extent - cut for extent, cut in zip(extents, before, strict=True)]
    along = zip(wanted, extents, sizes, strides, starts, strict=True)
    ends = [size + extent - n * step - start for size, extent, n, step, start in along]
    padded = write("Pad", x, np.array([0, 0, *starts, 0, 0, *ends], np.int64))
    bias = [call.names["b"]] if call.names.get("b") else []
    write(
        "Conv",
        padded,
        _turned(weights, attributes["group"]),
        *bias,
        output=call.node.outputs[0],
        dilations=gaps,
        group=attributes["group"],
    )


def _stretched(write: NodeWriter, x: str, shape: Sequence[int], strides: Sequence[int]) -> str:
    """Write zeros after each element, along all spatial axes."""
    if set(strides) == {1}:
        return x
    n, sizes = len(strides), shape[2:]
    apart = write.reshape(x, 0, shape[1], *(part for size in sizes for part in (size, 1)))
    after = [end for step in strides for end in (0, step - 1)]
    pads = np.array([0] * (2 * n + 2) + [0, 0, *after], np.int64)
    padded = write("Pad", apart, pads)
    stretched = (size * step for size, step in zip(sizes, strides, strict=True))
    return write.reshape(padded, 0, shape[1], *stretched)


def _turned(weights: Array, group: int) -> Array:
    """Turn the filters of a transposed convolution into those of a plain one."""
    channels, filters, *kernel = weights.shape
    parts = weights.reshape(group, channels // group, filters, *kernel).swapaxes(1, 2)
    axes = tuple(range(2, 2 + len(kernel)))
    return np.flip(parts.reshape(group * filters, channels // group, *kernel), axes).copy()


def _recurrent(write: NodeWriter, call: _Call) -> None:
    """Products, gates and sums, unrolled for sequences of a given length."""
    attributes, kind = call.attributes, call.node.op_type
    lengths = call.optional("sequence_lens")
    length = call.shape("x")[1 if attributes["layout"] else 0]
    unknown = attributes["activation_alpha"] or attributes["activation_beta"]
    if (
        unknown
        or attributes.get("input_forget")
        or (lengths is not None and (lengths != length).any())
    ):
        raise UnsupportedOperatorError(
            "Sequences of different lengths, coupled gates and activations with alpha or beta "
            "have no encrypted form; pad the sequences, and export a plain layer."
        )
    peepholes = call.optional("p")
    layer = Layer(
        kind,
        call.weights("w"),
        call.weights("r"),
        call.optional("b"),
        peepholes if peepholes is not None and peepholes.any() else None,
        tuple(_initial(call, name) for name in ("initial_h", "initial_c")[: 1 + (kind == "LSTM")]),
        **{n: attributes[n] for n in ("activations", "direction", "clip", "layout")},
        linear_before_reset=attributes.get("linear_before_reset", 0),
    )
    unrolled(write, layer, call.names["x"], length, call.node.outputs)


def _initial(call: _Call, name: str) -> str | None:
    """Name of an initial state that is not zero."""
    given = call.names.get(name)
    if not given or (given in call.constants and not call.constants[given].any()):
        return None
    return given


def _lrn(write: NodeWriter, call: _Call) -> None:
    """Product with a function of the squares of nearby channels: four lookups an element."""
    x, (_, n_channels, *sizes) = call.names["x"], call.shape("x")
    alpha, beta, bias, size = (call.attributes[n] for n in ("alpha", "beta", "bias", "size"))
    before = (size - 1) // 2
    distance = np.arange(n_channels) - np.arange(n_channels)[:, None]
    near = (distance >= -before) & (distance < size - before)
    weights = near.reshape(n_channels, n_channels, *(1,) * len(sizes)) * np.float32(alpha / size)
    total = write("Conv", write("Mul", x, x), weights)
    factor = write("Pow", write("Add", total, np.float32(bias)), np.float32(-beta))
    write("Mul", x, factor, output=call.node.outputs[0])


def _einsum(write: NodeWriter, call: _Call) -> None:
    """Product of matrices, into whose form both operands are brought."""
    left, right, result, names = _parsed(call)
    if len(names) == 1:
        _one_operand(write, names[0], left, result, call.node.outputs[0])
        return
    shared = [i for i in left if i in right]
    inner = [i for i in shared if i not in result]
    own = [[i for i in labels if i not in shared] for labels in (left, right)]
    if not result.startswith(left[0]) or any(i not in result for i in (*own[0], *own[1])):
        raise UnsupportedOperatorError(
            f"{call.attributes['equation']!r} has no encrypted form; keep the samples' axis first, "
            "and sum over axes of one operand before."
        )
    kept = [i for i in shared if i in result]
    sizes = {
        label: size
        for name, labels in zip(names, (left, right), strict=True)
        for label, size in zip(labels, call.shapes[name], strict=True)
    }
    # axes of the left operand stand apart where weights follow: that of the samples is one of them
    apart = own[0] if names[1] in call.constants else kept
    rows = [] if names[1] in call.constants else [own[0]]
    factors = _Factors(write, call, sizes)
    first = factors.matrix(names[0], left, apart, (*rows, inner))
    second = factors.right(names[1], right, kept, (inner, own[1]))
    product = write("MatMul", first, second)
    full = [*kept, *own[0], *own[1]]
    spread = write.reshape(product, 0, *(sizes[i] for i in full[1:]))
    permutation = [full.index(i) for i in result]
    write("Transpose", spread, output=call.node.outputs[0], perm=permutation)


def _one_operand(write: NodeWriter, x: str, labels: str, result: str, output: str) -> None:
    """Write an einsum of one operand: a sum and a permutation."""
    gone = np.array([i for i, label in enumerate(labels) if label not in result], np.int64)
    kept = [label for label in labels if label in result]
    total = write("ReduceSum", x, gone, keepdims=0) if gone.size else x
    write("Transpose", total, output=output, perm=[kept.index(label) for label in result])


def _parsed(call: _Call) -> tuple[str, str, str, tuple[str, ...]]:
    """Labels of both operands and of the result, and the operands' names; constants stand last."""
    equation = call.attributes["equation"].replace(" ", "")
    terms, _, result = equation.partition("->")
    operands = terms.split(",")
    plain = len(operands) <= 2 and "->" in equation and "." not in equation
    if not plain or any(len(set(labels)) != len(labels) for labels in (*operands, result)):
        raise UnsupportedOperatorError(
            f"{equation!r} has no encrypted form; give one or two operands and a result, without "
            "dots and without a label twice."
        )
    names = call.node.inputs
    if len(operands) == 2 and names[0] in call.constants:
        operands, names = operands[::-1], names[::-1]
    return operands[0], operands[-1], result, names


@dataclass(frozen=True)
class _Factors:
    """Operands of an einsum as matrices.

    Parameters
    ----------
    write : NodeWriter
    call : _Call
    sizes : dict of str to int
        By label.
    """

    write: NodeWriter
    call: _Call
    sizes: Mapping[str, int]

    def right(
        self, name: str, labels: str, kept: Sequence[str], groups: Sequence[Sequence[str]]
    ) -> str:
        """Right factor: a matrix of weights, or matrices of each sample."""
        constants = self.call.constants
        if name not in constants:
            return self.matrix(name, labels, kept, groups)
        if kept:
            raise UnsupportedOperatorError(
                f"{self.call.attributes['equation']!r} multiplies by other weights along an axis "
                "that stays; write it as several products."
            )
        permutation = [labels.index(label) for group in groups for label in group]
        shape = [math.prod(self.sizes[label] for label in group) for group in groups]
        return self.write.constant(constants[name].transpose(permutation).reshape(shape))

    def matrix(
        self, name: str, labels: str, apart: Sequence[str], groups: Sequence[Sequence[str]]
    ) -> str:
        """Write an operand with some axes apart, then one for each group of others."""
        flat = [*apart, *(label for group in groups for label in group)]
        turned = self.write("Transpose", name, perm=[labels.index(label) for label in flat])
        ends = (math.prod(self.sizes[label] for label in group) for group in groups)
        return self.write.reshape(turned, 0, *(self.sizes[i] for i in apart[1:]), *ends)


DECOMPOSED: Mapping[str, Callable[[NodeWriter, Any], None]] = {
    "ConvTranspose": _conv_transpose,
    "Einsum": _einsum,
    "GRU": _recurrent,
    "LRN": _lrn,
    "LSTM": _recurrent,
    "RNN": _recurrent,
    "Split": _split,
}
"""What writes the nodes of an operator."""
