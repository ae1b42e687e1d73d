"""Training on batches: `partial_fit`, with ranges that hold for all batches."""

from __future__ import annotations

import copy
from typing import Self, cast

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from typing_extensions import override

from cml_sklearn._typing import FloatArray, IntArray
from cml_sklearn.estimators.arrays import as_dense, as_numpy
from cml_sklearn.estimators.base import FheEstimator
from cml_sklearn.quantization.ranges import random_rows

__all__ = ["CalibratedOnBatches", "PartialFitMixin", "rows_with_weight"]

_KEPT_ROWS = 10_000
"""Rows of earlier batches that are kept for calibration, beside those of extreme values."""


class CalibratedOnBatches(FheEstimator):
    """Keeps rows of `fit` and of all batches, on which the ranges are fixed; abstract."""

    _calibration: tuple[FloatArray, ...]

    def _with_earlier_rows(self, X: FloatArray) -> FloatArray:
        """Rows of earlier batches and of this one."""
        return np.concatenate([*vars(self).get("_calibration", ()), X])

    def _keep_rows(self, X: FloatArray) -> None:
        """Keep rows for batches that follow, in place of those kept so far."""
        self._calibration = (X[_spread(X)] if len(X) > _KEPT_ROWS else X,)


class PartialFitMixin(CalibratedOnBatches):
    """`partial_fit` for wrapped models that have it; the quantized ranges grow with the data."""

    def partial_fit(self, X: ArrayLike, y: ArrayLike | None = None, **fit_params: object) -> Self:
        """Train further on a batch, then quantize anew; forgets an earlier circuit.

        Parameters are those of the wrapped class's `partial_fit`. The ranges hold for the samples
        of `fit`, too, and for those that `from_sklearn_model` was given.

        Returns
        -------
        self
        """
        self._check_can_go_on()
        self._validate_params()
        model = self._model_to_train_on()
        model.partial_fit(X, y, **fit_params)
        batch = rows_with_weight(as_dense(X), fit_params.get("sample_weight"))
        return self._adopt(model, self._with_earlier_rows(batch))

    def _model_to_train_on(self) -> BaseEstimator:
        """Copy the fitted model, or make one, with the parameters that hold now.

        A copy: what fails or is interrupted leaves this estimator as it was.
        """
        made = self._make_wrapped()
        fitted = copy.deepcopy(vars(self).get("sklearn_model_", made))
        return cast("BaseEstimator", fitted.set_params(**made.get_params(deep=False)))

    @override
    def _adopt(
        self, model: BaseEstimator, X: FloatArray, sample_weight: ArrayLike | None = None
    ) -> Self:
        self._keep_rows(rows_with_weight(X, sample_weight))
        return super()._adopt(model, X, sample_weight)


def rows_with_weight(X: FloatArray, sample_weight: object) -> FloatArray:
    """Rows of a positive weight, or all if there is none."""
    if sample_weight is None:
        return X
    rows = np.broadcast_to(as_numpy(cast("ArrayLike", sample_weight)) > 0, len(X))
    return X[rows] if rows.any() else X


def _spread(X: FloatArray) -> IntArray:
    """Random rows, the same for the same data, and those that hold a feature's extremes."""
    chosen = random_rows(len(X), _KEPT_ROWS)
    flat = X.reshape(len(X), -1)
    rows: IntArray = np.unique(np.concatenate([chosen, flat.argmin(axis=0), flat.argmax(axis=0)]))
    return rows
