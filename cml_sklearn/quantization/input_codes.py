"""Codes of inputs that the graph itself fixes: by its scales, its tables, or its integers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from cml_sklearn._typing import Array, FloatArray
from cml_sklearn.exceptions import UnsupportedOperatorError
from cml_sklearn.onnx._arrays import NUMPY_TYPES
from cml_sklearn.onnx.graph import Node, PreparedGraph, TensorSpec
from cml_sklearn.quantization.affine import AffineQuantizer
from cml_sklearn.quantization.encoders import IndexEncoder

__all__ = ["given_quantizers", "index_encoders", "integer_quantizer", "table_sizes"]

_MOST_BITS = 4096
"""Of a sample's indices that the client encodes by a bit for each row."""

_SAME_INTEGERS = frozenset({"Cast", "Flatten", "Identity", "Reshape", "Squeeze", "Unsqueeze"})
"""Operators that hand integers on."""


def table_sizes(graph: PreparedGraph) -> dict[str, int]:
    """Rows of the constant tables that tensors are indices of, by the tensors' names."""
    sizes: dict[str, int] = {}
    for node in reversed(graph.nodes):
        if node.op_type == "Gather" and node.inputs[0] in graph.constants:
            sizes[node.inputs[1]] = len(np.atleast_1d(graph.constants[node.inputs[0]]))
        elif node.op_type in _SAME_INTEGERS and node.outputs[0] in sizes:
            sizes[node.inputs[0]] = sizes[node.outputs[0]]
    return sizes


def index_encoders(graph: PreparedGraph, samples: Sequence[Array]) -> dict[str, IndexEncoder]:
    """Find encoders of inputs that are indices of rows of tables and nothing else, by name.

    Tables of many rows are left out: their bits would be more to encrypt than lookups are worth.
    """
    encoders = {}
    for spec, x in zip(graph.inputs, samples, strict=True):
        rows = {_rows_of_table(graph, node, spec.name) for node in graph.readers(spec.name)}
        n_rows = rows.pop() if len(rows) == 1 else 0
        is_index = np.issubdtype(spec.dtype, np.integer) and spec.name not in graph.outputs
        if is_index and 0 < n_rows * x[0].size <= _MOST_BITS:
            encoders[spec.name] = IndexEncoder(n_rows)
    return encoders


def _rows_of_table(graph: PreparedGraph, node: Node, indices: str) -> int:
    """Rows of the constant table that a node takes rows of by some indices; 0 of other nodes."""
    table = graph.constants.get(node.inputs[0])
    if node.op_type != "Gather" or node.inputs[1] != indices or table is None or not table.ndim:
        return 0
    by_row = node.attributes.get("axis", 0) % table.ndim == 0
    return len(table) if by_row and np.issubdtype(table.dtype, np.floating) else 0


def integer_quantizer(
    spec: TensorSpec, x: FloatArray, n_bits: int, tables: Mapping[str, int]
) -> AffineQuantizer | None:
    """Codes that are the integers of an input themselves, from the least one on.

    Returns
    -------
    AffineQuantizer, optional
        None for floats, and for integers of too wide a range.

    Raises
    ------
    UnsupportedOperatorError
        Too wide a range of indices.
    """
    if np.issubdtype(spec.dtype, np.floating):
        return None
    low, high = (0, 1) if spec.dtype == np.bool_ else (int(x.min()), int(x.max()))
    rows = tables.get(spec.name)
    if rows is not None:
        low, high = -rows if low < 0 else 0, rows - 1
    width = max((high - low).bit_length(), 1)
    if width <= n_bits:
        return AffineQuantizer(np.ones(()), np.asarray(-low), width)
    if rows is None:
        return None
    raise UnsupportedOperatorError(
        f"Input {spec.name!r} looks up one of {rows} rows; set n_bits['inputs'] to {width}, so "
        "that each has a code of its own."
    )


def given_quantizers(graph: PreparedGraph) -> dict[str, AffineQuantizer]:
    """Codes of inputs that a graph itself quantizes first, by the inputs' names."""
    given = {}
    for spec in graph.inputs:
        found = [_given_quantizer(graph, node) for node in graph.readers(spec.name)]
        if len(found) == 1 and found[0] is not None:
            given[spec.name] = found[0]
    return given


def _given_quantizer(graph: PreparedGraph, node: Node) -> AffineQuantizer | None:
    """Codes that a `QuantizeLinear` of one scale makes; None for other nodes."""
    if node.op_type != "QuantizeLinear" or any(i not in graph.constants for i in node.inputs[1:]):
        return None
    scale, *zero = (graph.constants[name] for name in node.inputs[1:] if name)
    kind = zero[0].dtype if zero else NUMPY_TYPES[node.attributes.get("output_dtype") or 2]
    if scale.size != 1 or not np.issubdtype(kind, np.integer):
        return None
    low, high = _clipped_range(graph, node.outputs[0], np.iinfo(kind).min, np.iinfo(kind).max)
    zero_point = int(zero[0].item()) if zero else 0
    width = max((high - low).bit_length(), 1)
    step = np.asarray(scale, np.float64).reshape(())
    return AffineQuantizer(step, np.asarray(zero_point - low), width)


def _clipped_range(graph: PreparedGraph, name: str, low: int, high: int) -> tuple[int, int]:
    """Range of integers that are left of a tensor by the `Clip` that is its only use."""
    uses = graph.readers(name)
    if len(uses) != 1 or uses[0].op_type != "Clip":
        return low, high
    limits = [graph.constants.get(end) for end in (*uses[0].inputs[1:], "", "")[:2]]
    lower, upper = (None if limit is None else int(limit.item()) for limit in limits)
    return max(low, low if lower is None else lower), min(high, high if upper is None else upper)
