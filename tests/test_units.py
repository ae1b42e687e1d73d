"""Whatever unit data come in, models are the same: no tolerance has a unit of its own.

Units are powers of two, so that floats in them have the same digits, and integers must be equal.
"""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import pytest
from onnx import parser
from sklearn.base import clone, is_regressor
from sklearn.datasets import load_iris

from cml_sklearn import (
    cluster,
    covariance,
    cross_decomposition,
    decomposition,
    discriminant_analysis,
    ensemble,
    kernel_ridge,
    mixture,
    naive_bayes,
    neighbors,
    neural_network,
    random_projection,
    svm,
    tree,
)
from cml_sklearn._typing import Array, FloatArray
from cml_sklearn.estimators.distillation import _units_of
from cml_sklearn.onnx import NumpyModule
from cml_sklearn.quantization.post_training import PostTrainingAffineQuantization
from tests.estimators import FURTHER_LINEAR, LINEAR, TREES, name_of

X, Y = load_iris(return_X_y=True)
X, Y = X[::2] + 0.01 * np.random.default_rng(0).normal(size=(75, 4)), Y[::2]
BY_COLUMN = np.ldexp(1.0, [7, -13, 22, -31])
TINY, HUGE = np.full(4, 2.0**-40), np.full(4, 2.0**40)


def data_for(estimator: Any) -> tuple[Array, Array]:
    """Flowers: three features of four for regressors, and several targets for who takes several."""
    kind = type(estimator)
    if name_of(estimator).startswith("MultiTask") or "cross_decomposition" in kind.__module__:
        return X[:, :3], np.c_[X[:, 3], Y]
    return (X[:, :3], X[:, 3]) if is_regressor(estimator) else (X, Y)


def fitted(estimator: Any, x: FloatArray, y: Array, **params: object) -> Any:
    model = clone(estimator)
    if "random_state" in model.get_params():
        model.set_params(random_state=0)
    return model.set_params(**params).fit(x, y)


def results(model: Any, x: FloatArray) -> dict[str, Array]:
    return {method: np.asarray(getattr(model, method)(x)) for method in model.modules_}


def in_other_units(model: Any, x_unit: FloatArray, y_unit: float) -> Any:
    """Float model that gives for samples in units what the given one gives without."""
    other = copy.deepcopy(model.sklearn_model_)
    other.coef_ = model.coef_ / x_unit * y_unit
    other.intercept_ = model.intercept_ * y_unit
    return other


GIVEN_WEIGHTS = [
    model
    for model in (*LINEAR, *FURTHER_LINEAR)
    if "cross_decomposition" not in type(model).__module__
    and name_of(model) not in {"LinearDiscriminantAnalysis", "RANSACRegressor", "SGDOneClassSVM"}
]
"""Their penalties and tolerances have units, so that they are not trained anew."""


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("estimator", GIVEN_WEIGHTS, ids=name_of)
def test_linear_models_of_weights_in_other_units_have_the_same_integers(estimator: Any) -> None:
    x, y = data_for(estimator)
    model = fitted(estimator, x, y)
    scales = is_regressor(estimator) and not hasattr(model.sklearn_model_, "_base_loss")
    for unit, target in ((BY_COLUMN, 2.0**-40), (TINY, 2.0**40), (HUGE, 2.0**-20)):
        x_unit, y_unit = unit[: x.shape[1]], target if scales else 1.0
        other = type(model).from_sklearn_model(in_other_units(model, x_unit, y_unit), x * x_unit)
        for method, wanted in results(model, x).items():
            found = np.asarray(getattr(other, method)(x * x_unit))
            np.testing.assert_array_equal(found / y_unit if scales else found, wanted)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("estimator", TREES, ids=name_of)
def test_trees_are_the_same_in_all_units(estimator: Any) -> None:
    x, y = data_for(estimator)
    wanted = results(fitted(estimator, x, y), x)
    # impurities of tiny targets are nothing to scikit-learn, and hessians of LightGBM are counts
    y_unit = 2.0**20 if is_regressor(estimator) else 1
    x_unit = BY_COLUMN[: x.shape[1]]
    for method, found in results(fitted(estimator, x * x_unit, y * y_unit), x * x_unit).items():
        scale = y_unit if method == "predict" else 1
        np.testing.assert_allclose(found / scale, wanted[method], rtol=1e-5)


TRAINED: list[tuple[Any, dict[str, int]]] = [
    (cluster.AffinityPropagation(n_bits=10), {}),
    (cluster.Birch(threshold=0.5, n_bits=10), {"threshold": 1}),
    (cluster.KMeans(n_clusters=3, n_init=1, n_bits=10), {}),
    (cluster.MeanShift(bandwidth=1.0, n_bits=10), {"bandwidth": 1}),
    (covariance.EllipticEnvelope(support_fraction=1.0, n_bits=10), {}),
    (cross_decomposition.CCA(n_components=1), {}),
    (cross_decomposition.PLSRegression(), {}),
    (decomposition.FastICA(max_iter=10), {}),
    (decomposition.KernelPCA(2, kernel="poly", degree=2, gamma=0.25), {"gamma": -2}),
    (decomposition.PCA(), {}),
    (decomposition.SparsePCA(2, alpha=1.0, max_iter=10), {"alpha": 1}),
    (decomposition.TruncatedSVD(), {}),
    (discriminant_analysis.LinearDiscriminantAnalysis(), {}),
    (discriminant_analysis.QuadraticDiscriminantAnalysis(tol=1e-40, n_bits=10), {}),
    (kernel_ridge.KernelRidge(alpha=1.0, n_bits=10), {"alpha": 2}),
    (kernel_ridge.KernelRidge(kernel="rbf", gamma=0.25), {"gamma": -2}),
    (mixture.GaussianMixture(2, reg_covar=1e-6, n_bits=10), {"reg_covar": 2}),
    (naive_bayes.GaussianNB(n_bits=10), {}),
    (neighbors.KNeighborsClassifier(), {}),
    (neighbors.KNeighborsRegressor(), {}),
    (neighbors.NearestCentroid(n_bits=10), {}),
    (neighbors.RadiusNeighborsRegressor(radius=1.0), {"radius": 1}),
    (random_projection.GaussianRandomProjection(2), {}),
    (svm.OneClassSVM(), {}),
    (svm.SVC(kernel="poly", degree=2, n_bits=10), {}),
    (svm.SVC(), {}),
]
"""Estimators, and the power of the features' unit that some of their parameters have."""


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(("estimator", "powers"), TRAINED, ids=lambda v: name_of(v) * bool(v))
def test_models_that_follow_their_unit_have_the_same_errors(
    estimator: Any, powers: dict[str, int]
) -> None:
    x, y = data_for(estimator)
    spoiled = _error(fitted(estimator, x, y), x)
    for unit in (2.0**-40, 2.0**40):
        params = {k: getattr(estimator, k) * unit**power for k, power in powers.items()}
        y_unit = 2.0**-20 if is_regressor(estimator) else 1
        found = _error(fitted(estimator, x * unit, y * y_unit, **params), x * unit)
        for method, error in spoiled.items():
            assert found[method] <= 1.05 * error + 1e-9, method


def _error(model: Any, x: FloatArray) -> dict[str, float]:
    """Greatest error of each method's results, over the spread of the float model's."""
    errors = {}
    for method, found in results(model, x).items():
        wanted = np.asarray(getattr(model.sklearn_model_, method)(x))
        if method == "predict" and not is_regressor(model):
            errors[method] = float((found != wanted).mean())
        else:
            errors[method] = float(np.abs(found - wanted).max() / (np.ptp(wanted) or 1.0))
    return errors


@pytest.mark.parametrize(
    "kind",
    [ensemble.ExtraTreesRegressor, ensemble.RandomForestRegressor, tree.DecisionTreeRegressor],
)
def test_every_target_of_a_forest_is_as_exact_as_its_own_spread_asks_for(kind: Any) -> None:
    x = np.random.default_rng(0).normal(size=(200, 3))
    # few bits do for the large target, whose leaves are whole numbers
    y = np.c_[1024.0 * (x[:, 0] > 0), np.sin(3 * x[:, 0]) + x[:, 1]]
    params = {"n_estimators": 2, "bootstrap": False} if "Tree" not in kind.__name__[:12] else {}
    model = kind(random_state=0, **params).fit(x, y)
    wanted = model.sklearn_model_.predict(x)
    error = np.sqrt(((model.predict(x) - wanted) ** 2).mean(axis=0))
    assert (error <= 0.021 * wanted.std(axis=0)).all()


@pytest.mark.parametrize("kind", [ensemble.ExtraTreesRegressor, ensemble.BaggingRegressor])
def test_sample_weights_have_no_unit(kind: Any) -> None:
    weight = np.random.default_rng(0).integers(1, 4, len(X)).astype(float)
    model, other = (
        kind(n_estimators=5, random_state=0).fit(X[:, :3], X[:, 3], sample_weight=unit * weight)
        for unit in (1.0, 2.0**-30)
    )
    np.testing.assert_array_equal(model.predict(X[:, :3]), other.predict(X[:, :3]))


def test_students_learn_in_units_of_the_outputs() -> None:
    x = np.random.default_rng(0).normal(size=(100, 3))
    y = np.c_[x[:, 0] * x[:, 1], np.sin(x[:, 2])]
    model = neural_network.MLPRegressor(hidden_layer_sizes=(4,), max_iter=50, random_state=0)
    with pytest.warns(match="converge"):
        model.fit(x, y)
    unit = np.array([2.0**-40, 2.0**7])
    other = copy.deepcopy(model.sklearn_model_)
    other.coefs_[-1], other.intercepts_[-1] = (
        v * unit for v in (other.coefs_[-1], other.intercepts_[-1])
    )
    scaled = neural_network.MLPRegressor.from_sklearn_model(other, x)
    np.testing.assert_array_equal(scaled.predict(x) / unit, model.predict(x))


def test_noise_in_the_last_bits_of_constant_outputs_is_no_unit() -> None:
    values = np.c_[np.full(50, 7.0), 7.0 + 1e-9 * X[:50, 0], 1e-9 * X[:50, 0]]
    units = _units_of(values, np.full(50, 1 / 50), "values")
    np.testing.assert_array_equal(units, [8.0, 8.0, 2.0**-30])


GRAPHS = {
    "standardizes": "a = Sub(x, u) b = Div(a, u) c = MatMul(b, w) d = Relu(c) y = MatMul(d, w)",
    "clips": "a = Max(x, n) b = Min(a, u) c = Div(b, u) y = MatMul(c, w)",
    "takes logarithms": "a = Abs(x) b = Add(a, u) c = Log(b) y = MatMul(c, w)",
    "gates": "a = Div(x, u) b = Sigmoid(a) c = Mul(x, b) y = MatMul(c, p)",
    "squares": "a = Div(x, u) b = Mul(a, a) y = MatMul(b, w)",
    "joins": "a = Div(x, u) b = Relu(x) c = Concat <axis = 1> (a, b) y = MatMul(c, j)",
    "has hidden units": "a = Div(x, u) b = MatMul(a, h) c = Relu(b) y = MatMul(c, p)",
    "has one output": "a = Relu(x) y = MatMul(a, o)",
    "convolves": "a = MatMul(x, k) b = Reshape(a, s) c = Conv(b, f) d = Relu(c) e = Conv(d, g) "
    "y = Flatten(e)",
    "pools": "a = MatMul(x, k) b = Reshape(a, s) c = Conv(b, f) d = Relu(c) e = GlobalAveragePool(d) "
    "y = Flatten(e)",
    "bends its outputs": "a = Div(x, u) b = MatMul(a, h) y = LeakyRelu(b)",
    "has a dead unit": "a = Div(x, u) b = MatMul(a, h) c = Sub(b, far) d = Relu(c) y = MatMul(d, p)",
    "convolves a dead unit": "a = Div(x, u) b = MatMul(a, h) c = Sub(b, far) d = Relu(c) "
    "r = Reshape(d, t) z = Conv(r, q) y = Flatten(z)",
    "moves features": "a = Gather <axis = 1> (x, i) b = Pad(a, m) y = MatMul(b, v)",
    "flattens": "a = MatMul(x, k) b = Reshape(a, s) c = Conv(b, f) d = Relu(c) r = Flatten(d) "
    "y = MatMul(r, l)",
}


def _text(name: str, values: FloatArray) -> str:
    shape = ", ".join(map(str, values.shape))
    return f"float[{shape}] {name} = {{{', '.join(map(repr, values.ravel().tolist()))}}}"


def _module(body: str, unit: FloatArray) -> NumpyModule:
    """A net of features, and of hidden units, whose sizes are those given."""
    draw = np.random.default_rng(3).normal
    w, v, f, g = draw(size=(4, 4)), draw(size=(4, 4)), draw(size=(4, 1, 2)), draw(size=(2, 4, 2))
    back, along = v / unit[:, None], unit[:, None, None]
    constants = {"u": unit, "n": -unit, "w": w, "h": w * unit, "k": w / unit[:, None]}
    constants |= {"p": back, "o": back[:, :1], "j": np.vstack([w, back])}
    constants |= {"f": f * along, "g": g / unit[:, None]}
    constants |= {"far": 50.0 * unit * [0, 1, 0, 0], "q": g[:, :, :1] / unit[:, None]}
    constants |= {"v": np.vstack([back[::-1], w[:1]])}
    constants |= {"l": draw(size=(12, 2)) / np.repeat(unit, 3)[:, None]}
    texts = [_text(name, value) for name, value in constants.items()]
    integers = {"s": [-1, 1, 4], "t": [-1, 4, 1], "i": [3, 2, 1, 0], "m": [0, 0, 0, 1]}
    for name, values in integers.items():
        texts.append(f"int64[{len(values)}] {name} = {{{', '.join(map(str, values))}}}")
    head = f"<{', '.join(texts)}>"
    graph = f"g (float[N, 4] x) => (float[N, M] y) {head} {{ {body} }}"
    return NumpyModule(parser.parse_model(f'<ir_version: 8, opset_import: ["": 17]> {graph}'))


@pytest.mark.parametrize("body", GRAPHS.values(), ids=GRAPHS)
def test_features_and_hidden_units_of_any_size_keep_their_bits(body: str) -> None:
    x = np.random.default_rng(0).normal(size=(300, 4)).astype(np.float32)
    errors, n_lookups = [], set()
    for unit in (np.ones(4), np.array([1.0, 2.0**-20, 2.0**20, 2.0**-10])):
        module, samples = _module(body, unit), (x * unit).astype(np.float32)
        quantization = PostTrainingAffineQuantization(6, clear_tail=False)
        quantized = quantization.quantize_module(module, samples)
        found, wanted = np.asarray(quantized(samples)), module(samples)[0]
        n_lookups.add(quantized.program.n_lookups)
        errors.append((np.sqrt(((found - wanted) ** 2).mean(axis=0)) / wanted.std(axis=0)).max())
    assert errors[1] <= 1.5 * errors[0]
    assert errors[1] < 0.15
    assert len(n_lookups) == 1
