"""Forests, boosting and bagging: `sklearn.ensemble` on encrypted data."""

from __future__ import annotations

from typing import ClassVar, cast

import numpy as np
import sklearn.ensemble
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, OutlierMixin
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.ensemble._iforest import _average_path_length
from typing_extensions import override

from cml_sklearn._typing import FloatArray
from cml_sklearn.estimators.conventions import class_labels, inverse_of, outlier_methods
from cml_sklearn.estimators.forests import AveragedClassifier, AveragedRegressor, check_members
from cml_sklearn.estimators.predictions import (
    ContaminatedEstimator,
    DecidingEstimator,
    FheClassifierMixin,
    FheRegressorMixin,
    PredictingEstimator,
)
from cml_sklearn.estimators.refused_parameters import refuse_categories
from cml_sklearn.estimators.trees import (
    Conversion,
    EnsembleEstimator,
    TreeEstimator,
    constant_tree,
)
from cml_sklearn.exceptions import UnsupportedModelError
from cml_sklearn.forest.grid import FeatureGrid
from cml_sklearn.forest.tree_arrays import TreeArrays, histogram_tree, scikit_tree
from cml_sklearn.quantization.postprocessing import (
    Affine,
    AnomalyScore,
    Postprocessing,
    Softmax,
    Squeeze,
    TwoClasses,
    WeightedMedian,
)

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


def __dir__() -> list[str]:
    return __all__


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


class _BoostingClassifier(FheClassifierMixin, DecidingEstimator, EnsembleEstimator):
    """A classifier with a score for two classes, or one for each class; abstract."""

    @override
    def _probabilities(self, model: BaseEstimator) -> Postprocessing:
        """Take the loss's link back."""
        return (*inverse_of(model._loss.link), TwoClasses())


class _GradientBoosting(EnsembleEstimator):
    """Trees on the gradients of a loss; abstract."""

    @override
    def _read_trees(self, model: BaseEstimator) -> list[TreeArrays]:
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


class GradientBoostingClassifier(
    _BoostingClassifier, _GradientBoosting, wraps=sklearn.ensemble.GradientBoostingClassifier
):
    @override
    def _labels(self, model: BaseEstimator) -> Postprocessing:
        return class_labels(model.classes_, inclusive=True)


class GradientBoostingRegressor(
    FheRegressorMixin,
    PredictingEstimator,
    _GradientBoosting,
    wraps=sklearn.ensemble.GradientBoostingRegressor,
):
    @override
    def _postprocessing(self, model: BaseEstimator) -> dict[str, Postprocessing]:
        return {"predict": (Squeeze(),)}


class _HistGradientBoosting(EnsembleEstimator):
    """Trees on histograms; abstract."""

    _float32: ClassVar[bool] = False

    @override
    def _validated(self, X: ArrayLike, *, reset: bool) -> FloatArray:
        if self.categorical_features is not None:
            refuse_categories(X)
        return super()._validated(X, reset=reset)

    @override
    def _encoded_parameters(
        self, grid: FeatureGrid, fit_params: dict[str, object]
    ) -> dict[str, object]:
        """Arguments of `fit`, where validation samples have gone through the grid, too."""
        X_val = cast("ArrayLike | None", fit_params.get("X_val"))
        return fit_params if X_val is None else {**fit_params, "X_val": self._codes(grid, X_val)}

    @override
    def _read_trees(self, model: BaseEstimator) -> list[TreeArrays]:
        start = np.ravel(model._baseline_prediction)
        trees = [constant_tree(start)]
        for stage in model._predictors:
            trees += [histogram_tree(p.nodes, k, len(start)) for k, p in enumerate(stage)]
        return trees

    @override
    def _convert_thresholds(self, model: BaseEstimator, convert: Conversion) -> None:
        for predictor in (p for stage in model._predictors for p in stage):
            nodes = predictor.nodes
            inner = nodes["is_leaf"] == 0
            feature, code = nodes["feature_idx"][inner], nodes["num_threshold"][inner]
            nodes["num_threshold"][inner] = convert(feature, code)
            # a missing value lies above every edge
            nodes["missing_go_to_left"] = 0


class HistGradientBoostingClassifier(
    _BoostingClassifier,
    _HistGradientBoosting,
    wraps=sklearn.ensemble.HistGradientBoostingClassifier,
): ...


class HistGradientBoostingRegressor(
    FheRegressorMixin,
    PredictingEstimator,
    _HistGradientBoosting,
    wraps=sklearn.ensemble.HistGradientBoostingRegressor,
):
    @override
    def _postprocessing(self, model: BaseEstimator) -> dict[str, Postprocessing]:
        return {"predict": (Squeeze(), *inverse_of(model._loss.link))}


class AdaBoostClassifier(_BoostingClassifier, wraps=sklearn.ensemble.AdaBoostClassifier):
    """Its scores are the trees' weighted votes."""

    @override
    def _read_trees(self, model: BaseEstimator) -> list[TreeArrays]:
        check_members(model.estimators_)
        share = model.estimator_weights_ / model.estimator_weights_.sum()
        return [
            scikit_tree(member.tree_, weight * self._votes(model, member))
            for member, weight in zip(model.estimators_, share, strict=False)
        ]

    @staticmethod
    def _votes(model: BaseEstimator, member: BaseEstimator) -> FloatArray:
        """Give what nodes add to the decision function for a weight of 1."""
        winner = member.classes_.take(member.tree_.value[:, 0].argmax(axis=1))
        wins = winner[:, None] == model.classes_
        n_classes = len(model.classes_)
        if n_classes == 1:
            return np.zeros((len(wins), 1))
        if n_classes == 2:
            return np.where(wins[:, 1:], 2.0, -2.0)
        return np.where(wins, 1.0, -1.0 / (n_classes - 1))

    @override
    def _postprocessing(self, model: BaseEstimator) -> dict[str, Postprocessing]:
        steps = super()._postprocessing(model)
        return steps if len(model.classes_) > 1 else {**steps, "decision_function": ()}

    @override
    def _probabilities(self, model: BaseEstimator) -> Postprocessing:
        n_classes = len(model.classes_)
        if n_classes == 2:
            return (Affine(0.5), TwoClasses(offset=0.0), Softmax())
        return (Affine(1 / max(n_classes - 1, 1)), Softmax())


class AdaBoostRegressor(
    FheRegressorMixin,
    PredictingEstimator,
    TreeEstimator,
    wraps=sklearn.ensemble.AdaBoostRegressor,
):
    """The median of the trees is taken in the clear: the client gets every tree's prediction."""

    @override
    def _read_trees(self, model: BaseEstimator) -> list[TreeArrays]:
        """Trees, each with an output of its own."""
        check_members(model.estimators_)
        trees = []
        for index, member in enumerate(model.estimators_):
            value = np.zeros((member.tree_.node_count, len(model.estimators_)))
            value[:, index] = member.tree_.value[:, 0, 0]
            trees.append(scikit_tree(member.tree_, value))
        return trees

    @override
    def _postprocessing(self, model: BaseEstimator) -> dict[str, Postprocessing]:
        return {"predict": (WeightedMedian(model.estimator_weights_[: len(model.estimators_)]),)}


class IsolationForest(
    OutlierMixin,
    ContaminatedEstimator,
    EnsembleEstimator,
    wraps=sklearn.ensemble.IsolationForest,
):
    """Its raw score is the mean depth at which samples are isolated."""

    @override
    def _postprocessing(self, model: BaseEstimator) -> dict[str, Postprocessing]:
        return outlier_methods((Squeeze(), AnomalyScore()), self.offset_)

    @override
    def _read_trees(self, model: BaseEstimator) -> list[TreeArrays]:
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
