"""Linear models: `sklearn.linear_model` on encrypted data."""

from __future__ import annotations

import sklearn.linear_model
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.metrics import d2_tweedie_score
from typing_extensions import override

from cml_sklearn._typing import Array
from cml_sklearn.config import ExecutionMode, resolve_mode
from cml_sklearn.estimators.conventions import binarized_labels
from cml_sklearn.estimators.linear import LinearClassifier, LinearRegressor
from cml_sklearn.estimators.partial_fit import PartialFitMixin
from cml_sklearn.exceptions import UnsupportedModelError
from cml_sklearn.quantization.postprocessing import (
    Affine,
    Clip,
    Postprocessing,
    Shares,
    Softmax,
    TwoClasses,
)

__all__ = [
    "BayesianRidge",
    "ElasticNet",
    "GammaRegressor",
    "HuberRegressor",
    "Lasso",
    "LinearRegression",
    "LogisticRegression",
    "Perceptron",
    "PoissonRegressor",
    "Ridge",
    "RidgeClassifier",
    "SGDClassifier",
    "SGDRegressor",
    "TweedieRegressor",
]


class LinearRegression(LinearRegressor, wraps=sklearn.linear_model.LinearRegression): ...


class Ridge(LinearRegressor, wraps=sklearn.linear_model.Ridge): ...


class Lasso(LinearRegressor, wraps=sklearn.linear_model.Lasso): ...


class ElasticNet(LinearRegressor, wraps=sklearn.linear_model.ElasticNet): ...


class HuberRegressor(LinearRegressor, wraps=sklearn.linear_model.HuberRegressor): ...


class BayesianRidge(LinearRegressor, wraps=sklearn.linear_model.BayesianRidge):
    def predict(  # type: ignore[override]
        self,
        X: ArrayLike,
        execute_in_fhe: ExecutionMode | None = None,
        *,
        return_std: bool = False,
    ) -> Array | tuple[Array, Array]:
        """Predict as all do; standard deviations come from the float model, in the clear.

        Returns
        -------
        ndarray of shape (n_samples,), or with `return_std` two of them
        """
        if return_std and resolve_mode(execute_in_fhe):
            raise UnsupportedModelError(
                "Standard deviations (return_std=True) are computed in the clear only; use "
                "execute_in_fhe=False for them, and leave return_std out under encryption."
            )
        mean = super().predict(X, execute_in_fhe)
        return (mean, self.sklearn_model_.predict(X, return_std=True)[1]) if return_std else mean


class SGDRegressor(PartialFitMixin, LinearRegressor, wraps=sklearn.linear_model.SGDRegressor): ...


class _DevianceRegressor(LinearRegressor):
    """A regressor of a Tweedie distribution, scored by its deviance; abstract."""

    _power: float

    @override
    def _score_of(
        self, y: ArrayLike, predicted: ArrayLike, sample_weight: ArrayLike | None
    ) -> float:
        """Share of the deviance that predictions explain."""
        options = {"sample_weight": sample_weight, "power": self._power}
        return float(d2_tweedie_score(y, predicted, **options))


class PoissonRegressor(_DevianceRegressor, wraps=sklearn.linear_model.PoissonRegressor):
    _power = 1.0


class GammaRegressor(_DevianceRegressor, wraps=sklearn.linear_model.GammaRegressor):
    _power = 2.0


class TweedieRegressor(_DevianceRegressor, wraps=sklearn.linear_model.TweedieRegressor):
    @property
    def _power(self) -> float:  # type: ignore[override]
        return float(self.power)


class LogisticRegression(LinearClassifier, wraps=sklearn.linear_model.LogisticRegression):
    @override
    def _probabilities(self, model: BaseEstimator) -> Postprocessing:
        # a parameter of older versions, which may ask for a softmax of two classes, too
        scheme = getattr(model, "multi_class", "auto")
        is_one_score = len(model.classes_) <= 2 or model.solver == "liblinear"
        if scheme == "ovr" or (scheme != "multinomial" and is_one_score):
            return super()._probabilities(model)
        return (TwoClasses(offset=0.0), Softmax())


class RidgeClassifier(LinearClassifier, wraps=sklearn.linear_model.RidgeClassifier):
    @override
    def _labels(self, model: BaseEstimator) -> Postprocessing:
        return binarized_labels(model._label_binarizer)


class SGDClassifier(PartialFitMixin, LinearClassifier, wraps=sklearn.linear_model.SGDClassifier):
    @override
    def _probabilities(self, model: BaseEstimator) -> Postprocessing:
        if model.loss != "modified_huber":
            return super()._probabilities(model)
        last = TwoClasses() if len(model.classes_) == 2 else Shares()
        return (Clip(-1.0, 1.0), Affine(0.5, 0.5), last)


class Perceptron(PartialFitMixin, LinearClassifier, wraps=sklearn.linear_model.Perceptron): ...
