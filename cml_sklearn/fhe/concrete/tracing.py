"""What every step does to the tracers of Concrete's compiler."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

import numpy as np

from cml_sklearn.fhe.concrete.bindings import load_concrete
from cml_sklearn.program import steps
from cml_sklearn.program.evaluation import CLEAR_AND_TRACED

__all__ = ["tracing_operations"]

Tracer = Any
"""Concrete's stand-in for an encrypted array; it acts as NumPy's."""


def tracing_operations() -> Mapping[type[steps.Step], Callable[..., Tracer]]:
    """Make the table of all steps."""
    fhe = load_concrete()
    return {
        **CLEAR_AND_TRACED,
        steps.MatMul: lambda step, x: x @ step.weights,
        steps.Convolve: lambda step, x: _convolve(fhe, step, x),
        steps.Lookup: lambda step, x: _look_up(fhe, step, x),
        steps.Declare: lambda step, x: _hold(fhe, x, step.upper),
        steps.Pad: lambda step, x: _pad(fhe, x, step.before, step.after),
    }


def _look_up(fhe: ModuleType, step: steps.Lookup, x: Tracer) -> Tracer:
    highest = 2**step.index_width - 1
    index = _hold(fhe, x - step.low if step.low else x, highest)
    removed = step.lsbs_to_remove
    rows = np.repeat(step.tables, 1 << removed, axis=1)
    with fhe.tag(f"width_{step.width}"):
        if removed:
            exactness = fhe.Exactness.EXACT if step.exact else fhe.Exactness.APPROXIMATE
            rounded = fhe.round_bit_pattern(
                index, lsbs_to_remove=removed, overflow_protection=False, exactness=exactness
            )
            # else the table keeps what samples have reached, and farther indices read another entry
            index = _hold(fhe, rounded, highest)
        if len(rows) == 1:
            return fhe.LookupTable(rows[0].tolist())[index]
        tables = [fhe.LookupTable(row.tolist()) for row in rows]
        chosen = np.empty(step.choice.shape, dtype=object)
        chosen.ravel()[:] = [tables[i] for i in step.choice.ravel()]
        return fhe.LookupTable(np.broadcast_to(chosen[None], index.shape))[index]


def _hold(fhe: ModuleType, x: Tracer, upper: int) -> Tracer:
    """Declare that `x` lies within [0, `upper`], or a wider range that has been declared already.

    A later hint would replace an earlier one, for which tables may have been made.
    """
    bits = max(upper.bit_length(), x.computation.properties.get("bit_width_hint", 1))
    return fhe.hint(x, bit_width=bits)


def _convolve(fhe: ModuleType, step: steps.Convolve, x: Tracer) -> Tracer:
    """Convolve; the library has two axes, and fails on some paddings."""
    from concrete.fhe.extensions import convolution

    axes = len(x.shape) - 2
    x = _pad(fhe, x, (0, *step.pads[:axes]), (0, *step.pads[axes:]))
    weights, strides, dilations = step.weights, step.strides, step.dilations
    if axes == 1:
        x = x.reshape((*x.shape[:2], 1, x.shape[2]))
        weights, strides, dilations = weights[:, :, None], (1, *strides), (1, *dilations)
    y = convolution.conv(x, weights, strides=strides, dilations=dilations, group=step.group)
    return y.reshape((*y.shape[:2], y.shape[3])) if axes == 1 else y


def _pad(fhe: ModuleType, x: Tracer, before: tuple[int, ...], after: tuple[int, ...]) -> Tracer:
    """Put zeros around `x`; the batch axis stays as it is."""
    for axis, ends in enumerate(zip(before, after, strict=True), start=1):
        parts = [_zeros(fhe, x, axis, length) for length in ends if length]
        if parts:
            parts.insert(1 if ends[0] else 0, x)
            x = np.concatenate(tuple(parts), axis=axis)
    return x


def _zeros(fhe: ModuleType, x: Tracer, axis: int, length: int) -> Tracer:
    return fhe.zeros((*x.shape[:axis], length, *x.shape[axis + 1 :]))
