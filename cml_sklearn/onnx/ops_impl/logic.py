"""Bits, infinities, choice by a condition, and changes of type."""

from __future__ import annotations

import numpy as np

from cml_sklearn._typing import Array
from cml_sklearn.exceptions import UnsupportedOperatorError
from cml_sklearn.onnx._arrays import NUMPY_TYPES, Tensors
from cml_sklearn.onnx.ops_impl.registry import operator


@operator("BitShift")
def numpy_bit_shift(x: Array, y: Array, /, *, direction: str) -> Tensors:
    """Bits moved by `y` places, "LEFT" or "RIGHT"."""
    return (np.left_shift(x, y) if direction == "LEFT" else np.right_shift(x, y),)


@operator("Cast")
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


@operator("CastLike")
def numpy_cast_like(input: Array, target_type: Array, /, *, saturate: int = 1) -> Tensors:  # noqa: ARG001
    """Values in the type of `target_type`."""
    return (input.astype(target_type.dtype),)


@operator("IsInf")
def numpy_is_inf(x: Array, /, *, detect_negative: int = 1, detect_positive: int = 1) -> Tensors:
    """Whether infinite, of the signs asked for."""
    signs = ((x < 0) & bool(detect_negative)) | ((x > 0) & bool(detect_positive))
    return (np.isinf(x) & signs,)


@operator("Where")
def numpy_where(condition: Array, x: Array, y: Array, /) -> Tensors:
    """Values of `x` where the condition holds, else of `y`."""
    return (np.where(condition, x, y),)
