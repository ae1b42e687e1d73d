"""The estimators under test: one place, from which every common test reads."""

from __future__ import annotations

from sklearn.base import BaseEstimator

from cml_sklearn import discriminant_analysis, linear_model, svm
from cml_sklearn.base import FheEstimator

LINEAR = [
    linear_model.BayesianRidge(),
    linear_model.ElasticNet(),
    linear_model.GammaRegressor(),
    linear_model.HuberRegressor(),
    linear_model.Lasso(),
    linear_model.LinearRegression(),
    linear_model.LogisticRegression(),
    linear_model.Perceptron(),
    linear_model.PoissonRegressor(),
    linear_model.Ridge(),
    linear_model.RidgeClassifier(),
    linear_model.SGDClassifier(),
    linear_model.SGDRegressor(),
    linear_model.TweedieRegressor(),
    svm.LinearSVC(),
    svm.LinearSVR(),
    discriminant_analysis.LinearDiscriminantAnalysis(),
]
ESTIMATORS = [*LINEAR]


def name_of(estimator: BaseEstimator) -> str:
    return type(estimator).__name__


def wrapped(estimator: FheEstimator) -> BaseEstimator:
    """The scikit-learn estimator with the same parameters, unfitted."""
    return estimator._make_wrapped()
