"""Change of resolution: a matrix along each axis."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from cml_sklearn._typing import Array, FloatArray
from cml_sklearn.exceptions import UnsupportedOperatorError
from cml_sklearn.onnx._arrays import Tensors, keeps_type
from cml_sklearn.onnx.ops_impl.registry import operator

__all__ = ["interpolation_matrices"]

_ROUNDINGS: dict[str, Callable[[FloatArray], FloatArray]] = {
    "ceil": np.ceil,
    "floor": np.floor,
    "round_prefer_ceil": lambda x: np.floor(x + 0.5),
    "round_prefer_floor": lambda x: np.ceil(x - 0.5),
}


@operator("Resize")
@keeps_type
def numpy_resize(
    x: Array,
    /,
    roi: Array | None = None,
    scales: Array | None = None,
    sizes: Array | None = None,
    *,
    antialias: int = 0,
    axes: Sequence[int] | None = None,
    coordinate_transformation_mode: str = "half_pixel",
    cubic_coeff_a: float = -0.75,
    exclude_outside: int = 0,
    extrapolation_value: float = 0.0,
    keep_aspect_ratio_policy: str = "stretch",
    mode: str = "nearest",
    nearest_mode: str = "round_prefer_floor",
) -> Tensors:
    """Elements interpolated between their neighbours, by nothing but copying in mode "nearest"."""
    del roi, extrapolation_value  # of a mode that is refused
    matrices = interpolation_matrices(
        x.shape,
        scales,
        sizes,
        antialias=antialias,
        axes=axes,
        coordinates=coordinate_transformation_mode,
        cubic_coeff_a=cubic_coeff_a,
        exclude_outside=exclude_outside,
        policy=keep_aspect_ratio_policy,
        mode=mode,
        nearest_mode=nearest_mode,
    )
    if mode == "nearest":
        for axis, matrix in matrices.items():
            x = np.take(x, matrix.argmax(axis=1), axis)
        return (x,)
    y = x.astype(np.float64)
    for axis, matrix in matrices.items():
        y = np.moveaxis(np.moveaxis(y, axis, -1) @ matrix.T, -1, axis)
    if np.issubdtype(x.dtype, np.integer):
        y = np.clip(np.rint(y), *(getattr(np.iinfo(x.dtype), end) for end in ("min", "max")))
    return (y,)


def interpolation_matrices(
    shape: Sequence[int],
    scales: Array | None,
    sizes: Array | None,
    *,
    antialias: int,
    axes: Sequence[int] | None,
    coordinates: str,
    cubic_coeff_a: float,
    exclude_outside: int,
    policy: str,
    mode: str,
    nearest_mode: str,
) -> dict[int, FloatArray]:
    """Matrix along each axis that changes its size, shape (new size, old size).

    Raises
    ------
    UnsupportedOperatorError
        A mode that is unknown here.
    """
    if coordinates not in _COORDINATES or mode not in {"nearest", "linear", "cubic"}:
        raise UnsupportedOperatorError(
            f"Resize in mode {mode!r} with coordinates {coordinates!r} is not computed; allowed "
            f"are nearest, linear and cubic with {', '.join(_COORDINATES)}."
        )
    named = range(len(shape)) if axes is None else [axis % len(shape) for axis in axes]
    old = [shape[axis] for axis in named]
    if sizes is not None and sizes.size:
        factors, new = _by_sizes(old, sizes.ravel().tolist(), policy)
    else:
        factors = [float(f) for f in np.asarray(scales).ravel()]
        new = [math.floor(size * factor) for size, factor in zip(old, factors, strict=True)]
    matrices = {}
    for axis, n, m, factor in zip(named, old, new, factors, strict=True):
        if n == m and factor == 1:
            continue
        at = _COORDINATES[coordinates](_Axis(np.arange(m, dtype=np.float64), n, m, factor))
        reach = max(1.0, 1 / factor) if antialias else 1.0
        if mode == "nearest":
            matrices[axis] = _one_hot(_ROUNDINGS[nearest_mode](at), n)
        else:
            kernel = _triangle if mode == "linear" else _cubic(cubic_coeff_a)
            width = reach * (1 if mode == "linear" else 2)
            matrices[axis] = _weighted(at, n, kernel, reach, width, outside=not exclude_outside)
    return matrices


def _by_sizes(
    old: Sequence[int], sizes: Sequence[int], policy: str
) -> tuple[list[float], list[int]]:
    """Scales and sizes, one scale for all axes where the aspect ratio is to be kept."""
    factors = [new / n for new, n in zip(sizes, old, strict=True)]
    if policy == "stretch":
        return factors, list(sizes)
    common = min(factors) if policy == "not_larger" else max(factors)
    return [common] * len(old), [math.floor(common * n + 0.5) for n in old]


class _Axis(NamedTuple):
    """Numbers of an axis's new elements, its old and new size, and the scale."""

    i: FloatArray
    n: int
    m: int
    factor: float


def _half_pixel(axis: _Axis) -> FloatArray:
    return (axis.i + 0.5) / axis.factor - 0.5


def _half_pixel_symmetric(axis: _Axis) -> FloatArray:
    centre = axis.n / 2 * (1 - axis.m / (axis.factor * axis.n))
    return centre + _half_pixel(axis)


def _pytorch_half_pixel(axis: _Axis) -> FloatArray:
    return _half_pixel(axis) if axis.m > 1 else np.zeros_like(axis.i)


def _align_corners(axis: _Axis) -> FloatArray:
    reach = axis.factor * axis.n - 1
    return axis.i * ((axis.n - 1) / reach) if reach > 0 else np.zeros_like(axis.i)


_COORDINATES: dict[str, Callable[[_Axis], FloatArray]] = {
    "align_corners": _align_corners,
    "asymmetric": lambda axis: axis.i / axis.factor,
    "half_pixel": _half_pixel,
    "half_pixel_symmetric": _half_pixel_symmetric,
    "pytorch_half_pixel": _pytorch_half_pixel,
}
"""Places of an axis's new elements among the old ones."""


def _one_hot(places: FloatArray, n: int) -> FloatArray:
    """Matrix that takes the elements at some places."""
    return np.eye(n)[np.clip(places, 0, n - 1).astype(np.int64)]


def _weighted(
    at: FloatArray,
    n: int,
    kernel: Callable[[FloatArray], FloatArray],
    reach: float,
    width: float,
    *,
    outside: bool,
) -> FloatArray:
    """Matrix of the weights of all neighbours; those beyond the edge count as that of the edge."""
    first = np.floor(at - width).astype(np.int64)
    neighbours = first[:, None] + np.arange(math.ceil(2 * width) + 2)
    weights = kernel((neighbours - at[:, None]) / reach)
    inside = (neighbours >= 0) & (neighbours < n)
    weights = weights if outside else weights * inside
    weights = weights / weights.sum(axis=1, keepdims=True)
    matrix = np.zeros((len(at), n))
    np.add.at(matrix, (np.arange(len(at))[:, None], np.clip(neighbours, 0, n - 1)), weights)
    return matrix


def _triangle(x: FloatArray) -> FloatArray:
    return np.maximum(1 - np.abs(x), 0)


def _cubic(a: float) -> Callable[[FloatArray], FloatArray]:
    """Make Keys' cubic kernel."""

    def kernel(x: FloatArray) -> FloatArray:
        t = np.abs(x)
        near = ((a + 2) * t - (a + 3)) * t**2 + 1
        far = ((a * t - 5 * a) * t + 8 * a) * t - 4 * a
        return np.where(t <= 1, near, np.where(t < 2, far, 0.0))

    return kernel
