"""Arithmetic, element by element, that takes more than one function of NumPy."""

from __future__ import annotations

from functools import reduce

import numpy as np
from scipy import special

from cml_sklearn._typing import Array
from cml_sklearn.onnx._arrays import Tensors, keeps_type
from cml_sklearn.onnx.ops_impl.registry import operator


@operator("Clip")
@keeps_type
def numpy_clip(input: Array, /, min: Array | None = None, max: Array | None = None) -> Tensors:
    """Values cut off at both ends; `max` wins where `min` exceeds it."""
    lower = input if min is None else np.maximum(input, min)
    return (lower if max is None else np.minimum(lower, max),)


@operator("Div")
@keeps_type
def numpy_div(a: Array, b: Array, /) -> Tensors:
    """Quotient; that of integers is cut towards zero."""
    if np.issubdtype(a.dtype, np.integer):
        return ((a - np.fmod(a, b)) // b,)
    return (np.divide(a, b),)


@operator("Erf")
@keeps_type
def numpy_erf(input: Array, /) -> Tensors:
    """Gauss error function."""
    return (special.erf(input),)


@operator("Mean")
@keeps_type
def numpy_mean(*data_0: Array) -> Tensors:
    """Mean of several tensors."""
    return (reduce(np.add, data_0) / len(data_0),)


@operator("Mod")
def numpy_mod(a: Array, b: Array, /, *, fmod: int = 0) -> Tensors:
    """Remainder with the sign of the divisor, or with `fmod` of the dividend."""
    return (np.fmod(a, b) if fmod else np.mod(a, b),)


@operator("Pow")
@keeps_type
def numpy_pow(x: Array, y: Array, /) -> Tensors:
    """Power, in the type of the base."""
    integers = np.issubdtype(x.dtype, np.integer) and np.issubdtype(y.dtype, np.integer)
    if integers and np.all(y >= 0):
        return (np.power(x, y.astype(x.dtype)),)
    if np.issubdtype(x.dtype, np.integer):
        return (np.power(x.astype(np.float64), y),)
    return (np.power(x, y.astype(x.dtype)),)


@operator("Reciprocal")
@keeps_type
def numpy_reciprocal(x: Array, /) -> Tensors:
    """One over."""
    return (1 / x,)
