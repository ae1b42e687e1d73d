"""Operators with exact integer arithmetic against constant weights."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from cml_sklearn.quantization.quantized_op import Operand, QuantizedOp
from cml_sklearn.quantization.quantized_tensor import QuantizedTensor
from cml_sklearn.quantization.quantizers import FloatArray
from cml_sklearn.quantization.rounding import Calibration, round_weights
from cml_sklearn.quantization.steps import MatMul

__all__ = ["QuantizedGemm", "QuantizedMatMul"]


class _QuantizedLinear(QuantizedOp):
    """A product with constant weights; abstract."""

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
        x = x if x.is_affine else x.requantize()
        features = np.broadcast_to(x.scale, x.shape)[(0,) * (len(x.shape) - 1)]
        codes = x.builder.codes(x.number)
        n_in, n_out = weights.shape
        repeats = codes.size // n_in // len(self.sample_weight)
        calibration = Calibration(
            codes.reshape(-1, n_in).astype(np.float64),
            self.target.reshape(-1, n_out),
            np.repeat(self.sample_weight / repeats, repeats),
        )
        folded = features[:, None] * weights
        integers, scale, offset = round_weights(folded, self.n_bits.weights, calibration)
        number = x.builder.add(MatMul(integers), x.number)
        return replace(x, number=number, scale=scale, offset=offset, quantizer=None)


class QuantizedGemm(_QuantizedLinear, ops=("Gemm",)):
    """Affine layer."""

    def q_impl(self, *inputs: Operand, **attributes: Any) -> QuantizedTensor:
        """See `QuantizedOp.q_impl`."""
        a, b, c = inputs
        if not isinstance(a, QuantizedTensor) or not isinstance(b, np.ndarray):
            raise self.unsupported("has encrypted weights", "Make B a constant of the model.")
        if attributes["transA"]:
            raise self.unsupported("transposes its input", "Export the model with transA=0.")
        weights = attributes["alpha"] * (b.T if attributes["transB"] else b)
        if isinstance(c, QuantizedTensor):
            raise self.unsupported("adds an encrypted C", "Use MatMul and Add.")
        return self.multiply(a, weights.astype(np.float64))


class QuantizedMatMul(_QuantizedLinear, ops=("MatMul",)):
    """Product with a constant matrix on the right."""

    def q_impl(self, *inputs: Operand, **attributes: Any) -> QuantizedTensor:
        """See `QuantizedOp.q_impl`."""
        a, b = inputs
        if not isinstance(a, QuantizedTensor) or not isinstance(b, np.ndarray) or b.ndim != 2:
            raise self.unsupported(
                "multiplies by something else than a constant matrix on the right",
                "Rewrite the layer so that its weights are a constant of two axes.",
            )
        return self.multiply(a, b.astype(np.float64))
