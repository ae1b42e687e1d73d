"""Outliers by distances from a robust centre: `sklearn.covariance` on encrypted data."""

from __future__ import annotations

import numpy as np
import sklearn.covariance
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, OutlierMixin
from sklearn.metrics import accuracy_score
from typing_extensions import override

from cml_sklearn._typing import Array, FloatArray
from cml_sklearn.config import ExecutionMode
from cml_sklearn.estimators.conventions import outlier_methods
from cml_sklearn.estimators.predictions import ContaminatedEstimator, ScoredPredictions
from cml_sklearn.estimators.quadratic import QuadraticEstimator, QuadraticForms
from cml_sklearn.quantization.postprocessing import Postprocessing, Squeeze

__all__ = ["EllipticEnvelope"]


def __dir__() -> list[str]:
    return __all__


class EllipticEnvelope(
    OutlierMixin,
    ScoredPredictions,
    ContaminatedEstimator,
    QuadraticEstimator,
    wraps=sklearn.covariance.EllipticEnvelope,
):
    """Its raw score is the opposite of the squared Mahalanobis distance."""

    _score_of = staticmethod(accuracy_score)

    def mahalanobis(self, X: ArrayLike, execute_in_fhe: ExecutionMode | None = None) -> Array:
        """Squared Mahalanobis distances; parameters as in `predict`.

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        return -self.score_samples(X, execute_in_fhe)

    @override
    def _forms(self, model: BaseEstimator, origin: FloatArray) -> QuadraticForms:
        precision = np.asarray(model.get_precision())[None]
        distances = QuadraticForms.distances(precision, (model.location_ - origin)[None])
        return distances.scaled(-1.0, np.zeros(1))

    @override
    def _postprocessing(self, model: BaseEstimator) -> dict[str, Postprocessing]:
        return outlier_methods((Squeeze(),), float(self.offset_))
