# Written by `python -m docs.stubs`; do not edit by hand.
# mypy: disable-error-code="override, assignment, misc"
"""Random projections: `sklearn.random_projection` on encrypted data."""

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

__all__ = ["GaussianRandomProjection", "SparseRandomProjection"]

class GaussianRandomProjection(TransformerMixin, FheEstimator):
    """scikit-learn's GaussianRandomProjection on encrypted data."""

    components_: Array
    feature_names_in_: Array
    inverse_components_: Array
    inverse_transform: Callable[..., Any]
    n_components_: int
    n_features_in_: int
    def __init__(
        self,
        n_components: int | Literal["auto"] = "auto",
        *,
        eps: float = 0.1,
        compute_inverse_components: bool = False,
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

class SparseRandomProjection(TransformerMixin, FheEstimator):
    """scikit-learn's SparseRandomProjection on encrypted data."""

    components_: Any
    density_: float
    feature_names_in_: Array
    inverse_components_: Array
    inverse_transform: Callable[..., Any]
    n_components_: int
    n_features_in_: int
    def __init__(
        self,
        n_components: int | Literal["auto"] = "auto",
        *,
        density: float | Literal["auto"] = "auto",
        eps: float = 0.1,
        dense_output: bool = False,
        compute_inverse_components: bool = False,
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
