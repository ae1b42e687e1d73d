"""Graphs of raw scores are in float64, whatever Hummingbird rounds, and the same without it."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import fields
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_iris

from cml_sklearn import cluster, ensemble, linear_model, neural_network, svm
from cml_sklearn.convert import direct, hummingbird
from cml_sklearn.estimators import linear, trees
from cml_sklearn.exceptions import MissingPackageError
from cml_sklearn.forest.forest import forest_from_onnx
from cml_sklearn.forest.grid import FeatureGrid
from cml_sklearn.forest.tree_arrays import TreeArrays, scikit_tree
from cml_sklearn.onnx import NumpyModule
from tests.estimators import name_of

X, Y = load_iris(return_X_y=True)
GRID = FeatureGrid.fit(X, 4)
CODES = GRID.codes(X)
each_converter = pytest.mark.parametrize(
    ("converter", "package"), [(direct, "onnx"), (hummingbird, "hummingbird")]
)


@each_converter
@pytest.mark.parametrize("n_outputs", [1, 3])
def test_linear_maps_are_exact(n_outputs: int, converter: Any, package: str) -> None:
    pytest.importorskip(package)
    rng = np.random.default_rng(0)
    coef, intercept = rng.normal(size=(n_outputs, 4)) * 1e50, 1e9 + rng.normal(size=n_outputs)
    rows = rng.normal(size=(20, 4)) * 1e-50
    (scores,) = NumpyModule(converter.linear_map_to_onnx(coef, intercept))(rows)
    assert scores.dtype == np.float64
    np.testing.assert_allclose(scores, rows @ coef.T + intercept, rtol=1e-15)


def test_the_processs_threads_stay_as_they_are() -> None:
    torch = pytest.importorskip("torch")
    for n_threads in (1, 2):
        before = torch.get_num_threads()
        torch.set_num_threads(n_threads)
        try:
            hummingbird.linear_map_to_onnx(np.ones((1, 2)), np.zeros(1))
            assert torch.get_num_threads() == n_threads
        finally:
            torch.set_num_threads(before)


def lone_leaf(n_outputs: int) -> TreeArrays:
    none, feature = np.array([-1]), np.array([0])
    return TreeArrays(none, none, feature, np.zeros(1), np.ones((1, n_outputs)))


@pytest.mark.parametrize(("n_trees", "depth", "n_outputs"), [(1, 1, 1), (1, 9, 3), (4, 3, 2)])
def test_trees_are_the_same_by_both_converters(n_trees: int, depth: int, n_outputs: int) -> None:
    pytest.importorskip("hummingbird")
    y = np.random.default_rng(depth).normal(size=(len(X), n_outputs))
    forest = ensemble.RandomForestRegressor._wrapped_class(n_trees, max_depth=depth, random_state=0)
    grown = [each.tree_ for each in forest.fit(CODES, y.squeeze()).estimators_]
    given = [scikit_tree(tree, tree.value[:, :, 0]) for tree in grown] + [lone_leaf(n_outputs)]
    ours, theirs = (each.trees_to_onnx(given, X.shape[1]) for each in (direct, hummingbird))
    np.testing.assert_array_equal(NumpyModule(ours)(CODES * 1.0), NumpyModule(theirs)(CODES * 1.0))
    read, expected = (forest_from_onnx(graph, GRID) for graph in (ours, theirs))
    for field in fields(read):
        np.testing.assert_array_equal(getattr(read, field.name), getattr(expected, field.name))


MODELS = [
    linear_model.LogisticRegression(max_iter=1000),
    linear_model.Ridge(n_bits={"inputs": 6, "weights": 9}),
    cluster.KMeans(2, random_state=0),
    svm.SVC(kernel="poly", degree=2),
    ensemble.RandomForestClassifier(3, random_state=0),
    ensemble.GradientBoostingRegressor(n_estimators=3, random_state=0),
]


@pytest.mark.parametrize("model", MODELS, ids=name_of)
def test_integers_are_the_same_by_both_converters(
    model: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("hummingbird")
    expected = clone(model).fit(X, Y)
    for room in (linear, trees):
        for name in direct.__all__:
            if hasattr(room, name):
                monkeypatch.setattr(room, name, getattr(direct, name))
    got = clone(model).fit(X, Y)
    producers = {each.onnx_model_.producer_name for each in (got, expected)}
    assert producers == {"", "pytorch"}
    for method, module in got.modules_.items():
        codes = module.quantize_input(X)
        other = expected.modules_[method]
        for ours, theirs in zip(codes, other.quantize_input(X), strict=True):
            np.testing.assert_array_equal(ours, theirs)
        integers = zip(
            module.quantized_forward(*codes), other.quantized_forward(*codes), strict=True
        )
        for ours, theirs in integers:
            np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("package", ["torch", "skorch"])
@pytest.mark.parametrize(
    "network", [neural_network.MLPClassifier(), neural_network.NeuralNetClassifier()], ids=name_of
)
def test_networks_name_the_extra_before_they_train(
    network: Any, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:

    monkeypatch.setattr("cml_sklearn.convert.torch.find_spec", lambda name: name != package or None)
    with pytest.raises(MissingPackageError, match=rf"{package}.*'cml-sklearn\[concrete,torch\]'"):
        network.fit(X, Y)
    assert not hasattr(network, "classes_")


_WITHOUT_TORCH = """
import sys
from importlib.machinery import PathFinder

class WithoutExtras(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        is_missing = name in {{"concrete", "hummingbird", "skorch", "torch"}}
        return None if is_missing else super().find_spec(name, path, target)

sys.meta_path[:] = [WithoutExtras if each is PathFinder else each for each in sys.meta_path]
from sklearn.datasets import load_iris
from cml_sklearn.{module} import {name}
X, y = load_iris(return_X_y=True)
model = {name}(n_bits=4).fit(X, y)
print((model.predict(X[:3], execute_in_fhe=True) == model.predict(X[:3])).all(), end="")
"""


@pytest.mark.fhe
@pytest.mark.parametrize(
    ("module", "name"), [("tree", "DecisionTreeClassifier"), ("linear_model", "RidgeClassifier")]
)
def test_linear_models_and_trees_need_no_torch(module: str, name: str) -> None:
    code = _WITHOUT_TORCH.format(module=module, name=name)
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (run.returncode, run.stdout) == (0, "True"), run.stderr
