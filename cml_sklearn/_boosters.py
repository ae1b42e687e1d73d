"""What the estimators of XGBoost and LightGBM share: margins, and the links of objectives."""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import expit, softmax
from sklearn.base import ClassifierMixin, RegressorMixin

from cml_sklearn._predictions import DecidingEstimator, PredictingEstimator
from cml_sklearn._trees import EnsembleEstimator
from cml_sklearn.base import like_input
from cml_sklearn.config import ExecutionMode
from cml_sklearn.exceptions import UnsupportedModelError
from cml_sklearn.forest.grid import FeatureGrid
from cml_sklearn.quantization.quantizers import FloatArray

__all__ = ["BoosterClassifier", "BoosterEstimator", "BoosterRegressor"]

_NO_CODES = ("base_margin", "init_score", "xgb_model", "init_model", "eval_X")


class BoosterEstimator(EnsembleEstimator):
    """A model of a library of its own; abstract.

    Its thresholds stay in terms of the grid's codes: see `grid_`.
    """

    def _to_users_units(self, model: Any, grid: FeatureGrid) -> None:
        """See `TreeEstimator`; these libraries' trees can't be written."""

    def _encoded_parameters(self, grid: FeatureGrid, fit_params: dict[str, Any]) -> dict[str, Any]:
        """See `TreeEstimator`; samples for early stopping go through the grid, too."""
        given = [name for name in _NO_CODES if fit_params.get(name) is not None]
        if given:
            raise UnsupportedModelError(
                f"{type(self).__name__}.fit does not take {', '.join(given)}: such a start is not "
                "part of the trees. Leave it out."
            )
        pairs = fit_params.get("eval_set")
        if pairs is None:
            return fit_params
        encoded = [(self._typed(grid.codes(self._rounded(X))), y) for X, y in pairs]
        return {**fit_params, "eval_set": encoded}

    @abstractmethod
    def _objective(self) -> str:
        """Name of the fitted model's objective."""


class BoosterRegressor(RegressorMixin, PredictingEstimator, BoosterEstimator):
    """A regressor on margins; abstract."""

    _exponential: frozenset[str] = frozenset()
    _logistic: frozenset[str] = frozenset()

    def _predicted(
        self, method: str, X: ArrayLike, execute_in_fhe: ExecutionMode | None
    ) -> NDArray[np.float64]:
        """See `PredictingEstimator`."""
        scores = self._raw_scores(X, execute_in_fhe)
        scores = scores.ravel() if scores.shape[1] == 1 else scores
        objective = self._objective()
        if objective in self._exponential:
            scores = np.exp(scores)
        elif objective in self._logistic:
            scores = expit(scores)
        return like_input(scores, X)


class BoosterClassifier(ClassifierMixin, DecidingEstimator, BoosterEstimator):
    """A classifier on margins; abstract."""

    def _predicted(
        self, method: str, X: ArrayLike, execute_in_fhe: ExecutionMode | None
    ) -> NDArray[Any]:
        """See `PredictingEstimator`."""
        scores = self._raw_scores(X, execute_in_fhe)
        if method == "decision_function":
            return like_input(scores.ravel() if scores.shape[1] == 1 else scores, X)
        shares = self._probabilities(scores)
        if method == "predict_proba":
            return like_input(shares, X)
        if self._is_multilabel():
            return like_input((shares > 0.5).astype(np.int64), X)
        place = shares.argmax(axis=1)
        return like_input(np.asarray(self.sklearn_model_.classes_).take(place), X)

    def _probabilities(self, scores: FloatArray) -> FloatArray:
        """Link of the objective, shape (n_samples, n_classes)."""
        if self._is_multilabel():
            shares: FloatArray = expit(scores)
            return shares
        if scores.shape[1] == 1:
            positive = expit(self._slope() * scores)
            return np.hstack([1 - positive, positive])
        if self._one_against_rest():
            shares = expit(self._slope() * scores)
            return shares / shares.sum(axis=1, keepdims=True)
        result: FloatArray = softmax(scores, axis=1)
        return result

    def _is_multilabel(self) -> bool:
        """Whether every output is a label of its own, present or absent."""
        return False

    def _slope(self) -> float:
        """Factor of the margin before the logistic function."""
        return 1.0

    def _one_against_rest(self) -> bool:
        """Whether each class has a logistic loss of its own."""
        return False
