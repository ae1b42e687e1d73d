"""What the neural estimators promise: accuracy, cost, the three modes, and skorch inside."""

from __future__ import annotations

import copy
import pickle
from typing import Any, cast

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_iris
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import r2_score
from sklearn.model_selection import GridSearchCV, train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from skorch.callbacks import Callback, EarlyStopping
from skorch.dataset import ValidSplit
from torch import nn

from cml_sklearn.exceptions import InvalidInputError, UnsupportedModelError
from cml_sklearn.neural_network import (
    MLPClassifier,
    MLPRegressor,
    NeuralNetClassifier,
    NeuralNetRegressor,
    search_widths,
)

Array = NDArray[Any]
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def split(load: Any) -> list[Array]:
    X, y = load(return_X_y=True)
    parts: list[Array] = train_test_split(X, y, test_size=0.3, random_state=0)
    scaler = StandardScaler().fit(parts[0])
    return [scaler.transform(parts[0]), scaler.transform(parts[1]), *parts[2:]]


def iris() -> tuple[Array, Array]:
    X, y = load_iris(return_X_y=True)
    return StandardScaler().fit_transform(X), np.array(["setosa", "versicolor", "virginica"])[y]


def tiny(**parameters: Any) -> NeuralNetClassifier:
    return NeuralNetClassifier(random_state=0, module__hidden_layer_sizes=(6,), **parameters)


class TwoColumns(nn.Module):
    """A user's own module, whose sizes come from the data."""

    def __init__(self, n_inputs: int, n_outputs: int, width: int = 5) -> None:
        super().__init__()
        self.hidden = nn.Linear(n_inputs, width)
        self.out = nn.Linear(width, n_outputs)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.out(torch.relu(self.hidden(x)))


class WithSoftmax(TwoColumns):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.softmax(super().forward(x), dim=1)


class Convolution(nn.Sequential):
    def __init__(self, n_outputs: int) -> None:
        super().__init__(
            nn.Conv2d(1, 2, 3, stride=3), nn.ReLU(), nn.Flatten(), nn.Linear(8, n_outputs)
        )


@pytest.mark.fhe
def test_breast_cancer_below_4_gop_at_the_float_accuracy() -> None:
    X_train, X_test, y_train, y_test = split(load_breast_cancer)
    model = MLPClassifier(
        (12,), alpha=1.0, max_iter=1000, random_state=0, n_bits=5, rounding_bits=4
    ).fit(X_train, y_train)
    assert model.score(X_test, y_test) >= model.sklearn_model_.score(X_test, y_test) - 0.012
    assert model.fhe_report_.pbs_by_width == {4: 12}
    assert model.fhe_report_.complexity is not None
    assert model.fhe_report_.complexity <= 2.0


def test_digits_and_diabetes_stay_near_the_float_model() -> None:
    X_train, X_test, y_train, y_test = split(load_digits)
    digits = MLPClassifier((16,), alpha=1.0, max_iter=300, random_state=0).fit(X_train, y_train)
    assert digits.score(X_test, y_test) >= digits.sklearn_model_.score(X_test, y_test) - 0.025
    X_train, X_test, y_train, y_test = split(load_diabetes)
    diabetes = MLPRegressor(
        hidden_layer_sizes=(4,), alpha=10.0, solver="lbfgs", max_iter=500, random_state=0
    ).fit(X_train, y_train)
    # not the scores: which minimum this solver finds depends on the processor
    wanted = diabetes.sklearn_model_.predict(X_test)
    assert r2_score(wanted, diabetes.predict(X_test)) >= 0.8


@pytest.mark.parametrize("activation", ["relu", "tanh", "logistic", "identity"])
def test_wide_codes_give_scikit_learns_predictions(activation: str) -> None:
    X, y = iris()
    model = MLPClassifier(
        (6,), activation=activation, max_iter=400, random_state=0, n_bits=10, rounding_bits=None
    ).fit(X, y)
    expected = model.sklearn_model_.predict_proba(X)
    np.testing.assert_allclose(model.predict_proba(X), expected, atol=0.05)
    assert (model.predict(X) == model.sklearn_model_.predict(X)).mean() >= 0.98


def test_labels_of_many_kinds() -> None:
    X, y = iris()
    several = np.column_stack([y == "setosa", X[:, 0] > 0]).astype(int)
    settings: dict[str, Any] = {"max_iter": 300, "random_state": 0, "n_bits": 6}
    for target in (y, y == "setosa", several):
        model = MLPClassifier((8,), **settings).fit(X, target)
        agreement = model.predict(X) == model.sklearn_model_.predict(X)
        assert agreement.mean() >= 0.97
        assert model.predict_proba(X).shape == model.sklearn_model_.predict_proba(X).shape


@pytest.mark.fhe
@pytest.mark.parametrize("exact", [True, False])
def test_encryption_agrees_with_the_clear(exact: bool) -> None:
    X, y = iris()
    model = MLPClassifier(
        (3,), max_iter=400, random_state=0, n_bits=3, rounding_bits=3, exact_rounding=exact
    ).fit(X, y == "setosa")
    model.compile(X[:20])
    clear = model.predict_proba(X[::10])
    for mode in ("simulate", True):
        result = model.predict_proba(X[::10], execute_in_fhe=mode)
        if exact:
            np.testing.assert_array_equal(result, clear)
        else:
            assert ((result > 0.5) == (clear > 0.5)).mean() >= 0.9


def test_one_output_has_its_weights_in_the_lookups() -> None:
    X, y = iris()
    model = MLPClassifier((4,), max_iter=400, random_state=0).fit(X, y == "setosa")
    steps = [type(i.step).__name__ for i in model.quantized_module_.program.instructions]
    assert steps.count("MatMul") == 1
    assert steps.count("SumOver") == 1


def test_an_int_gives_the_last_weights_a_bit_less_which_costs_less() -> None:
    X, _, y, _ = split(load_digits)
    by_role = {"inputs": 5, "weights": (5, 4), "activations": 5}
    even = {"inputs": 5, "weights": 5}
    model, same, wider = (
        MLPClassifier((8,), max_iter=50, n_bits=n_bits, random_state=0).fit(X, y)
        for n_bits in (5, by_role, even)
    )
    np.testing.assert_array_equal(model.predict_proba(X), same.predict_proba(X))
    cost, wider_cost = (m.fhe_report_.complexity for m in (model, wider))
    assert cost is not None
    assert wider_cost is not None
    assert cost < 0.9 * wider_cost


@pytest.mark.parametrize("widths", [(5, 4, False), (5, 1, False), (3, 6, False), (8, 4, True)])
def test_rounded_indices_leave_the_last_step_free(widths: tuple[int, int, bool]) -> None:
    X, y = iris()
    n_bits, rounding, exact = widths
    model = MLPClassifier(
        (8,),
        max_iter=50,
        random_state=0,
        n_bits=n_bits,
        rounding_bits=rounding,
        exact_rounding=exact,
    ).fit(X, y)
    program = model.quantized_module_.program
    bounds = program.bounds
    lookups = [i for i in program.instructions if type(i.step).__name__ == "Lookup"]
    assert lookups
    for lookup in lookups:
        index, step = bounds[lookup.inputs[0]], cast("Any", lookup.step)
        size = step.tables.shape[1] << step.lsbs_to_remove
        assert index.low.min() >= 0
        assert index.high.max() <= size - (1 << step.lsbs_to_remove)
        assert index.high.max() > 0.3 * size


@pytest.mark.parametrize("labels", [2, 3])
def test_skorch_classifier_learns(labels: int) -> None:
    X, y = iris()
    X, y = X[: 50 * labels], y[: 50 * labels]
    model = tiny().fit(X, y)
    floats = model.classes_[model.skorch_net_.predict(X.astype(np.float32))]
    assert (floats == y).mean() > 0.9
    assert (model.predict(X) == floats).mean() >= 0.95
    np.testing.assert_allclose(model.predict_proba(X).sum(axis=1), 1)
    again = tiny().fit(X, y)
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))
    restored = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(restored.predict_proba(X), model.predict_proba(X))


def test_skorch_regressor_learns_one_target_or_several() -> None:
    X, y = load_diabetes(return_X_y=True)
    model = NeuralNetRegressor(random_state=0, max_epochs=10).fit(X, y)
    assert model.predict(X).shape == y.shape
    assert model.score(X, y) > 0.4
    several = NeuralNetRegressor(random_state=0, max_epochs=10).fit(X, np.column_stack([y, -y]))
    assert several.predict(X).shape == (len(X), 2)
    assert several.score(X, np.column_stack([y, -y])) > 0.4


@pytest.mark.parametrize(("module", "criterion"), [(TwoColumns, None), (WithSoftmax, nn.NLLLoss)])
def test_own_modules(module: type[nn.Module], criterion: Any) -> None:
    X, y = iris()
    model = NeuralNetClassifier(
        module, criterion=criterion, module__width=7, random_state=0, n_bits=6
    ).fit(X, y)
    assert model.skorch_net_.module_.hidden.out_features == 7
    assert model.score(X, y) >= 0.9
    floats = model.skorch_net_.predict_proba(X.astype(np.float32))
    np.testing.assert_allclose(model.predict_proba(X), floats, atol=0.25)


def test_images_go_through_a_convolution() -> None:
    X, y = load_digits(n_class=2, return_X_y=True)
    model = NeuralNetClassifier(Convolution, random_state=0, max_epochs=5)
    images = X.reshape(-1, 1, 8, 8) / 16
    assert model.fit(images, y).score(images, y) >= 0.95


def test_skorch_parameters_are_parameters() -> None:
    model = tiny(optimizer__weight_decay=0.1)
    assert model.get_params()["optimizer__weight_decay"] == 0.1
    copied = clone(model.set_params(module__dropout=0.5, lr=0.1))
    assert copied.get_params()["module__dropout"] == 0.5
    X, y = iris()
    copied.set_params(max_epochs=1).fit(X, y)
    assert copied.skorch_net_.optimizer_.param_groups[0]["weight_decay"] == 0.1
    with pytest.raises(ValueError, match="Invalid parameter 'nothing'"):
        model.set_params(nothing=1)
    with pytest.raises(InvalidInputError, match=r"got \['nothing'\]"):
        NeuralNetClassifier(nothing=1).fit(X, y)
    with pytest.raises(UnsupportedModelError, match="compile_torch_model"):
        NeuralNetClassifier.from_sklearn_model(copied.skorch_net_, X)


def test_squares_need_no_lookups() -> None:
    X, X_test, y, y_test = split(load_breast_cancer)
    net = NeuralNetClassifier(module__activation="square", random_state=0).fit(X, y)
    assert net.quantized_module_.program.n_lookups == 0
    assert (
        net.score(X_test, y_test) >= net.skorch_net_.score(X_test.astype(np.float32), y_test) - 0.01
    )
    encrypted = net.predict_proba(X_test, execute_in_fhe=True)
    np.testing.assert_array_equal(encrypted, net.predict_proba(X_test))
    assert net.fhe_report_.engine == "seal"
    X, y = load_diabetes(return_X_y=True)
    regressor = NeuralNetRegressor(module__activation="square", random_state=0).fit(X, y)
    assert regressor.quantized_module_.program.n_lookups == 0
    assert regressor.score(X, y) > 0.4


def test_an_unknown_activation_is_refused() -> None:
    with pytest.raises(InvalidInputError, match=r"is 'cube'; it must be one of relu, .*square"):
        tiny(module__activation="cube").fit(*iris())


def test_early_stopping() -> None:
    X, y = iris()
    model = tiny(
        max_epochs=200, train_split=ValidSplit(5), callbacks=[EarlyStopping(patience=3)], lr=0.05
    ).fit(X, y)
    assert len(model.skorch_net_.history) < 200
    assert "valid_acc" in model.skorch_net_.history[-1]


def test_grid_search_over_widths_and_sizes_in_two_processes() -> None:
    X, y = iris()
    grid = {
        "neuralnetclassifier__n_bits": [2, 6],
        "neuralnetclassifier__module__width": [8],
        "neuralnetclassifier__lr": [0.02],
    }
    net = NeuralNetClassifier(TwoColumns, random_state=0, max_epochs=20, quantization_aware=False)
    search = GridSearchCV(make_pipeline(StandardScaler(), net), grid, cv=2, n_jobs=2).fit(X, y)
    assert search.best_params_["neuralnetclassifier__n_bits"] == 6
    assert search.best_score_ >= 0.9
    assert search.best_estimator_[-1].skorch_net_.module_.hidden.out_features == 8


def test_partial_fit_goes_on_training() -> None:
    X, y = iris()
    model = tiny(max_epochs=5, lr=0.05)
    with pytest.raises(ValueError, match="classes must be passed"):
        model.partial_fit(X, y)
    for start in range(6):
        model.partial_fit(X[start::6], y[start::6], classes=np.unique(y))
    assert len(model.skorch_net_.history) == 30
    restored = pickle.loads(pickle.dumps(model)).partial_fit(X, y)
    assert len(restored.skorch_net_.history) == 35
    assert restored.score(X, y) >= 0.9
    with pytest.raises(InvalidInputError, match="unknown"):
        model.partial_fit(X, np.where(y == y[0], "unknown", y))
    assert len(model.fit(X, y).skorch_net_.history) == 5


def test_a_fit_that_fails_leaves_the_earlier_net() -> None:
    X, y = iris()
    model = tiny(max_epochs=5).fit(X, y)
    net, expected = model.skorch_net_, model.predict_proba(X)
    model.set_params(module__no_such=1)
    with pytest.raises(TypeError, match="no_such"):
        model.fit(X[:, :2], np.where(y == y[0], "other", y))
    assert model.skorch_net_ is net
    assert (model.n_features_in_, list(model.classes_)) == (4, list(np.unique(y)))
    np.testing.assert_array_equal(model.predict_proba(X), expected)


class Stops(Callback):
    """Ends training by an error, once it is told to."""

    tells = False

    def on_epoch_end(self, net: object, **kwargs: object) -> None:
        if self.tells:
            raise RuntimeError("stopped")


def test_a_partial_fit_that_fails_leaves_the_earlier_weights() -> None:
    X, y = iris()
    stops = Stops()
    model = tiny(max_epochs=5, callbacks=[stops]).fit(X, y)
    assert len(model.partial_fit(X, y).skorch_net_.history) == 10
    net, expected = model.skorch_net_, model.skorch_net_.predict_proba(X.astype(np.float32))
    stops.tells = True
    with pytest.raises(RuntimeError, match="stopped"):
        model.partial_fit(X, y)
    assert model.skorch_net_ is net
    np.testing.assert_array_equal(net.predict_proba(X.astype(np.float32)), expected)


def test_a_copy_trains_a_net_of_its_own() -> None:
    X, y = iris()
    model = tiny(max_epochs=5).fit(X, y)
    twin = copy.copy(model).partial_fit(X, y)
    assert len(model.skorch_net_.history) == 5
    assert len(twin.skorch_net_.history) == 10


def test_partial_fit_fixes_ranges_on_all_batches() -> None:
    X, y = load_diabetes(return_X_y=True)
    model = NeuralNetRegressor(random_state=0, max_epochs=5)
    low = X[:, 2] < np.median(X[:, 2])
    model.partial_fit(X[low], y[low]).partial_fit(X[~low], y[~low])
    codes = model.quantized_module_.quantize_input(X)[0][:, 2]
    assert ((codes > 0) & (codes < 31)).mean() > 0.9
    with pytest.raises(InvalidInputError, match="2 targets"):
        model.partial_fit(X, np.column_stack([y, y]))


def test_skorch_classifier_takes_sparse_samples_and_gives_log_probabilities() -> None:
    X, y = iris()
    model = tiny(max_epochs=5).fit(sparse.csr_array(X), y)
    np.testing.assert_array_equal(model.predict(sparse.csr_array(X)), model.predict(X))
    np.testing.assert_allclose(np.exp(model.predict_log_proba(X)), model.predict_proba(X))


@pytest.mark.parametrize("load", [load_breast_cancer, load_digits])
def test_default_perceptrons_stay_near_their_float_nets(load: Any) -> None:
    X_train, X_test, y_train, y_test = split(load)
    losses = []
    # a net alone is off by three samples either way, and differs with the number of threads
    for seed in range(3):
        model = NeuralNetClassifier(random_state=seed).fit(X_train, y_train)
        floats = model.skorch_net_.predict_proba(X_test.astype(np.float32)).argmax(axis=1)
        losses.append((floats == y_test).mean() - model.score(X_test, y_test))
    assert np.mean(losses) <= 0.012


def test_warnings_of_the_wrapped_class_come_through() -> None:
    X, y = iris()
    with pytest.warns(ConvergenceWarning):
        MLPClassifier((3,), max_iter=2).fit(X, y)


@pytest.mark.fhe
@pytest.mark.usefixtures("brief_students")
def test_search_finds_the_cheapest_and_the_best() -> None:
    X, y = iris()
    model = MLPClassifier((4,), max_iter=400, random_state=0).fit(X, y == "setosa")
    data: dict[str, Any] = {"n_bits": (3, 4), "rounding_bits": (1, 4)}
    target = y == "setosa"
    best, trials = search_widths(model, X, X, target, min_score=0.95, **data)
    assert best.score(X, target) >= 0.95
    assert best.fhe_report_.complexity == min(t.gop for t in trials if t.score >= 0.95)
    best, _ = search_widths(model, X, X, target, max_gop=trials[-1].gop, **data)
    assert best.score(X, target) == max(t.score for t in trials)
    assert model.n_bits == 5
    layered = [t for t in trials if isinstance(t.rounding_bits, tuple)]
    assert layered
    assert min(t.error for t in layered) <= min(t.error for t in trials)
    refused: list[dict[str, Any]] = [{}, {"min_score": 1.1}, {"max_gop": 0.0}]
    for wrong in [*refused, {"min_score": 0.9, "max_gop": 1.0}]:
        with pytest.raises(InvalidInputError):
            search_widths(model, X, X, target, **wrong, **data)


@pytest.mark.usefixtures("brief_students")
def test_search_takes_nets_of_torch() -> None:
    X, y = iris()
    model = NeuralNetClassifier(max_epochs=30, random_state=0).fit(X, y)
    best, trials = search_widths(model, X, X, y, max_gop=100.0, n_bits=(4,), rounding_bits=(4,))
    assert best.score(X, y) == max(t.score for t in trials)


@pytest.mark.usefixtures("brief_students")
def test_search_narrows_the_least_sensitive_layer() -> None:
    X, y = iris()
    model = MLPClassifier((6, 4), max_iter=400, random_state=0).fit(X, y)
    widths: dict[str, Any] = {"n_bits": (4,), "rounding_bits": (3, 4)}
    best, trials = search_widths(model, X, X, y, max_gop=100.0, **widths)
    kept = [t.rounding_bits for t in trials if isinstance(t.rounding_bits, tuple)]
    assert {(3, 3), (4, 4)} < set(kept) <= {(3, 3), (3, 4), (4, 3), (4, 4)}
    assert best.score(X, y) == max(t.score for t in trials)
    again = clone(best).fit(X, y)
    assert (again.n_bits, again.rounding_bits) == (best.n_bits, best.rounding_bits)
    assert again.score(X, y) == best.score(X, y)
