"""Every quantized operator: close to the float one, and equal integers in all modes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from cml_sklearn.fhe.protocol import CircuitOptions
from cml_sklearn.onnx.onnx_utils import ONNX_OPS_TO_NUMPY_IMPL
from cml_sklearn.quantization.affine import AffineQuantizer
from cml_sklearn.quantization.decompositions import DECOMPOSED
from cml_sklearn.quantization.quantized_op import ONNX_OPS_TO_QUANTIZED_IMPL
from tests.quantization.cases import CASES, Case, quantized

Array = NDArray[Any]


def test_every_quantized_operator_has_a_case() -> None:
    elsewhere = {"Cast", "DequantizeLinear", "GatherElements", "OneHot"}  # of integers
    elsewhere |= {"ScatterElements", "ScatterND"}  # and in the zoo
    tested = {case.op for case in CASES} | elsewhere
    assert tested == ONNX_OPS_TO_QUANTIZED_IMPL.keys() | DECOMPOSED.keys()
    assert set(ONNX_OPS_TO_QUANTIZED_IMPL) <= set(ONNX_OPS_TO_NUMPY_IMPL)


def affine(encoder: object) -> AffineQuantizer:
    assert isinstance(encoder, AffineQuantizer)
    return encoder


def near_ties(case: Case, inputs: list[Array], shape: tuple[int, ...]) -> Array:
    """Where a jump may fall on either side: operands within two steps, or near an integer."""
    if case.op in {"Ceil", "Floor"}:
        return np.abs(inputs[0] - np.rint(inputs[0])) < 2 * (case.high - case.low) / 255
    if case.op not in {"Equal", "Greater", "GreaterOrEqual", "Less", "LessOrEqual"}:
        return np.zeros(shape, dtype=bool)
    operands = [*inputs, *case.constants.values()]
    operands[0] = np.tanh(operands[0]) if case.after == "Tanh" else operands[0]
    return np.abs(operands[0] - operands[1]) < 2 * (case.high - case.low) / 255


@pytest.mark.parametrize("case", CASES, ids=str)
def test_within_one_step_of_the_float_operator(case: Case) -> None:
    module, result = quantized(case, 8)

    @settings(max_examples=5, deadline=None)
    @given(st.integers(0, 2**32 - 1))
    @example(2)  # has codes whose floats lie beyond the domain of arcsin
    def check(seed: int) -> None:
        inputs = case.inputs(seed=seed)
        codes = result.quantize_input(*inputs)
        pairs = zip(result.input_quantizers, codes, strict=True)
        rounded = [affine(q).dequantize(c).astype(np.float32) for q, c in pairs]
        expected = module.forward(*rounded)[0]
        in_domain = module.forward(*(np.clip(x, case.low, case.high) for x in rounded))[0]
        expected = np.where(np.isnan(expected), in_domain, expected)
        actual = result.forward(*inputs)
        error = np.abs(actual - expected)
        error = np.where(near_ties(case, inputs, error.shape), 0.0, error)
        step = max(float(np.ptp(expected)), 1e-6) / 255
        size = np.sqrt(np.mean(np.square(error))) if case.rms else error.max()
        assert size <= case.steps * 1.01 * step + 1e-6

    check()


@pytest.mark.parametrize("case", CASES, ids=str)
def test_declared_ranges_hold_at_low_width(case: Case) -> None:
    _, result = quantized(case, 3)
    result.compile(CircuitOptions(), engine="clear")
    inputs = case.inputs(n_samples=20)
    np.testing.assert_array_equal(
        result.forward(*inputs, execute_in_fhe=True), result.forward(*inputs)
    )


@pytest.mark.fhe
@pytest.mark.parametrize("case", CASES, ids=str)
def test_simulated_equals_clear(case: Case) -> None:
    _, result = quantized(case, 2)
    inputs = case.inputs(n_samples=3)
    clear = result.forward(*inputs)
    np.testing.assert_allclose(
        result.forward(*inputs, execute_in_fhe="simulate"), clear, rtol=0, atol=0
    )


@pytest.mark.slow
@pytest.mark.fhe
@pytest.mark.parametrize("case", CASES, ids=str)
def test_encrypted_equals_clear(case: Case) -> None:
    _, result = quantized(case, 2)
    result.compile(CircuitOptions(batch_size=1))
    inputs = case.inputs(n_samples=2)
    np.testing.assert_array_equal(
        result.forward(*inputs, execute_in_fhe=True), result.forward(*inputs)
    )
