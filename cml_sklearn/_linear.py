"""What all linear models share: their raw scores are one linear map."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.linear_model._base import LinearClassifierMixin
from sklearn.utils.metaestimators import available_if

from cml_sklearn._predictions import DecidingEstimator, PredictingEstimator
from cml_sklearn._typing import FloatArray
from cml_sklearn.base import FheEstimator, as_dense, as_numpy, like_input, wrapped_has
from cml_sklearn.config import ExecutionMode
from cml_sklearn.convert.hummingbird import linear_map_to_onnx
from cml_sklearn.onnx.numpy_module import NumpyModule
from cml_sklearn.quantization.post_training import PostTrainingAffineQuantization
from cml_sklearn.quantization.quantized_module import QuantizedModule

if TYPE_CHECKING:
    import onnx

__all__ = [
    "KEPT_ROWS",
    "LinearClassifier",
    "LinearEstimator",
    "LinearRegressor",
    "PartialFitMixin",
    "quantize_linear_map",
]

KEPT_ROWS = 10_000
"""Rows of earlier batches that `partial_fit` keeps for calibration."""


class LinearEstimator(FheEstimator):
    """An estimator whose wrapped model has `coef_` and `intercept_`; abstract."""

    def _quantize(self, X: FloatArray, sample_weight: FloatArray | None) -> QuantizedModule:
        """Convert and quantize the raw scores."""
        coef, intercept = _two_dimensional(self.sklearn_model_)
        self.onnx_model_, module = quantize_linear_map(
            coef, intercept, self.n_bits, X, sample_weight
        )
        return module

    @available_if(wrapped_has("sparsify"))
    def sparsify(self) -> Self:
        """Make `coef_` a sparse matrix; predictions stay."""
        self.sklearn_model_.sparsify()
        return self

    @available_if(wrapped_has("densify"))
    def densify(self) -> Self:
        """Make `coef_` an array again."""
        self.sklearn_model_.densify()
        return self

    def _scores(self, X: ArrayLike, execute_in_fhe: ExecutionMode | None) -> FloatArray:
        """Raw scores in the shape in which scikit-learn gives them."""
        scores = self._raw_scores(X, execute_in_fhe)
        flat = scores.shape[1] == 1 and (
            self.sklearn_model_.coef_.ndim == 1 or isinstance(self, ClassifierMixin)
        )
        scores = scores.ravel() if flat else scores
        return like_input(scores, X)


class LinearRegressor(RegressorMixin, PredictingEstimator, LinearEstimator):
    """A regressor on raw scores; abstract."""

    def _predicted(self, method: str, X: ArrayLike, execute_in_fhe: ExecutionMode | None) -> Any:
        """See `PredictingEstimator`."""
        return self._link_inverse(self._scores(X, execute_in_fhe))

    def _link_inverse(self, scores: FloatArray) -> FloatArray:
        """Map raw scores to targets, in the clear after decryption."""
        return scores


class LinearClassifier(DecidingEstimator, LinearClassifierMixin, LinearEstimator):
    """A classifier on raw scores; abstract."""

    def _predicted(self, method: str, X: ArrayLike, execute_in_fhe: ExecutionMode | None) -> Any:
        """Let scikit-learn's own method work on our scores, in the clear after decryption."""
        scores = self._scores(X, execute_in_fhe)
        if method == "decision_function":
            return scores
        model = copy.copy(self.sklearn_model_)
        model.decision_function = lambda _: scores
        return getattr(model, method)(scores)


class PartialFitMixin(FheEstimator):
    """`partial_fit` for wrapped models that have it; the quantized ranges grow with the data."""

    _calibration: FloatArray

    def fit(self, X: ArrayLike, y: ArrayLike, **fit_params: Any) -> Self:
        """See `FheEstimator.fit`."""
        self.__dict__.pop("_calibration", None)
        return super().fit(X, y, **fit_params)

    def partial_fit(self, X: ArrayLike, y: ArrayLike, *args: Any, **kwargs: Any) -> Self:
        """Train further on a batch, then quantize anew; forgets an earlier circuit.

        Parameters are those of the wrapped class's `partial_fit`.

        Returns
        -------
        self
        """
        self._validate_params()
        model = self.__dict__.get("sklearn_model_", self._make_wrapped())
        model.partial_fit(X, y, *args, **kwargs)
        values = as_dense(X)
        earlier = self.__dict__.get("_calibration", values[:0])
        self._calibration = np.vstack([earlier, values])[-KEPT_ROWS:]
        return self._adopt(model, self._calibration)


def quantize_linear_map(
    coef: FloatArray,
    intercept: FloatArray,
    n_bits: int | Mapping[str, int],
    X: FloatArray,
    sample_weight: FloatArray | None,
) -> tuple[onnx.ModelProto, QuantizedModule]:
    """Convert ``X @ coef.T + intercept`` to ONNX and quantize it."""
    model = linear_map_to_onnx(coef, intercept)
    quantization = PostTrainingAffineQuantization(n_bits)
    return model, quantization.quantize_module(NumpyModule(model), X, sample_weight=sample_weight)


def _two_dimensional(model: Any) -> tuple[FloatArray, FloatArray]:
    """Coefficients (n_outputs, n_features) and intercepts (n_outputs,) of a fitted model."""
    coef = model.coef_.toarray() if sparse.issparse(model.coef_) else as_numpy(model.coef_)
    coef = np.atleast_2d(coef).astype(np.float64)
    return coef, np.broadcast_to(as_numpy(model.intercept_).astype(np.float64), (len(coef),))
