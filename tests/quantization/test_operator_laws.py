"""Every quantized operator against onnxruntime: right to a few steps, or refused in words.

What varies is what is easily overlooked: element types, signs, ranks, optional inputs left out, and
constants that are larger than the encrypted operand or stand on its other side.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from onnx import TensorProto, helper, numpy_helper, parser
from onnxruntime import InferenceSession

from cml_sklearn.exceptions import CmlError
from cml_sklearn.onnx import NumpyModule
from cml_sklearn.quantization.post_training import PostTrainingAffineQuantization

QUICK = settings(max_examples=25, deadline=None, derandomize=True)
N_SAMPLES = 60


def model_of(
    op_type: str,
    operands: Sequence[np.ndarray | None],
    constants: Sequence[int] = (),
    attributes: dict[str, Any] | None = None,
    batch: int | str = "n",
) -> onnx.ModelProto:
    """Model of one node, whose result becomes a float."""
    names = ["" if x is None else f"x{i}" for i, x in enumerate(operands)]
    encrypted = [
        (name, x)
        for i, (name, x) in enumerate(zip(names, operands, strict=True))
        if x is not None and i not in constants
    ]
    graph = helper.make_graph(
        [
            helper.make_node(op_type, names, ["made"], **(attributes or {})),
            helper.make_node("Cast", ["made"], ["y"], to=TensorProto.FLOAT),
        ],
        "law",
        [
            helper.make_tensor_value_info(
                name, helper.np_dtype_to_tensor_dtype(x.dtype), [batch, *x.shape[1:]]
            )
            for name, x in encrypted
        ],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [numpy_helper.from_array(operands[i], f"x{i}") for i in constants],  # type: ignore[arg-type]
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def holds(model: onnx.ModelProto, *inputs: np.ndarray, steps: float = 4.0) -> bool:
    """Whether a model was quantized; if so, to what onnxruntime gives."""
    try:
        module = PostTrainingAffineQuantization(
            8, clear_tail=False, calibration="min-max"
        ).quantize_module(NumpyModule(model), *inputs)
    except CmlError:
        return False
    session = InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    fed = {value.name: x for value, x in zip(session.get_inputs(), inputs, strict=True)}
    (wanted,) = session.run(None, fed)
    result = np.asarray(module(*inputs))
    assert result.shape == wanted.shape
    largest = max(np.ptp(wanted), *(np.ptp(x.astype(float)) for x in inputs), 1e-6)
    np.testing.assert_allclose(result, wanted, rtol=0, atol=steps * largest / 255)
    return True


def data(rng: np.random.Generator, kind: str, shape: tuple[int, ...]) -> np.ndarray:
    """Samples of a kind: floats, integers of both signs, or bools."""
    match kind:
        case "float32":
            return rng.uniform(-3, 3, shape).astype(np.float32)
        case "bool":
            return rng.random(shape) > 0.5
        case _:
            return rng.integers(-9, 10, shape).astype(kind)


SHAPES = st.lists(st.integers(1, 3), min_size=0, max_size=3).map(tuple)
SEEDS = st.integers(0, 2**32 - 1)
BINARY = ("Add", "Sub", "Mul", "Div", "Max", "Min")


@pytest.mark.parametrize("op_type", BINARY)
@given(
    seed=SEEDS,
    kind=st.sampled_from(("float32", "int64", "int32")),
    shape=SHAPES,
    larger=st.lists(st.integers(1, 3), min_size=0, max_size=3),
    left=st.booleans(),
)
@QUICK
def test_constants_of_any_shape_on_either_side(
    op_type: str, seed: int, kind: str, shape: tuple[int, ...], larger: list[int], left: bool
) -> None:
    rng = np.random.default_rng(seed)
    x = data(rng, kind, (N_SAMPLES, *shape))
    constant = data(rng, kind, (1, *shape)[-len(larger) or len(shape) + 1 :])
    sizes = [n if old == 1 else old for n, old in zip(larger, constant.shape, strict=False)]
    constant = np.resize(constant, (*sizes, *constant.shape[len(sizes) :]))
    constant[constant == 0] = 1
    if op_type == "Div" and left:
        x = np.where(np.abs(x) < 1, 1, x).astype(kind)  # onnxruntime dies of divisions by 0
    operands, place = ([constant, x], 0) if left else ([x, constant], 1)
    holds(model_of(op_type, operands, [place]), x, steps=8)


@pytest.mark.parametrize("to", ["INT64", "INT32", "INT8", "UINT8", "BOOL", "FLOAT", "DOUBLE"])
@pytest.mark.parametrize("kind", ["float32", "int64", "bool"])
def test_casts(kind: str, to: str) -> None:
    number = TensorProto.DataType.Value(to)
    x = data(np.random.default_rng(0), "int64", (N_SAMPLES, 4)).astype(kind)
    positive = np.abs(x) if kind != "bool" else x
    assert holds(model_of("Cast", [positive], attributes={"to": number}), positive)
    if to != "UINT8":
        assert holds(model_of("Cast", [x], attributes={"to": number}), x)


def test_floats_are_cut_towards_zero() -> None:
    x = np.random.default_rng(0).uniform(-3, 3, (500, 4)).astype(np.float32)
    x = x[(np.abs(x - np.rint(x)) > 0.03).all(axis=1)]
    assert holds(model_of("Cast", [x], attributes={"to": TensorProto.INT64}), x)


UNARY = ("Abs", "Neg", "Sign", "Relu", "Floor", "Ceil", "Round", "Exp", "Tanh", "Sigmoid", "Erf")


@pytest.mark.parametrize("op_type", UNARY)
@given(seed=SEEDS, shape=SHAPES, whole=st.booleans())
@QUICK
def test_functions_of_floats_that_are_integers(
    op_type: str, seed: int, shape: tuple[int, ...], whole: bool
) -> None:
    rng = np.random.default_rng(seed)
    x = data(rng, "float32", (N_SAMPLES, *shape))
    whole = whole or op_type in {"Sign", "Floor", "Ceil", "Round"}
    x = np.rint(x) if whole else x
    assert holds(model_of(op_type, [x]), x)


@given(
    seed=SEEDS,
    axes=st.sampled_from((None, (1,), (-1,), (1, 2), (2,))),
    keepdims=st.booleans(),
    mean=st.booleans(),
)
@QUICK
def test_reductions_to_any_rank(
    seed: int, axes: tuple[int, ...] | None, keepdims: bool, mean: bool
) -> None:
    x = data(np.random.default_rng(seed), "float32", (N_SAMPLES, 2, 3))
    options: dict[str, Any] = {"keepdims": int(keepdims)}
    if mean:
        options |= {} if axes is None else {"axes": axes}
        model = model_of("ReduceMean", [x], attributes=options)
    else:
        given_axes = None if axes is None else np.array(axes)
        model = model_of(
            "ReduceSum", [x, given_axes], [] if axes is None else [1], attributes=options
        )
    assert holds(model, x, steps=8) == (axes is not None)


@given(
    seed=SEEDS,
    start=st.integers(-4, 4),
    stop=st.integers(-5, 9),
    step=st.sampled_from((None, 1, 2, -1, -2)),
    axis=st.sampled_from((None, 0, 1, -1)),
)
@QUICK
def test_slices_with_inputs_left_out(
    seed: int, start: int, stop: int, step: int | None, axis: int | None
) -> None:
    x = data(np.random.default_rng(seed), "float32", (N_SAMPLES, 5))
    whole = axis is None
    starts, stops = ([0, start], [9999, stop]) if whole else ([start], [stop])
    steps = None if step is None else np.array([1, step] if whole else [step])
    axes = None if whole else np.array([axis])
    operands = [x, np.array(starts), np.array(stops), axes, steps]
    constants = [i for i in range(1, 5) if operands[i] is not None]
    holds(model_of("Slice", operands, constants), x)


@given(
    seed=SEEDS,
    pads=st.tuples(*[st.integers(-2, 2)] * 4),
    value=st.booleans(),
    mode=st.sampled_from(("constant", "edge")),
)
@QUICK
def test_pads_that_add_and_cut(seed: int, pads: tuple[int, ...], value: bool, mode: str) -> None:
    x = data(np.random.default_rng(seed), "float32", (N_SAMPLES, 5, 6))
    amounts = np.array([0, *pads[:2], 0, *pads[2:]])
    fill = np.array(1.5, np.float32) if value else None
    mode = mode if min(pads) >= 0 else "constant"
    model = model_of("Pad", [x, amounts, fill], [1, 2] if value else [1], {"mode": mode})
    assert holds(model, x)


@given(
    seed=SEEDS,
    kinds=st.tuples(*[st.sampled_from(("encrypted", "constant"))] * 3),
    bits=st.sampled_from((None, 3, 4, 6, 9)),
    shift=st.sampled_from((-5, 0, 5)),
)
@settings(max_examples=60, deadline=None, derandomize=True)
def test_choices_of_any_operands_signs_and_rounding(
    seed: int, kinds: tuple[str, ...], bits: int | None, shift: int
) -> None:
    rng = np.random.default_rng(seed)
    full = (N_SAMPLES, 3)
    operands = [
        data(rng, "bool" if i == 0 else "float32", full if kind == "encrypted" else (3,))
        for i, kind in enumerate(kinds)
    ]
    operands[1] = operands[1] + np.float32(shift)
    constants = [i for i, kind in enumerate(kinds) if kind == "constant"]
    if len(constants) == 3:
        return
    inputs = [x for i, x in enumerate(operands) if i not in constants]
    module = NumpyModule(model_of("Where", operands, constants))
    quantization = PostTrainingAffineQuantization(
        6, clear_tail=False, calibration="min-max", rounding_bits=bits
    )
    result = quantization.quantize_module(module, *inputs)(*inputs)
    (wanted,) = module(*inputs)
    width = 6 if bits is None else min(6, bits - 1)
    assert np.abs(result - wanted).max() <= 1.2 * np.ptp(np.concatenate(operands[1:], None)) / (
        2**width - 1
    )


@pytest.mark.parametrize("kind", ["int64", "int32"])
@given(seed=SEEDS, divisor=st.sampled_from((-3, -2, 2, 3, 7)), fmod=st.booleans())
@QUICK
def test_divisions_and_remainders_of_integers(
    kind: str, seed: int, divisor: int, fmod: bool
) -> None:
    x = data(np.random.default_rng(seed), kind, (N_SAMPLES, 3))
    by = np.array(divisor, x.dtype)
    assert holds(model_of("Div", [x, by], [1]), x, steps=0.5)
    assert holds(model_of("Mod", [x, by], [1], {"fmod": int(fmod)}), x, steps=0.5)
    assert not holds(model_of("Div", [x, np.where(x, x, 1)]), x, np.where(x, x, 1))


@given(seed=SEEDS, width=st.integers(1, 3), tokens=st.integers(1, 3))
@QUICK
def test_tables_by_encrypted_indices(seed: int, width: int, tokens: int) -> None:
    rng = np.random.default_rng(seed)
    table = data(rng, "float32", (7, width))
    indices = rng.integers(-7 if seed % 2 else 0, 7, (N_SAMPLES, tokens))
    assert holds(model_of("Gather", [table, indices], [0]), indices)
    wide = data(rng, "float32", (3, 7))
    assert not holds(model_of("Gather", [wide, indices], [0], {"axis": 1}), indices)


def test_a_table_wider_than_the_codes_is_refused_with_the_width_that_does() -> None:
    indices = np.arange(5000)[:, None]
    model = model_of("Gather", [np.zeros((5000, 2), np.float32), indices], [0])
    with pytest.raises(CmlError, match="set n_bits\\['inputs'\\] to 13"):
        PostTrainingAffineQuantization(8).quantize_module(NumpyModule(model), indices)


MOVES_OF_SAMPLES: dict[str, tuple[list[np.ndarray], dict[str, Any]]] = {
    "Unsqueeze": ([np.array([0])], {}),
    "Slice": ([np.array([0]), np.array([1]), np.array([0])], {}),
    "Reshape": ([np.array([-1, 2])], {}),
    "Transpose": ([], {"perm": [1, 0]}),
    "Concat": ([np.zeros((1, 4), np.float32)], {"axis": 0}),
    "Gather": ([np.array([0, 0])], {"axis": 0}),
    "Tile": ([np.array([2, 1])], {}),
    "Expand": ([np.array([2, 1, 4])], {}),
    "Pad": ([np.array([1, 0, 0, 0])], {}),
    "Flatten": ([], {"axis": 0}),
    "ReduceSum": ([np.array([0])], {}),
}


@pytest.mark.parametrize("n_samples", [1, 2, 50])
@pytest.mark.parametrize("op_type", MOVES_OF_SAMPLES)
def test_moves_of_the_samples_axis_are_refused(op_type: str, n_samples: int) -> None:
    parameters, attributes = MOVES_OF_SAMPLES[op_type]
    x = np.random.default_rng(0).normal(size=(n_samples, 4)).astype(np.float32)
    model = model_of(op_type, [x, *parameters], range(1, len(parameters) + 1), attributes)
    assert not holds(model, x)


def test_integers_that_would_wrap_are_refused() -> None:
    x = np.arange(120, dtype=np.int8).reshape(-1, 2)
    assert not holds(model_of("Add", [x, np.array(100, np.int8)], [1]), x)
    assert holds(model_of("Add", [x, np.array(-100, np.int8)], [1]), x)


SIZED = {
    "a half by size": "s = Shape(x) l = Gather(s, one) h = Div(l, two) a = Slice(x, zero, h, one)"
    " y = Neg(a)",
    "zeros like": "s = Shape(x) z = ConstantOfShape(s) y = Max(x, z)",
    "repeated by size": "s = Shape(x) t = Concat <axis = 0> (two, s) f = Cast <to = 7> (t)"
    " u = Unsqueeze(x, one) p = Gather(s, zero) q = Concat <axis = 0> (p, two, k)"
    " e = Expand(u, q) y = ReduceSum(e, one)",
    "pieces": "a, b = Split <axis = 1> (x, parts) c = Mul(b, scale) y = Add(a, c)",
    "pieces of a layer": "m = MatMul(x, w) a, b = Split <axis = 1> (m, parts) c = Relu(b)"
    " y = Sub(a, c)",
}


@pytest.mark.parametrize("tail", [True, False])
@pytest.mark.parametrize("batch", ["n", 1])
@pytest.mark.parametrize("name", SIZED)
def test_values_of_sizes_and_models_for_one_sample(name: str, batch: int | str, tail: bool) -> None:
    constants = (
        "<int64[1] zero = {0}, int64[1] one = {1}, int64[1] two = {2}, int64[1] k = {4},"
        " int64[2] parts = {2, 2}, float scale = {-0.5},"
        " float[4, 4] w = {1, 2, 3, 4, -1, 2, -3, 1, 0, 1, 1, 0, 2, 2, 1, -2}>"
    )
    head = (
        f'<ir_version: 8, opset_import: ["": 17]> g (float[{batch}, 4] x) => (float[{batch}, M] y)'
    )
    model = parser.parse_model(f"{head} {constants} {{ {SIZED[name]} }}")
    free = parser.parse_model(
        f"{head.replace(f'[{batch},', '[n,')} {constants} {{ {SIZED[name]} }}"
    )
    x = data(np.random.default_rng(0), "float32", (N_SAMPLES, 4))
    (wanted,) = NumpyModule(free)(x)
    result = np.asarray(
        PostTrainingAffineQuantization(8, clear_tail=tail).quantize_module(NumpyModule(model), x)(x)
    )
    assert result.shape == wanted.shape
    assert np.abs(result - wanted).max() <= 6 * np.ptp(wanted) / 255


@pytest.mark.parametrize("shape", ["1, -1", "1, 4"])
def test_reshapes_of_models_for_one_sample(shape: str) -> None:
    model = parser.parse_model(
        '<ir_version: 8, opset_import: ["": 17]> g (float[1, 2, 2] x) => (float[1, 1] y)'
        f"<int64[2] s = {{{shape}}}, float[4, 1] w = {{1, 2, 3, 4}}>"
        "{ r = Reshape(x, s) y = MatMul(r, w) }"
    )
    x = data(np.random.default_rng(0), "float32", (N_SAMPLES, 2, 2))
    result = np.asarray(PostTrainingAffineQuantization(8).quantize_module(NumpyModule(model), x)(x))
    np.testing.assert_allclose(result[:, 0], x.reshape(-1, 4) @ [1, 2, 3, 4], atol=0.3)


@pytest.mark.parametrize(
    "body", ["y = Squeeze(x)", "y = Transpose <perm = [1, 0]> (x)", "y = ReduceSum(x, zero)"]
)
def test_models_for_one_sample_whose_first_axis_is_another(body: str) -> None:
    model = parser.parse_model(
        '<ir_version: 8, opset_import: ["": 17]> g (float[1, 4] x) => (float[M] y)'
        f"<int64[1] zero = {{0}}> {{ {body} }}"
    )
    x = data(np.random.default_rng(0), "float32", (N_SAMPLES, 4))
    with pytest.raises(CmlError):
        PostTrainingAffineQuantization(8).quantize_module(NumpyModule(model), x)


@pytest.mark.parametrize("body", ["n = Cast <to = 1> (s) y = Mul(x, n)", "y = Div(i, s)"])
def test_the_number_of_samples_is_no_parameter(body: str) -> None:
    model = parser.parse_model(
        '<ir_version: 8, opset_import: ["": 17]> g (float[N, 2] x) => (float[N, 2] y)'
        f"{{ s = Shape(x) i = Cast <to = 7> (x) {body} }}"
    )
    x = data(np.random.default_rng(0), "float32", (N_SAMPLES, 2))
    with pytest.raises(CmlError, match="number of samples"):
        PostTrainingAffineQuantization(8).quantize_module(NumpyModule(model), x)


def test_sizes_below_zero_are_free() -> None:
    model = model_of("Neg", [np.zeros((1, 4), np.float32)], batch=-1)
    assert NumpyModule(model).graph_inputs[0].shape == (None, 4)
    x = data(np.random.default_rng(0), "float32", (N_SAMPLES, 4))
    PostTrainingAffineQuantization(8).quantize_module(NumpyModule(model), x)


def test_integers_reach_the_tail_as_integers() -> None:
    model = parser.parse_model(
        '<ir_version: 8, opset_import: ["": 17]> g (float[N, 2] x) => (int64[N, 2] y)'
        "<int64 c = {3}> { i = Cast <to = 7> (x) d = Div(i, c) y = Abs(d) }"
    )
    x = data(np.random.default_rng(0), "int64", (N_SAMPLES, 2)).astype(np.float32)
    quantized = PostTrainingAffineQuantization(8).quantize_module(NumpyModule(model), x)
    assert quantized.tail is not None
    np.testing.assert_array_equal(quantized(x), np.abs(np.trunc(x / 3)))
