"""What all linear models share: their raw scores are one linear map."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar, Self, cast

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.linear_model._base import LinearClassifierMixin
from sklearn.utils.metaestimators import available_if
from typing_extensions import override

from cml_sklearn._typing import FloatArray
from cml_sklearn.convert.raw_scores import linear_map_to_onnx
from cml_sklearn.estimators.arrays import as_dense, as_numpy
from cml_sklearn.estimators.base import N_BITS_CONSTRAINT, P_ERROR
from cml_sklearn.estimators.conventions import inverse_of
from cml_sklearn.estimators.partial_fit import rows_with_weight
from cml_sklearn.estimators.predictions import (
    DecidingEstimator,
    FheClassifierMixin,
    FheRegressorMixin,
    PredictingEstimator,
    TransformingEstimator,
)
from cml_sklearn.estimators.watched import WatchedEstimator
from cml_sklearn.estimators.wrapping import OwnParameter
from cml_sklearn.onnx.numpy_module import NumpyModule
from cml_sklearn.quantization.affine import AffineQuantizer
from cml_sklearn.quantization.bit_widths import BitWidths
from cml_sklearn.quantization.decoders import OutputScale
from cml_sklearn.quantization.encoders import GridEncoder
from cml_sklearn.quantization.feature_maps import MappedQuantizer
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
    "LinearTransformer",
    "box_of",
    "coefficients_of",
    "quantize_encoded_map",
    "quantize_linear_map",
    "weights_of",
]

_BIT = AffineQuantizer(np.ones(()), np.zeros((), dtype=np.int64), 1)
"""Codes that are the values 0 and 1 themselves."""

_N_BITS_OF_PROJECTIONS = OwnParameter(
    "n_bits",
    12,
    N_BITS_CONSTRAINT,
    """int or dict, default=12
    Width of the quantized inputs and weights (2 to 16); by role as
    ``{"inputs": 12, "weights": 8}``.""",
)

_STRETCH = 1.5
"""Width of the box in which samples may lie, as a multiple of that of the samples of training."""


class LinearEstimator(WatchedEstimator):
    """An estimator whose raw scores are an affine map; abstract."""

    _watched: ClassVar[tuple[str, ...]] = ("coef_", "intercept_")

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


class LinearTransformer(TransformingEstimator, LinearEstimator):
    """A projection of samples, less a mean where the model has one; abstract."""

    _own_parameters = (_N_BITS_OF_PROJECTIONS, P_ERROR)
    _watched: ClassVar[tuple[str, ...]] = ("components_", "mean_")

    @override
    def _weights(self, model: BaseEstimator) -> tuple[FloatArray, FloatArray]:
        projection = self._projection(model)
        mean = getattr(model, "mean_", None)
        centre = np.zeros(projection.shape[1]) if mean is None else as_numpy(mean)
        return projection, -projection @ centre

    @override
    def _quantize(
        self, model: BaseEstimator, X: FloatArray, sample_weight: FloatArray | None
    ) -> tuple[onnx.ModelProto, dict[str, QuantizedModule]]:
        middle, reach = box_of(X, sample_weight)
        n_bits = BitWidths.resolve(self.n_bits).inputs
        quantizer = AffineQuantizer.from_range(middle - reach, middle + reach, n_bits)
        graph, module = quantize_linear_map(
            *self._weights(model), self.n_bits, X, sample_weight, quantizer=quantizer
        )
        return graph, {"transform": module}

    @override
    def _postprocessing(self, model: BaseEstimator) -> dict[str, Postprocessing]:
        return {"transform": ()}

    def _projection(self, model: BaseEstimator) -> FloatArray:
        """Copy the matrix of shape (n_components, n_features) that samples are multiplied by."""
        return as_dense(model.components_)


def quantize_linear_map(
    coef: FloatArray,
    intercept: FloatArray,
    n_bits: int | Mapping[str, int],
    X: FloatArray,
    sample_weight: FloatArray | None,
    *,
    quantizer: AffineQuantizer | None = None,
) -> tuple[onnx.ModelProto, QuantizedModule]:
    """Convert ``X @ coef.T + intercept`` to ONNX and quantize it; None: with codes by X."""
    model = linear_map_to_onnx(coef, intercept)
    module = PostTrainingAffineQuantization(n_bits).quantize_module(
        NumpyModule(model),
        X,
        sample_weight=sample_weight,
        input_quantizers=None if quantizer is None else (quantizer,),
    )
    return model, module


def quantize_encoded_map(
    coef: FloatArray,
    intercept: FloatArray,
    encoder: MappedQuantizer | GridEncoder,
    n_bits: int | Mapping[str, int],
    X: FloatArray,
    *,
    sample_weight: FloatArray | None,
) -> tuple[onnx.ModelProto, QuantizedModule]:
    """Do so for what an encoder makes of X before encryption: products, or bits.

    The intercept is a number of steps of the output, which are wide where features are bits. What
    this rounds away is added after decryption.
    """
    if isinstance(encoder, MappedQuantizer):
        quantizer, terms = encoder.quantizer, encoder.features(X)
    else:
        quantizer, terms = _BIT, encoder.quantize(X).astype(np.float64)
    graph, module = quantize_linear_map(
        coef, intercept, n_bits, terms, sample_weight, quantizer=quantizer
    )
    (decoder,) = cast("tuple[OutputScale]", module.output_scales)
    lost = terms @ coef.T + intercept - module.forward(terms)
    rest = np.average(lost, axis=0, weights=sample_weight)
    exact = replace(decoder, offset=decoder.offset + rest)
    return graph, QuantizedModule(module.program, (encoder,), (exact,), module.tail)


def box_of(X: FloatArray, sample_weight: FloatArray | None) -> tuple[FloatArray, FloatArray]:
    """Middle of each feature's range, and how far from it samples are told apart.

    Returns
    -------
    middle, reach : ndarray of shape (n_features,)
    """
    rows = rows_with_weight(X, sample_weight)
    low, high = rows.min(axis=0) / 2, rows.max(axis=0) / 2  # halves can't overflow
    return low + high, _STRETCH * (high - low)


def weights_of(model: BaseEstimator) -> tuple[FloatArray, FloatArray]:
    """Copy a linear model's coefficients (n_outputs, n_features) and intercepts (n_outputs,)."""
    coef = coefficients_of(model)
    intercept = as_numpy(model.intercept_).astype(np.float64)
    return coef, np.broadcast_to(intercept, (len(coef),)).copy()


def coefficients_of(model: BaseEstimator) -> FloatArray:
    """Copy a linear model's coefficients, shape (n_outputs, n_features)."""
    return np.atleast_2d(as_dense(model.coef_))
