"""Operators on one encrypted tensor, element by element.

Any function of one integer is a lookup. Functions wait until integers are needed again, so that a
chain of them is one lookup.
"""

from __future__ import annotations

from typing import Any

from cml_sklearn._typing import FloatArray
from cml_sklearn.quantization.quantized_op import QuantizedOp
from cml_sklearn.quantization.quantized_tensor import QuantizedTensor

__all__ = ["QuantizedIdentity", "QuantizedNeg", "QuantizedNot", "QuantizedUnivariate"]


class QuantizedIdentity(QuantizedOp, ops=("Cast", "Dropout", "Identity")):
    """Operators that change nothing for the integers."""

    def q_impl(self, x: Any, *_: Any, **attributes: Any) -> QuantizedTensor:
        """See `QuantizedOp.q_impl`."""
        return x


class QuantizedNeg(QuantizedOp, ops=("Neg",)):
    """Change of sign: free."""

    def q_impl(self, x: Any, **attributes: Any) -> QuantizedTensor:
        """See `QuantizedOp.q_impl`."""
        return x.affine(-1.0, 0.0)


class QuantizedNot(QuantizedOp, ops=("Not",)):
    """Logical negation of 0 and 1: free."""

    def q_impl(self, x: Any, **attributes: Any) -> QuantizedTensor:
        """See `QuantizedOp.q_impl`."""
        return x.affine(-1.0, 1.0)


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

    def q_impl(self, x: Any, *constants: Any, **attributes: Any) -> QuantizedTensor:
        """See `QuantizedOp.q_impl`."""
        if not isinstance(x, QuantizedTensor) or any(
            isinstance(c, QuantizedTensor) for c in constants
        ):
            raise self.unsupported(
                "has an encrypted parameter", "Make all inputs but the first constants."
            )
        rank = len(x.shape)
        parameters = [None if c is None else self.constant(c, rank) for c in constants]

        def function(values: FloatArray) -> FloatArray:
            result: FloatArray = self.impl(values, *parameters, **attributes)[0]
            return result

        return x.then(function)
