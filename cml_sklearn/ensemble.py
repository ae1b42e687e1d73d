"""Forests, boosting and bagging: `sklearn.ensemble` on encrypted data."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, ClassVar, Self

import numpy as np
import sklearn.ensemble
from numpy.typing import ArrayLike
from sklearn.base import ClassifierMixin, OutlierMixin
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble._iforest import _average_path_length

from cml_sklearn._averages import AveragedClassifier, AveragedRegressor, check_members
from cml_sklearn._predictions import DetectingEstimator
from cml_sklearn._trees import (
    EnsembleEstimator,
    PatchedClassifier,
    PatchedEstimator,
    PatchedRegressor,
    constant_tree,
)
from cml_sklearn.exceptions import UnsupportedModelError
from cml_sklearn.forest.grid import FeatureGrid
from cml_sklearn.forest.tree_arrays import TreeArrays, histogram_tree, scikit_tree
from cml_sklearn.quantization.quantizers import FloatArray

__all__ = [
    "AdaBoostClassifier",
    "AdaBoostRegressor",
    "BaggingClassifier",
    "BaggingRegressor",
    "ExtraTreesClassifier",
    "ExtraTreesRegressor",
    "GradientBoostingClassifier",
    "GradientBoostingRegressor",
    "HistGradientBoostingClassifier",
    "HistGradientBoostingRegressor",
    "IsolationForest",
    "RandomForestClassifier",
    "RandomForestRegressor",
]


class RandomForestClassifier(
    EnsembleEstimator, AveragedClassifier, wraps=sklearn.ensemble.RandomForestClassifier
): ...


class RandomForestRegressor(
    EnsembleEstimator, AveragedRegressor, wraps=sklearn.ensemble.RandomForestRegressor
): ...


class ExtraTreesClassifier(
    EnsembleEstimator, AveragedClassifier, wraps=sklearn.ensemble.ExtraTreesClassifier
): ...


class ExtraTreesRegressor(
    EnsembleEstimator, AveragedRegressor, wraps=sklearn.ensemble.ExtraTreesRegressor
): ...


class BaggingClassifier(
    EnsembleEstimator, AveragedClassifier, wraps=sklearn.ensemble.BaggingClassifier
): ...


class BaggingRegressor(
    EnsembleEstimator, AveragedRegressor, wraps=sklearn.ensemble.BaggingRegressor
): ...


class _GradientBoosting(EnsembleEstimator):
    """Trees on the gradients of a loss; abstract."""

    def _read_trees(self, model: Any) -> list[TreeArrays]:
        """See `TreeEstimator`."""
        if not (model.init_ == "zero" or isinstance(model.init_, DummyClassifier | DummyRegressor)):
            raise UnsupportedModelError(
                f"init is a {type(model.init_).__name__}, whose predictions are not constant; "
                'use init=None or init="zero".'
            )
        start = model._raw_predict_init(np.zeros((1, model.n_features_in_), dtype=np.float32))
        n_outputs = model.estimators_.shape[1]
        trees = [constant_tree(start[0])]
        for stage in model.estimators_:
            for output, member in enumerate(stage):
                value = np.zeros((member.tree_.node_count, n_outputs))
                value[:, output] = model.learning_rate * member.tree_.value[:, 0, 0]
                trees.append(scikit_tree(member.tree_, value))
        return trees

    def _patch(self, model: Any, scores: FloatArray) -> None:
        """See `PatchedEstimator`."""
        model._raw_predict = lambda _: scores


class GradientBoostingClassifier(
    ClassifierMixin,
    _GradientBoosting,
    PatchedClassifier,
    wraps=sklearn.ensemble.GradientBoostingClassifier,
): ...


class GradientBoostingRegressor(
    _GradientBoosting, PatchedRegressor, wraps=sklearn.ensemble.GradientBoostingRegressor
): ...


class _HistGradientBoosting(EnsembleEstimator):
    """Trees on histograms; abstract."""

    _float32: ClassVar[bool] = False

    def _read_trees(self, model: Any) -> list[TreeArrays]:
        """See `TreeEstimator`."""
        start = np.ravel(model._baseline_prediction)
        trees = [constant_tree(start)]
        for stage in model._predictors:
            trees += [histogram_tree(p.nodes, k, len(start)) for k, p in enumerate(stage)]
        return trees

    def _write_thresholds(self, model: Any, grid: FeatureGrid) -> None:
        """See `TreeEstimator`."""
        for predictor in (p for stage in model._predictors for p in stage):
            nodes = predictor.nodes
            inner = nodes["is_leaf"] == 0
            feature, code = nodes["feature_idx"][inner], nodes["num_threshold"][inner]
            nodes["num_threshold"][inner] = grid.thresholds(feature, code)
            # a missing value lies above every edge
            nodes["missing_go_to_left"] = 0

    def _patch(self, model: Any, scores: FloatArray) -> None:
        """See `PatchedEstimator`."""
        model._raw_predict = lambda *_, **__: scores


class HistGradientBoostingClassifier(
    ClassifierMixin,
    _HistGradientBoosting,
    PatchedClassifier,
    wraps=sklearn.ensemble.HistGradientBoostingClassifier,
): ...


class HistGradientBoostingRegressor(
    _HistGradientBoosting, PatchedRegressor, wraps=sklearn.ensemble.HistGradientBoostingRegressor
): ...


class AdaBoostClassifier(
    ClassifierMixin,
    EnsembleEstimator,
    PatchedClassifier,
    wraps=sklearn.ensemble.AdaBoostClassifier,
):
    """Its scores are the trees' weighted votes."""

    def _read_trees(self, model: Any) -> list[TreeArrays]:
        """See `TreeEstimator`."""
        check_members(model.estimators_)
        share = model.estimator_weights_ / model.estimator_weights_.sum()
        return [
            scikit_tree(member.tree_, weight * self._votes(model, member))
            for member, weight in zip(model.estimators_, share, strict=False)
        ]

    @staticmethod
    def _votes(model: Any, member: Any) -> FloatArray:
        """Give what nodes add to the decision function for a weight of 1."""
        winner = member.classes_.take(member.tree_.value[:, 0].argmax(axis=1))
        wins = winner[:, None] == model.classes_
        n_classes = len(model.classes_)
        if n_classes == 1:
            return np.zeros((len(wins), 1))
        if n_classes == 2:
            return np.where(wins[:, 1:], 2.0, -2.0)
        return np.where(wins, 1.0, -1.0 / (n_classes - 1))

    def _patch(self, model: Any, scores: FloatArray) -> None:
        """See `PatchedEstimator`."""
        decision = scores.ravel() if len(model.classes_) == 2 else scores
        model.decision_function = lambda _: decision


class AdaBoostRegressor(PatchedRegressor, wraps=sklearn.ensemble.AdaBoostRegressor):
    """The median of the trees is taken in the clear: the client gets every tree's prediction."""

    def _read_trees(self, model: Any) -> list[TreeArrays]:
        """See `TreeEstimator`; every tree has an output of its own."""
        check_members(model.estimators_)
        found = []
        for index, member in enumerate(model.estimators_):
            value = np.zeros((member.tree_.node_count, len(model.estimators_)))
            value[:, index] = member.tree_.value[:, 0, 0]
            found.append(scikit_tree(member.tree_, value))
        return found

    def _patch(self, model: Any, scores: FloatArray) -> None:
        """See `PatchedEstimator`."""
        columns = np.ascontiguousarray(scores.T)
        model.estimators_ = [SimpleNamespace(predict=lambda _, c=column: c) for column in columns]


class IsolationForest(
    OutlierMixin,
    EnsembleEstimator,
    DetectingEstimator,
    PatchedEstimator,
    wraps=sklearn.ensemble.IsolationForest,
):
    """Its raw score is the mean depth at which samples are isolated."""

    def fit(self, X: ArrayLike, y: ArrayLike | None = None, **fit_params: Any) -> Self:
        """See `TreeEstimator.fit`; the asked share of outliers is one of the quantized scores."""
        self.__dict__.pop("offset_", None)
        super().fit(X, y, **fit_params)
        if self.contamination != "auto":
            scores = self.score_samples(X, execute_in_fhe=False)
            self.offset_ = np.percentile(scores, 100 * self.contamination)
        return self

    def _patch(self, model: Any, scores: FloatArray) -> None:
        """See `PatchedEstimator`."""
        model.offset_ = self.offset_
        model.score_samples = lambda _: -(2 ** -scores.ravel())

    def _read_trees(self, model: Any) -> list[TreeArrays]:
        """See `TreeEstimator`."""
        scale = len(model.estimators_) * _average_path_length([model._max_samples])[0]
        if scale == 0:
            return [constant_tree([1.0])]
        parts = zip(
            model.estimators_,
            model.estimators_features_,
            model._decision_path_lengths,
            model._average_path_length_per_tree,
            strict=True,
        )
        return [
            scikit_tree(member.tree_, (depth + rest - 1.0)[:, None] / scale, features)
            for member, features, depth, rest in parts
        ]
