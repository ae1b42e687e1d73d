# Written by `python -m docs.stubs`; do not edit by hand.
# mypy: disable-error-code="override, assignment, misc"
"""Neighbors: `sklearn.neighbors` on encrypted data."""

from collections.abc import Callable
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import sparray, spmatrix
from sklearn.base import (
    BaseEstimator,
    ClassifierMixin,
    RegressorMixin,
    TransformerMixin,
)

from cml_sklearn._typing import Array
from cml_sklearn.config import ExecutionMode
from cml_sklearn.estimators.base import FheEstimator

_Matrix = ArrayLike | sparray | spmatrix
_RandomState = int | np.random.RandomState | None

__all__ = [
    "KNeighborsClassifier",
    "KNeighborsRegressor",
    "NearestCentroid",
    "NeighborhoodComponentsAnalysis",
    "RadiusNeighborsClassifier",
    "RadiusNeighborsRegressor",
]

class KNeighborsClassifier(ClassifierMixin, FheEstimator):
    """scikit-learn's KNeighborsClassifier on encrypted data."""

    classes_: Array
    effective_metric_: Any
    effective_metric_params_: dict[Any, Any]
    feature_names_in_: Array
    kneighbors: Callable[..., Any]
    kneighbors_graph: Callable[..., Any]
    n_features_in_: int
    n_samples_fit_: int
    outputs_2d_: bool
    def __init__(
        self,
        n_neighbors: int | None = 5,
        *,
        weights: Literal["distance", "uniform"] | Callable[..., Any] | None = "uniform",
        algorithm: Literal["auto", "ball_tree", "brute", "kd_tree"] = "auto",
        leaf_size: int = 30,
        p: float | None = 2,
        metric: object = ...,
        metric_params: dict[Any, Any] | None = None,
        n_jobs: int | None = None,
        n_bits: int | dict[Any, Any] = 8,
        p_error: float = 2**-64,
        search_rounds: int = 4,
        rounding_bits: int = 4,
    ) -> None: ...
    @classmethod
    def from_sklearn_model(
        cls,
        model: BaseEstimator,
        X: _Matrix,
        *,
        n_bits: int | dict[Any, Any] = 8,
        p_error: float = 2**-64,
        search_rounds: int = 4,
        rounding_bits: int = 4,
    ) -> Self: ...
    def fit(self, X: _Matrix, y: ArrayLike) -> Self: ...
    def predict(self, X: _Matrix, execute_in_fhe: ExecutionMode | None = None) -> Array: ...
    def predict_proba(self, X: _Matrix, execute_in_fhe: ExecutionMode | None = None) -> Any: ...
    def score(
        self,
        X: _Matrix,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        execute_in_fhe: ExecutionMode | None = None,
    ) -> float: ...

class KNeighborsRegressor(RegressorMixin, FheEstimator):
    """scikit-learn's KNeighborsRegressor on encrypted data."""

    effective_metric_: Any
    effective_metric_params_: dict[Any, Any]
    feature_names_in_: Array
    kneighbors: Callable[..., Any]
    kneighbors_graph: Callable[..., Any]
    n_features_in_: int
    n_samples_fit_: int
    def __init__(
        self,
        n_neighbors: int | None = 5,
        *,
        weights: Literal["distance", "uniform"] | Callable[..., Any] | None = "uniform",
        algorithm: Literal["auto", "ball_tree", "brute", "kd_tree"] = "auto",
        leaf_size: int = 30,
        p: float | None = 2,
        metric: object = ...,
        metric_params: dict[Any, Any] | None = None,
        n_jobs: int | None = None,
        n_bits: int | dict[Any, Any] = 8,
        p_error: float = 2**-64,
        search_rounds: int = 4,
        rounding_bits: int = 4,
    ) -> None: ...
    @classmethod
    def from_sklearn_model(
        cls,
        model: BaseEstimator,
        X: _Matrix,
        *,
        n_bits: int | dict[Any, Any] = 8,
        p_error: float = 2**-64,
        search_rounds: int = 4,
        rounding_bits: int = 4,
    ) -> Self: ...
    def fit(self, X: _Matrix, y: ArrayLike) -> Self: ...
    def predict(self, X: _Matrix, execute_in_fhe: ExecutionMode | None = None) -> Array: ...
    def score(
        self,
        X: _Matrix,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        execute_in_fhe: ExecutionMode | None = None,
    ) -> float: ...

class NearestCentroid(ClassifierMixin, FheEstimator):
    """scikit-learn's NearestCentroid on encrypted data."""

    centroids_: Any
    class_prior_: Array
    classes_: Array
    deviations_: Array
    feature_names_in_: Array
    n_features_in_: int
    within_class_std_dev_: Array
    def __init__(
        self,
        metric: Literal["euclidean", "manhattan"] = "euclidean",
        *,
        shrink_threshold: float | None = None,
        priors: ArrayLike | Literal["empirical", "uniform"] = "uniform",
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

class NeighborhoodComponentsAnalysis(TransformerMixin, FheEstimator):
    """scikit-learn's NeighborhoodComponentsAnalysis on encrypted data."""

    components_: Array
    feature_names_in_: Array
    n_features_in_: int
    n_iter_: int
    random_state_: Any
    def __init__(
        self,
        n_components: int | None = None,
        *,
        init: Literal["auto", "identity", "lda", "pca", "random"] | Array = "auto",
        warm_start: bool = False,
        max_iter: int = 50,
        tol: float = 1e-05,
        callback: Callable[..., Any] | None = None,
        verbose: int | bool = 0,
        random_state: _RandomState = None,
        n_bits: int | dict[Any, Any] = 12,
        p_error: float = 2**-64,
    ) -> None: ...
    @classmethod
    def from_sklearn_model(
        cls,
        model: BaseEstimator,
        X: _Matrix,
        *,
        n_bits: int | dict[Any, Any] = 12,
        p_error: float = 2**-64,
    ) -> Self: ...
    def fit(self, X: _Matrix, y: ArrayLike) -> Self: ...
    def transform(self, X: _Matrix, execute_in_fhe: ExecutionMode | None = None) -> Array: ...

class RadiusNeighborsClassifier(ClassifierMixin, FheEstimator):
    """scikit-learn's RadiusNeighborsClassifier on encrypted data."""

    classes_: Array
    effective_metric_: Any
    effective_metric_params_: dict[Any, Any]
    feature_names_in_: Array
    n_features_in_: int
    n_samples_fit_: int
    outlier_label_: Any
    outputs_2d_: bool
    radius_neighbors: Callable[..., Any]
    radius_neighbors_graph: Callable[..., Any]
    def __init__(
        self,
        radius: float | None = 1.0,
        *,
        weights: Literal["distance", "uniform"] | Callable[..., Any] | None = "uniform",
        algorithm: Literal["auto", "ball_tree", "brute", "kd_tree"] = "auto",
        leaf_size: int = 30,
        p: float | None = 2,
        metric: object = ...,
        outlier_label: int | str | ArrayLike | None = None,
        metric_params: dict[Any, Any] | None = None,
        n_jobs: int | None = None,
        n_bits: int | dict[Any, Any] = 8,
        p_error: float = 2**-64,
        rounding_bits: int = 6,
    ) -> None: ...
    @classmethod
    def from_sklearn_model(
        cls,
        model: BaseEstimator,
        X: _Matrix,
        *,
        n_bits: int | dict[Any, Any] = 8,
        p_error: float = 2**-64,
        rounding_bits: int = 6,
    ) -> Self: ...
    def fit(self, X: _Matrix, y: ArrayLike) -> Self: ...
    def predict(self, X: _Matrix, execute_in_fhe: ExecutionMode | None = None) -> Array: ...
    def predict_proba(self, X: _Matrix, execute_in_fhe: ExecutionMode | None = None) -> Any: ...
    def score(
        self,
        X: _Matrix,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        execute_in_fhe: ExecutionMode | None = None,
    ) -> float: ...

class RadiusNeighborsRegressor(RegressorMixin, FheEstimator):
    """scikit-learn's RadiusNeighborsRegressor on encrypted data."""

    effective_metric_: Any
    effective_metric_params_: dict[Any, Any]
    feature_names_in_: Array
    n_features_in_: int
    n_samples_fit_: int
    radius_neighbors: Callable[..., Any]
    radius_neighbors_graph: Callable[..., Any]
    def __init__(
        self,
        radius: float | None = 1.0,
        *,
        weights: Literal["distance", "uniform"] | Callable[..., Any] | None = "uniform",
        algorithm: Literal["auto", "ball_tree", "brute", "kd_tree"] = "auto",
        leaf_size: int = 30,
        p: float | None = 2,
        metric: object = ...,
        metric_params: dict[Any, Any] | None = None,
        n_jobs: int | None = None,
        n_bits: int | dict[Any, Any] = 8,
        p_error: float = 2**-64,
        rounding_bits: int = 6,
    ) -> None: ...
    @classmethod
    def from_sklearn_model(
        cls,
        model: BaseEstimator,
        X: _Matrix,
        *,
        n_bits: int | dict[Any, Any] = 8,
        p_error: float = 2**-64,
        rounding_bits: int = 6,
    ) -> Self: ...
    def fit(self, X: _Matrix, y: ArrayLike) -> Self: ...
    def predict(self, X: _Matrix, execute_in_fhe: ExecutionMode | None = None) -> Array: ...
    def score(
        self,
        X: _Matrix,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        execute_in_fhe: ExecutionMode | None = None,
    ) -> float: ...
