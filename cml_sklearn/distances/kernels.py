"""Sums of Gaussian kernels: one lookup of the squared distance to each sample of training."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from cml_sklearn._typing import FloatArray, IntArray
from cml_sklearn.distances.integers import (
    add_squared_distances,
    ball_around,
    builder_of,
    check_points,
    farthest,
    squared_distances,
)
from cml_sklearn.program.builder import ProgramBuilder
from cml_sklearn.program.integers import to_integers
from cml_sklearn.program.steps import Lookup, MatMul, SumOver
from cml_sklearn.quantization.bit_widths import BitWidths, NBits, width_of
from cml_sklearn.quantization.builder import Rounding
from cml_sklearn.quantization.decoders import OutputScale
from cml_sklearn.quantization.encoders import BallQuantizer
from cml_sklearn.quantization.quantized_module import QuantizedModule
from cml_sklearn.quantization.ranges import thinned
from cml_sklearn.quantization.rounding import Calibration, round_weights

__all__ = ["KernelSum", "quantize_kernel_sum"]

_SHARES = (1.0, 0.98, 0.95, 0.9)
"""Shares of the samples of training in the ball. The fewer, the finer are distances in it."""

_INDEX_BITS = 14
"""Bits of distances that are worth their tables; rounding leaves fewer."""

_SUM_BITS = 14
"""Bits of a lone output. It is a sum of lookups, which cost the more the wider it is."""

_VALUE_BITS = 6
"""Bits of kernels that are multiplied by the weights of several outputs."""

_MOST_WEIGHT_BITS = 5
"""Bits of these weights."""

_FINE_BITS = 16
"""Bits of kernels to which weights are fitted."""

_SAME = 1e-9
"""Shares of a weight that differ by less are the same, but for rounding."""

_MOST_ROWS = 2000
"""Samples of training on which integers are chosen."""


@dataclass(frozen=True)
class KernelSum:
    """``exp(-gamma |x - point|**2) @ weights + constant``.

    Parameters
    ----------
    points : ndarray of shape (n_points, n_features)
    gamma : float
    weights : ndarray of shape (n_points, n_outputs)
    constant : ndarray of shape (n_outputs,)
    """

    points: FloatArray
    gamma: float
    weights: FloatArray
    constant: FloatArray

    def __call__(self, values: FloatArray) -> FloatArray:
        """Compute it for samples of shape (n_samples, n_features)."""
        kernel = np.exp(-self.gamma * squared_distances(values, self.points))
        return np.asarray(kernel @ self.weights + self.constant)

    def merged(self, spare: FloatArray) -> KernelSum:
        """Sum of as few kernels: equal points are one, and none has no weight.

        Parameters
        ----------
        spare : ndarray of shape (n_features,)
            The point to take where none has a weight.
        """
        points, place = np.unique(self.points, axis=0, return_inverse=True)
        weights = np.zeros((len(points), self.weights.shape[1]))
        np.add.at(weights, place.ravel(), self.weights)
        counts = weights.any(axis=1)
        if not counts.any():
            return replace(self, points=spare[None], weights=np.zeros((1, weights.shape[1])))
        return replace(self, points=points[counts], weights=weights[counts])


def quantize_kernel_sum(
    kernels: KernelSum,
    n_bits: NBits,
    rounding_bits: int,
    X: FloatArray,
    sample_weight: FloatArray | None,
) -> QuantizedModule:
    """Quantize a sum of kernels, in the ball of samples that loses least on those of training.

    Parameters
    ----------
    kernels : KernelSum
    n_bits : int or mapping
        Squared distances have twice the bits of inputs, at most 14. Weights of several outputs have
        at most 5.
    rounding_bits : int
        Bits of a distance that a lookup looks at.
    X : ndarray of shape (n_samples, n_features)
    sample_weight : ndarray of shape (n_samples,), optional

    Raises
    ------
    UnsupportedModelError
        There are too many points.
    BitWidthError
        There are too many features for so few bits.
    """
    kernels = kernels.merged(X[0])
    check_points(kernels.points)
    weight = np.ones(len(X)) if sample_weight is None else sample_weight
    (X,), weight = thinned([X], weight / weight.sum(), _MOST_ROWS)
    samples, centre = Calibration(X, kernels(X), weight), weight @ X
    radii = _weighted_quantiles(np.linalg.norm(X - centre, axis=1), weight, _SHARES)
    trials = [
        _Lowering.around(centre, radius, kernels, BitWidths.resolve(n_bits), rounding_bits)
        for radius in dict.fromkeys(radii.tolist())
    ]
    modules = [trial.module(samples) for trial in trials]
    errors = [module.forward(X) - samples.outputs for module in modules]
    return modules[int(np.argmin([weight @ (error**2).sum(axis=1) for error in errors]))]


def _weighted_quantiles(
    values: FloatArray, weight: FloatArray, shares: tuple[float, ...]
) -> FloatArray:
    """Least values (n_samples,) that so much of a weight, which adds up to 1, lies at or below."""
    order = np.argsort(values)
    places = np.searchsorted(np.cumsum(weight[order]), np.array(shares) - _SAME)
    return np.asarray(values[order[np.minimum(places, len(values) - 1)]])


@dataclass(frozen=True)
class _Lowering:
    """A sum of kernels for the samples of a ball.

    Parameters
    ----------
    kernels : KernelSum
    encoder : BallQuantizer
    widths : BitWidths
    rounding : Rounding
    index_width : int
        Bits of distances.
    """

    kernels: KernelSum
    encoder: BallQuantizer
    widths: BitWidths
    rounding: Rounding
    index_width: int

    @classmethod
    def around(
        cls,
        centre: FloatArray,
        radius: float,
        kernels: KernelSum,
        widths: BitWidths,
        rounding_bits: int,
    ) -> _Lowering:
        """Choose the encoder by centre and radius of the ball."""
        rounding = Rounding(rounding_bits, exact=False)
        index_width = min(2 * widths.inputs, _INDEX_BITS)
        longest = np.sqrt(rounding.largest_index(index_width))
        encoder = ball_around(centre, radius, kernels.points, longest)
        return cls(kernels, encoder, widths, rounding, index_width)

    def module(self, samples: Calibration) -> QuantizedModule:
        """Make integers that keep the outputs for samples of training."""
        builder = builder_of(self.encoder, "distances")
        make = self._lone_sum if self.kernels.weights.shape[1] == 1 else self._products
        total, scale, offset = make(builder, samples)
        output, shift = builder.add_output(total)
        decoder = OutputScale(scale, shift, offset)
        return QuantizedModule(builder.build([output]), (self.encoder,), (decoder,))

    def _lone_sum(
        self, builder: ProgramBuilder, samples: Calibration
    ) -> tuple[int, FloatArray, FloatArray]:
        """Look up kernels that are multiplied by their weights already."""
        weights = self._refitted(samples)[:, 0]
        greatest = max(weights.clip(0).sum(), -weights.clip(None, 0).sum())
        # every lookup rounds by a half at most
        room = (1 << (_SUM_BITS - 1)) - len(weights) / 2 - 1
        unit = room / greatest if greatest > 0 else 1.0
        values = self._values(builder, unit * weights)
        builder.source = "sum"
        total = builder.add(SumOver((0,), keepdims=True), values)
        sums = self._evaluated(builder, total, samples)
        offset = samples.weight @ (samples.outputs - sums / unit)
        return total, np.full(1, 1 / unit), offset

    def _products(
        self, builder: ProgramBuilder, samples: Calibration
    ) -> tuple[int, FloatArray, FloatArray]:
        """Look up kernels, and multiply them by the weights of each output."""
        top = (1 << _VALUE_BITS) - 1
        values = self._values(builder, np.full(len(self.kernels.points), top))
        n_bits = min(width_of(self.widths.weights, 0), _MOST_WEIGHT_BITS)
        seen = replace(samples, inputs=self._evaluated(builder, values, samples))
        codes, scale, offset = round_weights(self._refitted(samples) / top, n_bits, seen)
        builder.source = "sum"
        return builder.add(MatMul(codes), values), scale, offset

    def _refitted(self, samples: Calibration) -> FloatArray:
        """Weights (n_points, n_outputs) that bring rounded kernels to the outputs.

        Those of the model may be large and make up for each other, which rounding would undo.
        These are as small as they can be.
        """
        builder, top = builder_of(self.encoder, "distances"), float(1 << _FINE_BITS)
        values = self._values(builder, np.full(len(self.kernels.points), top))
        seen = replace(samples, inputs=self._evaluated(builder, values, samples) / top)
        return seen.refitted(np.zeros_like(self.kernels.weights))

    def _evaluated(self, builder: ProgramBuilder, tensor: int, samples: Calibration) -> FloatArray:
        """Integers of a tensor for samples of training, as floats."""
        (integers,) = builder.build([tensor])(self.encoder.quantize(samples.inputs))
        return integers.astype(np.float64)

    def _values(self, builder: ProgramBuilder, tops: FloatArray | IntArray) -> int:
        """Look kernels up: integers of which `tops` (n_points,) stand for a distance of 0.

        Each point's distances are multiplied until they fill the index.
        """
        places = self.encoder.lattice(self.kernels.points)
        room = self.rounding.largest_index(self.index_width)
        factors = to_integers(np.maximum(room // farthest(self.encoder, places), 1), "A factor")
        distances = add_squared_distances(builder, self.encoder, places, factors)
        low = int(builder.bounds(distances).low.min())
        removed = self.rounding.lsbs_to_remove(self.index_width)
        index = low + self.rounding.kept_indices(self.index_width)
        kinds, choice = np.unique(np.c_[tops, factors], axis=0, return_inverse=True)
        exponents = np.maximum(index, 0) * (self.kernels.gamma * self.encoder.step**2)
        tables = to_integers(kinds[:, :1] * np.exp(-exponents / kinds[:, 1:]), "A kernel")
        builder.source = "kernels"
        lookup = Lookup(low, tables, choice.ravel(), removed, exact=self.rounding.exact)
        return builder.add(lookup, distances)
