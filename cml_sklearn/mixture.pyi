# Written by `python -m docs.stubs`; do not edit by hand.
# mypy: disable-error-code="override, assignment, misc"
"""Gaussian mixtures: `sklearn.mixture` on encrypted data."""

from collections.abc import Callable
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import sparray, spmatrix
from sklearn.base import (
    BaseEstimator,
)

from cml_sklearn._typing import Array
from cml_sklearn.config import ExecutionMode
from cml_sklearn.estimators.base import FheEstimator

_Matrix = ArrayLike | sparray | spmatrix
_RandomState = int | np.random.RandomState | None

__all__ = ["BayesianGaussianMixture", "GaussianMixture"]

class BayesianGaussianMixture(FheEstimator):
    """scikit-learn's BayesianGaussianMixture on encrypted data."""

    converged_: bool
    covariance_prior_: Any
    covariances_: Any
    degrees_of_freedom_: Any
    degrees_of_freedom_prior_: float
    feature_names_in_: Array
    lower_bound_: float
    lower_bounds_: Any
    mean_precision_: Any
    mean_precision_prior_: float
    mean_prior_: Any
    means_: Any
    n_features_in_: int
    n_iter_: int
    precisions_: Any
    precisions_cholesky_: Any
    sample: Callable[..., Any]
    weight_concentration_: Any
    weight_concentration_prior_: Any
    weights_: Any
    def __init__(
        self,
        *,
        n_components: int = 1,
        covariance_type: Literal["diag", "full", "spherical", "tied"] = "full",
        tol: float = 0.001,
        reg_covar: float = 1e-06,
        max_iter: int = 100,
        n_init: int = 1,
        init_params: Literal["k-means++", "kmeans", "random", "random_from_data"] = "kmeans",
        weight_concentration_prior_type: Literal[
            "dirichlet_distribution", "dirichlet_process"
        ] = "dirichlet_process",
        weight_concentration_prior: float | None = None,
        mean_precision_prior: float | None = None,
        mean_prior: ArrayLike | None = None,
        degrees_of_freedom_prior: float | None = None,
        covariance_prior: ArrayLike | float | None = None,
        random_state: _RandomState = None,
        warm_start: bool = False,
        verbose: int | bool = 0,
        verbose_interval: int = 10,
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
    def fit_predict(self, X: _Matrix, y: ArrayLike | None = None) -> Array: ...
    def predict(self, X: _Matrix, execute_in_fhe: ExecutionMode | None = None) -> Array: ...
    def predict_proba(self, X: _Matrix, execute_in_fhe: ExecutionMode | None = None) -> Array: ...
    def score(
        self, X: _Matrix, y: ArrayLike | None = None, execute_in_fhe: ExecutionMode | None = None
    ) -> float: ...
    def score_samples(self, X: _Matrix, execute_in_fhe: ExecutionMode | None = None) -> Array: ...

class GaussianMixture(FheEstimator):
    """scikit-learn's GaussianMixture on encrypted data."""

    aic: Callable[..., Any]
    bic: Callable[..., Any]
    converged_: bool
    covariances_: Any
    feature_names_in_: Array
    lower_bound_: float
    lower_bounds_: Any
    means_: Any
    n_features_in_: int
    n_iter_: int
    precisions_: Any
    precisions_cholesky_: Any
    sample: Callable[..., Any]
    weights_: Any
    def __init__(
        self,
        n_components: int = 1,
        *,
        covariance_type: Literal["diag", "full", "spherical", "tied"] = "full",
        tol: float = 0.001,
        reg_covar: float = 1e-06,
        max_iter: int = 100,
        n_init: int = 1,
        init_params: Literal["k-means++", "kmeans", "random", "random_from_data"] = "kmeans",
        weights_init: ArrayLike | None = None,
        means_init: ArrayLike | None = None,
        precisions_init: ArrayLike | None = None,
        random_state: _RandomState = None,
        warm_start: bool = False,
        verbose: int | bool = 0,
        verbose_interval: int = 10,
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
    def fit_predict(self, X: _Matrix, y: ArrayLike | None = None) -> Array: ...
    def predict(self, X: _Matrix, execute_in_fhe: ExecutionMode | None = None) -> Array: ...
    def predict_proba(self, X: _Matrix, execute_in_fhe: ExecutionMode | None = None) -> Array: ...
    def score(
        self, X: _Matrix, y: ArrayLike | None = None, execute_in_fhe: ExecutionMode | None = None
    ) -> float: ...
    def score_samples(self, X: _Matrix, execute_in_fhe: ExecutionMode | None = None) -> Array: ...
