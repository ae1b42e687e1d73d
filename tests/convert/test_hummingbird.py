"""Graphs of linear maps are in float64, whatever Hummingbird rounds."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from cml_sklearn.convert.hummingbird import linear_map_to_onnx
from cml_sklearn.onnx import NumpyModule


@pytest.mark.parametrize("n_outputs", [1, 3])
def test_linear_maps_are_exact(n_outputs: int) -> None:
    rng = np.random.default_rng(0)
    coef, intercept = rng.normal(size=(n_outputs, 4)) * 1e50, 1e9 + rng.normal(size=n_outputs)
    X = rng.normal(size=(20, 4)) * 1e-50
    module = NumpyModule(linear_map_to_onnx(coef, intercept))
    (scores,) = module(X)
    assert scores.dtype == np.float64
    np.testing.assert_allclose(scores, X @ coef.T + intercept, rtol=1e-15)


def test_the_processs_threads_stay_as_they_are() -> None:
    for n_threads in (1, 2):
        before = torch.get_num_threads()
        torch.set_num_threads(n_threads)
        try:
            linear_map_to_onnx(np.ones((1, 2)), np.zeros(1))
            assert torch.get_num_threads() == n_threads
        finally:
            torch.set_num_threads(before)
