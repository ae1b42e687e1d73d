"""Branches that are known beforehand."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from cml_sklearn.exceptions import UnsupportedOperatorError
from cml_sklearn.onnx import NumpyModule

X = np.array([[1.0, -2.0]], np.float32)


def branch(op_type: str, *, nested: bool = False) -> onnx.GraphProto:
    """Graph of one operator on the outer tensor x, perhaps inside another condition."""
    node = helper.make_node(op_type, ["x"], [f"{op_type}_y"])
    if nested:
        ways = {"then_branch": branch("Abs"), "else_branch": branch("Neg")}
        node = helper.make_node("If", ["c"], [f"{op_type}_y"], **ways)
    output = helper.make_tensor_value_info(f"{op_type}_y", TensorProto.FLOAT, None)
    return helper.make_graph([node], op_type, [], [output])


def model(condition: list[onnx.NodeProto], *, nested: bool = False) -> onnx.ModelProto:
    """Choose between relu and exp."""
    node = helper.make_node(
        "If", ["c"], ["z"], then_branch=branch("Relu", nested=nested), else_branch=branch("Exp")
    )
    graph = helper.make_graph(
        [*condition, node, helper.make_node("Neg", ["z"], ["y"])],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 2])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])


def constant(name: str, value: object) -> onnx.NodeProto:
    return helper.make_node(
        "Constant", [], [name], value=onnx.numpy_helper.from_array(np.asarray(value))
    )


@pytest.mark.parametrize("size", [2, 3])
def test_sizes_and_constants_decide(size: int) -> None:
    condition = [
        helper.make_node("Shape", ["x"], ["s"], start=1),
        constant("two", np.array([size])),
        helper.make_node("Equal", ["s", "two"], ["c"]),
    ]
    (y,) = NumpyModule(model(condition))(X)
    np.testing.assert_array_equal(y, -np.maximum(X, 0) if size == 2 else -np.exp(X))


def test_conditions_within_conditions() -> None:
    (y,) = NumpyModule(model([constant("c", np.array(True))], nested=True))(X)
    np.testing.assert_array_equal(y, -np.abs(X))


def test_a_condition_on_inputs_is_refused() -> None:
    condition = [
        helper.make_node("ReduceMax", ["x"], ["m"]),
        helper.make_node("Cast", ["m"], ["c"], to=TensorProto.BOOL),
    ]
    with pytest.raises(UnsupportedOperatorError, match="depends on the model's inputs"):
        NumpyModule(model(condition))
