"""Discriminant analysis: `sklearn.discriminant_analysis` on encrypted data."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import sklearn.discriminant_analysis
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted
from typing_extensions import override

from cml_sklearn._typing import Array, FloatArray
from cml_sklearn.config import ExecutionMode
from cml_sklearn.estimators.arrays import as_numpy, like_input
from cml_sklearn.estimators.conventions import discriminants
from cml_sklearn.estimators.linear import LinearClassifier, quantize_linear_map
from cml_sklearn.estimators.predictions import (
    FheClassifierMixin,
    ProbabilisticEstimator,
    ScoringEstimator,
)
from cml_sklearn.estimators.quadratic import QuadraticEstimator, QuadraticForms
from cml_sklearn.exceptions import UnsupportedModelError
from cml_sklearn.quantization.postprocessing import (
    Link,
    Logarithm,
    Postprocessing,
    Softmax,
    TwoClasses,
)
from cml_sklearn.quantization.quantized_module import QuantizedModule

if TYPE_CHECKING:
    import onnx

__all__ = ["LinearDiscriminantAnalysis", "QuadraticDiscriminantAnalysis"]


def __dir__() -> list[str]:
    return __all__


class LinearDiscriminantAnalysis(
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    LinearClassifier,
    wraps=sklearn.discriminant_analysis.LinearDiscriminantAnalysis,
):
    """Its projection is a linear map with a module of its own, where there is one."""

    def transform(self, X: ArrayLike, execute_in_fhe: ExecutionMode | None = None) -> Array:
        """Project to maximize class separation.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        execute_in_fhe : bool or "simulate", default=None
            As in `predict`.

        Returns
        -------
        ndarray of shape (n_samples, n_components)
        """
        check_is_fitted(self)
        if "transform" in self.modules_:
            projected: Array = self._computed("transform", X, execute_in_fhe)
            return projected
        if self.solver == "lsqr":
            raise UnsupportedModelError(
                "transform is not implemented for the 'lsqr' solver (use 'svd' or 'eigen')."
            )
        return like_input(np.empty((len(self._checked_input(X)), 0)), X)

    @override
    def _quantize(
        self, model: BaseEstimator, X: FloatArray, sample_weight: FloatArray | None
    ) -> tuple[onnx.ModelProto, dict[str, QuantizedModule]]:
        graph, modules = super()._quantize(model, X, sample_weight)
        if _n_components(model):
            scalings = as_numpy(model.scalings_)[:, : model._max_components]
            centre = as_numpy(model.xbar_) if model.solver == "svd" else np.zeros(len(scalings))
            _, modules["transform"] = quantize_linear_map(
                scalings.T, -centre @ scalings, self.n_bits, X, sample_weight
            )
        return graph, modules

    @override
    def _postprocessing(self, model: BaseEstimator) -> dict[str, Postprocessing]:
        steps = super()._postprocessing(model)
        of_zero = float(np.finfo(np.float64).smallest_normal)
        steps["predict_log_proba"] = (*steps["predict_proba"], Logarithm(of_zero))
        return {**steps, "transform": ()} if _n_components(model) else steps

    @override
    def _probabilities(self, model: BaseEstimator) -> Postprocessing:
        return (Link("logit"), TwoClasses()) if len(model.classes_) == 2 else (Softmax(),)

    @property
    def _n_features_out(self) -> int:
        """Number of projected features, which scikit-learn names."""
        n_components: int = self.sklearn_model_._max_components
        return n_components


class QuadraticDiscriminantAnalysis(
    FheClassifierMixin,
    ProbabilisticEstimator,
    ScoringEstimator,
    QuadraticEstimator,
    wraps=sklearn.discriminant_analysis.QuadraticDiscriminantAnalysis,
):
    """Of two classes it needs the difference of the likelihoods only."""

    @override
    def _forms(self, model: BaseEstimator, origin: FloatArray) -> QuadraticForms:
        pairs = zip(model.rotations_, model.scalings_, strict=True)
        precision = np.stack([axes / scale @ axes.T for axes, scale in pairs])
        volume = np.array([np.log(scale).sum() for scale in model.scalings_])
        logs = np.log(model.priors_) - 0.5 * volume
        forms = QuadraticForms.distances(precision, model.means_ - origin).scaled(-0.5, logs)
        return forms.difference() if len(logs) == 2 else forms

    @override
    def _postprocessing(self, model: BaseEstimator) -> dict[str, Postprocessing]:
        return discriminants(model.classes_)


def _n_components(model: BaseEstimator) -> int:
    """Columns of the projection; there may be none."""
    if not hasattr(model, "scalings_"):
        return 0
    return min(model.scalings_.shape[1], model._max_components)
