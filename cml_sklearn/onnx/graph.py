"""An ONNX graph as plain Python."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from cml_sklearn._typing import Array

__all__ = ["Node", "PreparedGraph", "TensorSpec"]


@dataclass(frozen=True)
class Node:
    """One operation of a graph.

    Attributes
    ----------
    name : str
        Never empty.
    op_type : str
    inputs, outputs : tuple of str
        Names of tensors; an empty one stands for an optional tensor left out.
    attributes : dict
        Only those that are given; tensors as arrays, texts as `str`.
    domain : str
        Empty for ONNX's own operators.
    """

    name: str
    op_type: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any] = field(default_factory=dict)
    domain: str = ""

    def __str__(self) -> str:
        return f"{self.op_type} (node {self.name!r})"


@dataclass(frozen=True)
class TensorSpec:
    """What a graph says of one of its tensors.

    Attributes
    ----------
    name : str
    shape : tuple of int, str or None, optional
        A name or None where the size is free; no shape at all where even the rank is free.
    dtype : numpy.dtype
    """

    name: str
    shape: tuple[int | str | None, ...] | None
    dtype: np.dtype


@dataclass(frozen=True)
class PreparedGraph:
    """A checked graph, ready to be walked from its first node to its last.

    Attributes
    ----------
    nodes : tuple of Node
        In an order in which each follows those it needs; all in their operators' newest forms.
    constants : dict of str to ndarray
        Initializers, and all that depends on nothing else.
    inputs : tuple of TensorSpec
    outputs : tuple of str
    """

    nodes: tuple[Node, ...]
    constants: dict[str, Array]
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[str, ...]

    def readers(self, name: str) -> list[Node]:
        """Nodes that take a tensor, in their order."""
        return [node for node in self.nodes if name in node.inputs]
