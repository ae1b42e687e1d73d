"""The forest read from Hummingbird's graph is the wrapped model on codes."""

from __future__ import annotations

import io
import warnings
from typing import Any, cast

import numpy as np
import onnx
import pytest
from sklearn.datasets import load_wine
from sklearn.ensemble import (
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    GradientBoostingRegressor,
    HistGradientBoostingClassifier,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from cml_sklearn.exceptions import UnsupportedModelError
from cml_sklearn.quantization.trees import FeatureGrid, forest_from_onnx, plan_forest

X, Y = load_wine(return_X_y=True)
GRID = FeatureGrid.fit(X, 4)
CODES = GRID.codes(X)


def _export(model: Any) -> onnx.ModelProto:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import torch
        from hummingbird.ml import convert

        sample = CODES[:4].astype(np.float32)
        options = {"tree_implementation": "gemm"}
        container = convert(model, "torch", sample, extra_config=options)
        buffer = io.BytesIO()
        tensors = (torch.from_numpy(sample),)
        torch.onnx.export(container.model, tensors, cast("Any", buffer), dynamo=False)
    return onnx.load_from_string(buffer.getvalue())


def _logit(model: Any) -> np.ndarray:
    return _centre(np.asarray(model.decision_function(CODES)).reshape(len(CODES), -1))


def _centre(scores: np.ndarray) -> np.ndarray:
    """Take the mean off several classes' logits: no link sees it, and it differs by library."""
    return scores - scores.mean(axis=1, keepdims=True) if scores.shape[1] > 1 else scores


def _probability(model: Any) -> np.ndarray:
    return np.asarray(model.predict_proba(CODES))


def _prediction(model: Any) -> np.ndarray:
    return np.asarray(model.predict(CODES)).reshape(len(CODES), -1)


def _xgboost(model: Any) -> np.ndarray:
    return np.asarray(model.predict(CODES, output_margin=True)).reshape(len(CODES), -1)


def _lightgbm(model: Any) -> np.ndarray:
    return np.asarray(model.predict(CODES, raw_score=True)).reshape(len(CODES), -1)


CASES = [
    (DecisionTreeClassifier(random_state=0), Y, _probability),
    (DecisionTreeClassifier(max_depth=1), Y, _probability),
    (DecisionTreeRegressor(max_depth=4, random_state=0), X[:, 0], _prediction),
    (DecisionTreeRegressor(max_depth=3, random_state=0), X[:, :2], _prediction),
    (RandomForestClassifier(5, max_depth=3, random_state=0), Y, _probability),
    (RandomForestRegressor(5, random_state=0), X[:, 0], _prediction),
    (ExtraTreesClassifier(5, max_depth=4, random_state=0), Y == 1, _probability),
    (GradientBoostingClassifier(n_estimators=4, random_state=0), Y, _logit),
    (GradientBoostingClassifier(n_estimators=4, random_state=0), Y == 1, _logit),
    (GradientBoostingRegressor(n_estimators=4, random_state=0), X[:, 0], _prediction),
    (HistGradientBoostingClassifier(max_iter=4), Y, _logit),
    (HistGradientBoostingClassifier(max_iter=4), Y == 1, _logit),
    (HistGradientBoostingRegressor(max_iter=4), X[:, 0], _prediction),
]


@pytest.mark.parametrize(("model", "y", "reference"), CASES, ids=lambda v: type(v).__name__)
def test_forest_is_the_model(model: Any, y: np.ndarray, reference: Any) -> None:
    model.fit(CODES, y)
    forest = forest_from_onnx(_export(model), GRID)
    wanted = reference(model)
    bits = GRID.bits(CODES)
    exact = forest.evaluate(bits)
    seen = _centre(exact) if reference is _logit else exact
    np.testing.assert_allclose(seen, wanted, rtol=1e-5, atol=1e-5)
    plan = plan_forest(forest, 8, bits, rounds=0)
    error = np.abs(plan.decoder.dequantize(plan.evaluate(bits)) - exact)
    assert (error <= plan.max_error + 1e-6).all()


def test_lightgbm_forest_is_the_model() -> None:
    lightgbm = pytest.importorskip("lightgbm")
    model = lightgbm.LGBMClassifier(n_estimators=4, verbose=-1).fit(CODES, Y)
    forest = forest_from_onnx(_export(model), GRID)
    np.testing.assert_allclose(
        forest.evaluate(GRID.bits(CODES)), _lightgbm(model), rtol=1e-5, atol=1e-5
    )


def test_xgboost_forest_is_the_model_up_to_its_base_score() -> None:
    xgboost = pytest.importorskip("xgboost")
    model = xgboost.XGBClassifier(n_estimators=4, max_depth=3, n_jobs=1).fit(CODES, Y)
    forest = forest_from_onnx(_export(model), GRID)
    # Hummingbird leaves the base score out of the graph: whoever converts adds it.
    base = _xgboost(model) - forest.evaluate(GRID.bits(CODES))
    np.testing.assert_allclose(base, np.broadcast_to(base[0], base.shape), atol=1e-5)


def test_single_leaves_within_an_ensemble() -> None:
    model = GradientBoostingRegressor(n_estimators=3, max_depth=2, min_samples_leaf=89)
    model.fit(CODES, X[:, 0])
    forest = forest_from_onnx(_export(model), GRID)
    np.testing.assert_allclose(
        forest.evaluate(GRID.bits(CODES))[:, 0], model.predict(CODES), rtol=1e-5
    )


def test_other_graphs_are_refused() -> None:
    node = onnx.helper.make_node("Relu", ["x"], ["y"])
    info = onnx.helper.make_tensor_value_info
    x, y = ([info(name, onnx.TensorProto.FLOAT, [1])] for name in "xy")
    model = onnx.helper.make_model(onnx.helper.make_graph([node], "g", x, y))
    with pytest.raises(UnsupportedModelError, match="tree_implementation"):
        forest_from_onnx(model, GRID)
