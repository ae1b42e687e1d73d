"""Trees whose leaves are averaged: single trees, forests and bagging."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.tree import (
    DecisionTreeClassifier,
    DecisionTreeRegressor,
    ExtraTreeClassifier,
    ExtraTreeRegressor,
)

from cml_sklearn._predictions import PredictingEstimator, ProbabilisticEstimator
from cml_sklearn._trees import Samples, TreeEstimator
from cml_sklearn.base import like_input
from cml_sklearn.config import ExecutionMode
from cml_sklearn.exceptions import UnsupportedModelError
from cml_sklearn.forest.forest import Forest, label_forest
from cml_sklearn.forest.tree_arrays import TreeArrays, scikit_tree
from cml_sklearn.quantization.quantized_module import QuantizedModule
from cml_sklearn.quantization.quantizers import FloatArray

__all__ = ["AveragedClassifier", "AveragedRegressor", "SingleTreeClassifier", "check_members"]

_TREES = (DecisionTreeClassifier, DecisionTreeRegressor, ExtraTreeClassifier, ExtraTreeRegressor)


class AveragedTrees(TreeEstimator):
    """Raw scores are the mean of the trees' leaves; abstract."""

    def _read_trees(self, model: Any) -> list[TreeArrays]:
        """See `TreeEstimator`."""
        members = getattr(model, "estimators_", [model])
        check_members(members)
        columns = getattr(model, "estimators_features_", [None] * len(members))
        return [
            scikit_tree(member.tree_, self._leaf_values(model, member) / len(members), features)
            for member, features in zip(members, columns, strict=True)
        ]

    def _leaf_values(self, model: Any, member: Any) -> FloatArray:
        """Values of a tree's nodes, shape (n_nodes, n_scores)."""
        value: FloatArray = member.tree_.value[:, :, 0]
        return value


class AveragedRegressor(RegressorMixin, PredictingEstimator, AveragedTrees):
    """A regressor that averages; abstract."""

    def _predicted(
        self, method: str, X: ArrayLike, execute_in_fhe: ExecutionMode | None
    ) -> NDArray[np.float64]:
        """See `PredictingEstimator`."""
        scores = self._raw_scores(X, execute_in_fhe)
        return like_input(scores.ravel() if scores.shape[1] == 1 else scores, X)


class AveragedClassifier(ClassifierMixin, ProbabilisticEstimator, AveragedTrees):
    """A classifier that averages probabilities; abstract."""

    def _predicted(self, method: str, X: ArrayLike, execute_in_fhe: ExecutionMode | None) -> Any:
        """See `PredictingEstimator`."""
        shares = self._probabilities(X, execute_in_fhe)
        if method == "predict":
            return self._labels(np.stack([p.argmax(axis=1) for p in shares], axis=1), X)
        if method == "predict_log_proba":
            with np.errstate(divide="ignore"):
                shares = [np.log(p) for p in shares]
        found = [like_input(p, X) for p in shares]
        return found[0] if self._n_outputs == 1 else found

    def _leaf_values(self, model: Any, member: Any) -> FloatArray:
        """See `AveragedTrees`; the outputs' probabilities side by side."""
        sizes = [len(classes) for classes in _classes_of(model)]
        value = member.tree_.value
        if hasattr(model, "estimators_features_"):
            # a member of a bag names the classes that it has seen by their number
            found = np.zeros((len(value), sizes[0]))
            found[:, member.classes_.astype(np.int64)] = value[:, 0]
            return found
        return np.concatenate([value[:, o, :size] for o, size in enumerate(sizes)], axis=1)

    @property
    def _n_outputs(self) -> int:
        return int(getattr(self.sklearn_model_, "n_outputs_", 1))

    @property
    def _sizes(self) -> list[int]:
        """Number of classes by output."""
        return [len(classes) for classes in _classes_of(self.sklearn_model_)]

    @property
    def _probability_module(self) -> QuantizedModule:
        """The module that gives probabilities."""
        return self.quantized_module_

    def _probabilities(self, X: ArrayLike, mode: ExecutionMode | None) -> list[FloatArray]:
        """Probabilities by output; rounding may leave some just below 0."""
        values = self._checked_input(X)
        scores = np.maximum(self._run(self._probability_module, values, mode), 0)
        parts = np.split(scores, np.cumsum(self._sizes)[:-1], axis=1)
        return [part / part.sum(axis=1, keepdims=True) for part in parts]

    def _labels(self, places: NDArray[np.int64], X: Any) -> NDArray[Any]:
        """Labels of the places of classes, shape (n_samples, n_outputs)."""
        classes = _classes_of(self.sklearn_model_)
        columns = [c.take(p) for c, p in zip(classes, places.T, strict=True)]
        return like_input(columns[0] if self._n_outputs == 1 else np.stack(columns, axis=1), X)


class SingleTreeClassifier(AveragedClassifier):
    """A classifier of one tree: for `predict` only the labels are computed.

    Attributes
    ----------
    probability_module_ : QuantizedModule
        What `predict_proba` takes; compiled when asked for.
    """

    probability_module_: QuantizedModule

    def _predicted(self, method: str, X: ArrayLike, execute_in_fhe: ExecutionMode | None) -> Any:
        """See `PredictingEstimator`."""
        if method != "predict":
            return super()._predicted(method, X, execute_in_fhe)
        return self._labels(np.rint(self._raw_scores(X, execute_in_fhe)).astype(np.int64), X)

    def _quantize_forest(self, forest: Forest, samples: Samples) -> None:
        """See `TreeEstimator`."""
        self.probability_module_ = self._make_module(forest, samples)
        labels = label_forest(forest, self._sizes)
        # the integers of labels are exact in as many bits as count them
        n_bits = max(1, (max(self._sizes) - 1).bit_length())
        self.quantized_module_ = self._make_module(labels, samples, n_bits)

    @property
    def _probability_module(self) -> QuantizedModule:
        return self.probability_module_


def check_members(members: Any) -> None:
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


def _classes_of(model: Any) -> list[NDArray[Any]]:
    """Classes by output."""
    return list(model.classes_) if getattr(model, "n_outputs_", 1) > 1 else [model.classes_]
