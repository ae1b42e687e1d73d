"""The steps of an integer program.

A step takes integer tensors with a leading batch axis and gives one. Its `run` is written once, for
clear arrays and for the backend's tracers alike; `bounds` follows an interval through it, so that
every integer of a circuit has a proven range. Shapes, axes and bounds leave the batch axis out.
Steps are plain data (integers, tuples, arrays): see `cml_sklearn.quantization.storage`.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cml_sklearn.fhe.primitives import (
    Convolution,
    IntArray,
    NumpyPrimitives,
    Primitives,
    TableSet,
)
from cml_sklearn.quantization.storage import stored

__all__ = [
    "Add",
    "AddConstant",
    "Bounds",
    "Concatenate",
    "Convolve",
    "Declare",
    "Lookup",
    "MatMul",
    "Multiply",
    "MultiplyConstant",
    "Pad",
    "Reshape",
    "Step",
    "Subtract",
    "SumOver",
    "Take",
    "Transpose",
]

FloatArray = NDArray[np.float64]

_NUMPY = NumpyPrimitives()


@stored
@dataclass(frozen=True)
class Bounds:
    """Smallest and largest value by element of a tensor, without the batch axis."""

    low: IntArray
    high: IntArray

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the tensor without its batch axis."""
        return self.low.shape

    @property
    def width(self) -> int:
        """Bits that hold every value: two's complement where one is negative."""
        low, high = int(self.low.min(initial=0)), int(self.high.max(initial=0))
        return max(high.bit_length(), (-low - 1).bit_length() + 1 if low < 0 else 0, 1)

    def sample(self, rng: np.random.Generator) -> IntArray:
        """Draw one tensor within the range."""
        return rng.integers(self.low, self.high, endpoint=True, dtype=np.int64)


@dataclass(frozen=True)
class Step(ABC):
    """One operation on integer tensors."""

    def __init_subclass__(cls) -> None:
        """Register the class for storage."""
        stored(cls)

    @abstractmethod
    def run(self, primitives: Primitives, *values: Any) -> Any:
        """Evaluate on arrays or tracers of shape (n_samples, ...)."""

    def bounds(self, *inputs: Bounds) -> Bounds:
        """Interval of the result; this default is for steps that only move elements."""
        low, high = (
            self.run(_NUMPY, *(side[None] for side in sides))[0]
            for sides in ([b.low for b in inputs], [b.high for b in inputs])
        )
        return Bounds(low, high)


def _linear_bounds(bounds: Bounds, weights: IntArray, apply: Any) -> Bounds:
    """Interval of a map that is linear with `weights`, by the sign of each."""
    positive, negative = np.maximum(weights, 0), np.minimum(weights, 0)
    low, high = bounds.low[None], bounds.high[None]
    return Bounds(
        (apply(low, positive) + apply(high, negative))[0],
        (apply(high, positive) + apply(low, negative))[0],
    )


@dataclass(frozen=True)
class MatMul(Step):
    """``x @ weights`` with clear weights of shape (n_in, n_out)."""

    weights: IntArray

    def run(self, primitives: Primitives, *values: Any) -> Any:
        """See `Step.run`."""
        return primitives.matmul(values[0], self.weights)

    def bounds(self, *inputs: Bounds) -> Bounds:
        """See `Step.bounds`."""
        return _linear_bounds(inputs[0], self.weights, np.matmul)


@dataclass(frozen=True)
class Convolve(Step):
    """Convolution with clear weights of shape (n_out, n_in / group, ...)."""

    weights: IntArray
    strides: tuple[int, ...]
    pads: tuple[int, ...]
    dilations: tuple[int, ...]
    group: int = 1

    def run(self, primitives: Primitives, *values: Any) -> Any:
        """See `Step.run`."""
        return self._apply(primitives, values[0], self.weights)

    def bounds(self, *inputs: Bounds) -> Bounds:
        """See `Step.bounds`."""
        return _linear_bounds(inputs[0], self.weights, lambda x, w: self._apply(_NUMPY, x, w))

    def apply(self, x: FloatArray) -> FloatArray:
        """Convolve floats."""
        result: FloatArray = self._apply(_NUMPY, x, self.weights.astype(np.float64))
        return result

    def _apply(self, primitives: Primitives, x: Any, weights: Any) -> Any:
        attributes = Convolution(self.strides, self.pads, self.dilations, self.group)
        return primitives.convolve(x, weights, attributes)


@dataclass(frozen=True)
class AddConstant(Step):
    """``x + constant``."""

    constant: IntArray

    def run(self, primitives: Primitives, *values: Any) -> Any:
        """See `Step.run`."""
        del primitives
        return values[0] + self.constant[None]


@dataclass(frozen=True)
class MultiplyConstant(Step):
    """``x * constant``."""

    constant: IntArray

    def run(self, primitives: Primitives, *values: Any) -> Any:
        """See `Step.run`."""
        del primitives
        return values[0] * self.constant[None]

    def bounds(self, *inputs: Bounds) -> Bounds:
        """See `Step.bounds`."""
        return _linear_bounds(inputs[0], self.constant[None], np.multiply)


@dataclass(frozen=True)
class Add(Step):
    """``x + y`` of two encrypted tensors."""

    def run(self, primitives: Primitives, *values: Any) -> Any:
        """See `Step.run`."""
        del primitives
        return values[0] + values[1]


@dataclass(frozen=True)
class Subtract(Step):
    """``x - y`` of two encrypted tensors."""

    def run(self, primitives: Primitives, *values: Any) -> Any:
        """See `Step.run`."""
        del primitives
        return values[0] - values[1]

    def bounds(self, *inputs: Bounds) -> Bounds:
        """See `Step.bounds`."""
        x, y = inputs
        return Bounds(x.low - y.high, x.high - y.low)


@dataclass(frozen=True)
class Multiply(Step):
    """``x * y`` of two encrypted tensors: two lookups an element in the backend."""

    def run(self, primitives: Primitives, *values: Any) -> Any:
        """See `Step.run`."""
        return primitives.multiply(*values)

    def bounds(self, *inputs: Bounds) -> Bounds:
        """See `Step.bounds`."""
        x, y = inputs
        corners = [a * b for a in (x.low, x.high) for b in (y.low, y.high)]
        return Bounds(np.minimum.reduce(corners), np.maximum.reduce(corners))


@dataclass(frozen=True)
class Lookup(Step):
    """Replace ``x - low`` by its entry in a table: any function of one integer, one PBS.

    Parameters
    ----------
    low : int
        Smallest value of the input, subtracted so that the index starts at 0.
    tables, choice, lsbs_to_remove, exact
        See `TableSet`.
    """

    low: int
    tables: IntArray
    choice: IntArray
    lsbs_to_remove: int = 0
    exact: bool = True

    @property
    def table_set(self) -> TableSet:
        """The tables as primitives take them."""
        return TableSet(self.tables, self.choice, self.lsbs_to_remove, self.exact)

    def run(self, primitives: Primitives, *values: Any) -> Any:
        """See `Step.run`."""
        index = values[0] - self.low if self.low else values[0]
        upper = 2**self.table_set.index_width - 1
        return primitives.lookup(primitives.bound(index, upper), self.table_set)

    def bounds(self, *inputs: Bounds) -> Bounds:
        """See `Step.bounds`."""
        shape = inputs[0].shape
        low, high = (self.tables.min(axis=1), self.tables.max(axis=1))
        choice = np.broadcast_to(self.choice, shape)
        return Bounds(low[choice], high[choice])


@dataclass(frozen=True)
class Declare(Step):
    """The tensor itself, declared to lie within [0, `upper`], whatever the backend has seen."""

    upper: int

    def run(self, primitives: Primitives, *values: Any) -> Any:
        """See `Step.run`."""
        return primitives.bound(values[0], self.upper)


@dataclass(frozen=True)
class SumOver(Step):
    """Sum over axes."""

    axes: tuple[int, ...]
    keepdims: bool = False

    def run(self, primitives: Primitives, *values: Any) -> Any:
        """See `Step.run`."""
        del primitives
        return np.sum(values[0], axis=tuple(a + 1 for a in self.axes), keepdims=self.keepdims)


@dataclass(frozen=True)
class Reshape(Step):
    """Change of shape."""

    shape: tuple[int, ...]

    def run(self, primitives: Primitives, *values: Any) -> Any:
        """See `Step.run`."""
        del primitives
        return values[0].reshape((values[0].shape[0], *self.shape))


@dataclass(frozen=True)
class Transpose(Step):
    """Permutation of the axes."""

    axes: tuple[int, ...]

    def run(self, primitives: Primitives, *values: Any) -> Any:
        """See `Step.run`."""
        del primitives
        return np.transpose(values[0], (0, *(a + 1 for a in self.axes)))


@dataclass(frozen=True)
class Concatenate(Step):
    """Join tensors along an axis."""

    axis: int

    def run(self, primitives: Primitives, *values: Any) -> Any:
        """See `Step.run`."""
        del primitives
        return np.concatenate(values, axis=self.axis + 1)


@dataclass(frozen=True)
class Pad(Step):
    """Put zeros around a tensor: `before[i]` and `after[i]` elements on axis i."""

    before: tuple[int, ...]
    after: tuple[int, ...]

    def run(self, primitives: Primitives, *values: Any) -> Any:
        """See `Step.run`."""
        return primitives.pad(values[0], self.before, self.after)


@dataclass(frozen=True)
class Take(Step):
    """Elements of the flattened tensor at clear positions, in the shape of `positions`."""

    positions: IntArray

    def run(self, primitives: Primitives, *values: Any) -> Any:
        """See `Step.run`."""
        del primitives
        x = values[0]
        flat = x.reshape((x.shape[0], math.prod(x.shape[1:])))
        return flat[:, self.positions.ravel()].reshape((x.shape[0], *self.positions.shape))
