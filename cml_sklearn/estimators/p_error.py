"""The largest chance of a wrong bootstrap that predictions bear, by simulation."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from math import ceil, floor, log, log2
from numbers import Integral, Real

import numpy as np
from numpy.typing import ArrayLike
from scipy.stats import beta
from sklearn.base import is_regressor
from sklearn.utils import _safe_indexing

from cml_sklearn.config import config_context
from cml_sklearn.estimators.checks import check_is_ours
from cml_sklearn.estimators.predictions import PredictingEstimator
from cml_sklearn.exceptions import InvalidInputError, UnsupportedModelError
from cml_sklearn.program.steps import Lookup

__all__ = ["PErrorTrial", "calibrate_p_error"]

_ENGINE = "concrete"
"""The engine whose cost depends on `p_error`, and whose simulation draws the errors."""

_LARGEST = 0.25

_SPARE = 3
"""Draws by default, as a multiple of those that suffice if all of them agree."""

_MOST_DRAWS = 1_000_000
"""More simulated predictions than anybody waits for."""


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

    It begins where agreement follows from the number of bootstraps (unless lookups round
    approximately: then it must be shown, too), and doubles `p_error` as long as simulated
    predictions show it. Since it stops at the first that do not, the confidence holds for the
    result, however many were tried. No keys are made.

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
        A share that is none, too few draws or too many, no tolerance for a regressor, or not even
        the first trial agrees.
    UnsupportedModelError
        Something else than an estimator of this library, or one without bootstraps.

    Notes
    -----
    The engine draws the errors, and takes no seed: another call may find twice the result, or half.

    A result above ``2**-64`` means wrong answers that are seen: these must not come to the
    knowledge of the server, or of any other who knows the right ones. See
    docs/explanation/security.md.
    """
    check_is_ours(estimator, "calibrate_p_error", PredictingEstimator)
    _check_shares(agreement=agreement, confidence=confidence)
    _check_tolerance(estimator, tolerance)
    n_draws = _checked_draws(n_draws, ceil(log(1 - confidence) / log(agreement)))
    simulation = _Simulation(estimator, X, tolerance, n_draws)
    start = 2.0 ** floor(log2((1 - agreement) / simulation.n_lookups))
    trials = _doubled(simulation, start, agreement, confidence, simulation.proven)
    passed = [trial.p_error for trial in trials if trial.lower_bound >= agreement]
    if not passed:
        raise InvalidInputError(
            f"Even with p_error=2**{log2(start):.0f} only {trials[0].agreement:.4f} of "
            f"{n_draws} predictions agree (at least {trials[0].lower_bound:.4f} in truth), but "
            f"{agreement} is asked for. Lookups of this model round approximately: set "
            "exact_rounding=True where there is such a parameter, else raise rounding_bits, ask "
            "for less, or raise n_draws."
        )
    return passed[-1], trials


class _Simulation:
    """Predictions of a fitted estimator with errors drawn, beside those without.

    Parameters
    ----------
    estimator : PredictingEstimator
    X : array-like of shape (n_samples, n_features)
    tolerance : float, optional
    n_draws : int

    Raises
    ------
    UnsupportedModelError
        Nothing is looked up, so that `p_error` saves nothing.
    """

    def __init__(
        self,
        estimator: PredictingEstimator,
        X: ArrayLike,
        tolerance: float | None,
        n_draws: int,
    ) -> None:
        self.estimator, self.tolerance = estimator, tolerance
        n_samples = len(estimator._checked_input(X))
        self.rows = _safe_indexing(X, np.arange(n_draws) % n_samples)
        self.exact = estimator.predict(self.rows, execute_in_fhe=False)
        module = copy.copy(estimator).modules_["predict"]  # a copy's circuits are its own
        self.n_lookups = module.circuit_of(_ENGINE).report.pbs_count or 0.0
        if not self.n_lookups:
            raise UnsupportedModelError(
                f"{type(estimator).__name__} has no bootstraps under encryption, so that a larger "
                "p_error would make answers wrong and save nothing. Leave it as it is."
            )
        steps = (instruction.step for instruction in module.program.instructions)
        self._rounds = any(isinstance(step, Lookup) and _rounds(step) for step in steps)

    def proven(self, p_error: float) -> float:
        """Share that must agree at least, since the others take a wrong bootstrap each."""
        return 0.0 if self._rounds else 1 - p_error * self.n_lookups

    def __call__(self, p_error: float) -> tuple[int, int, float]:
        """Count agreeing predictions and all, and tell the cost of a sample in Gop."""
        twin = copy.copy(self.estimator)  # a copy has no circuits
        twin.p_error = p_error
        with config_context(engine=_ENGINE):
            values = twin.predict(self.rows, execute_in_fhe="simulate")
            gop = twin.modules_["predict"].fhe_circuit.report.complexity or 0.0
        same = values == self.exact
        if self.tolerance is not None:  # where there is no value, none may come
            same = np.isclose(values, self.exact, rtol=0, atol=self.tolerance, equal_nan=True)
        return int(same.reshape(len(same), -1).all(axis=1).sum()), len(same), gop


def _doubled(
    simulate: Callable[[float], tuple[int, int, float]],
    start: float,
    agreement: float,
    confidence: float,
    proven: Callable[[float], float],
) -> list[PErrorTrial]:
    """Try ever larger chances until one fails: tests in a fixed order share one confidence.

    What is proven to agree can't fail, whatever was drawn.
    """
    trials: list[PErrorTrial] = []
    p_error = start
    while p_error <= _LARGEST:
        n_agreed, n_draws, gop = simulate(p_error)
        bound = max(_lower_bound(n_agreed, n_draws, confidence), proven(p_error))
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


def _rounds(step: Lookup) -> bool:
    """Whether a lookup may read an entry beside the right one."""
    return step.lsbs_to_remove > 0 and not step.exact


def _check_shares(**shares: float) -> None:
    for name, share in shares.items():
        if not isinstance(share, Real) or not 0 < share < 1:
            raise InvalidInputError(f"{name} is {share!r}; it must lie between 0 and 1.")


def _check_tolerance(estimator: PredictingEstimator, tolerance: float | None) -> None:
    """Refuse a tolerance of labels, none of values, and one that is no distance."""
    if is_regressor(estimator) != (tolerance is not None):
        raise InvalidInputError(
            f"tolerance is {tolerance!r}, but {type(estimator).__name__} predicts "
            + ("values: say by how much they may differ." if tolerance is None else "labels.")
        )
    if tolerance is not None and not (isinstance(tolerance, Real) and tolerance >= 0):
        raise InvalidInputError(
            f"tolerance is {tolerance!r}; it must be a number, 0 or more: by how much predicted "
            "values may differ and still agree."
        )


def _checked_draws(n_draws: object, enough: int) -> int:
    """Find how many draws to make, and refuse so few that they can't show what is asked for."""
    if n_draws is None:
        n_draws = _SPARE * enough
    if isinstance(n_draws, bool) or not isinstance(n_draws, Integral):
        raise InvalidInputError(f"n_draws is {n_draws!r}; it must be a positive int, or None.")
    n = int(n_draws)
    if n < enough:
        raise InvalidInputError(
            f"{n} draws can't show the asked agreement with the asked confidence: that takes "
            f"{enough}, if all of them agree. Raise n_draws, or ask for less."
        )
    if n > _MOST_DRAWS:
        raise InvalidInputError(
            f"{n} simulated predictions take too long; at most {_MOST_DRAWS} are drawn, and "
            f"what is asked for takes {enough} at least. Ask for less agreement."
        )
    return n
