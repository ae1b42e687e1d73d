"""The largest chance of a wrong bootstrap: what is promised holds as often as promised."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn.datasets import load_iris
from sklearn.pipeline import make_pipeline

from cml_sklearn import PCA, MLPClassifier, MLPRegressor, Ridge, config_context
from cml_sklearn.estimators.p_error import _doubled, _lower_bound
from cml_sklearn.exceptions import InvalidInputError, UnsupportedModelError
from cml_sklearn.fhe.circuit import FheCircuit
from cml_sklearn.model_selection import calibrate_p_error

pytestmark = pytest.mark.filterwarnings("ignore:Stochastic Optimizer")

X, Y = load_iris(return_X_y=True)
NETWORK = {"n_bits": 2, "exact_rounding": True, "random_state": 0, "max_iter": 300}


@pytest.fixture(autouse=True)
def no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(FheCircuit, "generate_keys", None)
    monkeypatch.setattr(FheCircuit, "execute", None)


def test_the_result_bears_fresh_draws_and_is_cheaper() -> None:
    model = MLPClassifier((3,), **NETWORK).fit(X, Y)
    p_error, trials = calibrate_p_error(model, X, agreement=0.85, n_draws=60)
    assert [trial.p_error for trial in trials] == sorted(trial.p_error for trial in trials)
    passed = [trial for trial in trials if trial.lower_bound >= 0.85]
    assert passed[-1].p_error == p_error > trials[0].p_error
    assert model.p_error == 2.0**-64
    assert passed[-1].gop < 0.7 * model.compile(engine="concrete").report.complexity
    again = model.set_params(p_error=p_error)
    again.compile(engine="concrete")
    assert (again.predict(X[::2], "simulate") == again.predict(X[::2], False)).mean() > 0.8


def test_values_may_differ_by_a_tolerance() -> None:
    model = MLPRegressor(hidden_layer_sizes=(2,), **NETWORK).fit(X[:, :3], X[:, 3])
    _, trials = calibrate_p_error(model, X[:, :3], tolerance=100.0, agreement=0.8, n_draws=20)
    assert all(trial.agreement == 1 for trial in trials)
    assert trials[-1].p_error == 0.25


def test_bounds_are_those_of_scipy() -> None:
    for n_agreed in (0, 1, 70, 100):
        wanted = binomtest(n_agreed, 100, alternative="greater").proportion_ci(0.95).low
        assert _lower_bound(n_agreed, 100, 0.95) == pytest.approx(wanted)


def test_confidence_holds_over_all_trials() -> None:
    """Where labels are wrong in `p_error` of all cases, the result is seldom larger than asked."""
    rng = np.random.default_rng(0)

    def simulate(p_error: float) -> tuple[int, int, float]:
        return int(rng.binomial(300, 1 - p_error)), 300, 1.0

    def largest() -> float:
        trials = _doubled(simulate, 2.0**-10, 0.97, 0.9, lambda _: 0.0)
        return max((t.p_error for t in trials if t.lower_bound >= 0.97), default=0.0)

    results = np.array([largest() for _ in range(2000)])
    assert 0 < (results > 0.03).mean() < 0.1
    assert np.median(results) >= 2.0**-8


def test_what_is_proven_can_not_fail_by_chance() -> None:
    trials = _doubled(
        lambda p_error: (90 if p_error < 0.02 else 80, 100, 1.0),
        2.0**-7,
        0.95,
        0.95,
        lambda p_error: 1 - 5 * p_error,
    )
    assert [trial.p_error for trial in trials] == [2.0**-7, 2.0**-6]
    assert trials[0].lower_bound == 1 - 5 * 2.0**-7 > trials[0].agreement


def test_the_model_stays_as_it_is() -> None:
    """No circuit of another chance of errors is left, and none is used."""
    model = MLPClassifier((2,), p_error=2.0**-100, **NETWORK).fit(X, Y)
    calibrate_p_error(model, X, agreement=0.5, n_draws=6)
    with config_context(engine="concrete"):
        assert not model.quantized_module_.is_compiled
        assert model.fhe_report_.p_error == 2.0**-100
        assert model.set_params(p_error=0.125).fhe_report_.p_error == 0.125


@pytest.mark.parametrize(
    "model", [make_pipeline(MLPClassifier((2,), **NETWORK)), PCA(2), Ridge(), Ridge]
)
def test_models_without_lookups_or_labels_are_refused(model: Any) -> None:
    if not isinstance(model, type):
        model.fit(X, Y)
    with pytest.raises(UnsupportedModelError, match=r"calibrate_p_error got|no bootstraps"):
        calibrate_p_error(model, X, tolerance=1.0, agreement=0.5, n_draws=6)


@pytest.mark.parametrize(
    ("model", "options", "message"),
    [
        (MLPClassifier((2,), **NETWORK), {"tolerance": 1.0}, "predicts labels"),
        (Ridge(), {}, "say by how much"),
        (Ridge(), {"tolerance": 1.0, "agreement": 1.0}, "agreement is 1.0"),
        (Ridge(), {"tolerance": 1.0, "n_draws": 298}, "that takes 299"),
        (Ridge(), {"tolerance": 1.0, "n_draws": 300.5}, "n_draws is 300.5"),
        (Ridge(), {"tolerance": 1.0, "agreement": 1 - 1e-9}, "at most 1000000"),
        (Ridge(), {"tolerance": 1.0, "agreement": "most"}, "agreement is 'most'"),
        (Ridge(), {"tolerance": float("nan")}, "tolerance is nan"),
    ],
)
def test_what_can_not_be_shown_is_refused(
    model: Any, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(InvalidInputError, match=message):
        calibrate_p_error(model.fit(X, Y), X, **options)


def test_approximate_rounding_may_be_too_much() -> None:
    coarse = NETWORK | {"exact_rounding": False, "rounding_bits": 2, "n_bits": 3}
    model = MLPRegressor(hidden_layer_sizes=(3,), **coarse).fit(X[:, :3], X[:, 3])
    with pytest.raises(InvalidInputError, match="exact_rounding=True"):
        calibrate_p_error(model, X[:, :3], tolerance=0.0, agreement=0.95, n_draws=60)
