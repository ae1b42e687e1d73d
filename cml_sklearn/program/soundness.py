"""Whether a program that comes from elsewhere makes sense, found out before anything is computed.

Every step says from shapes and bounds alone what would come of it: the shape of its result, how
large the integers may get, and how much it needs on the way. What is too large, or does not fit
together, is refused with a `ValueError` (others, of Python or NumPy, may come of wilder nonsense).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cml_sklearn._typing import IntArray
from cml_sklearn.program import steps
from cml_sklearn.program.bounds import Ball, Bounds, OneHot, Thermometer, interval
from cml_sklearn.program.integers import MAX_MAGNITUDE
from cml_sklearn.program.windows import Windows

__all__ = [
    "FOREIGN_ERRORS",
    "OUTCOMES",
    "Outcome",
    "checked_bounds",
    "checked_interval",
    "pick",
    "require",
]

FOREIGN_ERRORS = (
    ArithmeticError,
    AttributeError,
    LookupError,
    MemoryError,
    NotImplementedError,
    TypeError,
    ValueError,
)
"""What Python and NumPy raise over data of wrong shapes, types or sizes."""

_MAX_ELEMENTS = 1 << 26
"""Elements of all tensors of one sample together, whose bounds then take a GB."""


class Outcome(NamedTuple):
    """What would come of a step.

    Parameters
    ----------
    shape : tuple of int
        Of the result, without the batch axis.
    magnitude : float
        Bound of the absolute values, also of those on the way.
    n_elements : int
        Elements that are needed on the way.
    """

    shape: tuple[int, ...]
    magnitude: float
    n_elements: int = 0


def checked_bounds(bounds: Bounds) -> Bounds:
    """Refuse the range of an input that is none."""
    require(bounds.low.shape == bounds.high.shape, "the ends of a range differ in shape")
    require((bounds.low <= bounds.high).all(), "a range's upper end lies below its lower end")
    require(_magnitude(bounds) <= MAX_MAGNITUDE, "a range is wider than 62 bits")
    if isinstance(bounds, OneHot):
        require(bounds.low.ndim > 0 and bounds.low.size > 0, "a range has no bits")
        require(not bounds.low.any() and (bounds.high == 1).all(), "bits are neither 0 nor 1")
    if isinstance(bounds, Ball):
        require(bounds.low.ndim == 1 and len(bounds.low) > 1, "a ball has no axes")
        like = Ball.of(len(bounds.low) - 1, bounds.reach)
        alike = (bounds.low == like.low).all() and (bounds.high == like.high).all()
        require(bounds.reach > 0 and alike, "a ball has axes of different lengths")
    if isinstance(bounds, Thermometer):
        features = bounds.features
        require(features.shape == bounds.low.shape and features.ndim == 1, "bits lack features")
        require((np.diff(features) >= 0).all(), "features of bits don't ascend")
        require(_lies_within(features, _MAX_ELEMENTS), "a bit has an impossible feature")
    return bounds


def checked_interval(step: steps.Step, inputs: Sequence[Bounds], n_elements: int) -> Bounds:
    """Range of a step's result, after it was checked; a declaration is not believed.

    Parameters
    ----------
    step : Step
    inputs : sequence of Bounds
    n_elements : int
        Of the tensors so far.
    """
    outcome = OUTCOMES[type(step)](step, *inputs)
    needed = n_elements + max(math.prod(outcome.shape), outcome.n_elements)
    require(needed <= _MAX_ELEMENTS, f"it takes {needed} integers a sample")
    require(outcome.magnitude <= MAX_MAGNITUDE, "its integers are wider than 62 bits")
    return inputs[0] if isinstance(step, steps.Declare) else interval(step, *inputs)


def pick(tensors: Sequence[Bounds], numbers: Sequence[int]) -> list[Bounds]:
    """Tensors by their numbers, all of which must be there."""
    require(len(numbers) > 0, "it names no tensor")
    require(_lies_within(np.asarray(numbers), len(tensors)), f"no tensors {list(numbers)} yet")
    return [tensors[number] for number in numbers]


def require(condition: bool | np.bool_, otherwise: str) -> None:
    """Raise a `ValueError` where a condition does not hold."""
    if not condition:
        raise ValueError(otherwise)


def _lies_within(values: NDArray[np.integer], size: int) -> bool:
    return bool(((values >= 0) & (values < size)).all())


def _is_spread_to(inner: tuple[int, ...], outer: tuple[int, ...]) -> bool:
    """Whether an array without batch axis is broadcast to a tensor, and doesn't widen it."""
    return len(inner) <= len(outer) and np.broadcast_shapes(inner, outer) == outer


def _magnitude(bounds: Bounds) -> float:
    return max(-float(bounds.low.min(initial=0)), float(bounds.high.max(initial=0)))


def _gain(weights: IntArray, axes: int | tuple[int, ...] = ()) -> float:
    """Most by which weights enlarge what they multiply, when products are summed over axes."""
    return float(np.abs(weights.astype(np.float64)).sum(axis=axes).max(initial=0))


def _matmul(step: steps.MatMul, x: Bounds) -> Outcome:
    fits = step.weights.ndim == 2 and x.shape[-1:] == step.weights.shape[:1]
    require(fits, f"weights of shape {step.weights.shape} meet {x.shape}")
    shape = (*x.shape[:-1], step.weights.shape[1])
    return Outcome(shape, _magnitude(x) * _gain(step.weights, 0))


def _convolve(step: steps.Convolve, x: Bounds) -> Outcome:
    weights, n_axes = step.weights, len(x.shape) - 1
    fits = n_axes >= 1 and weights.ndim == n_axes + 2 and 1 <= step.group <= weights.shape[0]
    require(fits, f"filters of shape {weights.shape} meet {x.shape}")
    require(weights.shape[0] % step.group == 0, "its groups differ in size")
    require(weights.shape[1] * step.group == x.shape[0], "its channels are others")
    require(min(weights.shape) >= 1, "its filters are empty")
    lengths = (len(step.strides), len(step.dilations), len(step.pads))
    require(lengths == (n_axes, n_axes, 2 * n_axes), "strides, pads or dilations miss an axis")
    moves = np.array([*step.strides, *step.dilations]) - 1
    require(_lies_within(moves, _MAX_ELEMENTS), "its strides or dilations are impossible")
    require(_lies_within(np.array(step.pads), _MAX_ELEMENTS), "its padding is impossible")
    windows = Windows.place(
        x.shape[1:],
        weights.shape[2:],
        strides=step.strides,
        dilations=step.dilations,
        pads=step.pads,
    )
    sizes = zip(windows.sizes, windows.before, windows.overhang, strict=True)
    padded = x.shape[0] * math.prod(map(sum, sizes))
    unrolled = x.shape[0] * math.prod(windows.kernel) * math.prod(windows.count)
    magnitude = _magnitude(x) * _gain(weights, tuple(range(1, weights.ndim)))
    return Outcome((weights.shape[0], *windows.count), magnitude, max(padded, unrolled))


def _add_constant(step: steps.AddConstant, x: Bounds) -> Outcome:
    require(_is_spread_to(step.constant.shape, x.shape), "its constant has another shape")
    return Outcome(x.shape, _magnitude(x) + _gain(step.constant))


def _multiply_constant(step: steps.MultiplyConstant, x: Bounds) -> Outcome:
    require(_is_spread_to(step.constant.shape, x.shape), "its constant has another shape")
    return Outcome(x.shape, _magnitude(x) * _gain(step.constant))


def _sum(_: steps.Step, x: Bounds, y: Bounds) -> Outcome:
    return Outcome(_joint_shape(x, y), _magnitude(x) + _magnitude(y))


def _product(_: steps.Step, x: Bounds, y: Bounds) -> Outcome:
    return Outcome(_joint_shape(x, y), _magnitude(x) * _magnitude(y))


def _multiply_matrices(_: steps.MultiplyMatrices, x: Bounds, y: Bounds) -> Outcome:
    fits = len(x.shape) == len(y.shape) >= 2 and x.shape[-1] == y.shape[-2]
    require(fits, f"matrices of shapes {x.shape} and {y.shape} meet")
    outer, n_terms = np.broadcast_shapes(x.shape[:-2], y.shape[:-2]), x.shape[-1]
    shape = (*outer, x.shape[-2], y.shape[-1])
    magnitude = _magnitude(x) * _magnitude(y) * n_terms
    return Outcome(shape, magnitude, math.prod(shape) * n_terms)


def _joint_shape(x: Bounds, y: Bounds) -> tuple[int, ...]:
    require(len(x.shape) == len(y.shape), f"tensors of shapes {x.shape} and {y.shape} meet")
    return np.broadcast_shapes(x.shape, y.shape)


def _lookup(step: steps.Lookup, x: Bounds) -> Outcome:
    tables, choice = step.tables, step.choice
    require(tables.ndim == 2 and tables.size > 0, f"its tables have the shape {tables.shape}")
    require(tables.shape[1] == 1 << step.width, "its tables' length is no power of two")
    require(_is_spread_to(choice.shape, x.shape), "its choice of tables has another shape")
    require(_lies_within(choice, len(tables)), "it chooses a table that is not there")
    require(0 <= step.lsbs_to_remove <= 62, "it rounds by an impossible number of bits")
    low, high = int(x.low.min(initial=step.low)), int(x.high.max(initial=step.low))
    within = low == step.low and high - low < 1 << step.index_width
    require(within, f"integers from {low} to {high} are not all in its tables")
    return Outcome(x.shape, float(np.abs(tables.astype(np.float64)).max()))


def _declare(step: steps.Declare, x: Bounds) -> Outcome:
    low, high = int(x.low.min(initial=0)), int(x.high.max(initial=0))
    require(low >= 0 and high <= step.upper, f"it declares integers from {low} to {high} narrower")
    return Outcome(x.shape, max(_magnitude(x), abs(step.upper)))


def _sum_over(step: steps.SumOver, x: Bounds) -> Outcome:
    axes = range(len(x.shape))
    require(set(step.axes) <= set(axes) and len(set(step.axes)) == len(step.axes), "wrong axes")
    kept = {axis: size for axis, size in enumerate(x.shape) if axis not in step.axes}
    shape = tuple(kept.get(axis, 1) for axis in axes if step.keepdims or axis in kept)
    return Outcome(shape, _magnitude(x) * math.prod(x.shape[axis] for axis in step.axes))


def _reshape(step: steps.Reshape, x: Bounds) -> Outcome:
    fits = min(step.shape, default=0) >= 0 and math.prod(step.shape) == math.prod(x.shape)
    require(fits, f"{x.shape} can't become {step.shape}")
    return Outcome(step.shape, _magnitude(x))


def _transpose(step: steps.Transpose, x: Bounds) -> Outcome:
    require(sorted(step.axes) == list(range(len(x.shape))), "its axes are no permutation")
    return Outcome(tuple(x.shape[axis] for axis in step.axes), _magnitude(x))


def _concatenate(step: steps.Concatenate, *inputs: Bounds) -> Outcome:
    first, axis = inputs[0].shape, step.axis
    require(0 <= axis < len(first), f"it joins along axis {axis}")
    others = {(*b.shape[:axis], *b.shape[axis + 1 :]) for b in inputs}
    require(len(others) == 1 and len({len(b.shape) for b in inputs}) == 1, "its shapes differ")
    size = sum(b.shape[axis] for b in inputs)
    return Outcome((*first[:axis], size, *first[axis + 1 :]), max(map(_magnitude, inputs)))


def _pad(step: steps.Pad, x: Bounds) -> Outcome:
    require(min(*step.before, *step.after, 0, 0) >= 0, "it pads by less than nothing")
    axes = zip(x.shape, step.before, step.after, strict=True)
    return Outcome(tuple(map(sum, axes)), _magnitude(x))


def _take(step: steps.Take, x: Bounds) -> Outcome:
    require(_lies_within(step.positions, math.prod(x.shape)), "it takes what is not there")
    return Outcome(step.positions.shape, _magnitude(x))


def _trees(step: steps.Trees, x: Bounds) -> Outcome:
    bit, child, roots = step.bit, step.child, step.roots
    n_nodes, n_columns = step.values.shape
    require(bit.shape == child.shape == (n_nodes,), "its nodes lack bits, children or values")
    require(step.fields.shape == (len(roots), n_columns), "its trees lack fields")
    require(_lies_within(step.fields, step.n_fields), "it has a field that is not there")
    require(x.shape[1:] == () and _lies_within(bit + 1, x.shape[0] + 1), "it asks impossible bits")
    require((x.low >= 0).all() and (x.high <= 1).all(), "it asks what are no bits")
    ends = [*roots, n_nodes]  # constant forests have no nodes at all
    require(ends[0] == 0 and (np.diff(ends) > 0).all(), "its roots are impossible")
    widest = np.iinfo(np.int32).max // 2  # differences of leaves must fit, too
    require((np.abs(step.values.astype(np.int64)) <= widest).all(), "its leaves are too large")
    own, last = np.arange(n_nodes), np.repeat(ends[1:], np.diff(ends)) - 1
    inner = bit >= 0
    require((child[~inner] == own[~inner]).all(), "a leaf has children")
    children = np.concatenate([child[inner], child[inner] + 1])
    require(len(np.unique(children)) == len(children), "a node has two parents")
    # children stand behind their parents, so that no walk goes round in circles
    require((child > own)[inner].all() and (child < last)[inner].all(), "a child is not there")
    return Outcome((step.n_fields,), float(np.abs(step.values.astype(np.float64)).sum()))


OUTCOMES: Mapping[type[steps.Step], Callable[..., Outcome]] = {
    steps.MatMul: _matmul,
    steps.Convolve: _convolve,
    steps.AddConstant: _add_constant,
    steps.MultiplyConstant: _multiply_constant,
    steps.Add: _sum,
    steps.Subtract: _sum,
    steps.Multiply: _product,
    steps.MultiplyMatrices: _multiply_matrices,
    steps.Maximum: _sum,  # engines take the difference on the way there
    steps.Lookup: _lookup,
    steps.Declare: _declare,
    steps.SumOver: _sum_over,
    steps.Reshape: _reshape,
    steps.Transpose: _transpose,
    steps.Concatenate: _concatenate,
    steps.Pad: _pad,
    steps.Take: _take,
    steps.Trees: _trees,
}
"""Every step's outcome."""
