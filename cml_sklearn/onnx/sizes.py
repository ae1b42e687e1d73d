"""How large a constant would become: a file of a few bytes may ask for all memory there is."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from cml_sklearn._typing import Array
from cml_sklearn.exceptions import InvalidGraphError
from cml_sklearn.onnx.graph import Node

__all__ = ["check_folded_size"]

_LARGEST = 1 << 28
"""Elements of the largest constant that is worked out."""


def check_folded_size(node: Node, values: Mapping[str, Array]) -> None:
    """Refuse a node of constants whose result would be enormous.

    Parameters
    ----------
    node : Node
    values : mapping of str to ndarray
        Has the node's inputs, by their names.

    Raises
    ------
    InvalidGraphError
        It would have more than 2**28 elements.
    """
    inputs = [values[name] for name in node.inputs if name]
    try:
        size = _SIZES.get(node.op_type, _broadcast)(inputs)
    except (ArithmeticError, LookupError, TypeError, ValueError):
        return  # running it says what is wrong
    if size > _LARGEST:
        raise InvalidGraphError(
            f"{node} would make a constant of {size:.0f} elements; at most {_LARGEST} are allowed. "
            "Shrink the shapes that the model declares."
        )


def _volume(shape: Array) -> float:
    """Elements of a tensor of a shape that is given as a tensor."""
    return math.prod(max(abs(float(n)), 1.0) for n in shape.ravel())


def _broadcast(inputs: Sequence[Array]) -> float:
    """Elements of operands side by side, and broadcast against each other if they can be."""
    together = float(sum(x.size for x in inputs))
    try:
        return max(together, float(math.prod(np.broadcast_shapes(*(x.shape for x in inputs)))))
    except ValueError:
        return together


def _product(inputs: Sequence[Array]) -> float:
    """Elements of a product of matrices, of whichever axes."""
    a, b = inputs[:2]
    shared = max(set(a.shape) & set(b.shape), default=1) or 1
    return float(a.size) / shared * b.size / shared


def _padded(inputs: Sequence[Array]) -> float:
    """Elements of a tensor with a border."""
    return inputs[0].size * math.prod(1 + max(float(n), 0.0) for n in inputs[1].ravel())


_SIZES: dict[str, Callable[[Sequence[Array]], float]] = {
    "CenterCropPad": lambda inputs: inputs[0].size * _volume(inputs[1]),
    "ConstantOfShape": lambda inputs: _volume(inputs[0]),
    "Einsum": lambda inputs: math.prod(float(x.size) for x in inputs),
    "Expand": lambda inputs: inputs[0].size * _volume(inputs[1]),
    "Gather": lambda inputs: float(inputs[0].size) * inputs[1].size,
    "Gemm": _product,
    "MatMul": _product,
    "MaxUnpool": lambda inputs: _volume(inputs[-1]),
    "OneHot": lambda inputs: inputs[0].size * float(inputs[1].item()),
    "Pad": _padded,
    "Range": lambda inputs: (
        (float(inputs[1].item()) - float(inputs[0].item())) / float(inputs[2].item())
    ),
    "Tile": lambda inputs: inputs[0].size * _volume(inputs[1]),
}
"""Elements of results by their operands, for operators whose results are larger than these."""
