# Written by `python -m docs.stubs`; do not edit by hand.
# mypy: disable-error-code="override, assignment, misc"
"""Naive Bayes: `sklearn.naive_bayes` on encrypted data."""

from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import sparray, spmatrix
from sklearn.base import (
    BaseEstimator,
    ClassifierMixin,
)

from cml_sklearn._typing import Array
from cml_sklearn.config import ExecutionMode
from cml_sklearn.estimators.base import FheEstimator

_Matrix = ArrayLike | sparray | spmatrix
_RandomState = int | np.random.RandomState | None

__all__ = ["BernoulliNB", "CategoricalNB", "ComplementNB", "GaussianNB", "MultinomialNB"]

class BernoulliNB(ClassifierMixin, FheEstimator):
    """scikit-learn's BernoulliNB on encrypted data."""

    class_count_: Array
    class_log_prior_: Array
    classes_: Array
    feature_count_: Array
    feature_log_prob_: Array
    feature_names_in_: Array
    n_features_in_: int
    def __init__(
        self,
        *,
        alpha: float | ArrayLike = 1.0,
        force_alpha: bool = True,
        binarize: float | None = 0.0,
        fit_prior: bool = True,
        class_prior: ArrayLike | None = None,
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
    def fit(self, X: _Matrix, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self: ...
    def partial_fit(
        self,
        X: _Matrix,
        y: ArrayLike,
        classes: object = None,
        sample_weight: ArrayLike | None = None,
    ) -> Self: ...
    def predict(self, X: _Matrix, execute_in_fhe: ExecutionMode | None = None) -> Array: ...
    def predict_joint_log_proba(
        self, X: _Matrix, execute_in_fhe: ExecutionMode | None = None
    ) -> Array: ...
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

class CategoricalNB(ClassifierMixin, FheEstimator):
    """scikit-learn's CategoricalNB on encrypted data."""

    category_count_: list[Any]
    class_count_: Array
    class_log_prior_: Array
    classes_: Array
    feature_log_prob_: list[Any]
    feature_names_in_: Array
    n_categories_: Array
    n_features_in_: int
    def __init__(
        self,
        *,
        alpha: float = 1.0,
        force_alpha: bool = True,
        fit_prior: bool = True,
        class_prior: ArrayLike | None = None,
        min_categories: ArrayLike | int | None = None,
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
    def fit(self, X: _Matrix, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self: ...
    def partial_fit(
        self,
        X: _Matrix,
        y: ArrayLike,
        classes: object = None,
        sample_weight: ArrayLike | None = None,
    ) -> Self: ...
    def predict(self, X: _Matrix, execute_in_fhe: ExecutionMode | None = None) -> Array: ...
    def predict_joint_log_proba(
        self, X: _Matrix, execute_in_fhe: ExecutionMode | None = None
    ) -> Array: ...
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

class ComplementNB(ClassifierMixin, FheEstimator):
    """scikit-learn's ComplementNB on encrypted data."""

    class_count_: Array
    class_log_prior_: Array
    classes_: Array
    feature_all_: Array
    feature_count_: Array
    feature_log_prob_: Array
    feature_names_in_: Array
    n_features_in_: int
    def __init__(
        self,
        *,
        alpha: float | ArrayLike = 1.0,
        force_alpha: bool = True,
        fit_prior: bool = True,
        class_prior: ArrayLike | None = None,
        norm: bool = False,
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
    def fit(self, X: _Matrix, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self: ...
    def partial_fit(
        self,
        X: _Matrix,
        y: ArrayLike,
        classes: object = None,
        sample_weight: ArrayLike | None = None,
    ) -> Self: ...
    def predict(self, X: _Matrix, execute_in_fhe: ExecutionMode | None = None) -> Array: ...
    def predict_joint_log_proba(
        self, X: _Matrix, execute_in_fhe: ExecutionMode | None = None
    ) -> Array: ...
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

class GaussianNB(ClassifierMixin, FheEstimator):
    """scikit-learn's GaussianNB on encrypted data."""

    class_count_: Array
    class_prior_: Array
    classes_: Array
    epsilon_: float
    feature_names_in_: Array
    n_features_in_: int
    theta_: Array
    var_: Array
    def __init__(
        self,
        *,
        priors: ArrayLike | None = None,
        var_smoothing: float = 1e-09,
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
    def fit(self, X: _Matrix, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self: ...
    def partial_fit(
        self,
        X: _Matrix,
        y: ArrayLike,
        classes: object = None,
        sample_weight: ArrayLike | None = None,
    ) -> Self: ...
    def predict(self, X: _Matrix, execute_in_fhe: ExecutionMode | None = None) -> Array: ...
    def predict_joint_log_proba(
        self, X: _Matrix, execute_in_fhe: ExecutionMode | None = None
    ) -> Array: ...
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

class MultinomialNB(ClassifierMixin, FheEstimator):
    """scikit-learn's MultinomialNB on encrypted data."""

    class_count_: Array
    class_log_prior_: Array
    classes_: Array
    feature_count_: Array
    feature_log_prob_: Array
    feature_names_in_: Array
    n_features_in_: int
    def __init__(
        self,
        *,
        alpha: float | ArrayLike = 1.0,
        force_alpha: bool = True,
        fit_prior: bool = True,
        class_prior: ArrayLike | None = None,
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
    def fit(self, X: _Matrix, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self: ...
    def partial_fit(
        self,
        X: _Matrix,
        y: ArrayLike,
        classes: object = None,
        sample_weight: ArrayLike | None = None,
    ) -> Self: ...
    def predict(self, X: _Matrix, execute_in_fhe: ExecutionMode | None = None) -> Array: ...
    def predict_joint_log_proba(
        self, X: _Matrix, execute_in_fhe: ExecutionMode | None = None
    ) -> Array: ...
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
