"""Gaussian mixtures: `sklearn.mixture` on encrypted data."""

from __future__ import annotations

import numpy as np
import sklearn.mixture
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from typing_extensions import override

from cml_sklearn._typing import Array, FloatArray
from cml_sklearn.config import ExecutionMode
from cml_sklearn.estimators.arrays import as_numpy
from cml_sklearn.estimators.predictions import DetectingEstimator, ProbabilisticEstimator
from cml_sklearn.estimators.quadratic import QuadraticEstimator, QuadraticForms
from cml_sklearn.quantization.postprocessing import Argmax, LogSumExp, Postprocessing, Softmax

__all__ = ["BayesianGaussianMixture", "GaussianMixture"]


def __dir__() -> list[str]:
    return __all__


class _Mixture(ProbabilisticEstimator, DetectingEstimator, QuadraticEstimator):
    """Its raw scores are logarithms of each component's share of the density; abstract."""

    def fit_predict(self, X: ArrayLike, y: ArrayLike | None = None) -> Array:
        """Fit, and say which component each sample comes from."""
        return self.fit(X, y).predict(X)

    def score(
        self,
        X: ArrayLike,
        y: ArrayLike | None = None,
        execute_in_fhe: ExecutionMode | None = None,
    ) -> float:
        """Mean of `score_samples`; y is ignored."""
        return float(self.score_samples(X, execute_in_fhe).mean())

    @override
    def _forms(self, model: BaseEstimator, origin: FloatArray) -> QuadraticForms:
        factors, means = _factors(model), as_numpy(model.means_).astype(np.float64)
        precision = factors @ factors.transpose(0, 2, 1)
        # a component's score at its own mean
        logs = np.diagonal(model._estimate_weighted_log_prob(means)).copy()
        return QuadraticForms.distances(precision, means - origin).scaled(-0.5, logs)

    @override
    def _postprocessing(self, model: BaseEstimator) -> dict[str, Postprocessing]:
        return {
            "predict": (Argmax(),),
            "predict_proba": (Softmax(),),
            "score_samples": (LogSumExp(),),
        }


class GaussianMixture(_Mixture, wraps=sklearn.mixture.GaussianMixture): ...


class BayesianGaussianMixture(_Mixture, wraps=sklearn.mixture.BayesianGaussianMixture): ...


def _factors(model: BaseEstimator) -> FloatArray:
    """Cholesky factors of all components' precisions, of whichever type they are.

    Returns
    -------
    ndarray of shape (n_components, n_features, n_features)
    """
    n_components, n_features = model.means_.shape
    factors = as_numpy(model.precisions_cholesky_).astype(np.float64)
    if model.covariance_type == "full":
        return factors
    if model.covariance_type == "tied":
        return np.broadcast_to(factors, (n_components, n_features, n_features))
    # one number for each feature, or for all
    return np.eye(n_features) * factors.reshape(n_components, 1, -1)
