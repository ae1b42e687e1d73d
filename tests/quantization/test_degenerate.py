"""Numbers of any size: right within what quantization can cost, or refused in words."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import helper, numpy_helper, parser

import cml_sklearn
from cml_sklearn._typing import FloatArray
from cml_sklearn.exceptions import BitWidthError, CalibrationError, CmlError, InvalidInputError
from cml_sklearn.onnx import NumpyModule
from cml_sklearn.program.bounds import Bounds
from cml_sklearn.program.builder import ProgramBuilder
from cml_sklearn.program.integers import MAX_MAGNITUDE, to_integers
from cml_sklearn.program.steps import Multiply
from cml_sklearn.quantization.affine import AffineQuantizer
from cml_sklearn.quantization.post_training import PostTrainingAffineQuantization
from cml_sklearn.quantization.quantized_module import QuantizedModule
from cml_sklearn.quantization.ranges import best_range, finite_values, thinned

PACKAGE = Path(cml_sklearn.__file__).parent
ROUNDING = {"ceil", "fix", "floor", "rint", "round", "trunc"}
N_ROWS = 60
TINY = 16 * np.finfo(np.float64).tiny

exponents = st.floats(-300, 300)
signs = st.sampled_from([-1.0, 1.0])
sizes = st.builds(lambda sign, exponent: sign * 10.0**exponent, signs, exponents)
numbers = st.one_of(st.just(0.0), sizes, st.floats(-3, 3))


def graph(layers: Sequence[tuple[FloatArray, FloatArray]]) -> NumpyModule:
    """Layers ``x @ w + b`` in float64, with Relu between them."""
    nodes, tensors = [], []
    for i, (w, b) in enumerate(layers):
        tensors += [numpy_helper.from_array(w, f"w{i}"), numpy_helper.from_array(b, f"b{i}")]
        nodes.append(helper.make_node("Gemm", [f"x{i}", f"w{i}", f"b{i}"], [f"y{i}"]))
        nodes.append(helper.make_node("Relu", [f"y{i}"], [f"x{i + 1}"]))
    kind, last = onnx.TensorProto.DOUBLE, len(layers) - 1
    first = helper.make_tensor_value_info("x0", kind, ["N", layers[0][0].shape[0]])
    end = helper.make_tensor_value_info(f"y{last}", kind, ["N", layers[-1][0].shape[1]])
    made = helper.make_graph(nodes[:-1], "g", [first], [end], tensors)
    opsets = [helper.make_opsetid("", 17)]
    return NumpyModule(helper.make_model(made, opset_imports=opsets, ir_version=8))


def short(text: str) -> NumpyModule:
    return NumpyModule(parser.parse_model(f'<ir_version: 8, opset_import: ["": 17]> g {text}'))


def quantized(module: NumpyModule, *x: FloatArray, n_bits: int = 8) -> QuantizedModule:
    return PostTrainingAffineQuantization(n_bits).quantize_module(module, *x)


def features(draw: st.DrawFn, n_features: int) -> FloatArray:
    """Rows whose columns differ in size and place; some are constant."""
    rng = np.random.default_rng(draw(st.integers(0, 1000)))
    x = rng.normal(size=(N_ROWS, n_features))
    for column in range(n_features):
        x[:, column] = x[:, column] * draw(numbers) + draw(numbers)
    return x


def effect_of(x: FloatArray, w: FloatArray) -> FloatArray:
    """How far the outputs ``x @ w`` could move within the inputs' ranges."""
    return np.maximum(np.ptp(x, axis=0), TINY) @ np.abs(w)


def check(module: QuantizedModule, x: FloatArray, wanted: FloatArray, bound: FloatArray) -> None:
    got = module.forward(x)
    assert np.isfinite(got).all()
    last_bits = 1e-12 * np.abs(wanted).max(axis=0)
    assert (np.abs(got - wanted) <= bound + last_bits + TINY).all()
    assert all(width.bits <= 62 for width in module.program.widths())


@st.composite
def affine_models(draw: st.DrawFn) -> tuple[FloatArray, FloatArray, FloatArray]:
    n_features, n_outputs = draw(st.integers(1, 4)), draw(st.integers(1, 3))
    w = np.array([[draw(numbers) for _ in range(n_outputs)] for _ in range(n_features)])
    return features(draw, n_features), w, np.array([draw(numbers) for _ in range(n_outputs)])


@given(affine_models())
@settings(max_examples=150, deadline=None)
@pytest.mark.filterwarnings("ignore:.*gives infinity")
def test_affine_models_of_any_scale_agree_or_are_refused(
    model: tuple[FloatArray, FloatArray, FloatArray],
) -> None:
    x, w, b = model
    with np.errstate(all="ignore"):
        wanted, effect = x @ w + b, effect_of(x, w)
        # what floats themselves lose where large terms cancel
        lost = 1e-12 * (np.abs(x).max(axis=0) @ np.abs(w))
    try:
        module = quantized(graph([(w, b)]), x)
    except CmlError:
        assert not (
            np.abs(wanted).max() < 1e250 and effect.max() < 1e250 and np.abs(x).max() < 1e250
        )
        return
    if np.isfinite(wanted).all():
        check(module, x, wanted, 0.1 * effect + lost)


@st.composite
def perceptrons(draw: st.DrawFn) -> tuple[FloatArray, list[tuple[FloatArray, FloatArray]]]:
    n_features, n_hidden = draw(st.integers(1, 3)), draw(st.integers(1, 3))
    x, size = features(draw, n_features), st.one_of(numbers, st.floats(-3, 3))
    shapes = [(n_features, n_hidden), (n_hidden, 2)]
    layers = [
        (np.reshape([draw(size) for _ in range(n * m)], (n, m)), np.array([draw(size)] * m))
        for n, m in shapes
    ]
    return x, layers


@given(perceptrons())
@settings(max_examples=80, deadline=None)
@pytest.mark.filterwarnings("ignore:.*gives infinity")
def test_perceptrons_of_any_scale_agree_or_are_refused(
    model: tuple[FloatArray, list[tuple[FloatArray, FloatArray]]],
) -> None:
    x, [(w, b), (v, c)] = model
    with np.errstate(all="ignore"):
        hidden = np.maximum(x @ w + b, 0)
        wanted = hidden @ v + c
        # one range for all hidden units, and what the layer before it loses
        step = 0.1 * max(effect_of(x, w).max(), np.ptp(hidden), TINY)
        step += 1e-12 * (np.abs(x).max(axis=0) @ np.abs(w)).max() + 1e-12 * hidden.max()
        bound = 3 * step * np.abs(v).sum(axis=0)
    try:
        module = quantized(graph([(w, b), (v, c)]), x)
    except CmlError:
        return
    if np.isfinite(wanted).all() and np.isfinite(bound).all():
        check(module, x, wanted, bound)


@pytest.mark.parametrize("intercept", [0.0, 3.0, -1e-14, 1e9, -1e14, 1e300])
@pytest.mark.parametrize("slope", [0.0, 1e-12, 1e-300])
def test_what_is_negligible_beside_the_intercept_leaves_it(intercept: float, slope: float) -> None:
    x = np.random.default_rng(0).normal(size=(N_ROWS, 3))
    module = quantized(graph([(np.full((3, 2), [slope, 1.0]), np.full(2, intercept))]), x)
    got = np.asarray(module.forward(x))[:, 0]
    tolerance = 1e-12 * abs(intercept) + 0.1 * slope * np.abs(x).sum(axis=1)
    assert (np.abs(got - (intercept + slope * x.sum(axis=1))) <= tolerance).all()


@pytest.mark.parametrize("value", [1.0, -1e9, 1e300, 1e-300])
def test_a_constant_column_takes_no_bits_from_the_others(value: float) -> None:
    rng = np.random.default_rng(0)
    x = np.c_[np.full(N_ROWS, value), rng.normal(size=(N_ROWS, 2))]
    w = np.array([[1e4 / abs(value)], [1.0], [2.0]])
    module = quantized(graph([(w, np.zeros(1))]), x)
    assert np.abs(module.forward(x) - x @ w).max() < 0.1


ZEROED = {
    "all of it": "{ y = Mul(x, z) }",
    "twice": "{ a = Mul(x, z) y = Mul(a, z) }",
    "then a layer": "{ a = Mul(x, k) b = Add(a, c) y = MatMul(b, w) }",
    "then a sum": "{ a = Mul(x, z) y = ReduceSum <keepdims = 1> (a, axis) }",
    "then a function": "{ a = Mul(x, k) b = Add(a, c) d = Exp(b) y = MatMul(d, w) }",
    "then a product": "{ a = Mul(x, z) b = Add(a, c) y = Mul(b, x) }",
    "then a maximum": "{ a = Mul(x, z) b = Mul(x, z) y = Max(a, b) }",
    "by underflow": "{ a = Mul(x, t) b = Mul(a, t) d = Mul(b, t) e = Add(d, c) y = MatMul(e, w) }",
}


@pytest.mark.parametrize("body", ZEROED.values(), ids=ZEROED)
def test_a_feature_times_zero_is_a_constant(body: str) -> None:
    module = short(
        "(float[N, 3] x) => (float[N, M] y) <float[3] z = {0, 0, 0}, float[3] k = {1, 0, 2},"
        "float[3] c = {1, 2, -1}, float[3] t = {1e-35, 1e-35, 1e-35}, int64[1] axis = {1},"
        f"float[3, 2] w = {{1, -2, 3, 1, 2, -1}}> {body}"
    )
    x = np.random.default_rng(0).normal(size=(N_ROWS, 3))
    (wanted,) = module(x)
    error = np.abs(quantized(module, x).forward(x) - wanted)
    assert error.max() <= 0.1 * np.ptp(wanted) + 1e-6


def test_a_channel_times_zero_before_a_padded_convolution() -> None:
    module = short(
        "(float[N, 2, 3, 3] x) => (float[N, 1, 3, 3] y)"
        "<float[2, 1, 1] k = {1, 0}, float[2, 1, 1] c = {0, 3},"
        "float[1, 2, 2, 2] w = {1, -2, 3, 1, 2, -1, 1, 1}>"
        "{ a = Mul(x, k) b = Add(a, c) y = Conv <pads = [1, 1, 0, 0]> (b, w) }"
    )
    x = np.random.default_rng(0).normal(size=(N_ROWS, 2, 3, 3))
    (wanted,) = module(x)
    assert np.abs(quantized(module, x).forward(x) - wanted).max() < 0.1 * np.ptp(wanted)


MATRIX = "<float[3, 2] w = {1, -2, 3, 1, 2, -1}>"


def test_infinities_among_targets_are_cut_off_with_a_warning_that_names_the_node() -> None:
    module = short(
        f"(float[N, 3] x) => (float[N, 2] y) {MATRIX} {{ a = Relu(x) b = Log(a) y = MatMul(b, w) }}"
    )
    x = np.abs(np.random.default_rng(0).normal(size=(N_ROWS, 3))) + 0.5
    (wanted,) = module(x)
    x[:3] = -1
    with pytest.warns(UserWarning, match="Log .* gives infinity for 9 of 180"):
        got = quantized(module, x).forward(x)
    assert np.isfinite(got).all()
    assert np.abs(got - wanted)[3:].max() < 0.1 * np.ptp(wanted)


@pytest.mark.parametrize(("low", "what"), [(-1.0, "NaN"), (0.0, "infinity")])
def test_a_node_that_gives_nothing_finite_is_named(low: float, what: str) -> None:
    module = short(
        f"(float[N, 3] x) => (float[N, 2] y) {MATRIX} {{ a = Log(x) b = Neg(a) y = MatMul(b, w) }}"
    )
    with pytest.raises(CalibrationError, match=rf"Log \(node .*\) gives {what}"):
        quantized(module, np.full((N_ROWS, 3), low))


def test_an_infinite_constant_stays_one() -> None:
    module = short(
        "(float[N, 2] x) => (float[N, 2] y) <float[2] z = {0, 1}>"
        "{ a = Log(z) b = Add(x, a) y = Softmax(b) }"
    )
    x = np.random.default_rng(0).normal(size=(N_ROWS, 2))
    np.testing.assert_allclose(quantized(module, x).forward(x), [[0.0, 1.0]] * N_ROWS)


def test_ranges_come_from_all_rows_and_weights_are_filtered_first() -> None:
    x = np.random.default_rng(0).normal(size=(25_000, 2))
    x[1::2] += 50
    x[12_345] = [1000.0, -1000.0]
    w = np.array([[1.0], [2.0]])
    for weight in (None, np.arange(25_000) % 2, np.arange(25_000) % 25_000 == 7):
        module = PostTrainingAffineQuantization(8).quantize_module(
            graph([(w, np.zeros(1))]), x, sample_weight=weight
        )
        seen = x if weight is None else x[np.asarray(weight) > 0]
        encoder = module.input_quantizers[0]
        assert isinstance(encoder, AffineQuantizer)
        low, high = encoder.dequantize(np.array([[0], [255]]))
        step = (high - low) / 255
        assert (seen.min(axis=0) > low - step).all()
        assert (seen.max(axis=0) < high + step).all()
        assert np.abs(module.forward(seen) - seen @ w).max() <= 0.05 * effect_of(seen, w).max()


def test_thinning_is_random_the_same_each_time_and_fair() -> None:
    x, weight = np.arange(30_000.0), np.full(30_000, 1 / 30_000)
    (few,), few_weight = thinned([x], weight, 10_000)
    (again,), _ = thinned([x], weight, 10_000)
    np.testing.assert_array_equal(few, again)
    assert few_weight.sum() == pytest.approx(1)
    assert abs(few.mean() / x.mean() - 1) < 0.02
    for period in (2, 3, 4, 7):
        assert np.bincount(few.astype(int) % period).min() > 0.9 * 10_000 / period
    same, same_weight = thinned([x], weight, 30_000)
    assert same[0] is x
    assert same_weight is weight


@pytest.mark.parametrize(
    "weight", [np.zeros(N_ROWS), np.full(N_ROWS, np.nan), np.r_[np.inf, np.ones(N_ROWS - 1)]]
)
def test_weights_that_say_nothing(weight: FloatArray) -> None:
    module = graph([(np.ones((2, 1)), np.zeros(1))])
    x = np.random.default_rng(0).normal(size=(N_ROWS, 2))
    with pytest.raises(CalibrationError, match=r"weight"):
        PostTrainingAffineQuantization(8).quantize_module(module, x, sample_weight=weight)


@pytest.mark.parametrize("scale", [1e-300, 1e-14, 1.0, 1e150, 1e300])
@pytest.mark.parametrize("n_bits", [3, 8, 16])
def test_ranges_scale_with_the_values(scale: float, n_bits: int) -> None:
    values, weight = np.random.default_rng(0).normal(size=(200, 3)), np.full(200, 1 / 200)
    unit = 2.0 ** np.round(np.log2(scale))
    ours = best_range(values * unit, n_bits, weight, per_feature=True)
    one = best_range(values, n_bits, weight, per_feature=True)
    np.testing.assert_array_equal(ours.scale, one.scale * unit)
    np.testing.assert_array_equal(ours.zero_point, one.zero_point)


@given(numbers, numbers, st.integers(1, 16))
@settings(deadline=None)
def test_every_finite_range_has_codes(low: float, span: float, n_bits: int) -> None:
    low, high = sorted([low, low + span])
    quantizer = AffineQuantizer.from_range(low, high, n_bits)
    ends = np.array([low, high])
    assert quantizer.scale > 0
    error = np.abs(quantizer.dequantize(quantizer.quantize(ends)) - ends)
    step = high / (2**n_bits - 1) - low / (2**n_bits - 1)
    assert error.max() <= 1.01 * step + 4e-16 * max(abs(low), abs(high)) + TINY


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e19, -5e18, 1e300])
def test_what_no_integer_holds_is_refused(value: float) -> None:
    with pytest.raises(CalibrationError, match=r"The offset would be .* 62 bits"):
        to_integers([0.0, value], "The offset")


def test_integers_are_nearest() -> None:
    values = [0.5, 1.5, -2.5, 2.0**62, -(2.0**62), 3]
    assert to_integers(values, "x").tolist() == [0, 2, -2, 2**62, -(2**62), 3]
    assert to_integers([], "x").dtype == np.int64
    assert MAX_MAGNITUDE == 2**62


@pytest.mark.parametrize("bad", [[["a", "b"]], [[1.0], [2.0, 3.0]], None, [[1j, 0]]])
def test_what_is_no_array_of_numbers_is_refused(bad: object) -> None:
    x = np.random.default_rng(0).normal(size=(N_ROWS, 2))
    float_module = graph([(np.ones((2, 1)), np.zeros(1))])
    module = quantized(float_module, x)
    for call in (module.forward, lambda values: quantized(float_module, values)):
        with pytest.raises(CmlError):
            call(bad)  # type: ignore[arg-type]


WRONG: dict[str, Callable[[QuantizedModule, FloatArray], object]] = {
    "no input": lambda m, x: m.forward(),
    "two inputs": lambda m, x: m.forward(x, x),
    "fewer columns": lambda m, x: m.forward(x[:, :1]),
    "one row": lambda m, x: m.forward(x[0]),
    "a number": lambda m, x: m.forward(1.0),
    "no codes": lambda m, x: m.quantized_forward(),
    "codes twice": lambda m, x: m.quantized_forward(*m.quantize_input(x) * 2),
    "fewer codes": lambda m, x: m.quantized_forward(m.quantize_input(x)[0][:, :1]),
    "floats for codes": lambda m, x: m.quantized_forward(x),  # type: ignore[arg-type]
    "no output": lambda m, x: m.dequantize_output(),
    "another output": lambda m, x: m.dequantize_output(np.zeros((2, 5), dtype=np.int64)),
}


@pytest.mark.parametrize("call", WRONG.values(), ids=WRONG)
def test_wrong_shapes_are_refused_in_words_everywhere(
    call: Callable[[QuantizedModule, FloatArray], object],
) -> None:
    x = np.random.default_rng(0).normal(size=(N_ROWS, 2))
    with pytest.raises(InvalidInputError):
        call(quantized(graph([(np.ones((2, 1)), np.zeros(1))]), x), x)


def test_products_beyond_62_bits_are_refused() -> None:
    builder = ProgramBuilder([Bounds(np.zeros(1, dtype=np.int64), np.full(1, 2**20))])
    builder.source = "Mul (node 'a')"
    square = builder.add(Multiply(), 0, 0)
    with pytest.raises(BitWidthError, match=r"Mul \(node 'a'\) makes integers up to .* 62 bits"):
        builder.add(Multiply(), square, square)


def test_finite_values_stay_as_they_are() -> None:
    values = np.array([1.0, 2.0])
    assert finite_values(values, "x") is values


def casts_of_rounded_floats(source: str) -> list[int]:
    """Lines that round floats and make integers of them at once, or by a name in between."""
    lines = []
    for function in ast.walk(ast.parse(source)):
        if not isinstance(function, ast.FunctionDef):
            continue
        rounded = {
            target.id
            for node in ast.walk(function)
            if isinstance(node, ast.Assign) and _rounds(node.value, set())
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        lines += [
            node.lineno
            for node in ast.walk(function)
            if isinstance(node, ast.Call) and _makes_integers(node) and _rounds(node, rounded)
        ]
    return lines


def _rounds(node: ast.AST, names: set[str]) -> bool:
    return any(
        (isinstance(part, ast.Attribute) and part.attr in ROUNDING)
        or (isinstance(part, ast.Name) and part.id in names)
        for part in ast.walk(node)
    )


def _makes_integers(call: ast.Call) -> bool:
    casts = isinstance(call.func, ast.Attribute) and call.func.attr in {
        "asarray",
        "array",
        "astype",
    }
    return casts and any("int" in ast.unparse(a) for a in [*call.args, *call.keywords])


def test_one_function_makes_integers_of_floats() -> None:
    # the float graph computes what ONNX says, in ONNX's own element types
    files = [f for f in PACKAGE.rglob("*.py") if f.parent.name not in {"ops_impl", "onnx"}]
    casts = {str(f.relative_to(PACKAGE)): casts_of_rounded_floats(f.read_text()) for f in files}
    assert {name for name, lines in casts.items() if lines} == {"program/integers.py"}
