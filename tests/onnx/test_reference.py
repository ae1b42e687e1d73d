"""The operators against ONNX's reference evaluator, on random inputs."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from onnx.reference import ReferenceEvaluator
from onnxruntime import InferenceSession

from cml_sklearn.onnx import NumpyModule
from tests.onnx.models import one_node

SUMS = 1e-4
"""Absolute tolerance of long sums in 32 bits, which cancel."""

FLOATS = (np.float32, np.float64)
NUMBERS = (np.float32, np.float64, np.int32, np.int64)
EXAMPLES = settings(max_examples=20, deadline=None)


def by_reference(model: onnx.ModelProto, inputs: dict[str, np.ndarray]) -> list[np.ndarray]:
    """Results of ONNX's reference evaluator."""
    with np.errstate(all="ignore"):
        return ReferenceEvaluator(model).run(None, inputs)


def by_onnxruntime(model: onnx.ModelProto, inputs: dict[str, np.ndarray]) -> list[np.ndarray]:
    """Results of onnxruntime, for operators that the reference gets wrong."""
    session = InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    return session.run(None, inputs)


def compare(
    op_type: str,
    *inputs: np.ndarray | None,
    by: Callable[..., list[np.ndarray]] = by_reference,
    constants: Sequence[int] = (),
    atol: float = 2e-6,
    **attributes: Any,
) -> None:
    """Compare values, shapes and types with those of another evaluator."""
    model = one_node(op_type, inputs, constants=constants, **attributes)
    fed = [x for i, x in enumerate(inputs) if x is not None and i not in constants]
    names = [value.name for value in model.graph.input]
    wanted = by(model, dict(zip(names, fed, strict=True)))
    for result, expected in zip(NumpyModule(model)(*fed), wanted, strict=True):
        assert result.dtype == expected.dtype
        assert result.shape == expected.shape
        np.testing.assert_allclose(result, expected, rtol=2e-5, atol=atol)


def random_array(
    data: st.DataObject, shape: int | Sequence[int], dtype: Any, low: float = -3, high: float = 3
) -> np.ndarray:
    """Array of random numbers, from a seed so that many examples stay cheap."""
    rng = np.random.default_rng(data.draw(st.integers(0, 2**32 - 1), label="seed"))
    if np.issubdtype(dtype, np.integer):
        return rng.integers(math.ceil(low), math.floor(high) + 1, shape).astype(dtype)
    return rng.uniform(low, high, shape).astype(dtype)


shapes = hnp.array_shapes(min_dims=1, max_dims=4, max_side=4)


@dataclass(frozen=True)
class Univariate:
    """Where an operator of one tensor is defined, and its attributes."""

    low: float = -3
    high: float = 3
    dtypes: tuple[type, ...] = FLOATS
    attributes: tuple[dict[str, Any], ...] = ({},)


UNIVARIATE = {
    "Abs": Univariate(dtypes=NUMBERS),
    "Acos": Univariate(-1, 1),
    "Acosh": Univariate(1, 9),
    "Asin": Univariate(-1, 1),
    "Asinh": Univariate(),
    "Atan": Univariate(),
    "Atanh": Univariate(-0.9, 0.9),
    "Cast": Univariate(dtypes=NUMBERS, attributes=tuple({"to": n} for n in (1, 6, 7, 9, 10, 11))),
    "Ceil": Univariate(),
    "Celu": Univariate(dtypes=(np.float32,), attributes=({}, {"alpha": 2.5})),
    "Cos": Univariate(),
    "Cosh": Univariate(),
    "Elu": Univariate(attributes=({}, {"alpha": 0.3})),
    "Erf": Univariate(),
    "Exp": Univariate(),
    "Floor": Univariate(),
    "Gelu": Univariate(attributes=({}, {"approximate": "tanh"})),
    "HardSigmoid": Univariate(attributes=({}, {"alpha": 0.4, "beta": 0.1})),
    "HardSwish": Univariate(-6, 6),
    "Identity": Univariate(dtypes=NUMBERS),
    "LeakyRelu": Univariate(attributes=({}, {"alpha": 0.2})),
    "Log": Univariate(0.1, 9),
    "Mish": Univariate(),
    "Neg": Univariate(dtypes=NUMBERS),
    "Reciprocal": Univariate(0.5, 3),
    "Relu": Univariate(dtypes=NUMBERS),
    "Round": Univariate(),
    "Selu": Univariate(attributes=({}, {"alpha": 2.0, "gamma": 0.5})),
    "Shrink": Univariate(dtypes=FLOATS, attributes=({}, {"bias": 0.5, "lambd": 1.0})),
    "Sigmoid": Univariate(-20, 20),
    "Sign": Univariate(dtypes=NUMBERS),
    "Sin": Univariate(),
    "Sinh": Univariate(),
    "Softplus": Univariate(),
    "Softsign": Univariate(),
    "Sqrt": Univariate(0, 9),
    "Tan": Univariate(-1.5, 1.5),
    "Tanh": Univariate(),
    "ThresholdedRelu": Univariate(attributes=({}, {"alpha": 0.2})),
}


@pytest.mark.parametrize("op_type", UNIVARIATE)
@EXAMPLES
@given(data=st.data(), shape=shapes)
def test_univariate(op_type: str, data: st.DataObject, shape: tuple[int, ...]) -> None:
    case = UNIVARIATE[op_type]
    x = random_array(data, shape, data.draw(st.sampled_from(case.dtypes)), case.low, case.high)
    compare(op_type, x, **data.draw(st.sampled_from(case.attributes)))


@pytest.mark.parametrize("op_type", UNIVARIATE)
def test_scalars_stay_scalars_and_types_are_kept(op_type: str) -> None:
    case = UNIVARIATE[op_type]
    for dtype in {*case.dtypes, np.float16}:
        x: np.ndarray = np.array((case.low + case.high) / 2 + 0.25).astype(dtype)
        (scalar,) = NumpyModule(one_node(op_type, [x], **case.attributes[-1]))(x)
        (vector,) = NumpyModule(one_node(op_type, [x[None]], **case.attributes[-1]))(x[None])
        assert scalar.shape == ()
        assert scalar.dtype == vector.dtype == (np.float64 if op_type == "Cast" else dtype)
        np.testing.assert_allclose(scalar, vector[0], rtol=1e-6)


@pytest.mark.parametrize("dtype", [np.int8, np.uint8, np.int32, np.int64])
@pytest.mark.parametrize("op_type", ["Add", "Div", "Max", "Min", "Mod", "Mul", "Pow", "Sub"])
def test_integers_are_not_widened(op_type: str, dtype: type) -> None:
    a: np.ndarray = np.array([7, 100, 9], dtype)
    b: np.ndarray = np.array([2, 3, 1], dtype)
    exact = {"Add": a + b, "Div": a // b, "Max": a, "Min": b, "Mod": a % b, "Mul": a * b}
    exact |= {"Pow": a**b, "Sub": a - b}
    (y,) = NumpyModule(one_node(op_type, [a, b]))(a, b)
    assert y.dtype == dtype
    np.testing.assert_array_equal(y, exact[op_type])


BIVARIATE = {
    "Add": NUMBERS,
    "Div": FLOATS,
    "Equal": NUMBERS,
    "Greater": NUMBERS,
    "GreaterOrEqual": NUMBERS,
    "Less": NUMBERS,
    "LessOrEqual": NUMBERS,
    "Max": NUMBERS,
    "Min": NUMBERS,
    "Mul": NUMBERS,
    "Sub": NUMBERS,
    "Sum": FLOATS,
    "And": (np.bool_,),
    "Or": (np.bool_,),
    "Xor": (np.bool_,),
}


@pytest.mark.parametrize("op_type", BIVARIATE)
@EXAMPLES
@given(
    data=st.data(), shapes=hnp.mutually_broadcastable_shapes(num_shapes=2, max_dims=4, max_side=4)
)
def test_bivariate(op_type: str, data: st.DataObject, shapes: Any) -> None:
    dtype = data.draw(st.sampled_from(BIVARIATE[op_type]))
    a, b = (random_array(data, shape, dtype) for shape in shapes.input_shapes)
    compare(op_type, a, b)


@EXAMPLES
@given(a=hnp.arrays(np.int64, 6), b=hnp.arrays(np.int64, 6))
def test_integer_quotients_are_cut_towards_zero(a: np.ndarray, b: np.ndarray) -> None:
    b = np.where((b == 0) | (b == -1), 3, b)
    (quotient,) = NumpyModule(one_node("Div", [a, b]))(a, b)
    assert quotient.tolist() == [
        abs(x) // abs(y) * (1 if (x < 0) == (y < 0) else -1)
        for x, y in zip(a.tolist(), b.tolist(), strict=True)
    ]


@EXAMPLES
@given(data=st.data(), x_type=st.sampled_from(NUMBERS), y_type=st.sampled_from(NUMBERS))
def test_pow(data: st.DataObject, x_type: type, y_type: type) -> None:
    compare("Pow", random_array(data, (3, 4), x_type, 1, 4), random_array(data, 4, y_type, 0, 3))


@EXAMPLES
@given(data=st.data(), shapes=hnp.mutually_broadcastable_shapes(num_shapes=3, max_dims=3))
def test_where(data: st.DataObject, shapes: Any) -> None:
    condition, x, y = shapes.input_shapes
    dtype = data.draw(st.sampled_from(NUMBERS))
    compare(
        "Where",
        random_array(data, condition, np.float32) > 0,
        random_array(data, x, dtype),
        random_array(data, y, dtype),
    )


REDUCTIONS = (
    "ReduceL1",
    "ReduceL2",
    "ReduceLogSum",
    "ReduceLogSumExp",
    "ReduceMax",
    "ReduceMean",
    "ReduceMin",
    "ReduceProd",
    "ReduceSum",
    "ReduceSumSquare",
)


@pytest.mark.parametrize("op_type", REDUCTIONS)
@EXAMPLES
@given(data=st.data(), shape=hnp.array_shapes(min_dims=1, max_dims=4, max_side=4))
def test_reductions(op_type: str, data: st.DataObject, shape: tuple[int, ...]) -> None:
    axes = data.draw(st.none() | hnp.valid_tuple_axes(len(shape), min_size=1))
    compare(
        op_type,
        random_array(data, shape, data.draw(st.sampled_from(FLOATS)), 0.1, 2),
        *([] if axes is None else [np.array(axes, np.int64)]),
        constants=() if axes is None else (1,),
        keepdims=data.draw(st.integers(0, 1)),
        opset=18,
    )


@pytest.mark.parametrize("op_type", ["ArgMax", "ArgMin"])
@EXAMPLES
@given(
    data=st.data(),
    shape=hnp.array_shapes(min_dims=1, max_dims=3),
    flags=st.tuples(*[st.integers(0, 1)] * 2),
)
def test_arg_extremes(op_type: str, data: st.DataObject, shape: Any, flags: Any) -> None:
    axis = data.draw(st.integers(0, len(shape) - 1))
    x = random_array(data, shape, np.int32)
    compare(op_type, x, axis=axis, keepdims=flags[0], select_last_index=flags[1])


@pytest.mark.parametrize("op_type", ["Softmax", "LogSoftmax", "Hardmax"])
@EXAMPLES
@given(data=st.data(), shape=hnp.array_shapes(min_dims=1, max_dims=4, max_side=4))
def test_softmaxes(op_type: str, data: st.DataObject, shape: tuple[int, ...]) -> None:
    axis = data.draw(st.integers(-len(shape), len(shape) - 1))
    compare(op_type, random_array(data, shape, data.draw(st.sampled_from(FLOATS))), axis=axis)


@EXAMPLES
@given(
    data=st.data(),
    trans=st.tuples(*[st.integers(0, 1)] * 2),
    sizes=st.tuples(*[st.integers(1, 5)] * 3),
)
def test_gemm(data: st.DataObject, trans: tuple[int, int], sizes: tuple[int, int, int]) -> None:
    rows, inner, columns = sizes
    a = random_array(data, (inner, rows) if trans[0] else (rows, inner), np.float32)
    b = random_array(data, (columns, inner) if trans[1] else (inner, columns), np.float32)
    shape = data.draw(st.none() | st.sampled_from([(), (columns,), (rows, 1), (rows, columns)]))
    c = [] if shape is None else [random_array(data, shape, np.float32)]
    compare("Gemm", a, b, *c, atol=SUMS, transA=trans[0], transB=trans[1], alpha=0.5, beta=1.5)


@EXAMPLES
@given(data=st.data(), shapes=hnp.mutually_broadcastable_shapes(signature="(n,k),(k,m)->(n,m)"))
def test_matmul(data: st.DataObject, shapes: Any) -> None:
    a, b = (random_array(data, shape, np.float32) for shape in shapes.input_shapes)
    compare("MatMul", a, b, atol=SUMS)


@dataclass(frozen=True)
class Window:
    """Attributes of a random window, and the size of an input into which it fits."""

    sizes: tuple[int, ...]
    attributes: dict[str, Any]

    @property
    def kernel(self) -> tuple[int, ...]:
        return self.attributes["kernel_shape"]


@st.composite
def windows(draw: st.DrawFn) -> Window:
    n = draw(st.integers(1, 3))
    axes = st.lists(st.integers(1, 3), min_size=n, max_size=n)
    kernel, strides, dilations, room = (draw(axes) for _ in range(4))
    sizes = tuple((k - 1) * d + r + 1 for k, d, r in zip(kernel, dilations, room, strict=True))
    pads = [draw(st.integers(0, k - 1)) for k in kernel * 2]
    return Window(
        sizes,
        {"kernel_shape": kernel, "strides": strides, "dilations": dilations, "pads": pads},
    )


@EXAMPLES
@given(data=st.data(), window=windows(), group=st.integers(1, 3), bias=st.booleans())
def test_conv(data: st.DataObject, window: Window, group: int, bias: bool) -> None:
    x = random_array(data, (2, 2 * group, *window.sizes), np.float32)
    w = random_array(data, (3 * group, 2, *window.kernel), np.float32)
    b = [random_array(data, 3 * group, np.float32)] if bias else []
    compare("Conv", x, w, *b, atol=SUMS, group=group, **window.attributes)


@EXAMPLES
@given(data=st.data(), window=windows(), count_include_pad=st.integers(0, 1))
def test_average_pool(data: st.DataObject, window: Window, count_include_pad: int) -> None:
    x = random_array(data, (2, 3, *window.sizes), np.float32)
    compare("AveragePool", x, atol=SUMS, count_include_pad=count_include_pad, **window.attributes)


@EXAMPLES
@given(data=st.data(), window=windows())
def test_max_pool(data: st.DataObject, window: Window) -> None:
    x = random_array(data, (2, 3, *window.sizes), np.float32)
    compare("MaxPool", x, by=by_onnxruntime, opset=12, **window.attributes)
    size = math.prod(window.sizes)
    flat = np.arange(6 * size, dtype=np.float32).reshape(x.shape)
    model = one_node("MaxPool", [flat], n_outputs=2, opset=12, **window.attributes)
    largest, where = NumpyModule(model)(flat)
    np.testing.assert_array_equal(largest, where)


@EXAMPLES
@given(data=st.data(), shape=hnp.array_shapes(min_dims=2, max_dims=5, max_side=4))
def test_batch_normalization(data: st.DataObject, shape: tuple[int, ...]) -> None:
    scale, b, mean = (random_array(data, shape[1], np.float32) for _ in range(3))
    variance = random_array(data, shape[1], np.float32, 0.5, 2)
    x = random_array(data, shape, np.float32)
    compare("BatchNormalization", x, scale, b, mean, variance, atol=SUMS, epsilon=1e-3)


@EXAMPLES
@given(data=st.data(), shape=hnp.array_shapes(min_dims=1, max_dims=4, max_side=5))
def test_slice(data: st.DataObject, shape: tuple[int, ...]) -> None:
    axes = data.draw(hnp.valid_tuple_axes(len(shape), min_size=1))
    n = len(axes)
    starts, ends = (data.draw(st.lists(st.integers(-6, 6), min_size=n, max_size=n)) for _ in "ab")
    steps = data.draw(st.lists(st.sampled_from([-2, -1, 1, 2]), min_size=n, max_size=n))
    x = random_array(data, shape, np.float32)
    compare("Slice", x, *(np.array(v, np.int64) for v in (starts, ends, axes, steps)))


@pytest.mark.parametrize("mode", ["constant", "reflect", "edge", "wrap"])
@EXAMPLES
@given(data=st.data(), shape=hnp.array_shapes(min_dims=1, max_dims=4, min_side=3, max_side=5))
def test_pad(mode: str, data: st.DataObject, shape: tuple[int, ...]) -> None:
    pads = data.draw(hnp.arrays(np.int64, 2 * len(shape), elements=st.integers(0, 2)))
    compare("Pad", random_array(data, shape, np.float32), pads, mode=mode)


@EXAMPLES
@given(data=st.data(), shape=hnp.array_shapes(min_dims=1, max_dims=4))
def test_gather(data: st.DataObject, shape: tuple[int, ...]) -> None:
    axis = data.draw(st.integers(0, len(shape) - 1))
    indices = random_array(data, (2, 3), np.int64, -shape[axis], shape[axis] - 1)
    compare("Gather", random_array(data, shape, np.float32), indices, axis=axis)


@EXAMPLES
@given(data=st.data(), shape=hnp.array_shapes(min_dims=1, max_dims=4))
def test_transpose_and_flatten(data: st.DataObject, shape: tuple[int, ...]) -> None:
    x = random_array(data, shape, np.float32)
    compare("Transpose", x, perm=data.draw(st.permutations(range(len(shape)))))
    compare("Flatten", x, axis=data.draw(st.integers(-len(shape), len(shape))))


@EXAMPLES
@given(data=st.data(), bounds=st.tuples(*[st.booleans()] * 2), dtype=st.sampled_from(NUMBERS))
def test_clip(data: st.DataObject, bounds: tuple[bool, bool], dtype: type) -> None:
    ends: list[np.ndarray | None] = [
        np.array(value, dtype) if there else None
        for value, there in zip((-1, 1), bounds, strict=True)
    ]
    compare("Clip", random_array(data, (3, 4), dtype), *ends)


def test_padding_wider_than_the_kernel() -> None:
    x = np.arange(12, dtype=np.float32).reshape(1, 1, 3, 4) + 1
    w = np.full((1, 1, 1, 1), 2, np.float32)
    compare("Conv", x, w, pads=[1, 2, 3, 1])
