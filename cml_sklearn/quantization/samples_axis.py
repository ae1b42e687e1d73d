"""Graphs that move the samples' axis about, rewritten so that it stays the first.

Recurrent and attention layers put the time first, or merge the samples with heads of attention or
steps of time. What becomes of a sample is its own matter all the same. So each such tensor gets a
twin whose first axis is that of the samples; nodes that move elements become the choice of elements
of each sample, which is found out by moving numbers, and all others run on the twins.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from cml_sklearn._typing import Array, IntArray
from cml_sklearn.exceptions import UnsupportedOperatorError
from cml_sklearn.onnx.graph import Node, PreparedGraph
from cml_sklearn.onnx.onnx_utils import signature_of
from cml_sklearn.onnx.running import run_node
from cml_sklearn.onnx.writing import NodeWriter
from cml_sklearn.quantization.clear_tail import ClearTail
from cml_sklearn.quantization.ops import ONNX_OPS_TO_QUANTIZED_IMPL
from cml_sklearn.quantization.ops.binary import QuantizedBinary, QuantizedWhere
from cml_sklearn.quantization.ops.elementwise import QuantizedUnivariate

__all__ = ["samples_first"]

_MOVES = frozenset(
    {"Expand", "Flatten", "Gather", "Identity", "Reshape", "Slice", "Squeeze", "Tile", "Transpose"}
    | {"Unsqueeze"}
)
"""Operators that only move the elements of their first input."""

_ELEMENTWISE = frozenset(
    name
    for name, kind in ONNX_OPS_TO_QUANTIZED_IMPL.items()
    if issubclass(kind, (QuantizedBinary, QuantizedUnivariate, QuantizedWhere))
) | {"Cast", "Neg", "Not"}
"""Operators on elements that stand in the same place."""

_ALONG_AXES = frozenset({"Concat", "LayerNormalization", "LogSoftmax", "Softmax"}) | frozenset(
    name for name in ONNX_OPS_TO_QUANTIZED_IMPL if name.startswith("Reduce")
)
"""Operators along axes that a node names."""


@dataclass(frozen=True)
class Layout:
    """Where the samples are: axis `axis` has (outer, n_samples, inner) elements, in this order.

    Parameters
    ----------
    shape : tuple of int
        Of a sample: the size of the axis is `outer * inner`.
    axis, outer, inner : int
    """

    shape: tuple[int, ...]
    axis: int
    outer: int
    inner: int

    @property
    def is_first(self) -> bool:
        """Whether the samples' axis is the first, by itself."""
        return (self.axis, self.outer, self.inner) == (0, 1, 1)

    @property
    def from_right(self) -> tuple[int, int, int]:
        """Place of the samples, counted from the last axis, as operands are aligned."""
        return self.axis - len(self.shape), self.outer, self.inner

    def twin(self, x: Array, n_samples: int) -> Array:
        """Tensor with the samples' axis first."""
        parts = (*self.shape[: self.axis], self.outer, n_samples, self.inner)
        apart = x.reshape(*parts, *self.shape[self.axis + 1 :])
        return np.moveaxis(apart, self.axis + 1, 0).reshape(n_samples, *self.shape)

    def original(self, twin: Array) -> Array:
        """Tensor whose twin is given."""
        parts = (*self.shape[: self.axis], self.outer, self.inner, *self.shape[self.axis + 1 :])
        apart = np.moveaxis(twin.reshape(len(twin), *parts), 0, self.axis + 1)
        rest = self.shape[self.axis + 1 :]
        return apart.reshape(*self.shape[: self.axis], len(twin) * self.outer * self.inner, *rest)

    @classmethod
    def find(cls, samples: IntArray) -> Layout | None:
        """Read the layout from a tensor that holds the number of each element's sample, 0 or 1."""
        for axis, size in enumerate(samples.shape):
            line = np.moveaxis(samples, axis, -1).reshape(-1, size)
            first = line[0]
            inner = int(np.argmax(first != first[0]))
            if not inner or size % (2 * inner):
                continue
            outer = size // (2 * inner)
            if (line == np.tile(np.repeat([0, 1], inner), outer)).all():
                shape = (*samples.shape[:axis], outer * inner, *samples.shape[axis + 1 :])
                return cls(shape, axis, outer, inner)
        return None


def samples_first(
    graph: PreparedGraph, tail: ClearTail | None, values: Mapping[str, Array]
) -> tuple[PreparedGraph, ClearTail | None]:
    """Rewrite a graph so that the samples' axis stays the first.

    Parameters
    ----------
    graph : PreparedGraph
    tail : ClearTail, optional
        What follows it; brings the outputs back into their own form.
    values : mapping of str to ndarray
        All tensors of two samples.

    Raises
    ------
    UnsupportedOperatorError
        A node mixes the samples, or has no form with their axis first.
    """
    rewriting = _Rewriting(graph, values)
    for node in graph.nodes:
        rewriting.add(node)
    if all(layout.is_first for layout in rewriting.layouts.values()):
        return graph, tail
    return rewriting.finished(tail)


class _Rewriting:
    """A graph being rewritten, with the layout of every tensor so far.

    Parameters
    ----------
    graph : PreparedGraph
    values : mapping of str to ndarray
        All tensors of two samples.
    """

    def __init__(self, graph: PreparedGraph, values: Mapping[str, Array]) -> None:
        self.graph, self.values = graph, values
        self.write = NodeWriter("samples")
        self.layouts = {
            spec.name: Layout((1, *values[spec.name].shape[1:]), 0, 1, 1) for spec in graph.inputs
        }

    def add(self, node: Node) -> None:
        """Append a node, in whichever form it needs."""
        known = [self.layouts.get(name) for name in node.inputs]
        if node.op_type in _MOVES and known[0] is not None:
            self._move(node, known[0])
        elif all(layout is None or layout.is_first for layout in known):
            self._keep(node)
        elif node.op_type in _ELEMENTWISE:
            self._elementwise(node)
        elif node.op_type in _ALONG_AXES:
            self._along_axes(node)
        elif node.op_type in {"Gemm", "MatMul"}:
            self._product(node)
        else:
            raise self._refusal(node, "moved the samples' axis before it")

    def finished(self, tail: ClearTail | None) -> tuple[PreparedGraph, ClearTail | None]:
        """Graph of the twins, and a tail that gives outputs their own form."""
        graph = replace(
            self.graph,
            nodes=tuple(self.write.nodes),
            constants=self.graph.constants | self.write.constants,
        )
        moved = [name for name in graph.outputs if not self.layouts[name].is_first]
        if not moved:
            return graph, tail
        if tail is None:
            raise UnsupportedOperatorError(
                f"What makes the output {moved[0]!r} moves the samples' axis to another place; "
                "give the model's outputs with the samples first."
            )
        back = NodeWriter("originals")
        for name in moved:
            _write_original(back, _twin(name), self.layouts[name], name)
        outputs = tuple(_twin(name) if name in moved else name for name in graph.outputs)
        inputs = tuple(_twin(name) if name in moved else name for name in tail.inputs)
        constants = {**tail.constants, **back.constants}
        nodes = (*back.nodes, *tail.nodes)
        return replace(graph, outputs=outputs), replace(
            tail, nodes=nodes, inputs=inputs, constants=constants
        )

    def _keep(self, node: Node) -> None:
        """Append a node as it is."""
        self.write.nodes.append(node)
        shape = self.values[node.outputs[0]].shape
        self._made(node, Layout((1, *shape[1:]), 0, 1, 1))

    def _made(self, node: Node, layout: Layout) -> None:
        """Remember what a node makes."""
        for name in filter(None, node.outputs):
            self.layouts[name] = layout

    def _result(self, node: Node, layout: Layout) -> str:
        """Name under which a node's result, of some layout, is written."""
        self._made(node, layout)
        name = node.outputs[0]
        return name if layout.is_first else _twin(name)

    def _move(self, node: Node, layout: Layout) -> None:
        """Append the choice of elements that a node makes of each sample."""
        size = math.prod(layout.shape)
        numbers = layout.original(np.arange(2 * size).reshape(2, *layout.shape))
        if any(name and name not in self.graph.constants for name in node.inputs[1:]):
            self._keep(node)
            return
        moved = run_node(node, {**self.values, node.inputs[0]: numbers})[node.outputs[0]]
        found = Layout.find(moved // size) if moved.size else None
        if layout.is_first and (found is None or found.is_first):
            self._keep(node)  # what it does to samples is refused where it is quantized
            return
        if found is None:
            raise self._refusal(node, "mixes samples")
        positions = found.twin(moved, 2)
        if (positions[0] != positions[1] - size).any():
            raise self._refusal(node, "moves elements of each sample otherwise")
        flat = self.write.reshape(self._name(node.inputs[0]), 0, -1)
        if not np.array_equal(positions[0].ravel(), np.arange(size)):
            flat = self.write.pick(flat, positions[0].ravel(), 1)
        shape = found.shape[1:] if found.is_first else found.shape
        self.write.reshape(flat, 0, *shape, output=self._result(node, found))

    def _elementwise(self, node: Node) -> None:
        """Append a node on operands in the same place."""
        layout = self._common(node)
        inputs = tuple(self._aligned(name, len(layout.shape)) for name in node.inputs)
        self._run(node, inputs, layout)

    def _along_axes(self, node: Node) -> None:
        """Append a node whose axes are counted from the last one."""
        known = [layout for name in node.inputs if (layout := self.layouts.get(name)) is not None]
        if len({layout.from_right for layout in known}) > 1:
            raise self._refusal(node, "joins tensors whose samples are on different axes")
        layout, rank = known[0], len(known[0].shape)
        inputs = [self._aligned(name, rank) for name in node.inputs]
        attributes = dict(node.attributes)
        if "axes" in signature_of(node.op_type).inputs:
            given = self.graph.constants[node.inputs[1]].ravel() if node.inputs[1:] else None
            axes = np.arange(rank) if given is None or not given.size else given % rank
            inputs[1:] = [self.write.constant(axes - rank)]
        else:
            usual = signature_of(node.op_type).attributes["axis"]
            axes = np.array([attributes.get("axis", usual)], np.int64) % rank
            attributes["axis"] = int(axes[0]) - rank
        beyond = node.op_type == "LayerNormalization" and layout.axis >= axes[0]
        if layout.axis in axes or beyond:
            raise self._refusal(node, "runs over the samples")
        if node.op_type.startswith("Reduce") and not attributes.get("keepdims", 1):
            dropped = sum(axis < layout.axis for axis in axes)
            shape = tuple(n for i, n in enumerate(layout.shape) if i not in axes)
            result = Layout(shape, layout.axis - dropped, layout.outer, layout.inner)
        else:
            result = self._of_result(node, layout)
        self._run(replace(node, attributes=attributes), tuple(inputs), result)

    def _product(self, node: Node) -> None:
        """Append a product of matrices."""
        layout = self._common(node)
        n_inner = 2 if node.inputs[1] in self.layouts else 1
        if layout.axis >= len(layout.shape) - n_inner:
            raise self._refusal(node, "multiplies matrices along the samples")
        if node.op_type == "Gemm":
            self._gemm(node, layout)
            return
        inputs = tuple(self._aligned(name, len(layout.shape)) for name in node.inputs)
        self._run(node, inputs, layout)

    def _gemm(self, node: Node, layout: Layout) -> None:
        """Append a Gemm whose input has more axes now."""
        attributes = {**signature_of("Gemm").attributes, **node.attributes}
        x, weights, *rest = node.inputs
        matrix = self.graph.constants.get(weights)
        bias = self.graph.constants.get(rest[0]) if rest and rest[0] else None
        if matrix is None or attributes["transA"] or (bias is None and rest and rest[0]):
            raise self._refusal(node, "has encrypted weights")
        matrix = attributes["alpha"] * (matrix.T if attributes["transB"] else matrix)
        target = self._result(node, self._of_result(node, layout))
        product = self._name(x), matrix.astype(self.values[x].dtype)
        if bias is None:
            self.write("MatMul", *product, output=target)
        else:
            term = (attributes["beta"] * bias).astype(bias.dtype)
            self.write("Add", self.write("MatMul", *product), term, output=target)

    def _run(self, node: Node, inputs: tuple[str, ...], layout: Layout) -> None:
        """Append a node that runs on twins; first ones again get their own form."""
        result = self._of_result(node, layout)
        rewritten = replace(node, inputs=inputs, outputs=(_twin(node.outputs[0]),))
        self.write.nodes.append(rewritten)
        self._made(node, result)
        if result.is_first:
            self.write.reshape(_twin(node.outputs[0]), 0, *result.shape[1:], output=node.outputs[0])

    def _of_result(self, node: Node, layout: Layout) -> Layout:
        """Layout of a result of as many axes, on which the samples stay where they are."""
        shape = list(self.values[node.outputs[0]].shape)
        if len(shape) != len(layout.shape):
            return layout
        shape[layout.axis] = layout.shape[layout.axis]
        return replace(layout, shape=tuple(shape))

    def _common(self, node: Node) -> Layout:
        """Layout that all encrypted operands share, counted from the last axis."""
        known = [layout for name in node.inputs if (layout := self.layouts.get(name)) is not None]
        widest = max(known, key=lambda layout: len(layout.shape))
        if any(layout.from_right != widest.from_right for layout in known):
            raise self._refusal(node, "takes tensors whose samples are on different axes")
        return widest

    def _aligned(self, name: str, rank: int) -> str:
        """Name of an operand's twin with as many axes as another; constants stay."""
        layout = self.layouts.get(name)
        if layout is None:
            return name
        if not layout.is_first and len(layout.shape) == rank:
            return _twin(name)
        ones = (1,) * (rank - len(layout.shape))
        return self.write.reshape(self._name(name), 0, *ones, *layout.shape)

    def _name(self, name: str) -> str:
        """Name under which a tensor stands with the samples first."""
        return name if self.layouts[name].is_first else _twin(name)

    def _refusal(self, node: Node, why: str) -> UnsupportedOperatorError:
        """Make the error for a node that can't be rewritten."""
        return UnsupportedOperatorError(
            f"{node} {why}, which has no encrypted form here. Keep the samples' axis the first, "
            "and what is made of each sample apart from the others."
        )


def _twin(name: str) -> str:
    """Name of a tensor's twin."""
    return f"{name}/samples_first"


def _write_original(write: NodeWriter, twin: str, layout: Layout, name: str) -> None:
    """Write the way from a twin back to its tensor, for any number of samples."""
    before, after = layout.shape[: layout.axis], layout.shape[layout.axis + 1 :]
    apart = write.reshape(twin, 0, *before, layout.outer, layout.inner, *after)
    rank = 1 + len(before) + 2 + len(after)
    order = [*range(1, len(before) + 2), 0, *range(len(before) + 2, rank)]
    turned = write("Transpose", apart, perm=order)
    write.reshape(turned, *before, -1, *after, output=name)
