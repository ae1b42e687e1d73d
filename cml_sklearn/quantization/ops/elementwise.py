"""Operators on one encrypted tensor, element by element.

Affine ones change scale and offset only; all others wait and become one lookup together.
"""

from __future__ import annotations

from typing import Any

from cml_sklearn.quantization.quantized_op import Operand, QuantizedOp
from cml_sklearn.quantization.quantized_tensor import QuantizedTensor

__all__ = ["QuantizedAdd", "QuantizedDiv", "QuantizedIdentity", "QuantizedMul", "QuantizedSub"]


class QuantizedIdentity(QuantizedOp, ops=("Identity", "Cast")):
    """Operators that change nothing for the integers."""

    def q_impl(self, *inputs: Operand, **attributes: Any) -> QuantizedTensor:
        """See `QuantizedOp.q_impl`."""
        (x,) = (i for i in inputs if isinstance(i, QuantizedTensor))
        return x
