"""What operators share: types of tensors, and types of their elements."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec

import numpy as np

from cml_sklearn._typing import Array

__all__ = ["NUMPY_TYPES", "Operator", "Tensors", "highest", "keeps_type", "lowest"]

Tensors = tuple[Array, ...]
Operator = Callable[..., Tensors]

NUMPY_TYPES: dict[int, np.dtype] = {
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

_P = ParamSpec("_P")


def keeps_type(function: Callable[_P, Tensors]) -> Callable[_P, Tensors]:
    """Give a function's results the type of its first input.

    NumPy widens scalars and integers on the way; ONNX never does.
    """

    @wraps(function)
    def typed(*inputs: _P.args, **attributes: _P.kwargs) -> Tensors:
        dtype = np.asarray(inputs[0]).dtype
        return tuple(
            np.asarray(y).astype(dtype, copy=False) for y in function(*inputs, **attributes)
        )

    return typed


def lowest(dtype: np.dtype) -> float:
    """Smallest value of a type: the neutral element of the maximum."""
    if dtype == np.bool_:
        return False
    return np.iinfo(dtype).min if np.issubdtype(dtype, np.integer) else -np.inf


def highest(dtype: np.dtype) -> float:
    """Largest value of a type: the neutral element of the minimum."""
    if dtype == np.bool_:
        return True
    return np.iinfo(dtype).max if np.issubdtype(dtype, np.integer) else np.inf
