"""The largest chance of a wrong bootstrap: what is promised holds as often as promised."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn.datasets import load_iris

from cml_sklearn import MLPClassifier, MLPRegressor, Ridge
from cml_sklearn.estimators.p_error import _doubled, _lower_bound
from cml_sklearn.exceptions import InvalidInputError
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
        trials = _doubled(simulate, 2.0**-10, 0.97, 0.9)
        return max((t.p_error for t in trials if t.lower_bound >= 0.97), default=0.0)

    results = np.array([largest() for _ in range(2000)])
    assert 0 < (results > 0.03).mean() < 0.1
    assert np.median(results) >= 2.0**-8


@pytest.mark.parametrize(
    ("model", "options", "message"),
    [
        (MLPClassifier((2,), **NETWORK), {"tolerance": 1.0}, "predicts labels"),
        (Ridge(), {}, "say by how much"),
        (Ridge(), {"tolerance": 1.0, "agreement": 1.0}, "agreement is 1.0"),
        (Ridge(), {"tolerance": 1.0, "n_draws": 298}, "that takes 299"),
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
