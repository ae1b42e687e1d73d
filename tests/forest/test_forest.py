"""The forest read from Hummingbird's graph is the wrapped model on codes, in float64."""

from __future__ import annotations

import io
import warnings
from dataclasses import replace
from typing import Any, cast

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
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

from cml_sklearn.convert.raw_scores import trees_to_onnx
from cml_sklearn.exceptions import UnsupportedModelError
from cml_sklearn.forest.forest import Forest, forest_from_onnx
from cml_sklearn.forest.grid import FeatureGrid
from cml_sklearn.forest.tree_arrays import TreeArrays, scikit_tree
from cml_sklearn.onnx import NumpyModule

from .random_forests import all_bits, forests

X, Y = load_wine(return_X_y=True)
GRID = FeatureGrid.fit(X, 4)
CODES = GRID.codes(X)


def _export(model: Any) -> onnx.ModelProto:
    pytest.importorskip("hummingbird")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import torch
        from hummingbird.ml import convert

        sample = CODES[:4].astype(np.float32)
        options = {"tree_implementation": "tree_trav"}
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
    x, y = (info(name, onnx.TensorProto.FLOAT, [1]) for name in "xy")
    model = onnx.helper.make_model(onnx.helper.make_graph([node], "g", [x], [y]))
    with pytest.raises(UnsupportedModelError, match="tree_implementation"):
        forest_from_onnx(model, GRID)


@settings(deadline=None, max_examples=50)
@given(forest=forests())
def test_leaves_are_where_a_walk_ends(forest: Forest) -> None:
    bits = all_bits()[::7]
    for root, leaves in zip(forest.roots, forest.leaves(bits), strict=True):
        for row, leaf in zip(bits, leaves, strict=True):
            node = root
            while forest.bit[node] >= 0:
                node = forest.child[node] + row[forest.bit[node]]
            assert node == leaf


@pytest.mark.parametrize("offset", [0.0, 1.7e9])
def test_graph_is_exact_and_runs(offset: float) -> None:
    model = RandomForestRegressor(7, random_state=0).fit(CODES, X[:, :2] + offset)
    trees = [scikit_tree(t.tree_, t.tree_.value[:, :, 0] / 7) for t in model.estimators_]
    graph = trees_to_onnx(trees, X.shape[1])
    forest = forest_from_onnx(graph, GRID)
    scores = model.predict(CODES)
    np.testing.assert_allclose(forest.evaluate(GRID.bits(CODES)), scores, rtol=1e-15)
    np.testing.assert_allclose(NumpyModule(graph)(CODES.astype(float))[0], scores, rtol=1e-15)


def test_graph_is_linear_in_the_nodes() -> None:
    """Twice as many trees of the same depth: twice the tables, and the same operators."""
    y = np.random.default_rng(0).normal(size=len(CODES))
    model = RandomForestRegressor(1, random_state=0, max_depth=6, bootstrap=False).fit(CODES, y)
    tree = scikit_tree(model.estimators_[0].tree_, model.estimators_[0].tree_.value[:, :, 0])
    once, twice = (trees_to_onnx([tree] * n, X.shape[1]).graph for n in (10, 20))
    assert len(once.node) == len(twice.node)
    sizes = [sum(len(t.raw_data) for t in g.initializer) for g in (once, twice)]
    assert sizes[1] == 2 * sizes[0]
    assert sizes[0] <= 10 * (48 * len(tree.feature) + 8)


def test_lone_leaves_and_thresholds_off_the_grid() -> None:
    model = RandomForestRegressor(1, random_state=0, bootstrap=False).fit(CODES, X[:, 0])
    tree = scikit_tree(model.estimators_[0].tree_, model.estimators_[0].tree_.value[:, :, 0])
    shifted = replace(tree, threshold=tree.threshold + np.where(tree.feature == 0, 99, 0))
    none, feature = np.array([-1]), np.array([0])
    lone = TreeArrays(none, none, feature, np.zeros(1), np.ones((1, 1)))
    graph = trees_to_onnx([shifted, lone], X.shape[1])
    got = forest_from_onnx(graph, GRID).evaluate(GRID.bits(CODES))
    np.testing.assert_allclose(got, NumpyModule(graph)(CODES.astype(float))[0], rtol=1e-15)
