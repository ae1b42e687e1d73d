"""What an estimator shows of the model that it wraps, and what it refuses to show."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError

__all__ = [
    "DELEGATED",
    "REFUSED_METHODS",
    "is_fitted_attribute",
    "is_of_the_model",
    "left_behind",
    "names_of_the_model",
    "not_fitted",
    "read_only",
    "refusal_of",
]

_NAMES = """aic apply best_iteration best_score bic cost_complexity_pruning_path decision_path
error_norm evals_result get_booster get_covariance get_depth get_n_leaves get_num_boosting_rounds
get_precision get_xgb_params gibbs inverse_transform kneighbors kneighbors_graph loss_functions path
radius_neighbors radius_neighbors_graph sample save_model score
score_samples staged_decision_function staged_predict staged_predict_proba staged_score"""

DELEGATED = frozenset(_NAMES.split())
"""Names of wrapped models that are read from the fitted float model, which takes the user's data.

What they compute is in the clear, with floats.
"""

_OF_THE_INPUT = {"n_features_in_", "feature_names_in_"}
"""Attributes that validation sets."""

REFUSED_METHODS = {
    "correct_covariance": "call it on the wrapped class, and give this to from_sklearn_model",
    "reweight_covariance": "call it on the wrapped class, and give this to from_sklearn_model",
    "load_model": "load it into a model of the library, and give this to from_sklearn_model",
    "set_callbacks": "callbacks of scikit-learn don't reach the wrapped model; fit without them",
}
"""Names of wrapped models that would be without effect here, and what to do instead."""


def is_of_the_model(wrapped: type[BaseEstimator], name: str) -> bool:
    """Whether a name is to be looked up on the wrapped model."""
    return is_attribute_of_fit(name) or (name in DELEGATED and hasattr(wrapped, name))


def is_attribute_of_fit(name: str) -> bool:
    """Whether a name is that of an attribute that `fit` sets."""
    return name.endswith("_") and not name.startswith("_")


def is_fitted_attribute(model: BaseEstimator, name: str) -> bool:
    """Whether a fitted model has an attribute of `fit` of that name."""
    is_of_fit = is_attribute_of_fit(name) and name not in _OF_THE_INPUT
    return is_of_fit and hasattr(model, name)


def names_of_the_model(model: BaseEstimator | None) -> set[str]:
    """Names of a fitted model that an estimator shows."""
    if model is None:
        return set()
    return {name for name in dir(model) if is_of_the_model(type(model), name)}


def read_only(value: Any) -> Any:
    """View of an array that can't be written; anything else as it is."""
    if type(value) is not np.ndarray:
        return value
    view = value.view()
    view.flags.writeable = False
    return view


def refusal_of(estimator: BaseEstimator, name: str) -> str:
    """Message about a name that an estimator does not have."""
    message = f"{type(estimator).__name__!r} object has no attribute {name!r}"
    return f"{message}: {REFUSED_METHODS[name]}" if name in REFUSED_METHODS else message


def left_behind(estimator: BaseEstimator, name: str) -> AttributeError:
    """Error for what an estimator that was loaded does not have."""
    kind = type(estimator).__name__
    return AttributeError(
        f"This {kind} was loaded to predict, without the float model that {name} comes from; ask "
        "the estimator that was saved, or fit again."
    )


def not_fitted(estimator: BaseEstimator, name: str) -> AttributeError:
    """Error for what only a fitted model has; for `hasattr` it is just not there."""
    kind = type(estimator).__name__
    if name in DELEGATED:
        return NotFittedError(f"This {kind} is not fitted yet; call fit before {name}.")
    return AttributeError(f"{kind!r} object has no attribute {name!r}")
