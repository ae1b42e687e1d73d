# Written by `python -m docs.stubs`; do not edit by hand.
# mypy: disable-error-code="override, assignment, misc"
"""Support vector machines: `sklearn.svm` on encrypted data."""

from collections.abc import Callable
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import sparray, spmatrix
from sklearn.base import (
    BaseEstimator,
    ClassifierMixin,
    OutlierMixin,
    RegressorMixin,
)

from cml_sklearn._typing import Array
from cml_sklearn.config import ExecutionMode
from cml_sklearn.estimators.base import FheEstimator

_Matrix = ArrayLike | sparray | spmatrix
_RandomState = int | np.random.RandomState | None

__all__ = ["SVC", "SVR", "LinearSVC", "LinearSVR", "NuSVC", "NuSVR", "OneClassSVM"]

class LinearSVC(ClassifierMixin, FheEstimator):
    """scikit-learn's LinearSVC on encrypted data."""

    classes_: Array
    coef_: Array
    feature_names_in_: Array
    intercept_: Array
    n_features_in_: int
    n_iter_: int
    def __init__(
        self,
        penalty: Literal["l1", "l2"] = "l2",
        loss: Literal["hinge", "squared_hinge"] = "squared_hinge",
        *,
        dual: bool | Literal["auto"] = "auto",
        tol: float = 0.0001,
        C: float = 1.0,
        multi_class: Literal["crammer_singer", "ovr"] = "ovr",
        fit_intercept: bool = True,
        intercept_scaling: float = 1,
        class_weight: dict[Any, Any] | Literal["balanced"] | None = None,
        verbose: int | bool = 0,
        random_state: _RandomState = None,
        max_iter: int = 1000,
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
    def densify(self) -> Self: ...
    def fit(self, X: _Matrix, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self: ...
    def predict(self, X: _Matrix, execute_in_fhe: ExecutionMode | None = None) -> Array: ...
    def score(
        self,
        X: _Matrix,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        execute_in_fhe: ExecutionMode | None = None,
    ) -> float: ...
    def sparsify(self) -> Self: ...

class LinearSVR(RegressorMixin, FheEstimator):
    """scikit-learn's LinearSVR on encrypted data."""

    coef_: Array
    feature_names_in_: Array
    intercept_: Array
    n_features_in_: int
    n_iter_: int
    def __init__(
        self,
        *,
        epsilon: float = 0.0,
        tol: float = 0.0001,
        C: float = 1.0,
        loss: Literal["epsilon_insensitive", "squared_epsilon_insensitive"] = "epsilon_insensitive",
        fit_intercept: bool = True,
        intercept_scaling: float = 1.0,
        dual: bool | Literal["auto"] = "auto",
        verbose: int | bool = 0,
        random_state: _RandomState = None,
        max_iter: int = 1000,
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
    def predict(self, X: _Matrix, execute_in_fhe: ExecutionMode | None = None) -> Array: ...
    def score(
        self,
        X: _Matrix,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        execute_in_fhe: ExecutionMode | None = None,
    ) -> float: ...

class NuSVC(ClassifierMixin, FheEstimator):
    """scikit-learn's NuSVC on encrypted data."""

    class_weight_: Array
    classes_: Array
    coef_: Any
    dual_coef_: Any
    feature_names_in_: Array
    fit_status_: int
    intercept_: Array
    n_features_in_: int
    n_iter_: Array
    n_support_: Array
    probA_: Array
    probB_: Array
    shape_fit_: Any
    support_: Array
    support_vectors_: Any
    def __init__(
        self,
        *,
        nu: float = 0.5,
        kernel: Literal["linear", "poly", "precomputed", "rbf", "sigmoid"]
        | Callable[..., Any] = "rbf",
        degree: int = 3,
        gamma: Literal["auto", "scale"] | float = "scale",
        coef0: float = 0.0,
        shrinking: bool = True,
        probability: bool = ...,
        tol: float = 0.001,
        cache_size: float = 200,
        class_weight: Literal["balanced"] | dict[Any, Any] | None = None,
        verbose: int | bool = False,
        max_iter: int = -1,
        decision_function_shape: Literal["ovo", "ovr"] = "ovr",
        break_ties: bool = False,
        random_state: _RandomState = None,
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
    def decision_function(
        self, X: _Matrix, execute_in_fhe: ExecutionMode | None = None
    ) -> Array: ...
    def fit(self, X: _Matrix, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self: ...
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

class NuSVR(RegressorMixin, FheEstimator):
    """scikit-learn's NuSVR on encrypted data."""

    coef_: Any
    dual_coef_: Any
    feature_names_in_: Array
    fit_status_: int
    intercept_: Array
    n_features_in_: int
    n_iter_: int
    n_support_: Array
    shape_fit_: Any
    support_: Array
    support_vectors_: Any
    def __init__(
        self,
        *,
        nu: float = 0.5,
        C: float = 1.0,
        kernel: Literal["linear", "poly", "precomputed", "rbf", "sigmoid"]
        | Callable[..., Any] = "rbf",
        degree: int = 3,
        gamma: Literal["auto", "scale"] | float = "scale",
        coef0: float = 0.0,
        shrinking: bool = True,
        tol: float = 0.001,
        cache_size: float = 200,
        verbose: int | bool = False,
        max_iter: int = -1,
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
    def fit(self, X: _Matrix, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self: ...
    def predict(self, X: _Matrix, execute_in_fhe: ExecutionMode | None = None) -> Array: ...
    def score(
        self,
        X: _Matrix,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        execute_in_fhe: ExecutionMode | None = None,
    ) -> float: ...

class OneClassSVM(OutlierMixin, FheEstimator):
    """scikit-learn's OneClassSVM on encrypted data."""

    coef_: Any
    dual_coef_: Any
    feature_names_in_: Array
    fit_status_: int
    intercept_: Array
    n_features_in_: int
    n_iter_: int
    n_support_: Array
    offset_: float
    shape_fit_: Any
    support_: Array
    support_vectors_: Any
    def __init__(
        self,
        *,
        kernel: Literal["linear", "poly", "precomputed", "rbf", "sigmoid"]
        | Callable[..., Any] = "rbf",
        degree: int = 3,
        gamma: Literal["auto", "scale"] | float = "scale",
        coef0: float = 0.0,
        tol: float = 0.001,
        nu: float = 0.5,
        shrinking: bool = True,
        cache_size: float = 200,
        verbose: int | bool = False,
        max_iter: int = -1,
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
    def decision_function(
        self, X: _Matrix, execute_in_fhe: ExecutionMode | None = None
    ) -> Array: ...
    def fit(
        self, X: _Matrix, y: ArrayLike | None = None, sample_weight: ArrayLike | None = None
    ) -> Self: ...
    def predict(self, X: _Matrix, execute_in_fhe: ExecutionMode | None = None) -> Array: ...
    def score_samples(self, X: _Matrix, execute_in_fhe: ExecutionMode | None = None) -> Array: ...

class SVC(ClassifierMixin, FheEstimator):
    """scikit-learn's SVC on encrypted data."""

    class_weight_: Array
    classes_: Array
    coef_: Any
    dual_coef_: Any
    feature_names_in_: Array
    fit_status_: int
    intercept_: Array
    n_features_in_: int
    n_iter_: Array
    n_support_: Array
    probA_: Array
    probB_: Array
    shape_fit_: Any
    support_: Array
    support_vectors_: Any
    def __init__(
        self,
        *,
        C: float = 1.0,
        kernel: Literal["linear", "poly", "precomputed", "rbf", "sigmoid"]
        | Callable[..., Any] = "rbf",
        degree: int = 3,
        gamma: Literal["auto", "scale"] | float = "scale",
        coef0: float = 0.0,
        shrinking: bool = True,
        probability: bool = ...,
        tol: float = 0.001,
        cache_size: float = 200,
        class_weight: Literal["balanced"] | dict[Any, Any] | None = None,
        verbose: int | bool = False,
        max_iter: int = -1,
        decision_function_shape: Literal["ovo", "ovr"] = "ovr",
        break_ties: bool = False,
        random_state: _RandomState = None,
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
    def decision_function(
        self, X: _Matrix, execute_in_fhe: ExecutionMode | None = None
    ) -> Array: ...
    def fit(self, X: _Matrix, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self: ...
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

class SVR(RegressorMixin, FheEstimator):
    """scikit-learn's SVR on encrypted data."""

    coef_: Any
    dual_coef_: Any
    feature_names_in_: Array
    fit_status_: int
    intercept_: Array
    n_features_in_: int
    n_iter_: int
    n_support_: Array
    shape_fit_: Any
    support_: Array
    support_vectors_: Any
    def __init__(
        self,
        *,
        kernel: Literal["linear", "poly", "precomputed", "rbf", "sigmoid"]
        | Callable[..., Any] = "rbf",
        degree: int = 3,
        gamma: Literal["auto", "scale"] | float = "scale",
        coef0: float = 0.0,
        tol: float = 0.001,
        C: float = 1.0,
        epsilon: float = 0.1,
        shrinking: bool = True,
        cache_size: float = 200,
        verbose: int | bool = False,
        max_iter: int = -1,
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
    def fit(self, X: _Matrix, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self: ...
    def predict(self, X: _Matrix, execute_in_fhe: ExecutionMode | None = None) -> Array: ...
    def score(
        self,
        X: _Matrix,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        execute_in_fhe: ExecutionMode | None = None,
    ) -> float: ...
