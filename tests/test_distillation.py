"""Perceptrons keep what their float nets give, whatever their inputs are like."""

from __future__ import annotations

from typing import Any
from unittest import mock

import numpy as np
import pytest
import sklearn.neural_network
import torch
from numpy.typing import NDArray
from sklearn.datasets import load_breast_cancer, make_classification, make_friedman1
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from torch import nn

from cml_sklearn.estimators import distillation
from cml_sklearn.neural_network import MLPClassifier, MLPRegressor, NeuralNetClassifier
from cml_sklearn.program.steps import MatMul
from cml_sklearn.quantization.affine import AffineQuantizer
from cml_sklearn.quantization.feature_maps import CompandingQuantizer

Array = NDArray[Any]
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def standardized(X: Array, y: Array) -> list[Array]:
    parts: list[Array] = train_test_split(X, y, test_size=0.3, random_state=0)
    scaler = StandardScaler().fit(parts[0])
    return [scaler.transform(parts[0]), scaler.transform(parts[1]), *parts[2:]]


def heavy_tails() -> list[Array]:
    X, y = make_classification(800, 20, n_informative=8, n_classes=3, random_state=1)
    return standardized(np.sinh(X), y)


def outliers() -> list[Array]:
    X, y = make_classification(800, 16, n_informative=6, random_state=2)
    X[np.random.default_rng(7).random(X.shape) < 0.01] *= 30
    return standardized(X, y)


@pytest.mark.parametrize("data", [heavy_tails, outliers])
def test_tails_of_inputs_cost_no_accuracy(data: Any) -> None:
    X_train, X_test, y_train, y_test = data()
    model = MLPClassifier((16,), random_state=0).fit(X_train, y_train)
    assert model.score(X_test, y_test) >= model.sklearn_model_.score(X_test, y_test) - 0.03
    (encoder,) = model.quantized_module_.input_quantizers
    assert isinstance(encoder, CompandingQuantizer)
    assert encoder.companding.curved.any()


def test_integers_are_those_that_the_student_has_learned_with() -> None:
    X_train, _, y_train, _ = heavy_tails()
    with mock.patch.object(distillation, "_train", wraps=distillation._train) as train:
        model = MLPClassifier((8,), random_state=0).fit(X_train, y_train)
    student = train.call_args.args[0]
    low, high = student.ends()
    (first, second), _ = student.layers()
    steps = [instruction.step for instruction in model.quantized_module_.program.instructions]
    integers = [step.weights for step in steps if isinstance(step, MatMul)]
    for weights, codes in zip(((high - low)[:, None] * first, second), integers, strict=True):
        scale = (weights * codes).sum(axis=0) / (codes**2).sum(axis=0)
        np.testing.assert_allclose(weights, codes * scale, atol=1e-9)


def test_regression_keeps_its_r2() -> None:
    X, y = make_friedman1(500, 10, noise=1.0, random_state=0)
    X_train, X_test, y_train, y_test = standardized(X, (y - y.mean()) / y.std())
    model = MLPRegressor(hidden_layer_sizes=(16,), random_state=0).fit(X_train, y_train)
    assert model.score(X_test, y_test) >= model.sklearn_model_.score(X_test, y_test) - 0.02


def test_equal_fits_give_equal_integers() -> None:
    X, y = load_breast_cancer(return_X_y=True)
    X = StandardScaler().fit_transform(X)
    first, second = (
        MLPClassifier((4,), random_state=0, max_iter=30).fit(X, y).quantized_module_
        for _ in range(2)
    )
    codes = first.quantize_input(X)
    np.testing.assert_array_equal(
        first.quantized_forward(*codes)[0], second.quantized_forward(*codes)[0]
    )
    np.testing.assert_array_equal(codes[0], second.quantize_input(X)[0])


def test_a_student_that_learned_nothing_is_not_taken() -> None:
    X_train, _, y_train, _ = standardized(*load_breast_cancer(return_X_y=True))
    with (
        mock.patch.object(distillation, "_train"),
        mock.patch.object(
            distillation,
            "_refitted",
            lambda inputs, outputs: (outputs[: inputs.X.shape[1]] * 0, 0 * outputs[0]),
        ),
    ):
        model = MLPClassifier((4,), random_state=0, max_iter=30).fit(X_train, y_train)
    assert isinstance(model.quantized_module_.input_quantizers[0], AffineQuantizer)


@pytest.mark.parametrize("size", [1e-200, 1e30, 1e150])
def test_extreme_inputs_are_quantized_as_ever(size: float) -> None:
    X, y = load_breast_cancer(return_X_y=True)
    X = StandardScaler().fit_transform(X)
    float_model = sklearn.neural_network.MLPClassifier((4,), random_state=0, max_iter=200).fit(X, y)
    float_model.coefs_[0] = float_model.coefs_[0] / size
    model = MLPClassifier.from_sklearn_model(float_model, X * size)
    assert model.score(X * size, y) >= float_model.score(X * size, y) - 0.05


def test_callers_may_have_switched_gradients_off() -> None:
    X, y = load_breast_cancer(return_X_y=True)
    X = StandardScaler().fit_transform(X)
    model = MLPClassifier((4,), random_state=0, max_iter=200)
    with torch.inference_mode():
        model.fit(X, y)
    again = model.quantize_again(X.tolist())
    assert again.score(X, y) > 0.9


class Unusual(nn.Module):
    """Not a chain of affine layers and one kind of activation."""

    def __init__(self, n_inputs: int, n_outputs: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(n_inputs, 4)
        self.out = nn.Linear(4, n_outputs)

    def forward(self, x: Any) -> Any:
        return self.out(self.hidden(x).relu() + self.hidden(x).tanh())


@pytest.mark.parametrize("rounding_bits", [4, None])
def test_other_nets_are_quantized_as_they_are(rounding_bits: int | None) -> None:
    X, y = load_breast_cancer(return_X_y=True)
    X = StandardScaler().fit_transform(X)
    module = Unusual if rounding_bits else None
    net = NeuralNetClassifier(module, rounding_bits=rounding_bits, max_epochs=2, random_state=0)
    with mock.patch.object(distillation, "_train") as train:
        net.fit(X, y)
    assert not train.called


def test_samples_without_weight_teach_nothing() -> None:
    X = StandardScaler().fit_transform(load_breast_cancer().data)
    weight = (np.arange(len(X)) < 300).astype(np.float64)
    samples = distillation.Samples.weighted(X, weight)
    companding = distillation.Companding.fitted(X)
    batches = distillation._Batches(
        samples, companding, distillation._Standardizer.fitted(samples.X, samples.weight)
    )
    batches._noise = np.zeros(X.shape[1])
    drawn = np.concatenate([batches.draw()[0] for _ in range(5)])
    kept = {row.tobytes() for row in X[:300]}
    assert {row.tobytes() for row in drawn} <= kept


@pytest.mark.fhe
def test_encrypted_predictions_equal_clear_ones() -> None:
    X_train, X_test, y_train, _ = heavy_tails()
    model = MLPClassifier((4,), random_state=0, exact_rounding=True).fit(X_train, y_train)
    codes = model.quantized_module_.quantize_input(X_test[:3])
    clear = model.quantized_module_.quantized_forward(*codes)
    encrypted = model.quantized_module_.quantized_forward(*codes, execute_in_fhe=True)
    np.testing.assert_array_equal(clear[0], encrypted[0])
