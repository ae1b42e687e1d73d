"""What follows decryption: the wrapped class's own results, from plain data, without its model."""

from __future__ import annotations

import copy
import pickle
import warnings
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.datasets import load_diabetes, load_iris
from sklearn.neural_network._base import ACTIVATIONS

from cml_sklearn import ensemble, linear_model, neural_network, tree
from cml_sklearn._typing import Array
from cml_sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from cml_sklearn.estimators.base import FheEstimator
from cml_sklearn.estimators.boosters import BoosterEstimator
from cml_sklearn.estimators.forests import AveragedTrees, SingleTreeClassifier
from cml_sklearn.estimators.linear import LinearEstimator
from cml_sklearn.estimators.networks import MultilayerPerceptron
from cml_sklearn.estimators.skorch import NeuralNet
from cml_sklearn.estimators.trees import EnsembleEstimator
from cml_sklearn.lightgbm import LGBMClassifier, LGBMRegressor
from cml_sklearn.quantization.postprocessing import (
    Labels,
    Threshold,
    Votes,
    WeightedMedian,
    postprocess,
)
from cml_sklearn.quantization.quantized_module import QuantizedModule
from cml_sklearn.xgboost import XGBClassifier, XGBRegressor, XGBRFClassifier
from tests.estimators import ESTIMATORS, NETS, SINGLE_TREES, name_of

pytestmark = pytest.mark.usefixtures("brief_students")

NAMES = np.array(["setosa", "versicolor", "virginica"])
LABELS = {
    "two": lambda y: y > 0,
    "three": lambda y: y,
    "two names": lambda y: NAMES[np.minimum(y, 1)],
    "three objects": lambda y: NAMES.astype(object)[y],
    "several": lambda y: np.stack([y == 0, y > 1], axis=1).astype(int),
    "several, sparse": lambda y: sparse.csr_matrix(np.stack([y == 0, y > 1], axis=1).astype(int)),
    "outputs": lambda y: np.stack([NAMES[y], NAMES[np.minimum(y, 1)]], axis=1).astype(object),
}
SEVERAL = (linear_model.RidgeClassifier, neural_network.MLPClassifier)
OUTPUTS = (
    tree.DecisionTreeClassifier,
    tree.ExtraTreeClassifier,
    ensemble.RandomForestClassifier,
    ensemble.ExtraTreesClassifier,
)
ALL = [
    *ESTIMATORS,
    NETS[1],
    NETS[3],
    linear_model.SGDClassifier(loss="log_loss"),
    linear_model.SGDClassifier(loss="modified_huber"),
    linear_model.TweedieRegressor(power=0, link="identity"),
    LinearDiscriminantAnalysis(solver="lsqr"),
    ensemble.GradientBoostingClassifier(n_estimators=3, loss="exponential"),
    ensemble.HistGradientBoostingRegressor(max_iter=3, loss="poisson"),
    ensemble.IsolationForest(n_estimators=5, contamination=0.1),
    LGBMClassifier(n_estimators=3, n_jobs=1, objective="multiclassova"),
    LGBMRegressor(n_estimators=3, n_jobs=1, objective="gamma"),
    XGBClassifier(n_estimators=3, n_jobs=1, objective="multi:softmax"),
    XGBRegressor(n_estimators=3, n_jobs=1, objective="count:poisson"),
]


def kinds_for(estimator: Any) -> list[str]:
    if not is_classifier(estimator):
        return [""]
    objective = estimator.get_params().get("objective")
    if isinstance(estimator, XGBClassifier | XGBRFClassifier):
        return ["three"] if objective == "multi:softmax" else ["two", "three", "several"]
    if isinstance(estimator, LGBMClassifier) and objective:
        return ["three objects"]
    if estimator.get_params().get("loss") == "exponential":
        return ["two", "two names"]
    kinds = ["two", "two names", "three objects"]
    kinds += ["several", "several, sparse"] if isinstance(estimator, SEVERAL) else []
    return kinds + (["outputs"] if isinstance(estimator, OUTPUTS) else [])


CASES = [
    pytest.param(estimator, kind, id=f"{name_of(estimator)}{number}-{kind}")
    for number, estimator in enumerate(ALL)
    for kind in kinds_for(estimator)
]


def fitted(estimator: Any, kind: str) -> tuple[Any, Array]:
    X, y = load_iris(return_X_y=True)
    if is_classifier(estimator):
        y = LABELS[kind](y)
    elif is_regressor(estimator):
        X, y = load_diabetes(return_X_y=True)
        X, y = X[:150], y[:150]
    model = clone(estimator)
    settings: dict[str, Any] = {"random_state": 0, "max_iter": 40, "n_bits": 4, "sum_bits": 10}
    if model.get_params().get("max_iter", 100) == 3:
        del settings["max_iter"]
    known = model.get_params()
    model.set_params(**{name: value for name, value in settings.items() if name in known})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return model.fit(X, y), X


def results(model: Any, X: Array) -> dict[str, Any]:
    with np.errstate(divide="ignore"):
        return {name: getattr(model, name)(X) for name in model.modules_}


def assert_same(result: Any, expected: Any, rtol: float = 0.0) -> None:
    """Equal in value, shape and type, lists of arrays and sparse matrices too."""
    if isinstance(expected, list):
        assert isinstance(result, list)
        for part, wanted in zip(result, expected, strict=True):
            assert_same(part, wanted, rtol)
        return
    assert type(result) is type(expected)
    if sparse.issparse(expected):
        result, expected = result.toarray(), expected.toarray()
    assert result.shape == expected.shape
    assert result.dtype == expected.dtype
    if result.dtype.kind == "f":
        np.testing.assert_allclose(result, expected, rtol=rtol, atol=rtol)
    else:
        np.testing.assert_array_equal(result, expected)


def constant(value: Any) -> Any:
    return lambda *_, **__: value


def linear(wrapped: Any, scores: Array) -> None:
    flat = scores.shape[1] == 1 and (is_classifier(wrapped) or wrapped.coef_.ndim == 1)
    shaped = scores.ravel() if flat else scores
    for name in ("decision_function", "_decision_function", "_linear_predictor"):
        setattr(wrapped, name, lambda _: shaped.copy())


def perceptron(wrapped: Any, scores: Array) -> None:
    activated = scores.copy()
    ACTIVATIONS[wrapped.out_activation_](activated)
    wrapped._forward_pass_fast = lambda *_, **__: activated.copy()


def gradient_boosting(wrapped: Any, scores: Array) -> None:
    wrapped._raw_predict = lambda *_, **__: scores.copy()


def votes(wrapped: Any, scores: Array) -> None:
    decision = scores.ravel() if len(wrapped.classes_) == 2 else scores
    wrapped.decision_function = lambda _: decision.copy()


def medians(wrapped: Any, scores: Array) -> None:
    wrapped.estimators_ = [SimpleNamespace(predict=constant(column)) for column in scores.T]


def isolation(wrapped: Any, scores: Array) -> None:
    wrapped.score_samples = constant(-(2 ** -scores.ravel()))


def by_output(wrapped: Any, scores: Array) -> list[Array]:
    sizes = np.ravel(wrapped.n_classes_)
    return np.split(scores, np.cumsum(sizes)[:-1], axis=1)


def forest(wrapped: Any, scores: Array) -> None:
    member = SimpleNamespace(predict=constant(scores), _support_missing_values=constant(False))
    if is_classifier(wrapped):
        shares = by_output(wrapped, scores)
        member.predict_proba = constant(shares if len(shares) > 1 else shares[0])
        member.predict_log_proba = constant(np.log(scores))
        member.classes_ = np.arange(scores.shape[1])
    elif scores.shape[1] == 1:
        member.predict = constant(scores.ravel())
    wrapped.n_estimators, wrapped.estimators_ = 1, [member]
    wrapped.estimators_features_ = [slice(None)]


def single_tree(wrapped: Any, scores: Array) -> None:
    values = scores
    if is_classifier(wrapped) and wrapped.n_outputs_ > 1:
        parts = by_output(wrapped, scores)
        values = np.zeros((len(scores), len(parts), max(p.shape[1] for p in parts)))
        for output, part in enumerate(parts):
            values[:, output, : part.shape[1]] = part
    wrapped.tree_ = SimpleNamespace(predict=constant(values))


REPLACEMENTS: list[tuple[Any, Any]] = [
    ((LinearEstimator,), linear),
    ((MultilayerPerceptron,), perceptron),
    ((ensemble.AdaBoostClassifier,), votes),
    ((ensemble.AdaBoostRegressor,), medians),
    ((ensemble.IsolationForest,), isolation),
    (tuple(map(type, SINGLE_TREES)), single_tree),
    ((AveragedTrees,), forest),
    ((EnsembleEstimator,), gradient_boosting),
]
"""By family: what lets a wrapped model take scores for those that it would compute."""


def raw_scores(model: Any, method: str, n_rows: int) -> Array:
    """Scores such as a module may give, extremes and ties among them."""
    rng = np.random.default_rng(0)
    n_scores = model.modules_[method](np.zeros((1, model.n_features_in_))).shape[1]
    scores = rng.normal(scale=5, size=(n_rows, n_scores))
    scores[:3] = [[0.0], [800.0], [-800.0]]
    if isinstance(model, ensemble.AdaBoostRegressor):
        return np.round(scores)
    if not isinstance(model, AveragedTrees | ensemble.IsolationForest):
        return scores
    return rng.integers(1, 4, size=scores.shape) / 4


REPLACED = [case for case in CASES if not isinstance(case.values[0], BoosterEstimator | NeuralNet)]


@pytest.mark.parametrize(("estimator", "kind"), REPLACED)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_steps_give_what_the_wrapped_class_makes_of_scores(estimator: Any, kind: str) -> None:
    model, X = fitted(estimator, kind)
    replace = next(function for kinds, function in REPLACEMENTS if isinstance(model, kinds))
    for name in model.modules_.keys() - {"transform"}:
        scores = raw_scores(model, "predict_proba" if hasattr(model, "predict_proba") else name, 30)
        if isinstance(model, AveragedTrees) and is_classifier(model):
            sizes = np.ravel(model.n_classes_)
            parts = np.split(scores, np.cumsum(sizes)[:-1], axis=1)
            scores = np.hstack([part / part.sum(axis=1, keepdims=True) for part in parts])
        wrapped = copy.copy(model.sklearn_model_)
        if isinstance(model, ensemble.IsolationForest):
            wrapped.offset_ = model.offset_
        replace(wrapped, scores)
        expected = getattr(wrapped, name)(np.zeros((30, X.shape[1])))
        if name == "predict" and isinstance(model, SingleTreeClassifier):
            places = [part.argmax(axis=1) for part in by_output(wrapped, scores)]
            scores = np.stack(places, axis=1) + 0.1
        steps = model.modules_[name].postprocessing[name]
        assert_same(postprocess(steps, scores), expected, rtol=1e-12)


BOOSTER_CASES = [case for case in CASES if isinstance(case.values[0], BoosterEstimator)]


@pytest.mark.parametrize(("estimator", "kind"), BOOSTER_CASES)
def test_steps_give_what_boosters_make_of_their_margins(estimator: Any, kind: str) -> None:
    model, X = fitted(estimator, kind)
    codes = model.grid_.codes(X).astype(np.float32)
    raw = "output_margin" if hasattr(model.sklearn_model_, "get_xgb_params") else "raw_score"
    margins = model.sklearn_model_.predict(codes, **{raw: True}).astype(np.float64)
    scores = margins.reshape(len(X), -1)
    for name in model.modules_:
        result = postprocess(model.modules_[name].postprocessing[name], scores)
        expected = getattr(model.sklearn_model_, name)(codes)
        assert result.shape == expected.shape
        if result.dtype.kind == "f":
            np.testing.assert_allclose(result, expected, rtol=1e-5, atol=1e-6)
        else:
            np.testing.assert_array_equal(result, expected)


@pytest.mark.parametrize(("estimator", "kind"), [c for c in CASES if c.values[0] in NETS])
def test_steps_give_what_skorch_makes_of_scores(estimator: Any, kind: str) -> None:
    model, X = fitted(estimator, kind)
    net = model.skorch_net_
    scores = net.forward(X.astype(np.float32)).numpy().astype(np.float64)
    method = "predict_proba" if is_classifier(model) else "predict"
    result = postprocess(model.modules_[method].postprocessing[method], scores)
    expected = getattr(net, method)(X.astype(np.float32))
    np.testing.assert_allclose(result.reshape(expected.shape), expected, rtol=1e-5, atol=1e-6)
    labels = postprocess(model.quantized_module_.postprocessing["predict"], scores)
    if is_classifier(model):
        assert_same(labels, model.classes_[expected.argmax(axis=1)])


class Nothing:
    """Stands in for the float model: whoever asks for anything gets an error."""

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(name)


@pytest.mark.parametrize(("estimator", "kind"), CASES)
def test_predictions_need_no_float_model(estimator: Any, kind: str) -> None:
    model, X = fitted(estimator, kind)
    before = results(model, X)
    for name in ("sklearn_model_", "skorch_net_"):
        if name in vars(model):
            setattr(model, name, Nothing())
    assert_same(list(results(model, X).values()), list(before.values()))


@pytest.mark.parametrize(("estimator", "kind"), CASES)
def test_saved_modules_know_what_follows(estimator: Any, kind: str, tmp_path: Path) -> None:
    model, X = fitted(estimator, kind)
    for name, expected in results(model, X).items():
        model.modules_[name].save(tmp_path / "module.npz")
        module = QuantizedModule.load(tmp_path / "module.npz")
        assert name in module.postprocessing
        assert_same(postprocess(module.postprocessing[name], np.asarray(module(X))), expected)


def test_slope_of_a_ready_made_booster() -> None:
    X, y = load_iris(return_X_y=True)
    options: dict[str, Any] = {"n_estimators": 3, "n_jobs": 1, "verbose": -1, "sigmoid": 0.5}
    model = LGBMClassifier._wrapped_class(**options).fit(X, y > 0)
    adopted = LGBMClassifier.from_sklearn_model(model, X, sum_bits=14)
    np.testing.assert_allclose(adopted.predict_proba(X), model.predict_proba(X), atol=2e-3)


def test_one_class() -> None:
    X, y = load_iris(return_X_y=True)[0], np.array(["only"] * 150)
    for model in (
        ensemble.AdaBoostClassifier(n_estimators=2),
        ensemble.RandomForestClassifier(n_estimators=2),
        linear_model.RidgeClassifier(),
        neural_network.MLPClassifier(max_iter=5),
        tree.DecisionTreeClassifier(),
    ):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model.fit(X, y)
        expected = {name: getattr(model.sklearn_model_, name)(X) for name in model.modules_}
        for name, result in results(model, X).items():
            assert result.shape == expected[name].shape
            assert result.dtype == expected[name].dtype
        assert set(model.predict(X)) == {"only"}
    net = neural_network.NeuralNetClassifier(max_epochs=1).fit(X, y)
    np.testing.assert_array_equal(net.predict_proba(X), np.ones((150, 1)))
    assert set(net.predict(X)) == {"only"}


def test_modules_go_by_method_and_survive_copies() -> None:
    X, y = load_iris(return_X_y=True)
    model = LinearDiscriminantAnalysis().fit(X, y)
    methods = {"predict", "predict_proba", "predict_log_proba", "decision_function", "transform"}
    assert set(model.modules_) == methods
    assert len(set(model.modules_.values())) == 2
    assert model.modules_["transform"] is not model.quantized_module_ is model.modules_["predict"]
    assert set(model.modules_["transform"].postprocessing) == {"transform"}
    again = pickle.loads(pickle.dumps(model))
    assert again.modules_["predict"] is again.modules_["predict_proba"]
    assert_same(list(results(again, X).values()), list(results(model, X).values()))
    assert "modules_" not in vars(clone(model))


@pytest.mark.fhe
def test_all_modules_are_compiled_and_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    X, y = load_iris(return_X_y=True)
    model = LinearDiscriminantAnalysis().fit(X, y)
    checked: list[QuantizedModule] = []
    check = FheEstimator._check_circuit

    def spy(self: FheEstimator, module: QuantizedModule, values: Array) -> None:
        checked.append(module)
        check(self, module, values)

    monkeypatch.setattr(FheEstimator, "_check_circuit", spy)
    model.compile(X[:5], batch_size=3)
    assert set(checked) == set(model.modules_.values())
    assert {
        name: report.batch_size for name, report in model.fhe_reports_.items()
    } == dict.fromkeys(model.modules_, 3)


def test_projection_on_nothing_is_empty() -> None:
    X = np.random.default_rng(0).normal(size=(20, 3))
    with np.errstate(invalid="ignore"):
        model = LinearDiscriminantAnalysis().fit(np.vstack([X, X]), np.repeat([0, 1], 20))
    assert_same(model.transform(X), model.sklearn_model_.transform(X))


def test_steps_at_their_edges() -> None:
    levels = np.array([-1.0, 0.0, 1.0])
    assert Threshold()(levels).tolist() == [0, 0, 1]
    assert Threshold(inclusive=True)(levels).tolist() == [0, 1, 1]
    assert WeightedMedian(np.array([1.0, 1.0, 2.0]))(levels[None]).tolist() == [0.0]
    assert Labels.of(np.array(["a", 1], dtype=object))(np.array([0, 1])).tolist() == ["a", 1]


def test_votes_of_a_hostile_file_take_no_memory() -> None:
    with pytest.raises(ValueError, match="3 scores are not those of 499999500000 pairs"):
        Votes(10**6)(np.zeros((1, 3)))
