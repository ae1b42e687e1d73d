"""The largest chance of a wrong bootstrap that predictions bear, by simulation."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from math import ceil, floor, log, log2

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import beta
from sklearn.base import is_regressor

from cml_sklearn._typing import Array
from cml_sklearn.config import config_context
from cml_sklearn.estimators.arrays import as_dense
from cml_sklearn.estimators.predictions import PredictingEstimator
from cml_sklearn.exceptions import InvalidInputError

__all__ = ["PErrorTrial", "calibrate_p_error"]

_ENGINE = "concrete"
"""The engine whose cost depends on `p_error`, and whose simulation draws the errors."""

_LARGEST = 0.25

_SPARE = 3
"""Draws by default, as a multiple of those that suffice if all of them agree."""


@dataclass(frozen=True)
class PErrorTrial:
    """One chance of a wrong bootstrap, and what came of it.

    Attributes
    ----------
    p_error : float
    agreement : float
        Share of the simulated predictions that agree with those of the clear integers.
    lower_bound : float
        What the true share is at least, with the asked confidence.
    n_draws : int
        Simulated predictions.
    gop : float
        Cost of a sample.
    """

    p_error: float
    agreement: float
    lower_bound: float
    n_draws: int
    gop: float


def calibrate_p_error(
    estimator: PredictingEstimator,
    X: ArrayLike,
    *,
    agreement: float = 0.99,
    tolerance: float | None = None,
    confidence: float = 0.95,
    n_draws: int | None = None,
) -> tuple[float, list[PErrorTrial]]:
    """Find the largest `p_error` with which predictions agree with those of the clear integers.

    It begins where agreement follows from the number of bootstraps, and doubles `p_error` as long
    as simulated predictions show it. Since it stops at the first that do not, the confidence holds
    for the result, however many were tried. No keys are made.

    Parameters
    ----------
    estimator : fitted estimator with `predict`
        Stays as it is; the result is for Concrete, where cost depends on `p_error`.
    X : array-like of shape (n_samples, n_features)
        Samples like those to come: agreement is the mean over these.
    agreement : float, default=0.99
        Share of predictions that must agree.
    tolerance : float, optional
        What predicted values may differ by and agree; needed where these are no labels.
    confidence : float, default=0.95
        Chance that the true share is at least `agreement`.
    n_draws : int, optional
        Simulated predictions by trial, the rows of X in turn. None: three times as many as suffice
        if all of them agree, ``log(1 - confidence) / log(agreement)``.

    Returns
    -------
    p_error : float
        A power of two, to be given to `set_params` or to the constructor.
    trials : list of PErrorTrial
        All that were tried, in ascending order; the last may be one that failed.

    Raises
    ------
    InvalidInputError
        A share that is none, too few draws, no tolerance for a regressor, or not even the first
        trial agrees.

    Notes
    -----
    A result above ``2**-64`` means wrong answers that are seen: these must not come to the
    knowledge of the server, or of any other who knows the right ones. See
    docs/explanation/security.md.
    """
    _check_shares(agreement=agreement, confidence=confidence)
    if is_regressor(estimator) != (tolerance is not None):
        raise InvalidInputError(
            f"tolerance is {tolerance!r}, but {type(estimator).__name__} predicts "
            + ("values: say by how much they may differ." if tolerance is None else "labels.")
        )
    enough = ceil(log(1 - confidence) / log(agreement))
    n_draws = _SPARE * enough if n_draws is None else n_draws
    if n_draws < enough:
        raise InvalidInputError(
            f"{n_draws} draws can't show an agreement of {agreement} with a confidence of "
            f"{confidence}: that takes {enough}, if all of them agree. Raise n_draws."
        )
    simulation = _Simulation(estimator, as_dense(X), tolerance, n_draws)
    start = 2.0 ** floor(log2((1 - agreement) / simulation.n_chances))
    trials = _doubled(simulation, start, agreement, confidence)
    passed = [trial.p_error for trial in trials if trial.lower_bound >= agreement]
    if not passed:
        raise InvalidInputError(
            f"Even with p_error=2**{log2(start):.0f} only {trials[0].agreement:.4f} of "
            f"{n_draws} predictions agree (at least {trials[0].lower_bound:.4f} in truth), but "
            f"{agreement} is asked for. Lookups round approximately unless exact_rounding=True: "
            "set that, ask for less, or raise n_draws."
        )
    return passed[-1], trials


class _Simulation:
    """Predictions of a fitted estimator with errors drawn, beside those without.

    Parameters
    ----------
    estimator : PredictingEstimator
    X : ndarray of shape (n_samples, n_features)
    tolerance : float, optional
    n_draws : int
    """

    def __init__(
        self,
        estimator: PredictingEstimator,
        X: Array,
        tolerance: float | None,
        n_draws: int,
    ) -> None:
        self.estimator, self.tolerance = estimator, tolerance
        self.rows = X[np.arange(n_draws) % len(X)]
        self.exact = estimator.predict(self.rows, execute_in_fhe=False)

    @property
    def n_chances(self) -> float:
        """Bootstraps of a sample, or outputs where it has none: what may be wrong."""
        module = self.estimator.modules_["predict"]
        n_outputs = sum(bounds.low.size for bounds in module.program.output_bounds)
        return max(module.circuit_of(_ENGINE).report.pbs_count or 0.0, float(n_outputs))

    def __call__(self, p_error: float) -> tuple[int, int, float]:
        """Count agreeing predictions and all, and tell the cost of a sample in Gop."""
        twin = copy.copy(self.estimator)  # a copy has no circuits
        twin.p_error = p_error
        with config_context(engine=_ENGINE):
            values = twin.predict(self.rows, execute_in_fhe="simulate")
            gop = twin.modules_["predict"].fhe_circuit.report.complexity or 0.0
        same = values == self.exact
        if self.tolerance is not None:
            same = np.abs(values - self.exact) <= self.tolerance
        return int(same.reshape(len(same), -1).all(axis=1).sum()), len(same), gop


def _doubled(
    simulate: Callable[[float], tuple[int, int, float]],
    start: float,
    agreement: float,
    confidence: float,
) -> list[PErrorTrial]:
    """Try ever larger chances until one fails: tests in a fixed order share one confidence."""
    trials: list[PErrorTrial] = []
    p_error = start
    while p_error <= _LARGEST:
        n_agreed, n_draws, gop = simulate(p_error)
        bound = _lower_bound(n_agreed, n_draws, confidence)
        trials.append(PErrorTrial(p_error, n_agreed / n_draws, bound, n_draws, gop))
        if bound < agreement:
            break
        p_error *= 2
    return trials


def _lower_bound(n_agreed: int, n_draws: int, confidence: float) -> float:
    """Bound a share from below (Clopper and Pearson, 1934).

    It holds, too, where the chance differs between rows that are drawn equally often (Hoeffding,
    "On the distribution of the number of successes in independent trials", 1956).
    """
    if n_agreed == 0:
        return 0.0
    return float(beta.ppf(1 - confidence, n_agreed, n_draws - n_agreed + 1))


def _check_shares(**shares: float) -> None:
    for name, share in shares.items():
        if not 0 < share < 1:
            raise InvalidInputError(f"{name} is {share}; it must lie between 0 and 1.")
