# Written by `python -m docs.stubs`; do not edit by hand.
# mypy: disable-error-code="override, assignment, misc"
"""Outliers by distances from a robust centre: `sklearn.covariance` on encrypted data."""

from collections.abc import Callable
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import sparray, spmatrix
from sklearn.base import (
    BaseEstimator,
    OutlierMixin,
)

from cml_sklearn._typing import Array
from cml_sklearn.config import ExecutionMode
from cml_sklearn.estimators.base import FheEstimator

_Matrix = ArrayLike | sparray | spmatrix
_RandomState = int | np.random.RandomState | None

__all__ = ["EllipticEnvelope"]

class EllipticEnvelope(OutlierMixin, FheEstimator):
    """scikit-learn's EllipticEnvelope on encrypted data."""

    covariance_: Array
    dist_: Array
    error_norm: Callable[..., Any]
    feature_names_in_: Array
    get_precision: Callable[..., Any]
    location_: Array
    n_features_in_: int
    offset_: float
    precision_: Array
    raw_covariance_: Array
    raw_location_: Array
    raw_support_: Array
    support_: Array
    def __init__(
        self,
        *,
        store_precision: bool = True,
        assume_centered: bool = False,
        support_fraction: float | None = None,
        contamination: float = 0.1,
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
    def decision_function(
        self, X: _Matrix, execute_in_fhe: ExecutionMode | None = None
    ) -> Array: ...
    def fit(self, X: _Matrix, y: ArrayLike | None = None) -> Self: ...
    def mahalanobis(self, X: _Matrix, execute_in_fhe: ExecutionMode | None = None) -> Array: ...
    def predict(self, X: _Matrix, execute_in_fhe: ExecutionMode | None = None) -> Array: ...
    def score(
        self,
        X: _Matrix,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        execute_in_fhe: ExecutionMode | None = None,
    ) -> float: ...
    def score_samples(self, X: _Matrix, execute_in_fhe: ExecutionMode | None = None) -> Array: ...
