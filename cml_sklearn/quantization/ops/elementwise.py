"""Operators on one encrypted tensor, element by element.

Any function of one integer is a lookup. Functions wait until integers are needed again, so that a
chain of them is one lookup.
"""

from __future__ import annotations

from typing_extensions import override

from cml_sklearn.quantization.quantized_op import Operand, QuantizedOp
from cml_sklearn.quantization.quantized_tensor import QuantizedTensor

__all__ = [
    "QuantizedDropout",
    "QuantizedIdentity",
    "QuantizedNeg",
    "QuantizedNot",
    "QuantizedUnivariate",
]


class QuantizedIdentity(QuantizedOp, ops=("Cast", "Identity")):
    """Operators that change nothing for the integers."""

    is_transparent = True
    may_be_clear = True

    @override
    def q_impl(self, x: Operand, **attributes: object) -> QuantizedTensor:
        return self.tensor(x)


class QuantizedDropout(QuantizedOp, ops=("Dropout",)):
    """Nothing, once a model is trained."""

    @override
    def q_impl(
        self, data: Operand, ratio: Operand, training_mode: Operand, *, seed: int | None
    ) -> QuantizedTensor:
        return self.tensor(data)


class QuantizedNeg(QuantizedOp, ops=("Neg",)):
    """Change of sign: free."""

    @override
    def q_impl(self, x: Operand) -> QuantizedTensor:
        return self.tensor(x).affine(-1.0, 0.0)


class QuantizedNot(QuantizedOp, ops=("Not",)):
    """Logical negation of 0 and 1: free."""

    @override
    def q_impl(self, x: Operand) -> QuantizedTensor:
        return self.tensor(x).affine(-1.0, 1.0)


class QuantizedUnivariate(
    QuantizedOp,
    ops=(
        "Abs",
        "Acos",
        "Acosh",
        "Asin",
        "Asinh",
        "Atan",
        "Atanh",
        "Ceil",
        "Celu",
        "Clip",
        "Cos",
        "Cosh",
        "Elu",
        "Erf",
        "Exp",
        "Floor",
        "Gelu",
        "HardSigmoid",
        "HardSwish",
        "LeakyRelu",
        "Log",
        "Mish",
        "PRelu",
        "Reciprocal",
        "Relu",
        "Round",
        "Selu",
        "Shrink",
        "Sigmoid",
        "Sign",
        "Sin",
        "Sinh",
        "Softplus",
        "Softsign",
        "Sqrt",
        "Tan",
        "Tanh",
        "ThresholdedRelu",
    ),
):
    """A function of one encrypted element; other inputs are constants of the model."""

    may_be_clear = True

    @override
    def q_impl(self, x: Operand, *parameters: Operand, **attributes: object) -> QuantizedTensor:
        x = self.tensor(x)
        rank = len(x.shape)
        constants = [None if p is None else self.constant(p, rank) for p in parameters]
        return x.then(lambda values: self.compute(values, *constants))
