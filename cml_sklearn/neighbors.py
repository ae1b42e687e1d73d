"""Neighbors: `sklearn.neighbors` on encrypted data, where distances to centroids decide."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import sklearn.neighbors
from sklearn.base import BaseEstimator
from typing_extensions import override

from cml_sklearn._typing import FloatArray
from cml_sklearn.estimators.conventions import discriminants
from cml_sklearn.estimators.linear import LinearTransformer, quantize_linear_map
from cml_sklearn.estimators.predictions import (
    FheClassifierMixin,
    ProbabilisticEstimator,
    ScoringEstimator,
)
from cml_sklearn.estimators.quadratic import QuadraticEstimator, QuadraticForms, nearness
from cml_sklearn.quantization.postprocessing import Argmax, Labels, Postprocessing
from cml_sklearn.quantization.quantized_module import QuantizedModule

if TYPE_CHECKING:
    import onnx

__all__ = ["NearestCentroid", "NeighborhoodComponentsAnalysis"]


def __dir__() -> list[str]:
    return __all__


class NearestCentroid(
    FheClassifierMixin,
    ProbabilisticEstimator,
    ScoringEstimator,
    QuadraticEstimator,
    wraps=sklearn.neighbors.NearestCentroid,
):
    """With uniform priors `predict` has a module of its own: distances that are not scaled."""

    _main_method = "decision_function"

    @override
    def _forms(self, model: BaseEstimator, origin: FloatArray) -> QuadraticForms:
        deviation = model.within_class_std_dev_
        precision = np.diag(np.where(deviation == 0, 1.0, deviation) ** -2.0)
        n_classes = len(model.classes_)
        forms = QuadraticForms.distances(
            np.broadcast_to(precision, (n_classes, *precision.shape)), model.centroids_ - origin
        ).scaled(-1.0, 2 * np.log(model.class_prior_))
        return forms.difference() if n_classes == 2 else forms

    @override
    def _quantize(
        self, model: BaseEstimator, X: FloatArray, sample_weight: FloatArray | None
    ) -> tuple[onnx.ModelProto, dict[str, QuantizedModule]]:
        graph, modules = super()._quantize(model, X, sample_weight)
        if _is_uniform(model):
            weights, offsets = nearness(model.centroids_)
            _, modules["predict"] = quantize_linear_map(
                weights, offsets, self.n_bits, X, sample_weight
            )
        return graph, modules

    @override
    def _postprocessing(self, model: BaseEstimator) -> dict[str, Postprocessing]:
        steps = discriminants(model.classes_)
        nearest = (Argmax(), Labels.of(model.classes_))
        return {**steps, "predict": nearest} if _is_uniform(model) else steps


class NeighborhoodComponentsAnalysis(
    LinearTransformer, wraps=sklearn.neighbors.NeighborhoodComponentsAnalysis
): ...


def _is_uniform(model: BaseEstimator) -> bool:
    """Whether all classes are as likely beforehand."""
    return bool(np.isclose(model.class_prior_, 1 / len(model.classes_)).all())
