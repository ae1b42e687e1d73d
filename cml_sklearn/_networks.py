"""What all neural networks share: their parameters of quantization."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any

from sklearn.utils._param_validation import Interval

from cml_sklearn._typing import FloatArray
from cml_sklearn.onnx.numpy_module import NumpyModule
from cml_sklearn.quantization.bit_widths import MAX_BITS, MIN_BITS
from cml_sklearn.quantization.post_training import PostTrainingAffineQuantization, n_products
from cml_sklearn.quantization.quantized_module import QuantizedModule

__all__ = [
    "NETWORK_CONSTRAINTS",
    "NETWORK_N_BITS_DOC",
    "NETWORK_PARAMETERS",
    "NEURAL_NET_CONSTRAINTS",
    "quantize_network",
    "widths_by_layer",
]

NETWORK_PARAMETERS: dict[str, Any] = {
    "n_bits": 5,
    "p_error": 2.0**-40,
    "rounding_bits": 5,
    "exact_rounding": False,
}
"""Parameters that networks have in addition to the wrapped class's, with their defaults."""

NETWORK_CONSTRAINTS: dict[str, Any] = {
    "rounding_bits": [Interval(Integral, 1, MAX_BITS, closed="both"), list, tuple, None],
    "exact_rounding": ["boolean"],
}

NEURAL_NET_CONSTRAINTS: dict[str, Any] = {
    "n_bits": [Interval(Integral, MIN_BITS, MAX_BITS, closed="both"), dict],
    "p_error": [Interval(Real, 0, 1, closed="neither")],
    **NETWORK_CONSTRAINTS,
    "quantization_aware": ["boolean"],
    "lr": [Interval(Real, 0, None, closed="neither")],
    "max_epochs": [Interval(Integral, 1, None, closed="left")],
    "batch_size": [Interval(Integral, 1, None, closed="left")],
    "verbose": ["verbose"],
    "random_state": ["random_state"],
}
"""Constraints of the parameters of nets by skorch."""

NETWORK_N_BITS_DOC = (
    "int or dict, default=5\n        Width of the quantized inputs, weights and activations (2 to "
    "16), where the\n        last of several layers' weights have a bit less; "
    'by role as\n        ``{"inputs": 5, "weights": 4, "activations": 4}``, where\n'
    "        weights and activations may be tuples, with a width for every layer.\n"
    "    rounding_bits : int, tuple of int or None, default=5\n"
    "        Bits of an accumulator that a lookup looks at; they make the cost. A tuple has one\n"
    "        number for every layer of lookups. None: all.\n"
    "    exact_rounding : bool, default=False\n"
    "        False: rounding may be off by one near ties, and costs several times less."
)


def widths_by_layer(n_bits: Any, n_weighted: int) -> Any:
    """Spell out an int `n_bits`: the last of several layers' weights have a bit less.

    They multiply what lookups give, and so raise the noise that lookups must stay below: a bit
    less saves a fifth of the cost, and the scores stay the same. Other than an int stays as it is.
    """
    is_int = isinstance(n_bits, Integral) and not isinstance(n_bits, bool)
    if n_weighted < 2 or not is_int:
        return n_bits
    weights = (n_bits,) * (n_weighted - 1) + (max(n_bits - 1, MIN_BITS),)
    return {"inputs": n_bits, "weights": weights, "activations": n_bits}


def quantize_network(
    estimator: Any, X: FloatArray, sample_weight: FloatArray | None
) -> QuantizedModule:
    """Quantize an estimator's `onnx_model_` by its parameters, with the rows of X."""
    module = NumpyModule(estimator.onnx_model_)
    quantization = PostTrainingAffineQuantization(
        widths_by_layer(estimator.n_bits, n_products(module.graph.nodes)),
        rounding_bits=estimator.rounding_bits,
        exact_rounding=estimator.exact_rounding,
    )
    return quantization.quantize_module(module, X, sample_weight=sample_weight)
