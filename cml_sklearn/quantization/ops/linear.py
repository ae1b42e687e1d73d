"""Operators with exact integer arithmetic against constant weights."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from cml_sklearn.fhe.primitives import IntArray
from cml_sklearn.program.windows import Windows
from cml_sklearn.quantization.quantized_op import QuantizedOp
from cml_sklearn.quantization.quantized_tensor import QuantizedTensor
from cml_sklearn.quantization.quantizers import AffineQuantizer, FloatArray
from cml_sklearn.quantization.rounding import Calibration, round_weights
from cml_sklearn.quantization.steps import Convolve, MatMul, SumOver

__all__ = [
    "QuantizedAveragePool",
    "QuantizedBatchNormalization",
    "QuantizedConv",
    "QuantizedGemm",
    "QuantizedMatMul",
    "QuantizedReduction",
]

_WIDEST_INDEX = 16
"""Bits of an accumulator that a lookup can still take."""

_MAX_PATCHES = 10_000
"""Windows of a convolution that its weights are fitted to."""


class _QuantizedLinear(QuantizedOp):
    """A product with constant weights; abstract."""

    def as_factor(self, x: QuantizedTensor, n_terms: int) -> QuantizedTensor:
        """Integers narrow enough that a sum of `n_terms` weighted ones fits a lookup."""
        x = x.as_affine(self.n_bits.activations)
        width = x.bounds.width + self.n_bits.weights + int(np.ceil(np.log2(n_terms)))
        if width <= _WIDEST_INDEX or x.number < x.builder.n_inputs:
            return x
        return x.as_codes(self.n_bits.activations)

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
        index = x.as_rounded_index()
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
        x = self.as_factor(x, len(weights))
        scale = np.broadcast_to(x.scale, x.shape).reshape(-1, x.shape[-1])
        if not (scale == scale[0]).all():
            x = x.requantize(self.n_bits.activations)
            scale = np.broadcast_to(x.scale, x.shape).reshape(-1, x.shape[-1])
        n_in, n_out = weights.shape
        values = np.broadcast_to(x.offset, x.shape) / scale[0] + x.builder.codes(x.number)
        sample_weight = x.builder.sample_weight
        repeats = values.size // n_in // len(sample_weight)
        calibration = Calibration(
            values.reshape(-1, n_in),
            self.target.reshape(-1, n_out).astype(np.float64),
            np.repeat(sample_weight / repeats, repeats),
        )
        folded = scale[0][:, None] * weights
        integers, steps, offset = round_weights(folded, self.n_bits.weights, calibration)
        shift = (np.broadcast_to(x.offset, x.shape) / scale[0]) @ (integers * steps)
        result = x.step(MatMul(integers))
        return replace(result, scale=steps, offset=shift + offset)


class QuantizedGemm(_QuantizedLinear, ops=("Gemm",)):
    """Affine layer."""

    def q_impl(self, a: Any, b: Any, c: Any, **attributes: Any) -> QuantizedTensor:
        """See `QuantizedOp.q_impl`."""
        if not isinstance(a, QuantizedTensor) or isinstance(b, QuantizedTensor):
            raise self.unsupported("has encrypted weights", "Make B a constant of the model.")
        if attributes["transA"]:
            raise self.unsupported("transposes its input", "Export the model with transA=0.")
        if isinstance(c, QuantizedTensor):
            raise self.unsupported("adds an encrypted C", "Use MatMul and Add.")
        weights = attributes["alpha"] * (b.T if attributes["transB"] else b)
        return self.product(a, weights.astype(np.float64))


class QuantizedMatMul(_QuantizedLinear, ops=("MatMul",)):
    """Product with a constant matrix on the right."""

    def q_impl(self, a: Any, b: Any, **attributes: Any) -> QuantizedTensor:
        """See `QuantizedOp.q_impl`."""
        if not isinstance(a, QuantizedTensor) or isinstance(b, QuantizedTensor) or b.ndim != 2:
            raise self.unsupported(
                "multiplies by something else than a constant matrix on the right",
                "Rewrite the layer so that its weights are a constant of two axes.",
            )
        return self.product(a, b.astype(np.float64))


class QuantizedConv(_QuantizedLinear, ops=("Conv",)):
    """Convolution; its padding is exact, since border elements have offsets of their own."""

    def q_impl(self, x: Any, w: Any, b: Any, **attributes: Any) -> QuantizedTensor:
        """See `QuantizedOp.q_impl`."""
        if not isinstance(x, QuantizedTensor) or isinstance(w, QuantizedTensor):
            raise self.unsupported("has encrypted weights", "Make W a constant of the model.")
        x = self.as_factor(x, int(np.prod(w.shape[1:])))
        by_channel = np.broadcast_to(x.scale, x.shape).reshape(x.shape[0], -1)
        if not (by_channel == by_channel[:, :1]).all():
            x = x.requantize(self.n_bits.activations)
            by_channel = np.broadcast_to(x.scale, x.shape).reshape(x.shape[0], -1)
        group = attributes["group"]
        windows = _place(x, w.shape[2:], attributes)
        zeros = x.offset / x.scale
        integers, steps, offset = self._round(x, w, windows, group, by_channel[:, 0])
        convolve = _convolve(integers, windows, group)
        axes = (-1, *(1,) * len(windows.count))
        steps, offset = steps.reshape(axes), offset.reshape(axes)
        shift = convolve.apply(np.broadcast_to(zeros, x.shape)[None])[0]
        return replace(x.step(convolve), scale=steps, offset=offset + steps * shift)

    def _round(
        self, x: QuantizedTensor, w: FloatArray, windows: Windows, group: int, scale: FloatArray
    ) -> tuple[IntArray, FloatArray, FloatArray]:
        """Round the filters of each group to what the float convolution gives.

        Returns
        -------
        integers : ndarray of the shape of `w`
        steps, offset : ndarray of shape (n_filters,)
        """
        n_filters, n_terms = len(w) // group, int(np.prod(w.shape[1:]))
        n_samples = len(x.builder.sample_weight)
        n_positions = int(np.prod(windows.count))
        rows = np.arange(0, n_samples, -(-n_samples * n_positions // _MAX_PATCHES))
        weight = np.repeat(x.builder.sample_weight[rows], n_positions)
        values = x.builder.codes(x.number)[rows] + x.offset / x.scale
        patches = windows.view(windows.pad(values, 0.0))
        patches = patches.reshape(len(rows), group, n_terms, n_positions).transpose(1, 0, 3, 2)
        targets = self.target[rows].reshape(len(rows), group, n_filters, n_positions)
        folded = w.astype(np.float64).reshape(group, n_filters, -1, int(np.prod(w.shape[2:])))
        folded = folded * scale.reshape(group, 1, -1, 1)
        results = [
            round_weights(
                folded[g].reshape(n_filters, n_terms).T,
                self.n_bits.weights,
                Calibration(
                    patches[g].reshape(-1, n_terms),
                    targets[:, g].transpose(0, 2, 1).reshape(-1, n_filters).astype(np.float64),
                    weight / weight.sum(),
                ),
            )
            for g in range(group)
        ]
        integers, steps, offsets = zip(*results, strict=True)
        filters = np.concatenate([i.T for i in integers]).reshape(w.shape)
        return filters, np.concatenate(steps), np.concatenate(offsets)


class QuantizedAveragePool(QuantizedOp, ops=("AveragePool", "GlobalAveragePool")):
    """Mean of windows: a sum, whose divisor goes into the scale."""

    def q_impl(self, x: Any, **attributes: Any) -> QuantizedTensor:
        """See `QuantizedOp.q_impl`."""
        x = x.as_affine(self.n_bits.activations)
        channels = x.shape[0]
        by_channel = np.broadcast_to(x.scale, x.shape).reshape(channels, -1)
        if not (by_channel == by_channel[:, :1]).all():
            x = x.requantize(self.n_bits.activations)
            by_channel = np.broadcast_to(x.scale, x.shape).reshape(channels, -1)
        kernel = attributes.get("kernel_shape") or x.shape[1:]
        windows = _place(x, kernel, attributes)
        sums = _convolve(np.ones((channels, 1, *kernel), np.int64), windows, channels)
        ones = np.ones((1, *x.shape))
        divisor = sums.apply(ones)[0] / self.impl(ones, **attributes)[0][0]
        offset = self.impl(np.broadcast_to(x.offset, x.shape)[None].copy(), **attributes)[0][0]
        scale = by_channel[:, 0].reshape(-1, *(1,) * len(windows.count)) / divisor
        return replace(x.step(sums), scale=scale, offset=offset)


class QuantizedBatchNormalization(QuantizedOp, ops=("BatchNormalization",)):
    """Affine by channel: folded into scale and offset."""

    def q_impl(self, x: Any, *parameters: Any, **attributes: Any) -> QuantizedTensor:
        """See `QuantizedOp.q_impl`."""
        if attributes["training_mode"]:
            raise self.unsupported("is in training mode", "Export the model in evaluation mode.")
        scale, bias, mean, variance = (np.asarray(p, dtype=np.float64) for p in parameters)
        factor = scale / np.sqrt(variance + attributes["epsilon"])
        axes = (-1, *(1,) * (len(x.shape) - 1))
        term = (bias - mean * factor).reshape(axes)
        return x.affine(factor.reshape(axes), term)


class QuantizedReduction(QuantizedOp, ops=("ReduceMean", "ReduceSum")):
    """Sum over constant axes; the mean's divisor goes into the scale."""

    def q_impl(self, data: Any, axes: Any, **attributes: Any) -> QuantizedTensor:
        """See `QuantizedOp.q_impl`."""
        if axes is None and attributes["noop_with_empty_axes"]:
            return data
        rank = len(data.shape) + 1
        found = tuple(range(rank)) if axes is None else tuple(int(a) % rank for a in axes)
        if 0 in found:
            raise self.unsupported("reduces over the samples", "Keep axis 0 out of its axes.")
        x = data.as_affine(self.n_bits.activations)
        x = x if x.has_one_scale else x.requantize(self.n_bits.activations)
        step = SumOver(tuple(a - 1 for a in found), bool(attributes["keepdims"]))
        count = int(np.prod([x.shape[a - 1] for a in found]))
        total = replace(x.step(step), scale=x.scale.flat[:1], offset=x.offset.flat[:1] * count)
        if self.node.op_type == "ReduceSum":
            return total
        return total.affine(1 / count, 0.0)


def _common_scale(values: FloatArray, n_bits: int) -> AffineQuantizer:
    """Codes of features that get added up: one step for all, a zero for each."""
    low, high = values.min(axis=0), values.max(axis=0)
    step = (high - low).max() / (2**n_bits - 1)
    scale = np.full(low.shape, step if step > 0 else 1.0)
    return AffineQuantizer(scale, np.rint(-low / scale).astype(np.int64), n_bits)


def _place(x: QuantizedTensor, kernel: tuple[int, ...], attributes: dict[str, Any]) -> Windows:
    """Windows of a convolution or pooling."""
    names = ("strides", "dilations", "pads", "auto_pad", "ceil_mode")
    given = {name: attributes[name] for name in names if name in attributes}
    return Windows.place(x.shape[1:], kernel, **given)


def _convolve(weights: IntArray, windows: Windows, group: int) -> Convolve:
    """Step of a convolution with all padding spelt out, also what `ceil_mode` adds."""
    pads = (*windows.before, *windows.overhang)
    return Convolve(weights, windows.strides, pads, windows.dilations, group)
