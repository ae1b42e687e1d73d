"""Operators on one encrypted tensor, element by element.

Any function of one integer is a lookup. Functions wait until integers are needed again, so that a
chain of them is one lookup.
"""

from __future__ import annotations

import numpy as np
from typing_extensions import override

from cml_sklearn.onnx._arrays import NUMPY_TYPES
from cml_sklearn.quantization.quantized_op import Operand, QuantizedOp
from cml_sklearn.quantization.quantized_tensor import QuantizedTensor
from cml_sklearn.quantization.ranges import size_of

_NEGLIGIBLE = 1e-12
"""What is a smaller share of the greatest value is a zero that scale and offset missed."""


class QuantizedIdentity(QuantizedOp, ops=("Identity",)):
    """Operator that changes nothing."""

    is_elementwise = True
    may_be_clear = True

    @override
    def q_impl(self, x: Operand, **attributes: object) -> QuantizedTensor:
        return self.tensor(x)


class QuantizedCast(QuantizedOp, ops=("Cast",)):
    """Change of type: nothing, but that floats lose their fractions, and narrow integers wrap."""

    is_elementwise = True
    may_be_clear = True

    @override
    def q_impl(self, input: Operand, *, saturate: int, to: int) -> QuantizedTensor:
        x = self.tensor(input)
        source, target = self.types[0], NUMPY_TYPES[to]
        if np.issubdtype(target, np.floating) or np.can_cast(source, target):
            return x
        if target == np.bool_:
            whole = x if self.is_integer(0) else x.snapped()
            least = _NEGLIGIBLE * size_of(x.calibration_values)
            return whole.then(lambda values: (np.abs(values) > least).astype(np.float64))
        if not self.is_integer(0):
            return x.snapped().then(lambda values: self.evaluate(np.trunc(values)))
        # no circuit has integers of more than 31 bits
        wide = np.issubdtype(target, np.signedinteger) and target.itemsize >= 4
        return x if wide else x.then(self.evaluate)


class QuantizedDropout(QuantizedOp, ops=("Dropout",)):
    """Nothing, once a model is trained."""

    is_elementwise = True

    @override
    def q_impl(
        self, data: Operand, ratio: Operand, training_mode: Operand, *, seed: int | None
    ) -> QuantizedTensor:
        return self.tensor(data)


class QuantizedNeg(QuantizedOp, ops=("Neg",)):
    """Change of sign: free."""

    is_elementwise = True

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
        "Celu",
        "Clip",
        "Cos",
        "Cosh",
        "Elu",
        "Erf",
        "Exp",
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

    is_elementwise = is_lookup = True
    may_be_clear = True

    @override
    def q_impl(self, x: Operand, *parameters: Operand, **attributes: object) -> QuantizedTensor:
        x = self.tensor(x)
        rank = len(x.shape)
        constants = [None if p is None else self.constant(p, rank) for p in parameters]
        return self.widened(x, *constants).then(lambda values: self.evaluate(values, *constants))


class QuantizedNextInteger(QuantizedUnivariate, ops=("Ceil", "Floor")):
    """Next integer: what is near one is that one."""

    @override
    def q_impl(self, x: Operand, *parameters: Operand, **attributes: object) -> QuantizedTensor:
        return super().q_impl(self.tensor(x).snapped(), *parameters, **attributes)
