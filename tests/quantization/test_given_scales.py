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


BY_CHANNEL = """<ir_version: 8, opset_import: ["": 17]> g (float[N, 3] x) => (float[N, 2] y)
<float s = {0.05}, uint8 z = {117}, int8[4, 3] w = {1,-2,3, 100,20,-7, 2,-1,0, -99,-3,120},
 float[4] ws = {0.1, 0.011, 0.2, 0.007}, int8[4] wz = {1, -3, 2, 5},
 int32[4] b = {20, -100, 30, 0}, float[4] bs = {0.005, 0.00055, 0.01, 0.00035},
 int32[4] bz = {0, 0, 0, 0}, float[4] t = {0.037, 0.02, 0.05, 0.01}, uint8[4] u = {9, 0, 3, 1},
 int8[2, 4] v = {1,-1,2,-2, 127,1,0,1}, float[2] vs = {0.3, 0.02}, int8[2] vz = {0, 0},
 float[2] c = {0.5, 1}>
{ q = QuantizeLinear(x, s, z) d = DequantizeLinear(q, s, z)
  wd = DequantizeLinear <axis = 0> (w, ws, wz) bd = DequantizeLinear <axis = 0> (b, bs, bz)
  h = Gemm <transB = 1> (d, wd, bd) r = Relu(h)
  q2 = QuantizeLinear <axis = 1> (r, t, u) d2 = DequantizeLinear <axis = 1> (q2, t, u)
  vd = DequantizeLinear <axis = 0> (v, vs, vz) y = Gemm <transB = 1> (d2, vd, c) }"""
"""Scales and zero points of channels, of weights and of activations."""


def test_scales_and_zero_points_of_channels() -> None:
    floats = NumpyModule(parser.parse_model(BY_CHANNEL))
    module = PostTrainingAffineQuantization(8).quantize_module(floats, X)
    expected = floats(X)[0]
    assert np.abs(module.forward(X) - expected).max() < 0.02 * np.ptp(expected)
    assert module.program.input_bounds[0].high.max() == 255
    weights = [i.step.weights for i in module.program.instructions if isinstance(i.step, MatMul)]
    np.testing.assert_array_equal(weights[0][:, [0, 2]], [[0, 0], [-3, -3], [2, -2]])
    assert module.program.n_lookups == 1


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
