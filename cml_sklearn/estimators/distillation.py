"""Fits a perceptron to its own quantization, by distillation; imported when one is quantized.

A student with the perceptron's layers, whose forward pass clips and rounds as the integers will,
learns to give what the float perceptron gives (Hinton et al., "Distilling the knowledge in a
neural network", 2015), with gradients that pass through rounding as if there were none. It learns
the ranges of its inputs, too (Esser et al., "Learned step size quantization", 2020). It needs no
labels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import cycle, islice

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from cml_sklearn._typing import Array, FloatArray
from cml_sklearn.estimators.conventions import Outputs
from cml_sklearn.onnx.graph import Node, PreparedGraph
from cml_sklearn.onnx.numpy_module import NumpyModule
from cml_sklearn.quantization.affine import AffineQuantizer
from cml_sklearn.quantization.bit_widths import MAX_BITS, width_of
from cml_sklearn.quantization.feature_maps import Companding, CompandingQuantizer, decile_spread
from cml_sklearn.quantization.output_ranges import affine_weights, output_ranges
from cml_sklearn.quantization.post_training import PostTrainingAffineQuantization
from cml_sklearn.quantization.quantized_module import QuantizedModule
from cml_sklearn.quantization.ranges import thinned
from cml_sklearn.quantization_aware import rounded_to_steps

__all__ = ["Samples", "distilled_or_plain"]

_ACTIVATIONS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "Gelu": functional.gelu,
    "Relu": torch.relu,
    "Sigmoid": torch.sigmoid,
    "Tanh": torch.tanh,
}

_N_STEPS = 400
_BATCH = 256
_N_BATCHES = 32
"""Drawn once; each of them is learned from again and again."""

_FEWEST_ROWS, _MOST_ROWS = 64, 10_000
"""Rows that are learned from, and compared on; of fewer ones there is nothing to learn."""

_RATE = 5e-3
_NOISE = 0.3
"""Of the inputs, in standard deviations of most of a feature's values: between the samples, too,
the student gives what the float net gives."""

_DAMPING = 1e-3
_TINY = 1e-9
"""Least length of a step."""


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
    layers = _layers(module.graph)
    if layers is None or len(samples.X) < _FEWEST_ROWS:
        return plain
    samples = samples.thinned(_MOST_ROWS)
    companding = Companding.fitted(samples.X)
    # a student of extreme values is not taken; a caller may have switched gradients off
    with np.errstate(all="ignore"), torch.inference_mode(False), torch.enable_grad():
        student = _distil(layers, samples, companding, quantization, outputs)
        wanted = torch.tensor(_forward(layers, samples.X))
    if student is None:
        return plain
    weights, biases, quantizer = student
    inner = quantization.quantize_module(
        module.with_graph(_with_layers(module.graph, layers, weights, biases)),
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
    layers: Sequence[_Layer],
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
    units = _Units.of(drawn_in, samples.weight)
    inputs = replace(samples, X=units.standardized(drawn_in))
    weights, biases = [layer.weight for layer in layers], [layer.bias for layer in layers]
    weights[0], biases[0] = _refitted(inputs, samples.X @ weights[0] + biases[0])
    student = _Student(weights, biases, layers[0].activation, quantization)
    student.take_ranges(inputs)
    _train(student, layers, _Batches(samples, companding, units), outputs)
    weights, biases = student.layers()
    weights[0], biases[0] = units.taken_off(weights[0], biases[0])
    low, high = (units.undone(end) for end in student.ends())
    if not all(np.isfinite(values).all() for values in (*weights, *biases, low, high)):
        return None
    return weights, biases, AffineQuantizer.from_range(low, high, quantization.n_bits.inputs)


def _divergence(outputs: Outputs, given: torch.Tensor, wanted: torch.Tensor) -> torch.Tensor:
    """Mean loss of outputs (n_samples, n_outputs) against those of the float net."""
    if outputs == "values":
        spread = wanted.var(dim=0, unbiased=False)
        return ((given - wanted) ** 2 / torch.where(spread > 0, spread, 1.0)).mean()
    if outputs == "logits":
        return functional.cross_entropy(given, torch.softmax(wanted, dim=1))
    return functional.binary_cross_entropy_with_logits(given, torch.sigmoid(wanted))


@dataclass(frozen=True)
class _Layer:
    """An affine layer of a graph: names of its constants, and these as floats.

    Attributes
    ----------
    names : tuple of str
        Of the weights and of the bias.
    is_transposed : bool
        Whether the graph holds the weights as (n_out, n_in).
    weight, bias : ndarray of shape (n_in, n_out), (n_out,)
    activation : str
        Operator after it; empty after the last.
    """

    names: tuple[str, str]
    is_transposed: bool
    weight: FloatArray
    bias: FloatArray
    activation: str


def _layers(graph: PreparedGraph) -> list[_Layer] | None:
    """Read the layers of a perceptron with one kind of activation; None for other graphs."""
    affine, between = graph.nodes[::2], graph.nodes[1::2]
    kinds = {node.op_type for node in between}
    if any(node.attributes.get("approximate", "none") != "none" for node in between):
        return None
    if len(graph.inputs) != 1 or len(kinds) != 1 or not kinds <= _ACTIVATIONS.keys():
        return None
    names = [graph.inputs[0].name, *(node.outputs[0] for node in graph.nodes)]
    if [node.inputs[0] for node in graph.nodes] != names[:-1] or len(affine) == len(between):
        return None
    if graph.outputs != graph.nodes[-1].outputs:
        return None
    layers = [
        _layer(graph, node, after.op_type if after else "")
        for node, after in zip(affine, (*between, None), strict=True)
    ]
    found = [layer for layer in layers if layer is not None]
    return found if len(found) == len(layers) else None


def _is_plain_gemm(node: Node) -> bool:
    """Whether a node is an affine layer without factors."""
    plain = all(node.attributes.get(name, 1.0) == 1.0 for name in ("alpha", "beta"))
    return node.op_type == "Gemm" and plain and len(node.inputs) == 3


def _layer(graph: PreparedGraph, node: Node, activation: str) -> _Layer | None:
    """Read an affine layer with constant weights and bias; None for other nodes."""
    weight = affine_weights(node, graph.constants)
    if weight is None or not _is_plain_gemm(node) or node.inputs[2] not in graph.constants:
        return None
    names, is_transposed = node.inputs[1:3], bool(node.attributes.get("transB", 0))
    bias = graph.constants[names[1]].astype(np.float64)
    offset = np.broadcast_to(bias, weight.shape[1:])
    return _Layer((names[0], names[1]), is_transposed, weight, offset, activation)


def _with_layers(
    graph: PreparedGraph,
    layers: Sequence[_Layer],
    weights: Sequence[FloatArray],
    biases: Sequence[FloatArray],
) -> PreparedGraph:
    """Graph with other weights and biases, in double precision."""
    constants = dict(graph.constants)
    for layer, weight, bias in zip(layers, weights, biases, strict=True):
        constants |= {layer.names[0]: weight.T if layer.is_transposed else weight}
        constants |= {layer.names[1]: bias}
    inputs = tuple(replace(spec, dtype=np.dtype(np.float64)) for spec in graph.inputs)
    return replace(graph, constants=constants, inputs=inputs)


@dataclass(frozen=True)
class _Units:
    """Mean and standard deviation of features, in which steps of training have one size."""

    mean: FloatArray
    scale: FloatArray

    @classmethod
    def of(cls, values: FloatArray, sample_weight: FloatArray) -> _Units:
        """Take those of samples."""
        mean = sample_weight @ values
        scale = np.sqrt(sample_weight @ (values - mean) ** 2)
        return cls(mean, np.where(scale > 0, scale, 1.0))

    def standardized(self, values: FloatArray) -> FloatArray:
        """Values in these units."""
        return (values - self.mean) / self.scale

    def undone(self, values: FloatArray) -> FloatArray:
        """Values in the features' own units."""
        return self.mean + self.scale * values

    def taken_off(self, weight: FloatArray, bias: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Weights (n_in, n_out) and bias for inputs in their own units, of those for these."""
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
    units : _Units
        Of what the companding gives.
    """

    def __init__(self, samples: Samples, companding: Companding, units: _Units) -> None:
        self._samples, self._companding, self._units = samples, companding, units
        self._random = np.random.default_rng(0)
        self._noise = _NOISE * np.minimum(decile_spread(samples.X), samples.X.std(axis=0))

    def draw(self) -> tuple[FloatArray, torch.Tensor]:
        """Draw a batch, as the float net takes it and as the student takes it."""
        X, n_rows = self._samples.X, min(len(self._samples.X), _BATCH)
        rows = self._random.choice(len(X), n_rows, p=self._samples.weight)
        x = X[rows] + self._noise * self._random.standard_normal((n_rows, X.shape[1]))
        return x, _tensor(self._units.standardized(self._companding(x)))


def _train(
    student: _Student, layers: Sequence[_Layer], batches: _Batches, outputs: Outputs
) -> None:
    """Let a student learn what the layers give, by a few batches again and again."""
    drawn = [batches.draw() for _ in range(_N_BATCHES)]
    lessons = [(inputs, _tensor(_forward(layers, x))) for x, inputs in drawn]
    optimizer = torch.optim.Adam(student.parameters(), lr=_RATE, fused=True)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, _N_STEPS)
    for inputs, wanted in islice(cycle(lessons), _N_STEPS):
        loss = _divergence(outputs, student(inputs), wanted)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()


def _forward(layers: Sequence[_Layer], x: FloatArray) -> FloatArray:
    """Compute what the float net gives."""
    for layer in layers:
        x = x @ layer.weight + layer.bias
        if layer.activation:
            x = _ACTIVATIONS[layer.activation](torch.from_numpy(x)).numpy()
    return x


class _Student(nn.Module):
    """A perceptron of standardized inputs that clips and rounds as its integers will.

    Parameters
    ----------
    weights, biases : sequence of ndarray of shape (n_in, n_out), (n_out,)
    activation : str
        Operator between layers.
    quantization : PostTrainingAffineQuantization
        Widths, and bits to keep.
    """

    def __init__(
        self,
        weights: Sequence[FloatArray],
        biases: Sequence[FloatArray],
        activation: str,
        quantization: PostTrainingAffineQuantization,
    ) -> None:
        super().__init__()
        self.weights = nn.ParameterList(_parameter(weight) for weight in weights)
        self.biases = nn.ParameterList(_parameter(bias) for bias in biases)
        self.low, self.high = (_parameter(end * np.ones(len(weights[0]))) for end in (-1.0, 1.0))
        self._activation = _ACTIVATIONS[activation]
        self._n_bits, self._kept_bits = quantization.n_bits, quantization.rounding_bits or MAX_BITS

    def take_ranges(self, inputs: Samples) -> None:
        """Start with the ranges of inputs that are best for the first layer's output."""
        weights, n_bits = _array(self.weights[0]), self._n_bits.inputs
        kept = width_of(self._kept_bits, 0)
        quantizer = output_ranges(inputs.X, weights, n_bits, kept, inputs.weight)
        self.low = _parameter(quantizer.dequantize(np.zeros_like(quantizer.upper)))
        self.high = _parameter(quantizer.dequantize(quantizer.upper))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Scores of shape (n_samples, n_outputs)."""
        low, high = torch.minimum(self.low, self.high), torch.maximum(self.low, self.high)
        x = torch.maximum(torch.minimum(x, high), low)
        last = len(self.weights) - 1
        for number, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            bits = self._n_bits.at(number, number - 1)
            n_codes = 2 ** (bits.activations if number else self._n_bits.inputs)
            rounded = weight + _rounding_error(weight, high - low, bits.weights)
            x = _rounded(x, low, high, n_codes - 1) @ rounded + bias
            if number == last:
                break
            centre = (low + high) / 2 @ rounded + bias
            reach = (high - low) / 2 @ rounded.abs()
            kept = width_of(self._kept_bits, number)
            x = _rounded(x, centre - reach, centre + reach, max(2**kept - 2, 1))
            x = self._activation(x)
            low, high = (end.detach().expand(x.shape[1]) for end in (x.amin(), x.amax()))
        return x

    def layers(self) -> tuple[list[FloatArray], list[FloatArray]]:
        """Weights, rounded as `forward` rounds them, and biases.

        Those before rounding would be rounded otherwise, to keep what a net without any rounding
        gives, which is not what the student has learned. Multiples of a step stay as they are.
        """
        low, high = (torch.from_numpy(end) for end in self.ends())
        weights = []
        for number, weight in enumerate(self.weights):
            exact, n_bits = weight.double(), self._n_bits.at(number, number - 1).weights
            # but for the inputs, codes of one layer have one step
            reach = torch.ones(len(exact)) if number else high - low
            weights.append(_array(exact + _rounding_error(exact, reach, n_bits)))
        return weights, [_array(bias) for bias in self.biases]

    def ends(self) -> tuple[FloatArray, FloatArray]:
        """Ranges of the inputs."""
        low, high = _array(self.low), _array(self.high)
        return np.minimum(low, high), np.maximum(low, high)


def _tensor(values: FloatArray) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float32)


def _parameter(values: FloatArray) -> nn.Parameter:
    return nn.Parameter(_tensor(values))


def _array(parameter: torch.Tensor) -> FloatArray:
    values: Array = parameter.detach().numpy()
    return values.astype(np.float64)


def _rounded(x: torch.Tensor, low: torch.Tensor, high: torch.Tensor, n_steps: int) -> torch.Tensor:
    """Values in a range that is divided into steps."""
    step = ((high - low) / n_steps).clamp(min=_TINY)
    return rounded_to_steps(x, low, step)


@torch.no_grad()
def _rounding_error(weight: torch.Tensor, reach: torch.Tensor, n_bits: int) -> torch.Tensor:
    """Find what rounding adds to weights (n_in, n_out).

    Each is rounded times the length of its input's range, in steps by column. Gradients pass as if
    there were no rounding, without those of the steps, which cost time only.
    """
    reach = reach.clamp(min=_TINY)[:, None]
    scaled = weight * reach
    step = (scaled.abs().amax(dim=0) / (2 ** (n_bits - 1) - 1)).clamp(min=_TINY)
    return (scaled / step).round() * step / reach - weight
