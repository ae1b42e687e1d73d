"""Kernel machines whose kernel is a polynomial of degree 1 or 2."""

from __future__ import annotations

from abc import abstractmethod

import numpy as np
from sklearn.base import BaseEstimator
from typing_extensions import override

from cml_sklearn._typing import FloatArray
from cml_sklearn.estimators.quadratic import QuadraticEstimator, QuadraticForms
from cml_sklearn.exceptions import UnsupportedModelError

__all__ = ["KernelEstimator"]

_DEGREES = (1, 2)


class KernelEstimator(QuadraticEstimator):
    """A sum of kernels with samples of training, written out as a quadratic form; abstract."""

    @abstractmethod
    def _expansion(self, model: BaseEstimator) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Read weights (n_outputs, n_vectors), vectors (n_vectors, n_features) and intercepts."""

    @abstractmethod
    def _gamma(self, model: BaseEstimator) -> float:
        """Read the factor of inner products in a polynomial kernel."""

    @override
    def _validate_params(self) -> None:
        super()._validate_params()
        is_polynomial = self.kernel in ("poly", "polynomial")
        if self.kernel != "linear" and not (is_polynomial and self.degree in _DEGREES):
            degree = f", degree={self.degree!r}" if is_polynomial else ""
            raise UnsupportedModelError(
                f"{type(self).__name__} got kernel={self.kernel!r}{degree}, whose sum over samples "
                "of training has no short form in products of features. Use kernel='linear', or "
                "the polynomial kernel with degree=2."
            )

    @override
    def _forms(self, model: BaseEstimator, origin: FloatArray) -> QuadraticForms:
        dual, vectors, constant = self._expansion(model)
        n_features, at_origin = vectors.shape[1], vectors @ origin
        if model.kernel == "linear":
            square = np.zeros((len(dual), n_features, n_features))
            return QuadraticForms(square, dual @ vectors, dual @ at_origin + constant)
        gamma = self._gamma(model)
        # the kernel is (slopes @ d + values) ** degree, with d = x - origin
        slopes, values = gamma * vectors, gamma * at_origin + model.coef0
        if model.degree == 1:
            square = np.zeros((len(dual), n_features, n_features))
            return QuadraticForms(square, dual @ slopes, dual @ values + constant)
        square = np.einsum("kv,vi,vj->kij", dual, slopes, slopes, optimize=True)
        return QuadraticForms(square, 2 * (dual * values) @ slopes, dual @ values**2 + constant)
