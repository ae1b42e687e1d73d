"""Gaussian kernels: distances are exact, sums are near those of floats, files are checked."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from cml_sklearn._typing import Array
from cml_sklearn.deployment import load_estimator, save_estimator
from cml_sklearn.distances.integers import (
    add_squared_distances,
    ball_around,
    builder_of,
    farthest,
)
from cml_sklearn.exceptions import (
    BitWidthError,
    ClippedInputWarning,
    InvalidInputError,
    UnsupportedModelError,
)
from cml_sklearn.kernel_ridge import KernelRidge
from cml_sklearn.metrics import fhe_cost
from cml_sklearn.onnx.numpy_module import NumpyModule
from cml_sklearn.program.bounds import Ball, interval
from cml_sklearn.program.steps import MatMul
from cml_sklearn.quantization.encoders import BallQuantizer
from cml_sklearn.quantization.quantized_module import QuantizedModule
from cml_sklearn.svm import SVC, SVR, NuSVC, NuSVR, OneClassSVM

X, Y = load_iris(return_X_y=True)


def split(load: Any, seed: int = 0) -> tuple[Array, Array, Array, Array]:
    data, targets = load(return_X_y=True)
    parts = train_test_split(data, targets, test_size=0.3, random_state=seed)
    scaler = StandardScaler().fit(parts[0])
    return scaler.transform(parts[0]), scaler.transform(parts[1]), parts[2], parts[3]


@pytest.mark.parametrize("n_features", [1, 3, 9])
def test_distances_are_exact_and_their_range_is_proven(n_features: int) -> None:
    rng = np.random.default_rng(n_features)
    points = rng.normal(size=(20, n_features))
    encoder = ball_around(points.mean(axis=0), 1.5, points, 100.0)
    places, builder = encoder.lattice(points), builder_of(encoder, "distances")
    factors = rng.integers(1, 5, len(places))
    number = add_squared_distances(builder, encoder, places, factors)
    bounds = builder.bounds(number)
    samples = np.vstack([rng.normal(scale=s, size=(200, n_features)) for s in (0.3, 2.0, 1e150)])
    samples[-1] = np.finfo(np.float64).max / 2
    codes = encoder.quantize(samples)
    program = builder.build([number])
    program.check_inputs((codes,))
    coordinates = codes[:, None, :-1] - encoder.reach
    wanted = ((coordinates - places) ** 2).sum(axis=2) * factors
    np.testing.assert_array_equal(program(codes)[0], wanted)
    assert (bounds.low >= 0).all()
    assert (bounds.low <= wanted).all()
    assert (bounds.high <= farthest(encoder, places) * factors + 1e-6).all()
    assert (wanted <= bounds.high).all()
    assert bounds.high.max() <= 4 * 100.0**2
    near = np.linalg.norm(np.clip(samples, -9, 9) - encoder.centre, axis=1) < 1.4
    np.testing.assert_array_equal(codes[near, :-1] - encoder.reach, encoder.lattice(samples[near]))


def test_products_with_points_of_a_ball_stay_in_their_range() -> None:
    rng = np.random.default_rng(0)
    ball = Ball.of(3, 12)
    weights = rng.integers(-9, 10, (4, 300))
    weights[-1, ::3] = 0
    bounds = interval(MatMul(weights), ball)
    grid = np.stack(np.meshgrid(*[np.arange(-12, 13)] * 3), axis=-1).reshape(-1, 3)
    grid = grid[(grid**2).sum(axis=1) <= 144]
    values = np.c_[grid + 12, (grid**2).sum(axis=1)] @ weights
    low, high = values.min(axis=0), values.max(axis=0)
    assert (bounds.low <= low).all()
    assert (bounds.high >= high).all()
    wide = (bounds.high - bounds.low) / (high - low)
    assert np.median(wide) < 1.05
    for sample in (*ball.ends, *(ball.sample(rng) for _ in range(50))):
        assert ((sample >= ball.low) & (sample <= ball.high)).all()
        assert ((sample[:-1] - 12) ** 2).sum() == sample[-1]


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_classes_are_as_good_as_scikit_learns(seed: int) -> None:
    X_train, X_test, y_train, y_test = split(load_breast_cancer, seed)
    model = SVC().fit(X_train, y_train)
    assert abs(model.score(X_test, y_test) - model.sklearn_model_.score(X_test, y_test)) < 0.02
    assert model.quantized_module_.program.output_bounds[0].shape == (1,)


@pytest.mark.parametrize(
    "model",
    [SVR(), NuSVR(C=2.0, gamma=0.05), KernelRidge(kernel="rbf", gamma=0.02, alpha=0.1)],
    ids=lambda model: type(model).__name__,
)
def test_values_are_as_good_as_scikit_learns(model: Any) -> None:
    X_train, X_test, y_train, y_test = split(load_diabetes)
    scaled = [(y - y_train.mean()) / y_train.std() for y in (y_train, y_test)]
    model.fit(X_train, scaled[0])
    assert model.score(X_test, scaled[1]) > model.sklearn_model_.score(X_test, scaled[1]) - 0.03


@pytest.mark.parametrize("gamma", ["scale", "auto", 0.3])
@pytest.mark.parametrize("shape", ["ovr", "ovo"])
def test_several_classes(gamma: float | str, shape: str) -> None:
    model = SVC(gamma=gamma, decision_function_shape=shape).fit(X, Y)
    assert (model.predict(X) == model.sklearn_model_.predict(X)).mean() > 0.97
    assert model.decision_function(X).shape == (150, 3)
    (raw,) = NumpyModule(model.onnx_model_)(X)
    wanted = SVC(gamma=gamma, decision_function_shape="ovo").fit(X, Y).sklearn_model_
    np.testing.assert_allclose(raw, wanted.decision_function(X))


@pytest.mark.fhe
def test_encrypted() -> None:
    for model in (SVC(C=5.0, rounding_bits=3), OneClassSVM(nu=0.1, rounding_bits=3)):
        rows = Y < 2
        model.fit(X[rows][:, 2:], Y[rows])
        samples = X[rows][::33, 2:]
        values, wanted = (model.decision_function(samples, execute_in_fhe=m) for m in (True, False))
        np.testing.assert_allclose(values, wanted, atol=0.3 * np.abs(wanted).max())
        assert fhe_cost(model).gop > 0


def test_what_is_too_large_is_refused() -> None:
    rng = np.random.default_rng(0)
    many = rng.normal(size=(4200, 2))
    with pytest.raises(UnsupportedModelError, match="4200 samples of training"):
        KernelRidge(kernel="rbf").fit(many, many[:, 0])
    with pytest.raises(BitWidthError, match="400 features"):
        SVR(n_bits=4).fit(rng.normal(size=(9, 400)), np.arange(9.0))


def test_models_go_to_files_and_through_pipelines(tmp_path: Path) -> None:
    model = NuSVC(nu=0.2).fit(X, Y)
    save_estimator(model, tmp_path / "model.zip")
    loaded = load_estimator(tmp_path / "model.zip")
    np.testing.assert_array_equal(loaded.predict(X), model.predict(X))
    assert make_pipeline(StandardScaler(), SVC()).fit(X, Y).score(X, Y) > 0.95


def test_samples_outside_of_the_ball_are_counted_and_warned_of() -> None:
    model = SVC().fit(X, Y)
    ball: Any = model.quantized_module_.input_quantizers[0]
    samples = np.tile(X.mean(axis=0), (2, 1))
    assert not ball.clips(samples).any()
    samples[1, 3] = 1e6
    with pytest.warns(ClippedInputWarning, match="1 of 8 values, in 1 of 4 features"):
        model.predict(samples)


def test_balls_that_make_no_sense_are_refused(tmp_path: Path) -> None:
    module = SVC().fit(X, Y).quantized_module_
    (encoder,), path = module.input_quantizers, tmp_path / "module.npz"
    assert isinstance(encoder, BallQuantizer)
    for wrong in (
        {"step": 0.0},
        {"reach": 1},
        {"reach": 1 << 40},
        {"centre": np.zeros(3)},
        {"centre": np.full(4, np.nan)},
        {"centre": np.full(4, 1e300), "step": 1e-300},
        {"centre": np.zeros((4, 1))},
    ):
        damaged: Any = replace(encoder, **wrong)
        QuantizedModule(module.program, (damaged,), module.output_scales).save(path)
        with pytest.raises(InvalidInputError):
            QuantizedModule.load(path)
    ball = module.program.input_bounds[0]
    for bad in (Ball(ball.low, ball.high + 1), Ball(ball.low + 1, ball.high)):
        program = replace(module.program, input_bounds=(bad,))
        QuantizedModule(program, (encoder,), module.output_scales).save(path)
        with pytest.raises(InvalidInputError, match=r"ball|range"):
            QuantizedModule.load(path)
    module.save(path)
    np.testing.assert_array_equal(QuantizedModule.load(path).forward(X), module.forward(X))
