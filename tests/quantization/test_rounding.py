"""Ranges and rounding: never worse than the plain way, and exact where they should be."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cml_sklearn._typing import FloatArray
from cml_sklearn.exceptions import CalibrationError, InvalidInputError
from cml_sklearn.quantization.affine import AffineQuantizer
from cml_sklearn.quantization.bit_widths import BitWidths
from cml_sklearn.quantization.ranges import best_range
from cml_sklearn.quantization.rounding import Calibration, round_weights

seeds = st.integers(0, 2**32 - 1)


def layer(seed: int, n_bits: int) -> tuple[Calibration, FloatArray]:
    """Rounded inputs with correlated features, and the float outputs of a layer."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(300, 6)) @ rng.normal(size=(6, 6))
    weights = rng.normal(size=(6, 2))
    quantizer = AffineQuantizer.from_range(x.min(axis=0), x.max(axis=0), n_bits)
    rounded = quantizer.dequantize(quantizer.quantize(x))
    return Calibration(rounded, x @ weights + 3.0, np.full(300, 1 / 300)), weights


def error_ratio(seed: int, n_bits: int) -> float:
    """Squared error of a layer's output, over that of rounding every weight to its nearest."""
    calibration, weights = layer(seed, n_bits)
    codes, scale, offset = round_weights(weights, n_bits, calibration)
    top = 2 ** (n_bits - 1) - 1
    assert np.abs(codes).max() <= top
    step = np.abs(weights).max(axis=0) / top
    nearest = np.rint(weights / step) * step

    def error(candidate: FloatArray, term: FloatArray | float) -> float:
        return float(((calibration.inputs @ candidate + term - calibration.outputs) ** 2).mean())

    return error(codes * scale, offset) / error(nearest, 3.0)


@given(seeds, st.integers(2, 6))
@settings(max_examples=25, deadline=None)
def test_output_error_not_far_above_that_of_nearest_rounding(seed: int, n_bits: int) -> None:
    assert error_ratio(seed, n_bits) <= 2


@pytest.mark.parametrize(("n_bits", "most"), [(2, 0.5), (3, 0.7), (4, 0.85), (5, 0.9), (6, 0.9)])
def test_output_error_below_that_of_nearest_rounding(n_bits: int, most: float) -> None:
    ratios = [error_ratio(seed, n_bits) for seed in range(50)]
    assert np.exp(np.mean(np.log(ratios))) < most


def test_wide_codes_recover_the_weights() -> None:
    calibration, weights = layer(0, 16)
    codes, scale, offset = round_weights(weights, 16, calibration)
    np.testing.assert_allclose(codes * scale, weights, atol=1e-3)
    np.testing.assert_allclose(offset, 3.0, atol=1e-2)


def test_weight_zero_equals_absence_and_two_equals_twice() -> None:
    calibration, weights = layer(1, 4)
    counts = np.arange(300) % 3
    weighted = Calibration(calibration.inputs, calibration.outputs, counts / counts.sum())
    repeated = Calibration(
        np.repeat(calibration.inputs, counts, axis=0),
        np.repeat(calibration.outputs, counts, axis=0),
        np.full(counts.sum(), 1 / counts.sum()),
    )
    for a, b in zip(
        round_weights(weights, 4, weighted), round_weights(weights, 4, repeated), strict=True
    ):
        np.testing.assert_allclose(a, b, rtol=1e-9)


@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6), st.integers(2, 16), st.lists(st.floats(0, 1)))
def test_codes_stay_in_range_and_round_to_half_a_step(
    low: float, span: float, n_bits: int, places: list[float]
) -> None:
    quantizer = AffineQuantizer.from_range(low, low + span, n_bits)
    values = low + span * np.asarray([0.0, 1.0, *places])
    codes = quantizer.quantize(values)
    assert codes.min() >= 0
    assert codes.max() < 2**n_bits
    error = np.abs(quantizer.dequantize(codes) - values)
    # the ends may be off by one half more, since the zero point is an integer, too
    assert error.max() <= 1.01 * quantizer.scale


def test_constant_feature() -> None:
    x = np.full((10, 1), 1234.5)
    quantizer = best_range(x, 3, np.full(10, 0.1), per_feature=True)
    np.testing.assert_allclose(quantizer.dequantize(quantizer.quantize(x)), x)


def test_ranges_need_finite_values() -> None:
    with pytest.raises(CalibrationError, match="NaN or infinity"):
        AffineQuantizer.from_range(0.0, np.inf, 4)


def test_n_bits_by_role() -> None:
    assert BitWidths.resolve(3) == BitWidths(3, 3, 3, 8)
    assert BitWidths.resolve({"inputs": 5, "weights": 4}) == BitWidths(5, 4, 5, 8)
    for wrong in ({"inputs": 4}, {"inputs": 4, "weights": 4, "more": 1}, {"inputs": 4, 3: 4}):
        with pytest.raises(InvalidInputError, match="the roles are"):
            BitWidths.resolve(wrong)  # type: ignore[arg-type]
    for wrong_width in (True, 1, 17, 2.5, "4"):
        with pytest.raises(InvalidInputError, match="must be an int from 2 to 16"):
            BitWidths.resolve(wrong_width)  # type: ignore[arg-type]
