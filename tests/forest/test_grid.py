"""Laws of the public grid."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from cml_sklearn.exceptions import InvalidInputError
from cml_sklearn.forest.grid import FeatureGrid
from cml_sklearn.program.bounds import Thermometer

METHODS = ("balanced", "quantile", "uniform")


@pytest.mark.parametrize("method", METHODS)
@given(X=arrays(np.float64, (30, 2), elements=st.floats(-1e6, 1e6)), n_bits=st.integers(1, 6))
def test_codes_count_the_edges_below(X: np.ndarray, n_bits: int, method: str) -> None:
    grid = FeatureGrid.fit(X, n_bits, method)  # type: ignore[arg-type]
    codes = grid.codes(X)
    for feature, edges in enumerate(grid.edges):
        assert len(edges) <= 2**n_bits - 1
        assert (np.diff(edges) > 0).all()
        np.testing.assert_array_equal(codes[:, feature], (X[:, feature, None] > edges).sum(axis=1))


def test_bits_are_a_thermometer() -> None:
    grid = FeatureGrid.fit(np.random.default_rng(0).normal(size=(50, 3)), 3)
    codes = grid.codes(np.random.default_rng(1).normal(size=(20, 3)))
    bits = grid.bits(codes)
    assert bits.dtype == np.uint8
    for bit, (feature, rank) in enumerate(zip(grid.bit_features, grid.bit_ranks, strict=True)):
        np.testing.assert_array_equal(bits[:, bit], codes[:, feature] > rank)
        assert bit == grid.starts[feature] + rank


@pytest.mark.parametrize("method", METHODS)
def test_few_distinct_values_get_an_exact_grid(method: str) -> None:
    X = np.array([[0.0, 5.0], [1.0, 5.0], [7.0, 5.0], [1.0, 5.0]])
    grid = FeatureGrid.fit(X, 2, method)  # type: ignore[arg-type]
    np.testing.assert_allclose(grid.edges[0], [0.5, 4.0])
    assert len(grid.edges[1]) == 0
    np.testing.assert_array_equal(grid.codes(X), [[0, 0], [1, 0], [2, 0], [1, 0]])


def test_neighbouring_floats_are_told_apart() -> None:
    low = 1.0
    X = np.array([[low], [np.nextafter(low, 2)]])
    np.testing.assert_array_equal(FeatureGrid.fit(X, 1).codes(X), [[0], [1]])


def test_quantiles_part_the_samples_evenly() -> None:
    X = np.random.default_rng(0).normal(size=(8000, 1))
    shares = np.bincount(FeatureGrid.fit(X, 3, "quantile").codes(X)[:, 0]) / len(X)
    np.testing.assert_allclose(shares, 1 / 8, atol=2e-3)


def test_balanced_edges_part_dense_samples_and_far_ones() -> None:
    dense, far = np.linspace(0, 1, 900), np.linspace(1, 100, 101)[1:]
    X = np.concatenate([dense, far])[:, None]
    inside = {m: int((FeatureGrid.fit(X, 4, m).edges[0] < 1).sum()) for m in METHODS}  # type: ignore[arg-type]
    assert inside["uniform"] == 0
    assert inside["quantile"] >= 13
    assert 5 <= inside["balanced"] <= 9


@pytest.mark.parametrize("method", METHODS)
def test_weight_zero_equals_absence(method: str) -> None:
    X = np.random.default_rng(0).normal(size=(200, 3))
    weight = np.arange(200) % 3
    kept = FeatureGrid.fit(X[weight > 0], 3, method, weight[weight > 0])  # type: ignore[arg-type]
    whole = FeatureGrid.fit(X, 3, method, weight)  # type: ignore[arg-type]
    for left, right in zip(whole.edges, kept.edges, strict=True):
        np.testing.assert_array_equal(left, right)


def test_weight_two_equals_repetition() -> None:
    X = np.random.default_rng(0).normal(size=(200, 2))
    weight = 1 + np.arange(200) % 2
    repeated = FeatureGrid.fit(np.repeat(X, weight, axis=0), 3)
    weighted = FeatureGrid.fit(X, 3, sample_weight=weight)
    for left, right in zip(weighted.edges, repeated.edges, strict=True):
        np.testing.assert_array_equal(left, right)


def test_missing_values_have_a_bit_of_their_own() -> None:
    X = np.array([[1.0, 0.0], [2.0, 1.0], [np.nan, 2.0]])
    grid = FeatureGrid.fit(X, 2)
    np.testing.assert_array_equal(grid.missing, [True, False])
    codes = grid.codes(X)
    np.testing.assert_array_equal(codes[:, 0], [0, 1, 2])
    np.testing.assert_array_equal(grid.bits(codes)[:, :2], [[0, 0], [1, 0], [1, 1]])
    with pytest.raises(InvalidInputError, match=r"columns \[1\]"):
        grid.codes([[1.0, np.nan]])
    allowed = FeatureGrid.fit(X, 2, allow_missing=True)
    assert allowed.codes([[1.0, np.nan]])[0, 1] == allowed.counts[1]


def test_thresholds_come_back_in_users_units() -> None:
    X = np.array([[1.0], [2.0], [4.0], [np.nan]])
    grid = FeatureGrid.fit(X, 2)
    got = grid.thresholds([0, 0, 0, 0], [-1, 0.5, 1, 2.5])
    np.testing.assert_array_equal(got, [-np.inf, 1.5, 3.0, np.inf])


@pytest.mark.parametrize(
    ("X", "weight", "word"),
    [
        ([1.0, 2.0], None, "dimensions"),
        ([[np.inf]], None, "infinity"),
        ([[1.0]], [0.0], "positive weight"),
        ([[1.0]], [1.0, 1.0], "sample_weight"),
    ],
)
def test_errors_say_what_to_do(X: list, weight: list | None, word: str) -> None:
    with pytest.raises(InvalidInputError, match=word):
        FeatureGrid.fit(X, 3, sample_weight=weight)


def test_unknown_options_are_refused() -> None:
    with pytest.raises(InvalidInputError, match="'quantile', 'uniform'"):
        FeatureGrid.fit([[1.0]], 3, "kmeans")  # type: ignore[arg-type]
    with pytest.raises(InvalidInputError, match="n_bits"):
        FeatureGrid.fit([[1.0]], 0)
    with pytest.raises(InvalidInputError, match="fitted on 1 features"):
        FeatureGrid.fit([[1.0]], 3).codes([[1.0, 2.0]])


@pytest.mark.parametrize("single", [False, True])
def test_encoder_gives_the_bits_of_the_codes(single: bool) -> None:
    X = np.random.default_rng(0).normal(size=(60, 3))
    X[::7, 1] = np.nan
    grid = FeatureGrid.fit(X, 3)
    encoder = grid.encoder(float32=single)
    rounded = X.astype(np.float32) if single else X
    expected = grid.bits(grid.codes(rounded))
    np.testing.assert_array_equal(encoder.quantize(X), expected)
    assert encoder.upper.shape == expected.shape[1:]
    assert encoder.takes_missing
    assert not FeatureGrid.fit(X[:, :1], 3).encoder(float32=single).takes_missing
    with pytest.raises(InvalidInputError, match="3 features"):
        encoder.quantize(X[:, :2])


def test_samples_of_the_range_are_thermometers() -> None:
    features = np.array([0, 0, 0, 1, 3, 3])
    thermometer = Thermometer.of(features)
    drawn = np.array([thermometer.sample(np.random.default_rng(i)) for i in range(200)])
    for first, second in ((0, 1), (1, 2), (4, 5)):
        assert (drawn[:, first] >= drawn[:, second]).all()
    assert set(map(tuple, drawn[:, :3])) == {(0, 0, 0), (1, 0, 0), (1, 1, 0), (1, 1, 1)}


def test_a_grid_is_never_empty() -> None:
    grid = FeatureGrid.fit(np.full((5, 2), 3.0), 4)
    np.testing.assert_array_equal(grid.counts, [1, 0])
    np.testing.assert_array_equal(grid.codes([[3.0, 3.0], [4.0, 3.0]]), [[0, 0], [1, 0]])


def test_thresholds_of_a_model_are_its_grid() -> None:
    features, thresholds = [1, 0, 1, 1], [2.0, 0.5, -1.0, 2.0]
    grid = FeatureGrid.of_thresholds(features, thresholds, 3)
    np.testing.assert_array_equal(grid.counts, [1, 2, 0])
    ranks = grid.ranks(features, thresholds)
    np.testing.assert_array_equal(ranks, [1, 0, 0, 1])
    np.testing.assert_array_equal(grid.thresholds(features, ranks + 0.5), thresholds)
