"""Naive Bayes: `sklearn.naive_bayes` on encrypted data.

Logarithms of likelihoods are affine in what the client makes of the features: counts as they are,
squares, or bits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import numpy as np
import sklearn.naive_bayes
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_non_negative
from typing_extensions import override

from cml_sklearn._typing import Array, FloatArray
from cml_sklearn.config import ExecutionMode
from cml_sklearn.estimators.arrays import as_numpy
from cml_sklearn.estimators.linear import LinearEstimator, quantize_encoded_map
from cml_sklearn.estimators.partial_fit import PartialFitMixin
from cml_sklearn.estimators.predictions import FheClassifierMixin, ProbabilisticEstimator
from cml_sklearn.estimators.quadratic import QuadraticEstimator, QuadraticForms
from cml_sklearn.exceptions import InvalidInputError
from cml_sklearn.quantization.encoders import GridEncoder
from cml_sklearn.quantization.postprocessing import (
    Argmax,
    Labels,
    LogSoftmax,
    Postprocessing,
    Softmax,
)
from cml_sklearn.quantization.quantized_module import QuantizedModule

if TYPE_CHECKING:
    import onnx

__all__ = ["BernoulliNB", "CategoricalNB", "ComplementNB", "GaussianNB", "MultinomialNB"]


def __dir__() -> list[str]:
    return __all__


_OF_ZERO = float(np.log(np.finfo(np.float64).tiny))
"""Logarithm of what is impossible, in place of minus infinity, which has no integer."""


class _NaiveBayes(FheClassifierMixin, PartialFitMixin, ProbabilisticEstimator):
    """A classifier by joint likelihoods of samples and classes; abstract."""

    def predict_joint_log_proba(
        self, X: ArrayLike, execute_in_fhe: ExecutionMode | None = None
    ) -> Array:
        """Logarithms of the joint probabilities of samples and classes.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        execute_in_fhe : bool or "simulate", default=None
            As in `predict`.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
        """
        result: Array = self._computed("predict_joint_log_proba", X, execute_in_fhe)
        return result

    @override
    def _postprocessing(self, model: BaseEstimator) -> dict[str, Postprocessing]:
        return {
            "predict": (Argmax(), Labels.of(as_numpy(model.classes_))),
            "predict_proba": (Softmax(),),
            "predict_log_proba": (LogSoftmax(),),
            "predict_joint_log_proba": (),
        }


class GaussianNB(_NaiveBayes, QuadraticEstimator, wraps=sklearn.naive_bayes.GaussianNB):
    @override
    def _forms(self, model: BaseEstimator, origin: FloatArray) -> QuadraticForms:
        # all features may be constant; then no variance tells classes apart
        variances = as_numpy(model.var_).astype(np.float64)
        variances[variances <= 0] = 1.0
        precision = np.stack([np.diag(1 / variance) for variance in variances])
        logs = _logarithm(as_numpy(model.class_prior_)) - 0.5 * np.log(2 * np.pi * variances).sum(
            axis=1
        )
        return QuadraticForms.distances(precision, as_numpy(model.theta_) - origin).scaled(
            -0.5, logs
        )


class _DiscreteNaiveBayes(_NaiveBayes, LinearEstimator):
    """A classifier of counts, or of bits that the client makes; abstract."""

    _watched: ClassVar[tuple[str, ...]] = ("feature_log_prob_", "class_log_prior_")

    @override
    def _weights(self, model: BaseEstimator) -> tuple[FloatArray, FloatArray]:
        weights, priors = model.feature_log_prob_, model.class_log_prior_
        return np.maximum(weights, _OF_ZERO), np.maximum(priors, _OF_ZERO)

    def _quantize_bits(
        self,
        model: BaseEstimator,
        edges: tuple[FloatArray, ...],
        X: FloatArray,
        sample_weight: FloatArray | None,
    ) -> tuple[onnx.ModelProto, dict[str, QuantizedModule]]:
        """Quantize weights of bits, each of which says whether a feature lies above an edge."""
        grid = GridEncoder(edges, np.zeros(len(edges), dtype=np.bool_), float32=False)
        graph, module = quantize_encoded_map(
            *self._weights(model), grid, self.n_bits, X, sample_weight=sample_weight
        )
        return graph, {"predict": module}


class MultinomialNB(_DiscreteNaiveBayes, wraps=sklearn.naive_bayes.MultinomialNB): ...


class ComplementNB(_DiscreteNaiveBayes, wraps=sklearn.naive_bayes.ComplementNB):
    @override
    def _weights(self, model: BaseEstimator) -> tuple[FloatArray, FloatArray]:
        weights, priors = super()._weights(model)
        return weights, priors if len(priors) == 1 else np.zeros_like(priors)


class BernoulliNB(_DiscreteNaiveBayes, wraps=sklearn.naive_bayes.BernoulliNB):
    @override
    def _weights(self, model: BaseEstimator) -> tuple[FloatArray, FloatArray]:
        weights, priors = super()._weights(model)
        absent = _logarithm(-np.expm1(weights))
        return weights - absent, priors + absent.sum(axis=1)

    @override
    def _quantize(
        self, model: BaseEstimator, X: FloatArray, sample_weight: FloatArray | None
    ) -> tuple[onnx.ModelProto, dict[str, QuantizedModule]]:
        if model.binarize is None:
            return super()._quantize(model, X, sample_weight)
        edges = (np.array([float(model.binarize)]),) * X.shape[1]
        return self._quantize_bits(model, edges, X, sample_weight)


class CategoricalNB(_DiscreteNaiveBayes, wraps=sklearn.naive_bayes.CategoricalNB):
    _watched = ("class_log_prior_",)

    @override
    def _weights(self, model: BaseEstimator) -> tuple[FloatArray, FloatArray]:
        """Say what each further category adds; a feature of one has one that adds nothing."""
        known = [np.maximum(logs, _OF_ZERO) for logs in model.feature_log_prob_]
        steps = [np.diff(logs, axis=1) for logs in known]
        nothing = np.zeros((len(model.classes_), 1))
        weights = [step if step.size else nothing for step in steps]
        first = sum(logs[:, 0] for logs in known)
        return np.concatenate(weights, axis=1), np.maximum(model.class_log_prior_, _OF_ZERO) + first

    @override
    def _quantize(
        self, model: BaseEstimator, X: FloatArray, sample_weight: FloatArray | None
    ) -> tuple[onnx.ModelProto, dict[str, QuantizedModule]]:
        # n_categories_ are those of the last batch
        counts = [max(logs.shape[1], 2) for logs in model.feature_log_prob_]
        edges = tuple(np.nextafter(np.arange(1.0, count), 0) for count in counts)
        return self._quantize_bits(model, edges, X, sample_weight)

    @override
    def _checked_input(self, X: ArrayLike) -> FloatArray:
        values = super()._checked_input(X)
        check_non_negative(values, f"{type(self).__name__} (input X)")
        grid: GridEncoder = self.quantized_module_.input_quantizers[0]  # type: ignore[assignment]
        known = np.array([len(edges) for edges in grid.edges])
        unknown = np.flatnonzero((values >= known + 1).any(axis=0))
        if len(unknown):
            raise InvalidInputError(
                f"X has categories in the columns {unknown.tolist()} that are beyond those of "
                "training; give the number of categories as min_categories, and fit again."
            )
        return values


def _logarithm(shares: FloatArray) -> FloatArray:
    """Logarithms of probabilities, finite for 0."""
    return np.log(np.maximum(shares, np.finfo(np.float64).tiny))
