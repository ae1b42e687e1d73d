"""Operators of older operator sets, turned into their newest form."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from cml_sklearn._typing import Array
from cml_sklearn.exceptions import UnsupportedOperatorError
from cml_sklearn.onnx.graph import Node
from cml_sklearn.onnx.onnx_utils import signature_of

__all__ = ["modernize"]

_FLATTENING = {"Softmax", "LogSoftmax", "Hardmax"}
"""Before operator set 13 these ran over all axes from `axis` on, by default 1."""

_RENAMED = {("Pad", "paddings"): "pads", ("Pad", "value"): "constant_value"}
"""Attributes that had another name."""

_DROPPED = {
    ("BatchNormalization", "is_test"): 1,
    ("BatchNormalization", "spatial"): 1,
    ("Dropout", "is_test"): 1,
}
"""Attributes that went away, with the one value that is still the operator's behaviour."""


def modernize(node: Node, opset: int) -> tuple[list[Node], dict[str, Array]]:
    """Turn a node into its operator's newest form.

    An attribute that is an input nowadays becomes a constant: it is known by its name, which is
    that of an input in the implementation's signature.

    Parameters
    ----------
    node : Node
    opset : int
        The operator set that the node was written for.

    Returns
    -------
    nodes : list of Node
        Mostly one.
    constants : dict of str to ndarray
        New ones that they take.

    Raises
    ------
    UnsupportedOperatorError
        The node has an attribute that is unknown, or one that went away with a value that no longer
        has a counterpart.
    """
    node = _without_dropped(_with_defaults(node, opset))
    node, constants = _attributes_to_inputs(node)
    unknown = node.attributes.keys() - signature_of(node.op_type).attributes.keys()
    if unknown:
        allowed = ", ".join(signature_of(node.op_type).attributes) or "none"
        raise UnsupportedOperatorError(
            f"{node} of operator set {opset} has an unknown attribute {min(unknown)!r}; allowed: "
            f"{allowed}. Export the model with a newer operator set."
        )
    if node.op_type in _FLATTENING and opset < 13:
        return _flattened(node), constants
    return [node], constants


def _with_defaults(node: Node, opset: int) -> Node:
    """Write out what older operator sets left to the number of outputs, or had no choice of."""
    if node.op_type == "Resize" and opset < 11:
        x, *scales = node.inputs
        old = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
        return replace(node, inputs=(x, "", *scales), attributes={**old, **node.attributes})
    if node.op_type == "BatchNormalization" and opset < 14 and len(node.outputs) > 1:
        return replace(node, attributes={**node.attributes, "training_mode": 1})
    return node


def _without_dropped(node: Node) -> Node:
    """Rename attributes, and leave out those that went away."""
    kept = {
        _RENAMED.get((node.op_type, name), name): value
        for name, value in node.attributes.items()
        if (key := (node.op_type, name)) not in _DROPPED or value != _DROPPED[key]
    }
    return replace(node, attributes=kept)


def _attributes_to_inputs(node: Node) -> tuple[Node, dict[str, Array]]:
    """Turn attributes that are inputs nowadays into constants."""
    names = signature_of(node.op_type).inputs
    moved = [name for name in names if name in node.attributes]
    if not moved:
        return node, {}
    tensors = {name: f"{node.outputs[0]}/{name}" for name in moved}
    given = dict(zip(names, node.inputs, strict=False))
    count = max(len(node.inputs), 1 + max(names.index(name) for name in moved))
    inputs = tuple((given | tensors).get(name, "") for name in names[:count])
    attributes = {k: v for k, v in node.attributes.items() if k not in tensors}
    constants = {tensors[name]: _as_tensor(node.attributes[name]) for name in moved}
    return replace(node, inputs=inputs, attributes=attributes), constants


def _as_tensor(value: float | list[float] | Array) -> Array:
    """Constant in the type of ONNX's attributes: 64-bit integers, 32-bit floats."""
    array = np.asarray(value)
    if isinstance(value, np.ndarray):
        return value
    return array.astype(np.int64 if np.issubdtype(array.dtype, np.integer) else np.float32)


def _flattened(node: Node) -> list[Node]:
    """Run an operator over the rows of a matrix, and bring the result back into shape."""
    (x,), (y,) = node.inputs, node.outputs
    axis = node.attributes.get("axis", 1)
    shape, matrix, result = f"{y}/shape", f"{y}/matrix", f"{y}/result"
    return [
        Node(f"{node.name}/shape", "Shape", (x,), (shape,)),
        Node(f"{node.name}/flatten", "Flatten", (x,), (matrix,), {"axis": axis}),
        replace(node, inputs=(matrix,), outputs=(result,), attributes={"axis": -1}),
        Node(f"{node.name}/reshape", "Reshape", (result, shape), (y,), {"allowzero": 1}),
    ]
