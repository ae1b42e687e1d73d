"""Models whose raw scores are quadratic functions of the features.

The client multiplies features before encryption, so the encrypted program is an affine map.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, ClassVar, Self

import numpy as np
from sklearn.base import BaseEstimator
from typing_extensions import override

from cml_sklearn._typing import FloatArray, IntArray
from cml_sklearn.estimators.base import N_BITS_CONSTRAINT, P_ERROR, FheEstimator
from cml_sklearn.estimators.linear import box_of, quantize_encoded_map
from cml_sklearn.estimators.wrapping import OwnParameter
from cml_sklearn.exceptions import UnsupportedModelError
from cml_sklearn.quantization.bit_widths import BitWidths
from cml_sklearn.quantization.feature_maps import MappedQuantizer, Monomials
from cml_sklearn.quantization.quantized_module import QuantizedModule

if TYPE_CHECKING:
    import onnx

__all__ = [
    "N_BITS_OF_PRODUCTS",
    "QuadraticEstimator",
    "QuadraticForms",
    "nearness",
    "quantize_quadratic",
]

N_BITS_OF_PRODUCTS = OwnParameter(
    "n_bits",
    16,
    N_BITS_CONSTRAINT,
    """int or dict, default=16
    Width of the quantized inputs and weights (2 to 16); by role as
    ``{"inputs": 16, "weights": 12}``. Products of features have wide ranges and need more
    bits than features, which costs nothing but longer ciphertexts.""",
)

_MOST_TERMS = 4096
"""Features and products that a sample may become: 89 features with all their products."""


@dataclass(frozen=True)
class QuadraticForms:
    """Functions ``d' A d + b' d + c`` of ``d = x - origin``.

    Parameters
    ----------
    square : ndarray of shape (n_outputs, n_features, n_features)
        A.
    linear : ndarray of shape (n_outputs, n_features)
        b.
    constant : ndarray of shape (n_outputs,)
        c.
    """

    square: FloatArray
    linear: FloatArray
    constant: FloatArray

    @classmethod
    def distances(cls, precision: FloatArray, centre: FloatArray) -> Self:
        """Squared distances ``(d - m)' P (d - m)``.

        Parameters
        ----------
        precision : ndarray of shape (n_outputs, n_features, n_features)
            P, symmetric.
        centre : ndarray of shape (n_outputs, n_features)
            m, as seen from the origin.
        """
        weighted = np.einsum("kij,kj->ki", precision, centre)
        return cls(precision, -2 * weighted, (weighted * centre).sum(axis=1))

    def scaled(self, factor: float, constant: FloatArray) -> Self:
        """Multiply by a factor, then add a constant of each."""
        square, linear = factor * self.square, factor * self.linear
        return replace(
            self, square=square, linear=linear, constant=factor * self.constant + constant
        )

    def difference(self) -> Self:
        """Second one minus first one, for two classes."""
        return type(self)(
            np.diff(self.square, axis=0), np.diff(self.linear, axis=0), np.diff(self.constant)
        )


class QuadraticEstimator(FheEstimator):
    """An estimator whose raw scores are quadratic forms; abstract."""

    _own_parameters: ClassVar[tuple[OwnParameter, ...]] = (N_BITS_OF_PRODUCTS, P_ERROR)

    n_bits: int | Mapping[str, int]

    @abstractmethod
    def _forms(self, model: BaseEstimator, origin: FloatArray) -> QuadraticForms:
        """Read a fitted model's raw scores, as functions of what is left of x by the origin."""

    @override
    def _quantize(
        self, model: BaseEstimator, X: FloatArray, sample_weight: FloatArray | None
    ) -> tuple[onnx.ModelProto, dict[str, QuantizedModule]]:
        forms = partial(self._forms, model)
        graph, module = quantize_quadratic(forms, self.n_bits, X, sample_weight)
        return graph, {self._main_method: module}


def quantize_quadratic(
    forms: Callable[[FloatArray], QuadraticForms],
    n_bits: int | Mapping[str, int],
    X: FloatArray,
    sample_weight: FloatArray | None,
) -> tuple[onnx.ModelProto, QuantizedModule]:
    """Quantize quadratic forms as an affine map of those features and products that they have.

    Parameters
    ----------
    forms : callable
        Makes the forms for an origin, of shape (n_features,).
    n_bits : int or mapping
    X : ndarray of shape (n_samples, n_features)
    sample_weight : ndarray of shape (n_samples,), optional

    Returns
    -------
    onnx_model : onnx.ModelProto
        Takes the features and products.
    module : QuantizedModule
        Takes samples: its encoder multiplies.

    Raises
    ------
    UnsupportedModelError
        There are too many products.
    """
    origin, reach = box_of(X, sample_weight)
    seen = forms(origin)
    coef, first, second = _weights_of_terms(seen)
    terms = np.flatnonzero(coef.any(axis=0)) if coef.any() else np.zeros(1, dtype=np.int64)
    if len(terms) > _MOST_TERMS:
        raise UnsupportedModelError(
            f"{len(origin)} features have {len(terms)} products and features that count; at most "
            f"{_MOST_TERMS} can be encrypted. Reduce the features (PCA, SelectKBest), or choose a "
            "model without products of different features."
        )
    features = Monomials(origin, -reach, reach, first[terms], second[terms])
    encoder = MappedQuantizer(features, features.quantizer(BitWidths.resolve(n_bits).inputs))
    return quantize_encoded_map(
        coef[:, terms], seen.constant, encoder, n_bits, X, sample_weight=sample_weight
    )


def _weights_of_terms(forms: QuadraticForms) -> tuple[FloatArray, IntArray, IntArray]:
    """Write forms as weights (n_outputs, n_terms) of features and products, by their factors."""
    n_features = forms.linear.shape[1]
    first, second = np.triu_indices(n_features)
    products = (forms.square + forms.square.transpose(0, 2, 1))[:, first, second]
    products[:, first == second] /= 2
    return (
        np.concatenate([forms.linear, products], axis=1),
        np.concatenate([np.arange(n_features), first]),
        np.concatenate([np.full(n_features, n_features), second]),
    )


def nearness(centres: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Weights and intercepts of scores that are greater the nearer a centre is.

    The greatest score stays the same if all weights change alike: taken from their mean they are
    small, however far the centres are from 0.

    Parameters
    ----------
    centres : ndarray of shape (n_centres, n_features)
    """
    middle = centres.astype(np.float64).mean(axis=0)
    weights = centres - middle
    return weights, -(weights**2).sum(axis=1) / 2 - weights @ middle
