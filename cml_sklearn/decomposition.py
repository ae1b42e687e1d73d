"""Projections: `sklearn.decomposition` on encrypted data."""

from __future__ import annotations

import numpy as np
import sklearn.decomposition
from sklearn.base import BaseEstimator
from typing_extensions import override

from cml_sklearn._typing import FloatArray
from cml_sklearn.estimators.base import as_numpy
from cml_sklearn.estimators.linear import LinearTransformer
from cml_sklearn.estimators.partial_fit import PartialFitMixin

__all__ = ["PCA", "FactorAnalysis", "FastICA", "IncrementalPCA", "TruncatedSVD"]


def __dir__() -> list[str]:
    return __all__


class _PrincipalComponents(LinearTransformer):
    """A projection on principal axes; abstract."""

    @override
    def _projection(self, model: BaseEstimator) -> FloatArray:
        components = as_numpy(model.components_).astype(np.float64)
        if not model.whiten:
            return components
        deviation = np.sqrt(as_numpy(model.explained_variance_))
        return components / np.maximum(deviation, np.finfo(deviation.dtype).eps)[:, None]


class PCA(_PrincipalComponents, wraps=sklearn.decomposition.PCA): ...


class IncrementalPCA(
    PartialFitMixin, _PrincipalComponents, wraps=sklearn.decomposition.IncrementalPCA
): ...


class TruncatedSVD(LinearTransformer, wraps=sklearn.decomposition.TruncatedSVD): ...


class FactorAnalysis(LinearTransformer, wraps=sklearn.decomposition.FactorAnalysis):
    @override
    def _projection(self, model: BaseEstimator) -> FloatArray:
        weighted = model.components_ / model.noise_variance_
        precision = np.eye(len(weighted)) + weighted @ model.components_.T
        return np.asarray(np.linalg.solve(precision, weighted))


class FastICA(LinearTransformer, wraps=sklearn.decomposition.FastICA): ...
