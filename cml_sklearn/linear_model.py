"""Linear models: `sklearn.linear_model` on encrypted data."""

from __future__ import annotations

import sklearn.linear_model

from cml_sklearn._linear import LinearClassifier, LinearRegressor, PartialFitMixin
from cml_sklearn._typing import FloatArray

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


class BayesianRidge(LinearRegressor, wraps=sklearn.linear_model.BayesianRidge): ...


class SGDRegressor(PartialFitMixin, LinearRegressor, wraps=sklearn.linear_model.SGDRegressor): ...


class _GeneralizedLinearRegressor(LinearRegressor):
    """A regressor with a link function; abstract."""

    def _link_inverse(self, scores: FloatArray) -> FloatArray:
        """See `LinearRegressor`."""
        inverse: FloatArray = self.sklearn_model_._base_loss.link.inverse(scores)
        return inverse


class PoissonRegressor(
    _GeneralizedLinearRegressor, wraps=sklearn.linear_model.PoissonRegressor
): ...


class GammaRegressor(_GeneralizedLinearRegressor, wraps=sklearn.linear_model.GammaRegressor): ...


class TweedieRegressor(
    _GeneralizedLinearRegressor, wraps=sklearn.linear_model.TweedieRegressor
): ...


class LogisticRegression(LinearClassifier, wraps=sklearn.linear_model.LogisticRegression): ...


class RidgeClassifier(LinearClassifier, wraps=sklearn.linear_model.RidgeClassifier): ...


class SGDClassifier(
    PartialFitMixin, LinearClassifier, wraps=sklearn.linear_model.SGDClassifier
): ...


class Perceptron(PartialFitMixin, LinearClassifier, wraps=sklearn.linear_model.Perceptron): ...
