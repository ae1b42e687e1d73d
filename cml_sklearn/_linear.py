"""What all linear models share: their raw scores are one linear map."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.utils.metaestimators import available_if

from cml_sklearn.base import FheEstimator, wrapped_has
from cml_sklearn.config import ExecutionMode
from cml_sklearn.convert.hummingbird import linear_map_to_onnx
from cml_sklearn.onnx.numpy_module import NumpyModule
from cml_sklearn.quantization.post_training import PostTrainingAffineQuantization
from cml_sklearn.quantization.quantized_module import QuantizedModule
from cml_sklearn.quantization.quantizers import FloatArray

__all__ = ["LinearClassifier", "LinearEstimator", "LinearRegressor", "PartialFitMixin"]


class LinearEstimator(FheEstimator):
    """An estimator whose wrapped model has `coef_` and `intercept_`; abstract."""

    def _quantize(self, X: FloatArray) -> QuantizedModule:
        """Convert and quantize the raw scores."""
        model = self.sklearn_model_
        self.onnx_model_ = linear_map_to_onnx(*_two_dimensional(model.coef_, model.intercept_))
        quantization = PostTrainingAffineQuantization(self.n_bits)
        return quantization.quantize_module(NumpyModule(self.onnx_model_), X)

    def _scores(self, X: ArrayLike, execute_in_fhe: ExecutionMode | None) -> FloatArray:
        """Raw scores in the shape in which scikit-learn gives them."""
        scores = self._raw_scores(X, execute_in_fhe)
        single = np.ndim(self.sklearn_model_.intercept_) == 0 or isinstance(self, ClassifierMixin)
        return scores.ravel() if scores.shape[1] == 1 and single else scores


class LinearRegressor(RegressorMixin, LinearEstimator):
    """A regressor on raw scores; abstract."""

    def predict(
        self, X: ArrayLike, execute_in_fhe: ExecutionMode | None = None
    ) -> NDArray[np.float64]:
        """Predict targets.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        execute_in_fhe : bool or "simulate", default=None
            False: quantized integers in the clear; True: encrypted; "simulate": the backend's
            simulation; None: as `cml_sklearn.config_context` says, else in the clear.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_targets)
        """
        return self._link_inverse(self._scores(X, execute_in_fhe))

    def _link_inverse(self, scores: FloatArray) -> FloatArray:
        """Map raw scores to targets, in the clear after decryption."""
        return scores


class LinearClassifier(ClassifierMixin, LinearEstimator):
    """A classifier on raw scores; abstract."""

    def decision_function(
        self, X: ArrayLike, execute_in_fhe: ExecutionMode | None = None
    ) -> NDArray[np.float64]:
        """Raw scores; parameters as in `predict`.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_classes)
        """
        return self._scores(X, execute_in_fhe)

    def predict(
        self, X: ArrayLike, execute_in_fhe: ExecutionMode | None = None
    ) -> NDArray[Any]:
        """Predict class labels.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        execute_in_fhe : bool or "simulate", default=None
            False: quantized integers in the clear; True: encrypted; "simulate": the backend's
            simulation; None: as `cml_sklearn.config_context` says, else in the clear.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_labels)
        """
        return self._from_scores("predict", X, execute_in_fhe)

    @available_if(wrapped_has("predict_proba"))
    def predict_proba(
        self, X: ArrayLike, execute_in_fhe: ExecutionMode | None = None
    ) -> NDArray[np.float64]:
        """Class probabilities; parameters as in `predict`.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
        """
        return self._from_scores("predict_proba", X, execute_in_fhe)

    @available_if(wrapped_has("predict_log_proba"))
    def predict_log_proba(
        self, X: ArrayLike, execute_in_fhe: ExecutionMode | None = None
    ) -> NDArray[np.float64]:
        """Logarithms of `predict_proba`."""
        return self._from_scores("predict_log_proba", X, execute_in_fhe)

    def _from_scores(
        self, method: str, X: ArrayLike, execute_in_fhe: ExecutionMode | None
    ) -> NDArray[Any]:
        """Let scikit-learn's own method work on our scores, in the clear after decryption."""
        scores = self._scores(X, execute_in_fhe)
        model = copy.copy(self.sklearn_model_)
        model.decision_function = lambda _: scores
        return getattr(model, method)(scores)


class PartialFitMixin(FheEstimator):
    """`partial_fit` for wrapped models that have it; the quantized ranges grow with the data."""

    _seen_range: FloatArray

    def fit(self, X: ArrayLike, y: ArrayLike, **fit_params: Any) -> Any:
        """See `FheEstimator.fit`."""
        self.__dict__.pop("_seen_range", None)
        return super().fit(X, y, **fit_params)

    def partial_fit(self, X: ArrayLike, y: ArrayLike, *args: Any, **kwargs: Any) -> Any:
        """Train further on a batch, then quantize anew; forgets an earlier circuit.

        Parameters are those of the wrapped class's `partial_fit`.

        Returns
        -------
        self
        """
        self._validate_params()
        model = self.__dict__.get("sklearn_model_") or self._make_wrapped()
        model.set_params(**self._make_wrapped().get_params(deep=False))
        model.partial_fit(X, y, *args, **kwargs)
        return self._adopt(model, self._as_dense(X))

    def _quantize(self, X: FloatArray) -> QuantizedModule:
        """Add the earlier batches' extremes to the calibration data."""
        earlier = self.__dict__.get("_seen_range")
        rows = X if earlier is None else np.vstack([X, earlier])
        self._seen_range = np.stack([rows.min(axis=0), rows.max(axis=0)])
        return super()._quantize(rows)  # type: ignore[safe-super]


def _two_dimensional(
    coef: NDArray[np.float64], intercept: NDArray[np.float64] | float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Shapes (n_outputs, n_features) and (n_outputs,), whichever scikit-learn has chosen."""
    coef = np.atleast_2d(coef.toarray() if hasattr(coef, "toarray") else coef)
    return coef, np.broadcast_to(np.asarray(intercept, dtype=np.float64), (coef.shape[0],))
