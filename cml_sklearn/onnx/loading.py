"""ONNX models as plain Python: decoding, checking, preparing."""

from __future__ import annotations

import math
from collections.abc import Mapping, Set
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx

from cml_sklearn._typing import Array
from cml_sklearn.exceptions import InvalidGraphError, UnsupportedOperatorError
from cml_sklearn.onnx._arrays import NUMPY_TYPES
from cml_sklearn.onnx.branches import inline_branches
from cml_sklearn.onnx.files import errors_of_models, load_model, refuse_external_data
from cml_sklearn.onnx.functions import inline_functions
from cml_sklearn.onnx.graph import Node, PreparedGraph, TensorSpec
from cml_sklearn.onnx.onnx_utils import check_operator
from cml_sklearn.onnx.opsets import modernize
from cml_sklearn.onnx.passes import simplify_graph

__all__ = ["prepare_graph"]

_LARGEST = 1 << 28
"""Elements of the largest sparse tensor that is filled up."""


def prepare_graph(model: str | Path | bytes | onnx.ModelProto) -> PreparedGraph:
    """Check a model's graph, and decode it into operators of their newest forms.

    Parameters
    ----------
    model : path, bytes or onnx.ModelProto

    Returns
    -------
    PreparedGraph

    Raises
    ------
    InvalidGraphError
        The graph is cyclic, unsorted or lacks a tensor, or ONNX's own checker refuses the model.
    UnsupportedOperatorError
        An operator, operator set, attribute or element type is unknown here.
    """
    proto = load_model(model)
    with errors_of_models():
        proto = inline_branches(inline_functions(proto), _known_output)
        graph = to_graph(proto.graph)
        check_graph(graph)
        modern = modernize_graph(graph, proto)
        return simplify_graph(modern, infer_specs(proto))


def _known_output(proto: onnx.ModelProto) -> Array | None:
    """Value of a model's one output, where it depends on constants and sizes only."""
    graph = to_graph(proto.graph)
    check_graph(graph)
    simple = simplify_graph(modernize_graph(graph, proto), infer_specs(proto))
    return simple.constants.get(graph.outputs[0])


def modernize_graph(graph: PreparedGraph, model: onnx.ModelProto) -> PreparedGraph:
    """Check each node of a model's graph, and turn it into its operator's newest form.

    Raises
    ------
    InvalidGraphError
        ONNX's own checker refuses a node.
    UnsupportedOperatorError
        An operator, operator set or attribute is unknown here.
    """
    opset = find_opset(model)
    nodes, constants = [], dict(graph.constants)
    for node, proto in zip(graph.nodes, model.graph.node, strict=True):
        check_operator(node)
        replacements, moved = modernize(node, opset)
        check_by_onnx(proto, opset)
        nodes += replacements
        constants |= moved
    return replace(graph, nodes=tuple(nodes), constants=constants)


def infer_specs(model: onnx.ModelProto) -> dict[str, TensorSpec]:
    """Find out what ONNX's shape inference knows of a graph's tensors.

    What the model itself says of all but its inputs is left aside: exporters often write down the
    shapes of their example, whose number of samples is not that of other inputs.
    """
    bare = onnx.ModelProto()
    bare.CopyFrom(model)
    del bare.graph.value_info[:]
    for output in bare.graph.output:
        output.ClearField("type")
    for dim in (d for x in bare.graph.input for d in x.type.tensor_type.shape.dim):
        if dim.HasField("dim_value") and dim.dim_value < 0:
            dim.Clear()
    graph = onnx.shape_inference.infer_shapes(bare, data_prop=True).graph
    return {
        value.name: to_spec(value)
        for value in (*graph.input, *graph.value_info, *graph.output)
        if value.type.tensor_type.elem_type in NUMPY_TYPES
    }


def find_opset(model: onnx.ModelProto) -> int:
    """Find the version of ONNX's own operators that a model uses.

    Raises
    ------
    UnsupportedOperatorError
        The installed onnx package does not know it.
    """
    versions = {entry.domain: entry.version for entry in model.opset_import}
    version = versions.get("", versions.get("ai.onnx", 1))
    newest = onnx.defs.onnx_opset_version()
    if not 1 <= version <= newest:
        raise UnsupportedOperatorError(
            f"The model uses operator set {version}; export it with one of 1 to {newest}."
        )
    return version


def check_by_onnx(node: onnx.NodeProto, opset: int) -> None:
    """Check a node by ONNX's own schema.

    The checker of whole models would also refuse outputs without a shape, which do no harm.

    Raises
    ------
    InvalidGraphError
        With the checker's own message.
    """
    context = onnx.checker.C.CheckerContext()
    context.ir_version, context.opset_imports = onnx.IR_VERSION, {"": opset}
    try:
        onnx.checker.check_node(node, context)
    except onnx.checker.ValidationError as error:
        raise InvalidGraphError(f"ONNX's checker refuses node {node.name!r}: {error}") from error


def to_graph(proto: onnx.GraphProto) -> PreparedGraph:
    """Decode a graph, with its nodes as they were written."""
    constants = {tensor.name: to_array(tensor) for tensor in proto.initializer}
    constants |= {sparse.values.name: to_dense(sparse) for sparse in proto.sparse_initializer}
    return PreparedGraph(
        tuple(to_node(node, index) for index, node in enumerate(proto.node)),
        constants,
        tuple(to_spec(value) for value in proto.input if value.name not in constants),
        tuple(value.name for value in proto.output),
    )


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
    """Decode an attribute: tensors as arrays, texts as `str`."""
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
    InvalidGraphError
        Its data are in a file.
    """
    to_dtype(tensor.data_type, tensor.name)
    refuse_external_data(tensor)
    return onnx.numpy_helper.to_array(tensor)


def to_dense(tensor: onnx.SparseTensorProto) -> Array:
    """Decode a sparse tensor, whose indices are flat or one row an element."""
    if not 0 <= math.prod(tensor.dims) <= _LARGEST:
        raise InvalidGraphError(
            f"Sparse tensor {tensor.values.name!r} has shape {list(tensor.dims)}; at most "
            f"{_LARGEST} elements are filled up."
        )
    values, indices = to_array(tensor.values), to_array(tensor.indices)
    dense = np.zeros(tuple(tensor.dims), values.dtype)
    where = np.unravel_index(indices, dense.shape) if indices.ndim == 1 else tuple(indices.T)
    dense[where] = values
    return dense


def to_dtype(element_type: int, tensor: str) -> np.dtype:
    """Find the NumPy type of a tensor's elements.

    Raises
    ------
    UnsupportedOperatorError
        There is none.
    """
    if element_type not in NUMPY_TYPES:
        names = {number: name for name, number in onnx.TensorProto.DataType.items()}
        name = names.get(element_type, str(element_type))
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
    dims = tuple(map(_to_size, tensor.shape.dim))
    shape = dims if tensor.HasField("shape") else None
    return TensorSpec(value.name, shape, to_dtype(tensor.elem_type, value.name))


def _to_size(dim: onnx.TensorShapeProto.Dimension) -> int | str | None:
    """Decode a size; some exporters write a negative number for one that is free."""
    if dim.HasField("dim_value"):
        return dim.dim_value if dim.dim_value >= 0 else None
    return dim.dim_param or None


def check_graph(graph: PreparedGraph) -> None:
    """Check that each node follows those it needs, and that nothing is missing.

    Raises
    ------
    InvalidGraphError
        A node takes a tensor that a later one makes (a cycle, or an unsorted graph) or that none
        makes; two nodes make the same tensor; an output is made by none; there are no outputs.
    """
    if not graph.outputs or "" in (*graph.outputs, *(spec.name for spec in graph.inputs)):
        raise InvalidGraphError(
            "The model has no outputs, or inputs or outputs without a name; name them all."
        )
    makers = {name: node for node in graph.nodes for name in node.outputs}
    made = {"", *graph.constants, *(spec.name for spec in graph.inputs)}
    for node in graph.nodes:
        _check_inputs(node, made, makers)
        _check_outputs(node, made)
        made |= set(node.outputs)
    missing = [name for name in graph.outputs if name not in made]
    if missing:
        raise InvalidGraphError(
            f"No node makes the graph's output {missing[0]!r}; remove it or add its node."
        )


def _check_inputs(node: Node, made: Set[str], makers: Mapping[str, Node]) -> None:
    """Check that all tensors that a node takes are made by then."""
    for name in node.inputs:
        if name not in made and name in makers:
            raise InvalidGraphError(
                f"{node} needs tensor {name!r} before {makers[name]} has made it: the graph is "
                "cyclic or not sorted. Sort its nodes topologically."
            )
        if name not in made:
            raise InvalidGraphError(
                f"{node} needs tensor {name!r}, which is no input of the graph, no initializer and "
                "no output of a node. Add the missing initializer."
            )


def _check_outputs(node: Node, made: Set[str]) -> None:
    """Check that no tensor that a node makes is there already."""
    for name in node.outputs:
        if name and name in made:
            raise InvalidGraphError(
                f"{node} makes tensor {name!r} a second time; give every tensor its own name."
            )
