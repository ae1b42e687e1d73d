"""The prediction methods of all families, written once.

A family says in `_postprocessing` what a method makes of raw scores; the signature, the three modes
and the docstring are the same for all.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from typing import Any, ParamSpec, Self, TypeVar, cast

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import (
    BaseEstimator,
    ClassifierMixin,
    ClassNamePrefixFeaturesOutMixin,
    RegressorMixin,
    TransformerMixin,
)
from sklearn.metrics import accuracy_score, r2_score
from sklearn.utils import get_tags
from sklearn.utils._array_api import get_namespace
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted
from typing_extensions import override

from cml_sklearn._typing import Array
from cml_sklearn.config import ExecutionMode
from cml_sklearn.estimators.arrays import like_input
from cml_sklearn.estimators.base import FheEstimator, fix_postprocessing
from cml_sklearn.estimators.conventions import class_labels
from cml_sklearn.keywords import known_keywords
from cml_sklearn.quantization.postprocessing import (
    Logarithm,
    Postprocessing,
    Squeeze,
    postprocess,
)

__all__ = [
    "ContaminatedEstimator",
    "DecidingEstimator",
    "DetectingEstimator",
    "FheClassifierMixin",
    "FheRegressorMixin",
    "PredictingEstimator",
    "ProbabilisticEstimator",
    "ScoredPredictions",
    "ScoringEstimator",
    "TransformingEstimator",
    "UnsupervisedEstimator",
]

_Taken = ParamSpec("_Taken")
_Given = TypeVar("_Given")


def _where_served(method: Callable[_Taken, _Given]) -> Callable[_Taken, _Given]:
    """Make a method that is there where the wrapped model, as its parameters are, has it."""
    name = method.__name__

    def check(self: FheEstimator) -> bool:
        modules = self.__dict__.get("modules_")
        return hasattr(self._make_wrapped(), name) if modules is None else name in modules

    served: Callable[_Taken, _Given] = available_if(check)(known_keywords(method))
    return served


class ScoredPredictions:
    """`score`, in any of the three modes; abstract."""

    predict: Callable[..., Array]
    _score_of: Callable[..., float]

    @known_keywords
    def score(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        execute_in_fhe: ExecutionMode | None = None,
    ) -> float:
        """Accuracy, R2 or D2 of `predict`, as the wrapped class; `execute_in_fhe` as there."""
        predicted = self.predict(X, execute_in_fhe)
        return float(self._score_of(y, predicted, sample_weight=sample_weight))


class FheClassifierMixin(ScoredPredictions, ClassifierMixin):
    """Accuracy as the score."""

    _score_of = staticmethod(accuracy_score)


class FheRegressorMixin(ScoredPredictions, RegressorMixin):
    """Share of the targets' variance that predictions explain as the score."""

    _score_of = staticmethod(r2_score)


class _ComputingEstimator(FheEstimator):
    """An estimator whose methods are each a module and the steps after it; abstract."""

    def _computed(self, method: str, X: ArrayLike, execute_in_fhe: ExecutionMode | None) -> Any:
        """Run the module of a method, and take the steps that follow it."""
        values = self._checked_input(X)
        module = self.modules_[method]
        scores = self._run(module, values, execute_in_fhe)
        return like_input(postprocess(module.postprocessing[method], scores), X)


class UnsupervisedEstimator(_ComputingEstimator):
    """An estimator that may be fitted without targets; abstract."""

    def fit(self, X: ArrayLike, y: ArrayLike | None = None, **fit_params: object) -> Self:
        """Fit as all do; the wrapped class says what it makes of y.

        Returns
        -------
        self
        """
        return super().fit(X, cast("ArrayLike", y), **fit_params)


class PredictingEstimator(_ComputingEstimator):
    """An estimator with `predict`; abstract."""

    def predict(self, X: ArrayLike, execute_in_fhe: ExecutionMode | None = None) -> Array:
        """Predict class labels, targets, or inliers (1) and outliers (-1).

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        execute_in_fhe : bool or "simulate", default=None
            False: quantized integers in the clear; True: encrypted; "simulate": the backend's
            simulation; None: as `cml_sklearn.config_context` says, else in the clear.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_outputs)
        """
        result: Array = self._computed("predict", X, execute_in_fhe)
        return result


class TransformingEstimator(
    ClassNamePrefixFeaturesOutMixin, TransformerMixin, UnsupervisedEstimator
):
    """An estimator with `transform`; abstract."""

    _main_method = "transform"

    def transform(self, X: ArrayLike, execute_in_fhe: ExecutionMode | None = None) -> Array:
        """Map samples to new features, as an array.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        execute_in_fhe : bool or "simulate", default=None
            False: quantized integers in the clear; True: encrypted; "simulate": the backend's
            simulation; None: as `cml_sklearn.config_context` says, else in the clear.

        Returns
        -------
        ndarray of shape (n_samples, n_components)
        """
        result: Array = self._computed("transform", X, execute_in_fhe)
        # the name of a type is the same in all libraries, but for torch's prefix
        kind = str(getattr(X, "dtype", None)).removeprefix("torch.")
        if kind not in get_tags(self).transformer_tags.preserves_dtype:
            return result
        namespace, _ = get_namespace(result)
        return cast("Array", namespace.astype(result, getattr(namespace, kind), copy=False))

    @property
    def _n_features_out(self) -> int:
        """Number of new features, which scikit-learn names."""
        check_is_fitted(self)
        return int(self.modules_["transform"].program.output_bounds[0].shape[0])


class ProbabilisticEstimator(PredictingEstimator):
    """A classifier with probabilities, where the wrapped one has them; abstract."""

    @_where_served
    def predict_proba(self, X: ArrayLike, execute_in_fhe: ExecutionMode | None = None) -> Any:
        """Class probabilities; parameters as in `predict`.

        Returns
        -------
        ndarray of shape (n_samples, n_classes), or a list of them for several outputs
        """
        return self._computed("predict_proba", X, execute_in_fhe)

    @_where_served
    def predict_log_proba(self, X: ArrayLike, execute_in_fhe: ExecutionMode | None = None) -> Any:
        """Logarithms of `predict_proba`."""
        return self._computed("predict_log_proba", X, execute_in_fhe)


class ScoringEstimator(PredictingEstimator):
    """An estimator with raw scores, where the wrapped one has them; abstract."""

    @_where_served
    def decision_function(self, X: ArrayLike, execute_in_fhe: ExecutionMode | None = None) -> Array:
        """Raw scores; parameters as in `predict`.

        Returns
        -------
        ndarray of shape (n_samples,) or (n_samples, n_classes)
        """
        return self._computed("decision_function", X, execute_in_fhe)


class DecidingEstimator(ProbabilisticEstimator, ScoringEstimator):
    """A classifier with raw scores, too, where the wrapped one has them; abstract."""

    @override
    def _postprocessing(self, model: BaseEstimator) -> dict[str, Postprocessing]:
        shares = self._probabilities(model)
        return {
            "predict": self._labels(model),
            "decision_function": (Squeeze(),),
            "predict_proba": shares,
            "predict_log_proba": (*shares, Logarithm()),
        }

    def _labels(self, model: BaseEstimator) -> Postprocessing:
        """Take the label of the greatest score, or of one above 0."""
        return class_labels(model.classes_)

    @abstractmethod
    def _probabilities(self, model: BaseEstimator) -> Postprocessing:
        """Make probabilities of raw scores."""


class DetectingEstimator(ScoringEstimator, UnsupervisedEstimator):
    """A detector of outliers; abstract."""

    @_where_served
    def score_samples(self, X: ArrayLike, execute_in_fhe: ExecutionMode | None = None) -> Array:
        """Opposite of the anomaly score, the lower the more abnormal; parameters as in `predict`.

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        return self._computed("score_samples", X, execute_in_fhe)


class ContaminatedEstimator(DetectingEstimator):
    """A detector that is told the share of outliers in training; abstract."""

    def fit(self, X: ArrayLike, y: ArrayLike | None = None, **fit_params: object) -> Self:
        """Fit as all do; the asked share of outliers is one of the quantized scores.

        Returns
        -------
        self
        """
        self.__dict__.pop("offset_", None)
        super().fit(X, y, **fit_params)
        if self.contamination != "auto":
            scores = self.score_samples(X, execute_in_fhe=False)
            self.__dict__["offset_"] = float(np.percentile(scores, 100 * self.contamination))
            fix_postprocessing(self.modules_, self._postprocessing(self.sklearn_model_))
        return self
