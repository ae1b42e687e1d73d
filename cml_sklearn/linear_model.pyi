# Written by `python -m docs.stubs`; do not edit by hand.
# mypy: disable-error-code="override, assignment, misc"
"""Linear models: `sklearn.linear_model` on encrypted data."""

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

__all__ = [
    "ARDRegression",
    "BayesianRidge",
    "ElasticNet",
    "ElasticNetCV",
    "GammaRegressor",
    "HuberRegressor",
    "Lars",
    "LarsCV",
    "Lasso",
    "LassoCV",
    "LassoLars",
    "LassoLarsCV",
    "LassoLarsIC",
    "LinearRegression",
    "LogisticRegression",
    "LogisticRegressionCV",
    "MultiTaskElasticNet",
    "MultiTaskElasticNetCV",
    "MultiTaskLasso",
    "MultiTaskLassoCV",
    "OrthogonalMatchingPursuit",
    "OrthogonalMatchingPursuitCV",
    "Perceptron",
    "PoissonRegressor",
    "QuantileRegressor",
    "RANSACRegressor",
    "Ridge",
    "RidgeCV",
    "RidgeClassifier",
    "RidgeClassifierCV",
    "SGDClassifier",
    "SGDOneClassSVM",
    "SGDRegressor",
    "TheilSenRegressor",
    "TweedieRegressor",
]

class ARDRegression(RegressorMixin, FheEstimator):
    """scikit-learn's ARDRegression on encrypted data."""

    X_offset_: float
    X_scale_: float
    alpha_: float
    coef_: Any
    feature_names_in_: Array
    intercept_: float
    lambda_: Any
    n_features_in_: int
    n_iter_: int
    scores_: float
    sigma_: Any
    def __init__(
        self,
        *,
        max_iter: int = 300,
        tol: float = 0.001,
        alpha_1: float = 1e-06,
        alpha_2: float = 1e-06,
        lambda_1: float = 1e-06,
        lambda_2: float = 1e-06,
        compute_score: bool = False,
        threshold_lambda: float = 10000.0,
        fit_intercept: bool = True,
        copy_X: bool = True,
        verbose: int | bool = False,
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
    def predict(
        self, X: _Matrix, execute_in_fhe: ExecutionMode | None = None, *, return_std: bool = False
    ) -> Array | tuple[Array, Array]: ...
    def score(
        self,
        X: _Matrix,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        execute_in_fhe: ExecutionMode | None = None,
    ) -> float: ...

class BayesianRidge(RegressorMixin, FheEstimator):
    """scikit-learn's BayesianRidge on encrypted data."""

    X_offset_: Array
    X_scale_: Array
    alpha_: float
    coef_: Any
    feature_names_in_: Array
    intercept_: float
    lambda_: float
    n_features_in_: int
    n_iter_: int
    scores_: Any
    sigma_: Any
    def __init__(
        self,
        *,
        max_iter: int = 300,
        tol: float = 0.001,
        alpha_1: float = 1e-06,
        alpha_2: float = 1e-06,
        lambda_1: float = 1e-06,
        lambda_2: float = 1e-06,
        alpha_init: float | None = None,
        lambda_init: float | None = None,
        compute_score: bool = False,
        fit_intercept: bool = True,
        copy_X: bool = True,
        verbose: int | bool = False,
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
    def predict(
        self, X: _Matrix, execute_in_fhe: ExecutionMode | None = None, *, return_std: bool = False
    ) -> Array | tuple[Array, Array]: ...
    def score(
        self,
        X: _Matrix,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        execute_in_fhe: ExecutionMode | None = None,
    ) -> float: ...

class ElasticNet(RegressorMixin, FheEstimator):
    """scikit-learn's ElasticNet on encrypted data."""

    coef_: Any
    dual_gap_: Any
    feature_names_in_: Array
    intercept_: Any
    n_features_in_: int
    n_iter_: list[Any]
    path: Callable[..., Any]
    sparse_coef_: Any
    def __init__(
        self,
        alpha: float = 1.0,
        *,
        l1_ratio: float = 0.5,
        fit_intercept: bool = True,
        precompute: bool | ArrayLike = False,
        max_iter: int | None = 1000,
        copy_X: bool = True,
        tol: float = 0.0001,
        warm_start: bool = False,
        positive: bool = False,
        random_state: _RandomState = None,
        selection: Literal["cyclic", "random"] = "cyclic",
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
    def fit(
        self,
        X: _Matrix,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        check_input: bool = True,
    ) -> Self: ...
    def predict(self, X: _Matrix, execute_in_fhe: ExecutionMode | None = None) -> Array: ...
    def score(
        self,
        X: _Matrix,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        execute_in_fhe: ExecutionMode | None = None,
    ) -> float: ...

class ElasticNetCV(RegressorMixin, FheEstimator):
    """scikit-learn's ElasticNetCV on encrypted data."""

    alpha_: float
    alphas_: Any
    coef_: Any
    dual_gap_: float
    feature_names_in_: Array
    intercept_: Any
    l1_ratio_: float
    mse_path_: Array
    n_features_in_: int
    n_iter_: int
    path: Callable[..., Any]
    def __init__(
        self,
        *,
        l1_ratio: float | ArrayLike = 0.5,
        eps: float = 0.001,
        alphas: int | ArrayLike = 100,
        fit_intercept: bool = True,
        precompute: Literal["auto"] | ArrayLike | bool = "auto",
        max_iter: int = 1000,
        tol: float = 0.0001,
        cv: object = None,
        copy_X: bool = True,
        verbose: int | bool = 0,
        n_jobs: int | None = None,
        positive: bool = False,
        random_state: _RandomState = None,
        selection: Literal["cyclic", "random"] = "cyclic",
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
    def fit(
        self, X: _Matrix, y: ArrayLike, sample_weight: ArrayLike | None = None, **params: object
    ) -> Self: ...
    def predict(self, X: _Matrix, execute_in_fhe: ExecutionMode | None = None) -> Array: ...
    def score(
        self,
        X: _Matrix,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        execute_in_fhe: ExecutionMode | None = None,
    ) -> float: ...

class GammaRegressor(RegressorMixin, FheEstimator):
    """scikit-learn's GammaRegressor on encrypted data."""

    coef_: Array
    feature_names_in_: Array
    intercept_: float
    n_features_in_: int
    n_iter_: int
    def __init__(
        self,
        *,
        alpha: float = 1.0,
        fit_intercept: bool = True,
        solver: Literal["lbfgs", "newton-cholesky"] = "lbfgs",
        max_iter: int = 100,
        tol: float = 0.0001,
        warm_start: bool = False,
        verbose: int | bool = 0,
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

class HuberRegressor(RegressorMixin, FheEstimator):
    """scikit-learn's HuberRegressor on encrypted data."""

    coef_: Array
    feature_names_in_: Array
    intercept_: float
    n_features_in_: int
    n_iter_: int
    outliers_: Array
    scale_: float
    def __init__(
        self,
        *,
        epsilon: float = 1.35,
        max_iter: int = 100,
        alpha: float = 0.0001,
        warm_start: bool = False,
        fit_intercept: bool = True,
        tol: float = 1e-05,
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

class Lars(RegressorMixin, FheEstimator):
    """scikit-learn's Lars on encrypted data."""

    active_: Any
    alphas_: Any
    coef_: Any
    coef_path_: Any
    feature_names_in_: Array
    intercept_: Any
    n_features_in_: int
    n_iter_: Any
    def __init__(
        self,
        *,
        fit_intercept: bool = True,
        verbose: int | bool = False,
        precompute: bool | Literal["auto"] | Array = "auto",
        n_nonzero_coefs: int = 500,
        eps: float = 2**-52,
        copy_X: bool = True,
        fit_path: bool = True,
        jitter: float | None = None,
        random_state: _RandomState = None,
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
    def fit(self, X: _Matrix, y: ArrayLike, Xy: object = None) -> Self: ...
    def predict(self, X: _Matrix, execute_in_fhe: ExecutionMode | None = None) -> Array: ...
    def score(
        self,
        X: _Matrix,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        execute_in_fhe: ExecutionMode | None = None,
    ) -> float: ...

class LarsCV(RegressorMixin, FheEstimator):
    """scikit-learn's LarsCV on encrypted data."""

    active_: Any
    alpha_: float
    alphas_: Any
    coef_: Any
    coef_path_: Any
    cv_alphas_: Any
    feature_names_in_: Array
    intercept_: float
    mse_path_: Any
    n_features_in_: int
    n_iter_: Any
    def __init__(
        self,
        *,
        fit_intercept: bool = True,
        verbose: int | bool = False,
        max_iter: int = 500,
        precompute: bool | Literal["auto"] | Array = "auto",
        cv: object = None,
        max_n_alphas: int = 1000,
        n_jobs: int | None = None,
        eps: float = 2**-52,
        copy_X: bool = True,
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
    def fit(self, X: _Matrix, y: ArrayLike, **params: object) -> Self: ...
    def predict(self, X: _Matrix, execute_in_fhe: ExecutionMode | None = None) -> Array: ...
    def score(
        self,
        X: _Matrix,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        execute_in_fhe: ExecutionMode | None = None,
    ) -> float: ...

class Lasso(RegressorMixin, FheEstimator):
    """scikit-learn's Lasso on encrypted data."""

    coef_: Any
    dual_gap_: Any
    feature_names_in_: Array
    intercept_: Any
    n_features_in_: int
    n_iter_: Any
    path: Callable[..., Any]
    sparse_coef_: Any
    def __init__(
        self,
        alpha: float = 1.0,
        *,
        fit_intercept: bool = True,
        precompute: bool | ArrayLike = False,
        copy_X: bool = True,
        max_iter: int | None = 1000,
        tol: float = 0.0001,
        warm_start: bool = False,
        positive: bool = False,
        random_state: _RandomState = None,
        selection: Literal["cyclic", "random"] = "cyclic",
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
    def fit(
        self,
        X: _Matrix,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        check_input: bool = True,
    ) -> Self: ...
    def predict(self, X: _Matrix, execute_in_fhe: ExecutionMode | None = None) -> Array: ...
    def score(
        self,
        X: _Matrix,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        execute_in_fhe: ExecutionMode | None = None,
    ) -> float: ...

class LassoCV(RegressorMixin, FheEstimator):
    """scikit-learn's LassoCV on encrypted data."""

    alpha_: float
    alphas_: Array
    coef_: Any
    dual_gap_: Any
    feature_names_in_: Array
    intercept_: Any
    mse_path_: Array
    n_features_in_: int
    n_iter_: int
    path: Callable[..., Any]
    def __init__(
        self,
        *,
        eps: float = 0.001,
        alphas: int | ArrayLike = 100,
        fit_intercept: bool = True,
        precompute: Literal["auto"] | ArrayLike | bool = "auto",
        max_iter: int = 1000,
        tol: float = 0.0001,
        copy_X: bool = True,
        cv: object = None,
        verbose: int | bool = False,
        n_jobs: int | None = None,
        positive: bool = False,
        random_state: _RandomState = None,
        selection: Literal["cyclic", "random"] = "cyclic",
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
    def fit(
        self, X: _Matrix, y: ArrayLike, sample_weight: ArrayLike | None = None, **params: object
    ) -> Self: ...
    def predict(self, X: _Matrix, execute_in_fhe: ExecutionMode | None = None) -> Array: ...
    def score(
        self,
        X: _Matrix,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        execute_in_fhe: ExecutionMode | None = None,
    ) -> float: ...

class LassoLars(RegressorMixin, FheEstimator):
    """scikit-learn's LassoLars on encrypted data."""

    active_: Any
    alphas_: Any
    coef_: Any
    coef_path_: Any
    feature_names_in_: Array
    intercept_: Any
    n_features_in_: int
    n_iter_: Any
    def __init__(
        self,
        alpha: float = 1.0,
        *,
        fit_intercept: bool = True,
        verbose: int | bool = False,
        precompute: bool | Literal["auto"] | Array = "auto",
        max_iter: int = 500,
        eps: float = 2**-52,
        copy_X: bool = True,
        fit_path: bool = True,
        positive: bool = False,
        jitter: float | None = None,
        random_state: _RandomState = None,
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
    def fit(self, X: _Matrix, y: ArrayLike, Xy: object = None) -> Self: ...
    def predict(self, X: _Matrix, execute_in_fhe: ExecutionMode | None = None) -> Array: ...
    def score(
        self,
        X: _Matrix,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        execute_in_fhe: ExecutionMode | None = None,
    ) -> float: ...

class LassoLarsCV(RegressorMixin, FheEstimator):
    """scikit-learn's LassoLarsCV on encrypted data."""

    active_: list[Any]
    alpha_: float
    alphas_: Any
    coef_: Any
    coef_path_: Any
    cv_alphas_: Any
    feature_names_in_: Array
    intercept_: float
    mse_path_: Any
    n_features_in_: int
    n_iter_: Any
    def __init__(
        self,
        *,
        fit_intercept: bool = True,
        verbose: int | bool = False,
        max_iter: int = 500,
        precompute: bool | Literal["auto"] | Array = "auto",
        cv: object = None,
        max_n_alphas: int = 1000,
        n_jobs: int | None = None,
        eps: float = 2**-52,
        copy_X: bool = True,
        positive: bool = False,
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
    def fit(self, X: _Matrix, y: ArrayLike, **params: object) -> Self: ...
    def predict(self, X: _Matrix, execute_in_fhe: ExecutionMode | None = None) -> Array: ...
    def score(
        self,
        X: _Matrix,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        execute_in_fhe: ExecutionMode | None = None,
    ) -> float: ...

class LassoLarsIC(RegressorMixin, FheEstimator):
    """scikit-learn's LassoLarsIC on encrypted data."""

    alpha_: float
    alphas_: Any
    coef_: Any
    criterion_: Any
    feature_names_in_: Array
    intercept_: float
    n_features_in_: int
    n_iter_: int
    noise_variance_: float
    def __init__(
        self,
        criterion: Literal["aic", "bic"] = "aic",
        *,
        fit_intercept: bool = True,
        verbose: int | bool = False,
        precompute: bool | Literal["auto"] | Array = "auto",
        max_iter: int = 500,
        eps: float = 2**-52,
        copy_X: bool = True,
        positive: bool = False,
        noise_variance: float | None = None,
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
    def fit(self, X: _Matrix, y: ArrayLike, copy_X: object = None) -> Self: ...
    def predict(self, X: _Matrix, execute_in_fhe: ExecutionMode | None = None) -> Array: ...
    def score(
        self,
        X: _Matrix,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        execute_in_fhe: ExecutionMode | None = None,
    ) -> float: ...

class LinearRegression(RegressorMixin, FheEstimator):
    """scikit-learn's LinearRegression on encrypted data."""

    coef_: Any
    feature_names_in_: Array
    intercept_: Any
    n_features_in_: int
    rank_: int
    singular_: Array
    def __init__(
        self,
        *,
        fit_intercept: bool = True,
        copy_X: bool = True,
        tol: float = 1e-06,
        n_jobs: int | None = None,
        positive: bool = False,
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

class LogisticRegression(ClassifierMixin, FheEstimator):
    """scikit-learn's LogisticRegression on encrypted data."""

    classes_: Array
    coef_: Any
    feature_names_in_: Array
    intercept_: Any
    n_features_in_: int
    n_iter_: Array
    def __init__(
        self,
        penalty: Literal["elasticnet", "l1", "l2"] | None = ...,
        *,
        C: float = 1.0,
        l1_ratio: float | None = 0.0,
        dual: bool = False,
        tol: float = 0.0001,
        fit_intercept: bool = True,
        intercept_scaling: float = 1,
        class_weight: dict[Any, Any] | Literal["balanced"] | None = None,
        random_state: _RandomState = None,
        solver: Literal[
            "lbfgs", "liblinear", "newton-cg", "newton-cholesky", "sag", "saga"
        ] = "lbfgs",
        max_iter: int = 100,
        verbose: int | bool = 0,
        warm_start: bool = False,
        n_jobs: int | None = None,
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
    def sparsify(self) -> Self: ...

class LogisticRegressionCV(ClassifierMixin, FheEstimator):
    """scikit-learn's LogisticRegressionCV on encrypted data."""

    C_: Any
    Cs_: Array
    classes_: Array
    coef_: Any
    coefs_paths_: Any
    feature_names_in_: Array
    intercept_: Any
    l1_ratio_: Any
    l1_ratios_: Array
    n_features_in_: int
    n_iter_: Any
    scores_: dict[Any, Any]
    def __init__(
        self,
        *,
        Cs: int | ArrayLike = 10,
        l1_ratios: ArrayLike | None = ...,
        fit_intercept: bool = True,
        cv: object = None,
        dual: bool = False,
        penalty: Literal["elasticnet", "l1", "l2"] = ...,
        scoring: Literal[
            "accuracy",
            "adjusted_mutual_info_score",
            "adjusted_rand_score",
            "average_precision",
            "balanced_accuracy",
            "completeness_score",
            "d2_absolute_error_score",
            "d2_brier_score",
            "d2_log_loss_score",
            "explained_variance",
            "f1",
            "f1_macro",
            "f1_micro",
            "f1_samples",
            "f1_weighted",
            "fowlkes_mallows_score",
            "homogeneity_score",
            "jaccard",
            "jaccard_macro",
            "jaccard_micro",
            "jaccard_samples",
            "jaccard_weighted",
            "matthews_corrcoef",
            "mutual_info_score",
            "neg_brier_score",
            "neg_log_loss",
            "neg_max_error",
            "neg_mean_absolute_error",
            "neg_mean_absolute_percentage_error",
            "neg_mean_gamma_deviance",
            "neg_mean_poisson_deviance",
            "neg_mean_squared_error",
            "neg_mean_squared_log_error",
            "neg_median_absolute_error",
            "neg_negative_likelihood_ratio",
            "neg_root_mean_squared_error",
            "neg_root_mean_squared_log_error",
            "normalized_mutual_info_score",
            "positive_likelihood_ratio",
            "precision",
            "precision_macro",
            "precision_micro",
            "precision_samples",
            "precision_weighted",
            "r2",
            "rand_score",
            "recall",
            "recall_macro",
            "recall_micro",
            "recall_samples",
            "recall_weighted",
            "roc_auc",
            "roc_auc_ovo",
            "roc_auc_ovo_weighted",
            "roc_auc_ovr",
            "roc_auc_ovr_weighted",
            "top_k_accuracy",
            "v_measure_score",
        ]
        | Callable[..., Any]
        | None = ...,
        solver: Literal[
            "lbfgs", "liblinear", "newton-cg", "newton-cholesky", "sag", "saga"
        ] = "lbfgs",
        tol: float = 0.0001,
        max_iter: int = 100,
        class_weight: dict[Any, Any] | Literal["balanced"] | None = None,
        n_jobs: int | None = None,
        verbose: int | bool = 0,
        refit: bool = True,
        intercept_scaling: float = 1.0,
        random_state: _RandomState = None,
        use_legacy_attributes: bool = ...,
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
    def fit(
        self, X: _Matrix, y: ArrayLike, sample_weight: ArrayLike | None = None, **params: object
    ) -> Self: ...
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
    def sparsify(self) -> Self: ...

class MultiTaskElasticNet(RegressorMixin, FheEstimator):
    """scikit-learn's MultiTaskElasticNet on encrypted data."""

    coef_: Array
    dual_gap_: float
    eps_: float
    feature_names_in_: Array
    intercept_: Array
    n_features_in_: int
    n_iter_: int
    path: Callable[..., Any]
    sparse_coef_: Any
    def __init__(
        self,
        alpha: float = 1.0,
        *,
        l1_ratio: float = 0.5,
        fit_intercept: bool = True,
        copy_X: bool = True,
        max_iter: int | None = 1000,
        tol: float = 0.0001,
        warm_start: bool = False,
        random_state: _RandomState = None,
        selection: Literal["cyclic", "random"] = "cyclic",
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

class MultiTaskElasticNetCV(RegressorMixin, FheEstimator):
    """scikit-learn's MultiTaskElasticNetCV on encrypted data."""

    alpha_: float
    alphas_: Any
    coef_: Array
    dual_gap_: float
    feature_names_in_: Array
    intercept_: Array
    l1_ratio_: float
    mse_path_: Any
    n_features_in_: int
    n_iter_: int
    path: Callable[..., Any]
    def __init__(
        self,
        *,
        l1_ratio: float | ArrayLike = 0.5,
        eps: float = 0.001,
        alphas: int | ArrayLike = 100,
        fit_intercept: bool = True,
        max_iter: int = 1000,
        tol: float = 0.0001,
        cv: object = None,
        copy_X: bool = True,
        verbose: int | bool = 0,
        n_jobs: int | None = None,
        random_state: _RandomState = None,
        selection: Literal["cyclic", "random"] = "cyclic",
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
    def fit(
        self, X: _Matrix, y: ArrayLike, sample_weight: ArrayLike | None = None, **params: object
    ) -> Self: ...
    def predict(self, X: _Matrix, execute_in_fhe: ExecutionMode | None = None) -> Array: ...
    def score(
        self,
        X: _Matrix,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        execute_in_fhe: ExecutionMode | None = None,
    ) -> float: ...

class MultiTaskLasso(RegressorMixin, FheEstimator):
    """scikit-learn's MultiTaskLasso on encrypted data."""

    coef_: Array
    dual_gap_: Array
    eps_: float
    feature_names_in_: Array
    intercept_: Array
    n_features_in_: int
    n_iter_: int
    path: Callable[..., Any]
    sparse_coef_: Any
    def __init__(
        self,
        alpha: float = 1.0,
        *,
        fit_intercept: bool = True,
        copy_X: bool = True,
        max_iter: int | None = 1000,
        tol: float = 0.0001,
        warm_start: bool = False,
        random_state: _RandomState = None,
        selection: Literal["cyclic", "random"] = "cyclic",
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

class MultiTaskLassoCV(RegressorMixin, FheEstimator):
    """scikit-learn's MultiTaskLassoCV on encrypted data."""

    alpha_: float
    alphas_: Array
    coef_: Array
    dual_gap_: float
    feature_names_in_: Array
    intercept_: Array
    mse_path_: Array
    n_features_in_: int
    n_iter_: int
    path: Callable[..., Any]
    def __init__(
        self,
        *,
        eps: float = 0.001,
        alphas: int | ArrayLike = 100,
        fit_intercept: bool = True,
        max_iter: int = 1000,
        tol: float = 0.0001,
        copy_X: bool = True,
        cv: object = None,
        verbose: int | bool = False,
        n_jobs: int | None = None,
        random_state: _RandomState = None,
        selection: Literal["cyclic", "random"] = "cyclic",
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
    def fit(
        self, X: _Matrix, y: ArrayLike, sample_weight: ArrayLike | None = None, **params: object
    ) -> Self: ...
    def predict(self, X: _Matrix, execute_in_fhe: ExecutionMode | None = None) -> Array: ...
    def score(
        self,
        X: _Matrix,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        execute_in_fhe: ExecutionMode | None = None,
    ) -> float: ...

class OrthogonalMatchingPursuit(RegressorMixin, FheEstimator):
    """scikit-learn's OrthogonalMatchingPursuit on encrypted data."""

    coef_: Any
    feature_names_in_: Array
    intercept_: Any
    n_features_in_: int
    n_iter_: Any
    n_nonzero_coefs_: Any
    def __init__(
        self,
        *,
        n_nonzero_coefs: int | None = None,
        tol: float | None = None,
        fit_intercept: bool = True,
        precompute: Literal["auto"] | bool = "auto",
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
    def predict(self, X: _Matrix, execute_in_fhe: ExecutionMode | None = None) -> Array: ...
    def score(
        self,
        X: _Matrix,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        execute_in_fhe: ExecutionMode | None = None,
    ) -> float: ...

class OrthogonalMatchingPursuitCV(RegressorMixin, FheEstimator):
    """scikit-learn's OrthogonalMatchingPursuitCV on encrypted data."""

    coef_: Any
    feature_names_in_: Array
    intercept_: Any
    n_features_in_: int
    n_iter_: Any
    n_nonzero_coefs_: int
    def __init__(
        self,
        *,
        copy: bool = True,
        fit_intercept: bool = True,
        max_iter: int | None = None,
        cv: object = None,
        n_jobs: int | None = None,
        verbose: int | bool = False,
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
    def fit(self, X: _Matrix, y: ArrayLike, **fit_params: object) -> Self: ...
    def predict(self, X: _Matrix, execute_in_fhe: ExecutionMode | None = None) -> Array: ...
    def score(
        self,
        X: _Matrix,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        execute_in_fhe: ExecutionMode | None = None,
    ) -> float: ...

class Perceptron(ClassifierMixin, FheEstimator):
    """scikit-learn's Perceptron on encrypted data."""

    classes_: Array
    coef_: Array
    feature_names_in_: Array
    intercept_: Array
    loss_functions: Any
    n_features_in_: int
    n_iter_: int
    t_: int
    def __init__(
        self,
        *,
        penalty: Literal["elasticnet", "l1", "l2"] | None = None,
        alpha: float = 0.0001,
        l1_ratio: float = 0.15,
        fit_intercept: bool = True,
        max_iter: int = 1000,
        tol: float | None = 0.001,
        shuffle: bool = True,
        verbose: int | bool = 0,
        eta0: float = 1.0,
        n_jobs: int | None = None,
        random_state: _RandomState = 0,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 5,
        class_weight: Literal["balanced"] | dict[Any, Any] | None = None,
        warm_start: bool = False,
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
    def fit(
        self,
        X: _Matrix,
        y: ArrayLike,
        coef_init: object = None,
        intercept_init: object = None,
        sample_weight: ArrayLike | None = None,
    ) -> Self: ...
    def partial_fit(
        self,
        X: _Matrix,
        y: ArrayLike,
        classes: object = None,
        sample_weight: ArrayLike | None = None,
    ) -> Self: ...
    def predict(self, X: _Matrix, execute_in_fhe: ExecutionMode | None = None) -> Array: ...
    def score(
        self,
        X: _Matrix,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        execute_in_fhe: ExecutionMode | None = None,
    ) -> float: ...
    def sparsify(self) -> Self: ...

class PoissonRegressor(RegressorMixin, FheEstimator):
    """scikit-learn's PoissonRegressor on encrypted data."""

    coef_: Array
    feature_names_in_: Array
    intercept_: float
    n_features_in_: int
    n_iter_: int
    def __init__(
        self,
        *,
        alpha: float = 1.0,
        fit_intercept: bool = True,
        solver: Literal["lbfgs", "newton-cholesky"] = "lbfgs",
        max_iter: int = 100,
        tol: float = 0.0001,
        warm_start: bool = False,
        verbose: int | bool = 0,
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

class QuantileRegressor(RegressorMixin, FheEstimator):
    """scikit-learn's QuantileRegressor on encrypted data."""

    coef_: Array
    feature_names_in_: Array
    intercept_: float
    n_features_in_: int
    n_iter_: int
    def __init__(
        self,
        *,
        quantile: float = 0.5,
        alpha: float = 1.0,
        fit_intercept: bool = True,
        solver: Literal[
            "highs", "highs-ds", "highs-ipm", "interior-point", "revised simplex"
        ] = "highs",
        solver_options: dict[Any, Any] | None = None,
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

class RANSACRegressor(RegressorMixin, FheEstimator):
    """scikit-learn's RANSACRegressor on encrypted data."""

    estimator_: Any
    feature_names_in_: Array
    inlier_mask_: bool
    n_features_in_: int
    n_skips_invalid_data_: int
    n_skips_invalid_model_: int
    n_skips_no_inliers_: int
    n_trials_: int
    def __init__(
        self,
        estimator: object = None,
        *,
        min_samples: float | None = None,
        residual_threshold: float | None = None,
        is_data_valid: Callable[..., Any] | None = None,
        is_model_valid: Callable[..., Any] | None = None,
        max_trials: float = 100,
        max_skips: float = ...,
        stop_n_inliers: float = ...,
        stop_score: float = ...,
        stop_probability: float = 0.99,
        loss: Literal["absolute_error", "squared_error"] | Callable[..., Any] = "absolute_error",
        random_state: _RandomState = None,
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
    def fit(
        self, X: _Matrix, y: ArrayLike, sample_weight: ArrayLike | None = None, **fit_params: object
    ) -> Self: ...
    def predict(self, X: _Matrix, execute_in_fhe: ExecutionMode | None = None) -> Array: ...
    def score(
        self,
        X: _Matrix,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        execute_in_fhe: ExecutionMode | None = None,
    ) -> float: ...

class Ridge(RegressorMixin, FheEstimator):
    """scikit-learn's Ridge on encrypted data."""

    coef_: Any
    feature_names_in_: Array
    intercept_: Any
    n_features_in_: int
    n_iter_: Any
    solver_: str
    def __init__(
        self,
        alpha: float | ArrayLike = 1.0,
        *,
        fit_intercept: bool = True,
        copy_X: bool = True,
        max_iter: int | None = None,
        tol: float = 0.0001,
        solver: Literal[
            "auto", "cholesky", "lbfgs", "lsqr", "sag", "saga", "sparse_cg", "svd"
        ] = "auto",
        positive: bool = False,
        random_state: _RandomState = None,
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

class RidgeCV(RegressorMixin, FheEstimator):
    """scikit-learn's RidgeCV on encrypted data."""

    alpha_: Any
    best_score_: Any
    coef_: Any
    cv_results_: Any
    feature_names_in_: Array
    intercept_: Any
    n_features_in_: int
    def __init__(
        self,
        alphas: ArrayLike | float = ...,
        *,
        fit_intercept: bool = True,
        scoring: Literal[
            "accuracy",
            "adjusted_mutual_info_score",
            "adjusted_rand_score",
            "average_precision",
            "balanced_accuracy",
            "completeness_score",
            "d2_absolute_error_score",
            "d2_brier_score",
            "d2_log_loss_score",
            "explained_variance",
            "f1",
            "f1_macro",
            "f1_micro",
            "f1_samples",
            "f1_weighted",
            "fowlkes_mallows_score",
            "homogeneity_score",
            "jaccard",
            "jaccard_macro",
            "jaccard_micro",
            "jaccard_samples",
            "jaccard_weighted",
            "matthews_corrcoef",
            "mutual_info_score",
            "neg_brier_score",
            "neg_log_loss",
            "neg_max_error",
            "neg_mean_absolute_error",
            "neg_mean_absolute_percentage_error",
            "neg_mean_gamma_deviance",
            "neg_mean_poisson_deviance",
            "neg_mean_squared_error",
            "neg_mean_squared_log_error",
            "neg_median_absolute_error",
            "neg_negative_likelihood_ratio",
            "neg_root_mean_squared_error",
            "neg_root_mean_squared_log_error",
            "normalized_mutual_info_score",
            "positive_likelihood_ratio",
            "precision",
            "precision_macro",
            "precision_micro",
            "precision_samples",
            "precision_weighted",
            "r2",
            "rand_score",
            "recall",
            "recall_macro",
            "recall_micro",
            "recall_samples",
            "recall_weighted",
            "roc_auc",
            "roc_auc_ovo",
            "roc_auc_ovo_weighted",
            "roc_auc_ovr",
            "roc_auc_ovr_weighted",
            "top_k_accuracy",
            "v_measure_score",
        ]
        | Callable[..., Any]
        | None = None,
        cv: object = None,
        gcv_mode: Literal["auto", "eigen", "svd"] | None = None,
        store_cv_results: bool = False,
        alpha_per_target: bool = False,
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
    def fit(
        self, X: _Matrix, y: ArrayLike, sample_weight: ArrayLike | None = None, **params: object
    ) -> Self: ...
    def predict(self, X: _Matrix, execute_in_fhe: ExecutionMode | None = None) -> Array: ...
    def score(
        self,
        X: _Matrix,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        execute_in_fhe: ExecutionMode | None = None,
    ) -> float: ...

class RidgeClassifier(ClassifierMixin, FheEstimator):
    """scikit-learn's RidgeClassifier on encrypted data."""

    classes_: Array
    coef_: Any
    feature_names_in_: Array
    intercept_: Any
    n_features_in_: int
    n_iter_: Any
    solver_: str
    def __init__(
        self,
        alpha: float | ArrayLike = 1.0,
        *,
        fit_intercept: bool = True,
        copy_X: bool = True,
        max_iter: int | None = None,
        tol: float = 0.0001,
        class_weight: dict[Any, Any] | Literal["balanced"] | None = None,
        solver: Literal[
            "auto", "cholesky", "lbfgs", "lsqr", "sag", "saga", "sparse_cg", "svd"
        ] = "auto",
        positive: bool = False,
        random_state: _RandomState = None,
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
    def fit(self, X: _Matrix, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self: ...
    def predict(self, X: _Matrix, execute_in_fhe: ExecutionMode | None = None) -> Array: ...
    def score(
        self,
        X: _Matrix,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        execute_in_fhe: ExecutionMode | None = None,
    ) -> float: ...

class RidgeClassifierCV(ClassifierMixin, FheEstimator):
    """scikit-learn's RidgeClassifierCV on encrypted data."""

    alpha_: float
    best_score_: float
    classes_: Array
    coef_: Any
    cv_results_: Array
    feature_names_in_: Array
    intercept_: Any
    n_features_in_: int
    def __init__(
        self,
        alphas: ArrayLike | float = ...,
        *,
        fit_intercept: bool = True,
        scoring: Literal[
            "accuracy",
            "adjusted_mutual_info_score",
            "adjusted_rand_score",
            "average_precision",
            "balanced_accuracy",
            "completeness_score",
            "d2_absolute_error_score",
            "d2_brier_score",
            "d2_log_loss_score",
            "explained_variance",
            "f1",
            "f1_macro",
            "f1_micro",
            "f1_samples",
            "f1_weighted",
            "fowlkes_mallows_score",
            "homogeneity_score",
            "jaccard",
            "jaccard_macro",
            "jaccard_micro",
            "jaccard_samples",
            "jaccard_weighted",
            "matthews_corrcoef",
            "mutual_info_score",
            "neg_brier_score",
            "neg_log_loss",
            "neg_max_error",
            "neg_mean_absolute_error",
            "neg_mean_absolute_percentage_error",
            "neg_mean_gamma_deviance",
            "neg_mean_poisson_deviance",
            "neg_mean_squared_error",
            "neg_mean_squared_log_error",
            "neg_median_absolute_error",
            "neg_negative_likelihood_ratio",
            "neg_root_mean_squared_error",
            "neg_root_mean_squared_log_error",
            "normalized_mutual_info_score",
            "positive_likelihood_ratio",
            "precision",
            "precision_macro",
            "precision_micro",
            "precision_samples",
            "precision_weighted",
            "r2",
            "rand_score",
            "recall",
            "recall_macro",
            "recall_micro",
            "recall_samples",
            "recall_weighted",
            "roc_auc",
            "roc_auc_ovo",
            "roc_auc_ovo_weighted",
            "roc_auc_ovr",
            "roc_auc_ovr_weighted",
            "top_k_accuracy",
            "v_measure_score",
        ]
        | Callable[..., Any]
        | None = None,
        cv: object = None,
        class_weight: dict[Any, Any] | Literal["balanced"] | None = None,
        store_cv_results: bool = False,
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
    def fit(
        self, X: _Matrix, y: ArrayLike, sample_weight: ArrayLike | None = None, **params: object
    ) -> Self: ...
    def predict(self, X: _Matrix, execute_in_fhe: ExecutionMode | None = None) -> Array: ...
    def score(
        self,
        X: _Matrix,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        execute_in_fhe: ExecutionMode | None = None,
    ) -> float: ...

class SGDClassifier(ClassifierMixin, FheEstimator):
    """scikit-learn's SGDClassifier on encrypted data."""

    classes_: Array
    coef_: Array
    feature_names_in_: Array
    intercept_: Array
    loss_functions: Any
    n_features_in_: int
    n_iter_: int
    t_: int
    def __init__(
        self,
        loss: Literal[
            "epsilon_insensitive",
            "hinge",
            "huber",
            "log_loss",
            "modified_huber",
            "perceptron",
            "squared_epsilon_insensitive",
            "squared_error",
            "squared_hinge",
        ] = "hinge",
        *,
        penalty: Literal["elasticnet", "l1", "l2"] | None = "l2",
        alpha: float = 0.0001,
        l1_ratio: float | None = 0.15,
        fit_intercept: bool = True,
        max_iter: int = 1000,
        tol: float | None = 0.001,
        shuffle: bool = True,
        verbose: int | bool = 0,
        epsilon: float = 0.1,
        n_jobs: int | None = None,
        random_state: _RandomState = None,
        learning_rate: Literal[
            "adaptive", "constant", "invscaling", "optimal", "pa1", "pa2"
        ] = "optimal",
        eta0: float = 0.01,
        power_t: float = 0.5,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 5,
        class_weight: Literal["balanced"] | dict[Any, Any] | None = None,
        warm_start: bool = False,
        average: int | bool = False,
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
    def fit(
        self,
        X: _Matrix,
        y: ArrayLike,
        coef_init: object = None,
        intercept_init: object = None,
        sample_weight: ArrayLike | None = None,
    ) -> Self: ...
    def partial_fit(
        self,
        X: _Matrix,
        y: ArrayLike,
        classes: object = None,
        sample_weight: ArrayLike | None = None,
    ) -> Self: ...
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
    def sparsify(self) -> Self: ...

class SGDOneClassSVM(OutlierMixin, FheEstimator):
    """scikit-learn's SGDOneClassSVM on encrypted data."""

    coef_: Array
    feature_names_in_: Array
    loss_functions: Any
    n_features_in_: int
    n_iter_: int
    offset_: Array
    t_: int
    def __init__(
        self,
        nu: float = 0.5,
        fit_intercept: bool = True,
        max_iter: int = 1000,
        tol: float | None = 0.001,
        shuffle: bool = True,
        verbose: int | bool = 0,
        random_state: _RandomState = None,
        learning_rate: Literal["adaptive", "constant", "invscaling", "optimal"] = "optimal",
        eta0: float = 0.01,
        power_t: float = 0.5,
        warm_start: bool = False,
        average: int | bool = False,
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
    def densify(self) -> Self: ...
    def fit(
        self,
        X: _Matrix,
        y: ArrayLike | None = None,
        coef_init: object = None,
        offset_init: object = None,
        sample_weight: ArrayLike | None = None,
    ) -> Self: ...
    def partial_fit(
        self, X: _Matrix, y: ArrayLike | None = None, sample_weight: ArrayLike | None = None
    ) -> Self: ...
    def predict(self, X: _Matrix, execute_in_fhe: ExecutionMode | None = None) -> Array: ...
    def score_samples(self, X: _Matrix, execute_in_fhe: ExecutionMode | None = None) -> Array: ...
    def sparsify(self) -> Self: ...

class SGDRegressor(RegressorMixin, FheEstimator):
    """scikit-learn's SGDRegressor on encrypted data."""

    coef_: Array
    feature_names_in_: Array
    intercept_: Array
    loss_functions: Any
    n_features_in_: int
    n_iter_: int
    t_: int
    def __init__(
        self,
        loss: Literal[
            "epsilon_insensitive", "huber", "squared_epsilon_insensitive", "squared_error"
        ] = "squared_error",
        *,
        penalty: Literal["elasticnet", "l1", "l2"] | None = "l2",
        alpha: float = 0.0001,
        l1_ratio: float | None = 0.15,
        fit_intercept: bool = True,
        max_iter: int = 1000,
        tol: float | None = 0.001,
        shuffle: bool = True,
        verbose: int | bool = 0,
        epsilon: float = 0.1,
        random_state: _RandomState = None,
        learning_rate: Literal[
            "adaptive", "constant", "invscaling", "optimal", "pa1", "pa2"
        ] = "invscaling",
        eta0: float = 0.01,
        power_t: float = 0.25,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int = 5,
        warm_start: bool = False,
        average: int | bool = False,
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
    def densify(self) -> Self: ...
    def fit(
        self,
        X: _Matrix,
        y: ArrayLike,
        coef_init: object = None,
        intercept_init: object = None,
        sample_weight: ArrayLike | None = None,
    ) -> Self: ...
    def partial_fit(
        self, X: _Matrix, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> Self: ...
    def predict(self, X: _Matrix, execute_in_fhe: ExecutionMode | None = None) -> Array: ...
    def score(
        self,
        X: _Matrix,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        execute_in_fhe: ExecutionMode | None = None,
    ) -> float: ...
    def sparsify(self) -> Self: ...

class TheilSenRegressor(RegressorMixin, FheEstimator):
    """scikit-learn's TheilSenRegressor on encrypted data."""

    breakdown_: float
    coef_: Array
    feature_names_in_: Array
    intercept_: float
    n_features_in_: int
    n_iter_: int
    n_subpopulation_: int
    def __init__(
        self,
        *,
        fit_intercept: bool = True,
        max_subpopulation: float = 10000.0,
        n_subsamples: int | None = None,
        max_iter: int = 300,
        tol: float = 0.001,
        random_state: _RandomState = None,
        n_jobs: int | None = None,
        verbose: int | bool = False,
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
    def predict(self, X: _Matrix, execute_in_fhe: ExecutionMode | None = None) -> Array: ...
    def score(
        self,
        X: _Matrix,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        execute_in_fhe: ExecutionMode | None = None,
    ) -> float: ...

class TweedieRegressor(RegressorMixin, FheEstimator):
    """scikit-learn's TweedieRegressor on encrypted data."""

    coef_: Array
    feature_names_in_: Array
    intercept_: float
    n_features_in_: int
    n_iter_: int
    def __init__(
        self,
        *,
        power: float = 0.0,
        alpha: float = 1.0,
        fit_intercept: bool = True,
        link: Literal["auto", "identity", "log"] = "auto",
        solver: Literal["lbfgs", "newton-cholesky"] = "lbfgs",
        max_iter: int = 100,
        tol: float = 0.0001,
        warm_start: bool = False,
        verbose: int | bool = 0,
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
