"""Encrypted tensors as operators see them while a module is quantized."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cml_sklearn._typing import FloatArray, IntArray
from cml_sklearn.exceptions import BitWidthError, CalibrationError
from cml_sklearn.program.bounds import Bounds
from cml_sklearn.program.integers import to_integers
from cml_sklearn.program.steps import AddConstant, Lookup, MultiplyConstant, Reshape, Step, Take
from cml_sklearn.quantization.affine import AffineQuantizer
from cml_sklearn.quantization.builder import ModuleBuilder
from cml_sklearn.quantization.encoders import IndexEncoder
from cml_sklearn.quantization.ranges import best_range, finite_values, size_of

__all__ = ["FloatFunction", "QuantizedTensor"]

_WIDEST_TABLE = 22
"""Bits of the widest table that is made, if only for clear integers: more would take GBs."""

FloatFunction = Callable[[FloatArray], FloatArray]

_BISECTIONS = 40

_TINY = float(np.finfo(np.float64).tiny)

_WORTH_A_RANGE = 8.0
"""Ratio of errors from which on channels get ranges of their own. Where they have one unit, one
range leaves those that matter enough codes, and weights are rounded where that matters."""

_WIDEST_OFFSET = 2.0**40
"""Steps of an offset that are moved into the integers: they would get too wide by more."""


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

    def __post_init__(self) -> None:
        """Refuse what no integer stands for."""
        if not np.isfinite(self.scale).all() or np.isnan(self.offset).any():
            raise CalibrationError(
                f"{self.builder.program.source} makes floats that overflow, or that are NaN. Give "
                "weights and data of usual size, and divide by constants other than 0."
            )

    @classmethod
    def coded(
        cls, builder: ModuleBuilder, number: int, quantizer: AffineQuantizer | IndexEncoder
    ) -> QuantizedTensor:
        """Tensor of the program that holds a quantizer's codes, or bits."""
        if isinstance(quantizer, IndexEncoder):
            return cls(builder, number, np.ones(()), np.zeros(()))
        scale = quantizer.scale
        return cls(builder, number, scale, -scale * quantizer.zero_point)

    @property
    def bounds(self) -> Bounds:
        """Interval of the integers."""
        return self.builder.program.bounds(self.number)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape without the batch axis."""
        return self.bounds.shape

    @property
    def full_scale(self) -> FloatArray:
        """Scale of every element."""
        return np.broadcast_to(self.scale, self.shape)

    @property
    def full_offset(self) -> FloatArray:
        """Offset of every element."""
        return np.broadcast_to(self.offset, self.shape)

    @property
    def codes(self) -> IntArray:
        """Integers on the calibration data, shape (n_samples, ...)."""
        return self.builder.codes(self.number)

    @property
    def calibration_values(self) -> FloatArray:
        """Floats on the calibration data, shape (n_samples, ...)."""
        return self.float_values(self.codes)

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

    def jointly(
        self, function: Callable[..., FloatArray], *others: QuantizedTensor
    ) -> QuantizedTensor:
        """Apply an elementwise function of this and other tensors of the same integers, later.

        What depends on one integer only is one lookup, of however many floats it is made.
        """
        tensors: tuple[QuantizedTensor, ...] = (self, *others)

        def of_integers(codes: FloatArray) -> FloatArray:
            return function(*(x.float_values(codes) for x in tensors))

        return replace(self, scale=np.ones(()), offset=np.zeros(()), functions=(of_integers,))

    def affine(self, factor: FloatArray | float, term: FloatArray | float) -> QuantizedTensor:
        """Apply ``factor * x + term``: free, or one more waiting function."""
        if not self.is_affine:
            return self.then(lambda x: factor * x + term)
        moved = replace(self, scale=self.scale * factor, offset=self.offset * factor + term)
        scale = np.abs(moved.full_scale)
        # a step of usual size, so that weights that it is folded into stay in sight
        usual = scale.min(where=scale > 0, initial=np.inf)
        return moved._constant_where(scale == 0, usual if np.isfinite(usual) else 1.0)

    def broadcast(self, shape: tuple[int, ...]) -> QuantizedTensor:
        """Repeat elements along axes of size 1, up to a shape: free."""
        if shape == self.shape:
            return self
        positions = np.arange(math.prod(self.shape)).reshape(self.shape)
        repeated = self.step(Take(np.broadcast_to(positions, shape).copy()))
        scale, offset = (np.broadcast_to(v, shape) for v in (self.full_scale, self.full_offset))
        return replace(repeated, scale=scale, offset=offset)

    def reshaped(self, shape: tuple[int, ...]) -> QuantizedTensor:
        """Put the elements of a vector into another shape; functions go on waiting."""
        spread = self.spread()  # by element, as long as each is a channel

        def function(values: FloatArray) -> FloatArray:
            rows = np.broadcast_to(values, (len(values), *shape)).reshape(len(values), -1)
            return np.broadcast_to(self._apply(rows), rows.shape).reshape(-1, *shape)

        scale, offset = (v.reshape(shape) for v in (spread.full_scale, spread.full_offset))
        moved = spread.step(Reshape(shape))
        return replace(moved, scale=scale, offset=offset, functions=(function,))

    def snapped(self) -> QuantizedTensor:
        """Make floats within half a step of an integer that integer.

        A code stands for all floats within half a step of its own. So 3 may come back as 2.99, of
        which functions with jumps at the integers make something else.
        """
        half = np.abs(self.scale) / 2

        def function(arguments: FloatArray) -> FloatArray:
            values, below, above = (self._apply(arguments + d) for d in (0.0, -half, half))
            near = np.rint(values)
            low, high = np.minimum(below, above), np.maximum(below, above)
            return np.where((low <= near) & (near <= high), near, values)

        return replace(self, functions=(function,))

    def step(self, step: Step, *others: QuantizedTensor) -> QuantizedTensor:
        """Append a step; scale and offset stay."""
        number = self.builder.add(step, self.number, *(other.number for other in others))
        return replace(self, number=number)

    def float_values(self, codes: IntArray | FloatArray) -> FloatArray:
        """Floats that integers of shape (n, ...) stand for."""
        return self._apply(self.scale * codes + self.offset)

    def _apply(self, values: FloatArray) -> FloatArray:
        """Apply the waiting functions."""
        with np.errstate(all="ignore"):
            for function in self.functions:
                values = function(values)
        return values

    def possible_values(self) -> tuple[IntArray, FloatArray]:
        """All integers that an index may be, and the floats that they stand for.

        Returns
        -------
        integers : ndarray of shape (n, 1, ...)
        values : ndarray of shape (n, ...)
        """
        low, high = int(self.bounds.low.min()), int(self.bounds.high.max())
        if high - low >= 1 << _WIDEST_TABLE:
            raise BitWidthError(
                f"{self.builder.program.source} takes one of {high - low + 1} integers, which are "
                "too many for a table. Lower n_bits (of inputs or weights)."
            )
        integers = np.arange(low, high + 1).reshape(-1, *(1,) * len(self.shape))
        return integers, self.float_values(integers)

    def requantize(self, n_bits: int, *, unless: bool = False) -> QuantizedTensor:
        """Codes of the float in the range of least error, by one lookup an element.

        With `unless`, the integers do as they are, and nothing happens.
        """
        return self if unless else self.encode(self._best_range(n_bits))

    def encode(self, quantizer: AffineQuantizer) -> QuantizedTensor:
        """Codes of the float in a given range, by one lookup an element."""
        return self.spread().look_up(quantizer)

    def with_scale_along(
        self, axis: int, n_bits: int, effects: FloatArray | None = None, *, anew: bool = False
    ) -> tuple[QuantizedTensor, FloatArray]:
        """Affine tensor whose scale changes along one axis only, and that scale, shape (size,).

        It is the tensor itself, or its codes; with `anew` always these.

        Parameters
        ----------
        axis : int
        n_bits : int
        effects : ndarray of shape (size, n_results), optional
            How much the channels along the axis, in their units, change what is made of them. Codes
            have one range for all channels, unless some would be lost in it. None: each is as good
            as it is in its own unit.
        anew : bool
        """
        size = self.shape[axis]
        scale = np.moveaxis(self.full_scale, axis, 0).reshape(size, -1)
        if self.is_affine and not anew and (scale == scale[:, :1]).all():
            return self, scale[:, 0]
        effects = np.eye(size) if effects is None else effects
        codes = self.encode(self._range_along(axis, n_bits, effects))
        return codes, np.broadcast_to(codes.scale.reshape(-1), (size,))

    def look_up(self, quantizer: AffineQuantizer) -> QuantizedTensor:
        """Do the lookup of `encode`, with the integers as they are for an index."""
        number = self.builder.add(self._lookup(quantizer), self.number)
        return QuantizedTensor.coded(self.builder, number, quantizer)

    def spread(self) -> QuantizedTensor:
        """Spread every channel over the whole index, if lookups round it; else the same tensor.

        An approximately rounded index costs by the bits that are kept, not by its width. So each
        channel is shifted to 0 and multiplied until its proven range fills the index, but for the
        last of the kept steps: rounding up, and the noise under it, can't overflow.
        """
        rounding = self.builder.rounding
        if not rounding.lsbs_to_remove(self._index_range[1]):
            return self
        axes = tuple(range(1, len(self.shape)))
        low = self.bounds.low.min(axis=axes, keepdims=True)
        span = self.bounds.high.max(axis=axes, keepdims=True) - low
        room = rounding.largest_index(rounding.spread_width(int(span.max())))
        factor = np.broadcast_to(np.maximum(room // np.maximum(span, 1), 1), self.shape)
        low = np.broadcast_to(low, self.shape)
        result = replace(self, scale=self.scale / factor, offset=self.offset + self.scale * low)
        return result.step(MultiplyConstant(factor)).step(AddConstant(-low * factor))

    @property
    def rounded_values(self) -> FloatArray:
        """Floats on the calibration data after the rounding of the index by `look_up`."""
        low, width = self._index_range
        removed = self.builder.rounding.lsbs_to_remove(width)
        index = self.codes - low
        return self.float_values(((index + ((1 << removed) >> 1)) >> removed << removed) + low)

    @property
    def _index_range(self) -> tuple[int, int]:
        """Smallest integer, and bits of the index that counts from there."""
        low, high = int(self.bounds.low.min()), int(self.bounds.high.max())
        return low, self.builder.rounding.index_width(high - low)

    def _best_range(self, n_bits: int) -> AffineQuantizer:
        """Range of codes that keeps the float on the calibration data best."""
        return self._range_of(self._wanted_values, n_bits, per_feature=False)

    def _range_along(self, axis: int, n_bits: int, effects: FloatArray) -> AffineQuantizer:
        """One range, or one for each channel where that would lose some."""
        values = self._wanted_values
        channels = np.moveaxis(values, axis % len(self.shape) + 1, -1)
        rows = channels.reshape(-1, self.shape[axis])
        if not _some_are_lost(rows, effects):
            return self._range_of(values, n_bits, per_feature=False)
        found = self._range_of(rows, n_bits, per_feature=True)
        along = (-1, *(1,) * (len(self.shape) - 1 - axis % len(self.shape)))
        scale, zero_point = found.scale.reshape(along), found.zero_point.reshape(along)
        return AffineQuantizer(scale, zero_point, found.n_bits)

    @property
    def _wanted_values(self) -> FloatArray:
        """Floats on the calibration data for which there are to be codes."""
        values = _values_in_domain(self._apply, self.scale * self.codes + self.offset)
        return finite_values(values, f"What goes into {self.builder.program.source}")

    def _range_of(self, values: FloatArray, n_bits: int, *, per_feature: bool) -> AffineQuantizer:
        """Best range of floats, of as many rows for each sample; bits need one bit."""
        n_bits = 1 if np.isin(values, (0.0, 1.0)).all() else n_bits
        weight, method = self.builder.sample_weight, self.builder.range_method
        repeats = len(values) // len(weight)
        weight = np.repeat(weight / repeats, repeats)
        return best_range(values, n_bits, weight, per_feature=per_feature, method=method)

    def _lookup(self, quantizer: AffineQuantizer) -> Lookup:
        """Build the tables, one for each distinct channel."""
        low, width = self._index_range
        rounding = self.builder.rounding
        removed = rounding.lsbs_to_remove(width)
        if width - removed > _WIDEST_TABLE:
            raise BitWidthError(
                f"The lookup after {self.builder.program.source_of(self.number)} has an index of "
                f"{width - removed} bits; tables of more than {_WIDEST_TABLE} are not made. Lower "
                "n_bits (of inputs or weights), or set rounding_bits."
            )
        index = low + rounding.kept_indices(width)
        index = index.reshape((-1, *(1,) * len(self.shape)))
        arguments = self.scale * index + self.offset
        codes = quantizer.quantize(np.nan_to_num(_values_in_domain(self._apply, arguments)))
        tables, choice = _distinct(codes.reshape(len(codes), -1).T)
        choice = np.broadcast_to(choice.reshape(codes.shape[1:]), self.shape)
        return Lookup(low, tables, choice, removed, rounding.exact)

    def with_integer_offset(self) -> QuantizedTensor:
        """Move the offset into the integers, to half a step: the output then shows no bias."""
        tensor = self.grounded()
        steps = tensor.offset / tensor.scale
        fits = np.abs(steps) < _WIDEST_OFFSET
        shift = to_integers(np.where(fits, steps, 0.0), "An offset")
        if not shift.any():
            return tensor
        moved = tensor.step(AddConstant(np.broadcast_to(shift, self.shape)))
        return replace(moved, offset=np.where(fits, 0.0, tensor.offset))

    def grounded(self) -> QuantizedTensor:
        """Make integers 0 whose floats are lost beside the offset, which is then their step."""
        size = np.abs(self.full_offset)
        # divided by, since products might overflow
        least = np.finfo(np.float64).eps * size / np.maximum(self._span, 1)
        lost = (np.abs(self.full_scale) <= least) | (self._span == 0)
        return self._constant_where(lost, np.where(np.isfinite(size) & (size > 0), size, 1.0))

    def _constant_where(self, lost: NDArray[np.bool_], step: ArrayLike) -> QuantizedTensor:
        """Make some integers 0, in steps of another size: the offset is all that remains."""
        if not lost.any():
            return self
        tensor = replace(self, scale=np.where(lost, step, self.full_scale))
        if not self._span[lost].any():
            return tensor
        return tensor.step(MultiplyConstant((~lost).astype(np.int64)))

    @property
    def _span(self) -> FloatArray:
        """Largest absolute value of each integer."""
        return np.maximum(-self.bounds.low.astype(np.float64), self.bounds.high)


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


def _some_are_lost(values: FloatArray, effects: FloatArray) -> bool:
    """Whether steps of one range make much larger errors of results than ranges of their own.

    Parameters
    ----------
    values : ndarray of shape (n_rows, n_channels)
    effects : ndarray of shape (n_channels, n_results)
    """
    # counted in a power of two near the range, so that squares fit a float
    _, exponent = np.frexp(size_of(values))
    low, high = (np.ldexp(f(values, axis=0), -exponent) for f in (np.min, np.max))
    spans, whole = (high - low)[:, None], high.max() - low.min()
    counts = spans[:, 0] > 0
    spans, effects = spans[counts], np.abs(effects[counts])
    # each result is counted in what its most important channel does
    effects = effects / np.maximum((spans * effects).max(axis=0, initial=0.0), _TINY)
    together, apart = (np.linalg.norm(v * effects, axis=0) for v in (whole, spans))
    return bool((together > _WORTH_A_RANGE * apart).any())


def _is_uniform(values: FloatArray) -> bool:
    """Whether all elements are the same."""
    return bool((values == values.flat[0]).all())
