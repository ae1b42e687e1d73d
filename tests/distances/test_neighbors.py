"""Votes of the nearest samples: their definition, in integers, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_iris, load_wine
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from cml_sklearn._typing import Array
from cml_sklearn.deployment import load_estimator, save_estimator
from cml_sklearn.distances.neighbors import Electorate, Precision, quantize_nearest, quantize_within
from cml_sklearn.exceptions import InvalidInputError, UnsupportedModelError
from cml_sklearn.metrics import fhe_cost
from cml_sklearn.neighbors import (
    KNeighborsClassifier,
    KNeighborsRegressor,
    RadiusNeighborsClassifier,
    RadiusNeighborsRegressor,
)
from cml_sklearn.onnx.numpy_module import NumpyModule

X, Y = load_iris(return_X_y=True)
FEW = slice(None, None, 6)
"""Samples that are encrypted in a moment."""


def votes_by_definition(points: Array, samples: Array, k: int, levels: Array, margin: int) -> Array:
    """Who is within the first level that holds enough samples, else within the last."""
    distances = ((samples[:, None] - points) ** 2).sum(axis=2)
    enough = (distances[:, :, None] <= levels).sum(axis=1) >= k
    place = np.where(enough.any(axis=1), enough.argmax(axis=1), len(levels) - 1)
    return distances <= levels[place][:, None] + margin


@pytest.mark.parametrize("k", [1, 3, 20, 60])
@pytest.mark.parametrize("rounds", [1, 4])
def test_integers_are_those_of_the_definition(k: int, rounds: int) -> None:
    rng = np.random.default_rng(k)
    points = rng.normal(size=(60, 3))
    electorate = Electorate(points, np.eye(60), np.ones(60))
    module = quantize_nearest(electorate, k, rounds, Precision(4, 16))
    samples = rng.normal(size=(300, 3))
    encoder: Any = module.input_quantizers[0]
    places = encoder.quantize(samples)[:, :-1] - encoder.reach
    on_lattice = encoder.lattice(points)
    own = np.sort(((on_lattice[:, None] - on_lattice) ** 2).sum(axis=2), axis=1)[:, min(k, 59)]
    margin = 2 ** (16 - 4) // 32
    own = np.maximum(own, margin + 1)
    least = max(min(np.quantile(own, 0.02, method="inverted_cdf"), own.max() / 16), 1.0)
    levels = np.rint(np.geomspace(least, own.max(), 2**rounds)).astype(np.int64)
    wanted = votes_by_definition(on_lattice, places, k, levels, margin)
    np.testing.assert_array_equal(module.forward(samples), wanted)
    module.program.check()


@pytest.mark.parametrize("k", [1, 5])
def test_labels_are_as_good_as_scikit_learns(k: int) -> None:
    ours, theirs = [], []
    for seed in range(5):
        data, targets = load_wine(return_X_y=True)
        data = StandardScaler().fit_transform(data)
        a, b, ya, yb = train_test_split(data, targets, test_size=0.4, random_state=seed)
        model = KNeighborsClassifier(k).fit(a, ya)
        ours.append(model.score(b, yb))
        theirs.append(model.sklearn_model_.score(b, yb))
        assert (model.predict(b) == model.sklearn_model_.predict(b)).mean() > 0.94
    assert np.mean(ours) > np.mean(theirs) - 0.01


def test_probabilities_are_shares_of_votes() -> None:
    model = KNeighborsClassifier(5).fit(X, np.array(["a", "b", "c"])[Y])
    shares = model.predict_proba(X)
    np.testing.assert_allclose(shares.sum(axis=1), 1)
    assert np.abs(shares - model.sklearn_model_.predict_proba(X)).mean() < 0.03
    np.testing.assert_array_equal(model.classes_[shares.argmax(axis=1)], model.predict(X))
    (raw,) = NumpyModule(model.onnx_model_)(X)
    # of equally near samples another one may be the last neighbor
    assert (np.abs(raw / 5 - model.sklearn_model_.predict_proba(X)) < 1e-9).mean() > 0.98


def test_who_is_far_from_all_gets_the_shares_of_the_classes() -> None:
    y = np.r_[np.zeros(30, int), np.ones(10, int)]
    data = np.random.default_rng(0).normal(size=(40, 2))
    data[0] = 1000.0  # the last level is as far as its neighbors are
    model = KNeighborsClassifier(1, search_rounds=1).fit(data, y)
    assert model.predict(data[:5]).shape == (5,)
    lonely = KNeighborsClassifier(1).fit(np.c_[np.arange(40.0), np.zeros(40)], y)
    np.testing.assert_allclose(lonely.predict_proba([[20.0, 9.0]]), [[0.75, 0.25]])


def test_several_outputs() -> None:
    both = np.c_[Y, Y > 0]
    model = KNeighborsClassifier(3).fit(X, both)
    assert (model.predict(X) == model.sklearn_model_.predict(X)).mean() > 0.97
    assert [part.shape for part in model.predict_proba(X)] == [(150, 3), (150, 2)]
    values = np.c_[X[:, 2], 1e3 * X[:, 3]]
    regressor = KNeighborsRegressor(3).fit(X[:, :2], values)
    wanted = regressor.sklearn_model_.predict(X[:, :2])
    error = np.abs(regressor.predict(X[:, :2]) - wanted).mean(axis=0)
    assert (error < 0.15 * values.std(axis=0)).all()


@pytest.mark.fhe
def test_encrypted() -> None:
    model = KNeighborsClassifier(3, search_rounds=2).fit(X[::12, 2:], Y[::12])
    samples = X[1:120:50, 2:]
    clear, encrypted = (model.predict(samples, execute_in_fhe=m) for m in (False, True))
    np.testing.assert_array_equal(encrypted, clear)
    cost = fhe_cost(model)
    assert cost.gop == pytest.approx(model.fhe_report_.complexity, rel=0.3)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        (KNeighborsClassifier(weights="distance"), "weights='distance'"),
        (KNeighborsRegressor(metric="manhattan"), "metric='manhattan'"),
        (KNeighborsClassifier(p=1), "p=1"),
        (KNeighborsClassifier(metric_params={"w": [1.0]}), "metric_params"),
    ],
)
def test_what_takes_too_many_lookups_is_refused(model: Any, message: str) -> None:
    with pytest.raises(UnsupportedModelError, match=message):
        model.fit(X, Y)


def test_sizes_that_do_not_fit_are_refused() -> None:
    with pytest.raises(InvalidInputError, match="n_neighbors is 5, but n_samples = 4"):
        KNeighborsClassifier().fit(X[::40], Y[::40])
    many = np.random.default_rng(0).normal(size=(5000, 2))
    with pytest.raises(UnsupportedModelError, match="5000 samples of training"):
        KNeighborsRegressor().fit(many, many[:, 0])


def test_searches_files_and_two_machines(tmp_path: Path) -> None:
    pipeline = make_pipeline(StandardScaler(), KNeighborsClassifier())
    search = GridSearchCV(pipeline, {"kneighborsclassifier__n_neighbors": [1, 5]}, cv=3)
    assert search.fit(X, Y).best_score_ > 0.9
    model = clone(KNeighborsClassifier(3)).fit(X[FEW], Y[FEW])
    save_estimator(model, tmp_path / "model.zip")
    loaded = load_estimator(tmp_path / "model.zip")
    np.testing.assert_array_equal(loaded.predict_proba(X), model.predict_proba(X))


@pytest.mark.parametrize("radius", [0.3, 1.0, 1e9])
def test_those_within_a_radius_vote(radius: float) -> None:
    rng = np.random.default_rng(0)
    points, samples = rng.normal(size=(50, 3)), 1.5 * rng.normal(size=(200, 3))
    electorate = Electorate(points, np.eye(50), np.ones(50))
    module = quantize_within(electorate, radius**2, Precision(6, 16))
    module.program.check()
    near = np.linalg.norm(samples[:, None] - points, axis=2) / radius
    votes: Any = module.forward(np.vstack([samples, 1e3 * samples]))
    assert not votes[200:].any() or radius > 10
    is_clear = np.abs(near - 1) > 0.05
    np.testing.assert_array_equal(votes[:200][is_clear], (near <= 1)[is_clear])


def test_outliers_of_radius_neighbors() -> None:
    far = np.full((1, 4), 100.0)
    model = RadiusNeighborsClassifier(0.5).fit(X, Y)
    assert (model.predict(X) == model.sklearn_model_.predict(X)).mean() > 0.97
    with pytest.raises(InvalidInputError, match="1 samples have no sample of training within"):
        model.predict(far)
    labelled = RadiusNeighborsClassifier(0.5, outlier_label=2).fit(X, Y)
    assert labelled.predict(far) == [2]
    with pytest.raises(UnsupportedModelError, match="outlier_label=7"):
        RadiusNeighborsClassifier(outlier_label=7).fit(X, Y)
    regressor = RadiusNeighborsRegressor(0.8, metric="sqeuclidean").fit(X[:, :3], X[:, 3])
    assert np.isnan(regressor.predict(far[:, :3])).all()
    assert regressor.score(X[:, :3], X[:, 3]) > 0.9


def test_files_of_models_that_may_refuse_samples(tmp_path: Path) -> None:
    model = RadiusNeighborsClassifier(0.5).fit(X, Y)
    save_estimator(model, tmp_path / "model.zip")
    loaded = load_estimator(tmp_path / "model.zip")
    np.testing.assert_array_equal(loaded.predict(X), model.predict(X))


def test_extreme_distances() -> None:
    everybody = RadiusNeighborsClassifier(radius=1e300).fit(X[FEW], Y[FEW])
    shares = np.bincount(Y[FEW]) / len(Y[FEW])
    np.testing.assert_allclose(everybody.predict_proba(X), np.tile(shares, (len(X), 1)))
    for model in (KNeighborsClassifier(), RadiusNeighborsClassifier()):
        with pytest.raises(UnsupportedModelError, match="overflow floats"):
            model.fit(X[FEW] * 1e160, Y[FEW])


def test_two_samples_know_themselves() -> None:
    X = np.array([[0.0, 0.0], [1.0, 1.0]])
    model = KNeighborsClassifier(1).fit(X, [0, 1])
    assert model.predict([*X, [0.1, 0.2], [0.9, 0.7]]).tolist() == [0, 1, 0, 1]
