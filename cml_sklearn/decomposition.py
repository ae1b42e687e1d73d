"""Projections: `sklearn.decomposition` on encrypted data."""

from __future__ import annotations

import numpy as np
import sklearn.decomposition
from sklearn.base import BaseEstimator
from sklearn.linear_model import ridge_regression
from typing_extensions import override

from cml_sklearn._typing import FloatArray
from cml_sklearn.estimators.arrays import as_dense, as_numpy
from cml_sklearn.estimators.kernels import KernelEstimator
from cml_sklearn.estimators.linear import LinearTransformer
from cml_sklearn.estimators.partial_fit import PartialFitMixin
from cml_sklearn.estimators.predictions import TransformingEstimator
from cml_sklearn.quantization.postprocessing import Postprocessing

__all__ = [
    "PCA",
    "FactorAnalysis",
    "FastICA",
    "IncrementalPCA",
    "KernelPCA",
    "MiniBatchSparsePCA",
    "SparsePCA",
    "TruncatedSVD",
]


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


class _SparseComponents(LinearTransformer):
    """Least squares on components that are not orthogonal; abstract."""

    @override
    def _projection(self, model: BaseEstimator) -> FloatArray:
        components = super()._projection(model)
        n_components, n_features = components.shape
        coefficients = ridge_regression(
            components.T, np.eye(n_features), model.ridge_alpha, solver="cholesky"
        )
        return np.asarray(coefficients).reshape(n_features, n_components).T.copy()


class SparsePCA(_SparseComponents, wraps=sklearn.decomposition.SparsePCA): ...


class MiniBatchSparsePCA(_SparseComponents, wraps=sklearn.decomposition.MiniBatchSparsePCA): ...


class KernelPCA(TransformingEstimator, KernelEstimator, wraps=sklearn.decomposition.KernelPCA):
    """Its kernel is centred: each value less its means over the samples of training."""

    @override
    def _expansion(self, model: BaseEstimator) -> tuple[FloatArray, FloatArray, FloatArray]:
        kernel_means, mean = model._centerer.K_fit_rows_, model._centerer.K_fit_all_
        values = as_numpy(model.eigenvalues_)
        scale = np.sqrt(np.divide(1.0, values, out=np.zeros_like(values), where=values != 0))
        dual = (as_numpy(model.eigenvectors_) * scale).T
        sums = dual.sum(axis=1)
        constants = sums * mean - dual @ kernel_means
        return dual - sums[:, None] / dual.shape[1], as_dense(model.X_fit_), constants

    @override
    def _gamma(self, model: BaseEstimator) -> float:
        return float(model.gamma_)

    @override
    def _postprocessing(self, model: BaseEstimator) -> dict[str, Postprocessing]:
        return {"transform": ()}
