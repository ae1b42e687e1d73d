"""Recurrent layers, which run as the nodes that they unroll into."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cml_sklearn._typing import Array
from cml_sklearn.exceptions import UnsupportedOperatorError
from cml_sklearn.onnx._arrays import Tensors
from cml_sklearn.onnx.ops_impl.registry import ONNX_OPS_TO_NUMPY_IMPL, operator
from cml_sklearn.onnx.recurrence import Layer, unrolled
from cml_sklearn.onnx.writing import NodeWriter


def _run(
    layer: Layer, x: Array, states: Sequence[Array | None], sequence_lens: Array | None
) -> Tensors:
    """Run the nodes of a layer on sequences of one length."""
    length = x.shape[1 if layer.layout else 0]
    if sequence_lens is not None and (np.asarray(sequence_lens) != length).any():
        raise UnsupportedOperatorError(
            "Sequences of different lengths are not run; pad them, and leave sequence_lens out."
        )
    write = NodeWriter("recurrent")
    outputs = ("y", "y_h", "y_c")[: 3 if layer.kind == "LSTM" else 2]
    unrolled(write, layer, "x", length, outputs)
    given = zip(("h", "c"), states, strict=False)
    values = write.constants | {"x": x} | {name: v for name, v in given if v is not None}
    for node in write.nodes:
        function = ONNX_OPS_TO_NUMPY_IMPL[node.op_type]
        results = function(*(values[name] for name in node.inputs), **node.attributes)
        values |= zip(node.outputs, results, strict=False)
    return tuple(values[name].astype(x.dtype, copy=False) for name in outputs)


def _names(*states: Array | None) -> tuple[str | None, ...]:
    """Names of initial states that are not zero."""
    pairs = zip(("h", "c"), states, strict=False)
    return tuple(None if v is None or not v.any() else name for name, v in pairs)


def _refuse_parameters(alpha: Sequence[float] | None, beta: Sequence[float] | None) -> None:
    """Refuse activations with parameters of their own."""
    if alpha or beta:
        raise UnsupportedOperatorError("Activations with alpha or beta are not run; leave them.")


@operator("RNN")
def numpy_rnn(  # noqa: PLR0917  inputs of the operator
    x: Array,
    w: Array,
    r: Array,
    /,
    b: Array | None = None,
    sequence_lens: Array | None = None,
    initial_h: Array | None = None,
    *,
    activation_alpha: Sequence[float] | None = None,
    activation_beta: Sequence[float] | None = None,
    activations: Sequence[str] = ("Tanh", "Tanh"),
    clip: float | None = None,
    direction: str = "forward",
    hidden_size: int | None = None,
    layout: int = 0,
) -> Tensors:
    """Plain recurrent layer: all its states, and the last ones."""
    del hidden_size  # the weights say it
    _refuse_parameters(activation_alpha, activation_beta)
    layer = Layer(
        "RNN",
        w,
        r,
        b,
        states=_names(initial_h),
        activations=activations,
        direction=direction,
        clip=clip,
        layout=layout,
    )
    return _run(layer, x, (initial_h,), sequence_lens)


@operator("GRU")
def numpy_gru(  # noqa: PLR0917  inputs of the operator
    x: Array,
    w: Array,
    r: Array,
    /,
    b: Array | None = None,
    sequence_lens: Array | None = None,
    initial_h: Array | None = None,
    *,
    activation_alpha: Sequence[float] | None = None,
    activation_beta: Sequence[float] | None = None,
    activations: Sequence[str] | None = None,
    clip: float | None = None,
    direction: str = "forward",
    hidden_size: int | None = None,
    layout: int = 0,
    linear_before_reset: int = 0,
) -> Tensors:
    """Gated recurrent layer: all its states, and the last ones."""
    del hidden_size  # the weights say it
    _refuse_parameters(activation_alpha, activation_beta)
    layer = Layer(
        "GRU",
        w,
        r,
        b,
        states=_names(initial_h),
        activations=activations,
        direction=direction,
        clip=clip,
        linear_before_reset=linear_before_reset,
        layout=layout,
    )
    return _run(layer, x, (initial_h,), sequence_lens)


@operator("LSTM")
def numpy_lstm(  # noqa: PLR0917  inputs of the operator
    x: Array,
    w: Array,
    r: Array,
    /,
    b: Array | None = None,
    sequence_lens: Array | None = None,
    initial_h: Array | None = None,
    initial_c: Array | None = None,
    p: Array | None = None,
    *,
    activation_alpha: Sequence[float] | None = None,
    activation_beta: Sequence[float] | None = None,
    activations: Sequence[str] | None = None,
    clip: float | None = None,
    direction: str = "forward",
    hidden_size: int | None = None,
    input_forget: int = 0,
    layout: int = 0,
) -> Tensors:
    """Recurrent layer with cells: all its states, the last ones, and the last cells."""
    del hidden_size  # the weights say it
    _refuse_parameters(activation_alpha, activation_beta)
    if input_forget:
        raise UnsupportedOperatorError("Coupled gates (input_forget) are not run; export others.")
    layer = Layer(
        "LSTM",
        w,
        r,
        b,
        peepholes=p if p is not None and p.any() else None,
        states=_names(initial_h, initial_c),
        activations=activations,
        direction=direction,
        clip=clip,
        layout=layout,
    )
    return _run(layer, x, (initial_h, initial_c), sequence_lens)
