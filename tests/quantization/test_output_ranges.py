"""Ranges of inputs that are chosen by a layer's output, and tails that are drawn in."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from cml_sklearn.quantization.affine import AffineQuantizer
from cml_sklearn.quantization.feature_maps import Companding
from cml_sklearn.quantization.output_ranges import output_ranges

Array = NDArray[Any]


def loss(quantizer: AffineQuantizer, x: Array, weights: Array, kept_bits: int) -> float:
    """Variance of the layer's error: by its inputs' codes, and by the steps of its range."""
    error = (quantizer.dequantize(quantizer.quantize(x)) - x) @ weights
    reach = (quantizer.scale * quantizer.upper) @ np.abs(weights)
    steps = reach / (2**kept_bits - 2)
    scale = (np.ptp(x, axis=0)[:, None] * np.abs(weights)).max(axis=0)  # all outputs count alike
    return float(((error.var(axis=0) + steps**2 / 12) / scale**2).sum())


@pytest.mark.parametrize("kept_bits", [2, 4, 8])
@pytest.mark.parametrize("tails", [1.0, 3.0])
def test_ranges_are_no_worse_than_all_values(kept_bits: int, tails: float) -> None:
    """In the mean: the errors of a few hundred roundings are not just what is expected of them."""
    rng, ratios = np.random.default_rng(0), []
    for n_features in (1, 5, 40) * 5:
        x = rng.standard_t(tails, (200, n_features))
        weights = rng.normal(size=(n_features, 3))
        chosen = output_ranges(x, weights, 5, kept_bits, np.full(200, 1 / 200))
        widest = AffineQuantizer.from_range(x.min(axis=0), x.max(axis=0), 5)
        assert (chosen.scale <= widest.scale * (1 + 1e-9)).all()
        ratios.append(loss(chosen, x, weights, kept_bits) / loss(widest, x, weights, kept_bits))
    assert np.mean(ratios) <= 1.05


@pytest.mark.parametrize("size", [0.0, 1e-300, 1.0, 1e150, 1e307])
def test_constants_and_extremes_have_ranges(size: float) -> None:
    x = size * np.column_stack([np.ones(20), np.linspace(-1, 1, 20)])
    quantizer = output_ranges(x, np.ones((2, 2)), 4, 3, np.full(20, 0.05))
    assert np.isfinite(quantizer.scale).all()
    assert (quantizer.scale > 0).all()
    assert np.ptp(quantizer.quantize(x)[:, 1]) == (0 if size == 0 else 15)


def test_companding_is_monotone_and_leaves_features_without_tails_alone() -> None:
    rng = np.random.default_rng(0)
    x = np.column_stack([rng.uniform(-3, 3, 500), rng.standard_cauchy(500)])
    companding = Companding.fitted(x)
    assert companding.curved.tolist() == [False, True]
    drawn_in = companding(np.sort(x, axis=0))
    np.testing.assert_array_equal(drawn_in[:, 0], np.sort(x[:, 0]))
    assert (np.diff(drawn_in[:, 1]) > 0).all()
    assert np.ptp(drawn_in[:, 1]) < 50
