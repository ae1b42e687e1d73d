"""Kernel machines whose kernel is a polynomial of degree 1 or 2, or Gaussian."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from numbers import Integral
from typing import TYPE_CHECKING

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils._param_validation import Interval
from typing_extensions import override

from cml_sklearn._typing import FloatArray
from cml_sklearn.convert.distances import kernel_sum_to_onnx
from cml_sklearn.distances.kernels import KernelSum, quantize_kernel_sum
from cml_sklearn.estimators.base import N_BITS_CONSTRAINT, P_ERROR
from cml_sklearn.estimators.quadratic import QuadraticEstimator, QuadraticForms
from cml_sklearn.estimators.wrapping import OwnParameter
from cml_sklearn.exceptions import UnsupportedModelError
from cml_sklearn.quantization.quantized_module import QuantizedModule

if TYPE_CHECKING:
    import onnx

__all__ = ["KernelEstimator"]

_DEGREES = (1, 2)

_N_BITS = OwnParameter(
    "n_bits",
    16,
    N_BITS_CONSTRAINT,
    """int or dict, default=16
    Width of the quantized inputs and weights (2 to 16); by role as
    ``{"inputs": 16, "weights": 12}``. Products of features have wide ranges and need more
    bits than features, which costs nothing but longer ciphertexts. With ``kernel="rbf"``
    squared distances have twice the bits of inputs, at most 14, and weights of several outputs
    at most 5.""",
)

_ROUNDING_BITS = OwnParameter(
    "rounding_bits",
    6,
    (Interval(Integral, 2, 8, closed="both"),),
    """int, default=6
    Bits of a distance that a lookup looks at, with ``kernel="rbf"``; they make the cost, a bit
    less saves more than half. Rounding may be off by one near ties.""",
)


class KernelEstimator(QuadraticEstimator):
    """A sum of kernels with samples of training; abstract.

    Of a polynomial it is written out as a quadratic form; of a Gaussian it takes a lookup each.
    """

    _own_parameters = (_N_BITS, P_ERROR, _ROUNDING_BITS)
    _most_far = 50.0

    n_bits: int | Mapping[str, int]
    rounding_bits: int

    @abstractmethod
    def _expansion(self, model: BaseEstimator) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Read weights (n_outputs, n_vectors), vectors (n_vectors, n_features) and intercepts."""

    @abstractmethod
    def _gamma(self, model: BaseEstimator) -> float:
        """Read the factor of inner products or distances in a kernel."""

    @override
    def _validate_params(self) -> None:
        super()._validate_params()
        is_polynomial = self.kernel in ("poly", "polynomial")
        if self.kernel not in ("linear", "rbf") and not (is_polynomial and self.degree in _DEGREES):
            degree = f", degree={self.degree!r}" if is_polynomial else ""
            raise UnsupportedModelError(
                f"{type(self).__name__} got kernel={self.kernel!r}{degree}, whose sum over samples "
                "of training has no short form in products of features, and is no function of "
                "distances. Use kernel='linear', the polynomial kernel with degree=2, or "
                "kernel='rbf'."
            )

    @override
    def _quantize(
        self, model: BaseEstimator, X: FloatArray, sample_weight: FloatArray | None
    ) -> tuple[onnx.ModelProto, dict[str, QuantizedModule]]:
        if model.kernel != "rbf":
            return super()._quantize(model, X, sample_weight)
        dual, vectors, constant = self._expansion(model)
        kernels = KernelSum(vectors, self._gamma(model), dual.T, constant)
        module = quantize_kernel_sum(kernels, self.n_bits, self.rounding_bits, X, sample_weight)
        graph = kernel_sum_to_onnx(kernels.points, kernels.gamma, kernels.weights, constant)
        return graph, {self._main_method: module}

    @override
    def _check_circuit(self, module: QuantizedModule, X: FloatArray) -> None:
        """Compare simulation and clear integers, unless lookups round approximately."""
        if not module.program.n_lookups:
            super()._check_circuit(module, X)

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
