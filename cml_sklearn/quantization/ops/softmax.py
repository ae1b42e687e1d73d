"""Softmax between layers; at the end of a model, the client computes it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from typing_extensions import override

from cml_sklearn._typing import FloatArray
from cml_sklearn.program.steps import MultiplyConstant, Subtract
from cml_sklearn.quantization.affine import AffineQuantizer
from cml_sklearn.quantization.ops.extrema import comparable, largest_along
from cml_sklearn.quantization.ops.reduction import sum_over
from cml_sklearn.quantization.ops.shape import take
from cml_sklearn.quantization.quantized_op import Operand, QuantizedOp
from cml_sklearn.quantization.quantized_tensor import QuantizedTensor

_FINE = 0.25
"""Steps of a logarithm from which on they are halved."""


class QuantizedSoftmax(QuantizedOp, ops=("LogSoftmax", "Softmax")):
    """Exponential of ``x - max - log(sum)``: three lookups an element; of two elements, one each.

    No product is needed, since all is subtracted before the last lookup.
    """

    may_be_clear = True

    @override
    def q_impl(self, input: Operand, *, axis: int) -> QuantizedTensor:
        x = self.tensor(input)
        place = axis % (len(x.shape) + 1) - 1
        if place < 0:
            raise self.unsupported("runs over the samples", "Give another axis.")
        logarithm = self._difference(x, place) if x.shape[place] == 2 else self._shifted(x, place)
        return logarithm.then(np.exp) if self.node.op_type == "Softmax" else logarithm

    def _difference(self, x: QuantizedTensor, place: int) -> QuantizedTensor:
        """Logarithms of the softmax of pairs, as functions of their difference."""
        x = x.requantize(self.n_bits.activations, unless=x.has_one_scale)
        numbers = np.arange(np.prod(x.shape)).reshape(x.shape)
        other = take(x, np.flip(numbers, place))
        difference = replace(x.step(Subtract(), other), offset=np.zeros(()))
        return difference.then(_log_sigmoid)

    def _shifted(self, x: QuantizedTensor, place: int) -> QuantizedTensor:
        """Logarithms of the softmax of any number of elements."""
        codes = comparable(self, x, 1)
        below = codes.step(Subtract(), largest_along(codes, (place,), keepdims=True))
        below = replace(below, offset=np.zeros(()))
        unit = AffineQuantizer.from_range(0.0, 1.0, self.n_bits.activations)
        total = sum_over(below.then(np.exp).encode(unit), (place,), unit.n_bits, keepdims=True)
        finer = 2 if codes.scale.flat[0] > _FINE else 1
        step = np.asarray(codes.scale.flat[0] / finer)
        width = int(np.ceil(np.log(x.shape[place]) / step)).bit_length()
        logarithm = total.then(np.log).encode(
            AffineQuantizer(step, np.zeros((), np.int64), max(width, 1))
        )
        fine = below.step(MultiplyConstant(np.full(below.shape, finer)))
        return replace(fine.step(Subtract(), logarithm), scale=step)


def _log_sigmoid(x: FloatArray) -> FloatArray:
    return -np.logaddexp(0.0, -x)
