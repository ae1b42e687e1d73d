"""Choosing by accuracy and cost: rules for ``refit`` of scikit-learn's searches, widths, errors."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import numpy as np

from cml_sklearn._typing import Array, FloatArray
from cml_sklearn.estimators.p_error import PErrorTrial, calibrate_p_error
from cml_sklearn.exceptions import InvalidInputError

__all__ = [
    "PErrorTrial",
    "calibrate_p_error",
    "cheapest_within_one_standard_error",
    "means_and_errors",
]


def cheapest_within_one_standard_error(
    score: str, cost: str = "neg_fhe_gop"
) -> Callable[[Mapping[str, Array]], int]:
    """Make a rule for ``refit``: the cheapest whose score is as good as the best's, by its error.

    As good means at most one standard error of the best mean score below it (Breiman et al.,
    "Classification and regression trees", 1984, section 3.4.3).

    Parameters
    ----------
    score : str
        Name of what is to be good, a key of the search's ``scoring``.
    cost : str, default="neg_fhe_gop"
        Name of the cost's scorer, of `cml_sklearn.metrics.fhe_scorers`.

    Returns
    -------
    callable
        Of ``cv_results_``, picklable; gives the index of the chosen parameters.

    Examples
    --------
    >>> from cml_sklearn.model_selection import cheapest_within_one_standard_error
    >>> rule = cheapest_within_one_standard_error("accuracy")
    >>> rule({
    ...     "split0_test_accuracy": [0.8, 0.90, 0.92], "split1_test_accuracy": [0.8, 0.94, 0.96],
    ...     "split0_test_neg_fhe_gop": [-1, -2, -9], "split1_test_neg_fhe_gop": [-1, -2, -9],
    ... })
    1
    """
    return partial(_cheapest, score=score, cost=cost)


def _cheapest(cv_results: Mapping[str, Array], *, score: str, cost: str) -> int:
    """Choose among ``cv_results_``."""
    means, errors = means_and_errors(cv_results, score)
    costs, _ = means_and_errors(cv_results, cost)
    finite = np.isfinite(means) & np.isfinite(costs)
    if not finite.any():
        raise InvalidInputError(
            f"No candidate has both a finite {score} and a finite {cost}; see cv_results_."
        )
    best = int(np.argmax(np.where(finite, means, -np.inf)))
    allowed = finite & (means >= means[best] - errors[best])
    # of equal cost, the better one
    order = np.lexsort((-means, -costs))
    return int(next(i for i in order if allowed[i]))


def means_and_errors(cv_results: Mapping[str, Array], name: str) -> tuple[FloatArray, FloatArray]:
    """Mean scores of a search's candidates and their standard errors, over the splits.

    Parameters
    ----------
    cv_results : mapping
        ``cv_results_`` of a search.
    name : str
        A key of its ``scoring``.

    Returns
    -------
    means, errors : ndarray of shape (n_candidates,)

    Raises
    ------
    InvalidInputError
        The search has no such scores.
    """
    splits = [
        values
        for key, values in cv_results.items()
        if key.startswith("split") and key.endswith(f"_test_{name}")
    ]
    if not splits:
        raise InvalidInputError(
            f"The search has no scores of {name!r}, only of {', '.join(_names(cv_results))}: name "
            f"one of these, or give the search scoring={{{name!r}: ...}}."
        )
    scores = np.array(splits, dtype=np.float64)
    with np.errstate(invalid="ignore"):  # of scores that are not finite
        deviation = scores.std(axis=0, ddof=1) if len(scores) > 1 else np.zeros(scores.shape[1])
    return scores.mean(axis=0), deviation / np.sqrt(len(scores))


def _names(cv_results: Mapping[str, Array]) -> list[str]:
    """Names of all scores."""
    return [key.partition("_test_")[2] for key in cv_results if key.startswith("split0_test_")]
