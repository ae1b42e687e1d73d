"""Neural networks: `sklearn.neural_network` on encrypted data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Self

import numpy as np
import sklearn.neural_network
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from sklearn.utils import Tags
from sklearn.utils.multiclass import (
    _check_partial_fit_first_call,
    check_classification_targets,
)
from typing_extensions import override

from cml_sklearn._typing import Array, FloatArray, IntArray
from cml_sklearn.estimators.arrays import as_dense, as_numpy
from cml_sklearn.estimators.conventions import Outputs, binarized_labels
from cml_sklearn.estimators.linear import LinearTransformer
from cml_sklearn.estimators.networks import MultilayerPerceptron, out_activation
from cml_sklearn.estimators.partial_fit import PartialFitMixin
from cml_sklearn.estimators.predictions import (
    FheClassifierMixin,
    FheRegressorMixin,
    ProbabilisticEstimator,
)
from cml_sklearn.estimators.skorch import NeuralNet
from cml_sklearn.estimators.width_search import search_widths
from cml_sklearn.exceptions import InvalidInputError
from cml_sklearn.quantization.postprocessing import (
    Argmax,
    Labels,
    Link,
    Logarithm,
    Postprocessing,
    Softmax,
    Squeeze,
    TwoClasses,
)

__all__ = [
    "BernoulliRBM",
    "MLPClassifier",
    "MLPRegressor",
    "NeuralNetClassifier",
    "NeuralNetRegressor",
    "search_widths",
]


def __dir__() -> list[str]:
    return __all__


class BernoulliRBM(PartialFitMixin, LinearTransformer, wraps=sklearn.neural_network.BernoulliRBM):
    """Its hidden units are sigmoids of an affine map, which the client computes."""

    _watched = ("components_", "intercept_hidden_")

    @override
    def _weights(self, model: BaseEstimator) -> tuple[FloatArray, FloatArray]:
        offsets = as_numpy(model.intercept_hidden_).astype(np.float64)
        return self._projection(model), offsets

    @override
    def _postprocessing(self, model: BaseEstimator) -> dict[str, Postprocessing]:
        return {"transform": (Link("logit"),)}


class MLPClassifier(
    FheClassifierMixin,
    ProbabilisticEstimator,
    MultilayerPerceptron,
    wraps=sklearn.neural_network.MLPClassifier,
):
    """See `sklearn.neural_network.MLPClassifier`."""

    @override
    def _postprocessing(self, model: BaseEstimator) -> dict[str, Postprocessing]:
        activation = out_activation(model)
        shares = (*activation, TwoClasses())
        return {
            "predict": (*activation, *binarized_labels(model._label_binarizer, 0.5)),
            "predict_proba": shares,
            "predict_log_proba": (*shares, Logarithm()),
        }


class MLPRegressor(
    FheRegressorMixin, MultilayerPerceptron, wraps=sklearn.neural_network.MLPRegressor
):
    """See `sklearn.neural_network.MLPRegressor`."""

    @override
    def _postprocessing(self, model: BaseEstimator) -> dict[str, Postprocessing]:
        return {"predict": (*out_activation(model), Squeeze())}


class NeuralNetClassifier(FheClassifierMixin, ProbabilisticEstimator, NeuralNet):
    """A classifier by a skorch net."""

    _wrapped_class = sklearn.neural_network.MLPClassifier

    classes_: Array

    def partial_fit(
        self, X: ArrayLike, y: ArrayLike, classes: ArrayLike | None = None, **fit_params: object
    ) -> Self:
        """Train for `max_epochs` more on a batch, then quantize anew; forgets an earlier circuit.

        The ranges of the integers are fixed on all batches, those of `fit` among them; of many
        samples, on 10,000 and those of extreme values.

        Parameters
        ----------
        X, y, **fit_params
            See `fit`.
        classes : array-like of shape (n_classes,), optional
            All labels that will come; needed in the first call.

        Returns
        -------
        self
        """
        _check_partial_fit_first_call(self, classes)
        return self._continue(X, y, fit_params)

    @override
    def _postprocessing(self, model: BaseEstimator) -> dict[str, Postprocessing]:
        shares = self._probabilities()
        return {
            "predict": (*shares, Argmax(), Labels.of(self.classes_)),
            "predict_proba": shares,
            "predict_log_proba": (*shares, Logarithm()),
        }

    def _probabilities(self) -> Postprocessing:
        """Do what `_nonlinearity` does."""
        if len(self.classes_) == 1:
            return (Softmax(),)
        return () if self._gives_probabilities else (TwoClasses(0.0, 0.0), Softmax())

    @override
    def _checked_pair(self, X: ArrayLike, y: ArrayLike, *, reset: bool) -> tuple[FloatArray, Array]:
        values, labels = self._checked_arrays(X, y, reset=reset)
        check_classification_targets(labels)
        if "classes_" not in vars(self):
            self.classes_ = np.unique(labels)
        self.n_outputs_ = 1 if len(self.classes_) == 2 else len(self.classes_)
        return as_dense(values), _codes_of(labels, self.classes_)

    @override
    def _skorch_class(self) -> type:
        from cml_sklearn.estimators.perceptron import ClassifierNet

        return ClassifierNet

    @override
    def _default_criterion(self) -> type:
        from cml_sklearn.estimators.perceptron import LogitsLoss

        return LogitsLoss

    @override
    def _net_options(self) -> dict[str, object]:
        return {
            "classes": np.arange(len(self.classes_)),
            "predict_nonlinearity": self._nonlinearity(),
        }

    @override
    def _outputs(self, model: BaseEstimator) -> Outputs:
        return "logits" if self.n_outputs_ > 1 else "logits by column"

    def _nonlinearity(self) -> Callable[[Any], Any]:
        """Map the module's outputs to probabilities; with `NLLLoss` they are, as in skorch."""
        from cml_sklearn.estimators.perceptron import identity, probabilities

        return identity if self._gives_probabilities else probabilities

    @property
    def _gives_probabilities(self) -> bool:
        """Whether the loss is of probabilities, so that the module's outputs are some."""
        from torch.nn import NLLLoss

        return isinstance(self.criterion, type) and issubclass(self.criterion, NLLLoss)

    @override
    def _criterion(self) -> Callable[..., object]:
        from torch.nn import BCELoss, BCEWithLogitsLoss

        from cml_sklearn.estimators.perceptron import OneLogitLoss

        criterion = super()._criterion()
        if criterion is BCELoss:
            raise InvalidInputError(
                "criterion is BCELoss, which takes probabilities of a sigmoid; leave the module's "
                "last sigmoid out, and use BCEWithLogitsLoss or the default."
            )
        if criterion is not BCEWithLogitsLoss:
            return criterion
        if len(self.classes_) > 2:
            raise InvalidInputError(
                f"criterion is BCEWithLogitsLoss, which is for two classes, but y has "
                f"{len(self.classes_)}; use the default, or CrossEntropyLoss."
            )
        return OneLogitLoss


class NeuralNetRegressor(FheRegressorMixin, NeuralNet):
    """A regressor by a skorch net."""

    _wrapped_class = sklearn.neural_network.MLPRegressor
    _flat: bool

    def partial_fit(self, X: ArrayLike, y: ArrayLike, **fit_params: object) -> Self:
        """Train for `max_epochs` more on a batch, then quantize anew; forgets an earlier circuit.

        Parameters are those of `fit`. The ranges of the integers are fixed on all batches, those
        of `fit` among them; of many samples, on 10,000 and those of extreme values.

        Returns
        -------
        self
        """
        return self._continue(X, y, fit_params)

    @override
    def _outputs(self, model: BaseEstimator) -> Outputs:
        return "values"

    @override
    def _postprocessing(self, model: BaseEstimator) -> dict[str, Postprocessing]:
        return {"predict": (Squeeze(),) if self._flat else ()}

    def __sklearn_tags__(self) -> Tags:
        """Tags; several targets are taken."""
        tags: Tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    @override
    def _checked_pair(self, X: ArrayLike, y: ArrayLike, *, reset: bool) -> tuple[FloatArray, Array]:
        values, y = self._checked_arrays(X, y, reset=reset, multi_output=True, y_numeric=True)
        targets = np.asarray(y, dtype=np.float32)
        self._flat = targets.ndim == 1
        targets = targets.reshape(len(targets), -1)
        if not reset and targets.shape[1] != self.n_outputs_:
            raise InvalidInputError(
                f"y has {targets.shape[1]} targets, but the net was made for {self.n_outputs_}; "
                "give as many in every call of partial_fit."
            )
        self.n_outputs_ = targets.shape[1]
        return as_dense(values), targets

    @override
    def _skorch_class(self) -> type:
        from cml_sklearn.estimators.perceptron import RegressorNet

        return RegressorNet

    @override
    def _default_criterion(self) -> type:
        from torch.nn import MSELoss

        return MSELoss


def _codes_of(labels: Array, classes: Array) -> IntArray:
    """Positions of labels in the classes."""
    unknown = np.setdiff1d(labels, classes)
    if len(unknown):
        raise InvalidInputError(
            f"y has the labels {unknown.tolist()}, which are not among the classes "
            f"{classes.tolist()}; give all labels as `classes` in the first call of partial_fit."
        )
    return np.searchsorted(classes, labels).astype(np.int64)
