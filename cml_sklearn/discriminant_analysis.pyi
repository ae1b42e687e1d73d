# Written by `python -m docs.stubs`; do not edit by hand.
# mypy: disable-error-code="override, assignment, misc"
"""Discriminant analysis: `sklearn.discriminant_analysis` on encrypted data."""

from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import sparray, spmatrix
from sklearn.base import (
    BaseEstimator,
    ClassifierMixin,
    TransformerMixin,
)

from cml_sklearn._typing import Array
from cml_sklearn.config import ExecutionMode
from cml_sklearn.estimators.base import FheEstimator

_Matrix = ArrayLike | sparray | spmatrix
_RandomState = int | np.random.RandomState | None

__all__ = ["LinearDiscriminantAnalysis", "QuadraticDiscriminantAnalysis"]

class LinearDiscriminantAnalysis(TransformerMixin, ClassifierMixin, FheEstimator):
    """scikit-learn's LinearDiscriminantAnalysis on encrypted data."""

    classes_: Any
    coef_: Any
    covariance_: Any
    explained_variance_ratio_: Array
    feature_names_in_: Array
    intercept_: Array
    means_: Any
    n_features_in_: int
    priors_: Any
    scalings_: Any
    xbar_: Any
    def __init__(
        self,
        solver: Literal["eigen", "lsqr", "svd"] = "svd",
        shrinkage: Literal["auto"] | float | None = None,
        priors: ArrayLike | None = None,
        n_components: int | None = None,
        store_covariance: bool = False,
        tol: float = 0.0001,
        covariance_estimator: object = None,
        *,
        n_bits: int | dict[Any, Any] = 8,
        p_error: float = 2**-64,
    ) -> None: ...
    @classmethod
    def from_sklearn_model(
        cls,
        model: BaseEstimator,
        X: _Matrix,
        *,
        n_bits: int | dict[Any, Any] = 8,
        p_error: float = 2**-64,
    ) -> Self: ...
    def decision_function(
        self, X: _Matrix, execute_in_fhe: ExecutionMode | None = None
    ) -> Array: ...
    def fit(self, X: _Matrix, y: ArrayLike) -> Self: ...
    def predict(self, X: _Matrix, execute_in_fhe: ExecutionMode | None = None) -> Array: ...
    def predict_log_proba(
        self, X: _Matrix, execute_in_fhe: ExecutionMode | None = None
    ) -> Array: ...
    def predict_proba(self, X: _Matrix, execute_in_fhe: ExecutionMode | None = None) -> Array: ...
    def score(
        self,
        X: _Matrix,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        execute_in_fhe: ExecutionMode | None = None,
    ) -> float: ...
    def transform(self, X: _Matrix, execute_in_fhe: ExecutionMode | None = None) -> Array: ...

class QuadraticDiscriminantAnalysis(ClassifierMixin, FheEstimator):
    """scikit-learn's QuadraticDiscriminantAnalysis on encrypted data."""

    classes_: Array
    covariance_: list[Any]
    feature_names_in_: Array
    means_: Any
    n_features_in_: int
    priors_: Any
    rotations_: list[Any]
    scalings_: list[Any]
    def __init__(
        self,
        *,
        solver: Literal["eigen", "svd"] = "svd",
        shrinkage: Literal["auto"] | float | None = None,
        priors: ArrayLike | None = None,
        reg_param: float = 0.0,
        store_covariance: bool = False,
        tol: float = 0.0001,
        covariance_estimator: object = None,
        n_bits: int | dict[Any, Any] = 16,
        p_error: float = 2**-64,
    ) -> None: ...
    @classmethod
    def from_sklearn_model(
        cls,
        model: BaseEstimator,
        X: _Matrix,
        *,
        n_bits: int | dict[Any, Any] = 16,
        p_error: float = 2**-64,
    ) -> Self: ...
    def decision_function(
        self, X: _Matrix, execute_in_fhe: ExecutionMode | None = None
    ) -> Array: ...
    def fit(self, X: _Matrix, y: ArrayLike) -> Self: ...
    def predict(self, X: _Matrix, execute_in_fhe: ExecutionMode | None = None) -> Array: ...
    def predict_log_proba(
        self, X: _Matrix, execute_in_fhe: ExecutionMode | None = None
    ) -> Array: ...
    def predict_proba(self, X: _Matrix, execute_in_fhe: ExecutionMode | None = None) -> Array: ...
    def score(
        self,
        X: _Matrix,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        execute_in_fhe: ExecutionMode | None = None,
    ) -> float: ...
