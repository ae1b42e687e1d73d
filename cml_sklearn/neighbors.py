"""Neighbors: `sklearn.neighbors` on encrypted data.

Distances to centroids decide, or votes of the nearest samples of training.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import sklearn.neighbors
from sklearn.base import BaseEstimator
from typing_extensions import override

from cml_sklearn._typing import FloatArray, IntArray
from cml_sklearn.distances.neighbors import Electorate
from cml_sklearn.estimators.arrays import as_dense
from cml_sklearn.estimators.conventions import discriminants
from cml_sklearn.estimators.linear import LinearTransformer, quantize_linear_map
from cml_sklearn.estimators.neighbors import (
    NearestEstimator,
    NeighborsEstimator,
    RadiusEstimator,
)
from cml_sklearn.estimators.predictions import (
    FheClassifierMixin,
    FheRegressorMixin,
    ProbabilisticEstimator,
    ScoringEstimator,
)
from cml_sklearn.estimators.quadratic import QuadraticEstimator, QuadraticForms, nearness
from cml_sklearn.exceptions import UnsupportedModelError
from cml_sklearn.quantization.bit_widths import BitWidths, width_of
from cml_sklearn.quantization.postprocessing import (
    Argmax,
    ByOutput,
    Labels,
    MeanVote,
    Postprocessing,
    Squeeze,
    VoteShares,
)
from cml_sklearn.quantization.quantized_module import QuantizedModule

if TYPE_CHECKING:
    import onnx

__all__ = [
    "KNeighborsClassifier",
    "KNeighborsRegressor",
    "NearestCentroid",
    "NeighborhoodComponentsAnalysis",
    "RadiusNeighborsClassifier",
    "RadiusNeighborsRegressor",
]

_MOST_TARGET_BITS = 5


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


class _VotingClassifier(FheClassifierMixin, ProbabilisticEstimator, NeighborsEstimator):
    """A classifier by votes of samples of training; abstract."""

    @override
    def _electorate(self, model: BaseEstimator) -> Electorate:
        codes = [numbers[:, None] == np.arange(n) for numbers, n in _codes(model)]
        votes = np.hstack(codes).astype(np.float64)
        return Electorate(as_dense(model._fit_X), votes, np.ones(votes.shape[1]))

    @override
    def _postprocessing(self, model: BaseEstimator) -> dict[str, Postprocessing]:
        shares = tuple((VoteShares(o),) for o in self._otherwise(model))
        names = model.classes_ if model.outputs_2d_ else [model.classes_]
        labels = tuple(
            (*steps, Argmax(), Labels.of(classes))
            for steps, classes in zip(shares, names, strict=True)
        )
        if not model.outputs_2d_:
            return {"predict": labels[0], "predict_proba": shares[0]}
        sizes = tuple(map(len, names))
        return {
            "predict": (ByOutput(sizes, labels, stacked=True),),
            "predict_proba": (ByOutput(sizes, shares),),
        }

    @abstractmethod
    def _otherwise(self, model: BaseEstimator) -> list[FloatArray | None]:
        """Shares of the classes where nobody votes, by output; None: there are none."""


class KNeighborsClassifier(
    _VotingClassifier, NearestEstimator, wraps=sklearn.neighbors.KNeighborsClassifier
):
    @override
    def _otherwise(self, model: BaseEstimator) -> list[FloatArray | None]:
        return [np.bincount(codes, minlength=n) / len(codes) for codes, n in _codes(model)]


class RadiusNeighborsClassifier(
    _VotingClassifier, RadiusEstimator, wraps=sklearn.neighbors.RadiusNeighborsClassifier
):
    @override
    def _otherwise(self, model: BaseEstimator) -> list[FloatArray | None]:
        names = model.classes_ if model.outputs_2d_ else [model.classes_]
        if model.outlier_label_ is None:
            return [None] * len(names)
        found = [c == label for c, label in zip(names, model.outlier_label_, strict=True)]
        if not all(label.any() for label in found):
            raise UnsupportedModelError(
                f"{type(self).__name__} got outlier_label={self.outlier_label!r}, which is no "
                'class of training; the client knows no others. Give a class, or "most_frequent".'
            )
        return [label.astype(np.float64) for label in found]


class _VotingRegressor(FheRegressorMixin, NeighborsEstimator):
    """A regressor by the mean of samples of training; abstract."""

    _has_otherwise: ClassVar[bool]

    @override
    def _electorate(self, model: BaseEstimator) -> Electorate:
        targets, middle = _targets(model)
        n_bits = min(width_of(BitWidths.resolve(self.n_bits).weights, 0), _MOST_TARGET_BITS)
        unit = np.abs(targets - middle).max(axis=0) / ((1 << (n_bits - 1)) - 1)
        votes = np.c_[targets - middle, np.ones(len(targets))]
        scale = np.append(np.where(unit > 0, unit, 1.0), 1.0)
        return Electorate(as_dense(model._fit_X), votes, scale)

    @override
    def _postprocessing(self, model: BaseEstimator) -> dict[str, Postprocessing]:
        _, middle = _targets(model)
        mean = (MeanVote(middle, middle if self._has_otherwise else None),)
        return {"predict": (*mean, Squeeze()) if model._y.ndim == 1 else mean}


class KNeighborsRegressor(
    _VotingRegressor, NearestEstimator, wraps=sklearn.neighbors.KNeighborsRegressor
):
    _has_otherwise = True


class RadiusNeighborsRegressor(
    _VotingRegressor, RadiusEstimator, wraps=sklearn.neighbors.RadiusNeighborsRegressor
):
    """Where nobody is within the radius, it predicts NaN, as the wrapped class."""

    _has_otherwise = False


def _codes(model: BaseEstimator) -> list[tuple[IntArray, int]]:
    """Numbers of the classes of all samples of training, and how many classes, by output."""
    classes = model.classes_ if model.outputs_2d_ else [model.classes_]
    columns = model._y.reshape(len(model._y), -1).T
    return [(codes, len(names)) for codes, names in zip(columns, classes, strict=True)]


def _targets(model: BaseEstimator) -> tuple[FloatArray, FloatArray]:
    """Targets of training (n_samples, n_outputs), and what to count them from (n_outputs,)."""
    targets = model._y.reshape(len(model._y), -1).astype(np.float64)
    return targets, targets.min(axis=0) / 2 + targets.max(axis=0) / 2
