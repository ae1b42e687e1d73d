"""Targets of any size and place: trees stay as exact as for usual ones, or are refused in words."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cml_sklearn.ensemble import (
    ExtraTreesRegressor,
    GradientBoostingRegressor,
    HistGradientBoostingRegressor,
    RandomForestRegressor,
)
from cml_sklearn.exceptions import CalibrationError, CmlError, InvalidInputError
from cml_sklearn.forest.forest import Forest
from cml_sklearn.forest.lowering import quantize_forest
from cml_sklearn.tree import DecisionTreeRegressor

rng = np.random.default_rng(0)
X = rng.normal(size=(150, 3))
SIGNAL = X @ [1.0, 2.0, 0.5]

Regressor = (
    DecisionTreeRegressor
    | RandomForestRegressor
    | GradientBoostingRegressor
    | HistGradientBoostingRegressor
    | ExtraTreesRegressor
)
MODELS: list[Regressor] = [
    DecisionTreeRegressor(max_depth=4, random_state=0),
    RandomForestRegressor(5, max_depth=4, random_state=0),
    ExtraTreesRegressor(5, max_depth=4, random_state=0),
    GradientBoostingRegressor(n_estimators=8, random_state=0),
    HistGradientBoostingRegressor(max_iter=8, random_state=0),
]


@given(
    model=st.sampled_from(MODELS),
    scale=st.one_of(st.just(0.0), st.floats(-300, 300).map(lambda power: 10.0**power)),
    offset=st.one_of(st.just(0.0), st.floats(-20, 20).map(lambda power: -(10.0**power))),
)
@settings(max_examples=40, deadline=None)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_targets_of_any_size_and_place(model: Regressor, scale: float, offset: float) -> None:
    y = SIGNAL * scale + offset
    try:
        model.fit(X, y)
    except (CmlError, ValueError):  # the wrapped class refuses the hugest
        assert scale > 1e100
        return
    with np.errstate(all="ignore"):
        wanted = model.sklearn_model_.predict(X)
    got = model.predict(X)
    assert np.isfinite(got).all()
    error = np.abs(got / 8 - wanted / 8).max() * 8
    last_bits = 1e-13 * np.abs(wanted).max() + np.finfo(np.float64).tiny
    assert error <= 0.25 * np.ptp(wanted / 8) * 8 + last_bits


def stump(left: float, right: float, offset: float = 0.0) -> Forest:
    return Forest(
        bit=np.array([0, -1, -1], dtype=np.int32),
        child=np.array([1, 1, 2], dtype=np.int32),
        roots=np.zeros(1, dtype=np.int32),
        value=np.array([[np.nan], [left], [right]]),
        bit_features=np.zeros(1, dtype=np.int64),
        offset=np.array([offset]),
    )


BITS = np.array([[0], [1], [1]], dtype=np.uint8)


@pytest.mark.parametrize("scale", [1e-305, 1e-14, 1.0, 1e150, 1e290])
@pytest.mark.parametrize("offset", [0.0, -0.5, 1e9])
def test_leaves_of_any_scale_have_integers(scale: float, offset: float) -> None:
    integers = quantize_forest(stump(scale, 3 * scale, offset * scale), BITS)
    fields = np.array([[0], [integers.step.values.max()]])
    wanted = np.array([[1.0], [3.0]]) + offset
    np.testing.assert_allclose(integers.decoder.dequantize(fields) / scale, wanted, rtol=1e-9)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_leaves_without_a_number_are_refused(value: float) -> None:
    for forest in (stump(1.0, value), stump(1.0, 2.0, value)):
        with pytest.raises(CalibrationError, match="NaN or infinite"):
            quantize_forest(forest, BITS)


@pytest.mark.parametrize("sum_bits", [0, 31, 64])
def test_sums_fit_the_leaves_integers(sum_bits: int) -> None:
    with pytest.raises(InvalidInputError, match="give 1 to 30"):
        quantize_forest(stump(1.0, 2.0), BITS, sum_bits)
