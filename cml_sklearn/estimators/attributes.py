"""What an estimator shows of the model that it wraps, and what it refuses to show."""

from __future__ import annotations

import inspect
from typing import Any, ClassVar

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.exceptions import NotFittedError

__all__ = [
    "DELEGATED",
    "REFUSED_METHODS",
    "ModelAttributes",
    "is_attribute_of_fit",
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

_COMPILED = {"fhe_circuit_", "fhe_report_", "fhe_reports_"}
"""Attributes that compile what is not compiled yet."""


class ModelAttributes:
    """The fitted attributes of the wrapped model, as an estimator's own; abstract."""

    _wrapped_class: ClassVar[type[BaseEstimator]]
    sklearn_model_: BaseEstimator

    @property
    def _is_loaded(self) -> bool:
        """Whether modules were read from a file, without the float model they came from."""
        return "modules_" in vars(self) and "onnx_model_" not in vars(self)

    def __getattr__(self, name: str) -> Any:
        """Look fitted attributes and some methods up on the wrapped model.

        Arrays are handed out read-only, since predictions come from integers made of them.
        """
        if isinstance(inspect.getattr_static(type(self), name, None), property):
            # its own error, which led here
            return inspect.getattr_static(type(self), name).fget(self)
        if not _is_of_the_model(self._wrapped_class, name):
            raise AttributeError(_refusal_of(self, name))
        if self._is_loaded:
            raise _left_behind(self, name)
        if "sklearn_model_" not in vars(self):
            raise _not_fitted(self, name)
        return _read_only(getattr(self.sklearn_model_, name))

    def __setattr__(self, name: str, value: object) -> None:
        """Refuse to hide the wrapped model's attributes, which predictions would not follow."""
        model = vars(self).get("sklearn_model_")
        if model is not None and name not in vars(self) and _is_fitted_attribute(model, name):
            raise AttributeError(
                f"{name} can't be set, since predictions come from integers made in fit. Set it on "
                f"a fitted {type(model).__name__}, and give this to "
                f"{type(self).__name__}.from_sklearn_model."
            )
        super().__setattr__(name, value)

    def __dir__(self) -> list[str]:
        """Names that can be read at no cost: circuits and reports only if compiled."""
        names = set(object.__dir__(self)) | _names_of_the_model(vars(self).get("sklearn_model_"))
        modules = vars(self).get("modules_", {}).values()
        if not all(module.is_compiled for module in modules) or not modules:
            names -= _COMPILED
        return sorted(name for name in names if hasattr(self, name))


def _is_of_the_model(wrapped: type[BaseEstimator], name: str) -> bool:
    """Whether a name is to be looked up on the wrapped model."""
    return is_attribute_of_fit(name) or (name in DELEGATED and hasattr(wrapped, name))


def is_attribute_of_fit(name: str) -> bool:
    """Whether a name is that of an attribute that `fit` sets."""
    return name.endswith("_") and not name.startswith("_")


def _is_fitted_attribute(model: BaseEstimator, name: str) -> bool:
    """Whether a fitted model has an attribute of `fit` of that name."""
    is_of_fit = is_attribute_of_fit(name) and name not in _OF_THE_INPUT
    return is_of_fit and hasattr(model, name)


def _names_of_the_model(model: BaseEstimator | None) -> set[str]:
    """Names of a fitted model that an estimator shows."""
    if model is None:
        return set()
    return {name for name in dir(model) if _is_of_the_model(type(model), name)}


def _read_only(value: Any) -> Any:
    """View of an array that can't be written; anything else as it is."""
    if type(value) is not np.ndarray:
        return value
    view = value.view()
    view.flags.writeable = False
    return view


def _refusal_of(estimator: object, name: str) -> str:
    """Message about a name that an estimator does not have."""
    message = f"{type(estimator).__name__!r} object has no attribute {name!r}"
    return f"{message}: {REFUSED_METHODS[name]}" if name in REFUSED_METHODS else message


def _left_behind(estimator: object, name: str) -> AttributeError:
    """Error for what an estimator that was loaded does not have."""
    kind = type(estimator).__name__
    return AttributeError(
        f"This {kind} was loaded to predict, without the float model that {name} comes from; ask "
        "the estimator that was saved, or fit again."
    )


def _not_fitted(estimator: object, name: str) -> AttributeError:
    """Error for what only a fitted model has; for `hasattr` it is just not there."""
    kind = type(estimator).__name__
    if name in DELEGATED:
        return NotFittedError(f"This {kind} is not fitted yet; call fit before {name}.")
    return AttributeError(f"{kind!r} object has no attribute {name!r}")
