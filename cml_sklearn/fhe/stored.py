"""A circuit that was compiled elsewhere, of the two halves that were kept of it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from cml_sklearn._typing import IntArray
from cml_sklearn.fhe.protocol import (
    AnyCircuit,
    AnyEngine,
    CircuitOptions,
    Client,
    Cost,
    FheReport,
    Server,
)
from cml_sklearn.program.program import IntegerProgram

__all__ = ["StoredCircuit"]


@dataclass(frozen=True)
class StoredCircuit:
    """A circuit that predicts under encryption at once, and compiles only to simulate.

    Parameters
    ----------
    program : IntegerProgram
        That was compiled.
    options : CircuitOptions
        With which it was compiled.
    engine : Engine
    client : Client
    server : Server
    report : FheReport
    overlaps : bool
        Whether a thread can encrypt a batch while another one evaluates.
    """

    program: IntegerProgram
    options: CircuitOptions
    engine: AnyEngine
    client: Client[Any, Any]
    server: Server[Any, Any]
    report: FheReport
    overlaps: bool

    def simulate(self, *inputs: IntArray) -> tuple[IntArray, ...]:
        """Evaluate one batch without encryption."""
        return self._compiled.simulate(*inputs)

    def cost(self, n_samples: int) -> Cost:
        """Estimate, as of the circuit that was compiled."""
        return self._compiled.cost(n_samples)

    @cached_property
    def _compiled(self) -> AnyCircuit:
        return self.engine.compile(self.program, self.options)
