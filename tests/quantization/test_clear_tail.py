"""What the client computes after decryption: all that may, and no more."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from onnx import parser

from cml_sklearn.exceptions import InvalidInputError, UnsupportedOperatorError
from cml_sklearn.onnx import ONNX_OPS_TO_NUMPY_IMPL, NumpyModule
from cml_sklearn.onnx.graph import Node
from cml_sklearn.quantization.clear_tail import may_be_clear, split_clear_tail
from cml_sklearn.quantization.ops import ONNX_OPS_TO_QUANTIZED_IMPL
from cml_sklearn.quantization.post_training import PostTrainingAffineQuantization

HEAD = "(float[N, 2] x) => (float[N, 2] y) <float[2, 2] w = {1, 2, 3, -4}, float[2] c = {1, 2}>"


PARAMETERS = {
    *("Clip", "Compress", "CumSum", "Dropout", "Expand", "Gather", "GatherElements", "GatherND"),
    *("OneHot", "Reshape", "ReverseSequence", "Slice", "Split", "Squeeze", "Tile", "TopK", "Trilu"),
    *("ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceMax", "ReduceMin"),
    *("ReduceProd", "ReduceSumSquare", "Unsqueeze"),
}
"""Operators whose second input is a shape, an axis, a count, a bound or indices."""


def module_of(body: str, head: str = HEAD) -> NumpyModule:
    return NumpyModule(
        parser.parse_model(f'<ir_version: 8, opset_import: ["": 18]> g {head} {{ {body} }}')
    )


SPLITS = {
    "trained slopes stay": ("a = Gemm(x, w) y = PRelu(a, c)", ["Gemm", "PRelu"], []),
    "parameters go": (
        "a = Gemm(x, w) l = Constant <value = float {0.0}> () y = Clip(a, l)",
        ["Gemm"],
        ["Clip"],
    ),
    "a function after the layer": ("a = Gemm(x, w) y = Relu(a)", ["Gemm"], ["Relu"]),
    "no quantized form": ("a = Gemm(x, w) y = Softmax(a)", ["Gemm"], ["Softmax"]),
    "a chain": ("a = Gemm(x, w) b = Exp(a) y = Identity(b)", ["Gemm"], ["Exp", "Identity"]),
    "only moved": ("a = Gemm(x, w) y = Transpose <perm = [0, 1]> (a)", ["Gemm"], ["Transpose"]),
    "arithmetic stays": ("a = Gemm(x, w) b = Exp(a) y = Add(b, c)", ["Gemm", "Exp", "Add"], []),
    "in between": ("a = Relu(x) b = Gemm(a, w) y = Tanh(b)", ["Relu", "Gemm"], ["Tanh"]),
    "read by both": (
        "a = Gemm(x, w) b = Relu(a) d = Gemm(b, w) e = Tanh(d) y = Sub(b, e)",
        ["Gemm", "Relu", "Gemm", "Tanh", "Sub"],
        [],
    ),
    "nothing but tail": ("a = Exp(x) y = Relu(a)", ["Exp", "Relu"], []),
}


@pytest.mark.parametrize("name", SPLITS)
def test_where_graphs_are_split(name: str) -> None:
    nodes, in_body, in_tail = SPLITS[name]
    module = module_of(nodes)
    body, tail = split_clear_tail(module.graph)
    assert [node.op_type for node in body.nodes] == in_body
    assert [node.op_type for node in tail.nodes] == in_tail
    assert body.outputs == tail.inputs
    assert tail.outputs == module.graph.outputs


def two_heads() -> NumpyModule:
    head = HEAD.replace("(float[N, 2] y)", "(float[N, 2] y, float[N, 2] a, float[N, 2] z)")
    head = head.replace("c = {1, 2}", "c = {1, 2}, float low = {0}")
    return module_of("a = Gemm(x, w) y = Clip(a, low) b = Neg(a) z = Softmax(b)", head)


def test_outputs_of_the_body_pass_the_tail() -> None:
    body, tail = split_clear_tail(two_heads().graph)
    assert sorted(body.outputs) == ["a", "b"]
    assert list(tail.constants) == ["low"]
    values = {"a": np.array([[1.0, -1.0]]), "b": np.array([[-1.0, 1.0]])}
    y, a, z = tail(*(values[name] for name in tail.inputs))
    np.testing.assert_allclose(y, [[1.0, 0.0]])
    np.testing.assert_allclose(a, values["a"])
    np.testing.assert_allclose(z.sum(axis=1), 1)


def test_body_and_tail_together_are_the_model() -> None:
    X = np.random.default_rng(0).normal(size=(200, 2))
    module = two_heads()
    expected = module(X.astype(np.float32))
    quantized = PostTrainingAffineQuantization(8).quantize_module(module, X)
    for result, wanted in zip(quantized(X), expected, strict=True):
        np.testing.assert_allclose(result, wanted, atol=0.05 * float(np.ptp(wanted)))
    assert quantized.program.n_lookups == 0


def test_kinds_that_may_be_clear() -> None:
    clear = {op for op in ONNX_OPS_TO_QUANTIZED_IMPL if may_be_clear(op)}
    assert {"Cast", "Identity", "Relu", "Reshape", "Transpose"} <= clear
    assert clear.isdisjoint({"Gemm", "Conv", "Add", "Dropout", "Where", "Pad", "AveragePool"})
    assert may_be_clear("Softmax")
    assert may_be_clear("ArgMax")


def test_long_chains_are_cut_in_one_pass() -> None:
    body = " ".join(f"t{i + 1} = Relu(t{i})" for i in range(3000))
    module = module_of(f"t0 = Gemm(x, w) {body} y = Relu(t3000)")
    _, tail = split_clear_tail(module.graph)
    assert len(tail.nodes) == 3001


def test_layers_with_weights_go_to_the_client_only_if_asked() -> None:
    kind = "CenterCropPad"
    module = module_of(
        "a = Gemm(x, w) s = Constant <value = int64[1] {2}> () y = CenterCropPad <axes = [1]> (a, s)"
    )
    X = np.random.default_rng(0).normal(size=(50, 2))
    for choice in (True, False):
        with pytest.raises(UnsupportedOperatorError, match=rf"{kind}.*clear_tail='weights'"):
            PostTrainingAffineQuantization(8, clear_tail=choice).quantize_module(module, X)
    asked = PostTrainingAffineQuantization(8, clear_tail="weights").quantize_module(module, X)
    (expected,) = module(X.astype(np.float32))
    np.testing.assert_allclose(asked(X), expected, atol=0.1 * float(np.ptp(expected)))
    assert asked.tail is not None
    assert asked.tail.constants


def test_all_that_follows_goes_along_if_asked() -> None:
    module = module_of("a = Gemm(x, w) b = Hardmax(a) d = Gemm(b, w) y = Relu(d)")
    body, tail = split_clear_tail(module.graph, weights=True)
    assert [node.op_type for node in body.nodes] == ["Gemm"]
    assert [node.op_type for node in tail.nodes] == ["Hardmax", "Gemm", "Relu"]


@pytest.mark.parametrize("choice", ["weight", None, 2])
def test_other_choices_are_refused(choice: object) -> None:
    with pytest.raises(InvalidInputError, match="'weights'"):
        PostTrainingAffineQuantization(8, clear_tail=choice)  # type: ignore[arg-type]


def test_no_operator_takes_weights_along_by_itself() -> None:
    """Whatever the operator: a constant that may come of training keeps a node from the tail."""
    graph = module_of("a = Gemm(x, w, c) y = Relu(a)").graph
    for op_type in ONNX_OPS_TO_NUMPY_IMPL.keys() - PARAMETERS:
        node = Node("late", op_type, ("a", "c"), ("y",))
        _, tail = split_clear_tail(replace(graph, nodes=(graph.nodes[0], node)))
        assert not tail.nodes, op_type
