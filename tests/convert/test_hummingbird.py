"""Linear models become graphs of one affine map."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import BaseEstimator
from sklearn.datasets import load_diabetes
from sklearn.linear_model import ElasticNet, LinearRegression, Ridge
from sklearn.neighbors import KernelDensity

from cml_sklearn.convert.hummingbird import linear_map_to_onnx, to_onnx
from cml_sklearn.exceptions import UnsupportedModelError
from cml_sklearn.onnx import NumpyModule


@pytest.mark.parametrize("n_outputs", [1, 3])
def test_linear_maps(n_outputs: int) -> None:
    rng = np.random.default_rng(0)
    coef, intercept = rng.normal(size=(n_outputs, 4)), rng.normal(size=n_outputs)
    module = NumpyModule(linear_map_to_onnx(coef, intercept))
    X = rng.normal(size=(9, 4)).astype(np.float32)
    np.testing.assert_allclose(module(X)[0], X @ coef.T + intercept, rtol=1e-4, atol=1e-5)
    products = [node for node in module.graph.nodes if node.op_type in {"Gemm", "MatMul"}]
    assert len(products) == 1


@pytest.mark.parametrize("model", [LinearRegression(), Ridge(), ElasticNet(0.01)], ids=repr)
def test_fitted_models(model: BaseEstimator) -> None:
    X, y = load_diabetes(return_X_y=True)
    expected = model.fit(X, y).predict(X)
    result = NumpyModule(to_onnx(model, X))(X.astype(np.float32))[0]
    np.testing.assert_allclose(np.ravel(result), expected, rtol=1e-4)


def test_models_that_can_not_be_converted_are_named() -> None:
    X = np.zeros((3, 2))
    with pytest.raises(UnsupportedModelError, match="can't convert KernelDensity; use an estim"):
        to_onnx(KernelDensity().fit(X), X)
