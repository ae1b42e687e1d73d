"""Writes to a float model after `fit`, which its integers don't follow."""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from typing_extensions import override

from cml_sklearn._typing import FloatArray
from cml_sklearn.estimators.base import FheEstimator
from cml_sklearn.exceptions import InvalidInputError
from cml_sklearn.quantization.quantized_module import QuantizedModule

if TYPE_CHECKING:
    import onnx

__all__ = ["WatchedEstimator"]


class WatchedEstimator(FheEstimator):
    """An estimator that refuses to predict when its model's weights were written; abstract."""

    _watched: ClassVar[tuple[str, ...]]
    _quantized_from: tuple[FloatArray, ...]

    @abstractmethod
    def _weights(self, model: BaseEstimator) -> tuple[FloatArray, ...]:
        """Copy a fitted model's weights, which tell later whether they were written."""

    @override
    def _adopt_modules(
        self,
        model: BaseEstimator,
        onnx_model: onnx.ModelProto,
        modules: dict[str, QuantizedModule],
    ) -> Self:
        self._quantized_from = self._weights(model)
        return super()._adopt_modules(model, onnx_model, modules)

    @override
    def _checked_input(self, X: ArrayLike) -> FloatArray:
        """Validate X, and that the weights are still those of the integers.

        That is all the float model is read for: an estimator whose model was taken away predicts.
        """
        values = super()._checked_input(X)
        model = vars(self).get("sklearn_model_")
        if hasattr(model, self._watched[0]) and not all(
            map(np.array_equal, self._weights(model), self._quantized_from)
        ):
            raise InvalidInputError(
                f"{' or '.join(self._watched)} of sklearn_model_ were written after fit, which the "
                "integers don't follow; take the model over by "
                f"{type(self).__name__}.from_sklearn_model."
            )
        return values
