"""Operators with exact integer arithmetic against constant weights."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from typing_extensions import override

from cml_sklearn._typing import Array, FloatArray, IntArray
from cml_sklearn.program.evaluation import convolve_floats
from cml_sklearn.program.steps import Convolve, MatMul, MultiplyMatrices, SumOver
from cml_sklearn.program.windows import Windows
from cml_sklearn.quantization.affine import AffineQuantizer
from cml_sklearn.quantization.ops.binary import factor_codes
from cml_sklearn.quantization.quantized_op import Operand, QuantizedOp
from cml_sklearn.quantization.quantized_tensor import QuantizedTensor
from cml_sklearn.quantization.ranges import random_rows
from cml_sklearn.quantization.rounding import Calibration, round_weights

_WIDEST_INDEX = 16
"""Bits of an accumulator that a lookup can still take."""

_FAR_ZERO = 2.0**20
"""Steps from which on the float 0 is too far away to count from it exactly."""

_MAX_PATCHES = 10_000
"""Windows of a convolution that its weights are fitted to."""


class _QuantizedLinear(QuantizedOp):
    """A product with constant weights; abstract."""

    is_product = True

    def as_factor(
        self, x: QuantizedTensor, n_terms: int, axis: int, effects: FloatArray
    ) -> tuple[QuantizedTensor, FloatArray]:
        """Integers narrow enough that a sum of `n_terms` weighted ones fits a lookup.

        See `QuantizedTensor.with_scale_along` for the axis, the effects, and what is returned. The
        scale is 0 where weights are to be none.
        """
        n_bits = self.n_bits.activations
        width = x.bounds.width + self.n_bits.weights + int(np.ceil(np.log2(n_terms)))
        is_input = x.number < x.builder.program.n_inputs
        fits = width <= _WIDEST_INDEX or is_input or x.bounds.width <= n_bits
        fits = fits or x.builder.exact_squares
        codes, scale = x.with_scale_along(axis, n_bits, effects, anew=not fits)
        has_ranges = codes.scale.ndim > 0 and (is_input or codes.number != x.number)
        return codes, np.where(_is_constant(codes, axis, has_ranges=has_ranges), 0.0, scale)

    def weights(self, operand: Operand, name: str) -> Array:
        """Weights, which must be a constant of the model."""
        if not isinstance(operand, np.ndarray):
            raise self.unsupported("has encrypted weights", f"Make {name} a constant of the model.")
        return operand

    def product(self, x: QuantizedTensor, weights: FloatArray) -> QuantizedTensor:
        """Quantize ``x @ weights`` plus a bias in the cheaper of two ways."""
        if weights.shape[1] == 1 and not x.is_affine and len(x.shape) == 1:
            return self.sum_of_tables(x, weights[:, 0])
        return self.multiply(x, weights)

    def sum_of_tables(self, x: QuantizedTensor, weights: FloatArray) -> QuantizedTensor:
        """Put the weights of a single output into the lookups before it: a plain sum remains.

        Its noise is the least there can be, and so are the crypto-parameters.

        Parameters
        ----------
        x : QuantizedTensor of shape (n_in,)
            With functions waiting.
        weights : ndarray of shape (n_in,)
        """
        index = x.spread()
        target = self.target.astype(np.float64)
        calibration = Calibration(index.rounded_values, target, x.builder.sample_weight)
        factors = calibration.refitted(weights[:, None])[:, 0]
        terms = index.then(lambda values: values * factors)
        codes = terms.look_up(_common_scale(terms.rounded_values, self.n_bits.activations))
        total = codes.step(SumOver((0,), keepdims=True))
        total = replace(total, scale=codes.scale[:1], offset=codes.offset.sum(keepdims=True))
        error = target - total.calibration_values
        return total.affine(1.0, x.builder.sample_weight @ error)

    def multiply(self, x: QuantizedTensor, weights: FloatArray) -> QuantizedTensor:
        """Quantize ``x @ weights`` plus a bias, with the float model's output as the aim.

        The steps of the input's features are folded into the weights before these are rounded, one
        scale a column; so features of any magnitude share an accumulator, at no cost under
        encryption. The bias ends up in the offset, free of charge, too.

        Parameters
        ----------
        x : QuantizedTensor of shape (..., n_in)
        weights : ndarray of shape (n_in, n_out)
        """
        n_in, n_out = weights.shape
        x, scale = self.as_factor(x, n_in, -1, weights)
        zeros = x.full_offset / x.full_scale
        # any shift does, as long as the codes' last bits stay
        zeros = np.where(np.abs(zeros) < _FAR_ZERO, zeros, 0.0)
        values = zeros + x.codes
        sample_weight = x.builder.sample_weight
        repeats = values.size // n_in // len(sample_weight)
        calibration = Calibration(
            values.reshape(-1, n_in),
            self.target.reshape(-1, n_out),
            np.repeat(sample_weight / repeats, repeats),
        )
        folded = scale[:, None] * weights
        integers, steps, offset = round_weights(folded, self.n_bits.weights, calibration)
        offset = zeros @ (integers * steps) + offset
        return replace(x.step(MatMul(integers)), scale=steps, offset=offset)


class QuantizedGemm(_QuantizedLinear, ops=("Gemm",)):
    """Affine layer."""

    mixes_features = True

    @override
    def q_impl(
        self,
        a: Operand,
        b: Operand,
        c: Operand,
        *,
        alpha: float,
        beta: float,
        transA: int,
        transB: int,
    ) -> QuantizedTensor:
        weights = self.weights(b, "B")
        if transA:
            raise self.unsupported("transposes its input", "Export the model with transA=0.")
        if isinstance(c, QuantizedTensor):
            raise self.unsupported("adds an encrypted C", "Use MatMul and Add.")
        weights = alpha * (weights.T if transB else weights)
        return self.product(self.tensor(a), weights.astype(np.float64))


class QuantizedMatMul(_QuantizedLinear, ops=("MatMul",)):
    """Product with a constant matrix on the right, or of two encrypted tensors' last two axes."""

    mixes_features = True

    @override
    def q_impl(self, a: Operand, b: Operand) -> QuantizedTensor:
        if isinstance(b, QuantizedTensor):
            return self._encrypted(self.tensor(a), b)
        weights = self.weights(b, "the right factor")
        if weights.ndim != 2:
            raise self.unsupported(
                f"has weights of {weights.ndim} axes", "Rewrite the layer with a matrix."
            )
        return self.product(self.tensor(a), weights.astype(np.float64))

    def _encrypted(self, a: QuantizedTensor, b: QuantizedTensor) -> QuantizedTensor:
        """Multiply the matrices of each sample."""
        if not len(a.shape) == len(b.shape) >= 2:
            raise self.unsupported(
                f"multiplies encrypted tensors of {len(a.shape) + 1} and {len(b.shape) + 1} axes",
                "Give both the same number of axes, at least 3: samples, rows, columns.",
            )
        x, y = (factor_codes(tensor, self.n_bits.activations) for tensor in (a, b))
        return replace(x.step(MultiplyMatrices(), y), scale=x.scale * y.scale)


class QuantizedConv(_QuantizedLinear, ops=("Conv",)):
    """Convolution; its padding is exact, since border elements have offsets of their own."""

    @override
    def q_impl(
        self, x: Operand, w: Operand, b: Operand, *, group: int, kernel_shape: object, **place: Any
    ) -> QuantizedTensor:
        self.parameter(b)
        w = self.weights(w, "W")
        x, scale = self.as_factor(
            self.tensor(x), math.prod(w.shape[1:]), 0, _effects_of_channels(w, group)
        )
        windows = Windows.place(x.shape[1:], w.shape[2:], **place)
        zeros = x.full_offset / x.full_scale
        integers, steps, offset = self._round(x, w, windows, group, scale)
        step = _convolve(integers, windows, group)
        axes = (-1, *(1,) * len(windows.count))
        steps, offset = steps.reshape(axes), offset.reshape(axes)
        shift = convolve_floats(step, zeros[None])[0]
        return replace(x.step(step), scale=steps, offset=offset + steps * shift)

    def _round(
        self, x: QuantizedTensor, w: FloatArray, windows: Windows, group: int, scale: FloatArray
    ) -> tuple[IntArray, FloatArray, FloatArray]:
        """Round the filters of each group to what the float convolution gives.

        Returns
        -------
        integers : ndarray of the shape of `w`
        steps, offset : ndarray of shape (n_filters,)
        """
        n_terms, n_positions = math.prod(w.shape[1:]), math.prod(windows.count)
        n_samples = len(x.builder.sample_weight)
        rows = random_rows(n_samples, max(_MAX_PATCHES // n_positions, 1))
        weight = np.repeat(x.builder.sample_weight[rows], n_positions)
        values = x.codes[rows] + x.offset / x.scale
        patches = windows.view(windows.pad(values, 0.0))
        patches = patches.reshape(len(rows), group, n_terms, n_positions)
        targets = self.target[rows].reshape(len(rows), group, -1, n_positions).astype(np.float64)
        folded = w.astype(np.float64).reshape(group, -1, w.shape[1], math.prod(w.shape[2:]))
        folded = (folded * scale.reshape(group, 1, -1, 1)).reshape(group, -1, n_terms)
        results = [
            round_weights(
                folded[g].T,
                self.n_bits.weights,
                Calibration(_rows(patches[:, g]), _rows(targets[:, g]), weight / weight.sum()),
            )
            for g in range(group)
        ]
        integers, steps, offsets = zip(*results, strict=True)
        filters = np.concatenate([i.T for i in integers]).reshape(w.shape)
        return filters, np.concatenate(steps), np.concatenate(offsets)


class QuantizedAveragePool(QuantizedOp, ops=("AveragePool", "GlobalAveragePool")):
    """Mean of windows: a sum, whose divisor goes into the scale."""

    @override
    def q_impl(
        self,
        x: Operand,
        *,
        kernel_shape: Sequence[int] = (),
        count_include_pad: int = 0,
        **place: Any,
    ) -> QuantizedTensor:
        x, scale = self.tensor(x).with_scale_along(0, self.n_bits.activations)
        kernel = tuple(kernel_shape or x.shape[1:])
        windows = Windows.place(x.shape[1:], kernel, **place)
        sums = _convolve(np.ones((len(scale), 1, *kernel), np.int64), windows, len(scale))
        ones = np.ones((1, *x.shape))
        divisor = convolve_floats(sums, ones)[0] / self.compute(ones)[0]
        scale = scale.reshape(-1, *(1,) * len(windows.count)) / divisor
        return replace(
            x.step(sums), scale=scale, offset=self.compute(x.full_offset[None].copy())[0]
        )


class QuantizedBatchNormalization(QuantizedOp, ops=("BatchNormalization",)):
    """Affine by channel: folded into scale and offset."""

    is_elementwise = True

    @override
    def q_impl(
        self, x: Operand, *parameters: Operand, epsilon: float, momentum: float, training_mode: int
    ) -> QuantizedTensor:
        if training_mode:
            raise self.unsupported("is in training mode", "Export the model in evaluation mode.")
        x = self.tensor(x)
        scale, bias, mean, variance = (
            np.asarray(self.parameter(p), dtype=np.float64) for p in parameters
        )
        factor = scale / np.sqrt(variance + epsilon)
        axes = (-1, *(1,) * (len(x.shape) - 1))
        return x.affine(factor.reshape(axes), (bias - mean * factor).reshape(axes))


def _effects_of_channels(filters: Array, group: int) -> FloatArray:
    """Size of each channel's weights by filter, shape (n_in, n_out); 0 in other groups."""
    n_out, n_in = filters.shape[:2]
    sizes = np.linalg.norm(filters.astype(np.float64).reshape(n_out, n_in, -1), axis=2)
    effects = np.zeros((group, n_in, group, n_out // group))
    for g, part in enumerate(sizes.reshape(group, -1, n_in)):
        effects[g, :, g] = part.T
    return effects.reshape(group * n_in, n_out)


def _is_constant(x: QuantizedTensor, axis: int, *, has_ranges: bool) -> NDArray[np.bool_]:
    """Which channels' range is a point: their own, or the proven one; shape (size,).

    The offset has what they add. The least weight would be too much: others would be rounded to 0
    beside it, since a point says nothing about the size of a step. Padding of other values than
    theirs would need their weights.
    """
    ends = np.stack([x.bounds.low, x.bounds.high])
    codes = np.concatenate([ends, x.codes]) if not has_ranges else x.codes
    rows = np.moveaxis(codes, axis % len(x.shape) + 1, -1).reshape(-1, x.shape[axis])
    same = (rows == rows[:1]).all(axis=0)
    if len(x.shape) == 1 or axis == -1:
        return same
    values = np.moveaxis(x.full_scale * x.codes[0] + x.full_offset, axis, -1)
    return same & (values.reshape(-1, x.shape[axis]) == 0).all(axis=0)


def _common_scale(values: FloatArray, n_bits: int) -> AffineQuantizer:
    """Codes of features that get added up: one step for all, a zero for each."""
    low, high = values.min(axis=0), values.max(axis=0)
    step = (high - low).max() / (2**n_bits - 1)
    scale = np.full(low.shape, step if step > 0 else 1.0)
    return AffineQuantizer.from_step(low, scale, n_bits)


def _convolve(weights: IntArray, windows: Windows, group: int) -> Convolve:
    """Step of a convolution with all padding spelt out, also what `ceil_mode` adds."""
    pads = (*windows.before, *windows.overhang)
    return Convolve(weights, windows.strides, pads, windows.dilations, group)


def _rows(x: FloatArray) -> FloatArray:
    """Matrix of a row for each sample and position, of (n_samples, n_columns, n_positions)."""
    return np.moveaxis(x, 1, 2).reshape(-1, x.shape[1])
