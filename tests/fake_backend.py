"""A backend without cryptography: fast, and strict about every declared range."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from cml_sklearn.fhe.protocol import CircuitOptions, FheReport, Program
from cml_sklearn._typing import IntArray, NumpyPrimitives


class StrictPrimitives(NumpyPrimitives):
    def bound(self, x: Any, upper: int) -> Any:
        assert x.min() >= 0
        assert x.max() <= upper
        return x


@dataclass
class FakeServer:
    program: Program

    def run(self, encrypted: dict[str, Any]) -> dict[str, Any]:
        assert encrypted["key"] == "client"
        return {
            "key": "client",
            "values": self.program.run(StrictPrimitives(), *encrypted["values"]),
        }


@dataclass
class FakeCircuit:
    program: Program
    batch_size: int
    options: CircuitOptions
    batches: list[int] = field(default_factory=list)
    n_servers: int = 0

    @property
    def report(self) -> FheReport:
        return FheReport(0, 0, 0, 0, 0, 0, self.batch_size, self.options.p_error, 0)

    def simulate(self, *inputs: IntArray) -> tuple[IntArray, ...]:
        self.check(inputs)
        return self.program.run(StrictPrimitives(), *inputs)

    def encrypt(self, *inputs: IntArray) -> dict[str, Any]:
        self.check(inputs)
        return {"key": "client", "values": inputs}

    def server(self) -> FakeServer:
        self.n_servers += 1
        return FakeServer(self.program)

    def decrypt(self, encrypted: dict[str, Any]) -> tuple[IntArray, ...]:
        return encrypted["values"]

    def check(self, inputs: tuple[IntArray, ...]) -> None:
        for x, bounds in zip(inputs, self.program.input_bounds, strict=True):
            assert len(x) == self.batch_size
            assert (x >= bounds.low).all()
            assert (x <= bounds.high).all()
        self.batches.append(self.batch_size)


@dataclass
class FakeBackend:
    compiled: list[FakeCircuit] = field(default_factory=list)

    def compile(self, program: Program, batch_size: int, options: CircuitOptions) -> FakeCircuit:
        self.compiled.append(FakeCircuit(program, batch_size, options))
        return self.compiled[-1]


def codes_for(program: Program, n_samples: int, seed: int = 0) -> list[IntArray]:
    """Random inputs within a program's bounds."""
    rng = np.random.default_rng(seed)
    return [
        rng.integers(b.low, b.high, (n_samples, *b.low.shape), endpoint=True)
        for b in program.input_bounds
    ]
