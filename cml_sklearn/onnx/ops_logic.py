"""Comparisons, logic, bits, and changes of type."""

from __future__ import annotations

from typing import Any

import numpy as np

from cml_sklearn.exceptions import UnsupportedOperatorError
from cml_sklearn.onnx._arrays import Array, Tensors

__all__ = [
    "NUMPY_TYPES",
    "numpy_and",
    "numpy_bit_shift",
    "numpy_bitwise_and",
    "numpy_bitwise_not",
    "numpy_bitwise_or",
    "numpy_bitwise_xor",
    "numpy_cast",
    "numpy_cast_like",
    "numpy_equal",
    "numpy_greater",
    "numpy_greater_or_equal",
    "numpy_is_inf",
    "numpy_is_nan",
    "numpy_less",
    "numpy_less_or_equal",
    "numpy_not",
    "numpy_or",
    "numpy_where",
    "numpy_xor",
]

NUMPY_TYPES: dict[int, np.dtype[Any]] = {
    1: np.dtype(np.float32),
    2: np.dtype(np.uint8),
    3: np.dtype(np.int8),
    4: np.dtype(np.uint16),
    5: np.dtype(np.int16),
    6: np.dtype(np.int32),
    7: np.dtype(np.int64),
    9: np.dtype(np.bool_),
    10: np.dtype(np.float16),
    11: np.dtype(np.float64),
    12: np.dtype(np.uint32),
    13: np.dtype(np.uint64),
}
"""The element types that tensors may have here, by their numbers in ONNX."""


def numpy_and(a: Array, b: Array, /) -> Tensors:
    """Whether both are true."""
    return (np.logical_and(a, b),)


def numpy_bitwise_and(a: Array, b: Array, /) -> Tensors:
    """Bits set in both."""
    return (np.bitwise_and(a, b),)


def numpy_bitwise_not(x: Array, /) -> Tensors:
    """Bits turned over."""
    return (np.bitwise_not(x),)


def numpy_bitwise_or(a: Array, b: Array, /) -> Tensors:
    """Bits set in one or both."""
    return (np.bitwise_or(a, b),)


def numpy_bitwise_xor(a: Array, b: Array, /) -> Tensors:
    """Bits set in exactly one."""
    return (np.bitwise_xor(a, b),)


def numpy_bit_shift(x: Array, y: Array, /, *, direction: str) -> Tensors:
    """Bits moved by `y` places, "LEFT" or "RIGHT"."""
    return (np.left_shift(x, y) if direction == "LEFT" else np.right_shift(x, y),)


def numpy_cast(input: Array, /, *, saturate: int = 1, to: int) -> Tensors:  # noqa: ARG001
    """Values in another type; `saturate` matters only for 8-bit floats.

    Raises
    ------
    UnsupportedOperatorError
        `to` is a type that NumPy lacks.
    """
    if to not in NUMPY_TYPES:
        allowed = ", ".join(f"{number} ({dtype})" for number, dtype in NUMPY_TYPES.items())
        raise UnsupportedOperatorError(f"Cast to ONNX type {to} is not supported; use {allowed}.")
    return (input.astype(NUMPY_TYPES[to]),)


def numpy_cast_like(input: Array, target_type: Array, /, *, saturate: int = 1) -> Tensors:  # noqa: ARG001
    """Values in the type of `target_type`."""
    return (input.astype(target_type.dtype),)


def numpy_equal(a: Array, b: Array, /) -> Tensors:
    """Whether equal."""
    return (np.equal(a, b),)


def numpy_greater(a: Array, b: Array, /) -> Tensors:
    """Whether greater."""
    return (np.greater(a, b),)


def numpy_greater_or_equal(a: Array, b: Array, /) -> Tensors:
    """Whether greater or equal."""
    return (np.greater_equal(a, b),)


def numpy_is_inf(x: Array, /, *, detect_negative: int = 1, detect_positive: int = 1) -> Tensors:
    """Whether infinite, of the signs asked for."""
    signs = ((x < 0) & bool(detect_negative)) | ((x > 0) & bool(detect_positive))
    return (np.isinf(x) & signs,)


def numpy_is_nan(x: Array, /) -> Tensors:
    """Whether not a number."""
    return (np.isnan(x),)


def numpy_less(a: Array, b: Array, /) -> Tensors:
    """Whether less."""
    return (np.less(a, b),)


def numpy_less_or_equal(a: Array, b: Array, /) -> Tensors:
    """Whether less or equal."""
    return (np.less_equal(a, b),)


def numpy_not(x: Array, /) -> Tensors:
    """Whether false."""
    return (np.logical_not(x),)


def numpy_or(a: Array, b: Array, /) -> Tensors:
    """Whether one or both are true."""
    return (np.logical_or(a, b),)


def numpy_where(condition: Array, x: Array, y: Array, /) -> Tensors:
    """Values of `x` where the condition holds, else of `y`."""
    return (np.where(condition, x, y),)


def numpy_xor(a: Array, b: Array, /) -> Tensors:
    """Whether exactly one is true."""
    return (np.logical_xor(a, b),)
