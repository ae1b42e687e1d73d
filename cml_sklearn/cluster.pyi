# Written by `python -m docs.stubs`; do not edit by hand.
# mypy: disable-error-code="override, assignment, misc"
"""Clusters by distances to centres: `sklearn.cluster` on encrypted data."""

from collections.abc import Callable
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import sparray, spmatrix
from sklearn.base import (
    BaseEstimator,
    ClusterMixin,
    TransformerMixin,
)

from cml_sklearn._typing import Array
from cml_sklearn.config import ExecutionMode
from cml_sklearn.estimators.base import FheEstimator

_Matrix = ArrayLike | sparray | spmatrix
_RandomState = int | np.random.RandomState | None

__all__ = [
    "AffinityPropagation",
    "Birch",
    "BisectingKMeans",
    "KMeans",
    "MeanShift",
    "MiniBatchKMeans",
]

class AffinityPropagation(ClusterMixin, FheEstimator):
    """scikit-learn's AffinityPropagation on encrypted data."""

    affinity_matrix_: Array
    cluster_centers_: Array
    cluster_centers_indices_: Array
    feature_names_in_: Array
    labels_: Array
    n_features_in_: int
    n_iter_: int
    def __init__(
        self,
        *,
        damping: float = 0.5,
        max_iter: int = 200,
        convergence_iter: int = 15,
        copy: bool = True,
        preference: ArrayLike | float | None = None,
        affinity: Literal["euclidean", "precomputed"] = "euclidean",
        verbose: int | bool = False,
        random_state: _RandomState = None,
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
    def fit(self, X: _Matrix, y: ArrayLike | None = None) -> Self: ...
    def predict(self, X: _Matrix, execute_in_fhe: ExecutionMode | None = None) -> Array: ...

class Birch(ClusterMixin, TransformerMixin, FheEstimator):
    """scikit-learn's Birch on encrypted data."""

    dummy_leaf_: Any
    feature_names_in_: Array
    labels_: Array
    n_features_in_: int
    root_: Any
    subcluster_centers_: Array
    subcluster_labels_: Array
    def __init__(
        self,
        *,
        threshold: float = 0.5,
        branching_factor: int = 50,
        n_clusters: object = 3,
        compute_labels: bool = True,
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
    def fit(self, X: _Matrix, y: ArrayLike | None = None) -> Self: ...
    def partial_fit(self, X: _Matrix | None = None, y: ArrayLike | None = None) -> Self: ...
    def predict(self, X: _Matrix, execute_in_fhe: ExecutionMode | None = None) -> Array: ...
    def transform(self, X: _Matrix, execute_in_fhe: ExecutionMode | None = None) -> Array: ...

class BisectingKMeans(ClusterMixin, TransformerMixin, FheEstimator):
    """scikit-learn's BisectingKMeans on encrypted data."""

    cluster_centers_: Array
    feature_names_in_: Array
    inertia_: float
    labels_: Array
    n_features_in_: int
    def __init__(
        self,
        n_clusters: int = 8,
        *,
        init: Literal["k-means++", "random"] | Callable[..., Any] = "random",
        n_init: int = 1,
        random_state: _RandomState = None,
        max_iter: int = 300,
        verbose: int | bool = 0,
        tol: float = 0.0001,
        copy_x: bool = True,
        algorithm: Literal["elkan", "lloyd"] = "lloyd",
        bisecting_strategy: Literal["biggest_inertia", "largest_cluster"] = "biggest_inertia",
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
    def fit(
        self, X: _Matrix, y: ArrayLike | None = None, sample_weight: ArrayLike | None = None
    ) -> Self: ...
    def predict(self, X: _Matrix, execute_in_fhe: ExecutionMode | None = None) -> Array: ...
    def score(
        self,
        X: _Matrix,
        y: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        execute_in_fhe: ExecutionMode | None = None,
    ) -> float: ...
    def transform(self, X: _Matrix, execute_in_fhe: ExecutionMode | None = None) -> Array: ...

class KMeans(ClusterMixin, TransformerMixin, FheEstimator):
    """scikit-learn's KMeans on encrypted data."""

    cluster_centers_: Array
    feature_names_in_: Array
    inertia_: float
    labels_: Array
    n_features_in_: int
    n_iter_: int
    def __init__(
        self,
        n_clusters: int = 8,
        *,
        init: Literal["k-means++", "random"] | Callable[..., Any] | ArrayLike = "k-means++",
        n_init: Literal["auto"] | int = "auto",
        max_iter: int = 300,
        tol: float = 0.0001,
        verbose: int | bool = 0,
        random_state: _RandomState = None,
        copy_x: bool = True,
        algorithm: Literal["elkan", "lloyd"] = "lloyd",
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
    def fit(
        self, X: _Matrix, y: ArrayLike | None = None, sample_weight: ArrayLike | None = None
    ) -> Self: ...
    def predict(self, X: _Matrix, execute_in_fhe: ExecutionMode | None = None) -> Array: ...
    def score(
        self,
        X: _Matrix,
        y: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        execute_in_fhe: ExecutionMode | None = None,
    ) -> float: ...
    def transform(self, X: _Matrix, execute_in_fhe: ExecutionMode | None = None) -> Array: ...

class MeanShift(ClusterMixin, FheEstimator):
    """scikit-learn's MeanShift on encrypted data."""

    cluster_centers_: Array
    feature_names_in_: Array
    labels_: Array
    n_features_in_: int
    n_iter_: int
    def __init__(
        self,
        *,
        bandwidth: float | None = None,
        seeds: ArrayLike | None = None,
        bin_seeding: bool = False,
        min_bin_freq: int = 1,
        cluster_all: bool = True,
        n_jobs: int | None = None,
        max_iter: int = 300,
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
    def fit(self, X: _Matrix, y: ArrayLike | None = None) -> Self: ...
    def predict(self, X: _Matrix, execute_in_fhe: ExecutionMode | None = None) -> Array: ...

class MiniBatchKMeans(ClusterMixin, TransformerMixin, FheEstimator):
    """scikit-learn's MiniBatchKMeans on encrypted data."""

    cluster_centers_: Array
    feature_names_in_: Array
    inertia_: float
    labels_: Array
    n_features_in_: int
    n_iter_: int
    n_steps_: int
    def __init__(
        self,
        n_clusters: int = 8,
        *,
        init: Literal["k-means++", "random"] | Callable[..., Any] | ArrayLike = "k-means++",
        max_iter: int = 100,
        batch_size: int = 1024,
        verbose: int | bool = 0,
        compute_labels: bool = True,
        random_state: _RandomState = None,
        tol: float = 0.0,
        max_no_improvement: int | None = 10,
        init_size: int | None = None,
        n_init: Literal["auto"] | int = "auto",
        reassignment_ratio: float = 0.01,
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
    def fit(
        self, X: _Matrix, y: ArrayLike | None = None, sample_weight: ArrayLike | None = None
    ) -> Self: ...
    def partial_fit(
        self, X: _Matrix, y: ArrayLike | None = None, sample_weight: ArrayLike | None = None
    ) -> Self: ...
    def predict(self, X: _Matrix, execute_in_fhe: ExecutionMode | None = None) -> Array: ...
    def score(
        self,
        X: _Matrix,
        y: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        execute_in_fhe: ExecutionMode | None = None,
    ) -> float: ...
    def transform(self, X: _Matrix, execute_in_fhe: ExecutionMode | None = None) -> Array: ...
