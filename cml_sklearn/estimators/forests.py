"""Trees whose leaves are averaged: single trees, forests and bagging."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.tree import (
    DecisionTreeClassifier,
    DecisionTreeRegressor,
    ExtraTreeClassifier,
    ExtraTreeRegressor,
)
from typing_extensions import override

from cml_sklearn._typing import Array, FloatArray
from cml_sklearn.estimators.predictions import (
    FheClassifierMixin,
    FheRegressorMixin,
    PredictingEstimator,
    ProbabilisticEstimator,
)
from cml_sklearn.estimators.trees import Samples, TreeEstimator
from cml_sklearn.exceptions import UnsupportedModelError
from cml_sklearn.forest.forest import Forest, label_forest
from cml_sklearn.forest.tree_arrays import TreeArrays, scikit_tree
from cml_sklearn.quantization.postprocessing import (
    Argmax,
    ByOutput,
    Clip,
    Labels,
    Logarithm,
    Postprocessing,
    Round,
    Shares,
    Squeeze,
)
from cml_sklearn.quantization.quantized_module import QuantizedModule

__all__ = ["AveragedClassifier", "AveragedRegressor", "SingleTreeClassifier", "check_members"]

_TREES = (DecisionTreeClassifier, DecisionTreeRegressor, ExtraTreeClassifier, ExtraTreeRegressor)


class AveragedTrees(TreeEstimator):
    """Raw scores are the mean of the trees' leaves; abstract."""

    @override
    def _read_trees(self, model: BaseEstimator) -> list[TreeArrays]:
        members = getattr(model, "estimators_", [model])
        check_members(members)
        columns = getattr(model, "estimators_features_", [None] * len(members))
        return [
            scikit_tree(member.tree_, self._leaf_values(model, member) / len(members), features)
            for member, features in zip(members, columns, strict=True)
        ]

    def _leaf_values(self, model: BaseEstimator, member: BaseEstimator) -> FloatArray:
        """Values of a tree's nodes, shape (n_nodes, n_scores)."""
        value: FloatArray = member.tree_.value[:, :, 0]
        return value


class AveragedRegressor(FheRegressorMixin, PredictingEstimator, AveragedTrees):
    """A regressor that averages; abstract."""

    _one_unit = False

    @override
    def _postprocessing(self, model: BaseEstimator) -> dict[str, Postprocessing]:
        return {"predict": (Squeeze(),)}


class AveragedClassifier(FheClassifierMixin, ProbabilisticEstimator, AveragedTrees):
    """A classifier that averages probabilities; abstract."""

    @override
    def _postprocessing(self, model: BaseEstimator) -> dict[str, Postprocessing]:
        classes, sizes = _classes_of(model), _sizes_of(model)
        # rounding may leave some just below 0
        shares: Postprocessing = (Clip(0.0), Shares())
        labels = [(*shares, Argmax(), Labels.of(names)) for names in classes]
        return {
            "predict": _by_output(sizes, labels, stacked=True),
            "predict_proba": _by_output(sizes, [shares] * len(sizes)),
            "predict_log_proba": _by_output(sizes, [(*shares, Logarithm())] * len(sizes)),
        }

    @override
    def _leaf_values(self, model: BaseEstimator, member: BaseEstimator) -> FloatArray:
        """Values of a tree's nodes: the outputs' probabilities side by side."""
        sizes = _sizes_of(model)
        value = member.tree_.value
        if hasattr(model, "estimators_features_"):
            # a member of a bag names the classes that it has seen by their number
            shares = np.zeros((len(value), sizes[0]))
            shares[:, member.classes_.astype(np.int64)] = value[:, 0]
            return shares
        return np.concatenate([value[:, o, :size] for o, size in enumerate(sizes)], axis=1)


class SingleTreeClassifier(AveragedClassifier):
    """A classifier of one tree: for `predict` only the labels are computed."""

    @override
    def _postprocessing(self, model: BaseEstimator) -> dict[str, Postprocessing]:
        steps = super()._postprocessing(model)
        labels = [(Round(), Squeeze(), Labels.of(names)) for names in _classes_of(model)]
        return {**steps, "predict": _by_output([1] * len(labels), labels, stacked=True)}

    @override
    def _quantize_forest(
        self, model: BaseEstimator, forest: Forest, samples: Samples
    ) -> dict[str, QuantizedModule]:
        probabilities = self._make_module(forest, samples)
        sizes = _sizes_of(model)
        labels = label_forest(forest, sizes)
        # the integers of labels are exact in as many bits as count them
        n_bits = max(1, (max(sizes) - 1).bit_length())
        return {
            "predict": self._make_module(labels, samples, n_bits),
            "predict_proba": probabilities,
            "predict_log_proba": probabilities,
        }


def check_members(members: Iterable[BaseEstimator]) -> None:
    """Refuse ensembles of other estimators than trees.

    Raises
    ------
    UnsupportedModelError
    """
    for member in members:
        if not isinstance(member, _TREES):
            raise UnsupportedModelError(
                f"The ensemble is made of {type(member).__name__}; give trees of scikit-learn as "
                "its estimator (DecisionTreeClassifier, ExtraTreeRegressor, ...)."
            )


def _classes_of(model: BaseEstimator) -> list[Array]:
    """Classes by output."""
    return list(model.classes_) if getattr(model, "n_outputs_", 1) > 1 else [model.classes_]


def _sizes_of(model: BaseEstimator) -> list[int]:
    """Count the classes of each output."""
    return [len(classes) for classes in _classes_of(model)]


def _by_output(
    sizes: list[int], steps: Sequence[Postprocessing], *, stacked: bool = False
) -> Postprocessing:
    """Put the steps of outputs side by side; those of a lone one stay as they are."""
    return steps[0] if len(steps) == 1 else (ByOutput(tuple(sizes), tuple(steps), stacked),)
