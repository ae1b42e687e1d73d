"""Where the quantization error of raw scores comes from."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from cml_sklearn._typing import FloatArray
from cml_sklearn.estimators.base import FheEstimator
from cml_sklearn.estimators.checks import check_is_ours
from cml_sklearn.estimators.networks import NetworkEstimator, widths_by_layer
from cml_sklearn.estimators.trees import TreeEstimator
from cml_sklearn.exceptions import UnsupportedModelError
from cml_sklearn.onnx.numpy_module import NumpyModule
from cml_sklearn.quantization.bit_widths import (
    MAX_BITS,
    BitWidths,
    NetworkWidths,
    Widths,
    checked_rounding,
    width_of,
)
from cml_sklearn.quantization.post_training import PostTrainingAffineQuantization, n_products
from cml_sklearn.quantization.quantized_module import QuantizedModule
from cml_sklearn.quantization.width_grid import output_error

__all__ = ["quantization_errors"]

_FINE, _KEPT = 8, 10
"""Widths of all other parts of a network, and bits that lookups keep: wider tables are slow."""


def quantization_errors(estimator: FheEstimator, X: ArrayLike) -> dict[str, float]:
    """Say what each part's quantization adds to the error of the raw scores.

    A part keeps its width while all others are made fine. Networks are quantized as they are for
    it, without the student that learns to bear the integers; "all" is the estimator itself.

    Parameters
    ----------
    estimator : FheEstimator
        Fitted, affine or a network; trees are trained on their codes.
    X : array-like of shape (n_samples, n_features)
        Samples like those of training, on which the ranges are fixed, too.

    Returns
    -------
    dict of str to float
        Root mean square of the raw scores' error, over the scores' standard deviation, by part:
        "inputs", "weights", and in networks by layer, with "codes" and "lookups".

    Raises
    ------
    UnsupportedModelError
        An estimator of trees or distances, or one that was loaded without its float model.
    """
    check_is_ours(estimator, "quantization_errors")
    estimator._check_can_go_on()
    if isinstance(estimator, TreeEstimator):
        raise UnsupportedModelError(
            f"{type(estimator).__name__} is trained on the codes of its grid, so there are no "
            "layers whose quantization adds an error. Compare score with the wrapped class's."
        )
    values = estimator._checked_input(X)
    own = estimator.quantized_module_
    if own.program.n_lookups and not isinstance(estimator, NetworkEstimator):
        raise UnsupportedModelError(
            f"{type(estimator).__name__} looks distances up, which wider codes make finer at no "
            "layer in particular. Compare score with the wrapped class's."
        )
    parts = _network_parts if isinstance(estimator, NetworkEstimator) else _affine_parts
    exact, modules = parts(estimator, values)
    errors = {name: output_error(_outputs(module, values), exact) for name, module in modules}
    return {**errors, "all": output_error(_outputs(own, values), exact)}


def _outputs(module: QuantizedModule, X: FloatArray) -> FloatArray:
    return np.asarray(module.forward(X, execute_in_fhe=False))


def _affine_parts(
    estimator: FheEstimator, X: FloatArray
) -> tuple[FloatArray, Iterator[tuple[str, QuantizedModule]]]:
    """Exact raw scores, and modules whose inputs, or weights, have the estimator's width."""

    def module(inputs: int, weights: Widths) -> QuantizedModule:
        twin = copy.copy(estimator)
        twin.set_params(n_bits={"inputs": inputs, "weights": weights})
        _, modules = twin._quantize(estimator._float_model, X, None)
        return modules[estimator._main_method]

    own = BitWidths.resolve(estimator.n_bits)
    parts = {"inputs": (own.inputs, MAX_BITS), "weights": (MAX_BITS, own.weights)}
    exact = _outputs(module(MAX_BITS, MAX_BITS), X)
    return exact, ((name, module(*widths)) for name, widths in parts.items())


def _network_parts(
    estimator: NetworkEstimator, X: FloatArray
) -> tuple[FloatArray, Iterator[tuple[str, QuantizedModule]]]:
    """Raw scores of the float model, and modules of which one part has the estimator's width."""
    graph = NumpyModule(estimator.onnx_model_)
    n_weighted = n_products(graph.graph.nodes)
    n_lookups = estimator.quantized_module_.program.n_lookups
    fine = NetworkWidths(_FINE, (_FINE,) * n_weighted, (_FINE,) * n_lookups, (_KEPT,) * n_lookups)

    def module(widths: NetworkWidths) -> QuantizedModule:
        quantization = PostTrainingAffineQuantization(
            widths.n_bits, rounding_bits=widths.kept or _KEPT
        )
        return quantization.quantize_module(graph, X)

    own = BitWidths.resolve(widths_by_layer(estimator.n_bits, n_weighted))
    kept = checked_rounding(estimator.rounding_bits)
    parts = _one_by_one(fine, own, kept)
    return np.asarray(graph(X)[0]), ((name, module(widths)) for name, widths in parts)


def _one_by_one(
    fine: NetworkWidths, own: BitWidths, kept: Widths | None
) -> Iterator[tuple[str, NetworkWidths]]:
    """Name every part, with widths of which it alone has its own; None: all bits are kept."""
    yield "inputs", replace(fine, inputs=own.inputs)
    for layer, weights in enumerate(_narrowed(fine.weights, own.weights), start=1):
        yield f"weights {layer}", replace(fine, weights=weights)
    for layer, codes in enumerate(_narrowed(fine.activations, own.activations), start=1):
        yield f"codes {layer}", replace(fine, activations=codes)
    if kept is not None:
        for layer, bits in enumerate(_narrowed(fine.kept, kept), start=1):
            yield f"lookups {layer}", replace(fine, kept=bits)


def _narrowed(fine: tuple[int, ...], own: Widths) -> Iterator[tuple[int, ...]]:
    """Widths of all layers of which one has its own: the first, the second, ..."""
    for layer in range(len(fine)):
        yield (*fine[:layer], width_of(own, layer), *fine[layer + 1 :])
