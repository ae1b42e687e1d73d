"""ONNX's own node tests, read from the data in the onnx wheel."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import onnx

from cml_sklearn.onnx import ONNX_OPS_TO_NUMPY_IMPL
from cml_sklearn.onnx._arrays import NUMPY_TYPES

DATA = Path(onnx.__file__).parent / "backend" / "test" / "data" / "node"

FIRST_OPERATORS = frozenset(
    {
        "Abs",
        "Acos",
        "Acosh",
        "Add",
        "Asin",
        "Asinh",
        "Atan",
        "Atanh",
        "AveragePool",
        "BatchNormalization",
        "Cast",
        "Celu",
        "Clip",
        "Constant",
        "Conv",
        "Cos",
        "Cosh",
        "Div",
        "Elu",
        "Equal",
        "Erf",
        "Exp",
        "Flatten",
        "Gemm",
        "Greater",
        "HardSigmoid",
        "HardSwish",
        "Identity",
        "LeakyRelu",
        "Less",
        "Log",
        "MatMul",
        "Mul",
        "Not",
        "Or",
        "PRelu",
        "Pad",
        "Pow",
        "Relu",
        "Reshape",
        "Round",
        "Selu",
        "Sigmoid",
        "Sin",
        "Sinh",
        "Softplus",
        "Sub",
        "Tan",
        "Tanh",
        "ThresholdedRelu",
        "Transpose",
        "Where",
    }
)
"""The operators that must be right in every test of theirs."""

_RANDOM = "training is random, and its numbers are those of another generator"

_REGIONS = "regions of interest are those of one sample, and nobody exports them"

IMPOSSIBLE: dict[str, str] = {
    "test_resize_tf_crop_and_resize": _REGIONS,
    "test_resize_tf_crop_and_resize_axes_2_3": _REGIONS,
    "test_resize_tf_crop_and_resize_axes_3_2": _REGIONS,
    "test_training_dropout": _RANDOM,
    "test_training_dropout_default": _RANDOM,
    "test_training_dropout_default_mask": _RANDOM,
    "test_training_dropout_mask": _RANDOM,
}
"""Tests of registered operators that can't pass, each with its reason."""


CORRECTED: dict[str, str] = {
    "test_averagepool_3d_dilations_large_count_include_pad_is_1_ceil_mode_is_True": (
        "its data count what `ceil_mode` lets hang over the end; torch, onnxruntime and the later "
        "specification don't"
    ),
}
"""Tests whose data are wrong, each with its reason: onnxruntime's results count instead."""


@dataclass(frozen=True)
class NodeCase:
    """One test: a model, and arrays that go in and come out."""

    name: str
    operators: frozenset[str]
    has_plain_tensors: bool

    @property
    def model(self) -> onnx.ModelProto:
        return onnx.load(DATA / self.name / "model.onnx")

    def arrays(self, kind: str) -> list[np.ndarray]:
        """Arrays of one kind, "input" or "output", in order."""
        folder = DATA / self.name / "test_data_set_0"
        files = (folder / f"{kind}_{i}.pb" for i in range(len(list(folder.glob(f"{kind}_*.pb")))))
        return [onnx.numpy_helper.to_array(onnx.load_tensor(file)) for file in files]


def _operators(graph: onnx.GraphProto) -> Iterator[str]:
    """Operators of a graph and of the graphs inside it, other domains' with their names."""
    for node in graph.node:
        yield f"{node.domain}.{node.op_type}" if node.domain else node.op_type
        for attribute in node.attribute:
            yield from _operators(attribute.g)


def _is_plain(value: onnx.ValueInfoProto) -> bool:
    """Whether a value is a tensor of floats, integers or bools that NumPy has."""
    return value.type.tensor_type.elem_type in NUMPY_TYPES


@cache
def all_cases() -> tuple[NodeCase, ...]:
    """All tests in the wheel."""
    cases = []
    for folder in sorted(DATA.iterdir()):
        graph = onnx.load(folder / "model.onnx").graph
        plain = all(map(_is_plain, [*graph.input, *graph.output]))
        cases.append(NodeCase(folder.name, frozenset(_operators(graph)), plain))
    return tuple(cases)


def first_cases() -> list[NodeCase]:
    """Tests of nothing but the first operators, on plain tensors."""
    return [c for c in all_cases() if c.operators <= FIRST_OPERATORS and c.has_plain_tensors]


def registry_cases() -> list[NodeCase]:
    """The other tests of nothing but registered operators, on plain tensors."""
    return [
        c
        for c in all_cases()
        if c.operators <= ONNX_OPS_TO_NUMPY_IMPL.keys()
        and c.has_plain_tensors
        and not c.operators <= FIRST_OPERATORS
    ]
