"""Encrypted tensors as operators see them while a module is quantized."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from cml_sklearn.fhe.primitives import IntArray
from cml_sklearn.quantization.program import ProgramBuilder
from cml_sklearn.quantization.quantizers import AffineQuantizer, FloatArray
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
    quantizer : AffineQuantizer, optional
        Codes for the float after `functions`, from calibration.
    rounding_bits : int, optional
        Bits of the index that a lookup keeps; None: all.
    exact_rounding : bool
    """

    builder: ProgramBuilder
    number: int
    scale: FloatArray
    offset: FloatArray
    functions: tuple[FloatFunction, ...] = ()
    quantizer: AffineQuantizer | None = None
    rounding_bits: int | None = field(default=None, kw_only=True)
    exact_rounding: bool = field(default=True, kw_only=True)

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

    def then(self, function: FloatFunction) -> QuantizedTensor:
        """Apply an elementwise float function, later."""
        return replace(self, functions=(*self.functions, function))

    def affine(self, factor: FloatArray, term: FloatArray) -> QuantizedTensor:
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
        for function in self.functions:
            values = function(values)
        return values

    def requantize(self, quantizer: AffineQuantizer | None = None) -> QuantizedTensor:
        """Codes of the float, by one lookup an element (by none when they are codes already)."""
        if quantizer is None:
            if self.is_affine and self.scale.size == 1:
                return self
            quantizer = self.quantizer
        if quantizer is None:
            raise ValueError("A tensor without calibrated range can't be requantized.")
        number = self.builder.add(self._lookup(quantizer), self.number)
        scale = quantizer.scale
        return QuantizedTensor(
            self.builder,
            number,
            scale,
            -scale * quantizer.zero_point,
            quantizer=quantizer,
            rounding_bits=self.rounding_bits,
            exact_rounding=self.exact_rounding,
        )

    def _lookup(self, quantizer: AffineQuantizer) -> Lookup:
        """Build the tables, one for each distinct channel."""
        low, high = int(self.bounds.low.min()), int(self.bounds.high.max())
        width = max((high - low).bit_length(), 1)
        removed = 0 if self.rounding_bits is None else max(width - self.rounding_bits, 0)
        ranks = max(len(self.shape), 1)
        index = np.arange(low, low + (1 << width)).reshape((-1, *(1,) * ranks))
        codes = quantizer.quantize(self.float_values(index))
        channels = np.broadcast_to(codes, (codes.shape[0], *codes.shape[1:]))
        flat = channels.reshape(channels.shape[0], -1).T
        tables, choice = np.unique(flat, axis=0, return_inverse=True)
        choice = np.broadcast_to(choice.reshape(channels.shape[1:]), self.shape)
        return Lookup(low, tables, choice, removed, self.exact_rounding)

    def with_integer_offset(self) -> QuantizedTensor:
        """Move the offset into the integers, to half a step: the output then shows no bias."""
        if not self.is_affine:
            return self
        shift = np.rint(self.offset / self.scale).astype(np.int64)
        if not shift.any():
            return self
        moved = self.step(AddConstant(np.broadcast_to(shift, self.shape)))
        return replace(moved, offset=np.zeros_like(self.offset))
