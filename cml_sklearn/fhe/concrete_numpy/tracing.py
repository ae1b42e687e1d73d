"""What every step does to the tracers of concrete-numpy's compiler."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from cml_sklearn._typing import IntArray
from cml_sklearn.fhe.concrete_numpy.bindings import declared, load_concrete_numpy
from cml_sklearn.program import steps
from cml_sklearn.program.evaluation import CLEAR_AND_TRACED

__all__ = ["TRACING_OPERATIONS"]

Tracer = Any
"""The library's stand-in for an encrypted array; it acts as NumPy's."""


def _look_up(step: steps.Lookup, x: Tracer) -> Tracer:
    library = load_concrete_numpy()
    index = declared(x - step.low if step.low else x, 2**step.width - 1)
    tables = [library.LookupTable(row.tolist()) for row in step.tables]
    if len(tables) == 1:
        return tables[0][index]
    chosen = np.empty(step.choice.shape, dtype=object)
    chosen.ravel()[:] = [tables[i] for i in step.choice.ravel()]
    return library.LookupTable(np.broadcast_to(chosen[None], index.shape))[index]


def _take(step: steps.Take, x: Tracer) -> Tracer:
    """Take runs of neighbours, as the library has slices only."""
    flat = x.reshape((x.shape[0], int(np.prod(x.shape[1:]))))
    runs = [flat[:, first:last] for first, last in _runs(step.positions.ravel())]
    taken = np.concatenate(tuple(runs), axis=1) if len(runs) > 1 else runs[0]
    return taken.reshape((x.shape[0], *step.positions.shape))


def _runs(positions: IntArray) -> list[tuple[int, int]]:
    """First position and the one after the last of each run of consecutive ones."""
    parts = np.split(positions, np.flatnonzero(np.diff(positions) != 1) + 1)
    return [(int(part[0]), int(part[-1]) + 1) for part in parts]


TRACING_OPERATIONS: Mapping[type[steps.Step], Callable[..., Tracer]] = {
    **CLEAR_AND_TRACED,
    steps.MatMul: lambda step, x: x @ step.weights,
    steps.Lookup: _look_up,
    steps.Declare: lambda step, x: declared(x, step.upper),
    steps.Take: _take,
    steps.Transpose: lambda step, x: x.transpose((0, *(a + 1 for a in step.axes))),
}
"""Steps that it can do."""
