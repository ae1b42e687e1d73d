# Written by `python -m docs.stubs`; do not edit by hand.
# mypy: disable-error-code="override, assignment, misc"
"""Forests, boosting and bagging: `sklearn.ensemble` on encrypted data."""

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
from cml_sklearn.forest.grid import FeatureGrid

_Matrix = ArrayLike | sparray | spmatrix
_RandomState = int | np.random.RandomState | None

__all__ = [
    "AdaBoostClassifier",
    "AdaBoostRegressor",
    "BaggingClassifier",
    "BaggingRegressor",
    "ExtraTreesClassifier",
    "ExtraTreesRegressor",
    "GradientBoostingClassifier",
    "GradientBoostingRegressor",
    "HistGradientBoostingClassifier",
    "HistGradientBoostingRegressor",
    "IsolationForest",
    "RandomForestClassifier",
    "RandomForestRegressor",
]

class AdaBoostClassifier(ClassifierMixin, FheEstimator):
    """scikit-learn's AdaBoostClassifier on encrypted data."""

    classes_: Array
    estimator_: Any
    estimator_errors_: Array
    estimator_weights_: Array
    estimators_: list[Any]
    feature_importances_: Array
    feature_names_in_: Array
    grid_: FeatureGrid
    n_classes_: int
    n_features_in_: int
    staged_decision_function: Callable[..., Any]
    staged_predict: Callable[..., Any]
    staged_predict_proba: Callable[..., Any]
    staged_score: Callable[..., Any]
    def __init__(
        self,
        estimator: object = None,
        *,
        n_estimators: int = 50,
        learning_rate: float = 1.0,
        random_state: _RandomState = None,
        n_bits: int = 6,
        grid: Literal["balanced", "quantile", "uniform"] = "balanced",
        sum_bits: int | None = None,
        p_error: float = 2**-64,
        aggregation: Literal["client", "encrypted"] = "encrypted",
    ) -> None: ...
    @classmethod
    def from_sklearn_model(
        cls,
        model: BaseEstimator,
        X: _Matrix,
        *,
        n_bits: int = 6,
        grid: Literal["balanced", "quantile", "uniform"] = "balanced",
        sum_bits: int | None = None,
        p_error: float = 2**-64,
        aggregation: Literal["client", "encrypted"] = "encrypted",
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

class AdaBoostRegressor(RegressorMixin, FheEstimator):
    """scikit-learn's AdaBoostRegressor on encrypted data."""

    estimator_: Any
    estimator_errors_: Array
    estimator_weights_: Array
    estimators_: list[Any]
    feature_importances_: Array
    feature_names_in_: Array
    grid_: FeatureGrid
    n_features_in_: int
    staged_predict: Callable[..., Any]
    staged_score: Callable[..., Any]
    def __init__(
        self,
        estimator: object = None,
        *,
        n_estimators: int = 50,
        learning_rate: float = 1.0,
        loss: Literal["exponential", "linear", "square"] = "linear",
        random_state: _RandomState = None,
        n_bits: int = 6,
        grid: Literal["balanced", "quantile", "uniform"] = "balanced",
        sum_bits: int | None = None,
        p_error: float = 2**-64,
    ) -> None: ...
    @classmethod
    def from_sklearn_model(
        cls,
        model: BaseEstimator,
        X: _Matrix,
        *,
        n_bits: int = 6,
        grid: Literal["balanced", "quantile", "uniform"] = "balanced",
        sum_bits: int | None = None,
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

class BaggingClassifier(ClassifierMixin, FheEstimator):
    """scikit-learn's BaggingClassifier on encrypted data."""

    classes_: Array
    estimator_: Any
    estimators_: list[Any]
    estimators_features_: list[Any]
    estimators_samples_: list[Any]
    feature_names_in_: Array
    grid_: FeatureGrid
    n_classes_: Any
    n_features_in_: int
    oob_decision_function_: Array
    oob_score_: float
    def __init__(
        self,
        estimator: object = None,
        n_estimators: int = 10,
        *,
        max_samples: float | None = None,
        max_features: float = 1.0,
        bootstrap: bool = True,
        bootstrap_features: bool = False,
        oob_score: bool = False,
        warm_start: bool = False,
        n_jobs: int | None = None,
        random_state: _RandomState = None,
        verbose: int | bool = 0,
        n_bits: int = 6,
        grid: Literal["balanced", "quantile", "uniform"] = "balanced",
        sum_bits: int | None = None,
        p_error: float = 2**-64,
        aggregation: Literal["client", "encrypted"] = "encrypted",
    ) -> None: ...
    @classmethod
    def from_sklearn_model(
        cls,
        model: BaseEstimator,
        X: _Matrix,
        *,
        n_bits: int = 6,
        grid: Literal["balanced", "quantile", "uniform"] = "balanced",
        sum_bits: int | None = None,
        p_error: float = 2**-64,
        aggregation: Literal["client", "encrypted"] = "encrypted",
    ) -> Self: ...
    def fit(
        self, X: _Matrix, y: ArrayLike, sample_weight: ArrayLike | None = None, **fit_params: object
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

class BaggingRegressor(RegressorMixin, FheEstimator):
    """scikit-learn's BaggingRegressor on encrypted data."""

    estimator_: Any
    estimators_: list[Any]
    estimators_features_: list[Any]
    estimators_samples_: list[Any]
    feature_names_in_: Array
    grid_: FeatureGrid
    n_features_in_: int
    oob_prediction_: Array
    oob_score_: float
    def __init__(
        self,
        estimator: object = None,
        n_estimators: int = 10,
        *,
        max_samples: float | None = None,
        max_features: float = 1.0,
        bootstrap: bool = True,
        bootstrap_features: bool = False,
        oob_score: bool = False,
        warm_start: bool = False,
        n_jobs: int | None = None,
        random_state: _RandomState = None,
        verbose: int | bool = 0,
        n_bits: int = 6,
        grid: Literal["balanced", "quantile", "uniform"] = "balanced",
        sum_bits: int | None = None,
        p_error: float = 2**-64,
        aggregation: Literal["client", "encrypted"] = "encrypted",
    ) -> None: ...
    @classmethod
    def from_sklearn_model(
        cls,
        model: BaseEstimator,
        X: _Matrix,
        *,
        n_bits: int = 6,
        grid: Literal["balanced", "quantile", "uniform"] = "balanced",
        sum_bits: int | None = None,
        p_error: float = 2**-64,
        aggregation: Literal["client", "encrypted"] = "encrypted",
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

class ExtraTreesClassifier(ClassifierMixin, FheEstimator):
    """scikit-learn's ExtraTreesClassifier on encrypted data."""

    apply: Callable[..., Any]
    classes_: Any
    decision_path: Callable[..., Any]
    estimator_: Any
    estimators_: list[Any]
    estimators_samples_: list[Any]
    feature_importances_: Array
    feature_names_in_: Array
    grid_: FeatureGrid
    n_classes_: Any
    n_features_in_: int
    n_outputs_: int
    oob_decision_function_: Any
    oob_score_: float
    def __init__(
        self,
        n_estimators: int = 100,
        *,
        criterion: Literal["entropy", "gini", "log_loss"] = "gini",
        max_depth: int | None = None,
        min_samples_split: float = 2,
        min_samples_leaf: float = 1,
        min_weight_fraction_leaf: float = 0.0,
        max_features: float | Literal["log2", "sqrt"] | None = "sqrt",
        max_leaf_nodes: int | None = None,
        min_impurity_decrease: float = 0.0,
        bootstrap: bool = False,
        oob_score: bool | Callable[..., Any] = False,
        n_jobs: int | None = None,
        random_state: _RandomState = None,
        verbose: int | bool = 0,
        warm_start: bool = False,
        class_weight: Literal["balanced", "balanced_subsample"]
        | dict[Any, Any]
        | list[Any]
        | None = None,
        ccp_alpha: float = 0.0,
        max_samples: float | None = None,
        monotonic_cst: ArrayLike | None = None,
        n_bits: int = 6,
        grid: Literal["balanced", "quantile", "uniform"] = "balanced",
        sum_bits: int | None = None,
        p_error: float = 2**-64,
        aggregation: Literal["client", "encrypted"] = "encrypted",
    ) -> None: ...
    @classmethod
    def from_sklearn_model(
        cls,
        model: BaseEstimator,
        X: _Matrix,
        *,
        n_bits: int = 6,
        grid: Literal["balanced", "quantile", "uniform"] = "balanced",
        sum_bits: int | None = None,
        p_error: float = 2**-64,
        aggregation: Literal["client", "encrypted"] = "encrypted",
    ) -> Self: ...
    def fit(self, X: _Matrix, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self: ...
    def predict(self, X: _Matrix, execute_in_fhe: ExecutionMode | None = None) -> Array: ...
    def predict_log_proba(self, X: _Matrix, execute_in_fhe: ExecutionMode | None = None) -> Any: ...
    def predict_proba(self, X: _Matrix, execute_in_fhe: ExecutionMode | None = None) -> Any: ...
    def score(
        self,
        X: _Matrix,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        execute_in_fhe: ExecutionMode | None = None,
    ) -> float: ...

class ExtraTreesRegressor(RegressorMixin, FheEstimator):
    """scikit-learn's ExtraTreesRegressor on encrypted data."""

    apply: Callable[..., Any]
    decision_path: Callable[..., Any]
    estimator_: Any
    estimators_: list[Any]
    estimators_samples_: list[Any]
    feature_importances_: Array
    feature_names_in_: Array
    grid_: FeatureGrid
    n_features_in_: int
    n_outputs_: int
    oob_prediction_: Any
    oob_score_: float
    def __init__(
        self,
        n_estimators: int = 100,
        *,
        criterion: Literal["absolute_error", "poisson", "squared_error"] = "squared_error",
        max_depth: int | None = None,
        min_samples_split: float = 2,
        min_samples_leaf: float = 1,
        min_weight_fraction_leaf: float = 0.0,
        max_features: float | Literal["log2", "sqrt"] | None = 1.0,
        max_leaf_nodes: int | None = None,
        min_impurity_decrease: float = 0.0,
        bootstrap: bool = False,
        oob_score: bool | Callable[..., Any] = False,
        n_jobs: int | None = None,
        random_state: _RandomState = None,
        verbose: int | bool = 0,
        warm_start: bool = False,
        ccp_alpha: float = 0.0,
        max_samples: float | None = None,
        monotonic_cst: ArrayLike | None = None,
        n_bits: int = 6,
        grid: Literal["balanced", "quantile", "uniform"] = "balanced",
        sum_bits: int | None = None,
        p_error: float = 2**-64,
        aggregation: Literal["client", "encrypted"] = "encrypted",
    ) -> None: ...
    @classmethod
    def from_sklearn_model(
        cls,
        model: BaseEstimator,
        X: _Matrix,
        *,
        n_bits: int = 6,
        grid: Literal["balanced", "quantile", "uniform"] = "balanced",
        sum_bits: int | None = None,
        p_error: float = 2**-64,
        aggregation: Literal["client", "encrypted"] = "encrypted",
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

class GradientBoostingClassifier(ClassifierMixin, FheEstimator):
    """scikit-learn's GradientBoostingClassifier on encrypted data."""

    apply: Callable[..., Any]
    classes_: Array
    estimators_: Array
    feature_importances_: Array
    feature_names_in_: Array
    grid_: FeatureGrid
    init_: Any
    max_features_: int
    n_classes_: int
    n_estimators_: int
    n_features_in_: int
    n_trees_per_iteration_: int
    oob_improvement_: Array
    oob_score_: float
    oob_scores_: Array
    staged_decision_function: Callable[..., Any]
    staged_predict: Callable[..., Any]
    staged_predict_proba: Callable[..., Any]
    train_score_: Array
    def __init__(
        self,
        *,
        loss: Literal["exponential", "log_loss"] = "log_loss",
        learning_rate: float = 0.1,
        n_estimators: int = 100,
        subsample: float = 1.0,
        criterion: Literal["squared_error"] = ...,
        min_samples_split: float = 2,
        min_samples_leaf: float = 1,
        min_weight_fraction_leaf: float = 0.0,
        max_depth: int | None = 3,
        min_impurity_decrease: float = 0.0,
        init: object = None,
        random_state: _RandomState = None,
        max_features: float | Literal["log2", "sqrt"] | None = None,
        verbose: int | bool = 0,
        max_leaf_nodes: int | None = None,
        warm_start: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int | None = None,
        tol: float = 0.0001,
        ccp_alpha: float = 0.0,
        n_bits: int = 6,
        grid: Literal["balanced", "quantile", "uniform"] = "balanced",
        sum_bits: int | None = None,
        p_error: float = 2**-64,
        aggregation: Literal["client", "encrypted"] = "encrypted",
    ) -> None: ...
    @classmethod
    def from_sklearn_model(
        cls,
        model: BaseEstimator,
        X: _Matrix,
        *,
        n_bits: int = 6,
        grid: Literal["balanced", "quantile", "uniform"] = "balanced",
        sum_bits: int | None = None,
        p_error: float = 2**-64,
        aggregation: Literal["client", "encrypted"] = "encrypted",
    ) -> Self: ...
    def decision_function(
        self, X: _Matrix, execute_in_fhe: ExecutionMode | None = None
    ) -> Array: ...
    def fit(
        self,
        X: _Matrix,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        monitor: object = None,
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

class GradientBoostingRegressor(RegressorMixin, FheEstimator):
    """scikit-learn's GradientBoostingRegressor on encrypted data."""

    apply: Callable[..., Any]
    estimators_: Array
    feature_importances_: Array
    feature_names_in_: Array
    grid_: FeatureGrid
    init_: Any
    max_features_: int
    n_estimators_: int
    n_features_in_: int
    n_trees_per_iteration_: int
    oob_improvement_: Array
    oob_score_: float
    oob_scores_: Array
    staged_predict: Callable[..., Any]
    train_score_: Array
    def __init__(
        self,
        *,
        loss: Literal["absolute_error", "huber", "quantile", "squared_error"] = "squared_error",
        learning_rate: float = 0.1,
        n_estimators: int = 100,
        subsample: float = 1.0,
        criterion: Literal["squared_error"] = ...,
        min_samples_split: float = 2,
        min_samples_leaf: float = 1,
        min_weight_fraction_leaf: float = 0.0,
        max_depth: int | None = 3,
        min_impurity_decrease: float = 0.0,
        init: object = None,
        random_state: _RandomState = None,
        max_features: float | Literal["log2", "sqrt"] | None = None,
        alpha: float = 0.9,
        verbose: int | bool = 0,
        max_leaf_nodes: int | None = None,
        warm_start: bool = False,
        validation_fraction: float = 0.1,
        n_iter_no_change: int | None = None,
        tol: float = 0.0001,
        ccp_alpha: float = 0.0,
        n_bits: int = 6,
        grid: Literal["balanced", "quantile", "uniform"] = "balanced",
        sum_bits: int | None = None,
        p_error: float = 2**-64,
        aggregation: Literal["client", "encrypted"] = "encrypted",
    ) -> None: ...
    @classmethod
    def from_sklearn_model(
        cls,
        model: BaseEstimator,
        X: _Matrix,
        *,
        n_bits: int = 6,
        grid: Literal["balanced", "quantile", "uniform"] = "balanced",
        sum_bits: int | None = None,
        p_error: float = 2**-64,
        aggregation: Literal["client", "encrypted"] = "encrypted",
    ) -> Self: ...
    def fit(
        self,
        X: _Matrix,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        monitor: object = None,
    ) -> Self: ...
    def predict(self, X: _Matrix, execute_in_fhe: ExecutionMode | None = None) -> Array: ...
    def score(
        self,
        X: _Matrix,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        execute_in_fhe: ExecutionMode | None = None,
    ) -> float: ...

class HistGradientBoostingClassifier(ClassifierMixin, FheEstimator):
    """scikit-learn's HistGradientBoostingClassifier on encrypted data."""

    classes_: Array
    do_early_stopping_: bool
    feature_names_in_: Array
    grid_: FeatureGrid
    is_categorical_: Any
    n_features_in_: int
    n_iter_: int
    n_trees_per_iteration_: int
    staged_decision_function: Callable[..., Any]
    staged_predict: Callable[..., Any]
    staged_predict_proba: Callable[..., Any]
    train_score_: Array
    validation_score_: Array
    def __init__(
        self,
        loss: object = ...,
        *,
        learning_rate: float = 0.1,
        max_iter: int = 100,
        max_leaf_nodes: int | None = 31,
        max_depth: int | None = None,
        min_samples_leaf: int = 20,
        l2_regularization: float = 0.0,
        max_features: float = 1.0,
        max_bins: int = 255,
        categorical_features: ArrayLike | Literal["from_dtype"] | None = "from_dtype",
        monotonic_cst: ArrayLike | dict[Any, Any] | None = None,
        interaction_cst: list[Any]
        | tuple[Any, ...]
        | Literal["no_interactions", "pairwise"]
        | None = None,
        warm_start: bool = False,
        early_stopping: Literal["auto"] | bool = "auto",
        scoring: str | Callable[..., Any] | None = ...,
        validation_fraction: float | None = 0.1,
        n_iter_no_change: int = 10,
        tol: float = 1e-07,
        verbose: int | bool = 0,
        random_state: _RandomState = None,
        class_weight: dict[Any, Any] | Literal["balanced"] | None = None,
        n_bits: int = 6,
        grid: Literal["balanced", "quantile", "uniform"] = "balanced",
        sum_bits: int | None = None,
        p_error: float = 2**-64,
        aggregation: Literal["client", "encrypted"] = "encrypted",
    ) -> None: ...
    @classmethod
    def from_sklearn_model(
        cls,
        model: BaseEstimator,
        X: _Matrix,
        *,
        n_bits: int = 6,
        grid: Literal["balanced", "quantile", "uniform"] = "balanced",
        sum_bits: int | None = None,
        p_error: float = 2**-64,
        aggregation: Literal["client", "encrypted"] = "encrypted",
    ) -> Self: ...
    def decision_function(
        self, X: _Matrix, execute_in_fhe: ExecutionMode | None = None
    ) -> Array: ...
    def fit(
        self,
        X: _Matrix,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        *,
        X_val: _Matrix | None = None,
        y_val: object = None,
        sample_weight_val: ArrayLike | None = None,
    ) -> Self: ...
    def predict(self, X: _Matrix, execute_in_fhe: ExecutionMode | None = None) -> Array: ...
    def predict_proba(self, X: _Matrix, execute_in_fhe: ExecutionMode | None = None) -> Array: ...
    def score(
        self,
        X: _Matrix,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        execute_in_fhe: ExecutionMode | None = None,
    ) -> float: ...

class HistGradientBoostingRegressor(RegressorMixin, FheEstimator):
    """scikit-learn's HistGradientBoostingRegressor on encrypted data."""

    do_early_stopping_: bool
    feature_names_in_: Array
    grid_: FeatureGrid
    is_categorical_: Any
    n_features_in_: int
    n_iter_: int
    n_trees_per_iteration_: int
    staged_predict: Callable[..., Any]
    train_score_: Array
    validation_score_: Array
    def __init__(
        self,
        loss: object = ...,
        *,
        quantile: float | None = None,
        learning_rate: float = 0.1,
        max_iter: int = 100,
        max_leaf_nodes: int | None = 31,
        max_depth: int | None = None,
        min_samples_leaf: int = 20,
        l2_regularization: float = 0.0,
        max_features: float = 1.0,
        max_bins: int = 255,
        categorical_features: ArrayLike | Literal["from_dtype"] | None = "from_dtype",
        monotonic_cst: ArrayLike | dict[Any, Any] | None = None,
        interaction_cst: list[Any]
        | tuple[Any, ...]
        | Literal["no_interactions", "pairwise"]
        | None = None,
        warm_start: bool = False,
        early_stopping: Literal["auto"] | bool = "auto",
        scoring: str | Callable[..., Any] | None = ...,
        validation_fraction: float | None = 0.1,
        n_iter_no_change: int = 10,
        tol: float = 1e-07,
        verbose: int | bool = 0,
        random_state: _RandomState = None,
        n_bits: int = 6,
        grid: Literal["balanced", "quantile", "uniform"] = "balanced",
        sum_bits: int | None = None,
        p_error: float = 2**-64,
        aggregation: Literal["client", "encrypted"] = "encrypted",
    ) -> None: ...
    @classmethod
    def from_sklearn_model(
        cls,
        model: BaseEstimator,
        X: _Matrix,
        *,
        n_bits: int = 6,
        grid: Literal["balanced", "quantile", "uniform"] = "balanced",
        sum_bits: int | None = None,
        p_error: float = 2**-64,
        aggregation: Literal["client", "encrypted"] = "encrypted",
    ) -> Self: ...
    def fit(
        self,
        X: _Matrix,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        *,
        X_val: _Matrix | None = None,
        y_val: object = None,
        sample_weight_val: ArrayLike | None = None,
    ) -> Self: ...
    def predict(self, X: _Matrix, execute_in_fhe: ExecutionMode | None = None) -> Array: ...
    def score(
        self,
        X: _Matrix,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        execute_in_fhe: ExecutionMode | None = None,
    ) -> float: ...

class IsolationForest(OutlierMixin, FheEstimator):
    """scikit-learn's IsolationForest on encrypted data."""

    estimator_: Any
    estimators_: list[Any]
    estimators_features_: list[Any]
    estimators_samples_: list[Any]
    feature_names_in_: Array
    grid_: FeatureGrid
    max_samples_: int
    n_features_in_: int
    offset_: float
    def __init__(
        self,
        *,
        n_estimators: int = 100,
        max_samples: Literal["auto"] | float = "auto",
        contamination: Literal["auto"] | float = "auto",
        max_features: float = 1.0,
        bootstrap: bool = False,
        n_jobs: int | None = None,
        random_state: _RandomState = None,
        verbose: int | bool = 0,
        warm_start: bool = False,
        n_bits: int = 6,
        grid: Literal["balanced", "quantile", "uniform"] = "balanced",
        sum_bits: int | None = None,
        p_error: float = 2**-64,
        aggregation: Literal["client", "encrypted"] = "encrypted",
    ) -> None: ...
    @classmethod
    def from_sklearn_model(
        cls,
        model: BaseEstimator,
        X: _Matrix,
        *,
        n_bits: int = 6,
        grid: Literal["balanced", "quantile", "uniform"] = "balanced",
        sum_bits: int | None = None,
        p_error: float = 2**-64,
        aggregation: Literal["client", "encrypted"] = "encrypted",
    ) -> Self: ...
    def decision_function(
        self, X: _Matrix, execute_in_fhe: ExecutionMode | None = None
    ) -> Array: ...
    def fit(
        self, X: _Matrix, y: ArrayLike | None = None, sample_weight: ArrayLike | None = None
    ) -> Self: ...
    def predict(self, X: _Matrix, execute_in_fhe: ExecutionMode | None = None) -> Array: ...
    def score_samples(self, X: _Matrix, execute_in_fhe: ExecutionMode | None = None) -> Array: ...

class RandomForestClassifier(ClassifierMixin, FheEstimator):
    """scikit-learn's RandomForestClassifier on encrypted data."""

    apply: Callable[..., Any]
    classes_: Any
    decision_path: Callable[..., Any]
    estimator_: Any
    estimators_: list[Any]
    estimators_samples_: list[Any]
    feature_importances_: Array
    feature_names_in_: Array
    grid_: FeatureGrid
    n_classes_: Any
    n_features_in_: int
    n_outputs_: int
    oob_decision_function_: Any
    oob_score_: float
    def __init__(
        self,
        n_estimators: int = 100,
        *,
        criterion: Literal["entropy", "gini", "log_loss"] = "gini",
        max_depth: int | None = None,
        min_samples_split: float = 2,
        min_samples_leaf: float = 1,
        min_weight_fraction_leaf: float = 0.0,
        max_features: float | Literal["log2", "sqrt"] | None = "sqrt",
        max_leaf_nodes: int | None = None,
        min_impurity_decrease: float = 0.0,
        bootstrap: bool = True,
        oob_score: bool | Callable[..., Any] = False,
        n_jobs: int | None = None,
        random_state: _RandomState = None,
        verbose: int | bool = 0,
        warm_start: bool = False,
        class_weight: Literal["balanced", "balanced_subsample"]
        | dict[Any, Any]
        | list[Any]
        | None = None,
        ccp_alpha: float = 0.0,
        max_samples: float | None = None,
        monotonic_cst: ArrayLike | None = None,
        n_bits: int = 6,
        grid: Literal["balanced", "quantile", "uniform"] = "balanced",
        sum_bits: int | None = None,
        p_error: float = 2**-64,
        aggregation: Literal["client", "encrypted"] = "encrypted",
    ) -> None: ...
    @classmethod
    def from_sklearn_model(
        cls,
        model: BaseEstimator,
        X: _Matrix,
        *,
        n_bits: int = 6,
        grid: Literal["balanced", "quantile", "uniform"] = "balanced",
        sum_bits: int | None = None,
        p_error: float = 2**-64,
        aggregation: Literal["client", "encrypted"] = "encrypted",
    ) -> Self: ...
    def fit(self, X: _Matrix, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self: ...
    def predict(self, X: _Matrix, execute_in_fhe: ExecutionMode | None = None) -> Array: ...
    def predict_log_proba(self, X: _Matrix, execute_in_fhe: ExecutionMode | None = None) -> Any: ...
    def predict_proba(self, X: _Matrix, execute_in_fhe: ExecutionMode | None = None) -> Any: ...
    def score(
        self,
        X: _Matrix,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        execute_in_fhe: ExecutionMode | None = None,
    ) -> float: ...

class RandomForestRegressor(RegressorMixin, FheEstimator):
    """scikit-learn's RandomForestRegressor on encrypted data."""

    apply: Callable[..., Any]
    decision_path: Callable[..., Any]
    estimator_: Any
    estimators_: list[Any]
    estimators_samples_: list[Any]
    feature_importances_: Array
    feature_names_in_: Array
    grid_: FeatureGrid
    n_features_in_: int
    n_outputs_: int
    oob_prediction_: Any
    oob_score_: float
    def __init__(
        self,
        n_estimators: int = 100,
        *,
        criterion: Literal["absolute_error", "poisson", "squared_error"] = "squared_error",
        max_depth: int | None = None,
        min_samples_split: float = 2,
        min_samples_leaf: float = 1,
        min_weight_fraction_leaf: float = 0.0,
        max_features: float | Literal["log2", "sqrt"] | None = 1.0,
        max_leaf_nodes: int | None = None,
        min_impurity_decrease: float = 0.0,
        bootstrap: bool = True,
        oob_score: bool | Callable[..., Any] = False,
        n_jobs: int | None = None,
        random_state: _RandomState = None,
        verbose: int | bool = 0,
        warm_start: bool = False,
        ccp_alpha: float = 0.0,
        max_samples: float | None = None,
        monotonic_cst: ArrayLike | None = None,
        n_bits: int = 6,
        grid: Literal["balanced", "quantile", "uniform"] = "balanced",
        sum_bits: int | None = None,
        p_error: float = 2**-64,
        aggregation: Literal["client", "encrypted"] = "encrypted",
    ) -> None: ...
    @classmethod
    def from_sklearn_model(
        cls,
        model: BaseEstimator,
        X: _Matrix,
        *,
        n_bits: int = 6,
        grid: Literal["balanced", "quantile", "uniform"] = "balanced",
        sum_bits: int | None = None,
        p_error: float = 2**-64,
        aggregation: Literal["client", "encrypted"] = "encrypted",
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
