"""Linear models: `sklearn.linear_model` on encrypted data."""

from __future__ import annotations

import sklearn.linear_model
from sklearn.base import BaseEstimator
from typing_extensions import override

from cml_sklearn.estimators.conventions import binarized_labels
from cml_sklearn.estimators.linear import LinearClassifier, LinearRegressor
from cml_sklearn.estimators.partial_fit import PartialFitMixin
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


class BayesianRidge(LinearRegressor, wraps=sklearn.linear_model.BayesianRidge): ...


class SGDRegressor(PartialFitMixin, LinearRegressor, wraps=sklearn.linear_model.SGDRegressor): ...


class PoissonRegressor(LinearRegressor, wraps=sklearn.linear_model.PoissonRegressor): ...


class GammaRegressor(LinearRegressor, wraps=sklearn.linear_model.GammaRegressor): ...


class TweedieRegressor(LinearRegressor, wraps=sklearn.linear_model.TweedieRegressor): ...


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
