"""Running, copying and preparing whole models."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper, parser

from cml_sklearn.onnx import NumpyModule, prepare_graph, run_model
from tests.onnx.models import one_node

MLP = """
<ir_version: 8, opset_import: ["": 17]>
mlp (float[N, 2] x) => (float[N, 1] y)
<float[2, 3] w1 = {1, -1, 2, 0, 1, 1}, float[3] b1 = {0, 1, -1}, float[3, 1] w2 = {1, 2, 3}>
{
    hidden = Gemm(x, w1, b1)
    active = Relu(hidden)
    y = MatMul(active, w2)
}
"""
X = np.array([[1, 2], [-3, 4]], np.float32)


@pytest.fixture
def model() -> onnx.ModelProto:
    return parser.parse_model(MLP)


def expected() -> np.ndarray:
    hidden = X @ np.array([[1, -1, 2], [0, 1, 1]]) + [0, 1, -1]
    return np.maximum(hidden, 0) @ [[1], [2], [3]]


def test_forward(model: onnx.ModelProto) -> None:
    (y,) = NumpyModule(model).forward(X)
    assert y.dtype == np.float32
    np.testing.assert_array_equal(y, expected())


def test_every_way_of_loading(model: onnx.ModelProto, tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    onnx.save(model, path)
    for source in (path, str(path), path.read_bytes(), model):
        np.testing.assert_array_equal(NumpyModule(source)(X)[0], expected())


def test_attributes(model: onnx.ModelProto) -> None:
    module = NumpyModule(model)
    (spec,) = module.graph_inputs
    assert (spec.name, spec.shape, spec.dtype) == ("x", ("N", 2), np.float32)
    assert module.output_names == ("y",)
    assert module.onnx_model == model


@pytest.mark.parametrize("duplicate", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_copies(duplicate: Callable[[NumpyModule], NumpyModule], model: onnx.ModelProto) -> None:
    module = duplicate(NumpyModule(model))
    np.testing.assert_array_equal(module(X)[0], expected())
    assert module.onnx_model == model


def test_activations_hold_every_tensor(model: onnx.ModelProto) -> None:
    values = NumpyModule(model).activations(X)
    assert set(values) == {"x", "w1", "b1", "w2", "hidden", "active", "y"}
    np.testing.assert_array_equal(values["active"], np.maximum(values["hidden"], 0))


def test_forward_frees_tensors_after_their_last_use(model: onnx.ModelProto) -> None:
    module = NumpyModule(model)
    assert set(module._run((X,), release=True)) == {"y"}
    np.testing.assert_array_equal(module(X)[0], module(X)[0])


def test_inputs_are_converted_to_the_types_of_the_graph(model: onnx.ModelProto) -> None:
    for dtype in (np.float64, np.float16, np.int64, np.uint8):
        assert NumpyModule(model)(np.ones((2, 2), dtype))[0].dtype == np.float32


def test_an_input_may_be_an_output() -> None:
    model = parser.parse_model("""
        <ir_version: 8, opset_import: ["": 17]>
        same (float[N] x) => (float[N] x, float[N] y) { y = Neg(x) }
    """)
    np.testing.assert_array_equal(NumpyModule(model)(X[0]), [X[0], -X[0]])


def test_initializers_may_be_listed_as_inputs() -> None:
    model = parser.parse_model("""
        <ir_version: 8, opset_import: ["": 17]>
        shift (float[N] x, float[1] b) => (float[N] y) <float[1] b = {3}> { y = Add(x, b) }
    """)
    assert [spec.name for spec in NumpyModule(model).graph_inputs] == ["x"]
    np.testing.assert_array_equal(run_model(model, [X[0]])[0], X[0] + 3)


def test_sparse_initializers() -> None:
    values = numpy_helper.from_array(np.array([5, 6], np.float32), "w")
    indices = numpy_helper.from_array(np.array([0, 3], np.int64))
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        "sparse",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [2, 2])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [2, 2])],
        sparse_initializer=[helper.make_sparse_tensor(values, indices, [2, 2])],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    np.testing.assert_array_equal(run_model(model, [X])[0], X * [5, 6])


FLATTENING_EXPORT = """
<ir_version: 8, opset_import: ["": 17]>
flatten (float[N, 2, 3] x) => (float[N, 6] y)
{
    shape = Shape(x)
    zero = Constant<value = int64 {0}>()
    n = Gather(shape, zero)
    axes = Constant<value = int64[1] {0}>()
    rows = Unsqueeze(n, axes)
    rest = Constant<value = int64[1] {-1}>()
    target = Concat<axis = 0>(rows, rest)
    same = Identity(x)
    float = Cast<to = 1>(same)
    y = Reshape(float, target)
}
"""


def test_computed_shapes_and_noops_vanish() -> None:
    graph = prepare_graph(parser.parse_model(FLATTENING_EXPORT))
    assert [node.op_type for node in graph.nodes] == ["Reshape"]
    assert graph.nodes[0].inputs[0] == "x"
    assert graph.constants[graph.nodes[0].inputs[1]].tolist() == [0, -1]
    x = np.arange(24, dtype=np.float32).reshape(4, 2, 3)
    (y,) = run_model(parser.parse_model(FLATTENING_EXPORT), [x])
    np.testing.assert_array_equal(y, x.reshape(4, 6))


def test_shapes_known_beforehand_become_constants() -> None:
    graph = prepare_graph(
        parser.parse_model("""
        <ir_version: 8, opset_import: ["": 17]>
        known (float[N, 3] x) => (float[N] y)
        {
            shape = Shape<start = 1>(x)
            size = Cast<to = 1>(shape)
            y = Mul(x, size)
        }
    """)
    )
    assert [node.op_type for node in graph.nodes] == ["Mul"]
    assert graph.constants["size"].tolist() == [3.0]


def test_shapes_that_depend_on_the_number_of_samples_are_computed() -> None:
    model = parser.parse_model("""
        <ir_version: 8, opset_import: ["": 17]>
        capped (float[N, 3] x) => (float[1] y)
        <int64[1] four = {4}>
        {
            n = Shape<end = 1>(x)
            smaller = Min(n, four)
            y = Cast<to = 1>(smaller)
        }
    """)
    for n, smaller in ((2, 2), (9, 4)):
        assert run_model(model, [np.ones((n, 3))])[0].tolist() == [smaller]


def test_constant_parts_are_worked_out_beforehand() -> None:
    graph = prepare_graph(
        parser.parse_model("""
        <ir_version: 8, opset_import: ["": 17]>
        fold (float[N] x) => (float[N] y)
        {
            a = Constant<value_float = 2.0>()
            b = Exp(a)
            unused = Neg(x)
            y = Mul(x, b)
        }
    """)
    )
    assert [node.op_type for node in graph.nodes] == ["Mul"]
    assert set(graph.constants) == {"b"}
    np.testing.assert_allclose(graph.constants["b"], np.exp(2), rtol=1e-6)


def pad_with_sevens(x: np.ndarray) -> np.ndarray:
    return np.pad(x, [(0, 0), (1, 2), (0, 0)], constant_values=7)


def softmax(x: np.ndarray) -> np.ndarray:
    return np.exp(x) / np.exp(x).sum(-1, keepdims=True)


@pytest.mark.parametrize(
    ("op_type", "opset", "attributes", "function"),
    [
        ("Clip", 6, {"min": -1.0, "max": 1.0}, lambda x: np.clip(x, -1, 1)),
        ("Clip", 6, {"max": 1.0}, lambda x: np.minimum(x, 1)),
        ("Squeeze", 11, {"axes": [0]}, lambda x: x[0]),
        ("Unsqueeze", 11, {"axes": [0, 2]}, lambda x: x[None, :, None]),
        ("ReduceSum", 11, {"axes": [1], "keepdims": 0}, lambda x: x.sum(1)),
        ("ReduceMean", 13, {"axes": [-1]}, lambda x: x.mean(-1, keepdims=True)),
        ("Slice", 9, {"starts": [1], "ends": [3], "axes": [1]}, lambda x: x[:, 1:3]),
        ("Pad", 2, {"pads": [0, 1, 0, 0, 2, 0], "value": 7.0}, pad_with_sevens),
        ("Pad", 1, {"paddings": [0, 1, 0, 0, 2, 0], "value": 7.0}, pad_with_sevens),
        ("Softmax", 11, {}, lambda x: softmax(x.reshape(1, -1)).reshape(x.shape)),
        ("Softmax", 11, {"axis": 2}, lambda x: softmax(x.reshape(4, -1)).reshape(x.shape)),
        ("Softmax", 11, {"axis": -1}, softmax),
        ("Softmax", 13, {}, softmax),
    ],
)
def test_older_operator_sets(
    op_type: str,
    opset: int,
    attributes: dict[str, Any],
    function: Callable[[np.ndarray], np.ndarray],
) -> None:
    x = np.linspace(-2, 2, 12, dtype=np.float32).reshape(1, 4, 3)
    (y,) = run_model(one_node(op_type, [x], opset=opset, **attributes), [x])
    assert y.dtype == np.float32
    np.testing.assert_allclose(y, function(x), rtol=1e-6)


@pytest.mark.parametrize("opset", [2, 11, 13, 18])
def test_split_into_as_many_pieces_as_outputs(opset: int) -> None:
    x = np.arange(6, dtype=np.float32)
    attributes: dict[str, Any] = {"num_outputs": 3} if opset == 18 else {}
    pieces = run_model(one_node("Split", [x], n_outputs=3, opset=opset, **attributes), [x])
    np.testing.assert_array_equal(pieces, [[0, 1], [2, 3], [4, 5]])


def test_no_warnings_on_overflow() -> None:
    x = np.array([-1e4, 1e4], np.float32)
    np.testing.assert_array_equal(run_model(one_node("Sigmoid", [x]), [x])[0], [0, 1])


def test_functions_of_the_model_are_inlined() -> None:
    model = parser.parse_model("""
        <ir_version: 8, opset_import: ["": 17, "local": 1]>
        main (float[N] x) => (float[N] y) { y = local.twice(x) }
        <domain: "local", opset_import: ["": 17]>
        twice (a) => (b) { b = Add(a, a) }
    """)
    np.testing.assert_array_equal(run_model(model, [X[0]])[0], 2 * X[0])


@pytest.mark.parametrize("n_scales", [2, 6])
def test_groups_are_scaled_by_group_or_by_channel(n_scales: int) -> None:
    x = np.arange(24, dtype=np.float32).reshape(1, 6, 4)
    scale = np.arange(n_scales, dtype=np.float32) + 1
    model = one_node("GroupNormalization", [x, scale, 0 * scale], num_groups=2)
    groups = x.reshape(2, 12)
    normal = (groups - groups.mean(1, keepdims=True)) / groups.std(1, keepdims=True)
    wanted = normal.reshape(6, 4) * scale.repeat(6 // n_scales)[:, None]
    np.testing.assert_allclose(run_model(model, [x, scale, 0 * scale])[0][0], wanted, rtol=1e-4)


def test_resize_before_it_had_modes_of_coordinates() -> None:
    x, scales = np.array([[1, 2, 3]], np.float32), np.array([1, 1.5], np.float32)
    (y,) = run_model(one_node("Resize", [x, scales], opset=10), [x, scales])
    np.testing.assert_array_equal(y, [[1, 1, 2, 3]])
