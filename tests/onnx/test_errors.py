"""What is wrong with a model or its inputs is said, with the culprit's name."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, parser

from cml_sklearn.exceptions import InvalidGraphError, InvalidInputError, UnsupportedOperatorError
from cml_sklearn.onnx import NumpyModule
from tests.onnx.models import one_node

X = np.ones((2, 3), np.float32)


def graph_of(*nodes: onnx.NodeProto, opset: int = 17, outputs: tuple[str, ...] = ("y",)) -> Any:
    """Model of some nodes on one matrix "x"."""
    graph = helper.make_graph(
        nodes,
        "graph",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 3])],
        [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", 3]) for name in outputs],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def node(op_type: str, inputs: str, outputs: str, **attributes: Any) -> onnx.NodeProto:
    name = f"{op_type.lower()}_of_{inputs.split(maxsplit=1)[0]}"
    return helper.make_node(op_type, inputs.split(), outputs.split(), name=name, **attributes)


BAD_GRAPHS = {
    "cycle": (
        graph_of(node("Add", "x b", "a"), node("Neg", "a", "b"), node("Neg", "b", "y")),
        r"Add \(node 'add_of_x'\) needs tensor 'b' before Neg \(node 'neg_of_a'\).*cyclic",
    ),
    "unsorted": (
        graph_of(node("Neg", "a", "y"), node("Abs", "x", "a")),
        r"Neg \(node 'neg_of_a'\) needs tensor 'a' before Abs \(node 'abs_of_x'\)",
    ),
    "missing tensor": (
        graph_of(node("Add", "x w", "y")),
        r"Add \(node 'add_of_x'\) needs tensor 'w', which is no input",
    ),
    "missing output": (graph_of(node("Abs", "x", "a")), "output 'y'"),
    "tensor made twice": (
        graph_of(node("Abs", "x", "y"), node("Neg", "x", "y")),
        r"Neg \(node 'neg_of_x'\) makes tensor 'y' a second time",
    ),
    "too few inputs of a node": (graph_of(node("Add", "x", "y")), "add_of_x"),
    "bytes that are no model": (b"no model at all", "no ONNX model"),
}


@pytest.mark.parametrize("case", BAD_GRAPHS)
def test_invalid_graphs(case: str) -> None:
    model, message = BAD_GRAPHS[case]
    with pytest.raises(InvalidGraphError, match=message):
        NumpyModule(model)


UNSUPPORTED = {
    "operator": (graph_of(node("Frobnicate", "x", "y")), r"Frobnicate \(node 'frobnicate_of_x'\)"),
    "domain": (
        graph_of(node("Abs", "x", "y", domain="com.example")),
        r"Abs \(node 'abs_of_x'\) of domain 'com.example'",
    ),
    "operator set": (graph_of(node("Abs", "x", "y"), opset=999), "operator set 999"),
    "attribute": (
        graph_of(node("Elu", "x", "y", beta=2.0)),
        r"Elu \(node 'elu_of_x'\) of operator set 17 has an unknown attribute 'beta'",
    ),
    "old attribute": (
        graph_of(node("Add", "x x", "y", axis=1, broadcast=1), opset=6),
        r"Add \(node 'add_of_x'\) of operator set 6 has an unknown attribute",
    ),
    "element type": (
        parser.parse_model("""
            <ir_version: 8, opset_import: ["": 17]>
            brain (bfloat16[N] x) => (bfloat16[N] y) { y = Abs(x) }
        """),
        "'x' has elements of type BFLOAT16",
    ),
    "sequence": (
        parser.parse_model("""
            <ir_version: 8, opset_import: ["": 17]>
            sequence (seq(float[N]) x) => (seq(float[N]) y) { y = Identity(x) }
        """),
        "'x' is a sequence_type",
    ),
}


@pytest.mark.parametrize("case", UNSUPPORTED)
def test_unsupported_models(case: str) -> None:
    model, message = UNSUPPORTED[case]
    with pytest.raises(UnsupportedOperatorError, match=message):
        NumpyModule(model)


def test_cast_to_a_type_that_numpy_lacks() -> None:
    module = NumpyModule(one_node("Cast", [X], to=TensorProto.BFLOAT16))
    with pytest.raises(UnsupportedOperatorError, match=r"node 'the_node'.*type 16"):
        module(X)


BAD_INPUTS = {
    "none": ((), "0 inputs and takes 1: 'x'"),
    "too many": ((X, X), "2 inputs and takes 1: 'x'"),
    "rank": ((X[0],), r"'x' has shape \[3\]; the model takes \[N, 3\]"),
    "shape": ((X.T,), r"'x' has shape \[3, 2\]; the model takes \[N, 3\]"),
    "type": ((X.astype(complex),), "'x' is of type complex128"),
    "text": ((X.astype(str),), "'x' is of type <U"),
}


@pytest.mark.parametrize("case", BAD_INPUTS)
def test_invalid_inputs(case: str) -> None:
    inputs, message = BAD_INPUTS[case]
    with pytest.raises(InvalidInputError, match=message):
        NumpyModule(graph_of(node("Abs", "x", "y")))(*inputs)


def test_floats_do_not_become_integers() -> None:
    indices = np.zeros(1, np.int64)
    module = NumpyModule(one_node("Gather", [X, indices]))
    with pytest.raises(InvalidInputError, match="'x1' is of type float64, which int64 can't hold"):
        module(X, np.zeros(1))


@pytest.mark.parametrize(
    ("op_type", "other"),
    [
        ("Add", np.ones((2, 2), np.float32)),
        ("MatMul", np.ones((2, 2), np.float32)),
        ("Reshape", np.array([-1, -1])),
        ("Reshape", np.array([4, -1])),
        ("Gather", np.array([5])),
        ("Expand", np.array([7, 7])),
    ],
)
def test_shapes_that_do_not_fit(op_type: str, other: np.ndarray) -> None:
    module = NumpyModule(one_node(op_type, [X, other]))
    message = rf"{op_type} \(node 'the_node'\) can't be computed on 'x0': float32\[2, 3\], 'x1'"
    with pytest.raises(InvalidInputError, match=message):
        module(X, other)


def test_windows_larger_than_the_input() -> None:
    x = np.ones((1, 1, 3), np.float32)
    module = NumpyModule(one_node("AveragePool", [x], kernel_shape=[5]))
    with pytest.raises(InvalidInputError, match=r"the_node.*5 elements does not fit into 3"):
        module(x)


def test_outputs_that_have_no_implementation() -> None:
    channel = np.ones(3, np.float32)
    inputs = [X, channel, channel, channel, channel]
    model = one_node("BatchNormalization", inputs, n_outputs=5, opset=9)
    with pytest.raises(
        UnsupportedOperatorError, match=r"the_node.*has 5 outputs; only the first 3"
    ):
        NumpyModule(model)(*inputs)
