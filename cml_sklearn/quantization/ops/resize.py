"""Change of resolution under encryption: elements repeated, or added up by clear integers."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
from typing_extensions import override

from cml_sklearn._typing import FloatArray, IntArray
from cml_sklearn.onnx.ops_impl.resize import interpolation_matrices
from cml_sklearn.program.integers import to_integers
from cml_sklearn.program.steps import MatMul, Transpose
from cml_sklearn.quantization.ops.shape import take
from cml_sklearn.quantization.quantized_op import Operand, QuantizedOp
from cml_sklearn.quantization.quantized_tensor import QuantizedTensor

_COMMON = 64
"""Largest number that exact weights are multiples of one over."""


class QuantizedResize(QuantizedOp, ops=("Resize",)):
    """Change of resolution: free in mode nearest, else a product with constant weights an axis."""

    may_be_clear = True

    @override
    def q_impl(
        self,
        x: Operand,
        roi: Operand,
        scales: Operand,
        sizes: Operand,
        *,
        coordinate_transformation_mode: str,
        keep_aspect_ratio_policy: str,
        extrapolation_value: float,
        mode: str,
        **rest: Any,
    ) -> QuantizedTensor:
        tensor = self.affine(x)
        matrices = interpolation_matrices(
            (1, *tensor.shape),
            self.parameter(scales),
            self.parameter(sizes),
            coordinates=coordinate_transformation_mode,
            policy=keep_aspect_ratio_policy,
            mode=mode,
            **rest,
        )
        if 0 in matrices:
            raise self.unsupported("changes the number of samples", "Resize other axes only.")
        for axis, matrix in matrices.items():
            along = _repeated if mode == "nearest" else self._interpolated
            tensor = along(tensor, axis - 1, matrix)
        return tensor

    def _interpolated(self, x: QuantizedTensor, axis: int, matrix: FloatArray) -> QuantizedTensor:
        """Add up neighbours along an axis."""
        x = x.requantize(self.n_bits.activations, unless=x.has_one_scale)
        weights, divisor = _integer_weights(matrix, self.n_bits.weights)
        order = list(range(len(x.shape)))
        order[axis], order[-1] = order[-1], order[axis]
        there = Transpose(tuple(order))  # its own inverse
        summed = x.step(there).step(MatMul(np.ascontiguousarray(weights.T))).step(there)
        scale, offset = (np.asarray(v.flat[0]) for v in (x.scale, x.offset))
        totals = weights.sum(axis=1).reshape(-1, *(1,) * (len(x.shape) - 1 - axis)) / divisor
        return replace(summed, scale=scale / divisor, offset=offset * totals)


def _repeated(x: QuantizedTensor, axis: int, matrix: FloatArray) -> QuantizedTensor:
    """Copy elements along an axis."""
    numbers = np.arange(math.prod(x.shape)).reshape(x.shape)
    return take(x, np.take(numbers, matrix.argmax(axis=1), axis))


def _integer_weights(matrix: FloatArray, n_bits: int) -> tuple[IntArray, int]:
    """Integers, and what they are to be divided by: exact weights, or the nearest of some width."""
    for divisor in range(1, _COMMON + 1):
        multiples = matrix * divisor
        if np.abs(multiples - np.rint(multiples)).max() < 1e-6 * divisor:
            break
    else:
        divisor = 2 ** (n_bits - 1)
    return to_integers(np.rint(matrix * divisor), "A weight of a resize"), divisor
