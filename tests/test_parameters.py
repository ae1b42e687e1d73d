"""Every parameter changes what it says, is translated, or is refused in words."""

from __future__ import annotations

import inspect
from typing import Any

import joblib
import lightgbm
import numpy as np
import pandas as pd
import pytest
import xgboost
from lightgbm.basic import _ConfigAliases
from sklearn import config_context, set_config
from sklearn.base import clone, is_classifier
from sklearn.datasets import load_diabetes, load_iris, make_classification
from sklearn.exceptions import NotFittedError
from sklearn.metrics import log_loss
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import export_text

from cml_sklearn import ensemble, linear_model, neural_network, tree
from cml_sklearn._typing import FloatArray
from cml_sklearn.estimators.attributes import DELEGATED, REFUSED_METHODS
from cml_sklearn.estimators.passed_parameters import FIT_PASSED, FURTHER_PASSED, PASSED
from cml_sklearn.estimators.refused_parameters import FIT_REFUSED, REFUSED
from cml_sklearn.estimators.translated_parameters import FIT_TRANSLATED, TRANSLATED
from cml_sklearn.estimators.wrapping import library_of
from cml_sklearn.exceptions import InvalidInputError, UnsupportedModelError
from cml_sklearn.lightgbm import LGBMClassifier, LGBMRegressor
from cml_sklearn.xgboost import XGBClassifier, XGBRegressor
from tests.estimators import ESTIMATORS, EVERY, TREES, name_of

pytestmark = pytest.mark.usefixtures("brief_students")

X, Y = make_classification(160, 4, n_informative=3, n_redundant=0, flip_y=0.1, random_state=0)
FRAME = pd.DataFrame(X, columns=list("abcd"))


def trained(estimator: Any) -> Any:
    return clone(estimator).fit(X, Y if is_classifier(estimator) else np.abs(X[:, 0]) + 1)


@pytest.mark.parametrize("estimator", EVERY, ids=name_of)
def test_every_parameter_is_in_the_table(estimator: Any) -> None:
    wrapped = type(estimator)._wrapped_class
    library = library_of(wrapped)
    known = {*PASSED[wrapped.__name__].split(), *TRANSLATED, *REFUSED[library]}
    assert set(wrapped().get_params(deep=False)) <= known
    known = {*FIT_PASSED[library].split(), *FIT_TRANSLATED}
    known |= set(FIT_REFUSED[library])
    for name in ("fit", "partial_fit"):
        if hasattr(wrapped, name):
            assert set(inspect.signature(getattr(wrapped, name)).parameters) - {"self"} <= known


def test_every_keyword_of_lightgbm_is_in_the_table() -> None:
    known = {*FURTHER_PASSED["lightgbm"].split(), *REFUSED["lightgbm"]}
    assert set(_ConfigAliases._get_all_param_aliases()) <= known


def vars_of(kind: type) -> dict[str, Any]:
    """What stands in the bodies of a class and its bases, unbound."""
    return {n: inspect.getattr_static(kind, n) for n in dir(kind)}


@pytest.mark.parametrize("estimator", EVERY, ids=name_of)
def test_every_public_name_is_there_or_refused(estimator: Any) -> None:
    kind = type(estimator)
    names = {n for n in dir(kind._wrapped_class) if n[0] != "_" and n[-1] != "_"} - set(dir(kind))
    # some loops in the bodies of scikit-learn's classes leave their variables there
    names = {n for n in names if not isinstance(vars_of(kind._wrapped_class).get(n), str | bool)}
    names = {n for n in names if not (n.startswith("set_") and n.endswith("_request"))}
    assert names <= DELEGATED | REFUSED_METHODS.keys() | {"decision_function"}


def squared_error(y: FloatArray, z: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Gradient and curvature of an objective of one's own."""
    return z - y, y


@pytest.mark.parametrize(
    "model",
    [
        XGBClassifier(missing=0),
        XGBClassifier(feature_types=["c", "q", "q", "q"]),
        XGBClassifier(verbose=1),
        XGBRegressor(objective=squared_error),
        LGBMClassifier(zero_as_missing=True),
        LGBMClassifier(is_enable_missing=True, use_missing=False),
        LGBMClassifier(cat_feature=[0]),
        LGBMClassifier(forcedsplits_filename="splits.json"),
        ensemble.HistGradientBoostingClassifier(categorical_features=["a"]),
    ],
    # addresses of functions differ between the processes of pytest-xdist
    ids=lambda model: str(model).split("<")[0],
)
def test_what_means_something_else_on_codes_is_refused(model: Any) -> None:
    with pytest.raises((UnsupportedModelError, InvalidInputError), match=r"does not take|got \["):
        model.fit(X, Y)


def test_unknown_keywords_are_refused() -> None:
    for model in (XGBClassifier(max_dept=3), LGBMClassifier(max_dept=3)):
        with pytest.raises(InvalidInputError, match="max_dept"):
            model.fit(X, Y)


def test_keywords_of_boosters_work() -> None:
    y = X[:, 0] + np.random.default_rng(0).normal(size=len(X))
    for model in (
        LGBMRegressor(objective="quantile", alpha=0.9, n_estimators=30),
        XGBRegressor(objective="reg:quantileerror", quantile_alpha=0.9, n_estimators=30),
    ):
        assert (clone(model).fit(X, y).predict(X) > y).mean() > 0.75
    plain, heavy = (LGBMRegressor(n_estimators=3, lambda_l1=l1).fit(X, y) for l1 in (0.0, 50.0))
    assert np.ptp(heavy.predict(X)) < np.ptp(plain.predict(X))
    assert clone(plain).set_params(lambda_l1=1.0).get_params()["lambda_l1"] == 1.0


def test_best_iteration_of_a_callback_counts() -> None:
    stop = xgboost.callback.EarlyStopping(rounds=3)
    native = xgboost.XGBClassifier(n_estimators=80, learning_rate=1.0, callbacks=[stop], n_jobs=1)
    native.fit(X[:80], Y[:80], eval_set=[(X[80:], Y[80:])], verbose=False)
    ours = XGBClassifier.from_sklearn_model(native, X, sum_bits=12)
    assert ours.best_iteration < native.get_booster().num_boosted_rounds() - 1
    np.testing.assert_allclose(ours.predict_proba(X), native.predict_proba(X), atol=0.01)


@pytest.mark.filterwarnings("ignore:The argument 'eval_set'")
def test_validation_samples_go_through_the_grid() -> None:
    options = {"early_stopping": True, "n_iter_no_change": 3, "random_state": 0, "sum_bits": 12}
    model = ensemble.HistGradientBoostingClassifier(max_iter=50, **options)
    model.fit(X[:80], Y[:80], X_val=X[80:], y_val=Y[80:])
    real = log_loss(Y[80:], model.predict_proba(X[80:]))
    assert abs(-model.validation_score_[-1] - real) < 0.05
    pairs: list[dict[str, Any]] = [
        {"eval_set": (X[80:], Y[80:])},
        {"eval_set": [(X[80:], Y[80:])]},
        {"eval_X": X[80:], "eval_y": Y[80:]},
    ]
    losses = []
    for validation in pairs:
        booster = LGBMClassifier(n_estimators=8, n_jobs=1, sum_bits=12)
        booster.fit(X[:80], Y[:80], **validation)
        losses.append(booster.evals_result_["valid_0"]["binary_logloss"][-1])
    np.testing.assert_allclose(losses, log_loss(Y[80:], booster.predict_proba(X[80:])), atol=0.02)


def test_constraints_by_name_are_those_by_position() -> None:
    pairs: list[tuple[Any, dict[str, Any]]] = [
        (XGBClassifier(monotone_constraints={"b": -1}), {"monotone_constraints": (0, -1, 0, 0)}),
        (
            XGBClassifier(interaction_constraints=[["a", "b"], ["c", "d"]]),
            {"interaction_constraints": [[0, 1], [2, 3]]},
        ),
        (
            ensemble.HistGradientBoostingClassifier(max_iter=5, monotonic_cst={"b": -1}),
            {"monotonic_cst": [0, -1, 0, 0]},
        ),
    ]
    for model, by_position in pairs:
        expected = clone(model).set_params(**by_position).fit(X, Y).predict_proba(X)
        np.testing.assert_array_equal(model.fit(FRAME, Y).predict_proba(FRAME), expected)
        with pytest.raises((InvalidInputError, ValueError), match=r"features|feature names"):
            clone(model).fit(X, Y)


@pytest.mark.parametrize("booster", [XGBClassifier, XGBRegressor, LGBMClassifier, LGBMRegressor])
def test_boosters_own_models_take_the_users_data(booster: Any) -> None:
    gaps = np.where(np.random.default_rng(0).random(X.shape) < 0.2, np.nan, X)
    for data in (X, gaps, FRAME):
        model = booster(n_estimators=5, n_jobs=1, sum_bits=14).fit(data, Y)
        ours, theirs = model.predict(data), model.sklearn_model_.predict(data)
        np.testing.assert_allclose(ours, theirs, atol=0.01)


def test_categories_are_refused_before_training() -> None:
    frame = pd.DataFrame({"a": X[:, 0], "b": pd.Categorical(np.where(X[:, 1] > 0, "x", "y"))})
    for model in (
        XGBClassifier(enable_categorical=True),
        LGBMClassifier(),
        ensemble.HistGradientBoostingClassifier(),
    ):
        with pytest.raises(UnsupportedModelError, match="category type"):
            model.fit(frame, Y)


@pytest.mark.parametrize("kind", ["zero", "unit"])
def test_zeros_as_missing_of_a_ready_made_model_are_refused(kind: str) -> None:
    counts = np.round(X)
    native = lightgbm.LGBMClassifier(n_estimators=3, zero_as_missing=kind == "zero", verbose=-1)
    native.fit(counts, Y)
    if kind == "unit":
        ours = LGBMClassifier.from_sklearn_model(native, counts)
        np.testing.assert_array_equal(ours.predict(counts), native.predict(counts))
        return
    with pytest.raises(UnsupportedModelError, match="zero"):
        LGBMClassifier.from_sklearn_model(native, counts)


WARM = [
    ensemble.RandomForestClassifier(n_estimators=2, max_depth=3, warm_start=True, random_state=0),
    ensemble.GradientBoostingClassifier(n_estimators=2, warm_start=True, random_state=0),
    ensemble.HistGradientBoostingClassifier(max_iter=2, warm_start=True, random_state=0),
    ensemble.BaggingClassifier(n_estimators=2, warm_start=True, random_state=0),
]


@pytest.mark.parametrize("model", WARM, ids=name_of)
def test_warm_start_goes_on(model: Any) -> None:
    name = "max_iter" if "max_iter" in model.get_params() else "n_estimators"
    cold = clone(model).set_params(**{name: 6}).fit(X, Y)
    warm = clone(model).fit(X, Y).set_params(**{name: 6}).fit(X, Y)
    np.testing.assert_array_equal(warm.predict(X), cold.predict(X))
    with pytest.raises(InvalidInputError, match="grid of the first fit"):
        warm.set_params(n_bits=3).fit(X, Y)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("estimator", [e for e in ESTIMATORS if e not in TREES], ids=name_of)
def test_coefficients_are_not_written(estimator: Any) -> None:
    model = trained(estimator)
    names = [n for n in ("coef_", "intercept_", "classes_") if hasattr(model, n)]
    for name in names:
        with pytest.raises(AttributeError, match="can't be set"):
            setattr(model, name, 0)
        value = getattr(model, name)
        if isinstance(value, np.ndarray):
            with pytest.raises(ValueError, match="read-only"):
                value[...] = 0


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("estimator", ESTIMATORS, ids=name_of)
def test_ready_made_models_stay_as_they_are(estimator: Any) -> None:
    y = Y if is_classifier(estimator) else np.abs(X[:, 0]) + 1
    native = estimator._make_wrapped()
    if "random_state" in native.get_params():
        native.set_params(random_state=0)  # None would be NumPy's own, which moves on
    native.fit(X, y)
    before = joblib.hash(native)
    ours = type(estimator).from_sklearn_model(native, X)
    if hasattr(ours, "partial_fit"):
        ours.partial_fit(X[:3], y[:3])
        assert abs(ours.score(X, y) - ours.sklearn_model_.score(X, y)) < 0.1
    ours.fit(X, y)
    assert joblib.hash(native) == before


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("estimator", ESTIMATORS, ids=name_of)
def test_showing_compiles_nothing(estimator: Any) -> None:
    for name in ("fhe_report_", "fhe_circuit_", "fhe_reports_", "quantized_module_"):
        with pytest.raises(NotFittedError):
            getattr(clone(estimator), name)
    model = trained(estimator)
    model._repr_html_()
    model._repr_mimebundle_()
    repr(model)
    inspect.getmembers(model)
    assert not model.quantized_module_.is_compiled
    wrapped = {n for n in dir(model.sklearn_model_) if n[-1] == "_" and n[0] != "_"}
    assert {n for n in wrapped if hasattr(model, n)} <= set(dir(model))


def test_score_takes_the_mode() -> None:
    X_iris, y = load_iris(return_X_y=True)
    model = linear_model.LogisticRegression(max_iter=500)
    model.fit(X_iris, y)
    assert not model.quantized_module_.is_compiled
    assert model.score(X_iris[:5], y[:5], execute_in_fhe="simulate") == model.score(
        X_iris[:5], y[:5]
    )
    assert model.quantized_module_.is_compiled
    with config_context(enable_metadata_routing=True):
        last = clone(model).set_score_request(execute_in_fhe=True)
        pipeline = make_pipeline(StandardScaler(), last).fit(X_iris, y)
        pipeline.score(X_iris[:5], y[:5], execute_in_fhe="simulate")
        assert pipeline[-1].quantized_module_.is_compiled
    set_config(enable_metadata_routing=False)
    counts = np.round(np.exp(X[:, 0]))
    poisson = linear_model.PoissonRegressor(n_bits=12).fit(X, counts)
    np.testing.assert_allclose(
        poisson.score(X, counts), poisson.sklearn_model_.score(X, counts), atol=1e-3
    )


def test_methods_of_trees_take_the_users_data() -> None:
    model = tree.DecisionTreeClassifier(max_depth=2, n_bits=8).fit(X, Y)
    assert "class" in export_text(model)
    assert model.get_depth() == 2
    assert set(model.apply(X)) <= set(range(model.tree_.node_count))
    stages = list(ensemble.GradientBoostingClassifier(n_estimators=3).fit(X, Y).staged_predict(X))
    assert len(stages) == 3
    with pytest.raises(NotFittedError):
        XGBClassifier().get_booster()


def test_our_trees_inside_our_ensembles() -> None:
    member = tree.DecisionTreeClassifier(max_depth=2)
    for kind in (ensemble.BaggingClassifier, ensemble.AdaBoostClassifier):
        ours = kind(member, n_estimators=3, random_state=0).fit(X, Y)
        plain = kind(member._make_wrapped(), n_estimators=3, random_state=0).fit(X, Y)
        np.testing.assert_array_equal(ours.predict(X), plain.predict(X))
        with pytest.raises(UnsupportedModelError, match="without effect"):
            kind(tree.DecisionTreeClassifier(n_bits=3)).fit(X, Y)


def test_written_coefficients_are_noticed() -> None:
    model = linear_model.Ridge().fit(X, X[:, 0])
    model.sklearn_model_.intercept_ = 3.0
    with pytest.raises(InvalidInputError, match=r"coef_ or intercept_ .* written after fit"):
        model.predict(X)


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("name", ["coefs_", "intercepts_"])
def test_written_weights_of_perceptrons_are_noticed(name: str) -> None:
    model = neural_network.MLPRegressor(hidden_layer_sizes=(2,), max_iter=5, random_state=0).fit(
        X, X[:, 0]
    )
    model.predict(X)
    getattr(model.sklearn_model_, name)[1][0] += 1.0
    with pytest.raises(InvalidInputError, match=r"coefs_ or intercepts_ .* written after fit"):
        model.predict(X)
    with pytest.raises(InvalidInputError, match="from_sklearn_model"):
        model.score(X, X[:, 0])
    type(model).from_sklearn_model(model.sklearn_model_, X).predict(X)


def test_standard_deviations_come_from_the_float_model() -> None:
    data, y = load_diabetes(return_X_y=True)
    model = linear_model.BayesianRidge().fit(data, y)
    _, deviation = model.predict(data, return_std=True)
    np.testing.assert_allclose(deviation, model.sklearn_model_.predict(data, return_std=True)[1])
    with pytest.raises(UnsupportedModelError, match="clear only"):
        model.predict(data, execute_in_fhe="simulate", return_std=True)


def test_wrong_columns_get_scikit_learns_message() -> None:
    for estimator in (linear_model.Ridge(), tree.DecisionTreeRegressor(), XGBRegressor()):
        model = clone(estimator).fit(X, X[:, 0])
        with pytest.raises(ValueError, match="X has 3 features, but"):
            model.predict(X[:, :3])
        with pytest.raises(ValueError, match="X has 3 features, but"):
            type(model).from_sklearn_model(model.sklearn_model_, X[:, :3])
        with pytest.raises(InvalidInputError, match="batch_size"):
            model.compile(batch_size=True)


def test_nets_of_one_logit() -> None:
    import torch
    from torch import nn

    class Flat(nn.Sequential):
        def forward(self, x: Any) -> Any:
            return super().forward(x).squeeze(-1)

    def flat() -> Any:
        return Flat(nn.Linear(4, 1))

    for options in ({}, {"criterion": nn.BCEWithLogitsLoss}):
        net = neural_network.NeuralNetClassifier(flat, random_state=0, **options).fit(X, Y)
        assert net.score(X, Y) > 0.6
    with pytest.raises(InvalidInputError, match="BCELoss"):
        neural_network.NeuralNetClassifier(flat, criterion=nn.BCELoss).fit(X, Y)
    with pytest.raises(InvalidInputError, match="gives 1 outputs, but y needs 2"):
        neural_network.NeuralNetRegressor(flat).fit(X, X[:, :2])
    weight = torch.tensor([1.0, 50.0])
    net = neural_network.NeuralNetClassifier(criterion__weight=weight, random_state=0).fit(X, Y)
    assert net.predict(X).mean() > 0.7
    scores = []
    for _ in range(2):
        torch.manual_seed(3)
        scores.append(neural_network.NeuralNetClassifier(max_epochs=2).fit(X, Y).predict_proba(X))
    np.testing.assert_array_equal(*scores)
