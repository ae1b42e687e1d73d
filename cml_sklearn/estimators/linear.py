"""What all linear models share: their raw scores are one linear map."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Self

import numpy as np
from scipy import sparse
from sklearn.base import BaseEstimator
from sklearn.linear_model._base import LinearClassifierMixin
from sklearn.utils.metaestimators import available_if
from typing_extensions import override

from cml_sklearn._typing import FloatArray
from cml_sklearn.convert.hummingbird import linear_map_to_onnx
from cml_sklearn.estimators.base import as_numpy
from cml_sklearn.estimators.conventions import inverse_of
from cml_sklearn.estimators.predictions import (
    DecidingEstimator,
    FheClassifierMixin,
    FheRegressorMixin,
    PredictingEstimator,
)
from cml_sklearn.estimators.watched import WatchedEstimator
from cml_sklearn.onnx.numpy_module import NumpyModule
from cml_sklearn.quantization.post_training import PostTrainingAffineQuantization
from cml_sklearn.quantization.postprocessing import (
    Link,
    Postprocessing,
    Shares,
    Squeeze,
    TwoClasses,
)
from cml_sklearn.quantization.quantized_module import QuantizedModule

if TYPE_CHECKING:
    import onnx

__all__ = [
    "LinearClassifier",
    "LinearEstimator",
    "LinearRegressor",
    "coefficients_of",
    "quantize_linear_map",
    "weights_of",
]


class LinearEstimator(WatchedEstimator):
    """An estimator whose wrapped model has `coef_` and `intercept_`; abstract."""

    _watched = ("coef_", "intercept_")

    @override
    def _weights(self, model: BaseEstimator) -> tuple[FloatArray, FloatArray]:
        return weights_of(model)

    @override
    def _quantize(
        self, model: BaseEstimator, X: FloatArray, sample_weight: FloatArray | None
    ) -> tuple[onnx.ModelProto, dict[str, QuantizedModule]]:
        weights = self._weights(model)
        graph, module = quantize_linear_map(*weights, self.n_bits, X, sample_weight)
        return graph, {self._main_method: module}

    @available_if(lambda self: hasattr(self._wrapped_class, "sparsify"))
    def sparsify(self) -> Self:
        """Make `coef_` a sparse matrix; predictions stay."""
        self.sklearn_model_.sparsify()
        return self

    @available_if(lambda self: hasattr(self._wrapped_class, "densify"))
    def densify(self) -> Self:
        """Make `coef_` an array again."""
        self.sklearn_model_.densify()
        return self


class LinearRegressor(FheRegressorMixin, PredictingEstimator, LinearEstimator):
    """A regressor on raw scores, some with a link; abstract."""

    @override
    def _postprocessing(self, model: BaseEstimator) -> dict[str, Postprocessing]:
        shape: Postprocessing = (Squeeze(),) if model.coef_.ndim == 1 else ()
        loss = getattr(model, "_base_loss", None)
        return {"predict": (*shape, *(inverse_of(loss.link) if loss else ()))}


class LinearClassifier(
    FheClassifierMixin, DecidingEstimator, LinearClassifierMixin, LinearEstimator
):
    """A classifier on raw scores, known to scikit-learn as a linear one; abstract."""

    @override
    def _probabilities(self, model: BaseEstimator) -> Postprocessing:
        """Make probabilities one against the rest, for the classes that have them."""
        return (Link("logit"), TwoClasses() if len(model.classes_) <= 2 else Shares())


def quantize_linear_map(
    coef: FloatArray,
    intercept: FloatArray,
    n_bits: int | Mapping[str, int],
    X: FloatArray,
    sample_weight: FloatArray | None,
) -> tuple[onnx.ModelProto, QuantizedModule]:
    """Convert ``X @ coef.T + intercept`` to ONNX and quantize it."""
    model = linear_map_to_onnx(coef, intercept)
    quantization = PostTrainingAffineQuantization(n_bits)
    return model, quantization.quantize_module(NumpyModule(model), X, sample_weight=sample_weight)


def weights_of(model: BaseEstimator) -> tuple[FloatArray, FloatArray]:
    """Copy a linear model's coefficients (n_outputs, n_features) and intercepts (n_outputs,)."""
    coef = coefficients_of(model)
    intercept = as_numpy(model.intercept_).astype(np.float64)
    return coef, np.broadcast_to(intercept, (len(coef),)).copy()


def coefficients_of(model: BaseEstimator) -> FloatArray:
    """Copy a linear model's coefficients, shape (n_outputs, n_features), which may be sparse."""
    coef = model.coef_.toarray() if sparse.issparse(model.coef_) else as_numpy(model.coef_)
    return np.atleast_2d(coef).astype(np.float64)
