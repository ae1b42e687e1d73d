"""Kernel ridge regression: `sklearn.kernel_ridge` on encrypted data."""

from __future__ import annotations

import numpy as np
import sklearn.kernel_ridge
from sklearn.base import BaseEstimator
from typing_extensions import override

from cml_sklearn._typing import FloatArray
from cml_sklearn.estimators.arrays import as_dense
from cml_sklearn.estimators.kernels import KernelEstimator
from cml_sklearn.estimators.predictions import FheRegressorMixin, PredictingEstimator
from cml_sklearn.quantization.postprocessing import Postprocessing, Squeeze

__all__ = ["KernelRidge"]


def __dir__() -> list[str]:
    return __all__


class KernelRidge(
    FheRegressorMixin,
    PredictingEstimator,
    KernelEstimator,
    wraps=sklearn.kernel_ridge.KernelRidge,
):
    @override
    def _expansion(self, model: BaseEstimator) -> tuple[FloatArray, FloatArray, FloatArray]:
        dual = np.atleast_2d(as_dense(model.dual_coef_).T)
        return dual, as_dense(model.X_fit_), np.zeros(len(dual))

    @override
    def _gamma(self, model: BaseEstimator) -> float:
        return 1 / model.n_features_in_ if model.gamma is None else float(model.gamma)

    @override
    def _postprocessing(self, model: BaseEstimator) -> dict[str, Postprocessing]:
        return {"predict": (Squeeze(),) if model.dual_coef_.ndim == 1 else ()}
