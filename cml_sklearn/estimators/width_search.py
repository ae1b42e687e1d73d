"""The search for a network's widths, first for the whole network and then layer by layer."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import ArrayLike

from cml_sklearn._typing import FloatArray
from cml_sklearn.estimators.networks import NetworkEstimator, widths_by_layer
from cml_sklearn.exceptions import BitWidthError, InvalidInputError
from cml_sklearn.onnx.numpy_module import NumpyModule
from cml_sklearn.quantization.bit_widths import (
    MAX_BITS,
    BitWidths,
    NBits,
    NetworkWidths,
    RoundingBits,
    Widths,
    width_of,
)
from cml_sklearn.quantization.post_training import n_products
from cml_sklearn.quantization.width_grid import TRIED_BITS, output_error, tried_widths

__all__ = ["WidthTrial", "search_widths"]

_CODES = (2, 8)
"""Narrowest and widest codes to try; wider ones don't show behind rounded lookups."""

_GAIN = 0.98
"""What another bit of a code must leave of the error at most, or it's not worth its range."""


@dataclass(frozen=True)
class WidthTrial:
    """One choice of widths, and what came of it.

    Attributes
    ----------
    n_bits : int or dict
        For the whole network, or by role and layer.
    rounding_bits : int or tuple of int
        For the whole network, or by layer of lookups.
    error : float
        Root mean square of what the raw scores differ from the float model's on the calibration
        data, over these scores' standard deviation.
    score : float
        On the validation data.
    gop : float
        Cost of a sample.
    """

    n_bits: NBits
    rounding_bits: Widths
    error: float
    score: float
    gop: float


def search_widths(
    estimator: NetworkEstimator,
    X: ArrayLike,
    X_valid: ArrayLike,
    y_valid: ArrayLike,
    *,
    min_score: float | None = None,
    max_gop: float | None = None,
    n_bits: Sequence[int] = TRIED_BITS,
    rounding_bits: Sequence[int] = TRIED_BITS,
) -> tuple[NetworkEstimator, list[WidthTrial]]:
    """Quantize a fitted network in several widths, and choose by score and cost.

    Every `n_bits` is tried with every `rounding_bits` for the network as a whole. Then widths go
    layer by layer: from the most accurate of these on, the layer whose lookups are least sensitive
    keeps a bit less, and the codes' widths of every layer follow; sensitive is what changes the
    raw scores on the calibration data. Circuits are compiled for their cost; no keys are made.

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
        Widths to try.

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
    search = _Search(estimator, np.asarray(X, dtype=np.float64), X_valid, y_valid)
    for model in tried_widths(search.quantized, n_bits, rounding_bits):
        search.add(model)
    most_accurate = min(search.tried, key=lambda pair: pair[0].error)[1]
    for model in _by_layer(search, most_accurate, min(rounding_bits)):
        search.add(model)
    pairs = sorted(search.tried, key=lambda pair: (pair[0].gop, -pair[0].score))
    trials = [trial for trial, _ in pairs]
    return pairs[_choose(trials, min_score, max_gop)][1], trials


@dataclass
class _Search:
    """A fitted network, the data to judge it by, and the trials with their models."""

    estimator: NetworkEstimator
    X: FloatArray
    X_valid: ArrayLike
    y_valid: ArrayLike
    tried: list[tuple[WidthTrial, NetworkEstimator]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.graph = NumpyModule(self.estimator.onnx_model_)
        self.exact = np.ravel(self.graph(self.X))

    def quantized(self, n_bits: NBits, rounding_bits: RoundingBits) -> NetworkEstimator:
        """Copy of the network, quantized anew."""
        model = copy.copy(self.estimator)
        model.set_params(n_bits=n_bits, rounding_bits=rounding_bits)
        return model.quantize_again(self.X)

    def error(self, model: NetworkEstimator) -> float:
        """Error of the raw scores, as in `WidthTrial`."""
        return output_error(np.asarray(model.quantized_module_(self.X)), self.exact)

    def add(self, model: NetworkEstimator) -> None:
        """Score a model, and compile it for its cost; one that is too wide is left out."""
        score = float(model.score(self.X_valid, self.y_valid))
        try:
            gop = model.fhe_report_.complexity or 0.0
        except BitWidthError:
            return
        trial = WidthTrial(model.n_bits, model.rounding_bits, self.error(model), score, gop)
        self.tried.append((trial, model))


def _codes_nearby(widths: NetworkWidths) -> Iterator[NetworkWidths]:
    """Codes of one role in one layer a bit narrower or wider."""
    for step in (-1, 1):
        for (inputs,) in _moved((widths.inputs,), step, *_CODES):
            yield replace(widths, inputs=inputs)
        for weights in _moved(widths.weights, step, *_CODES):
            yield replace(widths, weights=weights)
        for activations in _moved(widths.activations, step, *_CODES):
            yield replace(widths, activations=activations)


def _narrower(widths: NetworkWidths, least: int) -> Iterator[NetworkWidths]:
    """One layer's lookups keep a bit less, but not less than `least`."""
    for kept in _moved(widths.kept, -1, least, MAX_BITS):
        yield replace(widths, kept=kept)


def _moved(widths: tuple[int, ...], step: int, least: int, most: int) -> Iterator[tuple[int, ...]]:
    """Widths of which one is moved, within bounds: the first, the second, ..."""
    for layer, width in enumerate(widths):
        if least <= width + step <= most:
            yield (*widths[:layer], width + step, *widths[layer + 1 :])


@dataclass
class _LayerSearch:
    """Models by the widths of their layers, each quantized once."""

    search: _Search
    models: dict[NetworkWidths, tuple[float, NetworkEstimator]] = field(default_factory=dict)

    def error(self, widths: NetworkWidths) -> float:
        """Error of the raw scores."""
        if widths not in self.models:
            model = self.search.quantized(widths.n_bits, widths.kept)
            self.models[widths] = (self.search.error(model), model)
        return self.models[widths][0]

    def best_codes(self, widths: NetworkWidths) -> NetworkWidths:
        """Move one code after the other while the error falls."""
        while True:
            nearby = min(_codes_nearby(widths), key=self.error)
            if self.error(nearby) >= _GAIN * self.error(widths):
                return widths
            widths = nearby


def _by_layer(
    search: _Search, start: NetworkEstimator, least_kept: int
) -> Iterator[NetworkEstimator]:
    """Models of ever fewer kept bits, the least sensitive layer first, with the best codes."""
    layers = _LayerSearch(search)
    candidates = [_widths_of(search, start)]
    while candidates:
        widths = layers.best_codes(min(candidates, key=layers.error))
        yield layers.models[widths][1]
        candidates = list(_narrower(widths, least_kept))


def _widths_of(search: _Search, model: NetworkEstimator) -> NetworkWidths:
    """Widths of a model that has one of each kind, spelled out by layer."""
    n_lookups = model.quantized_module_.program.n_lookups
    n_weighted = n_products(search.graph.graph.nodes)
    coded = BitWidths.resolve(widths_by_layer(model.n_bits, n_weighted))
    weights = tuple(width_of(coded.weights, layer) for layer in range(n_weighted))
    activations = tuple(width_of(coded.activations, layer) for layer in range(n_lookups))
    return NetworkWidths(coded.inputs, weights, activations, (model.rounding_bits,) * n_lookups)


def _choose(trials: list[WidthTrial], min_score: float | None, max_gop: float | None) -> int:
    """Pick from trials, which are sorted by cost; returns its place."""
    if min_score is not None:
        good = [i for i, trial in enumerate(trials) if trial.score >= min_score]
        if good:
            return good[0]
        raise InvalidInputError(
            f"No widths reach a score of {min_score}; the best is "
            f"{max(trial.score for trial in trials):.4f}. Lower min_score, or try wider ones."
        )
    cheap = [i for i, trial in enumerate(trials) if max_gop is None or trial.gop <= max_gop]
    if cheap:
        return max(cheap, key=lambda i: (trials[i].score, -trials[i].error))
    raise InvalidInputError(
        f"No widths cost {max_gop} Gop or less; the cheapest cost {trials[0].gop:.2f}. "
        "Raise max_gop, try narrower ones, or train fewer units."
    )
