"""Operations that torch's exporter does not know, written in ONNX's operators."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Literal

__all__ = ["more_operations"]

_OPSET = 20

Value = Any
"""A value of the graph being exported; torch names no type for it."""


@contextmanager
def more_operations() -> Iterator[None]:
    """Let torch's exporter know more operations, and forget them again."""
    import torch

    for name, symbolic in _SYMBOLICS.items():
        torch.onnx.register_custom_op_symbolic(name, symbolic, _OPSET)
    try:
        yield
    finally:
        for name in _SYMBOLICS:
            torch.onnx.unregister_custom_op_symbolic(name, _OPSET)


def _integers(g: Any, values: Sequence[int]) -> Value:
    """Write a constant of integers."""
    import torch

    return g.op("Constant", value_t=torch.tensor(values, dtype=torch.int64))


def _floats(g: Any, value: float) -> Value:
    """Write a constant of one float."""
    import torch

    return g.op("Constant", value_t=torch.tensor(value, dtype=torch.float32))


def _known(value: Value, kind: Literal["f", "is"] = "f") -> Any:
    """Value of a constant: a float, or the integers that it lists for the kind "is"."""
    from torch.onnx import symbolic_helper

    return symbolic_helper._maybe_get_const(value, kind)


def _rms_norm(g: Any, x: Value, shape: Value, weight: Value, epsilon: Value) -> Value:
    """Values divided by the root of their mean square."""
    import torch

    axes = range(-len(_known(shape, "is")), 0)
    given = None if epsilon.node().mustBeNone() else _known(epsilon)
    least = torch.finfo(torch.float32).eps if given is None else float(given)
    mean = g.op("ReduceMean", g.op("Mul", x, x), _integers(g, list(axes)), keepdims_i=1)
    root = g.op("Sqrt", g.op("Add", mean, _floats(g, least)))
    result = g.op("Div", x, root)
    return result if weight.node().mustBeNone() else g.op("Mul", result, weight)


def _channel_shuffle(g: Any, x: Value, groups: Value) -> Value:
    """Channels of all groups in turn."""
    n = int(_known(groups))
    apart = g.op("Reshape", x, _integers(g, [0, n, x.type().varyingSizes()[1] // n, -1]))
    turned = g.op("Transpose", apart, perm_i=[0, 2, 1, 3])
    return g.op("Reshape", turned, g.op("Shape", x))


def _threshold(g: Any, x: Value, threshold: Value, value: Value) -> Value:
    """Values above a threshold, and another in place of the rest."""
    limit, other = (_floats(g, float(_known(v))) for v in (threshold, value))
    return g.op("Where", g.op("Greater", x, limit), x, other)


_SYMBOLICS: Mapping[str, Callable[..., Value]] = {
    "aten::channel_shuffle": _channel_shuffle,
    "aten::rms_norm": _rms_norm,
    "aten::threshold": _threshold,
}
"""What writes each operation."""
