"""What the compilers of Concrete and its predecessor take a program as: a function and samples."""

from __future__ import annotations

import inspect
from typing import Any

import numpy as np

from cml_sklearn._typing import IntArray
from cml_sklearn.program.program import IntegerProgram, Operations

__all__ = ["representative_inputs", "traceable"]


def traceable(program: IntegerProgram, names: list[str], operations: Operations[Any]) -> Any:
    """Make a function with the named parameters that the library's tracer asks for."""

    def circuit(**inputs: Any) -> Any:
        outputs = program.run(operations, *(inputs[name] for name in names))
        return outputs if len(outputs) > 1 else outputs[0]

    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    parameters = [inspect.Parameter(name, kind) for name in names]
    circuit.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    return circuit


def representative_inputs(program: IntegerProgram, size: int) -> list[tuple[IntArray, ...]]:
    """Make batches that show every input's range; `Declare` and lookups say the inner ones."""
    rng = np.random.default_rng(0)
    bounds = program.input_bounds
    ends = [list(side) for side in zip(*(b.ends for b in bounds), strict=True)]
    drawn = [[b.sample(rng) for b in bounds] for _ in range(8)]
    return [tuple(np.repeat(x[None], size, axis=0) for x in s) for s in (*ends, *drawn)]
