"""Local functions of a model, checked before ONNX's inliner, which trusts them, gets them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import onnx
import onnx.inliner

from cml_sklearn.exceptions import InvalidGraphError

__all__ = ["inline_functions"]

_DEEPEST = 50
"""Functions within each other, and graphs within nodes: the inliner recurses into them."""

_MOST_NODES = 1_000_000
"""Nodes of a model after its functions are inlined."""

_Key = tuple[str, str]


def inline_functions(model: onnx.ModelProto) -> onnx.ModelProto:
    """Put the nodes of local functions in the place of their calls.

    Parameters
    ----------
    model : onnx.ModelProto

    Returns
    -------
    onnx.ModelProto
        The same one, if it has no functions.

    Raises
    ------
    InvalidGraphError
        A function calls itself, or calls within calls make too many nodes.
    """
    if not model.functions:
        return model
    sizes = _Sizes(model.functions)
    sizes.count(model.graph.node, 0)
    return onnx.inliner.inline_local_functions(model)


class _Sizes:
    """Number of nodes that each function becomes.

    Parameters
    ----------
    functions : iterable of onnx.FunctionProto
    """

    def __init__(self, functions: Iterable[onnx.FunctionProto]) -> None:
        self.functions = {(f.domain, f.name): f for f in functions}
        self.known: dict[_Key, int] = {}

    def count(self, nodes: Iterable[onnx.NodeProto], depth: int) -> int:
        """Count what nodes become, at a depth of calls.

        Raises
        ------
        InvalidGraphError
            The calls are too deep, or make too many nodes.
        """
        if depth > _DEEPEST:
            raise InvalidGraphError(
                f"The model's local functions call each other more than {_DEEPEST} deep, or "
                "themselves; inline them before, by onnx.inliner."
            )
        total = sum(self._of_call((n.domain, n.op_type), depth) for n in _with_inner(nodes))
        if total > _MOST_NODES:
            raise InvalidGraphError(
                f"The model's local functions make more than {_MOST_NODES} nodes; export a "
                "smaller model."
            )
        return total

    def _of_call(self, key: _Key, depth: int) -> int:
        """Count what one node becomes: itself, or the nodes of a function."""
        if key not in self.functions:
            return 1
        if key not in self.known:
            self.known[key] = self.count(self.functions[key].node, depth + 1)
        return self.known[key]


def _with_inner(nodes: Iterable[onnx.NodeProto], depth: int = 0) -> Iterator[onnx.NodeProto]:
    """Nodes, and those of the graphs in their attributes."""
    if depth > _DEEPEST:
        raise InvalidGraphError(
            f"The model has graphs within graphs, more than {_DEEPEST} deep; export a flat one."
        )
    for node in nodes:
        yield node
        for attribute in node.attribute:
            for graph in (attribute.g, *attribute.graphs):
                yield from _with_inner(graph.node, depth + 1)
