"""Linear models become graphs of one affine map."""

from __future__ import annotations

import numpy as np
import pytest

from cml_sklearn.convert.hummingbird import linear_map_to_onnx
from cml_sklearn.onnx import NumpyModule


@pytest.mark.parametrize("n_outputs", [1, 3])
def test_linear_maps(n_outputs: int) -> None:
    rng = np.random.default_rng(0)
    coef, intercept = rng.normal(size=(n_outputs, 4)), rng.normal(size=n_outputs)
    module = NumpyModule(linear_map_to_onnx(coef, intercept))
    X = rng.normal(size=(9, 4))
    np.testing.assert_allclose(module(X)[0], X @ coef.T + intercept, rtol=1e-12)
    products = [node for node in module.graph.nodes if node.op_type in {"Gemm", "MatMul"}]
    assert len(products) == 1
