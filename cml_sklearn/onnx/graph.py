"""An ONNX graph as plain Python."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from cml_sklearn.onnx._arrays import Array, Operator

__all__ = ["Node", "OperatorSignature", "PreparedGraph", "TensorSpec"]


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
    """What a graph says of one of its inputs.

    Attributes
    ----------
    name : str
    shape : tuple of int, str or None, optional
        A name or None where the size is free; no shape at all where even the rank is free.
    dtype : numpy.dtype
    """

    name: str
    shape: tuple[int | str | None, ...] | None
    dtype: np.dtype[Any]


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


@dataclass(frozen=True)
class OperatorSignature:
    """What an operator takes, read from the signature of its implementation.

    Attributes
    ----------
    required : tuple of str
        Inputs that a node must have.
    optional : tuple of str
        Inputs that it may have.
    attributes : dict
        Defaults by name; `inspect.Parameter.empty` where there is none.
    variadic : bool
        Whether any number of inputs may follow.
    counts_outputs : bool
        Whether the implementation wants to know the number of outputs.
    """

    required: tuple[str, ...]
    optional: tuple[str, ...]
    attributes: dict[str, Any]
    variadic: bool = False
    counts_outputs: bool = False

    @property
    def inputs(self) -> tuple[str, ...]:
        """Required and optional inputs."""
        return self.required + self.optional

    @classmethod
    def from_function(cls, function: Operator) -> OperatorSignature:
        """Read the signature of an implementation."""
        parameters = inspect.signature(function).parameters
        kinds: dict[Any, list[str]] = {}
        for name, parameter in parameters.items():
            kinds.setdefault(parameter.kind, []).append(name)
        keywords = kinds.get(inspect.Parameter.KEYWORD_ONLY, [])
        return cls(
            tuple(kinds.get(inspect.Parameter.POSITIONAL_ONLY, [])),
            tuple(kinds.get(inspect.Parameter.POSITIONAL_OR_KEYWORD, [])),
            {name: parameters[name].default for name in keywords if name != "n_outputs"},
            inspect.Parameter.VAR_POSITIONAL in kinds,
            "n_outputs" in keywords,
        )
