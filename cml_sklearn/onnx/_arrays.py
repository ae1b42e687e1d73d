"""What operators share: types of arrays, and types of their elements."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec

import numpy as np
from numpy.typing import NDArray

__all__ = ["Array", "Operator", "Tensors", "highest", "keeps_type", "lowest"]

Array = NDArray[Any]
Tensors = tuple[Array, ...]
Operator = Callable[..., Tensors]

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


def lowest(dtype: np.dtype[Any]) -> Any:
    """Smallest value of a type: the neutral element of the maximum."""
    if dtype == np.bool_:
        return False
    return np.iinfo(dtype).min if np.issubdtype(dtype, np.integer) else -np.inf


def highest(dtype: np.dtype[Any]) -> Any:
    """Largest value of a type: the neutral element of the minimum."""
    if dtype == np.bool_:
        return True
    return np.iinfo(dtype).max if np.issubdtype(dtype, np.integer) else np.inf
