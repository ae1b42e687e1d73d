"""Shapes that a graph computes, worked out beforehand."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from cml_sklearn._typing import Array
from cml_sklearn.onnx.graph import Node, PreparedGraph, TensorSpec
from cml_sklearn.onnx.running import run_node

__all__ = ["resolve_shapes"]

_AFFINE = {
    "Add",
    "Cast",
    "Concat",
    "Gather",
    "Identity",
    "Mul",
    "Neg",
    "Reshape",
    "Slice",
    "Squeeze",
    "Sub",
    "Unsqueeze",
}
"""Operators that keep sizes affine in the free ones: then two trials show what is constant."""


def resolve_shapes(graph: PreparedGraph, specs: Mapping[str, TensorSpec]) -> PreparedGraph:
    """Replace shapes computed by the graph by constants, where these are known.

    So ``x.reshape(len(x), -1)``, which exporters turn into five nodes, becomes one node again. All
    sizes are computed twice, with two numbers in place of each free one.

    Parameters
    ----------
    graph : PreparedGraph
    specs : mapping of str to TensorSpec
        What is known of its tensors.
    """
    trials = [_Trial(specs, free) for free in (10_007, 20_011)]
    constants, nodes = dict(graph.constants), []
    for node in graph.nodes:
        for trial in trials:
            trial.run(node, graph.constants)
        target = _known_target(node, trials, graph.constants)
        nodes.append(replace(node, inputs=(node.inputs[0], *target)) if target else node)
        constants |= target
    first, second = (trial.values for trial in trials)
    same = {name: x for name, x in first.items() if np.array_equal(x, second[name])}
    kept = tuple(node for node in nodes if not same.keys() >= set(node.outputs))
    return replace(graph, nodes=kept, constants=constants | same)


class _Trial:
    """The sizes in a graph when each free one is some number.

    Parameters
    ----------
    specs : mapping of str to TensorSpec
    free : int
        The number for the first free size; the others get those that follow.
    """

    def __init__(self, specs: Mapping[str, TensorSpec], free: int) -> None:
        shapes = {name: spec.shape for name, spec in specs.items() if spec.shape is not None}
        names = sorted({n for shape in shapes.values() for n in shape if isinstance(n, str)})
        sizes = {name: free + number for number, name in enumerate(names)}
        self.shapes = {
            tensor: [n if isinstance(n, int) else sizes[n] for n in shape if n is not None]
            for tensor, shape in shapes.items()
            if None not in shape
        }
        self.values: dict[str, Array] = {}

    def run(self, node: Node, constants: dict[str, Array]) -> None:
        """Run a node, if it is one that computes sizes from sizes."""
        if node.op_type == "Shape" and node.inputs[0] in self.shapes:
            # not run, since no array has as many elements
            named = slice(*(node.attributes.get(end) for end in ("start", "end")))
            shape = self.shapes[node.inputs[0]][named]
            self.values[node.outputs[0]] = np.asarray(shape, np.int64)
        elif node.op_type in _AFFINE:
            known = ChainMap(self.values, constants)
            if all(not name or name in known for name in node.inputs):
                self.values |= run_node(node, known)


def _known_target(
    node: Node, trials: Sequence[_Trial], constants: Mapping[str, Array]
) -> dict[str, Array]:
    """Shape that a node reshapes to, as a new constant; empty unless it is worth one."""
    if node.op_type != "Reshape" or node.inputs[1] in constants:
        return {}
    shape = _common_shape(node, trials)
    return {} if shape is None else {f"{node.outputs[0]}/shape": np.asarray(shape, np.int64)}


def _common_shape(node: Node, trials: Sequence[_Trial]) -> list[int] | None:
    """Shape for a node that does for both trials: 0 to keep a size, -1 to work it out."""
    data, target = node.inputs
    if node.attributes.get("allowzero") or any(target not in t.values for t in trials):
        return None
    before = [t.shapes.get(data, []) for t in trials]
    shape = []
    for axis, sizes in enumerate(zip(*(t.values[target].tolist() for t in trials), strict=True)):
        kept = all(axis < len(b) and b[axis] == n for b, n in zip(before, sizes, strict=True))
        shape.append(sizes[0] if sizes[0] == sizes[1] else 0 if kept else -1)
    return shape if shape.count(-1) <= 1 else None
