"""What operators are of which kind, which inputs have a scale by feature, and wrong calibration."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import ArrayLike
from onnx import parser

from cml_sklearn.exceptions import CalibrationError, InvalidInputError, UnsupportedOperatorError
from cml_sklearn.onnx import NumpyModule
from cml_sklearn.quantization.affine import AffineQuantizer
from cml_sklearn.quantization.ops import ONNX_OPS_TO_QUANTIZED_IMPL
from cml_sklearn.quantization.post_training import (
    PostTrainingAffineQuantization,
    folded_tensors,
    n_products,
)
from cml_sklearn.quantization.quantized_module import QuantizedModule

HEAD = (
    "(float[N, 2] x) => (float[N, 2] y)"
    "<float[2, 2] w = {1, 2, 3, -4}, float[2] c = {1, 2}, float[2] d = {0, 3},"
    "float[4, 2] v = {1, 2, 3, -4, 5, 6, 7, 8}, int64[1] i = {0}, int64[1] j = {1},"
    "int64[1] t = {1000}>"
)
rng = np.random.default_rng(0)
X = rng.normal(size=(100, 2)) * [1.0, 100.0]


def module_of(body: str, head: str = HEAD) -> NumpyModule:
    return NumpyModule(
        parser.parse_model(f'<ir_version: 8, opset_import: ["": 17]> g {head} {{ {body} }}')
    )


def quantized(body: str) -> QuantizedModule:
    return PostTrainingAffineQuantization(8).quantize_module(module_of(body), X)


def kinds(attribute: str) -> set[str]:
    return {op for op, kind in ONNX_OPS_TO_QUANTIZED_IMPL.items() if getattr(kind, attribute)}


def test_kinds_of_operators() -> None:
    assert kinds("is_product") == {"Conv", "Gemm", "MatMul"}
    assert kinds("mixes_features") == {"Gemm", "MatMul"}
    assert kinds("is_elementwise") >= {"Cast", "Identity", "Mul", "Relu", "BatchNormalization"}
    assert kinds("moves_features") >= {"Concat", "Flatten", "Gather", "Pad", "Slice"}


@pytest.mark.parametrize(
    ("body", "folded"),
    [
        ("y = MatMul(x, w)", True),
        ("a = Identity(x) b = Cast <to = 1> (a) y = Gemm(b, w)", True),
        ("a = MatMul(x, w) b = Gemm(x, w) y = Add(a, b)", True),
        ("a = MatMul(x, w) y = Add(a, x)", False),
        ("y = Relu(x)", True),
        ("a = Sub(x, c) b = Div(a, c) y = MatMul(b, w)", True),
        ("a = Sigmoid(x) b = Mul(x, a) e = Concat <axis = 1> (b, x) y = MatMul(e, v)", True),
        ("a = MatMul(x, w) b = Relu(a) y = Mul(b, x)", False),
        ("a = Identity(x) b = MatMul(x, w) y = Add(a, b)", False),
        ("y = Identity(x)", True),
        ("a = Slice(x, i, j, j) b = Concat <axis = 1> (a, x) e = Abs(b) y = Slice(e, i, t)", True),
        ("a = Unsqueeze(x, j) b = MatMul(a, w) y = Squeeze(b, j)", False),
    ],
)
def test_features_have_scales_of_their_own_where_weights_take_them(body: str, folded: bool) -> None:
    module = module_of(body)
    assert ("x" in folded_tensors(module.graph, module.activations(X))) == folded
    (quantizer,) = quantized(body).input_quantizers
    assert isinstance(quantizer, AffineQuantizer)
    assert quantizer.scale.shape == ((2,) if folded else ())


def test_layers_with_weights_are_counted() -> None:
    nodes = module_of("a = MatMul(x, w) b = Softmax(a) y = Gemm(b, w)").graph.nodes
    assert n_products(nodes) == 2
    assert n_products(nodes[:2]) == 1


@pytest.mark.parametrize("operands", ["c, d, x", "c, x, d", "x, c, d", "x, c", "c, x", "x"])
@pytest.mark.parametrize("op", ["Max", "Min"])
def test_extrema_take_constants_anywhere(op: str, operands: str) -> None:
    module = module_of(f"y = {op}({operands})")
    result = PostTrainingAffineQuantization(8, clear_tail=False).quantize_module(module, X)
    expected = module(X.astype(np.float32))[0]
    np.testing.assert_allclose(result(X), expected, atol=1.01 * float(np.ptp(X)) / 255)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("a = Identity(x) y = MatMul(x, a)", "encrypted tensors of 2 and 2 axes.*at least 3"),
        ("a = Identity(x) y = Gemm(x, a)", "has encrypted weights.*Make B a constant"),
        ("y = Gemm <transA = 1> (x, w)", "transposes its input"),
        ("y = Gemm(x, w, x)", "adds an encrypted C"),
        ("y = PRelu(x, x)", "has an encrypted parameter"),
        ("a = Softplus(x) b = MatMul(x, w) y = Pow(a, b)", "has two encrypted operands"),
        ("y = Concat <axis = 1> (x, w)", "joins a constant"),
        ("y = Concat <axis = 0> (x, x)", "joins along the samples' axis"),
        ("y = Transpose(x)", "moves the samples' axis"),
        ("y = ReduceSum(x)", "reduces over the samples"),
        ("y = ReduceMax <axes = [0]> (x)", "reduces over the samples"),
        ("y = ReduceProd <axes = [1]> (x)", "nobody has written it yet"),
    ],
)
def test_forms_without_an_encrypted_counterpart_are_named(body: str, message: str) -> None:
    head = HEAD.replace("float[N, 2] x", "float[2, 2] x").replace("float[N, 2] y", "float y")
    quantization = PostTrainingAffineQuantization(4, clear_tail=False)
    with pytest.raises((UnsupportedOperatorError, InvalidInputError), match=message):
        quantization.quantize_module(module_of(body, head), X[:2])


@pytest.mark.parametrize(
    ("calibration", "weight", "message"),
    [
        ([X, X], None, "got 2 inputs and takes 1"),
        ([], None, "at least one sample"),
        ([X[:0]], None, "at least one sample"),
        ([np.float64(3)], None, "at least one sample"),
        ([X * np.inf], None, "NaN or infinity"),
        ([X], np.zeros(100), "weight 0"),
        ([X], np.ones(3), r"sample_weight has shape \(3,\); give finite"),
    ],
)
def test_wrong_calibration_data(
    calibration: list[ArrayLike], weight: ArrayLike | None, message: str
) -> None:
    quantization = PostTrainingAffineQuantization(4)
    with (
        np.errstate(invalid="ignore"),
        pytest.raises((CalibrationError, InvalidInputError), match=message),
    ):
        quantization.quantize_module(
            module_of("y = Gemm(x, w)"), *calibration, sample_weight=weight
        )


def test_inputs_have_as_many_samples() -> None:
    head = HEAD.replace("float[N, 2] x)", "float[N, 2] x, float[N, 2] z)")
    with pytest.raises(CalibrationError, match="as many samples"):
        PostTrainingAffineQuantization(4).quantize_module(
            module_of("y = Add(x, z)", head), X, X[:50]
        )
