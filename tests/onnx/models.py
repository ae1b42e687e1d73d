"""Small models for the tests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from onnx import helper


def one_node(
    op_type: str,
    inputs: Sequence[np.ndarray | None],
    n_outputs: int = 1,
    opset: int = 21,
    constants: Sequence[int] = (),
    **attributes: Any,
) -> onnx.ModelProto:
    """Model of one node.

    Its inputs have the types and ranks of the arrays; None leaves one out. Those whose numbers are
    in `constants` become initializers.
    """
    names = ["" if x is None else f"x{i}" for i, x in enumerate(inputs)]
    outputs = [f"y{i}" for i in range(n_outputs)]
    values = [
        helper.make_tensor_value_info(
            name, helper.np_dtype_to_tensor_dtype(x.dtype), [None] * x.ndim
        )
        for number, (name, x) in enumerate(zip(names, inputs, strict=True))
        if x is not None and number not in constants
    ]
    initializers = [
        onnx.numpy_helper.from_array(x, name)
        for number, (name, x) in enumerate(zip(names, inputs, strict=True))
        if x is not None and number in constants
    ]
    graph = helper.make_graph(
        [helper.make_node(op_type, names, outputs, name="the_node", **attributes)],
        "one_node",
        values,
        [onnx.ValueInfoProto(name=name) for name in outputs],
        initializers,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)
    return onnx.shape_inference.infer_shapes(model)
