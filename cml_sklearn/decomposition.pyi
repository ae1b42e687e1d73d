# Written by `python -m docs.stubs`; do not edit by hand.
# mypy: disable-error-code="override, assignment, misc"
"""Projections: `sklearn.decomposition` on encrypted data."""

from collections.abc import Callable
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import sparray, spmatrix
from sklearn.base import (
    BaseEstimator,
    TransformerMixin,
)

from cml_sklearn._typing import Array
from cml_sklearn.config import ExecutionMode
from cml_sklearn.estimators.base import FheEstimator

_Matrix = ArrayLike | sparray | spmatrix
_RandomState = int | np.random.RandomState | None

__all__ = [
    "PCA",
    "FactorAnalysis",
    "FastICA",
    "IncrementalPCA",
    "KernelPCA",
    "MiniBatchSparsePCA",
    "SparsePCA",
    "TruncatedSVD",
]

class FactorAnalysis(TransformerMixin, FheEstimator):
    """scikit-learn's FactorAnalysis on encrypted data."""

    components_: Array
    feature_names_in_: Array
    get_covariance: Callable[..., Any]
    get_precision: Callable[..., Any]
    loglike_: list[Any]
    mean_: Array
    n_features_in_: int
    n_iter_: int
    noise_variance_: Array
    score: Callable[..., Any]
    score_samples: Callable[..., Any]
    def __init__(
        self,
        n_components: int | None = None,
        *,
        tol: float = 0.01,
        copy: bool = True,
        max_iter: int = 1000,
        noise_variance_init: ArrayLike | None = None,
        svd_method: Literal["lapack", "randomized"] = "randomized",
        iterated_power: int = 3,
        rotation: Literal["quartimax", "varimax"] | None = None,
        random_state: _RandomState = 0,
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
    def fit(self, X: _Matrix, y: ArrayLike | None = None) -> Self: ...
    def transform(self, X: _Matrix, execute_in_fhe: ExecutionMode | None = None) -> Array: ...

class FastICA(TransformerMixin, FheEstimator):
    """scikit-learn's FastICA on encrypted data."""

    components_: Array
    feature_names_in_: Array
    inverse_transform: Callable[..., Any]
    mean_: Array
    mixing_: Array
    n_features_in_: int
    n_iter_: int
    whitening_: Array
    def __init__(
        self,
        n_components: int | None = None,
        *,
        algorithm: Literal["deflation", "parallel"] = "parallel",
        whiten: Literal["arbitrary-variance", "unit-variance"] | Literal[False] = "unit-variance",
        fun: Literal["cube", "exp", "logcosh"] | Callable[..., Any] = "logcosh",
        fun_args: dict[Any, Any] | None = None,
        max_iter: int = 200,
        tol: float = 0.0001,
        w_init: ArrayLike | None = None,
        whiten_solver: Literal["eigh", "svd"] = "svd",
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
    def fit(self, X: _Matrix, y: ArrayLike | None = None) -> Self: ...
    def transform(self, X: _Matrix, execute_in_fhe: ExecutionMode | None = None) -> Array: ...

class IncrementalPCA(TransformerMixin, FheEstimator):
    """scikit-learn's IncrementalPCA on encrypted data."""

    batch_size_: int
    components_: Array
    explained_variance_: Array
    explained_variance_ratio_: Array
    feature_names_in_: Array
    get_covariance: Callable[..., Any]
    get_precision: Callable[..., Any]
    inverse_transform: Callable[..., Any]
    mean_: Array
    n_components_: int
    n_features_in_: int
    n_samples_seen_: int
    noise_variance_: float
    singular_values_: Array
    var_: Array
    def __init__(
        self,
        n_components: int | None = None,
        *,
        whiten: bool = False,
        copy: bool = True,
        batch_size: int | None = None,
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
    def fit(self, X: _Matrix, y: ArrayLike | None = None) -> Self: ...
    def partial_fit(
        self, X: _Matrix, y: ArrayLike | None = None, check_input: bool = True
    ) -> Self: ...
    def transform(self, X: _Matrix, execute_in_fhe: ExecutionMode | None = None) -> Array: ...

class KernelPCA(TransformerMixin, FheEstimator):
    """scikit-learn's KernelPCA on encrypted data."""

    X_fit_: Array
    X_transformed_fit_: Array
    dual_coef_: Array
    eigenvalues_: Array
    eigenvectors_: Array
    feature_names_in_: Array
    gamma_: float
    inverse_transform: Callable[..., Any]
    n_features_in_: int
    def __init__(
        self,
        n_components: int | None = None,
        *,
        kernel: Literal["cosine", "linear", "poly", "precomputed", "rbf", "sigmoid"]
        | Callable[..., Any] = "linear",
        gamma: float | None = None,
        degree: float = 3,
        coef0: float = 1,
        kernel_params: dict[Any, Any] | None = None,
        alpha: float = 1.0,
        fit_inverse_transform: bool = False,
        eigen_solver: Literal["arpack", "auto", "dense", "randomized"] = "auto",
        tol: float = 0,
        max_iter: int | None = None,
        iterated_power: int | Literal["auto"] = "auto",
        remove_zero_eig: bool = False,
        random_state: _RandomState = None,
        copy_X: bool = True,
        n_jobs: int | None = None,
        n_bits: int | dict[Any, Any] = 16,
        p_error: float = 2**-64,
        rounding_bits: int = 6,
    ) -> None: ...
    @classmethod
    def from_sklearn_model(
        cls,
        model: BaseEstimator,
        X: _Matrix,
        *,
        n_bits: int | dict[Any, Any] = 16,
        p_error: float = 2**-64,
        rounding_bits: int = 6,
    ) -> Self: ...
    def fit(self, X: _Matrix, y: ArrayLike | None = None) -> Self: ...
    def transform(self, X: _Matrix, execute_in_fhe: ExecutionMode | None = None) -> Array: ...

class MiniBatchSparsePCA(TransformerMixin, FheEstimator):
    """scikit-learn's MiniBatchSparsePCA on encrypted data."""

    components_: Array
    feature_names_in_: Array
    inverse_transform: Callable[..., Any]
    mean_: Array
    n_components_: int
    n_features_in_: int
    n_iter_: int
    def __init__(
        self,
        n_components: int | None = None,
        *,
        alpha: float = 1,
        ridge_alpha: float = 0.01,
        max_iter: int = 1000,
        callback: Callable[..., Any] | None = None,
        batch_size: int = 3,
        verbose: int | bool = False,
        shuffle: bool = True,
        n_jobs: int | None = None,
        method: Literal["cd", "lars"] = "lars",
        random_state: _RandomState = None,
        tol: float = 0.001,
        max_no_improvement: int | None = 10,
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
    def fit(self, X: _Matrix, y: ArrayLike | None = None) -> Self: ...
    def transform(self, X: _Matrix, execute_in_fhe: ExecutionMode | None = None) -> Array: ...

class PCA(TransformerMixin, FheEstimator):
    """scikit-learn's PCA on encrypted data."""

    components_: Array
    explained_variance_: Array
    explained_variance_ratio_: Array
    feature_names_in_: Array
    get_covariance: Callable[..., Any]
    get_precision: Callable[..., Any]
    inverse_transform: Callable[..., Any]
    mean_: Array
    n_components_: int
    n_features_in_: int
    n_samples_: int
    noise_variance_: float
    score: Callable[..., Any]
    score_samples: Callable[..., Any]
    singular_values_: Array
    def __init__(
        self,
        n_components: float | Literal["mle"] | None = None,
        *,
        copy: bool = True,
        whiten: bool = False,
        svd_solver: Literal["arpack", "auto", "covariance_eigh", "full", "randomized"] = "auto",
        tol: float = 0.0,
        iterated_power: Literal["auto"] | int = "auto",
        n_oversamples: int = 10,
        power_iteration_normalizer: Literal["LU", "QR", "auto", "none"] = "auto",
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
    def fit(self, X: _Matrix, y: ArrayLike | None = None) -> Self: ...
    def transform(self, X: _Matrix, execute_in_fhe: ExecutionMode | None = None) -> Array: ...

class SparsePCA(TransformerMixin, FheEstimator):
    """scikit-learn's SparsePCA on encrypted data."""

    components_: Array
    error_: Array
    feature_names_in_: Array
    inverse_transform: Callable[..., Any]
    mean_: Array
    n_components_: int
    n_features_in_: int
    n_iter_: int
    def __init__(
        self,
        n_components: int | None = None,
        *,
        alpha: float = 1,
        ridge_alpha: float = 0.01,
        max_iter: int = 1000,
        tol: float = 1e-08,
        method: Literal["cd", "lars"] = "lars",
        n_jobs: int | None = None,
        U_init: Array | None = None,
        V_init: Array | None = None,
        verbose: int | bool = False,
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
    def fit(self, X: _Matrix, y: ArrayLike | None = None) -> Self: ...
    def transform(self, X: _Matrix, execute_in_fhe: ExecutionMode | None = None) -> Array: ...

class TruncatedSVD(TransformerMixin, FheEstimator):
    """scikit-learn's TruncatedSVD on encrypted data."""

    components_: Array
    explained_variance_: Array
    explained_variance_ratio_: Array
    feature_names_in_: Array
    inverse_transform: Callable[..., Any]
    n_features_in_: int
    singular_values_: Array
    def __init__(
        self,
        n_components: int = 2,
        *,
        algorithm: Literal["arpack", "randomized"] = "randomized",
        n_iter: int = 5,
        n_oversamples: int = 10,
        power_iteration_normalizer: Literal["LU", "QR", "auto", "none"] = "auto",
        random_state: _RandomState = None,
        tol: float = 0.0,
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
    def fit(self, X: _Matrix, y: ArrayLike | None = None) -> Self: ...
    def transform(self, X: _Matrix, execute_in_fhe: ExecutionMode | None = None) -> Array: ...
