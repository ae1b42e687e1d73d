"""Nets that were trained for integers by other tools: their scales are kept.

A pair of `QuantizeLinear` and `DequantizeLinear`, with whatever clips in between, is one lookup
into the very integers that it says. Where the client can encode them, it is nothing at all.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from typing_extensions import override

from cml_sklearn.exceptions import BitWidthError
from cml_sklearn.quantization.affine import AffineQuantizer
from cml_sklearn.quantization.quantized_op import Operand, QuantizedOp
from cml_sklearn.quantization.quantized_tensor import QuantizedTensor

_WIDEST = 16
"""Bits of the widest integers that are looked up."""


class QuantizedQuantizeLinear(QuantizedOp, ops=("QuantizeLinear",)):
    """Integers in a given scale: nothing where the client encodes them, else a lookup."""

    may_be_clear = True

    @override
    def q_impl(
        self, x: Operand, y_scale: Operand, y_zero_point: Operand, **attributes: int
    ) -> QuantizedTensor:
        scale, zero_point = self.parameter(y_scale), self.parameter(y_zero_point)
        return self.tensor(x).then(lambda values: self.evaluate(values, scale, zero_point))


class QuantizedDequantizeLinear(QuantizedOp, ops=("DequantizeLinear",)):
    """Floats that given integers stand for, which keep their scale: one lookup at most."""

    may_be_clear = True

    @override
    def q_impl(
        self, x: Operand, x_scale: Operand, x_zero_point: Operand, **attributes: int
    ) -> QuantizedTensor:
        integers = as_integers(self.tensor(x))
        shape = (1, *integers.shape)
        scale, zero = self.parameter(x_scale), self.parameter(x_zero_point)
        ends = [
            self.compute(np.full(shape, value), np.asarray(scale, np.float64), zero)[0]
            for value in (0, 1)
        ]
        return integers.affine(ends[1] - ends[0], ends[0])


def as_integers(x: QuantizedTensor) -> QuantizedTensor:
    """Tensor whose floats are integers, as codes of one step each.

    Raises
    ------
    BitWidthError
        There are too many of them.
    """
    if x.is_affine:
        return x
    indices, values = x.possible_values()
    shifts = values - indices
    if (shifts == shifts[:1]).all():
        offset = np.broadcast_to(shifts[0], x.shape)
        return replace(x, scale=np.ones(()), offset=offset, functions=())
    low, high = int(values.min()), int(values.max())
    width = max((high - low).bit_length(), 1)
    if width > _WIDEST:
        raise BitWidthError(
            f"It makes integers from {low} to {high}; at most {_WIDEST} bits are looked up."
        )
    return x.encode(AffineQuantizer(np.ones(()), np.asarray(-low), width))
