# Written by `python -m docs.stubs`; do not edit by hand.
# mypy: disable-error-code="override, assignment, misc"
"""Partial least squares: `sklearn.cross_decomposition` on encrypted data."""

from collections.abc import Callable
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import sparray, spmatrix
from sklearn.base import (
    BaseEstimator,
    RegressorMixin,
    TransformerMixin,
)

from cml_sklearn._typing import Array
from cml_sklearn.config import ExecutionMode
from cml_sklearn.estimators.base import FheEstimator

_Matrix = ArrayLike | sparray | spmatrix
_RandomState = int | np.random.RandomState | None

__all__ = ["CCA", "PLSSVD", "PLSCanonical", "PLSRegression"]

class CCA(RegressorMixin, TransformerMixin, FheEstimator):
    """scikit-learn's CCA on encrypted data."""

    coef_: Array
    feature_names_in_: Array
    intercept_: Array
    inverse_transform: Callable[..., Any]
    n_features_in_: int
    n_iter_: list[Any]
    x_loadings_: Array
    x_rotations_: Array
    x_weights_: Array
    y_loadings_: Array
    y_rotations_: Array
    y_weights_: Array
    def __init__(
        self,
        n_components: int = 2,
        *,
        scale: bool = True,
        max_iter: int = 500,
        tol: float = 1e-06,
        copy: bool = True,
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
    def fit(self, X: _Matrix, y: ArrayLike) -> Self: ...
    def fit_transform(self, X: _Matrix, y: ArrayLike | None = None) -> tuple[Array, Array]: ...
    def predict(self, X: _Matrix, execute_in_fhe: ExecutionMode | None = None) -> Array: ...
    def score(
        self,
        X: _Matrix,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        execute_in_fhe: ExecutionMode | None = None,
    ) -> float: ...
    def transform(
        self, X: _Matrix, y: ArrayLike | None = None, execute_in_fhe: ExecutionMode | None = None
    ) -> Array | tuple[Array, Array]: ...

class PLSCanonical(RegressorMixin, TransformerMixin, FheEstimator):
    """scikit-learn's PLSCanonical on encrypted data."""

    coef_: Array
    feature_names_in_: Array
    intercept_: Array
    inverse_transform: Callable[..., Any]
    n_features_in_: int
    n_iter_: list[Any]
    x_loadings_: Array
    x_rotations_: Array
    x_weights_: Array
    y_loadings_: Array
    y_rotations_: Array
    y_weights_: Array
    def __init__(
        self,
        n_components: int = 2,
        *,
        scale: bool = True,
        algorithm: Literal["nipals", "svd"] = "nipals",
        max_iter: int = 500,
        tol: float = 1e-06,
        copy: bool = True,
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
    def fit(self, X: _Matrix, y: ArrayLike) -> Self: ...
    def fit_transform(self, X: _Matrix, y: ArrayLike | None = None) -> tuple[Array, Array]: ...
    def predict(self, X: _Matrix, execute_in_fhe: ExecutionMode | None = None) -> Array: ...
    def score(
        self,
        X: _Matrix,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        execute_in_fhe: ExecutionMode | None = None,
    ) -> float: ...
    def transform(
        self, X: _Matrix, y: ArrayLike | None = None, execute_in_fhe: ExecutionMode | None = None
    ) -> Array | tuple[Array, Array]: ...

class PLSRegression(RegressorMixin, TransformerMixin, FheEstimator):
    """scikit-learn's PLSRegression on encrypted data."""

    coef_: Array
    feature_names_in_: Array
    intercept_: Array
    inverse_transform: Callable[..., Any]
    n_features_in_: int
    n_iter_: list[Any]
    x_loadings_: Array
    x_rotations_: Array
    x_scores_: Array
    x_weights_: Array
    y_loadings_: Array
    y_rotations_: Array
    y_scores_: Array
    y_weights_: Array
    def __init__(
        self,
        n_components: int = 2,
        *,
        scale: bool = True,
        max_iter: int = 500,
        tol: float = 1e-06,
        copy: bool = True,
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
    def fit(self, X: _Matrix, y: ArrayLike) -> Self: ...
    def fit_transform(self, X: _Matrix, y: ArrayLike | None = None) -> tuple[Array, Array]: ...
    def predict(self, X: _Matrix, execute_in_fhe: ExecutionMode | None = None) -> Array: ...
    def score(
        self,
        X: _Matrix,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        execute_in_fhe: ExecutionMode | None = None,
    ) -> float: ...
    def transform(
        self, X: _Matrix, y: ArrayLike | None = None, execute_in_fhe: ExecutionMode | None = None
    ) -> Array | tuple[Array, Array]: ...

class PLSSVD(TransformerMixin, FheEstimator):
    """scikit-learn's PLSSVD on encrypted data."""

    feature_names_in_: Array
    n_features_in_: int
    x_weights_: Array
    y_weights_: Array
    def __init__(
        self,
        n_components: int = 2,
        *,
        scale: bool = True,
        copy: bool = True,
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
    def fit_transform(self, X: _Matrix, y: ArrayLike | None = None) -> tuple[Array, Array]: ...
    def transform(
        self, X: _Matrix, y: ArrayLike | None = None, execute_in_fhe: ExecutionMode | None = None
    ) -> Array | tuple[Array, Array]: ...
