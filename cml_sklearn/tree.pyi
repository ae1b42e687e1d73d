# Written by `python -m docs.stubs`; do not edit by hand.
# mypy: disable-error-code="override, assignment, misc"
"""Decision trees: `sklearn.tree` on encrypted data."""

from collections.abc import Callable
from typing import Any, Literal, Self

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

__all__ = [
    "DecisionTreeClassifier",
    "DecisionTreeRegressor",
    "ExtraTreeClassifier",
    "ExtraTreeRegressor",
]

class DecisionTreeClassifier(ClassifierMixin, FheEstimator):
    """scikit-learn's DecisionTreeClassifier on encrypted data."""

    apply: Callable[..., Any]
    classes_: Any
    cost_complexity_pruning_path: Callable[..., Any]
    decision_path: Callable[..., Any]
    feature_importances_: Array
    feature_names_in_: Array
    get_depth: Callable[..., Any]
    get_n_leaves: Callable[..., Any]
    grid_: FeatureGrid
    max_features_: int
    n_classes_: Any
    n_features_in_: int
    n_outputs_: int
    tree_: Any
    def __init__(
        self,
        *,
        criterion: Literal["entropy", "gini", "log_loss"] = "gini",
        splitter: Literal["best", "random"] = "best",
        max_depth: int | None = None,
        min_samples_split: float = 2,
        min_samples_leaf: float = 1,
        min_weight_fraction_leaf: float = 0.0,
        max_features: float | Literal["log2", "sqrt"] | None = None,
        random_state: _RandomState = None,
        max_leaf_nodes: int | None = None,
        min_impurity_decrease: float = 0.0,
        class_weight: dict[Any, Any] | list[Any] | Literal["balanced"] | None = None,
        ccp_alpha: float = 0.0,
        monotonic_cst: ArrayLike | None = None,
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
    def fit(
        self,
        X: _Matrix,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        check_input: bool = True,
    ) -> Self: ...
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

class DecisionTreeRegressor(RegressorMixin, FheEstimator):
    """scikit-learn's DecisionTreeRegressor on encrypted data."""

    apply: Callable[..., Any]
    cost_complexity_pruning_path: Callable[..., Any]
    decision_path: Callable[..., Any]
    feature_importances_: Array
    feature_names_in_: Array
    get_depth: Callable[..., Any]
    get_n_leaves: Callable[..., Any]
    grid_: FeatureGrid
    max_features_: int
    n_features_in_: int
    n_outputs_: int
    tree_: Any
    def __init__(
        self,
        *,
        criterion: Literal["absolute_error", "poisson", "squared_error"] = "squared_error",
        splitter: Literal["best", "random"] = "best",
        max_depth: int | None = None,
        min_samples_split: float = 2,
        min_samples_leaf: float = 1,
        min_weight_fraction_leaf: float = 0.0,
        max_features: float | Literal["log2", "sqrt"] | None = None,
        random_state: _RandomState = None,
        max_leaf_nodes: int | None = None,
        min_impurity_decrease: float = 0.0,
        ccp_alpha: float = 0.0,
        monotonic_cst: ArrayLike | None = None,
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

class ExtraTreeClassifier(ClassifierMixin, FheEstimator):
    """scikit-learn's ExtraTreeClassifier on encrypted data."""

    apply: Callable[..., Any]
    classes_: Any
    cost_complexity_pruning_path: Callable[..., Any]
    decision_path: Callable[..., Any]
    feature_importances_: Array
    feature_names_in_: Array
    get_depth: Callable[..., Any]
    get_n_leaves: Callable[..., Any]
    grid_: FeatureGrid
    max_features_: int
    n_classes_: Any
    n_features_in_: int
    n_outputs_: int
    tree_: Any
    def __init__(
        self,
        *,
        criterion: Literal["entropy", "gini", "log_loss"] = "gini",
        splitter: Literal["best", "random"] = "random",
        max_depth: int | None = None,
        min_samples_split: float = 2,
        min_samples_leaf: float = 1,
        min_weight_fraction_leaf: float = 0.0,
        max_features: float | Literal["log2", "sqrt"] | None = "sqrt",
        random_state: _RandomState = None,
        max_leaf_nodes: int | None = None,
        min_impurity_decrease: float = 0.0,
        class_weight: dict[Any, Any] | list[Any] | Literal["balanced"] | None = None,
        ccp_alpha: float = 0.0,
        monotonic_cst: ArrayLike | None = None,
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
    def fit(
        self,
        X: _Matrix,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        check_input: bool = True,
    ) -> Self: ...
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

class ExtraTreeRegressor(RegressorMixin, FheEstimator):
    """scikit-learn's ExtraTreeRegressor on encrypted data."""

    apply: Callable[..., Any]
    cost_complexity_pruning_path: Callable[..., Any]
    decision_path: Callable[..., Any]
    feature_importances_: Array
    feature_names_in_: Array
    get_depth: Callable[..., Any]
    get_n_leaves: Callable[..., Any]
    grid_: FeatureGrid
    max_features_: int
    n_features_in_: int
    n_outputs_: int
    tree_: Any
    def __init__(
        self,
        *,
        criterion: Literal["absolute_error", "poisson", "squared_error"] = "squared_error",
        splitter: Literal["best", "random"] = "random",
        max_depth: int | None = None,
        min_samples_split: float = 2,
        min_samples_leaf: float = 1,
        min_weight_fraction_leaf: float = 0.0,
        max_features: float | Literal["log2", "sqrt"] | None = 1.0,
        random_state: _RandomState = None,
        min_impurity_decrease: float = 0.0,
        max_leaf_nodes: int | None = None,
        ccp_alpha: float = 0.0,
        monotonic_cst: ArrayLike | None = None,
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
