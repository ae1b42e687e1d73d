"""One node each: what operators are tried on, and what the table of the docs has the costs of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from cml_sklearn.onnx import NumpyModule
from cml_sklearn.quantization.post_training import PostTrainingAffineQuantization
from cml_sklearn.quantization.quantized_module import QuantizedModule

__all__ = ["CASES", "Case", "quantized"]

Array = NDArray[Any]
rng = np.random.default_rng(0)


def normal(*shape: int) -> Array:
    return rng.normal(size=shape).astype(np.float32)


def floats(*values: float) -> Array:
    return np.array(values, dtype=np.float32)


def integers(*values: int) -> Array:
    return np.array(values, dtype=np.int64)


@dataclass
class Case:
    """One node: shapes of the encrypted inputs, constants by their place, attributes."""

    op: str
    shapes: Sequence[tuple[int, ...]] = field(default_factory=lambda: [(4,)])
    constants: dict[int, Array] = field(default_factory=dict)
    attributes: dict[str, Any] = field(default_factory=dict)
    low: float = -2.0
    high: float = 2.0
    boolean: bool = False
    steps: float = 1.0
    rms: bool = False
    """Whether `steps` is for the root of the mean square: a few elements may miss by more."""
    after: str = ""
    """Operator that the first input goes through before the node."""

    def __str__(self) -> str:
        given = "-".join(f"{k}={v}" for k, v in self.attributes.items())
        return f"{self.after}{self.op}-{self.shapes}-const{sorted(self.constants)}-{given}"

    def model(self) -> onnx.ModelProto:
        n_inputs = len(self.shapes) + len(self.constants)
        names = [f"c{i}" if i in self.constants else f"x{i}" for i in range(n_inputs)]
        encrypted = [n for n in names if n.startswith("x")]
        element = TensorProto.BOOL if self.boolean else TensorProto.FLOAT
        inputs = [
            helper.make_tensor_value_info(n, TensorProto.FLOAT, ["n", *shape])
            for n, shape in zip(encrypted, self.shapes, strict=True)
        ]
        nodes, feeds = [], dict(zip(names, names, strict=True))
        if self.boolean:
            for n in encrypted if self.op != "Where" else encrypted[:1]:
                nodes.append(helper.make_node("Cast", [n], [f"{n}_bool"], to=element))
                feeds[n] = f"{n}_bool"
        if self.after:
            nodes.append(helper.make_node(self.after, ["x0"], ["before"]))
            feeds["x0"] = "before"
        nodes.append(helper.make_node(self.op, list(feeds.values()), ["raw"], **self.attributes))
        nodes.append(helper.make_node("Cast", ["raw"], ["y"], to=TensorProto.FLOAT))
        graph = helper.make_graph(
            nodes,
            "case",
            inputs,
            [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
            [numpy_helper.from_array(v, f"c{i}") for i, v in self.constants.items()],
        )
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)])

    def inputs(self, n_samples: int = 200, seed: int = 0) -> list[Array]:
        generator = np.random.default_rng(seed)
        values = [generator.uniform(self.low, self.high, (n_samples, *s)) for s in self.shapes]
        if self.boolean:
            bits = len(values) if self.op != "Where" else 1
            values[:bits] = [(v > 0).astype(float) for v in values[:bits]]
        return [v.astype(np.float32) for v in values]


UNARY: dict[str, dict[str, Any]] = {
    "Abs": {},
    "Acos": {"low": -1, "high": 1},
    "Acosh": {"low": 1, "high": 5},
    "Asin": {"low": -1, "high": 1},
    "Asinh": {},
    "Atan": {},
    "Atanh": {"low": -0.9, "high": 0.9},
    "Ceil": {},
    "Celu": {"attributes": {"alpha": 0.5}},
    "Cos": {},
    "Cosh": {},
    "Dropout": {},
    "Elu": {"attributes": {"alpha": 0.5}},
    "Erf": {},
    "Exp": {},
    "Floor": {},
    "Gelu": {},
    "HardSigmoid": {"attributes": {"alpha": 0.3}},
    "HardSwish": {},
    "Identity": {},
    "LeakyRelu": {"attributes": {"alpha": 0.2}},
    "Log": {"low": 0.1, "high": 5},
    "Mish": {},
    "Neg": {},
    "Reciprocal": {"low": 0.5, "high": 5},
    "Relu": {},
    "Round": {},
    "Selu": {},
    "Shrink": {"attributes": {"lambd": 0.5}},
    "Sigmoid": {},
    "Sign": {},
    "Sin": {},
    "Sinh": {},
    "Softplus": {},
    "Softsign": {},
    "Sqrt": {"low": 0, "high": 5},
    "Tan": {"low": -1, "high": 1},
    "Tanh": {},
    "ThresholdedRelu": {},
}
PAIR = [(4,), (4,)]
IMAGE = [(2, 5, 5)]
LAST = {"layout": 1}
"""A recurrent layer whose samples stand first."""

CASES = [
    *(Case(op, **options) for op, options in UNARY.items()),
    Case("Not", boolean=True),
    *(Case(op, PAIR) for op in ("Add", "Sub", "Mul", "Max", "Min")),
    *(Case(op, constants={1: normal(4)}) for op in ("Add", "Sub", "Mul", "Max", "Min")),
    *(Case(op, constants={0: normal(4)}, shapes=[(4,)]) for op in ("Sub", "Mul")),
    Case("Div", PAIR, low=0.5, high=3, steps=2),
    Case("Div", constants={1: floats(1, -2, 3, 4)}),
    Case("Div", constants={0: normal(4)}, low=0.5, high=3),
    Case("Pow", constants={1: floats(2)}),
    Case("Pow", constants={0: floats(2)}),
    Case("Mod", constants={1: floats(1.5)}, attributes={"fmod": 1}),
    Case("PRelu", constants={1: floats(0.1, 0.2, 0.3, 0.4)}),
    Case("Clip", constants={1: np.array(-1, np.float32), 2: np.array(1, np.float32)}),
    *(Case(op, PAIR, boolean=True) for op in ("And", "Or", "Xor")),
    Case("And", constants={1: np.array([True, False, True, False])}, boolean=True),
    Case("Or", constants={0: np.array([True, False, True, False])}, boolean=True),
    *(Case(op, PAIR) for op in ("Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual")),
    *(Case(op, constants={1: floats(0.3)}) for op in ("Greater", "LessOrEqual")),
    Case("Less", constants={0: floats(0.3)}),
    Case("Where", [(4,), (4,), (4,)], boolean=True, steps=1.5),
    Case("Where", constants={1: normal(4), 2: normal(4)}, boolean=True),
    Case("Where", PAIR, constants={2: normal(4)}, boolean=True),
    Case("Where", PAIR, constants={0: np.array([True, False, True, False])}, steps=1.5),
    Case("Gemm", constants={1: normal(4, 3), 2: normal(3)}, steps=2),
    Case("Gemm", constants={1: normal(3, 4)}, attributes={"transB": 1, "alpha": 0.5}, steps=2),
    Case("MatMul", constants={1: normal(4, 3)}, steps=2),
    Case("MatMul", [(3, 4)], constants={1: normal(4, 2)}, steps=2),
    Case("MatMul", [(2, 3), (3, 2)], steps=2),
    Case("MatMul", [(1, 2, 3), (2, 3, 2)], steps=2),
    Case("Conv", IMAGE, {1: normal(3, 2, 3, 3), 2: normal(3)}, {"pads": [1, 1, 1, 1]}, steps=2),
    Case("Conv", IMAGE, {1: normal(4, 1, 2, 2)}, {"group": 2, "strides": [2, 2]}, steps=2),
    Case("Conv", [(2, 6)], {1: normal(3, 2, 3)}, {"dilations": [2]}, steps=2),
    Case("AveragePool", IMAGE, attributes={"kernel_shape": [2, 2], "strides": [2, 2]}),
    Case(
        "AveragePool",
        IMAGE,
        attributes={"kernel_shape": [3, 3], "pads": [1, 1, 1, 1], "count_include_pad": 1},
    ),
    Case(
        "AveragePool", IMAGE, attributes={"kernel_shape": [2, 2], "ceil_mode": 1, "strides": [2, 2]}
    ),
    Case("GlobalAveragePool", IMAGE),
    Case("MaxPool", [(2, 4, 4)], attributes={"kernel_shape": [2, 2], "strides": [2, 2]}),
    Case(
        "MaxPool",
        [(1, 4)],
        attributes={"kernel_shape": [3], "pads": [1, 1], "strides": [2], "ceil_mode": 1},
    ),
    Case("GlobalMaxPool", [(2, 3)]),
    Case(
        "BatchNormalization",
        IMAGE,
        {1: normal(2), 2: normal(2), 3: normal(2), 4: floats(0.5, 2)},
    ),
    Case("ReduceSum", [(3, 4)], {1: integers(2)}),
    Case("ReduceMean", [(3, 4)], {1: integers(1)}, {"keepdims": 0}),
    Case("ReduceMax", [(3, 4)], {1: integers(2)}, {"keepdims": 0}),
    Case("ReduceMax", [(5,)], {1: integers(1)}),
    Case("ReduceMin", [(2, 3)], {1: integers(1, 2)}),
    Case("ReduceMax", [(4,)], {1: integers()}, {"noop_with_empty_axes": 1}),
    Case("ReduceL1", [(3, 2)], {1: integers(1)}, steps=3),
    Case("ReduceL2", [(3,)], {1: integers(1)}, low=0.5, steps=6, rms=True),
    Case("ReduceLogSum", [(3,)], {1: integers(1)}, low=0.5, high=3, steps=6, rms=True),
    Case("ReduceLogSumExp", [(3,)], {1: integers(1)}, {"keepdims": 0}, steps=6, rms=True),
    Case("ReduceSumSquare", [(3, 2)], {1: integers(2)}, steps=2),
    Case("Sum", [(4,), (4,), (4,)], steps=4),
    Case("Sum", PAIR, {2: normal(4)}),
    Case("Mean", PAIR),
    Case("CumSum", [(4,)], {1: np.array(1)}),
    Case("CumSum", [(2, 3)], {1: np.array(-2)}, {"exclusive": 1, "reverse": 1}),
    Case("Trilu", [(3, 3)], {1: np.array(1)}),
    Case("Trilu", [(2, 3)], attributes={"upper": 0}),
    Case("Softmax", [(3, 4)], attributes={"axis": 1}, steps=6),
    Case("Softmax", [(2,)], attributes={"axis": 1}),
    Case("LogSoftmax", [(2, 3)], attributes={"axis": -1}, steps=3),
    Case(
        "LayerNormalization", [(2, 4)], {1: floats(1, 2, 0.5, -1), 2: normal(4)}, steps=12, rms=True
    ),
    Case("LayerNormalization", [(2, 2)], {1: normal(2, 2)}, {"axis": 1}, steps=12, rms=True),
    Case("InstanceNormalization", [(2, 4)], {1: floats(1, 2), 2: floats(0, 1)}, steps=12, rms=True),
    Case(
        "GroupNormalization",
        [(4, 2)],
        {1: floats(1, 2), 2: floats(0, 1)},
        {"num_groups": 2},
        steps=12,
        rms=True,
    ),
    Case("MeanVarianceNormalization", [(2, 4)], attributes={"axes": [2]}, steps=12, rms=True),
    Case("LpNormalization", [(2, 4)], attributes={"axis": 1}, low=0.5, steps=12, rms=True),
    Case("LpNormalization", [(4,)], attributes={"axis": -1, "p": 1}, steps=12, rms=True),
    Case("LRN", [(4, 2)], attributes={"size": 3, "alpha": 3.0}, steps=6, rms=True),
    Case("QuantizeLinear", constants={1: np.array(0.02, np.float32), 2: np.array(128, np.uint8)}),
    Case("Resize", [(1, 2, 3)], {1: floats(), 2: floats(1, 1, 2, 2)}),
    Case("Resize", [(1, 2, 3)], {1: floats(), 2: floats(1, 1, 2, 2)}, {"mode": "linear"}),
    Case("Resize", [(1, 4)], {1: floats(), 2: floats(1, 1, 1.75)}, {"mode": "cubic"}, steps=3),
    Case("Reshape", [(3, 4)], {1: integers(-1, 12)}),
    Case("Flatten", [(3, 4)]),
    Case("Transpose", [(3, 4)], attributes={"perm": [0, 2, 1]}),
    Case("Squeeze", [(1, 4)], {1: integers(1)}),
    Case("Unsqueeze", [(4,)], {1: integers(1)}),
    Case("Expand", [(1, 4)], {1: integers(1, 3, 4)}),
    Case("Gather", [(5,)], {1: integers(3, 0)}, {"axis": 1}),
    Case("Tile", [(2, 3)], {1: integers(1, 2, 1)}),
    Case("DepthToSpace", [(4, 2, 2)], attributes={"blocksize": 2}),
    Case("SpaceToDepth", [(1, 4, 4)], attributes={"blocksize": 2}),
    Case("Slice", [(5,)], {1: integers(1), 2: integers(4), 3: integers(1)}),
    Case("Concat", [(2,), (3,)], attributes={"axis": 1}),
    Case("Pad", [(3,)], {1: integers(0, 1, 0, 2), 2: np.array(0.7, np.float32)}),
    Case("Pad", [(3,)], {1: integers(0, 1, 0, 1)}, {"mode": "reflect"}),
    Case("ConvTranspose", [(2, 3)], {1: normal(2, 1, 3)}, {"strides": [2]}, steps=2),
    Case(
        "ConvTranspose",
        [(2, 2, 2)],
        {1: normal(2, 1, 2, 2), 2: normal(2)},
        {"strides": [2, 2], "group": 2, "pads": [1, 0, 0, 1]},
        steps=2,
    ),
    Case(
        "ConvTranspose",
        [(1, 3)],
        {1: normal(1, 2, 2)},
        {"strides": [2], "dilations": [2], "auto_pad": "SAME_UPPER"},
        steps=2,
    ),
    Case(
        "ConvTranspose",
        [(1, 3)],
        {1: normal(1, 2, 3)},
        {"strides": [3], "output_padding": [1], "output_shape": [9]},
        steps=2,
    ),
    Case("Einsum", [(2, 3)], {1: normal(3, 2)}, {"equation": "nij,jk->nik"}, steps=2),
    Case("Einsum", [(2, 3), (3, 2)], attributes={"equation": "nij,njk->nki"}, steps=3),
    Case("Einsum", [(2, 3)], attributes={"equation": "nij->nj"}),
    Case("RNN", [(2, 2)], {1: normal(1, 3, 2), 2: normal(1, 3, 3)}, LAST, steps=12),
    Case("GRU", [(2, 2)], {1: normal(1, 6, 2), 2: normal(1, 6, 2)}, LAST, steps=12),
    Case(
        "GRU",
        [(2, 2)],
        {1: normal(2, 6, 2), 2: normal(2, 6, 2), 3: normal(2, 12)},
        {**LAST, "direction": "bidirectional", "linear_before_reset": 1},
        steps=24,
    ),
    Case("LSTM", [(2, 2)], {1: normal(1, 8, 2), 2: normal(1, 8, 2)}, LAST, steps=12),
    Case(
        "LSTM",
        [(2, 2)],
        {1: normal(1, 8, 2), 2: normal(1, 8, 2), 3: normal(1, 16)},
        {**LAST, "direction": "reverse", "clip": 1.0},
        steps=24,
    ),
    Case("Split", [(5,)], {1: integers(2, 3)}, {"axis": 1}),
    *(
        replace(case, after="Tanh", steps=2 * case.steps)
        for case in (
            Case("Reshape", [(3, 4)], {1: integers(-1, 12)}),
            Case("Transpose", [(3, 4)], attributes={"perm": [0, 2, 1]}),
            Case("Concat", [(2,), (3,)], attributes={"axis": 1}),
            Case("Pad", [(3,)], {1: integers(0, 1, 0, 2)}),
            Case("Add", PAIR),
            Case("Mul", PAIR),
            Case("Less", PAIR),
            Case("Max", PAIR),
            Case("Abs"),
            Case("MatMul", constants={1: normal(4, 3)}),
            Case("Conv", IMAGE, {1: normal(3, 2, 3, 3)}, {"pads": [1, 1, 1, 1]}),
            Case("AveragePool", IMAGE, attributes={"kernel_shape": [2, 2]}),
            Case("ReduceSum", [(3, 4)], {1: integers(2)}),
        )
    ),
]


def quantized(case: Case, n_bits: int) -> tuple[NumpyModule, QuantizedModule]:
    module = NumpyModule(case.model())
    quantization = PostTrainingAffineQuantization(
        {"inputs": n_bits, "weights": n_bits, "activations": n_bits, "outputs": n_bits},
        clear_tail=False,
    )
    return module, quantization.quantize_module(module, *case.inputs(n_samples=2000))
