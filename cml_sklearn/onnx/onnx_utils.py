"""ONNX models as plain Python: loading, checking, decoding."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from google.protobuf.message import DecodeError

from cml_sklearn.exceptions import InvalidGraphError, UnsupportedOperatorError
from cml_sklearn.onnx._typing import Array, Operator
from cml_sklearn.onnx.ops_logic import NUMPY_TYPES

__all__ = [
    "Node",
    "OperatorSignature",
    "PreparedGraph",
    "TensorSpec",
    "load_model",
    "prepare_graph",
]


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


def load_model(model: str | Path | bytes | onnx.ModelProto) -> onnx.ModelProto:
    """Read and check a model.

    Parameters
    ----------
    model : path, bytes or onnx.ModelProto

    Returns
    -------
    onnx.ModelProto

    Raises
    ------
    InvalidGraphError
        The model can't be read, or ONNX's own checker or `check_order` refuses it.
    UnsupportedOperatorError
        It uses an operator set newer than the installed onnx package.
    """
    if isinstance(model, onnx.ModelProto):
        return model
    try:
        return onnx.load_from_string(model) if isinstance(model, bytes) else onnx.load(str(model))
    except DecodeError as error:
        raise InvalidGraphError(
            f"The model is no ONNX model ({error}); give the path or bytes of one."
        ) from error


def to_node(proto: onnx.NodeProto, index: int) -> Node:
    """Decode a node; one without a name gets one from its place in the graph."""
    return Node(
        proto.name or f"{proto.op_type}_{index}",
        proto.op_type,
        tuple(proto.input),
        tuple(proto.output),
        {attribute.name: to_value(attribute) for attribute in proto.attribute},
        "" if proto.domain == "ai.onnx" else proto.domain,
    )


def to_value(attribute: onnx.AttributeProto) -> Any:
    """Decode an attribute: tensors as arrays, texts as `str`, all else as ONNX's own helper does."""
    value = onnx.helper.get_attribute_value(attribute)
    match value:
        case bytes():
            return value.decode()
        case onnx.TensorProto():
            return to_array(value)
        case onnx.SparseTensorProto():
            return to_dense(value)
        case [bytes(), *_]:
            return [text.decode() for text in value]
        case _:
            return value


def to_array(tensor: onnx.TensorProto) -> Array:
    """Decode a tensor.

    Raises
    ------
    UnsupportedOperatorError
        NumPy lacks its element type.
    """
    to_dtype(tensor.data_type, tensor.name)
    return onnx.numpy_helper.to_array(tensor)


def to_dense(tensor: onnx.SparseTensorProto) -> Array:
    """Decode a sparse tensor, whose indices are flat or one row an element."""
    values, indices = to_array(tensor.values), to_array(tensor.indices)
    dense = np.zeros(tuple(tensor.dims), values.dtype)
    where = np.unravel_index(indices, dense.shape) if indices.ndim == 1 else tuple(indices.T)
    dense[where] = values
    return dense


def to_dtype(element_type: int, tensor: str) -> np.dtype[Any]:
    """Find the NumPy type of a tensor's elements.

    Raises
    ------
    UnsupportedOperatorError
        There is none.
    """
    if element_type not in NUMPY_TYPES:
        name = onnx.TensorProto.DataType.Name(element_type)  # type: ignore[arg-type]
        allowed = ", ".join(str(dtype) for dtype in NUMPY_TYPES.values())
        raise UnsupportedOperatorError(
            f"Tensor {tensor!r} has elements of type {name}; allowed are {allowed}."
        )
    return NUMPY_TYPES[element_type]


def to_spec(value: onnx.ValueInfoProto) -> TensorSpec:
    """Decode what the graph says of an input.

    Raises
    ------
    UnsupportedOperatorError
        The input is no tensor, but a sequence, a map or an optional one.
    """
    if not value.type.HasField("tensor_type"):
        kind = value.type.WhichOneof("value")
        raise UnsupportedOperatorError(
            f"Input {value.name!r} is a {kind or 'value without a type'}; only tensors are allowed."
        )
    tensor = value.type.tensor_type
    dims = tuple(
        dim.dim_value if dim.HasField("dim_value") else dim.dim_param or None
        for dim in tensor.shape.dim
    )
    shape = dims if tensor.HasField("shape") else None
    return TensorSpec(value.name, shape, to_dtype(tensor.elem_type, value.name))


def check_order(nodes: Iterable[Node], known: Iterable[str]) -> None:
    """Check that each node follows those it needs.

    Raises
    ------
    InvalidGraphError
        A node takes a tensor that a later one makes (a cycle, or an unsorted graph) or that none
        makes; or two nodes make the same tensor.
    """
    nodes, seen = list(nodes), set(known) | {""}
    makers = {name: node for node in nodes for name in node.outputs}
    for node in nodes:
        for name in node.inputs:
            if name in seen:
                continue
            if name in makers:
                raise InvalidGraphError(
                    f"{node} needs tensor {name!r} before {makers[name]} has made it: the graph is "
                    "cyclic or not sorted. Sort its nodes topologically."
                )
            raise InvalidGraphError(
                f"{node} needs tensor {name!r}, which is no input of the graph, no initializer and "
                "no output of a node. Add the missing initializer."
            )
        for name in set(node.outputs) - {""}:
            if name in seen:
                raise InvalidGraphError(
                    f"{node} makes tensor {name!r} a second time; give every tensor its own name."
                )
            seen.add(name)
