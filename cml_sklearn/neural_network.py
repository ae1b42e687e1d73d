"""Neural networks: `sklearn.neural_network` on encrypted data."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Self, cast

import numpy as np
import sklearn.neural_network
from numpy.typing import ArrayLike, NDArray
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.neural_network._base import ACTIVATIONS
from sklearn.utils import Tags
from sklearn.utils.multiclass import (
    _check_partial_fit_first_call,
    check_classification_targets,
)

from cml_sklearn._linear import PartialFitMixin
from cml_sklearn._networks import (
    NETWORK_CONSTRAINTS,
    NETWORK_N_BITS_DOC,
    NETWORK_PARAMETERS,
    quantize_network,
)
from cml_sklearn._predictions import PredictingEstimator, ProbabilisticEstimator
from cml_sklearn._skorch import NET_DOC, NeuralNet
from cml_sklearn._typing import FloatArray
from cml_sklearn._width_search import search_widths
from cml_sklearn.base import as_dense, like_input
from cml_sklearn.config import ExecutionMode
from cml_sklearn.convert.torch import export_to_onnx
from cml_sklearn.exceptions import InvalidInputError
from cml_sklearn.quantization.quantized_module import QuantizedModule

if TYPE_CHECKING:
    import onnx

__all__ = [
    "MLPClassifier",
    "MLPRegressor",
    "NeuralNetClassifier",
    "NeuralNetRegressor",
    "search_widths",
]


class _MultilayerPerceptron(PartialFitMixin, PredictingEstimator):
    """What classifier and regressor share; abstract."""

    _own_parameters = NETWORK_PARAMETERS
    _n_bits_doc = NETWORK_N_BITS_DOC

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Add the constraints of the rounding parameters."""
        super().__init_subclass__(**kwargs)
        cls._parameter_constraints = {**cls._parameter_constraints, **NETWORK_CONSTRAINTS}

    @classmethod
    def from_sklearn_model(
        cls,
        model: Any,
        X: ArrayLike,
        *,
        n_bits: Any = 5,
        p_error: float = 2.0**-40,
        rounding_bits: int | None = 5,
        exact_rounding: bool = False,
    ) -> Self:
        """See `FheEstimator.from_sklearn_model`; the further parameters are the class's."""
        cls._check_wrapped(model)
        parameters = {"n_bits": n_bits, "p_error": p_error, "rounding_bits": rounding_bits}
        parameters["exact_rounding"] = exact_rounding
        estimator = cls(**model.get_params(deep=False), **parameters)
        return estimator._adopt(model, as_dense(X))

    def _quantize(self, X: FloatArray, sample_weight: FloatArray | None) -> QuantizedModule:
        """Convert and quantize the raw scores."""
        self.onnx_model_ = _raw_scores_to_onnx(self.sklearn_model_, X)
        return quantize_network(self, X, sample_weight)

    def _check_circuit(self, X: FloatArray) -> None:
        """Compare simulation and clear integers, unless rounding is approximate."""
        if self.exact_rounding:
            super()._check_circuit(X)

    def _predicted(
        self, method: str, X: ArrayLike, execute_in_fhe: ExecutionMode | None
    ) -> NDArray[Any]:
        """Let scikit-learn's own method work on our scores, in the clear after decryption."""
        scores = self._raw_scores(X, execute_in_fhe)
        model = copy.copy(self.sklearn_model_)
        ACTIVATIONS[model.out_activation_](scores)
        model._forward_pass_fast = lambda *_, **__: scores
        return like_input(getattr(model, method)(scores), X)


class MLPClassifier(
    ClassifierMixin,
    ProbabilisticEstimator,
    _MultilayerPerceptron,
    wraps=sklearn.neural_network.MLPClassifier,
):
    """See `sklearn.neural_network.MLPClassifier`."""


class MLPRegressor(
    RegressorMixin, _MultilayerPerceptron, wraps=sklearn.neural_network.MLPRegressor
):
    """See `sklearn.neural_network.MLPRegressor`."""


class NeuralNetClassifier(ClassifierMixin, ProbabilisticEstimator, NeuralNet):
    """A classifier by a skorch net."""

    __doc__ += NET_DOC

    _wrapped_class = sklearn.neural_network.MLPClassifier

    classes_: NDArray[Any]

    def partial_fit(
        self, X: ArrayLike, y: ArrayLike, classes: ArrayLike | None = None, **fit_params: Any
    ) -> Self:
        """Train for `max_epochs` more on a batch, then quantize anew; forgets an earlier circuit.

        The ranges of the integers are fixed on all batches, or on the last 10,000 samples of them.

        Parameters
        ----------
        X, y, **fit_params
            See `fit`.
        classes : array-like of shape (n_classes,), optional
            All labels that will come; needed in the first call.

        Returns
        -------
        self
        """
        _check_partial_fit_first_call(self, classes)
        return self._continue(X, y, fit_params)

    def _predicted(
        self, method: str, X: ArrayLike, execute_in_fhe: ExecutionMode | None
    ) -> NDArray[Any]:
        """See `PredictingEstimator`."""
        probabilities = self._probabilities(self._raw_scores(X, execute_in_fhe))
        if method == "predict":
            labels: NDArray[Any] = self.classes_[probabilities.argmax(axis=1)]
            return labels
        return np.log(probabilities) if method == "predict_log_proba" else probabilities

    def _probabilities(self, scores: FloatArray) -> FloatArray:
        """Class probabilities (n_samples, n_classes) of the module's outputs."""
        import torch

        if len(self.classes_) == 1:
            return np.ones((len(scores), 1))
        result: FloatArray = self._nonlinearity()(torch.as_tensor(scores)).numpy()
        return result

    def _validated(
        self, X: ArrayLike, y: ArrayLike, *, reset: bool
    ) -> tuple[FloatArray, NDArray[Any]]:
        values, labels = self._checked_arrays(X, y, reset=reset)
        check_classification_targets(labels)
        if "classes_" not in vars(self):
            self.classes_ = np.unique(labels)
        self.n_outputs_ = 1 if len(self.classes_) == 2 else len(self.classes_)
        return as_dense(values), _codes_of(labels, self.classes_)

    def _skorch_class(self) -> type:
        from skorch import NeuralNetClassifier as Net

        return cast("type", Net)

    def _default_criterion(self) -> type:
        from cml_sklearn._perceptron import LogitsLoss

        return LogitsLoss

    def _net_options(self) -> dict[str, Any]:
        return {
            "classes": np.arange(len(self.classes_)),
            "predict_nonlinearity": self._nonlinearity(),
        }

    def _nonlinearity(self) -> Callable[[Any], Any]:
        """Map the module's outputs to probabilities; with `NLLLoss` they are, as in skorch."""
        from torch.nn import NLLLoss

        from cml_sklearn._perceptron import identity, probabilities

        return identity if self.criterion is NLLLoss else probabilities


class NeuralNetRegressor(RegressorMixin, NeuralNet):
    """A regressor by a skorch net."""

    __doc__ += NET_DOC

    _wrapped_class = sklearn.neural_network.MLPRegressor
    _flat: bool

    def partial_fit(self, X: ArrayLike, y: ArrayLike, **fit_params: Any) -> Self:
        """Train for `max_epochs` more on a batch, then quantize anew; forgets an earlier circuit.

        Parameters are those of `fit`. The ranges of the integers are fixed on all batches, or on
        the last 10,000 samples of them.

        Returns
        -------
        self
        """
        return self._continue(X, y, fit_params)

    def _predicted(self, method: str, X: ArrayLike, execute_in_fhe: ExecutionMode | None) -> Any:
        """See `PredictingEstimator`."""
        values = self._raw_scores(X, execute_in_fhe)
        return values.ravel() if self._flat else values

    def __sklearn_tags__(self) -> Tags:
        """Tags; several targets are taken."""
        tags: Tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def _validated(
        self, X: ArrayLike, y: ArrayLike, *, reset: bool
    ) -> tuple[FloatArray, NDArray[Any]]:
        values, y = self._checked_arrays(X, y, reset=reset, multi_output=True, y_numeric=True)
        targets = np.asarray(y, dtype=np.float32)
        self._flat = targets.ndim == 1
        targets = targets.reshape(len(targets), -1)
        if not reset and targets.shape[1] != self.n_outputs_:
            raise InvalidInputError(
                f"y has {targets.shape[1]} targets, but the net was made for {self.n_outputs_}; "
                "give as many in every call of partial_fit."
            )
        self.n_outputs_ = targets.shape[1]
        return as_dense(values), targets

    def _skorch_class(self) -> type:
        from skorch import NeuralNetRegressor as Net

        return cast("type", Net)

    def _default_criterion(self) -> type:
        from torch.nn import MSELoss

        return MSELoss


def _codes_of(labels: NDArray[Any], classes: NDArray[Any]) -> NDArray[np.int64]:
    """Positions of labels in the classes."""
    unknown = np.setdiff1d(labels, classes)
    if len(unknown):
        raise InvalidInputError(
            f"y has the labels {unknown.tolist()}, which are not among the classes "
            f"{classes.tolist()}; give all labels as `classes` in the first call of partial_fit."
        )
    return np.searchsorted(classes, labels).astype(np.int64)


def _raw_scores_to_onnx(model: Any, X: FloatArray) -> onnx.ModelProto:
    """Export a fitted perceptron without its last activation.

    As an equal torch module, since Hummingbird would round the weights to single precision, and
    equal fits must give equal integers.
    """
    import torch
    from torch import nn

    activations = {
        "identity": nn.Identity,
        "logistic": nn.Sigmoid,
        "relu": nn.ReLU,
        "tanh": nn.Tanh,
    }
    layers: list[nn.Module] = []
    for coef, intercept in zip(model.coefs_, model.intercepts_, strict=True):
        linear = nn.Linear(coef.shape[0], coef.shape[1], dtype=torch.float64)
        linear.weight.data = torch.tensor(coef.T, dtype=torch.float64)
        linear.bias.data = torch.tensor(intercept, dtype=torch.float64)
        layers += [linear, activations[model.activation]()]
    return export_to_onnx(nn.Sequential(*layers[:-1]), cast("Any", X[:2]))
