"""The reference engine: clear integers, held to everything that a circuit promises.

It encrypts nothing. Every tensor must keep its proven range, halves must fit together, and batches
have the sizes that were asked for; so it shows what is wrong in a program without the seconds or
minutes that encryption takes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from uuid import uuid4

from cml_sklearn._typing import IntArray
from cml_sklearn.exceptions import BitWidthError, InvalidInputError
from cml_sklearn.fhe.protocol import CircuitOptions, Cost, FheReport
from cml_sklearn.program.archive import PROGRAM_CLASSES, ArchiveTable, read, write
from cml_sklearn.program.bounds import Bounds
from cml_sklearn.program.evaluation import evaluate
from cml_sklearn.program.program import IntegerProgram
from cml_sklearn.program.steps import Lookup

__all__ = ["ClearEngine"]

_BATCH = 256
_TABLE = ArchiveTable(PROGRAM_CLASSES)
_FILE = "program.npz"


@dataclass(frozen=True)
class ClearKeys:
    """Stands for a pair of keys: what is made with one can't be used with another."""

    name: str


@dataclass(frozen=True)
class ClearCiphertexts:
    """A batch under a key's name."""

    keys: ClearKeys
    values: tuple[IntArray, ...]

    @property
    def n_samples(self) -> int:
        """Size of the batch."""
        return len(self.values[0])


class ClearEngine:
    """Evaluates in the clear and checks every range."""

    name = "clear"

    def supports(self, program: IntegerProgram) -> str | None:
        """Any program is taken."""
        del program
        return None

    def compile(self, program: IntegerProgram, options: CircuitOptions) -> ClearCircuit:
        """Put the halves together; there is nothing to compile."""
        return ClearCircuit(program, options)

    def cost(self, program: IntegerProgram, n_samples: int) -> Cost:
        """Nothing is encrypted, nothing sent."""
        del program, n_samples
        return Cost(0.0, 0)


class ClearCircuit:
    """A program that is evaluated strictly."""

    overlaps = False

    def __init__(self, program: IntegerProgram, options: CircuitOptions) -> None:
        self.client = ClearClient(program.input_bounds, options.batch_size or _BATCH)
        self.server = ClearServer(program)
        self.report = _report(program, options)

    def simulate(self, *inputs: IntArray) -> tuple[IntArray, ...]:
        """Evaluate one batch."""
        return self.server.run(self.client.encrypt(*inputs), self.client.evaluation_keys).values

    def cost(self, n_samples: int) -> Cost:
        """Nothing is encrypted."""
        del n_samples
        return Cost(0.0, 0)


@dataclass(frozen=True)
class ClearClient:
    """Checks what goes in, and that what comes back was made with its keys."""

    input_bounds: tuple[Bounds, ...]
    batch_size: int = _BATCH
    evaluation_keys: ClearKeys = field(default_factory=lambda: ClearKeys(uuid4().hex))

    def generate_keys(self) -> None:
        """Do nothing: the name of the keys is there from the start."""

    def batch_sizes(self, n_samples: int) -> list[int]:
        """Full batches, and a smaller one for the rest."""
        full, rest = divmod(n_samples, self.batch_size)
        return [self.batch_size] * full + [rest] * (rest > 0)

    def encrypt(self, *inputs: IntArray) -> ClearCiphertexts:
        """Check one batch."""
        for number, (x, bounds) in enumerate(zip(inputs, self.input_bounds, strict=True)):
            _check_range(x, bounds, f"input {number}")
        return ClearCiphertexts(self.evaluation_keys, inputs)

    def decrypt(self, encrypted: ClearCiphertexts) -> tuple[IntArray, ...]:
        """Give the values back."""
        _check_keys(encrypted, self.evaluation_keys)
        return encrypted.values

    def save(self, folder: str | Path) -> None:
        """Write the ranges of the inputs into a folder."""
        Path(folder).mkdir(parents=True, exist_ok=True)
        write(Path(folder) / _FILE, _identity(self.input_bounds), _TABLE)

    @classmethod
    def load(cls, folder: str | Path) -> ClearClient:
        """Read what `save` wrote."""
        return cls(_load(folder).input_bounds)


@dataclass(frozen=True)
class ClearServer:
    """Evaluates a program step by step."""

    program: IntegerProgram

    def run(self, encrypted: ClearCiphertexts, keys: ClearKeys) -> ClearCiphertexts:
        """Evaluate one batch, and check the range of every tensor.

        Raises
        ------
        BitWidthError
            An integer lies outside the range that was proven for it.
        """
        _check_keys(encrypted, keys)
        tensors = list(encrypted.values)
        for instruction, bounds in self.program.bounded_instructions:
            value = evaluate(instruction.step, *(tensors[i] for i in instruction.inputs))
            _check_range(value, bounds, instruction.source)
            tensors.append(value)
        return ClearCiphertexts(keys, tuple(tensors[i] for i in self.program.outputs))

    def save(self, folder: str | Path) -> None:
        """Write the program into a folder."""
        Path(folder).mkdir(parents=True, exist_ok=True)
        write(Path(folder) / _FILE, self.program, _TABLE)

    @classmethod
    def load(cls, folder: str | Path) -> ClearServer:
        """Read what `save` wrote."""
        return cls(_load(folder))


def _identity(input_bounds: tuple[Bounds, ...]) -> IntegerProgram:
    """Program that gives back what it gets."""
    return IntegerProgram(input_bounds, (), tuple(range(len(input_bounds))))


def _load(folder: str | Path) -> IntegerProgram:
    program: IntegerProgram = read(Path(folder) / _FILE, IntegerProgram, _TABLE)
    program.check()
    return program


def _check_range(values: IntArray, bounds: Bounds, source: str) -> None:
    if values.shape[1:] != bounds.shape:
        raise InvalidInputError(
            f"{source} has the shape {values.shape[1:]} a sample; it must be {bounds.shape}."
        )
    if ((values < bounds.low) | (values > bounds.high)).any():
        raise BitWidthError(
            f"{source} makes integers from {values.min()} to {values.max()}, outside the proven "
            f"range, which goes from {bounds.low.min()} to {bounds.high.max()} at most. Report "
            "this as a bug with the model and the data."
        )


def _check_keys(encrypted: ClearCiphertexts, keys: ClearKeys) -> None:
    if encrypted.keys != keys:
        raise InvalidInputError(
            "The ciphertexts were made with other keys; use the keys of the client that made them."
        )


def _report(program: IntegerProgram, options: CircuitOptions) -> FheReport:
    """Say what can be counted without a compiler; nothing is encrypted."""
    by_width: dict[int, float] = {}
    for width, count in _lookups(program):
        by_width[width] = by_width.get(width, 0.0) + count
    return FheReport(
        engine="clear",
        pbs_count=sum(by_width.values()),
        pbs_by_width=dict(sorted(by_width.items())),
        complexity=0.0,
        key_bytes=0,
        input_bytes=8.0 * sum(prod(b.shape) for b in program.input_bounds),
        output_bytes=8.0 * sum(prod(b.shape) for b in program.output_bounds),
        max_bit_width=max(width.bits for width in program.widths()),
        batch_size=options.batch_size or _BATCH,
        p_error=options.p_error,
        security_bits=0,
    )


def _lookups(program: IntegerProgram) -> Iterator[tuple[int, int]]:
    """Width and number of every layer's lookups."""
    for instruction, bounds in program.bounded_instructions:
        if isinstance(instruction.step, Lookup):
            yield instruction.step.width, prod(bounds.shape)
