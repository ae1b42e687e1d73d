"""Discriminant analysis: `sklearn.discriminant_analysis` on encrypted data."""

from __future__ import annotations

import numpy as np
import sklearn.discriminant_analysis
from numpy.typing import ArrayLike, NDArray
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin

from cml_sklearn._linear import LinearClassifier, quantize_linear_map
from cml_sklearn._typing import FloatArray
from cml_sklearn.base import as_numpy, like_input
from cml_sklearn.config import ExecutionMode
from cml_sklearn.exceptions import UnsupportedModelError
from cml_sklearn.quantization.quantized_module import QuantizedModule

__all__ = ["LinearDiscriminantAnalysis"]


class LinearDiscriminantAnalysis(
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    LinearClassifier,
    wraps=sklearn.discriminant_analysis.LinearDiscriminantAnalysis,
):
    """Its projection is a linear map with a circuit of its own.

    Attributes
    ----------
    projection_module_ : QuantizedModule or None
        The projection in integers; None where it has no components.
    """

    projection_module_: QuantizedModule | None

    def transform(
        self, X: ArrayLike, execute_in_fhe: ExecutionMode | None = None
    ) -> NDArray[np.float64]:
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
        values = self._checked_input(X)
        if not hasattr(self.sklearn_model_, "scalings_"):
            raise UnsupportedModelError(
                "transform is not implemented for the 'lsqr' solver (use 'svd' or 'eigen')."
            )
        if self.projection_module_ is None:
            return like_input(np.empty((len(values), 0)), X)
        projected = self._run(self.projection_module_, values, execute_in_fhe)
        return like_input(projected, X)

    def _quantize(self, X: FloatArray, sample_weight: FloatArray | None) -> QuantizedModule:
        """Quantize the projection, then the scores."""
        model = self.sklearn_model_
        self.projection_module_ = None
        if hasattr(model, "scalings_") and model._max_components:
            scalings = as_numpy(model.scalings_)[:, : model._max_components]
            centre = as_numpy(model.xbar_) if model.solver == "svd" else np.zeros(len(scalings))
            _, self.projection_module_ = quantize_linear_map(
                scalings.T, -centre @ scalings, self.n_bits, X, sample_weight
            )
        return super()._quantize(X, sample_weight)

    @property
    def _n_features_out(self) -> int:
        """Number of projected features, which scikit-learn names."""
        n_components: int = self.sklearn_model_._max_components
        return n_components
