"""Activation functions of networks."""

from __future__ import annotations

import math

import numpy as np
from scipy import special

from cml_sklearn._typing import Array
from cml_sklearn.onnx._arrays import Tensors, keeps_type
from cml_sklearn.onnx.ops_impl.registry import operator


@operator("Celu")
@keeps_type
def numpy_celu(x: Array, /, *, alpha: float = 1.0) -> Tensors:
    """Continuously differentiable exponential linear unit."""
    return (np.maximum(x, 0) + np.minimum(0, alpha * np.expm1(x / alpha)),)


@operator("Elu")
@keeps_type
def numpy_elu(x: Array, /, *, alpha: float = 1.0) -> Tensors:
    """Exponential linear unit."""
    return (np.where(x > 0, x, alpha * np.expm1(x)),)


@operator("Gelu")
@keeps_type
def numpy_gelu(x: Array, /, *, approximate: str = "none") -> Tensors:
    """Gaussian error linear unit, exact or with the approximation by tanh."""
    if approximate == "tanh":
        return (0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3))),)
    return (0.5 * x * (1 + special.erf(x / math.sqrt(2))),)


@operator("HardSigmoid")
@keeps_type
def numpy_hard_sigmoid(x: Array, /, *, alpha: float = 0.2, beta: float = 0.5) -> Tensors:
    """Sigmoid made of three lines."""
    return (np.clip(alpha * x + beta, 0, 1),)


@operator("HardSwish")
@keeps_type
def numpy_hard_swish(x: Array, /) -> Tensors:
    """Product with its hard sigmoid of slope 1/6."""
    return (x * np.clip(x / 6 + 0.5, 0, 1),)


@operator("LeakyRelu")
@keeps_type
def numpy_leaky_relu(x: Array, /, *, alpha: float = 0.01) -> Tensors:
    """Rectifier with a slope for negative values."""
    return (np.where(x >= 0, x, alpha * x),)


@operator("Mish")
@keeps_type
def numpy_mish(x: Array, /) -> Tensors:
    """Product with tanh of its softplus."""
    return (x * np.tanh(np.logaddexp(x, 0)),)


@operator("PRelu")
@keeps_type
def numpy_prelu(x: Array, slope: Array, /) -> Tensors:
    """Rectifier with learned slopes for negative values."""
    return (np.where(x >= 0, x, slope * x),)


@operator("Relu")
def numpy_relu(x: Array, /) -> Tensors:
    """Rectifier."""
    return (np.maximum(x, x.dtype.type(0)),)


@operator("Selu")
@keeps_type
def numpy_selu(
    x: Array, /, *, alpha: float = 1.6732631921768188, gamma: float = 1.0507010221481323
) -> Tensors:
    """Scaled exponential linear unit."""
    return (gamma * np.where(x > 0, x, alpha * np.expm1(x)),)


@operator("Shrink")
@keeps_type
def numpy_shrink(input: Array, /, *, bias: float = 0.0, lambd: float = 0.5) -> Tensors:
    """Zero between ``-lambd`` and ``lambd``, elsewhere nearer to zero by `bias`."""
    return (np.where(np.abs(input) > lambd, input - np.sign(input) * bias, 0),)


@operator("Sigmoid")
@keeps_type
def numpy_sigmoid(x: Array, /) -> Tensors:
    """Logistic function."""
    return (1 / (1 + np.exp(-x)),)


@operator("Softplus")
@keeps_type
def numpy_softplus(x: Array, /) -> Tensors:
    """Logarithm of one plus the exponential."""
    return (np.logaddexp(x, 0),)


@operator("Softsign")
@keeps_type
def numpy_softsign(input: Array, /) -> Tensors:
    """Quotient by one plus the absolute value."""
    return (input / (1 + np.abs(input)),)


@operator("ThresholdedRelu")
@keeps_type
def numpy_thresholded_relu(x: Array, /, *, alpha: float = 1.0) -> Tensors:
    """Values above `alpha`, zero elsewhere."""
    return (np.where(x > alpha, x, 0),)
