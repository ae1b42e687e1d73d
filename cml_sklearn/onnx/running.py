"""Running a node, with errors that name it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from cml_sklearn._typing import Array
from cml_sklearn.exceptions import CmlError, InvalidInputError, UnsupportedOperatorError
from cml_sklearn.onnx.graph import Node
from cml_sklearn.onnx.onnx_utils import ONNX_OPS_TO_NUMPY_IMPL, signature_of
from cml_sklearn.program.soundness import FOREIGN_ERRORS

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
    except FOREIGN_ERRORS as error:
        raise InvalidInputError(
            f"{node} can't be computed on {_inputs_of(node, values)}: {error}. Check the shapes of "
            "the model's inputs, and the shapes that the model itself computes."
        ) from error
    if len(outputs) < len(node.outputs):
        raise UnsupportedOperatorError(
            f"{node} has {len(node.outputs)} outputs; only the first {len(outputs)} are supported."
        )
    named = zip(node.outputs, outputs, strict=False)
    return {name: np.asarray(value) for name, value in named if name}


def _inputs_of(node: Node, values: Mapping[str, Array]) -> str:
    """Names, types and shapes of a node's inputs, for a message."""
    tensors = {name: values[name] for name in node.inputs if name}
    listed = (f"{name!r}: {x.dtype}{list(x.shape)}" for name, x in tensors.items())
    return ", ".join(listed) or "no tensors"
