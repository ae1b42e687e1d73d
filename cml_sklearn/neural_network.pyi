# Written by `python -m docs.stubs`; do not edit by hand.
# mypy: disable-error-code="override, assignment, misc"
"""Neural networks: `sklearn.neural_network` on encrypted data."""

from collections.abc import Callable
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import sparray, spmatrix
from sklearn.base import (
    BaseEstimator,
    ClassifierMixin,
    RegressorMixin,
    TransformerMixin,
)

from cml_sklearn._typing import Array
from cml_sklearn.config import ExecutionMode
from cml_sklearn.estimators.base import FheEstimator
from cml_sklearn.estimators.width_search import search_widths as search_widths

_Matrix = ArrayLike | sparray | spmatrix
_RandomState = int | np.random.RandomState | None

__all__ = [
    "BernoulliRBM",
    "MLPClassifier",
    "MLPRegressor",
    "NeuralNetClassifier",
    "NeuralNetRegressor",
    "search_widths",
]

class BernoulliRBM(TransformerMixin, FheEstimator):
    """scikit-learn's BernoulliRBM on encrypted data."""

    components_: Any
    feature_names_in_: Array
    gibbs: Callable[..., Any]
    h_samples_: Any
    intercept_hidden_: Any
    intercept_visible_: Any
    n_features_in_: int
    score_samples: Callable[..., Any]
    def __init__(
        self,
        n_components: int = 256,
        *,
        learning_rate: float = 0.1,
        batch_size: int = 10,
        n_iter: int = 10,
        verbose: int | bool = 0,
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
    def partial_fit(self, X: _Matrix, y: ArrayLike | None = None) -> Self: ...
    def transform(self, X: _Matrix, execute_in_fhe: ExecutionMode | None = None) -> Array: ...

class MLPClassifier(ClassifierMixin, FheEstimator):
    """scikit-learn's MLPClassifier on encrypted data."""

    best_loss_: Any
    best_validation_score_: Any
    classes_: Any
    coefs_: list[Any]
    feature_names_in_: Array
    intercepts_: list[Any]
    loss_: float
    loss_curve_: list[Any]
    n_features_in_: int
    n_iter_: int
    n_layers_: int
    n_outputs_: int
    out_activation_: str
    t_: int
    validation_scores_: Any
    def __init__(
        self,
        hidden_layer_sizes: ArrayLike | int = ...,
        activation: Literal["identity", "logistic", "relu", "tanh"] = "relu",
        *,
        solver: Literal["adam", "lbfgs", "sgd"] = "adam",
        alpha: float = 0.0001,
        batch_size: Literal["auto"] | int = "auto",
        learning_rate: Literal["adaptive", "constant", "invscaling"] = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: _RandomState = None,
        tol: float = 0.0001,
        verbose: int | bool = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-08,
        n_iter_no_change: float = 10,
        max_fun: int = 15000,
        n_bits: int | dict[Any, Any] = 5,
        p_error: float = 2**-64,
        rounding_bits: int | list[Any] | tuple[Any, ...] | None = 4,
        exact_rounding: bool = False,
    ) -> None: ...
    @classmethod
    def from_sklearn_model(
        cls,
        model: BaseEstimator,
        X: _Matrix,
        *,
        n_bits: int | dict[Any, Any] = 5,
        p_error: float = 2**-64,
        rounding_bits: int | list[Any] | tuple[Any, ...] | None = 4,
        exact_rounding: bool = False,
    ) -> Self: ...
    def fit(self, X: _Matrix, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self: ...
    def partial_fit(
        self,
        X: _Matrix,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        classes: object = None,
    ) -> Self: ...
    def predict(self, X: _Matrix, execute_in_fhe: ExecutionMode | None = None) -> Array: ...
    def predict_log_proba(
        self, X: _Matrix, execute_in_fhe: ExecutionMode | None = None
    ) -> Array: ...
    def predict_proba(self, X: _Matrix, execute_in_fhe: ExecutionMode | None = None) -> Array: ...
    def quantize_again(self, X: _Matrix) -> Self: ...
    def score(
        self,
        X: _Matrix,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        execute_in_fhe: ExecutionMode | None = None,
    ) -> float: ...

class MLPRegressor(RegressorMixin, FheEstimator):
    """scikit-learn's MLPRegressor on encrypted data."""

    best_loss_: float
    best_validation_score_: Any
    coefs_: list[Any]
    feature_names_in_: Array
    intercepts_: list[Any]
    loss_: float
    loss_curve_: list[Any]
    n_features_in_: int
    n_iter_: int
    n_layers_: int
    n_outputs_: int
    out_activation_: str
    t_: int
    validation_scores_: Any
    def __init__(
        self,
        loss: Literal["poisson", "squared_error"] = "squared_error",
        hidden_layer_sizes: ArrayLike | int = ...,
        activation: Literal["identity", "logistic", "relu", "tanh"] = "relu",
        *,
        solver: Literal["adam", "lbfgs", "sgd"] = "adam",
        alpha: float = 0.0001,
        batch_size: Literal["auto"] | int = "auto",
        learning_rate: Literal["adaptive", "constant", "invscaling"] = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: _RandomState = None,
        tol: float = 0.0001,
        verbose: int | bool = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-08,
        n_iter_no_change: float = 10,
        max_fun: int = 15000,
        n_bits: int | dict[Any, Any] = 5,
        p_error: float = 2**-64,
        rounding_bits: int | list[Any] | tuple[Any, ...] | None = 4,
        exact_rounding: bool = False,
    ) -> None: ...
    @classmethod
    def from_sklearn_model(
        cls,
        model: BaseEstimator,
        X: _Matrix,
        *,
        n_bits: int | dict[Any, Any] = 5,
        p_error: float = 2**-64,
        rounding_bits: int | list[Any] | tuple[Any, ...] | None = 4,
        exact_rounding: bool = False,
    ) -> Self: ...
    def fit(self, X: _Matrix, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self: ...
    def partial_fit(
        self, X: _Matrix, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> Self: ...
    def predict(self, X: _Matrix, execute_in_fhe: ExecutionMode | None = None) -> Array: ...
    def quantize_again(self, X: _Matrix) -> Self: ...
    def score(
        self,
        X: _Matrix,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        execute_in_fhe: ExecutionMode | None = None,
    ) -> float: ...

class NeuralNetClassifier(ClassifierMixin, FheEstimator):
    """A classifier by a skorch net."""

    classes_: Array
    n_outputs_: int
    skorch_net_: Any
    def __init__(
        self,
        module: object = None,
        *,
        criterion: object = None,
        optimizer: object = None,
        lr: float = 0.01,
        max_epochs: int = 30,
        batch_size: int = 32,
        train_split: object = None,
        callbacks: object = None,
        verbose: int | bool = 0,
        device: object = ...,
        random_state: _RandomState = None,
        n_bits: int | dict[Any, Any] = 5,
        p_error: float = 2**-64,
        rounding_bits: int | list[Any] | tuple[Any, ...] | None = 4,
        exact_rounding: bool = False,
        quantization_aware: bool = True,
        **skorch_parameters: object,
    ) -> None: ...
    def fit(self, X: _Matrix, y: ArrayLike, **fit_params: object) -> Self: ...
    def get_params(self, deep: bool = True) -> dict[str, object]: ...
    def partial_fit(
        self, X: _Matrix, y: ArrayLike, classes: ArrayLike | None = None, **fit_params: object
    ) -> Self: ...
    def predict(self, X: _Matrix, execute_in_fhe: ExecutionMode | None = None) -> Array: ...
    def predict_log_proba(
        self, X: _Matrix, execute_in_fhe: ExecutionMode | None = None
    ) -> Array: ...
    def predict_proba(self, X: _Matrix, execute_in_fhe: ExecutionMode | None = None) -> Array: ...
    def quantize_again(self, X: _Matrix) -> Self: ...
    def score(
        self,
        X: _Matrix,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        execute_in_fhe: ExecutionMode | None = None,
    ) -> float: ...
    def set_params(self, **params: object) -> Self: ...

class NeuralNetRegressor(RegressorMixin, FheEstimator):
    """A regressor by a skorch net."""

    n_outputs_: int
    skorch_net_: Any
    def __init__(
        self,
        module: object = None,
        *,
        criterion: object = None,
        optimizer: object = None,
        lr: float = 0.01,
        max_epochs: int = 30,
        batch_size: int = 32,
        train_split: object = None,
        callbacks: object = None,
        verbose: int | bool = 0,
        device: object = ...,
        random_state: _RandomState = None,
        n_bits: int | dict[Any, Any] = 5,
        p_error: float = 2**-64,
        rounding_bits: int | list[Any] | tuple[Any, ...] | None = 4,
        exact_rounding: bool = False,
        quantization_aware: bool = True,
        **skorch_parameters: object,
    ) -> None: ...
    def fit(self, X: _Matrix, y: ArrayLike, **fit_params: object) -> Self: ...
    def get_params(self, deep: bool = True) -> dict[str, object]: ...
    def partial_fit(self, X: _Matrix, y: ArrayLike, **fit_params: object) -> Self: ...
    def predict(self, X: _Matrix, execute_in_fhe: ExecutionMode | None = None) -> Array: ...
    def quantize_again(self, X: _Matrix) -> Self: ...
    def score(
        self,
        X: _Matrix,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        execute_in_fhe: ExecutionMode | None = None,
    ) -> float: ...
    def set_params(self, **params: object) -> Self: ...
