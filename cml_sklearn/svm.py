"""Support vector machines: `sklearn.svm` on encrypted data.

Kernels are linear, or polynomials of degree 2, which are affine in products of features.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
import sklearn.svm
from sklearn.base import BaseEstimator, OutlierMixin
from typing_extensions import override

from cml_sklearn._typing import FloatArray
from cml_sklearn.estimators.arrays import as_dense
from cml_sklearn.estimators.conventions import class_labels, outlier_methods
from cml_sklearn.estimators.kernels import KernelEstimator
from cml_sklearn.estimators.linear import LinearClassifier, LinearRegressor
from cml_sklearn.estimators.predictions import (
    DetectingEstimator,
    FheClassifierMixin,
    FheRegressorMixin,
    PredictingEstimator,
    ProbabilisticEstimator,
    ScoringEstimator,
)
from cml_sklearn.quantization.postprocessing import (
    Affine,
    Argmax,
    Labels,
    Postprocessing,
    Squeeze,
    Votes,
)

__all__ = ["SVC", "SVR", "LinearSVC", "LinearSVR", "NuSVC", "NuSVR", "OneClassSVM"]


def __dir__() -> list[str]:
    return __all__


class LinearSVC(LinearClassifier, wraps=sklearn.svm.LinearSVC): ...


class LinearSVR(LinearRegressor, wraps=sklearn.svm.LinearSVR): ...


class _SupportVectors(KernelEstimator):
    """A machine of LIBSVM; abstract."""

    @override
    def _expansion(self, model: BaseEstimator) -> tuple[FloatArray, FloatArray, FloatArray]:
        dual, vectors = as_dense(model.dual_coef_), as_dense(model.support_vectors_)
        return dual, vectors, np.asarray(model.intercept_, dtype=np.float64)

    @override
    def _gamma(self, model: BaseEstimator) -> float:
        return float(model._gamma)


class _SupportClassifier(
    FheClassifierMixin, ProbabilisticEstimator, ScoringEstimator, _SupportVectors
):
    """A classifier by votes of all pairs of classes; abstract."""

    @override
    def _expansion(self, model: BaseEstimator) -> tuple[FloatArray, FloatArray, FloatArray]:
        dual, vectors, intercept = super()._expansion(model)
        n_classes = len(model.classes_)
        if n_classes == 2:
            return dual, vectors, intercept
        owner = np.repeat(np.arange(n_classes), model.n_support_)
        # row j - 1 of class i's vectors, and row i of class j's, are those of the pair i < j
        pairs = [
            np.where(owner == i, dual[j - 1], 0.0) + np.where(owner == j, dual[i], 0.0)
            for i, j in combinations(range(n_classes), 2)
        ]
        return np.stack(pairs), vectors, intercept

    @override
    def _postprocessing(self, model: BaseEstimator) -> dict[str, Postprocessing]:
        n_classes, labels = len(model.classes_), Labels.of(model.classes_)
        if n_classes == 2:
            predicted = class_labels(model.classes_, inclusive=True)
            return {"predict": predicted, "decision_function": (Squeeze(),)}
        by_class = model.decision_function_shape == "ovr"
        votes = Votes(n_classes, confident=bool(model.break_ties))
        scores = (Votes(n_classes, confident=True),) if by_class else ()
        return {"predict": (votes, Argmax(), labels), "decision_function": scores}


class SVC(_SupportClassifier, wraps=sklearn.svm.SVC): ...


class NuSVC(_SupportClassifier, wraps=sklearn.svm.NuSVC): ...


class _SupportRegressor(FheRegressorMixin, PredictingEstimator, _SupportVectors):
    """A regressor; abstract."""

    @override
    def _postprocessing(self, model: BaseEstimator) -> dict[str, Postprocessing]:
        return {"predict": (Squeeze(),)}


class SVR(_SupportRegressor, wraps=sklearn.svm.SVR): ...


class NuSVR(_SupportRegressor, wraps=sklearn.svm.NuSVR): ...


class OneClassSVM(OutlierMixin, DetectingEstimator, _SupportVectors, wraps=sklearn.svm.OneClassSVM):
    @override
    def _postprocessing(self, model: BaseEstimator) -> dict[str, Postprocessing]:
        offset = float(model.offset_[0])
        return outlier_methods((Squeeze(), Affine(offset=offset)), offset)
