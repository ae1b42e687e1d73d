"""XGBoost's scikit-learn estimators on encrypted data; needs xgboost."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import xgboost

from cml_sklearn._boosters import BoosterClassifier, BoosterEstimator, BoosterRegressor
from cml_sklearn._trees import constant_tree
from cml_sklearn.exceptions import UnsupportedModelError
from cml_sklearn.forest.tree_arrays import TreeArrays, add_up, xgboost_trees

__all__ = ["XGBClassifier", "XGBRFClassifier", "XGBRFRegressor", "XGBRegressor"]

_CLASSIFIERS = {"binary:logistic", "multi:softprob", "multi:softmax"}
_IDENTITIES = {
    "reg:squarederror",
    "reg:absoluteerror",
    "reg:pseudohubererror",
    "reg:quantileerror",
}
_EXPONENTIAL = {"count:poisson", "reg:gamma", "reg:tweedie"}
_LOGISTIC = {"reg:logistic", "binary:logistic"}


class _XGBModel(BoosterEstimator):
    """Trees of XGBoost; abstract."""

    def _read_trees(self, model: Any) -> list[TreeArrays]:
        """See `TreeEstimator`; the base score is read off a prediction."""
        objective = _objective_of(model)
        allowed = _CLASSIFIERS | _IDENTITIES | _EXPONENTIAL | _LOGISTIC
        if objective not in allowed:
            raise UnsupportedModelError(
                f"The objective {objective!r} has no known link; use one of "
                f"{', '.join(sorted(allowed))}."
            )
        trees = xgboost_trees(model)
        sample = np.zeros((1, model.n_features_in_), dtype=np.float32)
        margin = np.asarray(model.predict(sample, output_margin=True), dtype=np.float64)
        margin = margin.reshape(1, -1)
        base = margin[0] - (add_up(trees, sample)[0] if trees else 0.0)
        return [constant_tree(base), *trees]

    def _objective(self) -> str:
        """See `BoosterEstimator`."""
        return _objective_of(self.sklearn_model_)


class _XGBRegressor(BoosterRegressor, _XGBModel):
    _exponential = frozenset(_EXPONENTIAL)
    _logistic = frozenset(_LOGISTIC)


class _XGBClassifier(BoosterClassifier, _XGBModel):
    def _is_multilabel(self) -> bool:
        """See `BoosterClassifier`."""
        n_outputs = len(self.quantized_module_.output_scales[0].offset)  # type: ignore[attr-defined]
        return n_outputs > 1 and self._objective() == "binary:logistic"


class XGBClassifier(_XGBClassifier, wraps=xgboost.XGBClassifier): ...


class XGBRegressor(_XGBRegressor, wraps=xgboost.XGBRegressor): ...


class XGBRFClassifier(_XGBClassifier, wraps=xgboost.XGBRFClassifier): ...


class XGBRFRegressor(_XGBRegressor, wraps=xgboost.XGBRFRegressor): ...


def _objective_of(model: Any) -> str:
    config = json.loads(model.get_booster().save_config())
    name: str = config["learner"]["objective"]["name"]
    return name
