# Written by `python -m docs.stubs`; do not edit by hand.
# mypy: disable-error-code="override, assignment, misc"
"""XGBoost's scikit-learn estimators on encrypted data; needs xgboost."""

from collections.abc import Callable, Sequence
from typing import Any, Literal, Self, TypedDict, Unpack

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import sparray, spmatrix
from sklearn.base import (
    BaseEstimator,
    ClassifierMixin,
    RegressorMixin,
)

from cml_sklearn._typing import Array
from cml_sklearn.config import ExecutionMode
from cml_sklearn.estimators.base import FheEstimator
from cml_sklearn.forest.grid import FeatureGrid

_Matrix = ArrayLike | sparray | spmatrix
_RandomState = int | np.random.RandomState | None

_Further = TypedDict(
    "_Further",
    {
        "alpha": object,
        "disable_default_eval_metric": object,
        "eta": object,
        "expectile_alpha": object,
        "huber_slope": object,
        "lambda": object,
        "max_cached_hist_node": object,
        "min_split_loss": object,
        "nthread": object,
        "num_class": object,
        "process_type": object,
        "quantile_alpha": object,
        "refresh_leaf": object,
        "seed": object,
        "seed_per_iteration": object,
        "sparse_threshold": object,
        "tweedie_variance_power": object,
        "updater": object,
        "verbose": object,
    },
    total=False,
)
__all__ = ["XGBClassifier", "XGBRFClassifier", "XGBRFRegressor", "XGBRegressor"]

class XGBClassifier(ClassifierMixin, FheEstimator):
    """XGBoost's XGBClassifier on encrypted data."""

    apply: Callable[..., Any]
    best_iteration: Any
    best_score: Any
    classes_: Any
    coef_: Any
    evals_result: Callable[..., Any]
    feature_importances_: Any
    feature_names_in_: Any
    get_booster: Callable[..., Any]
    get_num_boosting_rounds: Callable[..., Any]
    get_xgb_params: Callable[..., Any]
    grid_: FeatureGrid
    intercept_: Any
    n_features_in_: Any
    save_model: Callable[..., Any]
    def __init__(
        self,
        *,
        max_depth: int | None = None,
        max_leaves: int | None = None,
        max_bin: int | None = None,
        grow_policy: str | None = None,
        learning_rate: float | None = None,
        n_estimators: int | None = None,
        verbosity: int | None = None,
        objective: object = ...,
        booster: str | None = None,
        tree_method: str | None = None,
        n_jobs: int | None = None,
        gamma: float | None = None,
        min_child_weight: float | None = None,
        max_delta_step: float | None = None,
        subsample: float | None = None,
        sampling_method: str | None = None,
        colsample_bytree: float | None = None,
        colsample_bylevel: float | None = None,
        colsample_bynode: float | None = None,
        reg_alpha: float | None = None,
        reg_lambda: float | None = None,
        scale_pos_weight: float | None = None,
        base_score: float | list[Any] | None = None,
        random_state: np.random.RandomState | np.random.Generator | int | None = None,
        missing: float = ...,
        num_parallel_tree: int | None = None,
        monotone_constraints: dict[Any, Any] | str | None = None,
        interaction_constraints: str | Sequence[Any] | None = None,
        importance_type: str | None = None,
        device: str | None = None,
        validate_parameters: bool | None = None,
        enable_categorical: bool = False,
        feature_types: Sequence[Any] | None = None,
        feature_weights: object = None,
        max_cat_to_onehot: int | None = None,
        max_cat_threshold: int | None = None,
        multi_strategy: str | None = None,
        eval_metric: str | list[Any] | Callable[..., Any] | None = None,
        early_stopping_rounds: int | None = None,
        callbacks: list[Any] | None = None,
        n_bits: int = 6,
        grid: Literal["balanced", "quantile", "uniform"] = "balanced",
        sum_bits: int | None = None,
        p_error: float = 2**-64,
        aggregation: Literal["client", "encrypted"] = "encrypted",
        **further: Unpack[_Further],
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
        *,
        sample_weight: ArrayLike | None = None,
        base_margin: object = None,
        eval_set: Sequence[tuple[_Matrix, ArrayLike]] | None = None,
        verbose: bool = True,
        xgb_model: object = None,
        sample_weight_eval_set: ArrayLike | None = None,
        base_margin_eval_set: object = None,
        feature_weights: object = None,
    ) -> Self: ...
    def get_params(self, deep: bool = True) -> dict[str, object]: ...
    def predict(self, X: _Matrix, execute_in_fhe: ExecutionMode | None = None) -> Array: ...
    def predict_proba(self, X: _Matrix, execute_in_fhe: ExecutionMode | None = None) -> Array: ...
    def score(
        self,
        X: _Matrix,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        execute_in_fhe: ExecutionMode | None = None,
    ) -> float: ...
    def set_params(self, **params: object) -> Self: ...

class XGBRFClassifier(ClassifierMixin, FheEstimator):
    """XGBoost's XGBRFClassifier on encrypted data."""

    apply: Callable[..., Any]
    best_iteration: Any
    best_score: Any
    classes_: Any
    coef_: Any
    evals_result: Callable[..., Any]
    feature_importances_: Any
    feature_names_in_: Any
    get_booster: Callable[..., Any]
    get_num_boosting_rounds: Callable[..., Any]
    get_xgb_params: Callable[..., Any]
    grid_: FeatureGrid
    intercept_: Any
    n_features_in_: Any
    save_model: Callable[..., Any]
    def __init__(
        self,
        *,
        max_depth: int | None = None,
        max_leaves: int | None = None,
        max_bin: int | None = None,
        grow_policy: str | None = None,
        learning_rate: float = 1.0,
        n_estimators: int | None = None,
        verbosity: int | None = None,
        objective: object = ...,
        booster: str | None = None,
        tree_method: str | None = None,
        n_jobs: int | None = None,
        gamma: float | None = None,
        min_child_weight: float | None = None,
        max_delta_step: float | None = None,
        subsample: float = 0.8,
        sampling_method: str | None = None,
        colsample_bytree: float | None = None,
        colsample_bylevel: float | None = None,
        colsample_bynode: float = 0.8,
        reg_alpha: float | None = None,
        reg_lambda: float = 1e-05,
        scale_pos_weight: float | None = None,
        base_score: float | list[Any] | None = None,
        random_state: np.random.RandomState | np.random.Generator | int | None = None,
        missing: float = ...,
        num_parallel_tree: int | None = None,
        monotone_constraints: dict[Any, Any] | str | None = None,
        interaction_constraints: str | Sequence[Any] | None = None,
        importance_type: str | None = None,
        device: str | None = None,
        validate_parameters: bool | None = None,
        enable_categorical: bool = False,
        feature_types: Sequence[Any] | None = None,
        feature_weights: object = None,
        max_cat_to_onehot: int | None = None,
        max_cat_threshold: int | None = None,
        multi_strategy: str | None = None,
        eval_metric: str | list[Any] | Callable[..., Any] | None = None,
        early_stopping_rounds: int | None = None,
        callbacks: list[Any] | None = None,
        n_bits: int = 6,
        grid: Literal["balanced", "quantile", "uniform"] = "balanced",
        sum_bits: int | None = None,
        p_error: float = 2**-64,
        aggregation: Literal["client", "encrypted"] = "encrypted",
        **further: Unpack[_Further],
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
        *,
        sample_weight: ArrayLike | None = None,
        base_margin: object = None,
        eval_set: Sequence[tuple[_Matrix, ArrayLike]] | None = None,
        verbose: bool = True,
        xgb_model: object = None,
        sample_weight_eval_set: ArrayLike | None = None,
        base_margin_eval_set: object = None,
        feature_weights: object = None,
    ) -> Self: ...
    def get_params(self, deep: bool = True) -> dict[str, object]: ...
    def predict(self, X: _Matrix, execute_in_fhe: ExecutionMode | None = None) -> Array: ...
    def predict_proba(self, X: _Matrix, execute_in_fhe: ExecutionMode | None = None) -> Array: ...
    def score(
        self,
        X: _Matrix,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        execute_in_fhe: ExecutionMode | None = None,
    ) -> float: ...
    def set_params(self, **params: object) -> Self: ...

class XGBRFRegressor(RegressorMixin, FheEstimator):
    """XGBoost's XGBRFRegressor on encrypted data."""

    apply: Callable[..., Any]
    best_iteration: Any
    best_score: Any
    coef_: Any
    evals_result: Callable[..., Any]
    feature_importances_: Any
    feature_names_in_: Any
    get_booster: Callable[..., Any]
    get_num_boosting_rounds: Callable[..., Any]
    get_xgb_params: Callable[..., Any]
    grid_: FeatureGrid
    intercept_: Any
    n_features_in_: Any
    save_model: Callable[..., Any]
    def __init__(
        self,
        *,
        max_depth: int | None = None,
        max_leaves: int | None = None,
        max_bin: int | None = None,
        grow_policy: str | None = None,
        learning_rate: float = 1.0,
        n_estimators: int | None = None,
        verbosity: int | None = None,
        objective: object = ...,
        booster: str | None = None,
        tree_method: str | None = None,
        n_jobs: int | None = None,
        gamma: float | None = None,
        min_child_weight: float | None = None,
        max_delta_step: float | None = None,
        subsample: float = 0.8,
        sampling_method: str | None = None,
        colsample_bytree: float | None = None,
        colsample_bylevel: float | None = None,
        colsample_bynode: float = 0.8,
        reg_alpha: float | None = None,
        reg_lambda: float = 1e-05,
        scale_pos_weight: float | None = None,
        base_score: float | list[Any] | None = None,
        random_state: np.random.RandomState | np.random.Generator | int | None = None,
        missing: float = ...,
        num_parallel_tree: int | None = None,
        monotone_constraints: dict[Any, Any] | str | None = None,
        interaction_constraints: str | Sequence[Any] | None = None,
        importance_type: str | None = None,
        device: str | None = None,
        validate_parameters: bool | None = None,
        enable_categorical: bool = False,
        feature_types: Sequence[Any] | None = None,
        feature_weights: object = None,
        max_cat_to_onehot: int | None = None,
        max_cat_threshold: int | None = None,
        multi_strategy: str | None = None,
        eval_metric: str | list[Any] | Callable[..., Any] | None = None,
        early_stopping_rounds: int | None = None,
        callbacks: list[Any] | None = None,
        n_bits: int = 6,
        grid: Literal["balanced", "quantile", "uniform"] = "balanced",
        sum_bits: int | None = None,
        p_error: float = 2**-64,
        aggregation: Literal["client", "encrypted"] = "encrypted",
        **further: Unpack[_Further],
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
        *,
        sample_weight: ArrayLike | None = None,
        base_margin: object = None,
        eval_set: Sequence[tuple[_Matrix, ArrayLike]] | None = None,
        verbose: bool = True,
        xgb_model: object = None,
        sample_weight_eval_set: ArrayLike | None = None,
        base_margin_eval_set: object = None,
        feature_weights: object = None,
    ) -> Self: ...
    def get_params(self, deep: bool = True) -> dict[str, object]: ...
    def predict(self, X: _Matrix, execute_in_fhe: ExecutionMode | None = None) -> Array: ...
    def score(
        self,
        X: _Matrix,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        execute_in_fhe: ExecutionMode | None = None,
    ) -> float: ...
    def set_params(self, **params: object) -> Self: ...

class XGBRegressor(RegressorMixin, FheEstimator):
    """XGBoost's XGBRegressor on encrypted data."""

    apply: Callable[..., Any]
    best_iteration: Any
    best_score: Any
    coef_: Any
    evals_result: Callable[..., Any]
    feature_importances_: Any
    feature_names_in_: Any
    get_booster: Callable[..., Any]
    get_num_boosting_rounds: Callable[..., Any]
    get_xgb_params: Callable[..., Any]
    grid_: FeatureGrid
    intercept_: Any
    n_features_in_: Any
    save_model: Callable[..., Any]
    def __init__(
        self,
        *,
        max_depth: int | None = None,
        max_leaves: int | None = None,
        max_bin: int | None = None,
        grow_policy: str | None = None,
        learning_rate: float | None = None,
        n_estimators: int | None = None,
        verbosity: int | None = None,
        objective: object = ...,
        booster: str | None = None,
        tree_method: str | None = None,
        n_jobs: int | None = None,
        gamma: float | None = None,
        min_child_weight: float | None = None,
        max_delta_step: float | None = None,
        subsample: float | None = None,
        sampling_method: str | None = None,
        colsample_bytree: float | None = None,
        colsample_bylevel: float | None = None,
        colsample_bynode: float | None = None,
        reg_alpha: float | None = None,
        reg_lambda: float | None = None,
        scale_pos_weight: float | None = None,
        base_score: float | list[Any] | None = None,
        random_state: np.random.RandomState | np.random.Generator | int | None = None,
        missing: float = ...,
        num_parallel_tree: int | None = None,
        monotone_constraints: dict[Any, Any] | str | None = None,
        interaction_constraints: str | Sequence[Any] | None = None,
        importance_type: str | None = None,
        device: str | None = None,
        validate_parameters: bool | None = None,
        enable_categorical: bool = False,
        feature_types: Sequence[Any] | None = None,
        feature_weights: object = None,
        max_cat_to_onehot: int | None = None,
        max_cat_threshold: int | None = None,
        multi_strategy: str | None = None,
        eval_metric: str | list[Any] | Callable[..., Any] | None = None,
        early_stopping_rounds: int | None = None,
        callbacks: list[Any] | None = None,
        n_bits: int = 6,
        grid: Literal["balanced", "quantile", "uniform"] = "balanced",
        sum_bits: int | None = None,
        p_error: float = 2**-64,
        aggregation: Literal["client", "encrypted"] = "encrypted",
        **further: Unpack[_Further],
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
        *,
        sample_weight: ArrayLike | None = None,
        base_margin: object = None,
        eval_set: Sequence[tuple[_Matrix, ArrayLike]] | None = None,
        verbose: bool = True,
        xgb_model: object = None,
        sample_weight_eval_set: ArrayLike | None = None,
        base_margin_eval_set: object = None,
        feature_weights: object = None,
    ) -> Self: ...
    def get_params(self, deep: bool = True) -> dict[str, object]: ...
    def predict(self, X: _Matrix, execute_in_fhe: ExecutionMode | None = None) -> Array: ...
    def score(
        self,
        X: _Matrix,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        execute_in_fhe: ExecutionMode | None = None,
    ) -> float: ...
    def set_params(self, **params: object) -> Self: ...
