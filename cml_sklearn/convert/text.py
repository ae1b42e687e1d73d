"""ONNX graphs from text, with their tables beside it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from cml_sklearn._typing import Array

if TYPE_CHECKING:
    import onnx

__all__ = ["model_from_text"]

_HEADER = '<ir_version: 8, opset_import: ["" : 18]>'


def model_from_text(signature: str, body: str, tables: Mapping[str, Array]) -> onnx.ModelProto:
    """Make a checked model.

    Parameters
    ----------
    signature : str
        Name, inputs and outputs in ONNX's own syntax: ``"scores (double[n, 4] x) => (double[n, 1]
        y)"``.
    body : str
        The nodes.
    tables : mapping of str to ndarray
        Constants that the nodes name; they become initializers.
    """
    import onnx
    from onnx import numpy_helper

    model = onnx.parser.parse_model(f"{_HEADER} {signature} {{ {body} }}")
    model.graph.initializer.extend(
        numpy_helper.from_array(np.ascontiguousarray(table), name) for name, table in tables.items()
    )
    onnx.checker.check_model(model)
    return model
