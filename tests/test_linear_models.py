"""What the linear estimators promise: accuracy, the three modes, and clear errors."""

from __future__ import annotations

import pickle
import warnings
from typing import Any

import numpy as np
import pytest
import sklearn.linear_model
from numpy.typing import NDArray
from sklearn.base import clone, is_classifier
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris, load_wine
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score, train_test_split
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils._param_validation import InvalidParameterError

import cml_sklearn
from cml_sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from cml_sklearn.exceptions import (
    ClippedInputWarning,
    FarValueWarning,
    InvalidInputError,
    UnsupportedModelError,
)
from cml_sklearn.linear_model import (
    ElasticNet,
    Lasso,
    LinearRegression,
    LogisticRegression,
    PoissonRegressor,
    Ridge,
    RidgeClassifier,
    SGDClassifier,
)
from cml_sklearn.naive_bayes import GaussianNB
from cml_sklearn.neighbors import KNeighborsRegressor
from cml_sklearn.neural_network import MLPClassifier
from cml_sklearn.svm import LinearSVC
from tests.estimators import LINEAR, name_of, wrapped

Array = NDArray[Any]
NUMBERS = np.random.default_rng(0).normal(size=(100, 3))


def split(load: Any, *, standardize: bool) -> list[Array]:
    X, y = load(return_X_y=True)
    parts: list[Array] = train_test_split(X, y, test_size=0.3, random_state=0)
    if standardize:
        scaler = StandardScaler().fit(parts[0])
        parts[:2] = scaler.transform(parts[0]), scaler.transform(parts[1])
    return parts


def data_for(estimator: Any) -> tuple[Array, Array]:
    """Real data that the estimator takes: classes, or positive targets."""
    if is_classifier(estimator):
        X, y = load_iris(return_X_y=True)
        return StandardScaler().fit_transform(X), y
    X, y = load_diabetes(return_X_y=True)
    return StandardScaler().fit_transform(X)[:150], y[:150]


def fitted(estimator: Any) -> tuple[Any, Array, Array]:
    X, y = data_for(estimator)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return clone(estimator).fit(X, y), X, y


@pytest.mark.parametrize("estimator", LINEAR, ids=name_of)
def test_wide_codes_give_the_wrapped_models_predictions(estimator: Any) -> None:
    model, X, _ = fitted(clone(estimator).set_params(n_bits=16))
    expected, result = model.sklearn_model_.predict(X), model.predict(X)
    if is_classifier(model):
        assert (expected == result).mean() >= 0.99
        np.testing.assert_allclose(
            model.decision_function(X), model.sklearn_model_.decision_function(X), atol=0.01
        )
    else:
        np.testing.assert_allclose(result, expected, rtol=1e-3)


@pytest.mark.parametrize("method", ["predict_proba", "predict_log_proba"])
@pytest.mark.parametrize("n_classes", [2, 3])
def test_probabilities_are_scikit_learns(method: str, n_classes: int) -> None:
    X, y = load_iris(return_X_y=True)
    X, y = X[y < n_classes], y[y < n_classes]
    models = [
        LogisticRegression(n_bits=16, max_iter=1000),
        SGDClassifier(loss="modified_huber", n_bits=16, random_state=0),
        SGDClassifier(loss="log_loss", n_bits=16, random_state=0),
        LinearDiscriminantAnalysis(n_bits=16),
    ]
    for model in models:
        model.fit(X, y)
        with np.errstate(divide="ignore"):
            result = getattr(model, method)(X)
        result = np.exp(result) if method == "predict_log_proba" else result
        np.testing.assert_allclose(result, model.sklearn_model_.predict_proba(X), atol=0.02)
    assert not hasattr(SGDClassifier(loss="hinge"), method)


@pytest.mark.fhe
@pytest.mark.parametrize("estimator", LINEAR, ids=name_of)
def test_three_modes_agree_on_the_integers(estimator: Any) -> None:
    model, X, _ = fitted(estimator)
    method = "decision_function" if is_classifier(model) else "predict"
    clear = getattr(model, method)(X[:17])
    for mode in ("simulate", True):
        np.testing.assert_array_equal(getattr(model, method)(X[:17], execute_in_fhe=mode), clear)


@pytest.mark.fhe
def test_encrypted_equals_clear_on_whole_test_sets() -> None:
    for load, model in ((load_breast_cancer, LogisticRegression()), (load_diabetes, Ridge())):
        X_train, X_test, y_train, _ = split(load, standardize=True)
        model.fit(X_train, y_train)
        assert len(X_test) > 100
        codes = model.quantized_module_.quantize_input(X_test)
        module = model.quantized_module_
        clear = module.quantized_forward(*codes, execute_in_fhe=False)[0]
        for mode in (True, "simulate"):
            result = module.quantized_forward(*codes, execute_in_fhe=mode)[0]
            np.testing.assert_array_equal(result, clear)


def test_accuracy_close_to_scikit_learns() -> None:
    for load, standardize, loss in ((load_breast_cancer, True, 0.006), (load_wine, False, 0.01)):
        X_train, X_test, y_train, y_test = split(load, standardize=standardize)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = LogisticRegression(max_iter=1000, n_bits=8).fit(X_train, y_train)
        assert model.score(X_test, y_test) >= model.sklearn_model_.score(X_test, y_test) - loss
    X_train, X_test, y_train, y_test = split(load_diabetes, standardize=False)
    model = LinearRegression(n_bits=8).fit(X_train, y_train)
    assert model.score(X_test, y_test) >= model.sklearn_model_.score(X_test, y_test) - 0.01


def test_few_bits_lose_little() -> None:
    X_train, X_test, y_train, y_test = split(load_breast_cancer, standardize=True)
    for n_bits, least in ((2, 0.9), (3, 0.93), (4, 0.95)):
        assert LogisticRegression(n_bits=n_bits).fit(X_train, y_train).score(X_test, y_test) > least


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_grid_search_over_n_bits_in_a_pipeline() -> None:
    X_train, X_test, y_train, _ = split(load_breast_cancer, standardize=False)
    pipeline = Pipeline([("scale", StandardScaler()), ("model", LogisticRegression())])
    search = GridSearchCV(pipeline, {"model__n_bits": [2, 4, 6, 8]}, cv=3, n_jobs=2)
    search.fit(X_train, y_train)
    again = pickle.loads(pickle.dumps(search))
    np.testing.assert_array_equal(again.predict(X_test), search.predict(X_test))
    encrypted = again.best_estimator_.predict(X_test[:5], execute_in_fhe=True)
    np.testing.assert_array_equal(encrypted, search.predict(X_test[:5]))


def test_config_context_reaches_what_scores_for_us(monkeypatch: pytest.MonkeyPatch) -> None:
    X, y = data_for(LogisticRegression())
    modes = []
    original = cml_sklearn.QuantizedModule.quantized_forward

    def spy(self: Any, *inputs: Any, execute_in_fhe: Any = None) -> Any:
        modes.append(execute_in_fhe)
        return original(self, *inputs, execute_in_fhe=execute_in_fhe)

    monkeypatch.setattr(cml_sklearn.QuantizedModule, "quantized_forward", spy)
    with cml_sklearn.config_context(execute_in_fhe="simulate"):
        cross_val_score(LogisticRegression(), X, y, cv=2)
        with cml_sklearn.config_context(execute_in_fhe=False):
            cross_val_score(LogisticRegression(), X, y, cv=2)
    cross_val_score(LogisticRegression(), X, y, cv=2)
    assert modes == ["simulate"] * 2 + [False] * 4


class Mode(LogisticRegression):
    """Scores by the mode that its process is in."""

    def score(self, X: Any, y: Any, sample_weight: Any = None, execute_in_fhe: Any = None) -> float:
        return float(cml_sklearn.config.resolve_mode(None) == "simulate")


def test_config_context_reaches_worker_processes() -> None:
    X, y = data_for(LogisticRegression())
    with cml_sklearn.config_context(execute_in_fhe="simulate"):
        assert cross_val_score(Mode(), X, y, cv=2, n_jobs=2).tolist() == [1, 1]
    assert cross_val_score(Mode(), X, y, cv=2, n_jobs=2).tolist() == [0, 0]


def test_wrong_mode() -> None:
    model, X, _ = fitted(Ridge())
    with pytest.raises(InvalidInputError, match="execute_in_fhe is 'encrypted'; it must be False"):
        model.predict(X, execute_in_fhe="encrypted")


@pytest.mark.fhe
def test_refit_forgets_the_circuit() -> None:
    X, y = data_for(Ridge())
    model = Ridge().fit(X, y)
    before = model.predict(X[:3], execute_in_fhe=True)
    model.fit(X, -y)
    assert not model.quantized_module_.is_compiled
    np.testing.assert_allclose(model.predict(X[:3], execute_in_fhe=True), -before, rtol=0.1)


@pytest.mark.fhe
def test_compile_ahead_checks_on_samples_and_reports() -> None:
    model, X, _ = fitted(LogisticRegression())
    circuit = model.compile(X[:20], batch_size=4)
    assert model.fhe_circuit_ is circuit
    assert model.fhe_report_.batch_size == 4
    assert (model.fhe_report_.engine, model.fhe_report_.products) == ("seal", 0)
    assert "FheReport" in repr(model.fhe_report_)


@pytest.mark.fhe
def test_projection_of_discriminant_analysis() -> None:
    model, X, _ = fitted(LinearDiscriminantAnalysis(n_bits=12))
    expected = model.sklearn_model_.transform(X)
    np.testing.assert_allclose(model.transform(X), expected, atol=0.02)
    encrypted = model.transform(X[:3], execute_in_fhe=True)
    np.testing.assert_array_equal(encrypted, model.transform(X[:3]))
    with pytest.raises(UnsupportedModelError, match="'lsqr' solver"):
        LinearDiscriminantAnalysis(solver="lsqr").fit(X, load_iris(return_X_y=True)[1]).transform(X)


def test_multi_output_and_link_functions() -> None:
    X, y = data_for(Ridge())
    model = Ridge(n_bits=12).fit(X, np.stack([y, 2 * y], axis=1))
    assert model.predict(X).shape == (150, 2)
    np.testing.assert_allclose(model.predict(X), model.sklearn_model_.predict(X), rtol=0.02)
    assert (PoissonRegressor().fit(X, y).predict(X) > 0).all()


def test_from_sklearn_model_predicts_as_fitted_here() -> None:
    X, y = data_for(Ridge())
    ours = Ridge(alpha=2.0, n_bits=6).fit(X, y)
    adopted = Ridge.from_sklearn_model(wrapped(ours).fit(X, y), X, n_bits=6)
    assert adopted.alpha == 2.0
    np.testing.assert_array_equal(adopted.predict(X), ours.predict(X))
    with pytest.raises(
        UnsupportedModelError, match="got a LinearRegression of sklearn; it takes a fitted"
    ):
        Ridge.from_sklearn_model(wrapped(LinearRegression()).fit(X, y), X)
    with pytest.raises(NotFittedError):
        Ridge.from_sklearn_model(wrapped(ours), X)


def test_partial_fit_keeps_the_ranges_of_earlier_batches() -> None:
    X, y = load_iris(return_X_y=True)
    model = SGDClassifier(random_state=0)
    for batch in (slice(0, None, 2), slice(1, None, 2)):
        model.partial_fit(X[batch], y[batch], classes=np.unique(y))
    quantizer: Any = model.quantized_module_.input_quantizers[0]
    upper = quantizer.dequantize(np.full(4, 255))
    assert (upper > 0.9 * X.max(axis=0)).all()
    assert model.score(X, y) > 0.6


def test_partial_fit_takes_parameters_that_were_set_since() -> None:
    X, y = load_iris(return_X_y=True)
    ours, theirs = SGDClassifier(random_state=0), sklearn.linear_model.SGDClassifier(random_state=0)
    for alpha in (1e-4, 1.0):
        for model in (ours, theirs):
            model.set_params(alpha=alpha).partial_fit(X, y, classes=np.unique(y))
        np.testing.assert_array_equal(ours.sklearn_model_.coef_, theirs.coef_)
        assert ours.sklearn_model_.alpha == alpha


def test_n_bits_by_role() -> None:
    model, X, _ = fitted(Ridge(n_bits={"inputs": 4, "weights": 7}))
    assert model.quantized_module_.quantize_input(X)[0].max() == 15
    with pytest.raises(InvalidInputError, match="came with roles"):
        Ridge(n_bits={"weight": 4}).fit(X, X[:, 0])


def test_values_out_of_range_are_clipped() -> None:
    model, X, _ = fitted(Ridge())
    far = model.quantized_module_.quantize_input(X * 100)[0]
    assert far.min() >= 0
    assert far.max() <= 255


def test_values_far_out_of_range_are_warned_of_once_a_call(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO", logger="cml_sklearn")
    model, X, _ = fitted(Ridge())
    low, high = X.min(axis=0), X.max(axis=0)
    ends = np.stack([low, high])
    model.predict(ends)
    assert not caplog.messages
    ends[1, 3] += 9 * (high - low)[3]
    ends[0, 4] -= (high - low)[4]
    model.predict(ends)
    told = "2 of 20 values, in 2 of 10 features, lie outside the range of training"
    assert caplog.messages == [f"clipped: {told}"]
    ends[1, 3] += 2 * (high - low)[3]
    pipeline = make_pipeline("passthrough", model)
    for call in (model.predict, lambda X: model.score(X, X[:, 0]), pipeline.predict):
        with pytest.warns(ClippedInputWarning, match=f"{told}.* column 3, by 11 times") as warned:
            call(ends)
        assert [each.filename for each in warned] == [__file__]  # where it is called


def test_many_values_a_little_out_of_range_are_warned_of() -> None:
    model, X, _ = fitted(Ridge())
    low, high, X = X.min(axis=0), X.max(axis=0), X.copy()
    X[: len(X) // 2 + 1, 2] = high[2] + (high - low)[2]
    with pytest.warns(ClippedInputWarning, match="in 1 of 10 features.* in column 2"):
        model.predict(X)


@pytest.mark.parametrize(
    "model", [Ridge(), KNeighborsRegressor(), GaussianNB(), MLPClassifier((2,))]
)
@pytest.mark.parametrize("far", [0.0, 1000.0])
@pytest.mark.usefixtures("brief_students")
def test_far_values_of_training_are_warned_of(model: Any, far: float) -> None:
    X = np.random.default_rng(0).standard_t(3, size=(200, 3))
    X[:, 1] = X[:, 1] > 1  # most of its values are one
    X[7, 2] += far
    y = (X[:, 0] > 0).astype(int)
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("ignore")
        warnings.simplefilter("always", FarValueWarning)
        clone(model).fit(X, y)
    assert [each.filename for each in warned] == [__file__] * bool(far)
    assert all("so far out, in column 2, that its range" in str(each.message) for each in warned)


def test_warnings_name_the_columns_that_have_names() -> None:
    pd = pytest.importorskip("pandas")
    X = pd.DataFrame(np.random.default_rng(0).normal(size=(50, 2)), columns=["age", "height"])
    X.loc[3, "height"] = 1e5
    with pytest.warns(FarValueWarning, match=r"in column 1 \('height'\)"):
        model = Ridge().fit(X, X["age"])
    X.loc[3, "height"] = 1e9
    with pytest.warns(ClippedInputWarning, match=r"in column 1 \('height'\), by"):
        model.predict(X)


def test_what_few_bits_cut_off_and_constant_features_are_not_warned_of() -> None:
    rng = np.random.default_rng(0)
    X = rng.standard_t(2, size=(500, 3))
    X[:, 2] = 0.0
    model = Ridge(n_bits=2).fit(X, X.sum(axis=1))
    X[:, 2] = 7.0
    model.predict(X)


@pytest.mark.parametrize("n_bits", [1, 0, -3, 17, 4.5, "8"])
def test_n_bits_out_of_range(n_bits: Any) -> None:
    X, y = data_for(Ridge())
    with pytest.raises(InvalidParameterError, match="n_bits"):
        Ridge(n_bits=n_bits).fit(X, y)


def test_unfitted_and_wrong_inputs() -> None:
    model, X, _ = fitted(Ridge())
    for call in ("predict", "compile"):
        with pytest.raises(NotFittedError):
            getattr(Ridge(), call)(X)
    assert not hasattr(Ridge(), "fhe_report_")
    with pytest.raises(ValueError, match="X has 3 features, but Ridge is expecting 10"):
        model.predict(X[:, :3], execute_in_fhe=True)
    for wrong in (np.nan, np.inf):
        bad = X.copy()
        bad[0, 0] = wrong
        with pytest.raises(ValueError, match=r"contains (NaN|infinity)"):
            model.predict(bad, execute_in_fhe=True)


def test_integers_outside_the_circuits_range_are_refused() -> None:
    model, _, _ = fitted(Ridge())
    module = model.quantized_module_
    with pytest.raises(InvalidInputError, match="integers outside the range"):
        module.quantized_forward(np.full((1, 10), 256), execute_in_fhe=False)
    with pytest.raises(InvalidInputError, match="has shape"):
        module.quantized_forward(np.zeros((1, 9), dtype=np.int64))
    with pytest.raises(InvalidInputError, match="takes 1 input"):
        module.forward(np.zeros((1, 10)), np.zeros((1, 10)))
    with pytest.raises(InvalidInputError, match="NaN or infinity"):
        module.forward(np.full((1, 10), np.nan))


def test_pipeline_passes_the_mode_on() -> None:
    X, y = load_wine(return_X_y=True)
    pipeline = make_pipeline(StandardScaler(), LogisticRegression()).fit(X, y)
    encrypted = pipeline.predict(X[:4], execute_in_fhe=True)
    np.testing.assert_array_equal(encrypted, pipeline.predict(X[:4]))


CONSTANT_MODELS: list[tuple[Any, Array]] = [
    (Lasso(), 0.3 * NUMBERS[:, 0] + 10),
    (ElasticNet(), 1e-3 * NUMBERS[:, 1] - 97),
    (LinearRegression(), np.full(100, 1e14)),
    (Ridge(), np.full(100, -1e-14)),
    (Ridge(), np.c_[NUMBERS[:, 0], np.full(100, 50.0), np.zeros(100)]),
    (PoissonRegressor(), np.full(100, 3.3)),
    (LogisticRegression(C=1e-12), NUMBERS[:, 0] > -1),
    (RidgeClassifier(alpha=1e15), NUMBERS[:, 0] > -1),
    (LinearSVC(C=1e-12), NUMBERS[:, 0] > -1),
]


@pytest.mark.parametrize(("model", "y"), CONSTANT_MODELS)
def test_intercepts_stay_where_coefficients_are_zero(model: Any, y: Array) -> None:
    model.fit(NUMBERS, y)
    method = "decision_function" if hasattr(model, "decision_function") else "predict"
    wanted = getattr(model.sklearn_model_, method)(NUMBERS)
    got = getattr(model, method)(NUMBERS)
    step = 0.05 * np.ptp(wanted, axis=0) + 1e-12 * np.abs(wanted).max(axis=0)
    assert (np.abs(got - wanted) <= step).all()
    np.testing.assert_array_equal(getattr(model, method)(NUMBERS, execute_in_fhe="simulate"), got)


@pytest.mark.parametrize("offset", [1e9, 1e12, 1e14])
def test_large_offsets_do_not_widen_the_circuit(offset: float) -> None:
    y = NUMBERS @ [3.0, 1.0, 0.5] + offset
    model = LinearRegression().fit(NUMBERS, y)
    got = model.predict(NUMBERS, execute_in_fhe="simulate")
    assert np.abs(got - y).max() < 0.05 * np.ptp(y)
    assert max(w.bits for w in model.quantized_module_.program.widths()) <= 42
