"""The prediction methods of all families, written once.

A family says in `_predicted` what a method gives; the signature, the three modes and the docstring
are the same for all.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Any

from numpy.typing import ArrayLike
from sklearn.utils.metaestimators import available_if

from cml_sklearn.base import FheEstimator, wrapped_has
from cml_sklearn.config import ExecutionMode

__all__ = [
    "DecidingEstimator",
    "DetectingEstimator",
    "PredictingEstimator",
    "ProbabilisticEstimator",
]


class PredictingEstimator(FheEstimator):
    """An estimator with `predict`; abstract."""

    def predict(self, X: ArrayLike, execute_in_fhe: ExecutionMode | None = None) -> Any:
        """Predict class labels, targets, or inliers (1) and outliers (-1).

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
        return self._predicted("predict", X, execute_in_fhe)

    @abstractmethod
    def _predicted(self, method: str, X: ArrayLike, execute_in_fhe: ExecutionMode | None) -> Any:
        """Compute what a method gives, by the conventions of the wrapped class."""


class ProbabilisticEstimator(PredictingEstimator):
    """A classifier with probabilities, where the wrapped one has them; abstract."""

    @available_if(wrapped_has("predict_proba"))
    def predict_proba(self, X: ArrayLike, execute_in_fhe: ExecutionMode | None = None) -> Any:
        """Class probabilities; parameters as in `predict`.

        Returns
        -------
        ndarray of shape (n_samples, n_classes), or a list of them for several outputs
        """
        return self._predicted("predict_proba", X, execute_in_fhe)

    @available_if(wrapped_has("predict_log_proba"))
    def predict_log_proba(self, X: ArrayLike, execute_in_fhe: ExecutionMode | None = None) -> Any:
        """Logarithms of `predict_proba`."""
        return self._predicted("predict_log_proba", X, execute_in_fhe)


class _ScoringEstimator(PredictingEstimator):
    """An estimator with raw scores, where the wrapped one has them; abstract."""

    @available_if(wrapped_has("decision_function"))
    def decision_function(self, X: ArrayLike, execute_in_fhe: ExecutionMode | None = None) -> Any:
        """Raw scores; parameters as in `predict`.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_classes)
        """
        return self._predicted("decision_function", X, execute_in_fhe)


class DecidingEstimator(ProbabilisticEstimator, _ScoringEstimator):
    """A classifier with raw scores, too, where the wrapped one has them; abstract."""


class DetectingEstimator(_ScoringEstimator):
    """A detector of outliers; abstract."""

    @available_if(wrapped_has("score_samples"))
    def score_samples(self, X: ArrayLike, execute_in_fhe: ExecutionMode | None = None) -> Any:
        """Opposite of the anomaly score, the lower the more abnormal; parameters as in `predict`.

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        return self._predicted("score_samples", X, execute_in_fhe)
