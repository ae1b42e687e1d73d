"""Graphs that are rewritten before they are quantized: the samples' axis, and whole operators."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import parser

from cml_sklearn.exceptions import CmlError
from cml_sklearn.fhe.protocol import CircuitOptions
from cml_sklearn.onnx import NumpyModule
from cml_sklearn.program.steps import Lookup, Maximum
from cml_sklearn.quantization.post_training import PostTrainingAffineQuantization
from cml_sklearn.quantization.quantized_module import QuantizedModule
from cml_sklearn.quantization.samples_axis import Layout

X = np.random.default_rng(0).normal(size=(60, 3, 2)).astype(np.float32)

HEAD = (
    "(float[N, 3, 2] x) => (float[N, A, B] y) <float[2, 2] w = {1, -2, 3, 1}, float[2] c = {1, 2},"
    " float[3] d = {1, 2, 3}>"
)

MOVING = {
    "time first": "a = Transpose <perm = [1, 0, 2]> (x) b = MatMul(a, w) e = Add(b, c) f = Relu(e)"
    " y = Transpose <perm = [1, 0, 2]> (f)",
    "samples inside": "a = Transpose <perm = [1, 2, 0]> (x) b = Mul(a, a)"
    " y = Transpose <perm = [2, 0, 1]> (b)",
    "merged with time": "s = Constant <value_ints = [-1, 2]> () a = Reshape(x, s) b = Gemm(a, w, c)"
    " e = Tanh(b) t = Constant <value_ints = [-1, 3, 2]> () y = Reshape(e, t)",
    "merged before time": "p = Transpose <perm = [1, 0, 2]> (x) s = Constant <value_ints = [-1, 2]> ()"
    " a = Reshape(p, s) b = Gemm <alpha = 0.5, transB = 1> (a, w, c) e = Tanh(b)"
    " t = Constant <value_ints = [3, -1, 2]> () f = Reshape(e, t) g = Softmax <axis = 2> (f)"
    " y = Transpose <perm = [1, 0, 2]> (g)",
    "sums": "a = Transpose <perm = [1, 0, 2]> (x) r = Constant <value_ints = [0]> ()"
    " b = ReduceMax <keepdims = 1> (a, r) e = Sub(a, b) f = Exp(e)"
    " y = Transpose <perm = [1, 0, 2]> (f)",
    "taken": "a = Transpose <perm = [1, 0, 2]> (x) i = Constant <value_int = 2> ()"
    " b = Gather <axis = 0> (a, i) e = MatMul(b, w) f = Relu(e)"
    " u = Constant <value_ints = [1]> () y = Unsqueeze(f, u)",
    "joined": "a = Transpose <perm = [1, 0, 2]> (x) b = Exp(a) e = Concat <axis = 0> (a, b)"
    " f = Concat <axis = -1> (e, e) y = Transpose <perm = [1, 0, 2]> (f)",
    "output restored by the client": "a = Transpose <perm = [1, 0, 2]> (x) b = MatMul(a, w)"
    " e = Relu(b) y = Transpose <perm = [1, 0, 2]> (e)",
}


def quantized(
    body: str, n_bits: int, *, clear_tail: bool = False
) -> tuple[NumpyModule, QuantizedModule]:
    text = f'<ir_version: 8, opset_import: ["": 18]> g {HEAD} {{ {body} }}'
    module = NumpyModule(parser.parse_model(text))
    quantization = PostTrainingAffineQuantization(n_bits, clear_tail=clear_tail)
    return module, quantization.quantize_module(module, X)


@pytest.mark.parametrize("name", MOVING)
def test_samples_may_be_moved_about(name: str) -> None:
    floats, module = quantized(MOVING[name], 8, clear_tail=name.startswith("output"))
    expected = floats(X)[0]
    error = np.abs(module.forward(X) - expected).max()
    assert error <= 0.05 * np.ptp(expected)
    _, narrow = quantized(MOVING[name], 3)
    narrow.compile(CircuitOptions(), engine="clear")
    np.testing.assert_array_equal(narrow.forward(X, execute_in_fhe=True), narrow.forward(X))


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("a = Transpose <perm = [1, 0, 2]> (x) y = Relu(a)", "moves the samples' axis"),
        ("a = Transpose <perm = [1, 0, 2]> (x) y = Softmax <axis = 1> (a)", "runs over the samples"),
        ("a = Transpose <perm = [1, 0, 2]> (x) y = Concat <axis = 1> (a, a)", "over the samples"),
        ("a = Transpose <perm = [1, 2, 0]> (x) b = Transpose <perm = [0, 2, 1]> (a)"
         " y = MatMul(a, b)", "different axes"),
        ("a = Transpose <perm = [1, 0, 2]> (x) y = GlobalMaxPool(a)", "moved the samples' axis"),
        ('y = Einsum <equation = "nij,nkj->nk"> (x, x)', "no encrypted form"),
        ('y = Einsum <equation = "nij,n->nij"> (x, x)', "can't be computed"),
        ('y = Einsum <equation = "nij,j->nij"> (x, c)', "other weights along an axis"),
    ],
)  # fmt: skip
def test_what_has_no_form_is_refused(body: str, message: str) -> None:
    with pytest.raises(CmlError, match=message):
        quantized(body, 4)


def test_layouts_are_inverses() -> None:
    for layout in (Layout((2, 6, 3), 1, 2, 3), Layout((4, 3), 0, 1, 4), Layout((4, 3), 0, 4, 1)):
        twin = np.arange(2 * np.prod(layout.shape)).reshape(2, *layout.shape)
        original = layout.original(twin)
        np.testing.assert_array_equal(layout.twin(original, 2), twin)
        assert Layout.find(original // int(np.prod(layout.shape))) == layout


def test_pairs_that_windows_share_are_compared_once() -> None:
    body = "y = MaxPool <kernel_shape = [4]> (x)"
    text = f'<ir_version: 8, opset_import: ["": 18]> g (float[N, 1, 8] x) => (float[N, 1, 5] y) {{ {body} }}'
    samples = np.random.default_rng(0).normal(size=(50, 1, 8))
    quantization = PostTrainingAffineQuantization(4, clear_tail=False)
    module = quantization.quantize_module(NumpyModule(parser.parse_model(text)), samples)
    pairs = zip(module.program.instructions, module.program.bounds[1:], strict=True)
    sizes = [bounds.low.size for i, bounds in pairs if isinstance(i.step, Maximum)]
    assert sizes == [7, 5]
    assert module.program.output_bounds[0].high.max() <= 15
    assert not any(isinstance(i.step, Lookup) for i in module.program.instructions)
