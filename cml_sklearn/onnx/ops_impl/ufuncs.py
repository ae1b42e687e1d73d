"""Operators that one function of NumPy computes, element by element."""

from __future__ import annotations

from functools import reduce

import numpy as np

from cml_sklearn._typing import Array
from cml_sklearn.onnx._arrays import Operator, Tensors, keeps_type
from cml_sklearn.onnx.ops_impl.registry import operator


def _of_x(ufunc: np.ufunc) -> Operator:
    """Make an implementation whose one input is called X."""

    def apply(x: Array, /) -> Tensors:
        return (ufunc(x),)

    return apply


def _of_input(ufunc: np.ufunc) -> Operator:
    """Make an implementation whose one input is called input."""

    def apply(input: Array, /) -> Tensors:
        return (ufunc(input),)

    return apply


def _of_a_and_b(ufunc: np.ufunc) -> Operator:
    """Make an implementation of two inputs."""

    def apply(a: Array, b: Array, /) -> Tensors:
        return (ufunc(a, b),)

    return apply


def _of_all(ufunc: np.ufunc) -> Operator:
    """Make an implementation of any number of inputs, from a function of two."""

    def apply(*data_0: Array) -> Tensors:
        return (reduce(ufunc, data_0),)

    return apply


numpy_abs = operator("Abs")(_of_x(np.absolute))
numpy_acos = operator("Acos")(_of_input(np.arccos))
numpy_acosh = operator("Acosh")(_of_input(np.arccosh))
numpy_asin = operator("Asin")(_of_input(np.arcsin))
numpy_asinh = operator("Asinh")(_of_input(np.arcsinh))
numpy_atan = operator("Atan")(_of_input(np.arctan))
numpy_atanh = operator("Atanh")(_of_input(np.arctanh))
numpy_bitwise_not = operator("BitwiseNot")(_of_x(np.bitwise_not))
numpy_ceil = operator("Ceil")(_of_x(np.ceil))
numpy_cos = operator("Cos")(_of_input(np.cos))
numpy_cosh = operator("Cosh")(_of_input(np.cosh))
numpy_exp = operator("Exp")(_of_input(np.exp))
numpy_floor = operator("Floor")(_of_x(np.floor))
numpy_is_nan = operator("IsNaN")(_of_x(np.isnan))
numpy_log = operator("Log")(_of_input(np.log))
numpy_neg = operator("Neg")(_of_x(np.negative))
numpy_not = operator("Not")(_of_x(np.logical_not))
numpy_round = operator("Round")(_of_x(np.rint))
numpy_sign = operator("Sign")(_of_input(np.sign))
numpy_sin = operator("Sin")(_of_input(np.sin))
numpy_sinh = operator("Sinh")(_of_input(np.sinh))
numpy_sqrt = operator("Sqrt")(keeps_type(_of_x(np.sqrt)))
numpy_tan = operator("Tan")(_of_input(np.tan))
numpy_tanh = operator("Tanh")(_of_input(np.tanh))

numpy_add = operator("Add")(_of_a_and_b(np.add))
numpy_and = operator("And")(_of_a_and_b(np.logical_and))
numpy_bitwise_and = operator("BitwiseAnd")(_of_a_and_b(np.bitwise_and))
numpy_bitwise_or = operator("BitwiseOr")(_of_a_and_b(np.bitwise_or))
numpy_bitwise_xor = operator("BitwiseXor")(_of_a_and_b(np.bitwise_xor))
numpy_equal = operator("Equal")(_of_a_and_b(np.equal))
numpy_greater = operator("Greater")(_of_a_and_b(np.greater))
numpy_greater_or_equal = operator("GreaterOrEqual")(_of_a_and_b(np.greater_equal))
numpy_less = operator("Less")(_of_a_and_b(np.less))
numpy_less_or_equal = operator("LessOrEqual")(_of_a_and_b(np.less_equal))
numpy_mul = operator("Mul")(_of_a_and_b(np.multiply))
numpy_or = operator("Or")(_of_a_and_b(np.logical_or))
numpy_sub = operator("Sub")(_of_a_and_b(np.subtract))
numpy_xor = operator("Xor")(_of_a_and_b(np.logical_xor))

numpy_max = operator("Max")(_of_all(np.maximum))
numpy_min = operator("Min")(_of_all(np.minimum))
numpy_sum = operator("Sum")(_of_all(np.add))
