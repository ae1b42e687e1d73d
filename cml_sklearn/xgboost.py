"""XGBoost's scikit-learn estimators on encrypted data; needs xgboost."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse
from sklearn.base import BaseEstimator
from typing_extensions import override

from cml_sklearn._typing import FloatArray
from cml_sklearn.estimators.arrays import as_numpy
from cml_sklearn.estimators.boosters import BoosterClassifier, BoosterEstimator, BoosterRegressor
from cml_sklearn.estimators.trees import constant_tree
from cml_sklearn.exceptions import MissingPackageError, UnsupportedModelError
from cml_sklearn.forest.grid import FeatureGrid
from cml_sklearn.forest.tree_arrays import TreeArrays, add_up, xgboost_trees
from cml_sklearn.quantization.postprocessing import (
    Argmax,
    Labels,
    Link,
    Postprocessing,
    Softmax,
    Threshold,
    TwoClasses,
)

with MissingPackageError.of_imports(__name__, "boosting"):
    import xgboost

__all__ = ["XGBClassifier", "XGBRFClassifier", "XGBRFRegressor", "XGBRegressor"]


def __dir__() -> list[str]:
    return __all__


_INVERSE_LINKS: dict[str, Postprocessing] = {
    "binary:logistic": (Link("logit"),),
    "multi:softprob": (Softmax(),),
    "multi:softmax": (Softmax(),),
    "reg:squarederror": (),
    "reg:absoluteerror": (),
    "reg:pseudohubererror": (),
    "reg:quantileerror": (),
    "reg:logistic": (Link("logit"),),
    "reg:gamma": (Link("log"),),
    "reg:tweedie": (Link("log"),),
    "count:poisson": (Link("log"),),
}


class _XGBModel(BoosterEstimator):
    """Trees of XGBoost; abstract."""

    @override
    def _read_trees(self, model: BaseEstimator) -> list[TreeArrays]:
        """Trees, and the base score, which is read off a prediction."""
        objective = _learner_of(model)["objective"]["name"]
        if objective not in _INVERSE_LINKS:
            raise UnsupportedModelError(
                f"The objective {objective!r} has no known link; use one of "
                f"{', '.join(sorted(_INVERSE_LINKS))}."
            )
        trees = xgboost_trees(model)
        sample = np.zeros((1, model.n_features_in_), dtype=np.float32)
        margin = np.asarray(model.predict(sample, output_margin=True), dtype=np.float64)
        margin = margin.reshape(1, -1)
        base = margin[0] - (add_up(trees, sample)[0] if trees else 0.0)
        return [constant_tree(base), *trees]

    @override
    def _validated(self, X: ArrayLike, *, reset: bool) -> FloatArray:
        if self._is_adopted and sparse.issparse(X):
            raise UnsupportedModelError(
                "XGBoost takes what a sparse matrix leaves out for missing, which a model that was "
                "fitted elsewhere does not take here. Give X as an array."
            )
        return super()._validated(X, reset=reset)

    @override
    def _constraints_by_position(self) -> dict[str, object]:
        """Constraints as XGBoost takes them where it is not given names."""
        given = super()._constraints_by_position()
        signs, groups = given["monotone_constraints"], given["interaction_constraints"]
        return {
            "monotone_constraints": tuple(signs) if isinstance(signs, list) else signs,
            "interaction_constraints": str(groups) if isinstance(groups, list) else groups,
        }

    @override
    def _to_users_units(self, model: BaseEstimator, grid: FeatureGrid) -> None:
        booster = model.get_booster()
        content = json.loads(bytes(booster.save_raw("json")))
        for tree in content["learner"]["gradient_booster"]["model"]["trees"]:
            _write_edges(tree, grid)
        booster.load_model(bytearray(json.dumps(content), "utf-8"))
        names = [str(name) for name in getattr(self, "feature_names_in_", ())]
        if names and not set("[]<") & set("".join(names)):
            booster.feature_names = names

    @override
    def _inverse_link(self, model: BaseEstimator) -> Postprocessing:
        return _INVERSE_LINKS[_learner_of(model)["objective"]["name"]]


class _XGBRegressor(BoosterRegressor, _XGBModel):
    """A regressor of XGBoost; abstract."""


class _XGBClassifier(BoosterClassifier, _XGBModel):
    """A classifier of XGBoost, of one label or several; abstract."""

    @override
    def _inverse_link(self, model: BaseEstimator) -> Postprocessing:
        steps = super()._inverse_link(model)
        return steps if _n_targets(model) > 1 else (*steps, TwoClasses())

    @override
    def _labels(self, model: BaseEstimator) -> Postprocessing:
        # by probabilities, as XGBoost does: the objective binary:logitraw takes margins for them
        several = _n_targets(model) > 1
        choice = (Threshold(0.5),) if several else (Argmax(), Labels.of(as_numpy(model.classes_)))
        return (*self._inverse_link(model), *choice)


class XGBClassifier(_XGBClassifier, wraps=xgboost.XGBClassifier): ...


class XGBRegressor(_XGBRegressor, wraps=xgboost.XGBRegressor): ...


class XGBRFClassifier(_XGBClassifier, wraps=xgboost.XGBRFClassifier): ...


class XGBRFRegressor(_XGBRegressor, wraps=xgboost.XGBRFRegressor): ...


def _learner_of(model: BaseEstimator) -> dict[str, Any]:
    """Read a fitted model's configuration."""
    learner: dict[str, Any] = json.loads(model.get_booster().save_config())["learner"]
    return learner


def _write_edges(tree: dict[str, Any], grid: FeatureGrid) -> None:
    """Put the grid's edges in place of codes, in a tree as XGBoost stores it."""
    inner = np.array(tree["left_children"]) >= 0
    condition = np.array(tree["split_conditions"], dtype=np.float32)
    feature = np.array(tree["split_indices"])[inner]
    edge = grid.thresholds(feature, np.nextafter(condition[inner], np.float32(-np.inf)))
    rounded = edge.astype(np.float32)
    below = np.where(rounded > edge, np.nextafter(rounded, np.float32(-np.inf)), rounded)
    # samples go left where x < condition, in float32: where x <= the float just below
    largest = np.finfo(np.float32).max
    condition[inner] = np.clip(np.nextafter(below, np.float32(np.inf)), -largest, largest)
    tree["split_conditions"] = condition.tolist()
    # a missing value lies above every edge
    tree["default_left"] = [0] * len(condition)


def _n_targets(model: BaseEstimator) -> int:
    """Count the labels that are given at once."""
    return int(_learner_of(model)["learner_model_param"]["num_target"])
