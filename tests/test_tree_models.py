"""What the tree estimators promise: the three modes, exactness, few lookups, and clear errors."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris, load_wine
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import train_test_split
from sklearn.naive_bayes import GaussianNB
from sklearn.utils._param_validation import InvalidParameterError

from cml_sklearn import ensemble, tree
from cml_sklearn.exceptions import InvalidInputError, UnsupportedModelError
from cml_sklearn.lightgbm import LGBMClassifier, LGBMRegressor
from cml_sklearn.onnx.numpy_module import NumpyModule
from cml_sklearn.quantization.quantized_module import QuantizedModule
from cml_sklearn.xgboost import XGBClassifier, XGBRegressor
from tests.estimators import BOOSTERS, ENSEMBLES, SINGLE_TREES, TREES, name_of, wrapped

Array = NDArray[Any]
IN_USERS_UNITS = [*SINGLE_TREES, *ENSEMBLES]


def test_trees_without_splits_are_saved_and_loaded(tmp_path: Path) -> None:
    X = np.random.default_rng(0).normal(size=(20, 3))
    module = tree.DecisionTreeRegressor().fit(X, np.ones(20)).quantized_module_
    module.save(tmp_path / "constant.npz")
    again = QuantizedModule.load(tmp_path / "constant.npz")
    np.testing.assert_array_equal(again.forward(X), module.forward(X))


def data_for(estimator: Any) -> tuple[Array, Array]:
    if is_regressor(estimator):
        X, y = load_diabetes(return_X_y=True)
        return X[:200], y[:200]
    return load_iris(return_X_y=True)


def fitted(estimator: Any, **parameters: Any) -> tuple[Any, Array, Array]:
    X, y = data_for(estimator)
    model = clone(estimator).set_params(**parameters)
    if "random_state" in model.get_params():
        model.set_params(random_state=0)
    return model.fit(X, y), X, y


def split(load: Any) -> list[Array]:
    parts: list[Array] = train_test_split(*load(return_X_y=True), test_size=0.3, random_state=0)
    return parts


def small(model: Any) -> Any:
    names = {"n_estimators", "max_iter"} & set(model.get_params())
    return model.set_params(**dict.fromkeys(names, 4))


def shallow(estimator: Any) -> Any:
    """The estimator with trees of depth 3, if they are not less deep already."""
    model = clone(estimator)
    if "estimator" in model.get_params():
        kind = tree.DecisionTreeClassifier if is_classifier(model) else tree.DecisionTreeRegressor
        return model.set_params(estimator=kind._wrapped_class(max_depth=3))
    if "max_depth" in model.get_params():
        return model.set_params(max_depth=3)
    return model.set_params(max_samples=8)


def score_of(model: Any) -> Any:
    """The method that shows most of a model's output."""
    if hasattr(model, "predict_proba"):
        return model.predict_proba
    return model.score_samples if hasattr(model, "score_samples") else model.predict


@pytest.mark.parametrize("estimator", IN_USERS_UNITS, ids=name_of)
def test_wide_sums_give_the_float_models_predictions(estimator: Any) -> None:
    model, X, _ = fitted(estimator, sum_bits=14, n_bits=4)
    expected = score_of(model.sklearn_model_)(X)
    tolerance = 2e-3 * np.std(expected)
    np.testing.assert_allclose(score_of(model)(X), expected, atol=tolerance)
    if is_classifier(model):
        agree = (model.predict(X) == model.sklearn_model_.predict(X)).mean()
        assert agree >= 0.99


@pytest.mark.parametrize("estimator", BOOSTERS, ids=name_of)
def test_wide_sums_give_the_boosters_predictions(estimator: Any) -> None:
    model, X, _ = fitted(estimator, sum_bits=14, n_bits=4)
    expected = score_of(model.sklearn_model_)(X)
    np.testing.assert_allclose(score_of(model)(X), expected, atol=2e-3 * np.std(expected))
    np.testing.assert_array_equal(model.predict(X).shape, expected.shape[:1])


@pytest.mark.parametrize("estimator", IN_USERS_UNITS, ids=name_of)
def test_the_float_model_is_in_the_users_units(estimator: Any) -> None:
    """Equal to a model that was trained and asks on codes, also for values on the edges."""
    model, X, y = fitted(estimator, n_bits=3)
    on_codes = clone(wrapped(model)).fit(model.grid_.codes(X), y)
    rows = np.tile(X[:1], (60, 1))
    rng = np.random.default_rng(0)
    for feature, edges in enumerate(model.grid_.edges):
        if len(edges):
            at = rng.choice(edges, 60)
            rows[:, feature] = np.where(rng.random(60) < 0.5, at, np.nextafter(at, np.inf))
    if model._float32:
        rows = rows.astype(np.float32).astype(np.float64)
    for values in (X, rows):
        np.testing.assert_array_equal(
            score_of(model.sklearn_model_)(values), score_of(on_codes)(model.grid_.codes(values))
        )


@pytest.mark.parametrize("estimator", TREES, ids=name_of)
def test_the_graph_is_the_sum_of_the_trees(estimator: Any) -> None:
    model, X, _ = fitted(estimator, sum_bits=14, n_bits=4)
    (graph,) = NumpyModule(model.onnx_model_)(model.grid_.codes(X).astype(np.float32))
    module = model.modules_.get("predict_proba", model.quantized_module_)
    np.testing.assert_allclose(module(X), graph, atol=3e-3 * max(graph.std(), 1e-9))


@pytest.mark.parametrize("estimator", TREES, ids=name_of)
def test_clear_integers_keep_all_declared_ranges(estimator: Any) -> None:
    model, X, _ = fitted(estimator, n_bits=4)
    module = model.quantized_module_
    codes = module.quantize_input(X[:20])
    clear = module.quantized_forward(*codes, execute_in_fhe=False)
    module.compile(engine="clear")
    for mode in ("simulate", True):
        result = module.quantized_forward(*codes, execute_in_fhe=mode)
        np.testing.assert_array_equal(result[0], clear[0])


def three_modes(model: Any, X: Array) -> None:
    module = model.quantized_module_
    codes = module.quantize_input(X)
    clear = module.quantized_forward(*codes, execute_in_fhe=False)[0]
    for mode in ("simulate", True):
        result = module.quantized_forward(*codes, execute_in_fhe=mode)[0]
        np.testing.assert_array_equal(result, clear)


TINY = [
    tree.DecisionTreeClassifier(max_depth=3, n_bits=3),
    ensemble.RandomForestClassifier(n_estimators=3, max_depth=2, n_bits=2, sum_bits=4),
    ensemble.GradientBoostingRegressor(n_estimators=3, max_depth=2, n_bits=2, sum_bits=4),
    ensemble.AdaBoostRegressor(n_estimators=3, n_bits=3, sum_bits=4),
    ensemble.RandomForestClassifier(
        n_estimators=3, max_depth=2, n_bits=2, sum_bits=4, aggregation="client"
    ),
]


@pytest.mark.fhe
@pytest.mark.parametrize("estimator", TINY, ids=name_of)
def test_three_modes_agree(estimator: Any) -> None:
    model, X, _ = fitted(estimator)
    three_modes(model, X[::50])


@pytest.mark.slow
@pytest.mark.fhe
@pytest.mark.parametrize("estimator", TREES, ids=name_of)
def test_three_modes_agree_on_twenty_samples(estimator: Any) -> None:
    model, X, _ = fitted(shallow(estimator), n_bits=3)
    three_modes(model, X[:: len(X) // 20][:20])


SEVERAL_TREES = [
    e for e in [*ENSEMBLES, *BOOSTERS] if not isinstance(e, ensemble.AdaBoostRegressor)
]


@pytest.mark.parametrize("estimator", SEVERAL_TREES, ids=name_of)
def test_the_clients_sum_is_the_encrypted_sum(estimator: Any, tmp_path: Any) -> None:
    model, X, _ = fitted(shallow(estimator), n_bits=4)
    apart, _, _ = fitted(shallow(estimator), n_bits=4, aggregation="client")
    np.testing.assert_allclose(score_of(apart)(X), score_of(model)(X), rtol=1e-9, atol=1e-12)
    module, sum_module = apart.quantized_module_, model.quantized_module_
    fields, sums = (m.output_scales[0].scale for m in (module, sum_module))
    assert len(fields) >= 3 * len(sums) > 0
    module.save(tmp_path / "module.npz")
    stored = QuantizedModule.load(tmp_path / "module.npz")
    np.testing.assert_array_equal(stored(X), module(X))
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(apart)).predict(X), apart.predict(X))
    codes = module.quantize_input(X[:20])
    clear = module.quantized_forward(*codes, execute_in_fhe=False)
    module.compile(engine="clear")
    simulated = module.quantized_forward(*codes, execute_in_fhe="simulate")
    np.testing.assert_array_equal(simulated[0], clear[0])


def test_where_trees_are_added_up_is_checked() -> None:
    X, y = load_iris(return_X_y=True)
    with pytest.raises(InvalidParameterError, match="aggregation"):
        ensemble.RandomForestClassifier(aggregation="server").fit(X, y)
    float_model = ensemble.RandomForestClassifier._wrapped_class(n_estimators=2).fit(X, y)
    adopt = ensemble.RandomForestClassifier.from_sklearn_model
    with pytest.raises(InvalidParameterError, match="aggregation"):
        adopt(float_model, X, aggregation="server")
    together, apart = (adopt(float_model, X, aggregation=a) for a in ("encrypted", "client"))
    np.testing.assert_allclose(apart.predict_proba(X), together.predict_proba(X), atol=1e-12)
    for single in (*SINGLE_TREES, ensemble.AdaBoostRegressor()):
        assert "aggregation" not in single.get_params()


@pytest.mark.parametrize("estimator", TREES, ids=name_of)
def test_the_methods_are_the_wrapped_classs(estimator: Any) -> None:
    model, _, _ = fitted(estimator, n_bits=2)
    names = ["predict", "predict_proba", "predict_log_proba", "decision_function"]
    for ours, theirs in ((estimator, wrapped(estimator)), (model, model.sklearn_model_)):
        for name in [*names, "score_samples", "fit_predict", "score"]:
            assert hasattr(ours, name) == hasattr(theirs, name), name


@pytest.mark.fhe
def test_probabilities_of_a_tree_have_a_circuit_of_their_own() -> None:
    model, X, _ = fitted(tree.DecisionTreeClassifier(max_depth=2, n_bits=3))
    model.predict(X[:2], execute_in_fhe="simulate")
    module = model.modules_["predict_proba"]
    assert module is model.modules_["predict_log_proba"]
    assert not module.is_compiled
    simulated = model.predict_proba(X[::10], execute_in_fhe="simulate")
    np.testing.assert_array_equal(simulated, model.predict_proba(X[::10]))
    assert module.is_compiled
    reports = model.fhe_reports_
    assert reports["predict"] is model.fhe_report_
    assert reports["predict"].output_bytes < reports["predict_proba"].output_bytes


@pytest.mark.parametrize(
    ("model", "most_gop", "most_pbs", "peer"),
    [
        (XGBClassifier(n_estimators=50, max_depth=3, grid="uniform", n_jobs=1), 10, 100, 0.971),
        (ensemble.RandomForestClassifier(n_estimators=50, max_depth=4), 25, 250, 0.953),
        (tree.DecisionTreeClassifier(max_depth=5, grid="uniform"), 0.6, 6, 0.930),
    ],
    ids=name_of,
)
@pytest.mark.fhe
def test_cost_on_breast_cancer(model: Any, most_gop: float, most_pbs: int, peer: float) -> None:
    pytest.importorskip("concrete")
    X_train, X_test, y_train, y_test = split(load_breast_cancer)
    model = clone(model).set_params(random_state=0).fit(X_train, y_train)
    report = model.compile(X_test[:10], engine="concrete").report
    assert report.complexity is not None
    assert report.complexity <= most_gop
    assert report.pbs_count <= most_pbs
    assert model.score(X_test, y_test) >= peer - 1e-3
    reference = wrapped(model).fit(X_train, y_train).score(X_test, y_test)
    assert model.score(X_test, y_test) >= reference - 0.01


@pytest.mark.parametrize("name", ["RandomForest", "GradientBoosting", "HistGradientBoosting"])
def test_ready_made_models_are_taken_exactly(name: str) -> None:
    for kind, load in (("Classifier", load_wine), ("Regressor", load_diabetes)):
        ours = getattr(ensemble, name + kind)
        X_train, X_test, y_train, _ = split(load)
        model = small(ours._wrapped_class(random_state=0, max_depth=3)).fit(X_train, y_train)
        adopted = ours.from_sklearn_model(model, X_train, sum_bits=14)
        expected = score_of(model)(X_test)
        np.testing.assert_allclose(
            score_of(adopted)(X_test), expected, atol=2e-3 * np.std(expected)
        )


@pytest.mark.parametrize("ours", [XGBClassifier, XGBRegressor, LGBMClassifier, LGBMRegressor])
def test_ready_made_boosters_are_taken_exactly(ours: Any) -> None:
    X, y = data_for(ours())
    options = {"verbose": -1} if ours in (LGBMClassifier, LGBMRegressor) else {}
    model = ours._wrapped_class(n_estimators=4, n_jobs=1, **options).fit(X, y)
    adopted = ours.from_sklearn_model(model, X, sum_bits=14)
    expected = score_of(model)(X)
    np.testing.assert_allclose(score_of(adopted)(X), expected, atol=2e-3 * np.std(expected))


def test_labels_of_a_ready_made_tree_are_its_own() -> None:
    X_train, X_test, y_train, _ = split(load_breast_cancer)
    model = tree.DecisionTreeClassifier._wrapped_class(random_state=0).fit(X_train, y_train)
    adopted = tree.DecisionTreeClassifier.from_sklearn_model(model, X_train)
    np.testing.assert_array_equal(adopted.predict(X_test), model.predict(X_test))
    with pytest.raises(UnsupportedModelError, match="takes a fitted"):
        tree.DecisionTreeRegressor.from_sklearn_model(model, X_train)


@pytest.mark.parametrize(
    "ours",
    [
        tree.DecisionTreeClassifier,
        ensemble.RandomForestClassifier,
        ensemble.HistGradientBoostingClassifier,
        XGBClassifier,
    ],
)
def test_missing_values_have_a_bit(ours: Any) -> None:
    whole, y = load_iris(return_X_y=True)
    X = whole.copy()
    X[y == 1, 2] = np.nan
    with pytest.raises(InvalidInputError, match="Trees take NaN if they are fitted here"):
        small(ours(random_state=0)).fit(whole, y).predict(X)
    model = small(ours(random_state=0)).fit(X, y)
    assert (model.predict(X)[y == 1] == 1).all()
    if ours is not XGBClassifier:
        np.testing.assert_array_equal(model.predict(X), model.sklearn_model_.predict(X))
    X[0, 0] = np.nan
    with pytest.raises(InvalidInputError, match=r"NaN\) in the columns \[0\]"):
        model.predict(X)


def test_several_outputs() -> None:
    X, y = load_iris(return_X_y=True)
    both = np.stack([y, y > 0], axis=1)
    for ours in (tree.DecisionTreeClassifier, ensemble.RandomForestClassifier):
        model = small(ours(random_state=0, n_bits=4)).fit(X, both)
        assert model.predict(X).shape == (150, 2)
        assert (model.predict(X) == both).mean() > 0.95
        assert [p.shape for p in model.predict_proba(X)] == [(150, 3), (150, 2)]
        assert [p.shape for p in model.predict_log_proba(X)] == [(150, 3), (150, 2)]
    targets = np.stack([X[:, 2], -X[:, 3]], axis=1)
    for ours in (tree.DecisionTreeRegressor, ensemble.ExtraTreesRegressor):
        model = small(ours(random_state=0, sum_bits=12)).fit(X, targets)
        np.testing.assert_allclose(model.predict(X), model.sklearn_model_.predict(X), atol=0.01)


@pytest.mark.parametrize("estimator", TREES, ids=name_of)
def test_pickle_keeps_the_integers(estimator: Any) -> None:
    model, X, _ = fitted(estimator)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.predict(X), model.predict(X))


@pytest.mark.parametrize("estimator", [SINGLE_TREES[0], ENSEMBLES[-1]], ids=name_of)
def test_stored_module_gives_the_same(estimator: Any, tmp_path: Any) -> None:
    model, X, _ = fitted(estimator, n_bits=3)
    model.quantized_module_.save(tmp_path / "module.npz")
    module = QuantizedModule.load(tmp_path / "module.npz")
    np.testing.assert_array_equal(module(X), model.quantized_module_(X))


def test_names_and_weights_reach_the_wrapped_model() -> None:
    pytest.importorskip("pandas")
    frame = load_iris(as_frame=True)
    weight = np.where(frame.target == 0, 0.0, 1.0)
    model = tree.DecisionTreeClassifier(random_state=0)
    model.fit(frame.data, frame.target, sample_weight=weight)
    assert list(model.feature_names_in_) == list(frame.data.columns)
    np.testing.assert_array_equal(
        model.sklearn_model_.predict(frame.data), model.predict(frame.data)
    )
    assert 0 not in model.predict(frame.data)
    balanced = tree.DecisionTreeClassifier(class_weight={0: 1, 1: 0, 2: 1}, random_state=0)
    assert 1 not in balanced.fit(frame.data, frame.target).predict(frame.data)
    assert model.feature_importances_.shape == (4,)
    for booster in (XGBClassifier(n_estimators=2), LGBMClassifier(n_estimators=2)):
        booster.fit(frame.data, frame.target)
        assert list(booster.feature_names_in_) == list(frame.data.columns)
        assert booster.predict(frame.data).shape == (150,)


def test_early_stopping_samples_go_through_the_grid() -> None:
    X_train, X_test, y_train, y_test = split(load_breast_cancer)
    model = XGBClassifier(n_estimators=30, early_stopping_rounds=2, n_jobs=1, sum_bits=12)
    model.fit(X_train, y_train, eval_set=[(X_test, y_test)], verbose=False)
    expected = model.sklearn_model_.predict_proba(X_test)
    np.testing.assert_allclose(model.predict_proba(X_test), expected, atol=0.02)
    with pytest.raises(UnsupportedModelError, match="does not take base_margin"):
        model.fit(X_train, y_train, base_margin=np.zeros(len(y_train)))


@pytest.mark.parametrize("n_bits", [0, 9, 2.5, {"inputs": 3}])
def test_n_bits_out_of_range(n_bits: Any) -> None:
    X, y = load_iris(return_X_y=True)
    with pytest.raises(InvalidParameterError, match="n_bits"):
        tree.DecisionTreeClassifier(n_bits=n_bits).fit(X, y)


def test_what_is_no_sum_of_trees_is_refused() -> None:
    X, y = load_iris(return_X_y=True)
    cases = [
        ensemble.BaggingClassifier(GaussianNB(), n_estimators=2),
        ensemble.AdaBoostClassifier(GaussianNB(), n_estimators=2),
        ensemble.GradientBoostingRegressor(init=LinearRegression(), n_estimators=2),
        ensemble.HistGradientBoostingClassifier(categorical_features=[3], max_iter=2),
        XGBClassifier(booster="dart", n_estimators=2),
        LGBMRegressor(objective="cross_entropy", n_estimators=2),
    ]
    for model in cases:
        with pytest.raises(UnsupportedModelError, match=r"[;:.]"):
            model.fit(X, y if is_classifier(model) else y / 2)


@pytest.mark.parametrize("grid", ["quantile", "uniform"])
def test_few_bits_are_enough(grid: str) -> None:
    X_train, X_test, y_train, y_test = split(load_breast_cancer)
    for n_bits, least in ((1, 0.88), (2, 0.9), (4, 0.92)):
        model = ensemble.RandomForestClassifier(
            n_estimators=10, max_depth=4, n_bits=n_bits, grid=grid, random_state=0
        )
        assert model.fit(X_train, y_train).score(X_test, y_test) > least
        assert max(model.grid_.counts) <= 2**n_bits - 1
