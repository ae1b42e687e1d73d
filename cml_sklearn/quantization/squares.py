"""Squares of accumulators, kept as exact integers where a model has no other function.

Such a model is a polynomial of its inputs' codes: no lookup, no rounding, and an engine with exact
arithmetic evaluates thousands of samples at once.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from cml_sklearn.exceptions import BitWidthError, UnsupportedOperatorError
from cml_sklearn.onnx.graph import Node, PreparedGraph
from cml_sklearn.program.program import IntegerProgram
from cml_sklearn.program.steps import Lookup, Maximum, Multiply, MultiplyMatrices
from cml_sklearn.quantization.quantized_op import quantized_class
from cml_sklearn.quantization.quantized_tensor import QuantizedTensor

__all__ = ["WideSquaresError", "check_width", "is_polynomial", "squared", "squares_layers"]

_WIDEST_ANSWER = 43
"""Bits of an output that exact arithmetic on ciphertexts has room for."""


class WideSquaresError(BitWidthError):
    """Squares that are kept as integers would make too wide answers."""


def _is_square(node: Node, graph: PreparedGraph) -> bool:
    """Whether a node multiplies a tensor by itself."""
    if node.op_type == "Mul":
        return node.inputs[0] == node.inputs[1]
    exponent = graph.constants.get(node.inputs[1]) if node.op_type == "Pow" else None
    return exponent is not None and bool((exponent == 2).all())


def squares_layers(graph: PreparedGraph) -> bool:
    """Whether some node squares what comes from a layer with weights."""
    weighted: set[str] = set()
    for node in graph.nodes:
        follows = not weighted.isdisjoint(node.inputs)
        if follows and _is_square(node, graph):
            return True
        if follows or quantized_class(node).is_product:
            weighted.update(node.outputs)
    return False


def squared(x: QuantizedTensor) -> QuantizedTensor:
    """Square an affine tensor, whose offset goes into the integers, to half a step.

    Raises
    ------
    UnsupportedOperatorError
        The offset is too many steps for an integer.
    WideSquaresError
        No answer could hold the squares.
    """
    x = x.with_integer_offset()
    if x.offset.any():
        raise UnsupportedOperatorError("An offset is too large beside its step to be squared.")
    largest = int(np.maximum(x.bounds.high, -x.bounds.low).max(initial=0)) ** 2
    _check(largest.bit_length())
    return replace(x.step(Multiply(), x), scale=x.scale**2, offset=np.zeros(()))


def check_width(program: IntegerProgram) -> None:
    """Refuse outputs that exact arithmetic on ciphertexts has no room for.

    Raises
    ------
    WideSquaresError
        An output is too wide.
    """
    _check(max(bounds.width for bounds in program.output_bounds))


def _check(width: int) -> None:
    if width > _WIDEST_ANSWER:
        raise WideSquaresError(
            f"Squares become lookups: as exact integers they would have {width} bits, and "
            f"{_WIDEST_ANSWER} are possible. Lower n_bits (of inputs or weights), or set "
            "exact_squares=False for lookups without this warning."
        )


def is_polynomial(program: IntegerProgram) -> bool:
    """Whether a program has sums and products only."""
    others = (Lookup, Maximum, MultiplyMatrices)
    return not any(isinstance(i.step, others) for i in program.instructions)
