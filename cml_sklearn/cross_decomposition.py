"""Partial least squares: `sklearn.cross_decomposition` on encrypted data."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import sklearn.cross_decomposition
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from typing_extensions import override

from cml_sklearn._typing import Array, FloatArray
from cml_sklearn.config import ExecutionMode, resolve_mode
from cml_sklearn.estimators.arrays import as_numpy
from cml_sklearn.estimators.linear import (
    LinearEstimator,
    LinearRegressor,
    LinearTransformer,
    quantize_linear_map,
    weights_of,
)
from cml_sklearn.estimators.predictions import TransformingEstimator
from cml_sklearn.exceptions import UnsupportedModelError
from cml_sklearn.quantization.postprocessing import Postprocessing, Squeeze
from cml_sklearn.quantization.quantized_module import QuantizedModule

if TYPE_CHECKING:
    import onnx

__all__ = ["CCA", "PLSSVD", "PLSCanonical", "PLSRegression"]


def __dir__() -> list[str]:
    return __all__


class _PairedScores(TransformingEstimator, LinearEstimator):
    """Scores of samples, and of targets beside them; abstract."""

    @override
    def transform(  # type: ignore[override]
        self, X: ArrayLike, y: ArrayLike | None = None, execute_in_fhe: ExecutionMode | None = None
    ) -> Array | tuple[Array, Array]:
        """Compute the scores of samples, and of targets, which stay in the clear.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_targets), optional
            Only in the clear: its scores come from the float model.
        execute_in_fhe : bool or "simulate", default=None
            As in `predict`.

        Returns
        -------
        ndarray of shape (n_samples, n_components), or with `y` two of them

        Raises
        ------
        UnsupportedModelError
            Encrypted, with `y`.
        """
        if y is not None and resolve_mode(execute_in_fhe):
            raise UnsupportedModelError(
                "Scores of y are computed in the clear only; leave y out under encryption."
            )
        scores = super().transform(X, execute_in_fhe)
        return scores if y is None else (scores, self.sklearn_model_.transform(X, y)[1])

    def fit_transform(self, X: ArrayLike, y: ArrayLike | None = None) -> tuple[Array, Array]:
        """Fit, and compute the scores of samples and targets in the clear."""
        x_scores, y_scores = self.fit(X, y).transform(X, y, execute_in_fhe=False)
        return x_scores, y_scores


class PLSSVD(_PairedScores, LinearTransformer, wraps=sklearn.cross_decomposition.PLSSVD):
    _watched = ("x_weights_",)

    @override
    def _weights(self, model: BaseEstimator) -> tuple[FloatArray, FloatArray]:
        return _scores_of(model, model.x_weights_)


class _LatentSpace(LinearRegressor, _PairedScores):
    """A regression by way of scores of X, which are a linear map of their own; abstract."""

    _main_method = "predict"

    @override
    def _weights(self, model: BaseEstimator) -> tuple[FloatArray, FloatArray]:
        coef, intercept = weights_of(model)
        return coef, intercept - coef @ model._x_mean

    @override
    def _quantize(
        self, model: BaseEstimator, X: FloatArray, sample_weight: FloatArray | None
    ) -> tuple[onnx.ModelProto, dict[str, QuantizedModule]]:
        graph, modules = super()._quantize(model, X, sample_weight)
        _, modules["transform"] = quantize_linear_map(
            *_scores_of(model, model.x_rotations_), self.n_bits, X, sample_weight
        )
        return graph, modules

    @override
    def _postprocessing(self, model: BaseEstimator) -> dict[str, Postprocessing]:
        shape: Postprocessing = (Squeeze(),) if model._predict_1d else ()
        return {"predict": shape, "transform": ()}


class PLSRegression(_LatentSpace, wraps=sklearn.cross_decomposition.PLSRegression): ...


class PLSCanonical(_LatentSpace, wraps=sklearn.cross_decomposition.PLSCanonical): ...


class CCA(_LatentSpace, wraps=sklearn.cross_decomposition.CCA): ...


def _scores_of(model: BaseEstimator, rotations: Array) -> tuple[FloatArray, FloatArray]:
    """Weights and offsets of scores, by rotations (n_features, n_components) of scaled samples."""
    weights = (as_numpy(rotations) / model._x_std[:, None]).T.astype(np.float64)
    return weights, -weights @ model._x_mean
