"""Nets that were trained for integers by other tools keep their integers."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import parser

from cml_sklearn.exceptions import BitWidthError
from cml_sklearn.fhe.protocol import CircuitOptions
from cml_sklearn.onnx import NumpyModule
from cml_sklearn.program.steps import Lookup, MatMul
from cml_sklearn.quantization.post_training import PostTrainingAffineQuantization

X = np.random.default_rng(0).normal(size=(300, 3)).astype(np.float32)

NET = """<ir_version: 8, opset_import: ["": 17]> g (float[N, 3] x) => (float[N, 2] y)
<float s = {0.25}, int8 z = {0}, int8 low = {-4}, int8 high = {3}, float t = {0.317}, uint8 u = {0},
 uint8 low2 = {0}, uint8 high2 = {7}, float ws = {0.1}, int8[3, 4] w = {1,-2,3,1,2,-1,0,1,3,-3,2,1},
 int8[4, 2] v = {1,-1,2,-2,3,1,0,1}, float[4] b = {0.2,-0.1,0.3,0}>
{ q = QuantizeLinear(x, s, z) c = Clip(q, low, high) d = DequantizeLinear(c, s, z)
  wd = DequantizeLinear(w, ws, z) h = MatMul(d, wd) hb = Add(h, b) r = Relu(hb)
  q2 = QuantizeLinear(r, t, u) c2 = Clip(q2, low2, high2) d2 = DequantizeLinear(c2, t, u)
  vd = DequantizeLinear(v, ws, z) y = MatMul(d2, vd) }"""


def test_a_net_of_integers_is_the_same_net() -> None:
    floats = NumpyModule(parser.parse_model(NET))
    for n_bits in (3, 8):
        module = PostTrainingAffineQuantization(n_bits).quantize_module(floats, X)
        np.testing.assert_allclose(module.forward(X), floats(X)[0], atol=1e-6)
        assert module.program.input_bounds[0].high.max() == 7
        steps = [i.step for i in module.program.instructions]
        assert sum(isinstance(step, Lookup) for step in steps) == 1
        weights = [step.weights for step in steps if isinstance(step, MatMul)]
        np.testing.assert_array_equal(weights[0], [[1, -2, 3, 1], [2, -1, 0, 1], [3, -3, 2, 1]])


@pytest.mark.fhe
def test_under_encryption() -> None:
    quantization = PostTrainingAffineQuantization(3, rounding_bits=4)
    module = quantization.quantize_module(NumpyModule(parser.parse_model(NET)), X)
    module.compile(CircuitOptions(batch_size=1))
    np.testing.assert_array_equal(module.forward(X[:2], execute_in_fhe=True), module.forward(X[:2]))


def test_integers_of_many_bits_are_refused() -> None:
    model = parser.parse_model(
        """<ir_version: 8, opset_import: ["": 19]> g (float[N, 3] x) => (float[N, 1] y)
        <float s = {0.5}, int32 z = {0}, float[3, 1] w = {1, 2, 3}>
        { h = MatMul(x, w) k = Mul(h, h) e = Exp(k) c = Cast <to = 6> (e)
          y = DequantizeLinear(c, s, z) }"""
    )
    quantization = PostTrainingAffineQuantization(8, clear_tail=False)
    with pytest.raises(BitWidthError, match=r"DequantizeLinear.*at most 16 bits"):
        quantization.quantize_module(NumpyModule(model), X)
