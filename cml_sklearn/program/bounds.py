"""Proven ranges: an interval for every element of every tensor, followed through the steps."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from cml_sklearn._typing import IntArray
from cml_sklearn.program import steps
from cml_sklearn.program.evaluation import evaluate
from cml_sklearn.program.integers import to_integers
from cml_sklearn.program.trees import leaf_range

__all__ = ["Ball", "Bounds", "OneHot", "Thermometer", "interval"]


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
        """Bits of the widest value: with a sign where it is negative."""
        low, high = int(self.low.min(initial=0)), int(self.high.max(initial=0))
        return max(high.bit_length(), (-low - 1).bit_length() + 1 if low < 0 else 0, 1)

    @property
    def ends(self) -> tuple[IntArray, IntArray]:
        """Tensors at both ends of the range."""
        return self.low, self.high

    def sample(self, rng: np.random.Generator) -> IntArray:
        """Draw one tensor within the range."""
        return rng.integers(self.low, self.high, endpoint=True, dtype=np.int64)


@dataclass(frozen=True)
class Thermometer(Bounds):
    """Range of bits of which some features' come together: ones first, then zeros.

    Parameters
    ----------
    low, high : ndarray of int, shape (n_bits,)
        Zeros and ones.
    features : ndarray of int, shape (n_bits,)
        Feature of each bit, ascending.
    """

    features: IntArray

    @classmethod
    def of(cls, features: IntArray) -> Thermometer:
        """Make the range of the bits of some features."""
        return cls(np.zeros_like(features), np.ones_like(features), features)

    def sample(self, rng: np.random.Generator) -> IntArray:
        """Draw the bits of values of the features."""
        rank = np.arange(len(self.features)) - np.searchsorted(self.features, self.features)
        counts = np.bincount(self.features)
        return (rank < rng.integers(0, counts, endpoint=True)[self.features]).astype(np.int64)


@dataclass(frozen=True)
class OneHot(Bounds):
    """Range of bits of which exactly one is 1 along the last axis.

    Parameters
    ----------
    low, high : ndarray of int
        Zeros and ones.
    """

    @classmethod
    def of(cls, shape: tuple[int, ...]) -> OneHot:
        """Make the range of the bits of a shape."""
        return cls(np.zeros(shape, dtype=np.int64), np.ones(shape, dtype=np.int64))

    @property
    def ends(self) -> tuple[IntArray, IntArray]:
        """Tensors of the first and of the last bits."""
        first, last = np.zeros_like(self.low), np.zeros_like(self.low)
        first[..., 0] = last[..., -1] = 1
        return first, last

    def sample(self, rng: np.random.Generator) -> IntArray:
        """Draw which bit is 1."""
        *outer, n_bits = self.shape
        chosen = rng.integers(0, n_bits, (*outer, 1))
        return (chosen == np.arange(n_bits)).astype(np.int64)


@dataclass(frozen=True)
class Ball(Bounds):
    """Range of points of a ball, each with the square of its distance from the centre behind it.

    Coordinates count from one end of the ball, which is `reach` below the centre on every axis.

    Parameters
    ----------
    low, high : ndarray of int, shape (n_features + 1,)
        Zeros; ``2 * reach`` for the coordinates, and ``reach**2``.
    """

    @classmethod
    def of(cls, n_features: int, reach: int) -> Ball:
        """Make the range of the points of a ball."""
        high = np.append(np.full(n_features, 2 * reach, np.int64), reach**2)
        return cls(np.zeros_like(high), high)

    @property
    def reach(self) -> int:
        """Radius."""
        return int(self.high[0]) // 2

    @property
    def ends(self) -> tuple[IntArray, IntArray]:
        """Both ends of the first axis."""
        points = np.zeros((2, len(self.high) - 1), np.int64)
        points[:, 0] = -self.reach, self.reach
        first, last = self._with_squares(points)
        return first, last

    def sample(self, rng: np.random.Generator) -> IntArray:
        """Draw a point, somewhere between centre and surface."""
        direction = rng.normal(size=len(self.high) - 1)
        length = rng.uniform(0, self.reach) / max(float(np.linalg.norm(direction)), 1.0)
        points = to_integers(np.trunc(direction * length), "A point")
        return self._with_squares(points[None])[0]

    def _with_squares(self, points: IntArray) -> IntArray:
        """Append squared distances to points (n, n_features), seen from the centre."""
        return np.c_[points + self.reach, (points**2).sum(axis=1)]

    def products(self, weights: IntArray) -> Bounds:
        """Range of products with weights (n_features + 1, n_out): parabolas along a diameter."""
        slope = np.linalg.norm(weights[:-1].astype(np.float64), axis=0)
        curve, reach = weights[-1].astype(np.float64), float(self.reach)
        # the lowest point of |x| slope + x**2 curve, if it's inside of the ball
        vertex = np.clip(-slope / np.where(curve > 0, 2 * curve, 1.0), -reach, 0.0)
        peak = np.clip(slope / np.where(curve < 0, -2 * curve, 1.0), 0.0, reach)
        at_low = np.where(curve > 0, vertex, -reach)
        at_high = np.where(curve < 0, peak, reach)
        low, high = (slope * at + curve * at**2 for at in (at_low, at_high))
        centre = self.reach * weights[:-1].sum(axis=0)
        # values at integer points are integers; a little room is for the rounding of floats
        room = _ROUNDING * (slope * reach + np.abs(curve) * reach**2)
        return Bounds(
            centre + to_integers(np.ceil(low - room), "A distance"),
            centre + to_integers(np.floor(high + room), "A distance"),
        )


_ROUNDING = 2.0**-45
"""Share of a number by which sums and roots of floats may be off, with room to spare."""


def interval(step: steps.Step, *inputs: Bounds) -> Bounds:
    """Range of a step's result for inputs within theirs."""
    return _INTERVALS.get(type(step), _monotone)(step, *inputs)


def _monotone(step: steps.Step, *inputs: Bounds) -> Bounds:
    """Interval of a step that grows with every input."""
    low = evaluate(step, *(b.low[None] for b in inputs))
    high = evaluate(step, *(b.high[None] for b in inputs))
    return Bounds(low[0], high[0])


def _matmul(step: steps.MatMul, x: Bounds) -> Bounds:
    if isinstance(x, OneHot):
        ends = (step.weights.min(axis=0), step.weights.max(axis=0))
        return Bounds(*(np.broadcast_to(e, (*x.shape[:-1], *e.shape)).copy() for e in ends))
    if isinstance(x, Ball):
        return x.products(step.weights)
    return _linear(x, *(steps.MatMul(part) for part in _by_sign(step.weights)))


def _convolve(step: steps.Convolve, x: Bounds) -> Bounds:
    return _linear(x, *(replace(step, weights=part) for part in _by_sign(step.weights)))


def _multiply_constant(step: steps.MultiplyConstant, x: Bounds) -> Bounds:
    return _linear(x, *(steps.MultiplyConstant(part) for part in _by_sign(step.constant)))


def _by_sign(weights: IntArray) -> tuple[IntArray, IntArray]:
    return np.maximum(weights, 0), np.minimum(weights, 0)


def _linear(x: Bounds, rising: steps.Step, falling: steps.Step) -> Bounds:
    """Interval of the sum of a step that grows with its input and one that falls."""
    low, high = x.low[None], x.high[None]
    return Bounds(
        (evaluate(rising, low) + evaluate(falling, high))[0],
        (evaluate(rising, high) + evaluate(falling, low))[0],
    )


def _subtract(_: steps.Subtract, x: Bounds, y: Bounds) -> Bounds:
    return Bounds(x.low - y.high, x.high - y.low)


def _multiply(_: steps.Multiply, x: Bounds, y: Bounds) -> Bounds:
    corners = [a * b for a in (x.low, x.high) for b in (y.low, y.high)]
    return Bounds(np.minimum.reduce(corners), np.maximum.reduce(corners))


def _multiply_matrices(_: steps.MultiplyMatrices, x: Bounds, y: Bounds) -> Bounds:
    rows, columns = (
        Bounds(np.expand_dims(b.low, axis), np.expand_dims(b.high, axis))
        for b, axis in ((x, -1), (y, -3))
    )
    products = _multiply(steps.Multiply(), rows, columns)
    return Bounds(products.low.sum(axis=-2), products.high.sum(axis=-2))


def _lookup(step: steps.Lookup, x: Bounds) -> Bounds:
    low, high = step.tables.min(axis=1), step.tables.max(axis=1)
    choice = np.broadcast_to(step.choice, x.shape)
    return Bounds(low[choice], high[choice])


def _declare(step: steps.Declare, x: Bounds) -> Bounds:
    return Bounds(np.clip(x.low, 0, step.upper), np.clip(x.high, 0, step.upper))


_INTERVALS: Mapping[type[steps.Step], Callable[..., Bounds]] = {
    steps.MatMul: _matmul,
    steps.Convolve: _convolve,
    steps.MultiplyConstant: _multiply_constant,
    steps.Subtract: _subtract,
    steps.Multiply: _multiply,
    steps.MultiplyMatrices: _multiply_matrices,
    steps.Lookup: _lookup,
    steps.Declare: _declare,
    steps.Trees: lambda step, _: Bounds(*leaf_range(step)),
}
"""Steps that are not monotone."""
