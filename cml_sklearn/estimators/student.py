"""A perceptron that clips and rounds as its integers will, to be trained in torch."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

from cml_sklearn._typing import Array, FloatArray
from cml_sklearn.estimators.affine_layers import ACTIVATIONS
from cml_sklearn.quantization.bit_widths import MAX_BITS, width_of
from cml_sklearn.quantization.output_ranges import output_ranges
from cml_sklearn.quantization.post_training import PostTrainingAffineQuantization
from cml_sklearn.quantization_aware import rounded_to_steps

__all__ = ["Student", "to_tensor"]

_TINY = torch.finfo(torch.float32).tiny
"""Least length of a step."""


class Student(nn.Module):
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
        self._activation = ACTIVATIONS[activation]
        self._n_bits, self._kept_bits = quantization.n_bits, quantization.rounding_bits or MAX_BITS

    def take_ranges(self, X: FloatArray, sample_weight: FloatArray) -> None:
        """Start with the ranges of inputs that are best for the first layer's output."""
        weights, n_bits = _array(self.weights[0]), self._n_bits.inputs
        kept = width_of(self._kept_bits, 0)
        quantizer = output_ranges(X, weights, n_bits, kept, sample_weight)
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


def to_tensor(values: FloatArray) -> torch.Tensor:
    """Tensor in the precision of the student."""
    return torch.tensor(values, dtype=torch.float32)


def _parameter(values: FloatArray) -> nn.Parameter:
    return nn.Parameter(to_tensor(values))


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
