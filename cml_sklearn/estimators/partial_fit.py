"""Training on batches: `partial_fit`, with ranges that hold for all batches."""

from __future__ import annotations

from typing import Self

import numpy as np
from numpy.typing import ArrayLike

from cml_sklearn._typing import FloatArray
from cml_sklearn.estimators.base import FheEstimator, as_dense

__all__ = ["CalibratedOnBatches", "PartialFitMixin"]

_KEPT_ROWS = 10_000
"""Rows of earlier batches that are kept for calibration."""


class CalibratedOnBatches(FheEstimator):
    """Keeps rows of all batches, on which the quantized ranges are fixed; abstract."""

    _calibration: FloatArray

    def _kept_rows(self, X: FloatArray) -> FloatArray:
        """Rows of earlier batches and of this one."""
        earlier = self.__dict__.get("_calibration", X[:0])
        self._calibration = np.concatenate([earlier, X])[-_KEPT_ROWS:]
        return self._calibration

    def _forget_rows(self) -> None:
        """Start anew."""
        self.__dict__.pop("_calibration", None)


class PartialFitMixin(CalibratedOnBatches):
    """`partial_fit` for wrapped models that have it; the quantized ranges grow with the data."""

    def fit(self, X: ArrayLike, y: ArrayLike, **fit_params: object) -> Self:
        """Train anew; see `FheEstimator.fit`."""
        self._forget_rows()
        return super().fit(X, y, **fit_params)

    def partial_fit(self, X: ArrayLike, y: ArrayLike, *args: object, **kwargs: object) -> Self:
        """Train further on a batch, then quantize anew; forgets an earlier circuit.

        Parameters are those of the wrapped class's `partial_fit`.

        Returns
        -------
        self
        """
        self._validate_params()
        model = self.__dict__.get("sklearn_model_", self._make_wrapped())
        model.partial_fit(X, y, *args, **kwargs)
        return self._adopt(model, self._kept_rows(as_dense(X)))
