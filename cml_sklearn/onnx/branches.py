"""Conditional parts of a model, of which the one that is taken is known beforehand."""

from __future__ import annotations

from collections.abc import Callable

import onnx

from cml_sklearn._typing import Array
from cml_sklearn.exceptions import InvalidGraphError, UnsupportedOperatorError

__all__ = ["inline_branches"]

_MOST = 1_000
"""Conditions of a model."""

Known = Callable[[onnx.ModelProto], Array | None]
"""Gives the one output of a model where it depends on constants and sizes only, else None."""


def inline_branches(model: onnx.ModelProto, known: Known) -> onnx.ModelProto:
    """Put the nodes of the branch that is taken in the place of each `If`.

    Exporters write such conditions on sizes of tensors, which are known.

    Parameters
    ----------
    model : onnx.ModelProto
    known : callable

    Returns
    -------
    onnx.ModelProto
        The same one, if it has no conditions.

    Raises
    ------
    UnsupportedOperatorError
        A condition depends on the model's inputs, or on unknown sizes.
    InvalidGraphError
        More than 1,000 conditions.
    """
    if not any(node.op_type == "If" for node in model.graph.node):
        return model
    inlined = onnx.ModelProto()
    inlined.CopyFrom(model)
    graph = inlined.graph
    for _ in range(_MOST):
        place = next((i for i, node in enumerate(graph.node) if node.op_type == "If"), None)
        if place is None:
            return inlined
        _inline(graph, place, known(_condition(inlined, place)))
    raise InvalidGraphError(f"The model has more than {_MOST} conditions; export a flat one.")


def _condition(model: onnx.ModelProto, place: int) -> onnx.ModelProto:
    """Part of a model that computes the condition of a node."""
    part = onnx.ModelProto()
    part.CopyFrom(model)
    wanted = model.graph.node[place].input[0]
    del part.graph.node[place:]
    del part.graph.output[:]
    part.graph.output.append(onnx.ValueInfoProto(name=wanted))
    return part


def _inline(graph: onnx.GraphProto, place: int, condition: Array | None) -> None:
    """Replace a node by those of one of its branches."""
    node = graph.node[place]
    if condition is None or condition.size != 1:
        raise UnsupportedOperatorError(
            f"If (node {node.name!r}) depends on the model's inputs, or on sizes that are not "
            "known beforehand; choose by Where, or export with fixed sizes."
        )
    wanted = "then_branch" if condition.item() else "else_branch"
    branch = next((a.g for a in node.attribute if a.name == wanted), None)
    if branch is None or len(branch.output) < len(node.output):
        raise InvalidGraphError(f"If (node {node.name!r}) lacks a branch, or outputs of one.")
    pairs = zip(branch.output, node.output, strict=False)
    ends = [
        onnx.helper.make_node("Identity", [inner.name], [outer], f"{node.name}/{outer}")
        for inner, outer in pairs
        if outer
    ]
    nodes = [*graph.node[:place], *branch.node, *ends, *graph.node[place + 1 :]]
    constants = list(branch.initializer)
    del graph.node[:]
    graph.node.extend(nodes)
    graph.initializer.extend(constants)
