"""What the estimators of XGBoost and LightGBM share: margins, and grids of their own."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import cast

from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from typing_extensions import override

from cml_sklearn.estimators.base import as_numpy
from cml_sklearn.estimators.predictions import DecidingEstimator, PredictingEstimator
from cml_sklearn.estimators.trees import EnsembleEstimator
from cml_sklearn.exceptions import UnsupportedModelError
from cml_sklearn.forest.grid import FeatureGrid
from cml_sklearn.quantization.postprocessing import (
    Argmax,
    Labels,
    Postprocessing,
    Squeeze,
)

__all__ = ["BoosterClassifier", "BoosterEstimator", "BoosterRegressor"]

_NO_CODES = ("base_margin", "init_score", "xgb_model", "init_model", "eval_X")


class BoosterEstimator(EnsembleEstimator):
    """A model of a library of its own; abstract.

    Its thresholds stay in terms of the grid's codes: see `grid_`.
    """

    @override
    def _to_users_units(self, model: BaseEstimator, grid: FeatureGrid) -> None:
        """Leave the thresholds: these libraries' trees can't be written."""

    @override
    def _encoded_parameters(
        self, grid: FeatureGrid, fit_params: dict[str, object]
    ) -> dict[str, object]:
        """Parameters of `fit`, where samples for early stopping have gone through the grid, too."""
        given = [name for name in _NO_CODES if fit_params.get(name) is not None]
        if given:
            raise UnsupportedModelError(
                f"{type(self).__name__}.fit does not take {', '.join(given)}: such a start is not "
                "part of the trees. Leave it out."
            )
        pairs = cast("Sequence[tuple[ArrayLike, ArrayLike]] | None", fit_params.get("eval_set"))
        if pairs is None:
            return fit_params
        encoded = [(self._typed(grid.codes(self._rounded(X))), y) for X, y in pairs]
        return {**fit_params, "eval_set": encoded}

    @abstractmethod
    def _inverse_link(self, model: BaseEstimator) -> Postprocessing:
        """Make targets or probabilities of margins, by the fitted model's objective."""


class BoosterRegressor(RegressorMixin, PredictingEstimator, BoosterEstimator):
    """A regressor on margins; abstract."""

    @override
    def _postprocessing(self, model: BaseEstimator) -> dict[str, Postprocessing]:
        return {"predict": (Squeeze(), *self._inverse_link(model))}


class BoosterClassifier(ClassifierMixin, DecidingEstimator, BoosterEstimator):
    """A classifier on margins; abstract."""

    @override
    def _probabilities(self, model: BaseEstimator) -> Postprocessing:
        return self._inverse_link(model)

    @override
    def _labels(self, model: BaseEstimator) -> Postprocessing:
        return (*self._inverse_link(model), *self._choice(model))

    def _choice(self, model: BaseEstimator) -> Postprocessing:
        """Make labels of probabilities."""
        return (Argmax(), Labels.of(as_numpy(model.classes_)))
