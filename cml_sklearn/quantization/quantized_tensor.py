"""Encrypted tensors as operators see them while a module is quantized."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from cml_sklearn._typing import FloatArray, IntArray
from cml_sklearn.exceptions import BitWidthError
from cml_sklearn.program.bounds import Bounds
from cml_sklearn.program.steps import AddConstant, Lookup, MultiplyConstant, Step
from cml_sklearn.quantization.builder import ModuleBuilder
from cml_sklearn.quantization.encoders import AffineQuantizer
from cml_sklearn.quantization.ranges import best_range

__all__ = ["FloatFunction", "QuantizedTensor"]

_WIDEST_SPREAD = 16
"""Bits to which an index is spread: more would only make the tables longer."""

_WIDEST_TABLE = 22
"""Bits of the widest table that is made, if only for clear integers: more would take GBs."""

_SPREAD_BITS = 3
"""Bits added to a rounded index, so that an integer factor fills it to an eighth."""

FloatFunction = Callable[[FloatArray], FloatArray]

_BISECTIONS = 40


@dataclass(frozen=True)
class QuantizedTensor:
    """An integer tensor of the program and the float that it stands for.

    The float is ``functions(scale * q + offset)``. Scale and offset are floats by element (or
    broadcast), so affine operators cost nothing: they only change these two. Functions wait until
    an operator needs integers again; then all of them become one lookup.

    Parameters
    ----------
    builder : ModuleBuilder
    number : int
        Tensor of the program.
    scale, offset : ndarray
        Broadcastable to `shape`.
    functions : tuple of callables
        Elementwise float functions still to apply, first to last, each on arrays of shape
        (n, ...) whose other axes broadcast to `shape`.
    """

    builder: ModuleBuilder
    number: int
    scale: FloatArray
    offset: FloatArray
    functions: tuple[FloatFunction, ...] = ()

    @property
    def bounds(self) -> Bounds:
        """Interval of the integers."""
        return self.builder.program.bounds(self.number)

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
        return self._apply(self.scale * codes + self.offset)

    def _apply(self, values: FloatArray) -> FloatArray:
        """Apply the waiting functions."""
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
        arguments = self.scale * self.builder.codes(self.number) + self.offset
        values = _values_in_domain(self._apply, arguments)
        values = np.nan_to_num(values, posinf=0.0, neginf=0.0)
        if np.isin(values, (0.0, 1.0)).all():
            n_bits = 1
        weight = self.builder.sample_weight
        method = self.builder.range_method
        return self.encode(best_range(values, n_bits, weight, per_feature=False, method=method))

    def encode(self, quantizer: AffineQuantizer) -> QuantizedTensor:
        """Codes of the float in a given range, by one lookup an element."""
        return self.as_rounded_index().look_up(quantizer)

    def look_up(self, quantizer: AffineQuantizer) -> QuantizedTensor:
        """Codes of the float in a given range, with the integers as they are for an index."""
        number = self.builder.add(self._lookup(quantizer), self.number)
        scale = quantizer.scale
        return QuantizedTensor(self.builder, number, scale, -scale * quantizer.zero_point)

    @property
    def rounded_values(self) -> FloatArray:
        """Floats on the calibration data after the rounding of the index by `look_up`."""
        low, width = self._index_range()
        removed = self.builder.lsbs_to_remove(width)
        index = self.builder.codes(self.number) - low
        return self.float_values(((index + ((1 << removed) >> 1)) >> removed << removed) + low)

    def as_rounded_index(self) -> QuantizedTensor:
        """Spread every channel over the whole index, if lookups round it; else the same tensor.

        An approximately rounded index costs by the bits that are kept, not by its width. So each
        channel is shifted to 0 and multiplied until its proven range fills the index, but for the
        last of the kept steps: rounding up, and the noise under it, can't overflow.
        """
        removed, exact = self.builder.lsbs_to_remove(self._index_range()[1]), self._exact
        if not removed:
            return self
        axes = tuple(range(1, len(self.shape)))
        low = self.bounds.low.min(axis=axes, keepdims=True)
        span = self.bounds.high.max(axis=axes, keepdims=True) - low
        least = int(span.max()).bit_length()
        width = least if exact else max(least, min(least + _SPREAD_BITS, _WIDEST_SPREAD))
        room = (1 << width) - (1 << self.builder.lsbs_to_remove(width))
        if room < span.max():
            width, room = width + 1, 2 * room
        factor = np.broadcast_to(np.maximum(room // np.maximum(span, 1), 1), self.shape)
        low = np.broadcast_to(low, self.shape)
        result = replace(self, scale=self.scale / factor, offset=self.offset + self.scale * low)
        return result.step(MultiplyConstant(factor)).step(AddConstant(-low * factor))

    @property
    def _exact(self) -> bool:
        return self.builder.rounding.exact

    def _index_range(self) -> tuple[int, int]:
        """Smallest index, and width of the index of a lookup: such that rounding can't overflow."""
        low, high = int(self.bounds.low.min()), int(self.bounds.high.max())
        width = max((high - low).bit_length(), 1)
        removed = self.builder.lsbs_to_remove(width)
        return low, width + (removed > 0 and high - low > (1 << width) - (1 << removed))

    def _lookup(self, quantizer: AffineQuantizer) -> Lookup:
        """Build the tables, one for each distinct channel."""
        low, width = self._index_range()
        removed, exact = self.builder.lsbs_to_remove(width), self._exact
        if width - removed > _WIDEST_TABLE:
            raise BitWidthError(
                f"The lookup after {self.builder.program.source_of(self.number)} has an index of "
                f"{width - removed} bits; tables of more than {_WIDEST_TABLE} are not made. Lower "
                "n_bits (of inputs or weights), or set rounding_bits."
            )
        index = low + (np.arange(1 << (width - removed)) << removed)
        index = index.reshape((-1, *(1,) * len(self.shape)))
        arguments = self.scale * index + self.offset
        codes = quantizer.quantize(np.nan_to_num(_values_in_domain(self._apply, arguments)))
        tables, choice = _distinct(codes.reshape(len(codes), -1).T)
        choice = np.broadcast_to(choice.reshape(codes.shape[1:]), self.shape)
        return Lookup(low, tables, choice, removed, exact)

    def with_integer_offset(self) -> QuantizedTensor:
        """Move the offset into the integers, to half a step: the output then shows no bias."""
        safe = np.where(self.scale == 0, 1.0, self.scale)
        shift = np.rint(self.offset / safe).astype(np.int64)
        if (self.scale == 0).any() or not shift.any():
            return self
        moved = self.step(AddConstant(np.broadcast_to(shift, self.shape)))
        return replace(moved, offset=np.zeros_like(self.offset))


def _values_in_domain(function: FloatFunction, arguments: FloatArray) -> FloatArray:
    """Values of a function; where it has none, its value at the edge of its domain.

    Rounding moves arguments a little beyond the domain of functions such as the logarithm. The edge
    is found by bisection from the nearest argument of the same column that has a value; where
    there is none, the result is NaN.
    """
    values = function(arguments)
    gaps = np.isnan(values)
    if not gaps.any() or gaps.all(axis=0).any():
        return values
    outside = np.broadcast_to(arguments, values.shape)
    order = np.argsort(outside, axis=0)
    nearest = np.take_along_axis(order, _nearest(np.take_along_axis(~gaps, order, axis=0)), axis=0)
    inside = np.empty_like(outside)
    np.put_along_axis(inside, order, np.take_along_axis(outside, nearest, axis=0), axis=0)
    for _ in range(_BISECTIONS):
        middle = (inside + outside) / 2
        valid = ~np.isnan(function(middle))
        inside, outside = np.where(valid, middle, inside), np.where(valid, outside, middle)
    return np.where(gaps, function(inside), values)


def _nearest(known: NDArray[np.bool_]) -> IntArray:
    """Row of the nearest true element in each column, for every element."""
    rows = np.arange(len(known)).reshape(-1, *(1,) * (known.ndim - 1))
    before = np.maximum.accumulate(np.where(known, rows, -len(known)), axis=0)
    after = np.minimum.accumulate(np.where(known, rows, 2 * len(known))[::-1], axis=0)[::-1]
    return np.where(rows - before <= after - rows, before, after)


def _distinct(rows: IntArray) -> tuple[IntArray, IntArray]:
    """Distinct rows, and which of them each row is: `np.unique` takes minutes for a long row."""
    numbers: dict[bytes, int] = {}
    choice = np.array([numbers.setdefault(row.tobytes(), len(numbers)) for row in rows])
    _, first = np.unique(choice, return_index=True)
    return rows[first], choice


def _is_uniform(values: FloatArray) -> bool:
    """Whether all elements are the same."""
    return bool((values == values.flat[0]).all())
