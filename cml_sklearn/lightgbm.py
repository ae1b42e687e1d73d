"""LightGBM's scikit-learn estimators on encrypted data; needs lightgbm."""

from __future__ import annotations

from typing import Any

import lightgbm

from cml_sklearn._boosters import BoosterClassifier, BoosterEstimator, BoosterRegressor
from cml_sklearn.exceptions import UnsupportedModelError
from cml_sklearn.forest.tree_arrays import TreeArrays, lightgbm_trees

__all__ = ["LGBMClassifier", "LGBMRegressor"]

_CLASSIFIERS = {"binary", "multiclass", "multiclassova"}
_IDENTITIES = {"regression", "regression_l1", "huber", "fair", "quantile", "mape"}
_EXPONENTIAL = {"poisson", "gamma", "tweedie"}


class _LGBMModel(BoosterEstimator):
    """Trees of LightGBM; abstract."""

    _float32 = False

    def _make_wrapped(self) -> Any:
        """See `FheEstimator`; LightGBM writes to the terminal unless told not to."""
        return super()._make_wrapped().set_params(verbose=-1)

    def _read_trees(self, model: Any) -> list[TreeArrays]:
        """See `TreeEstimator`; the start of the boosting is part of the first trees."""
        objective, *options = _objective_of(model)
        allowed = _CLASSIFIERS | _IDENTITIES | _EXPONENTIAL
        if objective not in allowed or "sqrt" in options:
            raise UnsupportedModelError(
                f"The objective {' '.join([objective, *options])!r} has no known link; use one of "
                f"{', '.join(sorted(allowed))}, without reg_sqrt."
            )
        return lightgbm_trees(model)

    def _objective(self) -> str:
        """See `BoosterEstimator`."""
        return _objective_of(self.sklearn_model_)[0]


class LGBMClassifier(BoosterClassifier, _LGBMModel, wraps=lightgbm.LGBMClassifier):
    def _slope(self) -> float:
        """See `BoosterClassifier`."""
        options = _objective_of(self.sklearn_model_)[1:]
        slopes = [o.removeprefix("sigmoid:") for o in options if o.startswith("sigmoid:")]
        return float(slopes[0]) if slopes else 1.0

    def _one_against_rest(self) -> bool:
        """See `BoosterClassifier`."""
        return self._objective() == "multiclassova"


class LGBMRegressor(BoosterRegressor, _LGBMModel, wraps=lightgbm.LGBMRegressor):
    _exponential = frozenset(_EXPONENTIAL)


def _objective_of(model: Any) -> list[str]:
    """Name and options of a fitted model's objective."""
    lines = model.booster_.model_to_string(num_iteration=1).splitlines()
    named = [line.removeprefix("objective=") for line in lines if line.startswith("objective=")]
    return named[0].split() if named else ["unknown"]
