"""Running a node, with errors that name it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from cml_sklearn.exceptions import CmlError, InvalidInputError, UnsupportedOperatorError
from cml_sklearn.onnx._arrays import Array
from cml_sklearn.onnx.graph import Node
from cml_sklearn.onnx.ops_impl import ONNX_OPS_TO_NUMPY_IMPL
from cml_sklearn.onnx.opsets import signature_of

__all__ = ["run_node"]


def run_node(node: Node, values: Mapping[str, Array]) -> dict[str, Array]:
    """Run one node, and give its outputs by their names.

    Parameters
    ----------
    node : Node
    values : mapping of str to ndarray
        Has the node's inputs, by their names.

    Raises
    ------
    InvalidInputError
        The operator can't be computed on these tensors; the message has their shapes.
    """
    inputs = [values[name] if name else None for name in node.inputs]
    counted = signature_of(node.op_type).counts_outputs
    extra = {"n_outputs": len(node.outputs)} if counted else {}
    try:
        outputs = ONNX_OPS_TO_NUMPY_IMPL[node.op_type](*inputs, **node.attributes, **extra)
    except CmlError as error:
        raise type(error)(f"{node}: {error}") from error
    except (ArithmeticError, LookupError, TypeError, ValueError) as error:
        tensors = ", ".join(
            f"{name!r}: {values[name].dtype}{list(values[name].shape)}"
            for name in node.inputs
            if name
        )
        raise InvalidInputError(
            f"{node} can't be computed on {tensors or 'no tensors'}: {error}. Check the shapes of "
            "the model's inputs, and the shapes that the model itself computes."
        ) from error
    if len(outputs) < len(node.outputs):
        raise UnsupportedOperatorError(
            f"{node} has {len(node.outputs)} outputs; only the first {len(outputs)} are supported."
        )
    named = zip(node.outputs, outputs, strict=False)
    return {name: np.asarray(value) for name, value in named if name}
