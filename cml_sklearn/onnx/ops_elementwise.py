"""Arithmetic and functions of one variable, element by element."""

from __future__ import annotations

import math
from functools import reduce

import numpy as np
from scipy import special

from cml_sklearn.onnx._arrays import Array, Tensors, keeps_type

__all__ = [
    "numpy_abs",
    "numpy_acos",
    "numpy_acosh",
    "numpy_add",
    "numpy_asin",
    "numpy_asinh",
    "numpy_atan",
    "numpy_atanh",
    "numpy_ceil",
    "numpy_celu",
    "numpy_clip",
    "numpy_cos",
    "numpy_cosh",
    "numpy_div",
    "numpy_elu",
    "numpy_erf",
    "numpy_exp",
    "numpy_floor",
    "numpy_gelu",
    "numpy_hard_sigmoid",
    "numpy_hard_swish",
    "numpy_leaky_relu",
    "numpy_log",
    "numpy_max",
    "numpy_mean",
    "numpy_min",
    "numpy_mish",
    "numpy_mod",
    "numpy_mul",
    "numpy_neg",
    "numpy_pow",
    "numpy_prelu",
    "numpy_reciprocal",
    "numpy_relu",
    "numpy_round",
    "numpy_selu",
    "numpy_shrink",
    "numpy_sigmoid",
    "numpy_sign",
    "numpy_sin",
    "numpy_sinh",
    "numpy_softplus",
    "numpy_softsign",
    "numpy_sqrt",
    "numpy_sub",
    "numpy_sum",
    "numpy_tan",
    "numpy_tanh",
    "numpy_thresholded_relu",
]


def numpy_abs(x: Array, /) -> Tensors:
    """Absolute value."""
    return (np.abs(x),)


def numpy_acos(input: Array, /) -> Tensors:
    """Arc cosine, in radians."""
    return (np.arccos(input),)


def numpy_acosh(input: Array, /) -> Tensors:
    """Inverse hyperbolic cosine."""
    return (np.arccosh(input),)


def numpy_add(a: Array, b: Array, /) -> Tensors:
    """Sum of two tensors."""
    return (np.add(a, b),)


def numpy_asin(input: Array, /) -> Tensors:
    """Arc sine, in radians."""
    return (np.arcsin(input),)


def numpy_asinh(input: Array, /) -> Tensors:
    """Inverse hyperbolic sine."""
    return (np.arcsinh(input),)


def numpy_atan(input: Array, /) -> Tensors:
    """Arc tangent, in radians."""
    return (np.arctan(input),)


def numpy_atanh(input: Array, /) -> Tensors:
    """Inverse hyperbolic tangent."""
    return (np.arctanh(input),)


def numpy_ceil(x: Array, /) -> Tensors:
    """Smallest integer not below."""
    return (np.ceil(x),)


@keeps_type
def numpy_celu(x: Array, /, *, alpha: float = 1.0) -> Tensors:
    """Continuously differentiable exponential linear unit."""
    return (np.maximum(x, 0) + np.minimum(0, alpha * np.expm1(x / alpha)),)


@keeps_type
def numpy_clip(input: Array, /, min: Array | None = None, max: Array | None = None) -> Tensors:
    """Values cut off at both ends; `max` wins where `min` exceeds it."""
    lower = input if min is None else np.maximum(input, min)
    return (lower if max is None else np.minimum(lower, max),)


def numpy_cos(input: Array, /) -> Tensors:
    """Cosine of radians."""
    return (np.cos(input),)


def numpy_cosh(input: Array, /) -> Tensors:
    """Hyperbolic cosine."""
    return (np.cosh(input),)


@keeps_type
def numpy_div(a: Array, b: Array, /) -> Tensors:
    """Quotient; that of integers is cut towards zero."""
    if np.issubdtype(a.dtype, np.integer):
        return ((a - np.fmod(a, b)) // b,)
    return (np.divide(a, b),)


@keeps_type
def numpy_elu(x: Array, /, *, alpha: float = 1.0) -> Tensors:
    """Exponential linear unit."""
    return (np.where(x > 0, x, alpha * np.expm1(x)),)


@keeps_type
def numpy_erf(input: Array, /) -> Tensors:
    """Gauss error function."""
    return (special.erf(input),)


def numpy_exp(input: Array, /) -> Tensors:
    """Exponential."""
    return (np.exp(input),)


def numpy_floor(x: Array, /) -> Tensors:
    """Largest integer not above."""
    return (np.floor(x),)


@keeps_type
def numpy_gelu(x: Array, /, *, approximate: str = "none") -> Tensors:
    """Gaussian error linear unit, exact or with the approximation by tanh."""
    if approximate == "tanh":
        return (0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))),)
    return (0.5 * x * (1 + special.erf(x / math.sqrt(2))),)


@keeps_type
def numpy_hard_sigmoid(x: Array, /, *, alpha: float = 0.2, beta: float = 0.5) -> Tensors:
    """Sigmoid made of three lines."""
    return (np.clip(alpha * x + beta, 0, 1),)


@keeps_type
def numpy_hard_swish(x: Array, /) -> Tensors:
    """Product with its hard sigmoid of slope 1/6."""
    return (x * np.clip(x / 6 + 0.5, 0, 1),)


@keeps_type
def numpy_leaky_relu(x: Array, /, *, alpha: float = 0.01) -> Tensors:
    """Rectifier with a slope for negative values."""
    return (np.where(x >= 0, x, alpha * x),)


def numpy_log(input: Array, /) -> Tensors:
    """Natural logarithm."""
    return (np.log(input),)


def numpy_max(*data_0: Array) -> Tensors:
    """Largest of several tensors."""
    return (reduce(np.maximum, data_0),)


@keeps_type
def numpy_mean(*data_0: Array) -> Tensors:
    """Mean of several tensors."""
    return (reduce(np.add, data_0) / len(data_0),)


def numpy_min(*data_0: Array) -> Tensors:
    """Smallest of several tensors."""
    return (reduce(np.minimum, data_0),)


@keeps_type
def numpy_mish(x: Array, /) -> Tensors:
    """Product with tanh of its softplus."""
    return (x * np.tanh(np.logaddexp(x, 0)),)


def numpy_mod(a: Array, b: Array, /, *, fmod: int = 0) -> Tensors:
    """Remainder with the sign of the divisor, or with `fmod` of the dividend."""
    return (np.fmod(a, b) if fmod else np.mod(a, b),)


def numpy_mul(a: Array, b: Array, /) -> Tensors:
    """Product of two tensors, element by element."""
    return (np.multiply(a, b),)


def numpy_neg(x: Array, /) -> Tensors:
    """Negative."""
    return (np.negative(x),)


@keeps_type
def numpy_pow(x: Array, y: Array, /) -> Tensors:
    """Power, in the type of the base."""
    integers = np.issubdtype(x.dtype, np.integer) and np.issubdtype(y.dtype, np.integer)
    if integers and np.all(y >= 0):
        return (np.power(x, y.astype(x.dtype)),)
    if np.issubdtype(x.dtype, np.integer):
        return (np.power(x.astype(np.float64), y),)
    return (np.power(x, y.astype(x.dtype)),)


@keeps_type
def numpy_prelu(x: Array, slope: Array, /) -> Tensors:
    """Rectifier with learned slopes for negative values."""
    return (np.where(x >= 0, x, slope * x),)


@keeps_type
def numpy_reciprocal(x: Array, /) -> Tensors:
    """One over."""
    return (1 / x,)


def numpy_relu(x: Array, /) -> Tensors:
    """Rectifier."""
    return (np.maximum(x, x.dtype.type(0)),)


def numpy_round(x: Array, /) -> Tensors:
    """Nearest integer, halves to the even one."""
    return (np.rint(x),)


@keeps_type
def numpy_selu(
    x: Array, /, *, alpha: float = 1.6732631921768188, gamma: float = 1.0507010221481323
) -> Tensors:
    """Scaled exponential linear unit."""
    return (gamma * np.where(x > 0, x, alpha * np.expm1(x)),)


@keeps_type
def numpy_shrink(input: Array, /, *, bias: float = 0.0, lambd: float = 0.5) -> Tensors:
    """Zero between ``-lambd`` and ``lambd``, elsewhere nearer to zero by `bias`."""
    return (np.where(np.abs(input) > lambd, input - np.sign(input) * bias, 0),)


@keeps_type
def numpy_sigmoid(x: Array, /) -> Tensors:
    """Logistic function."""
    return (1 / (1 + np.exp(-x)),)


def numpy_sign(input: Array, /) -> Tensors:
    """Minus one, zero or one."""
    return (np.sign(input),)


def numpy_sin(input: Array, /) -> Tensors:
    """Sine of radians."""
    return (np.sin(input),)


def numpy_sinh(input: Array, /) -> Tensors:
    """Hyperbolic sine."""
    return (np.sinh(input),)


@keeps_type
def numpy_softplus(x: Array, /) -> Tensors:
    """Logarithm of one plus the exponential."""
    return (np.logaddexp(x, 0),)


@keeps_type
def numpy_softsign(input: Array, /) -> Tensors:
    """Quotient by one plus the absolute value."""
    return (input / (1 + np.abs(input)),)


@keeps_type
def numpy_sqrt(x: Array, /) -> Tensors:
    """Square root."""
    return (np.sqrt(x),)


def numpy_sub(a: Array, b: Array, /) -> Tensors:
    """Difference of two tensors."""
    return (np.subtract(a, b),)


def numpy_sum(*data_0: Array) -> Tensors:
    """Sum of several tensors."""
    return (reduce(np.add, data_0),)


def numpy_tan(input: Array, /) -> Tensors:
    """Tangent of radians."""
    return (np.tan(input),)


def numpy_tanh(input: Array, /) -> Tensors:
    """Hyperbolic tangent."""
    return (np.tanh(input),)


@keeps_type
def numpy_thresholded_relu(x: Array, /, *, alpha: float = 1.0) -> Tensors:
    """Values above `alpha`, zero elsewhere."""
    return (np.where(x > alpha, x, 0),)
