"""What the library asks of an FHE backend, and the facts that a backend tells of a circuit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from cml_sklearn.exceptions import InvalidInputError
from cml_sklearn.fhe.primitives import IntArray, Primitives

__all__ = ["Backend", "CircuitOptions", "CompiledCircuit", "FheReport", "Program", "Server"]


class Range(Protocol):
    """Range of a tensor by element, without the batch axis."""

    @property
    def low(self) -> IntArray:
        """Smallest values."""
        ...

    @property
    def high(self) -> IntArray:
        """Largest values."""
        ...

    def sample(self, rng: np.random.Generator) -> IntArray:
        """Draw one tensor that the program may get."""
        ...


class Program(Protocol):
    """A plain integer function and the ranges of its inputs."""

    @property
    def input_bounds(self) -> Sequence[Range]:
        """Range of every input."""
        ...

    @property
    def output_bounds(self) -> Sequence[Range]:
        """Range of every output."""
        ...

    def run(self, primitives: Primitives, *inputs: Any) -> tuple[Any, ...]:
        """Evaluate on arrays or tracers."""
        ...

    def has_lookups(self) -> bool:
        """Whether any step needs a programmable bootstrap."""
        ...

    def widths(self) -> list[tuple[str, int, int]]:
        """Source, bits, and 0, for every tensor.

        Every index of a lookup has a row of its own, with the number of bits that the lookup
        looks at in place of the 0: those that rounding leaves.
        """
        ...


@dataclass(frozen=True)
class CircuitOptions:
    """How to compile.

    Parameters
    ----------
    p_error : float
        Chance that one bootstrap (in a circuit without any, one output) decrypts wrong.
    batch_size : int, optional
        Samples that go through the circuit at once. None: 24 without bootstraps, else 1.
    parameters : {"multi", "mono"}
        One crypto-parameter set for each precision, or one for the whole circuit.
    """

    p_error: float = 2.0**-40
    batch_size: int | None = None
    parameters: str = "multi"

    def __post_init__(self) -> None:
        """Refuse values that the backend would take for something else."""
        if not 0 < self.p_error < 1:
            raise InvalidInputError(
                f"p_error is {self.p_error!r}; it must lie between 0 and 1, such as 2**-40."
            )
        if self.batch_size is not None and self.batch_size < 1:
            raise InvalidInputError(
                f"batch_size is {self.batch_size!r}; it must be a positive int, or None."
            )
        if self.parameters not in ("multi", "mono"):
            raise InvalidInputError(
                f'parameters is {self.parameters!r}; it must be "multi" or "mono".'
            )


@dataclass(frozen=True)
class FheReport:
    """Exact facts of a compiled circuit, for one sample unless said otherwise.

    Attributes
    ----------
    pbs_count : float
        Programmable bootstraps.
    pbs_by_width : dict
        The same by bits of the lookup's index.
    complexity : float
        The optimizer's own cost, in units of 1e9 operations (Gop).
    key_bytes : int
        Evaluation keys, which the server holds.
    input_bytes, output_bytes : float
        Ciphertexts on the wire.
    max_bit_width : int
        Widest integer of the circuit.
    batch_size : int
    p_error : float
    security_bits : int
    samples_per_ciphertext : int
        Samples that share a ciphertext: more than one only where there are no bootstraps.
    """

    pbs_count: float
    complexity: float
    key_bytes: int
    input_bytes: float
    output_bytes: float
    max_bit_width: int
    batch_size: int
    p_error: float
    security_bits: int
    pbs_by_width: dict[int, float] = field(default_factory=dict)
    samples_per_ciphertext: int = 1


class Server(Protocol):
    """What computes on ciphertexts: picklable, and without the secret key."""

    def run(self, encrypted: Any) -> Any:
        """Evaluate the circuit on encrypted inputs."""
        ...


class CompiledCircuit(Protocol):
    """One circuit for one batch size."""

    @property
    def report(self) -> FheReport:
        """Facts of the circuit."""
        ...

    def simulate(self, *inputs: IntArray) -> tuple[IntArray, ...]:
        """Evaluate without encryption, as the backend would."""
        ...

    def encrypt(self, *inputs: IntArray) -> Any:
        """Encrypt with the client's secret key, made when first needed."""
        ...

    def server(self) -> Server:
        """Make the server's half: circuit and evaluation keys."""
        ...

    def decrypt(self, encrypted: Any) -> tuple[IntArray, ...]:
        """Decrypt with the client's secret key."""
        ...


class Backend(Protocol):
    """Compiles programs."""

    def compile(
        self, program: Program, batch_size: int, options: CircuitOptions
    ) -> CompiledCircuit:
        """Compile a program for samples in batches of `batch_size`.

        Raises
        ------
        BitWidthError, CompilationError
        """
        ...
