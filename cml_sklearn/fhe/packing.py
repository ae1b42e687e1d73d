"""Several samples in one ciphertext, for programs without lookups.

Such a program is affine, so it may as well be given the integers ``x[0] + 2**s * x[1] + ...``: what
comes out holds the results of all samples side by side, if each fits into ``s`` bits. Encryption,
and the expansion of seeds on the server, cost nearly the same for a wide integer as for a narrow
one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, cast

import numpy as np

from cml_sklearn.fhe.backend import CompiledCircuit, FheReport, Program, Range, Server
from cml_sklearn.fhe.primitives import Convolution, IntArray, NumpyPrimitives, Primitives

__all__ = ["PackedCircuit", "PackedProgram"]

_MAX_BITS = 42
"""Width of packed results. Wider ones need ciphertexts so large that fewer of them save nothing."""

_NUMPY = NumpyPrimitives()


@dataclass(frozen=True)
class PackedProgram:
    """A program without lookups, on integers that hold several samples each.

    Parameters
    ----------
    program : Program
    n_packed : int
        Samples in one integer.
    """

    program: Program
    n_packed: int

    @classmethod
    def for_batch(cls, program: Program, batch_size: int) -> PackedProgram:
        """Pack as many samples as fit into an integer and divide the batch."""
        fitting = max(1, _MAX_BITS // _width(program))
        return cls(program, max(k for k in range(1, fitting + 1) if batch_size % k == 0))

    @property
    def input_bounds(self) -> Sequence[Range]:
        """See `Program.input_bounds`."""
        return [_PackedRange(bounds, self._factors) for bounds in self.program.input_bounds]

    @property
    def output_bounds(self) -> Sequence[Range]:
        """See `Program.output_bounds`."""
        return [_PackedRange(bounds, self._factors) for bounds in self.program.output_bounds]

    def run(self, primitives: Primitives, *inputs: Any) -> tuple[Any, ...]:
        """See `Program.run`; results are shifted so that none is negative."""
        zeros = [np.zeros((1, *b.low.shape), dtype=np.int64) for b in self.program.input_bounds]
        constants = self.program.run(_NUMPY, *zeros)
        outputs = self.program.run(cast("Primitives", _Undeclared(primitives)), *inputs)
        # the program has added its constants to the first sample only
        total, upper = int(self._factors.sum()), (1 << (self.n_packed * self._bits)) - 1
        return tuple(
            primitives.bound(y + (c * (total - 1) + shift * total), upper)
            for y, c, shift in zip(outputs, constants, self._shifts, strict=True)
        )

    def has_lookups(self) -> bool:
        """See `Program.has_lookups`."""
        return False

    def widths(self) -> list[tuple[str, int, int]]:
        """See `Program.widths`."""
        return [
            (source, self.n_packed * bits, kept) for source, bits, kept in self.program.widths()
        ]

    def pack(self, *inputs: IntArray) -> list[IntArray]:
        """Join every `n_packed` rows of the inputs to one."""
        rows = [x.reshape((-1, self.n_packed, *x.shape[1:])) for x in inputs]
        return [np.tensordot(self._factors, x, axes=(0, 1)) for x in rows]

    def unpack(self, *outputs: IntArray) -> tuple[IntArray, ...]:
        """Part the rows of results again."""
        parts = []
        for packed, shift in zip(outputs, self._shifts, strict=True):
            fields = [(packed // factor) % (1 << self._bits) - shift for factor in self._factors]
            parts.append(np.stack(fields, axis=1).reshape((-1, *packed.shape[1:])))
        return tuple(parts)

    @cached_property
    def _bits(self) -> int:
        """Bits of one sample's result."""
        return _width(self.program)

    @cached_property
    def _factors(self) -> IntArray:
        """Weight of each sample in an integer."""
        return 1 << (self._bits * np.arange(self.n_packed, dtype=np.int64))

    @cached_property
    def _shifts(self) -> list[int]:
        """What is added to every result, by output: a power of two, which shows its width only."""
        signed = [b.low.min(initial=0) < 0 for b in self.program.output_bounds]
        return [1 << (self._bits - 1) if is_signed else 0 for is_signed in signed]


class PackedCircuit:
    """The circuit of a packed program, for samples as they are; see `CompiledCircuit`."""

    def __init__(self, circuit: CompiledCircuit, program: PackedProgram) -> None:
        self._circuit = circuit
        self._program = program

    @property
    def report(self) -> FheReport:
        """See `CompiledCircuit.report`."""
        report, n_packed = self._circuit.report, self._program.n_packed
        return replace(
            report,
            complexity=report.complexity / n_packed,
            input_bytes=report.input_bytes / n_packed,
            output_bytes=report.output_bytes / n_packed,
            batch_size=report.batch_size * n_packed,
            samples_per_ciphertext=n_packed,
        )

    def simulate(self, *inputs: IntArray) -> tuple[IntArray, ...]:
        """See `CompiledCircuit.simulate`."""
        return self._program.unpack(*self._circuit.simulate(*self._program.pack(*inputs)))

    def encrypt(self, *inputs: IntArray) -> Any:
        """See `CompiledCircuit.encrypt`."""
        return self._circuit.encrypt(*self._program.pack(*inputs))

    def server(self) -> Server:
        """See `CompiledCircuit.server`."""
        return self._circuit.server()

    def decrypt(self, encrypted: Any) -> tuple[IntArray, ...]:
        """See `CompiledCircuit.decrypt`."""
        return self._program.unpack(*self._circuit.decrypt(encrypted))


@dataclass(frozen=True)
class _PackedRange:
    """Range of a tensor whose elements hold several samples."""

    inner: Range
    factors: IntArray

    @property
    def low(self) -> IntArray:
        """See `Range.low`."""
        return self.inner.low * self.factors.sum()

    @property
    def high(self) -> IntArray:
        """See `Range.high`."""
        return self.inner.high * self.factors.sum()

    def sample(self, rng: np.random.Generator) -> IntArray:
        """See `Range.sample`."""
        drawn = [factor * self.inner.sample(rng) for factor in self.factors]
        return np.sum(drawn, axis=0, dtype=np.int64)


class _Undeclared:
    """Primitives that declare no ranges: packed integers have others than single samples."""

    def __init__(self, primitives: Primitives) -> None:
        self._primitives = primitives

    def matmul(self, x: Any, weights: IntArray) -> Any:
        return self._primitives.matmul(x, weights)

    def convolve(self, x: Any, weight: IntArray, attributes: Convolution) -> Any:
        return self._primitives.convolve(x, weight, attributes)

    def pad(self, x: Any, before: tuple[int, ...], after: tuple[int, ...]) -> Any:
        return self._primitives.pad(x, before, after)

    def bound(self, x: Any, upper: int) -> Any:
        del upper
        return x


def _width(program: Program) -> int:
    """Bits that hold any output of one sample: two's complement where one is negative."""
    bounds = program.output_bounds
    low = min(int(b.low.min(initial=0)) for b in bounds)
    high = max(int(b.high.max(initial=0)) for b in bounds)
    return max(high.bit_length() + (low < 0), (-low - 1).bit_length() + 1 if low < 0 else 1)
