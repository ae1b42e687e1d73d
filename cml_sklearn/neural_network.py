"""Neural networks: `sklearn.neural_network` on encrypted data."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import numpy as np
import sklearn.neural_network
from numpy.typing import ArrayLike, NDArray
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.neural_network._base import ACTIVATIONS
from sklearn.utils.metaestimators import available_if

from cml_sklearn._linear import PartialFitMixin
from cml_sklearn._networks import (
    NETWORK_CONSTRAINTS,
    NETWORK_N_BITS_DOC,
    NETWORK_PARAMETERS,
    quantize_network,
)
from cml_sklearn.base import FheEstimator, like_input, wrapped_has
from cml_sklearn.config import ExecutionMode
from cml_sklearn.convert.hummingbird import to_onnx
from cml_sklearn.quantization.quantized_module import QuantizedModule
from cml_sklearn.quantization.quantizers import FloatArray

if TYPE_CHECKING:
    import onnx

__all__ = ["MLPClassifier", "MLPRegressor"]


class _MultilayerPerceptron(PartialFitMixin, FheEstimator):
    """What classifier and regressor share; abstract."""

    _own_parameters = NETWORK_PARAMETERS
    _n_bits_doc = NETWORK_N_BITS_DOC

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Add the constraints of the rounding parameters."""
        super().__init_subclass__(**kwargs)
        cls._parameter_constraints = {**cls._parameter_constraints, **NETWORK_CONSTRAINTS}

    def _quantize(self, X: FloatArray, sample_weight: FloatArray | None) -> QuantizedModule:
        """Convert and quantize the raw scores."""
        self.onnx_model_ = _raw_scores_to_onnx(self.sklearn_model_, X)
        return quantize_network(self, X, sample_weight)

    def _from_scores(
        self, method: str, X: ArrayLike, execute_in_fhe: ExecutionMode | None
    ) -> NDArray[Any]:
        """Let scikit-learn's own method work on our scores, in the clear after decryption."""
        scores = self._raw_scores(X, execute_in_fhe)
        model = copy.copy(self.sklearn_model_)
        ACTIVATIONS[model.out_activation_](scores)
        model._forward_pass_fast = lambda *_, **__: scores
        return like_input(getattr(model, method)(scores), X)

    def predict(self, X: ArrayLike, execute_in_fhe: ExecutionMode | None = None) -> NDArray[Any]:
        """Predict labels or targets.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        execute_in_fhe : bool or "simulate", default=None
            False: quantized integers in the clear; True: encrypted; "simulate": the backend's
            simulation; None: as `cml_sklearn.config_context` says, else in the clear.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_outputs)
        """
        return self._from_scores("predict", X, execute_in_fhe)


class MLPClassifier(
    ClassifierMixin, _MultilayerPerceptron, wraps=sklearn.neural_network.MLPClassifier
):
    def predict_proba(
        self, X: ArrayLike, execute_in_fhe: ExecutionMode | None = None
    ) -> NDArray[np.float64]:
        """Class probabilities; parameters as in `predict`.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
        """
        return self._from_scores("predict_proba", X, execute_in_fhe)

    def predict_log_proba(
        self, X: ArrayLike, execute_in_fhe: ExecutionMode | None = None
    ) -> NDArray[np.float64]:
        """Logarithms of `predict_proba`."""
        return self._from_scores("predict_log_proba", X, execute_in_fhe)


class MLPRegressor(
    RegressorMixin, _MultilayerPerceptron, wraps=sklearn.neural_network.MLPRegressor
):
    pass


def _raw_scores_to_onnx(model: Any, X: FloatArray) -> onnx.ModelProto:
    """Convert a fitted perceptron without its last activation, as a regressor of equal weights."""
    scores = sklearn.neural_network.MLPRegressor(activation=model.activation)
    scores.coefs_, scores.intercepts_ = model.coefs_, model.intercepts_
    scores.n_features_in_ = X.shape[1]
    return to_onnx(scores, X)
