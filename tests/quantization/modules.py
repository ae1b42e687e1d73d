"""Quantized modules of several kinds, and what goes into them."""

from __future__ import annotations

from functools import cache

import numpy as np
import onnx
from onnx import parser

from cml_sklearn._typing import FloatArray
from cml_sklearn.onnx import NumpyModule
from cml_sklearn.quantization.post_training import PostTrainingAffineQuantization
from cml_sklearn.quantization.quantized_module import QuantizedModule

GRAPHS = {
    "affine": "(float[N, 3] x) => (float[N, 2] y) <float[3, 2] w = {1, -2, 3, 1, 2, -1}>"
    "{ y = MatMul(x, w) }",
    "network": "(float[N, 3] x) => (float[N, 2] y)"
    "<float[3, 2] w = {1, -2, 3, 1, 2, -1}, float[2, 2] v = {1, 2, -1, 1}>"
    "{ a = MatMul(x, w) b = Relu(a) c = MatMul(b, v) y = Softmax(c) }",
    "convolution": "(float[N, 1, 4, 4] x) => (float[N, 2, 2, 2] y)"
    "<float[2, 1, 2, 2] w = {1, -2, 3, 1, 2, -1, 0, 1}>"
    "{ a = Conv <pads = [1, 1, 0, 0]> (x, w) b = Relu(a)"
    "  y = AveragePool <kernel_shape = [2, 2], strides = [2, 2]> (b) }",
    "two": "(float[N, 3] x, float[N, 2] z) => (float[N, 2] y, float[N, 3] v)"
    "<float[3, 2] w = {1, -2, 3, 1, 2, -1}> { a = MatMul(x, w) y = Add(a, z) v = Neg(x) }",
}
"""Models, in ONNX's own short form."""

SHAPES: dict[str, list[tuple[int, ...]]] = {
    "affine": [(3,)],
    "network": [(3,)],
    "convolution": [(1, 4, 4)],
    "two": [(3,), (2,)],
}
"""Shapes of a sample of their inputs."""


def model(name: str) -> onnx.ModelProto:
    return parser.parse_model(f'<ir_version: 8, opset_import: ["": 17]> g {GRAPHS[name]}')


def samples(name: str, n_samples: int = 100, seed: int = 0) -> list[FloatArray]:
    """Random inputs of a model."""
    rng = np.random.default_rng(seed)
    return [rng.normal(size=(n_samples, *shape)) for shape in SHAPES[name]]


def joined(outputs: FloatArray | tuple[FloatArray, ...]) -> FloatArray:
    """One array of a module's outputs."""
    parts = outputs if isinstance(outputs, tuple) else (outputs,)
    return np.concatenate([part.reshape(len(part), -1) for part in parts], axis=1)


@cache
def module(name: str) -> QuantizedModule:
    """Make a module of four bits, without a circuit."""
    quantization = PostTrainingAffineQuantization(4, rounding_bits=4)
    return quantization.quantize_module(NumpyModule(model(name)), *samples(name))
