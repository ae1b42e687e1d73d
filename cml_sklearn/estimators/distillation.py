"""Fits a perceptron to its own quantization, by distillation; imported when one is quantized.

A student with the perceptron's layers, whose forward pass clips and rounds as the integers will,
learns to give what the float perceptron gives (Hinton et al., "Distilling the knowledge in a
neural network", 2015), with gradients that pass through rounding as if there were none. It learns
the ranges of its inputs, too (Esser et al., "Learned step size quantization", 2020). It needs no
labels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import cycle, islice

import numpy as np
import torch
from torch.nn import functional

from cml_sklearn._typing import FloatArray
from cml_sklearn.estimators.affine_layers import (
    AffineLayer,
    float_outputs,
    read_layers,
    with_layers,
)
from cml_sklearn.estimators.conventions import Outputs
from cml_sklearn.estimators.student import Student, to_tensor
from cml_sklearn.onnx.numpy_module import NumpyModule
from cml_sklearn.quantization.affine import AffineQuantizer
from cml_sklearn.quantization.feature_maps import Companding, CompandingQuantizer, decile_spread
from cml_sklearn.quantization.post_training import PostTrainingAffineQuantization
from cml_sklearn.quantization.quantized_module import QuantizedModule
from cml_sklearn.quantization.ranges import thinned

__all__ = ["Samples", "distilled_or_plain"]

_N_STEPS = 400
_BATCH_SIZE = 256
_N_BATCHES = 32
"""Drawn once; each of them is learned from again and again."""

_FEWEST_ROWS, _MOST_ROWS = 64, 10_000
"""Rows that are learned from, and compared on; of fewer ones there is nothing to learn."""

_LEARNING_RATE = 5e-3
_NOISE = 0.3
"""Of the inputs, in standard deviations of most of a feature's values: between the samples, too,
the student gives what the float net gives."""

_DAMPING = 1e-3

_LEAST_SPREAD = 2.0**-20
"""Share of an output's greatest value from which on it is no constant."""


def distilled_or_plain(
    plain: QuantizedModule,
    module: NumpyModule,
    samples: Samples,
    quantization: PostTrainingAffineQuantization,
    outputs: Outputs,
) -> QuantizedModule:
    """Quantize a perceptron's student, too; of both, take the one that is nearer to the float net.

    Parameters
    ----------
    plain : QuantizedModule
        Of the perceptron as it is. It is taken for other graphs, too: those that are not affine
        layers with an activation between any two.
    module : NumpyModule
        The float net.
    samples : Samples
        Calibration data.
    quantization : PostTrainingAffineQuantization
        With bits to keep.
    outputs : Outputs

    Returns
    -------
    QuantizedModule
    """
    layers = read_layers(module.graph)
    if layers is None or len(samples.X) < _FEWEST_ROWS:
        return plain
    samples = samples.thinned(_MOST_ROWS)
    companding = Companding.fitted(samples.X)
    # a student of extreme values is not taken; a caller may have switched gradients off
    with np.errstate(all="ignore"), torch.inference_mode(False), torch.enable_grad():
        student = _distil(layers, samples, companding, quantization, outputs)
        wanted = torch.tensor(float_outputs(layers, samples.X))
    if student is None:
        return plain
    weights, biases, quantizer = student
    inner = quantization.quantize_module(
        module.with_graph(with_layers(module.graph, layers, weights, biases)),
        companding(samples.X),
        sample_weight=samples.weight,
        input_quantizers=[quantizer],
    )
    encoder = CompandingQuantizer(companding, quantizer)
    distilled = QuantizedModule(inner.program, (encoder,), inner.output_scales, inner.tail)
    loss, plain_loss = (
        _divergence(outputs, torch.tensor(candidate(samples.X)), wanted)
        for candidate in (distilled, plain)
    )
    return distilled if loss < plain_loss else plain


@dataclass(frozen=True)
class Samples:
    """Calibration data.

    Attributes
    ----------
    X : ndarray of shape (n_samples, n_features)
    weight : ndarray of shape (n_samples,)
        Adds up to 1.
    """

    X: FloatArray
    weight: FloatArray

    @classmethod
    def weighted(cls, X: FloatArray, weight: FloatArray | None) -> Samples:
        """Take samples of positive weight; without weights, all count the same."""
        weight = np.ones(len(X)) if weight is None else weight
        rows = weight > 0
        return cls(X[rows].astype(np.float64), weight[rows] / weight[rows].sum())

    def thinned(self, limit: int) -> Samples:
        """Keep at most so many, picked at random."""
        (X,), weight = thinned([self.X], self.weight, limit)
        return Samples(X, weight)


def _distil(
    layers: Sequence[AffineLayer],
    samples: Samples,
    companding: Companding,
    quantization: PostTrainingAffineQuantization,
    outputs: Outputs,
) -> tuple[list[FloatArray], list[FloatArray], AffineQuantizer] | None:
    """Train a student; None if its numbers overflow.

    Returns
    -------
    weights, biases : list of ndarray of shape (n_in, n_out), (n_out,)
        For companded inputs.
    quantizer : AffineQuantizer
        Of these.
    """
    drawn_in = companding(samples.X)
    standardizer = _Standardizer.fitted(drawn_in, samples.weight)
    inputs = replace(samples, X=standardizer.transform(drawn_in))
    units = _units_of(float_outputs(layers, samples.X), samples.weight, outputs)
    layers = [*layers[:-1], _divided(layers[-1], units)]
    weights, biases = [layer.weight for layer in layers], [layer.bias for layer in layers]
    weights[0], biases[0] = _refitted(inputs, samples.X @ weights[0] + biases[0])
    student = Student(weights, biases, layers[0].activation, quantization)
    student.take_ranges(inputs.X, inputs.weight)
    _train(student, layers, _Batches(samples, companding, standardizer), outputs)
    weights, biases = student.layers()
    weights[0], biases[0] = standardizer.folded(weights[0], biases[0])
    weights[-1], biases[-1] = weights[-1] * units, biases[-1] * units
    low, high = (standardizer.inverse_transform(end) for end in student.ends())
    if not all(np.isfinite(values).all() for values in (*weights, *biases, low, high)):
        return None
    return weights, biases, AffineQuantizer.from_range(low, high, quantization.n_bits.inputs)


def _units_of(values: FloatArray, sample_weight: FloatArray, outputs: Outputs) -> FloatArray:
    """Powers of two near the outputs' spread, since steps of training have one size; (n_outputs,).

    Logits have the unit that softmax gives them.
    """
    if outputs != "values":
        return np.ones(values.shape[1])
    size = np.frexp(np.abs(values).max(axis=0, initial=0.0))[1]  # so that squares fit a float
    values = np.ldexp(values, -size)
    spread = np.sqrt(sample_weight @ (values - sample_weight @ values) ** 2)
    # noise in the last bits, in a unit of its own, would drown other outputs
    spread = np.where(spread > _LEAST_SPREAD, spread, 1.0)
    near = np.frexp(spread * np.sqrt(2.0))[1] - 1
    return np.asarray(np.ldexp(1.0, size + near))


def _divided(layer: AffineLayer, units: FloatArray) -> AffineLayer:
    """Count a layer's outputs in units of their own."""
    return replace(layer, weight=layer.weight / units, bias=layer.bias / units)


def _divergence(outputs: Outputs, given: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    """Mean loss of outputs (n_samples, n_outputs) against those of the float net."""
    if outputs == "values":
        spread = wanted.var(dim=0, unbiased=False)
        return ((given - wanted) ** 2 / torch.where(spread > 0, spread, 1.0)).mean()
    if outputs == "logits":
        return functional.cross_entropy(given, torch.softmax(wanted, dim=1))
    return functional.binary_cross_entropy_with_logits(given, torch.sigmoid(wanted))


@dataclass(frozen=True)
class _Standardizer:
    """Standardization of features, so that steps of training have one size for all of them."""

    mean: FloatArray
    scale: FloatArray

    @classmethod
    def fitted(cls, values: FloatArray, sample_weight: FloatArray) -> _Standardizer:
        """Take weighted mean and standard deviation of samples."""
        mean = sample_weight @ values
        scale = np.sqrt(sample_weight @ (values - mean) ** 2)
        return cls(mean, np.where(scale > 0, scale, 1.0))

    def transform(self, values: FloatArray) -> FloatArray:
        """Standardize values."""
        return (values - self.mean) / self.scale

    def inverse_transform(self, values: FloatArray) -> FloatArray:
        """Bring standardized values back into the features' own units."""
        return self.mean + self.scale * values

    def folded(self, weight: FloatArray, bias: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Fold the standardization into a layer's weights (n_in, n_out) and bias."""
        weight = weight / self.scale[:, None]
        return weight, bias - self.mean @ weight


def _refitted(inputs: Samples, outputs: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Weights and bias that bring standardized inputs to a layer's outputs as well as they can."""
    weighted = inputs.weight[:, None] * inputs.X
    moments = inputs.X.T @ weighted
    moments[np.diag_indices_from(moments)] += _DAMPING
    mean = inputs.weight @ outputs
    return np.linalg.solve(moments, weighted.T @ (outputs - mean)), mean


class _Batches:
    """Batches of samples, drawn by their weights, with noise; always the same ones.

    Parameters
    ----------
    samples : Samples
    companding : Companding
    standardizer : _Standardizer
        Of what the companding gives.
    """

    def __init__(
        self, samples: Samples, companding: Companding, standardizer: _Standardizer
    ) -> None:
        self._samples, self._companding = samples, companding
        self._standardizer = standardizer
        self._random = np.random.default_rng(0)
        self._noise = _NOISE * np.minimum(decile_spread(samples.X), samples.X.std(axis=0))

    def draw(self) -> tuple[FloatArray, torch.Tensor]:
        """Draw a batch, as the float net takes it and as the student takes it."""
        X, n_rows = self._samples.X, min(len(self._samples.X), _BATCH_SIZE)
        rows = self._random.choice(len(X), n_rows, p=self._samples.weight)
        x = X[rows] + self._noise * self._random.standard_normal((n_rows, X.shape[1]))
        return x, to_tensor(self._standardizer.transform(self._companding(x)))


def _train(
    student: Student, layers: Sequence[AffineLayer], batches: _Batches, outputs: Outputs
) -> None:
    """Let a student learn what the layers give, by a few batches again and again."""
    drawn = [batches.draw() for _ in range(_N_BATCHES)]
    lessons = [(inputs, to_tensor(float_outputs(layers, x))) for x, inputs in drawn]
    optimizer = torch.optim.Adam(student.parameters(), lr=_LEARNING_RATE, fused=True)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, _N_STEPS)
    for inputs, wanted in islice(cycle(lessons), _N_STEPS):
        loss = _divergence(outputs, student(inputs), wanted)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
