"""Clusters by distances to centres: `sklearn.cluster` on encrypted data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np
import sklearn.cluster
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, ClusterMixin
from sklearn.utils.validation import check_is_fitted
from typing_extensions import override

from cml_sklearn._typing import FloatArray
from cml_sklearn.config import ExecutionMode
from cml_sklearn.estimators.arrays import as_dense, as_numpy
from cml_sklearn.estimators.base import P_ERROR
from cml_sklearn.estimators.linear import LinearEstimator
from cml_sklearn.estimators.partial_fit import PartialFitMixin
from cml_sklearn.estimators.predictions import (
    PredictingEstimator,
    TransformingEstimator,
    UnsupervisedEstimator,
)
from cml_sklearn.estimators.quadratic import (
    N_BITS_OF_PRODUCTS,
    QuadraticForms,
    nearness,
    quantize_quadratic,
)
from cml_sklearn.quantization.postprocessing import Argmax, Descent, Labels, Postprocessing, Root
from cml_sklearn.quantization.quantized_module import QuantizedModule

if TYPE_CHECKING:
    import onnx

__all__ = [
    "AffinityPropagation",
    "Birch",
    "BisectingKMeans",
    "KMeans",
    "MeanShift",
    "MiniBatchKMeans",
]


def __dir__() -> list[str]:
    return __all__


class _NearestCentre(ClusterMixin, PredictingEstimator, UnsupervisedEstimator, LinearEstimator):
    """Clusters with a centre each; abstract.

    The nearest centre is that of the greatest ``x'c - c'c / 2``.
    """

    _own_parameters = (N_BITS_OF_PRODUCTS, P_ERROR)
    _main_method = "predict"
    _watched = ("cluster_centers_",)

    def _centres(self, model: BaseEstimator) -> FloatArray:
        """Copy the centres, shape (n_centres, n_features)."""
        return as_dense(model.cluster_centers_)

    @override
    def _weights(self, model: BaseEstimator) -> tuple[FloatArray, FloatArray]:
        return nearness(self._centres(model))

    @override
    def _postprocessing(self, model: BaseEstimator) -> dict[str, Postprocessing]:
        return {"predict": (Argmax(),)}


class _DistantCentres(_NearestCentre, TransformingEstimator):
    """Distances to the centres are a module of their own, of squares of the features; abstract."""

    @override
    def _quantize(
        self, model: BaseEstimator, X: FloatArray, sample_weight: FloatArray | None
    ) -> tuple[onnx.ModelProto, dict[str, QuantizedModule]]:
        graph, modules = super()._quantize(model, X, sample_weight)
        centres = self._centres(model)
        same = np.broadcast_to(np.eye(X.shape[1]), (len(centres), X.shape[1], X.shape[1]))
        _, modules["transform"] = quantize_quadratic(
            lambda origin: QuadraticForms.distances(same, centres - origin),
            self.n_bits,
            X,
            sample_weight,
        )
        return graph, modules

    @override
    def _postprocessing(self, model: BaseEstimator) -> dict[str, Postprocessing]:
        return {**super()._postprocessing(model), "transform": (Root(),)}


class _Means(_DistantCentres):
    """Centres that are the means of their clusters; abstract."""

    def score(
        self,
        X: ArrayLike,
        y: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
        execute_in_fhe: ExecutionMode | None = None,
    ) -> float:
        """Opposite of the sum of squared distances to the nearest centres; y is ignored."""
        nearest = self.transform(X, execute_in_fhe).min(axis=1) ** 2
        weight = 1.0 if sample_weight is None else as_numpy(sample_weight)
        return -float((weight * nearest).sum())


class AffinityPropagation(_NearestCentre, wraps=sklearn.cluster.AffinityPropagation):
    """Without any centre, where it has not converged, all samples are in cluster -1."""

    @override
    def _weights(self, model: BaseEstimator) -> tuple[FloatArray, FloatArray]:
        if len(self._centres(model)):
            return super()._weights(model)
        return np.zeros((1, model.n_features_in_)), np.zeros(1)

    @override
    def _postprocessing(self, model: BaseEstimator) -> dict[str, Postprocessing]:
        steps = super()._postprocessing(model)["predict"]
        has_centres = len(self._centres(model)) > 0
        return {"predict": steps if has_centres else (*steps, Labels(np.array([-1])))}


class Birch(PartialFitMixin, _DistantCentres, wraps=sklearn.cluster.Birch):
    """Its centres are those of the subclusters, several of which may be one cluster."""

    _watched = ("subcluster_centers_",)

    @override
    def partial_fit(
        self, X: ArrayLike | None = None, y: ArrayLike | None = None, **fit_params: object
    ) -> Self:
        """Train further on a batch; without any, only group the subclusters anew.

        Returns
        -------
        self
        """
        if X is not None:
            return super().partial_fit(X, y, **fit_params)
        check_is_fitted(self)
        self._check_can_go_on()
        self._validate_params()
        model = self._model_to_train_on()
        return self._adopt(model.partial_fit(), *self._calibration)

    @override
    def _centres(self, model: BaseEstimator) -> FloatArray:
        return as_dense(model.subcluster_centers_)

    @override
    def _postprocessing(self, model: BaseEstimator) -> dict[str, Postprocessing]:
        steps = super()._postprocessing(model)
        labels = Labels(np.asarray(model.subcluster_labels_))
        return {**steps, "predict": (*steps["predict"], labels)}


class MeanShift(_NearestCentre, wraps=sklearn.cluster.MeanShift): ...


class KMeans(_Means, wraps=sklearn.cluster.KMeans): ...


class MiniBatchKMeans(PartialFitMixin, _Means, wraps=sklearn.cluster.MiniBatchKMeans): ...


class BisectingKMeans(_Means, wraps=sklearn.cluster.BisectingKMeans):
    """Its raw scores say for each bisection how much nearer the right half's centre is."""

    @override
    def _weights(self, model: BaseEstimator) -> tuple[FloatArray, FloatArray]:
        nodes = _bisections(model)
        if not nodes:  # a single cluster: any score leads there
            return np.zeros((1, model.n_features_in_)), np.zeros(1)
        shift = getattr(model, "_X_mean", 0.0)
        halves = [np.stack([n.left.center, n.right.center]) + shift for n in nodes]
        weights, offsets = zip(*map(nearness, halves), strict=True)
        return np.concatenate([np.diff(w, axis=0) for w in weights]), np.concatenate(
            [np.diff(o) for o in offsets]
        )

    @override
    def _postprocessing(self, model: BaseEstimator) -> dict[str, Postprocessing]:
        nodes = _bisections(model)
        places = {id(node): place for place, node in enumerate(nodes)}

        def child(node: Any) -> int:
            """Place of a bisection, or the complement of a cluster's label."""
            return places[id(node)] if id(node) in places else ~int(node.label)

        children = [(child(node.left), child(node.right)) for node in nodes] or [(~0, ~0)]
        return {**super()._postprocessing(model), "predict": (Descent(np.array(children)),)}


def _bisections(model: BaseEstimator) -> list[Any]:
    """Nodes with two halves, each after the one that it is a half of."""
    found, waiting = [], [model._bisecting_tree]
    while waiting:
        node = waiting.pop()
        if node.left is not None:
            found.append(node)
            waiting += [node.left, node.right]
    return found
