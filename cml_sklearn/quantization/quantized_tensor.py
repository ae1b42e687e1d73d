"""Encrypted tensors as operators see them while a module is quantized."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from cml_sklearn.fhe.primitives import IntArray
from cml_sklearn.quantization.program import ProgramBuilder
from cml_sklearn.quantization.quantizers import AffineQuantizer, FloatArray
from cml_sklearn.quantization.rounding import best_range
from cml_sklearn.quantization.steps import AddConstant, Bounds, Lookup, Step

__all__ = ["FloatFunction", "QuantizedTensor"]

FloatFunction = Callable[[FloatArray], FloatArray]


@dataclass(frozen=True)
class QuantizedTensor:
    """An integer tensor of the program and the float that it stands for.

    The float is ``functions(scale * q + offset)``. Scale and offset are floats by element (or
    broadcast), so affine operators cost nothing: they only change these two. Functions wait until
    an operator needs integers again; then all of them become one lookup.

    Parameters
    ----------
    builder : ProgramBuilder
    number : int
        Tensor of the program.
    scale, offset : ndarray
        Broadcastable to `shape`.
    functions : tuple of callables
        Elementwise float functions still to apply, first to last, each on arrays of shape
        (n, ...) whose other axes broadcast to `shape`.
    """

    builder: ProgramBuilder
    number: int
    scale: FloatArray
    offset: FloatArray
    functions: tuple[FloatFunction, ...] = ()

    @property
    def bounds(self) -> Bounds:
        """Interval of the integers."""
        return self.builder.bounds(self.number)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape without the batch axis."""
        return self.bounds.shape

    @property
    def calibration_values(self) -> FloatArray:
        """Floats of the tensor on the calibration data, shape (n_samples, ...)."""
        return self.float_values(self.builder.codes(self.number))

    @property
    def is_affine(self) -> bool:
        """Whether no function waits."""
        return not self.functions

    @property
    def has_one_scale(self) -> bool:
        """Whether the tensor is affine with the same scale and offset everywhere."""
        return self.is_affine and _is_uniform(self.scale) and _is_uniform(self.offset)

    def then(self, function: FloatFunction) -> QuantizedTensor:
        """Apply an elementwise float function, later."""
        return replace(self, functions=(*self.functions, function))

    def affine(self, factor: FloatArray | float, term: FloatArray | float) -> QuantizedTensor:
        """Apply ``factor * x + term``: free, or one more waiting function."""
        if not self.is_affine:
            return self.then(lambda x: factor * x + term)
        return replace(self, scale=self.scale * factor, offset=self.offset * factor + term)

    def step(self, step: Step, *others: QuantizedTensor) -> QuantizedTensor:
        """Append a step; scale and offset stay."""
        number = self.builder.add(step, self.number, *(other.number for other in others))
        return replace(self, number=number)

    def float_values(self, codes: IntArray) -> FloatArray:
        """Floats that integers of shape (n, ...) stand for."""
        values = self.scale * codes + self.offset
        with np.errstate(all="ignore"):
            for function in self.functions:
                values = function(values)
        return values

    def as_affine(self, n_bits: int) -> QuantizedTensor:
        """Return the tensor itself, or its codes where functions wait."""
        return self if self.is_affine else self.requantize(n_bits)

    def as_codes(self, n_bits: int) -> QuantizedTensor:
        """Return the tensor itself if it is narrow and of one scale; else its codes."""
        narrow = self.has_one_scale and self.bounds.width <= n_bits
        return self if narrow else self.requantize(n_bits)

    def requantize(self, n_bits: int) -> QuantizedTensor:
        """Codes of the float, by one lookup an element, in the range of least error."""
        values = np.nan_to_num(self.calibration_values, posinf=0.0, neginf=0.0)
        if np.isin(values, (0.0, 1.0)).all():
            n_bits = 1
        weight = self.builder.sample_weight
        return self.encode(best_range(values, n_bits, weight, per_feature=False))

    def encode(self, quantizer: AffineQuantizer) -> QuantizedTensor:
        """Codes of the float in a given range, by one lookup an element."""
        number = self.builder.add(self._lookup(quantizer), self.number)
        scale = quantizer.scale
        return QuantizedTensor(self.builder, number, scale, -scale * quantizer.zero_point)

    def _lookup(self, quantizer: AffineQuantizer) -> Lookup:
        """Build the tables, one for each distinct channel."""
        low, high = int(self.bounds.low.min()), int(self.bounds.high.max())
        width = max((high - low).bit_length(), 1)
        index = np.arange(low, low + (1 << width)).reshape((-1, *(1,) * len(self.shape)))
        codes = quantizer.quantize(_fill_gaps(self.float_values(index)))
        tables, choice = np.unique(codes.reshape(len(codes), -1).T, axis=0, return_inverse=True)
        choice = np.broadcast_to(choice.reshape(codes.shape[1:]), self.shape)
        removed, exact = self.builder.rounding(width)
        return Lookup(low, tables, choice, removed, exact)

    def with_integer_offset(self) -> QuantizedTensor:
        """Move the offset into the integers, to half a step: the output then shows no bias."""
        safe = np.where(self.scale == 0, 1.0, self.scale)
        shift = np.rint(self.offset / safe).astype(np.int64)
        if (self.scale == 0).any() or not shift.any():
            return self
        moved = self.step(AddConstant(np.broadcast_to(shift, self.shape)))
        return replace(moved, offset=np.zeros_like(self.offset))


def _fill_gaps(values: FloatArray) -> FloatArray:
    """Replace NaN by the nearest entry along the first axis.

    Rounding moves arguments a little beyond the domain of functions such as the logarithm.
    """
    columns = values.reshape(len(values), -1).copy()
    rows = np.arange(len(columns))
    for column in columns.T:
        gaps = np.isnan(column)
        if gaps.any() and not gaps.all():
            known = rows[~gaps]
            right = np.searchsorted(known, rows[gaps]).clip(0, len(known) - 1)
            left = (right - 1).clip(0)
            nearer = np.abs(known[left] - rows[gaps]) < np.abs(known[right] - rows[gaps])
            column[gaps] = column[np.where(nearer, known[left], known[right])]
    return np.nan_to_num(columns).reshape(values.shape)


def _is_uniform(values: FloatArray) -> bool:
    """Whether all elements are the same."""
    return bool((values == values.flat[0]).all())
