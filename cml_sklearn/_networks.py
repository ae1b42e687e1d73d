"""What all neural networks share: their parameters of quantization, and the search for them."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils._param_validation import Interval

from cml_sklearn.exceptions import InvalidInputError
from cml_sklearn.onnx.numpy_module import NumpyModule
from cml_sklearn.quantization.bit_widths import MAX_BITS
from cml_sklearn.quantization.post_training import PostTrainingAffineQuantization
from cml_sklearn.quantization.quantized_module import QuantizedModule
from cml_sklearn.quantization.quantizers import FloatArray

__all__ = [
    "NETWORK_CONSTRAINTS",
    "NETWORK_N_BITS_DOC",
    "NETWORK_PARAMETERS",
    "NEURAL_NET_CONSTRAINTS",
    "WidthTrial",
    "quantize_network",
    "search_widths",
]

NETWORK_PARAMETERS: dict[str, Any] = {
    "n_bits": 5,
    "p_error": 2.0**-40,
    "rounding_bits": 5,
    "exact_rounding": False,
}
"""Parameters that networks have in addition to the wrapped class's, with their defaults."""

NETWORK_CONSTRAINTS: dict[str, Any] = {
    "rounding_bits": [Interval(Integral, 1, MAX_BITS, closed="both"), None],
    "exact_rounding": ["boolean"],
}

NEURAL_NET_CONSTRAINTS: dict[str, Any] = {
    "n_bits": [Interval(Integral, 2, MAX_BITS, closed="both"), dict],
    "p_error": [Interval(Real, 0, 1, closed="neither")],
    **NETWORK_CONSTRAINTS,
    "lr": [Interval(Real, 0, None, closed="neither")],
    "max_epochs": [Interval(Integral, 1, None, closed="left")],
    "batch_size": [Interval(Integral, 1, None, closed="left")],
    "verbose": ["verbose"],
    "random_state": ["random_state"],
}
"""Constraints of the parameters of nets by skorch."""

NETWORK_N_BITS_DOC = (
    "int or dict, default=5\n        Width of the quantized inputs, weights and activations (2 to "
    '16); by role as\n        ``{"inputs": 5, "weights": 4, "activations": 4}``.\n'
    "    rounding_bits : int or None, default=5\n"
    "        Bits of an accumulator that a lookup looks at; they make the cost. None: all.\n"
    "    exact_rounding : bool, default=False\n"
    "        False: rounding may be off by one near ties, and costs several times less."
)


def quantize_network(
    estimator: Any, X: FloatArray, sample_weight: FloatArray | None
) -> QuantizedModule:
    """Quantize an estimator's `onnx_model_` by its parameters, with the rows of X."""
    quantization = PostTrainingAffineQuantization(
        estimator.n_bits,
        rounding_bits=estimator.rounding_bits,
        exact_rounding=estimator.exact_rounding,
    )
    module = NumpyModule(estimator.onnx_model_)
    return quantization.quantize_module(module, X, sample_weight=sample_weight)


@dataclass(frozen=True)
class WidthTrial:
    """One choice of widths: its score on the validation data, and its cost in Gop a sample."""

    n_bits: int
    rounding_bits: int
    score: float
    gop: float


def search_widths(
    estimator: Any,
    X: ArrayLike,
    X_valid: ArrayLike,
    y_valid: ArrayLike,
    *,
    min_score: float | None = None,
    max_gop: float | None = None,
    n_bits: Sequence[int] = (3, 4, 5, 6),
    rounding_bits: Sequence[int] = (3, 4, 5, 6),
) -> tuple[Any, list[WidthTrial]]:
    """Quantize a fitted network in several widths, and choose by score and cost.

    Circuits are compiled for their cost; no keys are made.

    Parameters
    ----------
    estimator : MLPClassifier, MLPRegressor, NeuralNetClassifier or NeuralNetRegressor
        Fitted; stays as it is.
    X : array-like of shape (n_samples, n_features)
        Calibration data, such as the training samples.
    X_valid, y_valid : array-like
        Samples to score the integers on.
    min_score : float, optional
        The cheapest widths of at least this score are chosen.
    max_gop : float, optional
        The widths of the best score within this cost are chosen. Give one of the two.
    n_bits, rounding_bits : sequence of int
        Widths to try, every one with every other.

    Returns
    -------
    best : estimator
        A copy with the chosen widths, ready to predict.
    trials : list of WidthTrial
        All that were tried, the cheapest first.

    Raises
    ------
    InvalidInputError
        Not one of the two targets given, or no widths reach it.
    """
    if (min_score is None) == (max_gop is None):
        raise InvalidInputError("Give either min_score or max_gop to search_widths.")
    values = np.asarray(X, dtype=np.float64)
    models: dict[WidthTrial, Any] = {}
    for bits, rounding in product(n_bits, rounding_bits):
        model = _in_other_widths(estimator, values, bits, rounding)
        score = float(model.score(X_valid, y_valid))
        models[WidthTrial(bits, rounding, score, model.fhe_report_.complexity)] = model
    trials = sorted(models, key=lambda trial: (trial.gop, -trial.score))
    best = _choose(trials, min_score, max_gop)
    return models[best], trials


def _in_other_widths(estimator: Any, X: FloatArray, n_bits: int, rounding_bits: int) -> Any:
    """Copy of a fitted network, quantized anew."""
    model = copy.copy(estimator).set_params(n_bits=n_bits, rounding_bits=rounding_bits)
    model.quantized_module_ = model._quantize(X, None)
    return model


def _choose(trials: list[WidthTrial], min_score: float | None, max_gop: float | None) -> WidthTrial:
    """Pick from trials, which are sorted by cost."""
    if min_score is not None:
        good = [trial for trial in trials if trial.score >= min_score]
        if good:
            return good[0]
        raise InvalidInputError(
            f"No widths reach a score of {min_score}; the best is "
            f"{max(trial.score for trial in trials):.4f}. Lower min_score, or try wider ones."
        )
    cheap = [trial for trial in trials if max_gop is None or trial.gop <= max_gop]
    if cheap:
        return max(cheap, key=lambda trial: trial.score)
    raise InvalidInputError(
        f"No widths cost {max_gop} Gop or less; the cheapest cost {trials[0].gop:.2f}. "
        "Raise max_gop, try narrower ones, or train fewer units."
    )
