"""What the library asks of an engine: to make circuits of programs, and to say what they cost.

A circuit has two halves. The client's makes keys, encrypts and decrypts; the server's computes on
ciphertexts with the evaluation keys, and has no secret.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from numbers import Integral, Real
from pathlib import Path
from textwrap import fill
from typing import Any, Protocol, TypeVar

from cml_sklearn._typing import IntArray
from cml_sklearn.exceptions import InvalidInputError
from cml_sklearn.program.program import IntegerProgram

__all__ = [
    "DEFAULT_P_ERROR",
    "AnyCircuit",
    "AnyEngine",
    "AnyPortableClient",
    "AnyPortableEngine",
    "Circuit",
    "CircuitOptions",
    "Client",
    "Cost",
    "Engine",
    "FheReport",
    "LookupCost",
    "NotInstalled",
    "PortableClient",
    "PortableEngine",
    "Sendable",
    "Server",
]


DEFAULT_P_ERROR = 2.0**-64
"""Chance that a value decrypts wrong: so small that wrong ones tell nothing about the key."""


@dataclass(frozen=True)
class CircuitOptions:
    """How to compile, whatever the engine.

    Parameters
    ----------
    p_error : float
        Chance that one bootstrap (in a circuit without any, one output) decrypts wrong.
    batch_size : int, optional
        Samples that go through the circuit at once. None: what the engine likes best.
    """

    p_error: float = DEFAULT_P_ERROR
    batch_size: int | None = None

    def __post_init__(self) -> None:
        """Refuse values that an engine would take for something else."""
        if not isinstance(self.p_error, Real) or not 0 < self.p_error < 1:
            raise InvalidInputError(
                f"p_error is {self.p_error!r}; it must lie between 0 and 1, such as 2**-64."
            )
        size = self.batch_size
        is_int = isinstance(size, Integral) and not isinstance(size, bool)
        if size is not None and not (is_int and size > 0):
            raise InvalidInputError(
                f"batch_size is {self.batch_size!r}; it must be a positive int, or None."
            )


@dataclass(frozen=True)
class FheReport:
    """Exact facts of a compiled circuit, for one sample unless said otherwise.

    Attributes
    ----------
    engine : str
    pbs_count : float, optional
        Programmable bootstraps; None where the engine has none.
    pbs_by_width : dict
        The same by bits of the lookup's index.
    complexity : float, optional
        Concrete's own cost, in units of 1e9 operations (Gop).
    key_bytes : int
        Evaluation keys, which the server holds.
    input_bytes, output_bytes : float
        Ciphertexts on the wire, where batches are full.
    max_bit_width : int
        Widest integer of the circuit.
    batch_size : int
    p_error : float
        0 where no wrong answer is possible.
    security_bits : int
        0 where nothing is encrypted.
    samples_per_ciphertext : int
        Samples that share a ciphertext: more than one only where there are no bootstraps.
    products, levels : int, optional
        Products of two ciphertexts for a batch, and how many follow one another.
    ring_dimension, modulus_bits, plain_modulus : int, optional
        Parameters of BFV.
    noise_budget : float, optional
        Bits that the noise may still grow by, at the worst.
    flood_bits : float, optional
        Bits by which the noise that is added to answers exceeds the bound of what it hides.
    chosen : str
        Why this engine: "named", or what "auto" compared.
    """

    engine: str
    pbs_count: float | None
    complexity: float | None
    key_bytes: int
    input_bytes: float
    output_bytes: float
    max_bit_width: int
    batch_size: int
    p_error: float
    security_bits: int
    pbs_by_width: dict[int, float] = field(default_factory=dict)
    samples_per_ciphertext: int = 1
    products: int | None = None
    levels: int | None = None
    ring_dimension: int | None = None
    modulus_bits: int | None = None
    plain_modulus: int | None = None
    noise_budget: float | None = None
    flood_bits: float | None = None
    chosen: str = "named"

    def __repr__(self) -> str:
        """Say what there is, with four figures, in lines that fit a screen."""
        known = {f.name: getattr(self, f.name) for f in fields(self)}
        facts = [f"{name}={_short(x)}" for name, x in known.items() if x is not None and x != {}]
        text = f"FheReport({', '.join(facts)})"
        return fill(text, width=79, subsequent_indent=" " * len("FheReport("))


def _short(value: object) -> str:
    """Write a fact with four figures."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_short(x)}" for key, x in value.items()) + "}"
    return f"{value:.4g}" if isinstance(value, float) else repr(value)


@dataclass(frozen=True)
class LookupCost:
    """What one layer of lookups of a program is estimated to cost, for one sample.

    Attributes
    ----------
    source : str
        Operator whose results are looked up.
    n_lookups : int
    index_bits : int
        Width of the integers that are looked up.
    width : int
        Bits of them that rounding leaves; they make the cost.
    gop : float
        Billions of operations of the optimizer, as in `FheReport.complexity`.
    """

    source: str
    n_lookups: int
    index_bits: int
    width: int
    gop: float


@dataclass(frozen=True)
class Cost:
    """What predictions take.

    Attributes
    ----------
    seconds : float
    n_bytes : int
        Over the wire.
    """

    seconds: float
    n_bytes: int

    @property
    def total(self) -> float:
        """Seconds with those of the wire, at 100 megabits a second."""
        return self.seconds + self.n_bytes / 12.5e6


Ciphertexts = TypeVar("Ciphertexts")
"""One batch on its way; picklable."""

EvaluationKeys = TypeVar("EvaluationKeys")
"""What the server needs to compute; picklable, and nothing can be decrypted with it."""

Keys_co = TypeVar("Keys_co", covariant=True)
Keys_contra = TypeVar("Keys_contra", contravariant=True)


class Client(Protocol[Ciphertexts, Keys_co]):
    """The half of a circuit that its owner of data holds."""

    def batch_sizes(self, n_samples: int) -> Sequence[int]:
        """Sizes of the batches that samples best go through in; the last may have room left."""
        ...

    def generate_keys(self) -> None:
        """Make the keys, unless they are there: what is encrypted before stays readable."""
        ...

    @property
    def evaluation_keys(self) -> Keys_co:
        """The server's keys, made with the secret one when first needed."""
        ...

    def encrypt(self, *inputs: IntArray) -> Ciphertexts:
        """Encrypt one batch with the secret key, made when first needed."""
        ...

    def decrypt(self, encrypted: Ciphertexts) -> tuple[IntArray, ...]:
        """Decrypt a batch of results."""
        ...

    def save(self, folder: str | Path) -> None:
        """Write the half, without keys, into a folder; `load` of its class reads it."""
        ...


class Server(Protocol[Ciphertexts, Keys_contra]):
    """The half that computes on ciphertexts, picklable; it never sees the secret key."""

    def run(self, encrypted: Ciphertexts, keys: Keys_contra) -> Ciphertexts:
        """Evaluate the circuit on one batch."""
        ...

    def save(self, folder: str | Path) -> None:
        """Write the half into a folder; `load` of its class reads it."""
        ...


class Circuit(Protocol[Ciphertexts, EvaluationKeys]):
    """A compiled program."""

    @property
    def report(self) -> FheReport:
        """Facts of the circuit."""
        ...

    @property
    def overlaps(self) -> bool:
        """Whether a thread can encrypt a batch while another one evaluates."""
        ...

    @property
    def client(self) -> Client[Ciphertexts, EvaluationKeys]:
        """The half that keeps the secret key."""
        ...

    @property
    def server(self) -> Server[Ciphertexts, EvaluationKeys]:
        """The half that evaluates."""
        ...

    def simulate(self, *inputs: IntArray) -> tuple[IntArray, ...]:
        """Evaluate one batch without encryption, as the circuit would."""
        ...

    def cost(self, n_samples: int) -> Cost:
        """Estimate predictions without keys; seconds are those of docs/guide/costs.md's machine."""
        ...


class NotInstalled(str):
    """What `Engine.supports` says where a package is all that is missing."""


class Engine(Protocol[Ciphertexts, EvaluationKeys]):
    """A way to compute on encrypted integers."""

    @property
    def name(self) -> str:
        """As in ``config_context(engine=...)``."""
        ...

    def supports(self, program: IntegerProgram) -> str | None:
        """Why the engine can't do a program, in words that end a sentence; None if it can."""
        ...

    def compile(
        self, program: IntegerProgram, options: CircuitOptions
    ) -> Circuit[Ciphertexts, EvaluationKeys]:
        """Make a circuit.

        Raises
        ------
        BitWidthError, CompilationError
        """
        ...

    def cost(self, program: IntegerProgram, n_samples: int) -> Cost:
        """Estimate what a program that is supported takes, keys included."""
        ...


class Sendable(Protocol):
    """Ciphertexts or keys as an engine's own bytes, for the wire."""

    @property
    def parts(self) -> tuple[bytes, ...]:
        """The bytes; `Engine.read_ciphertexts` or `Engine.read_keys` reads them."""
        ...


class PortableClient(Client[Ciphertexts, Keys_co], Protocol):
    """A client's half whose keys can be kept in a safe, and shared by circuits."""

    @property
    def key_name(self) -> str:
        """What keys depend on: circuits of one name can share them."""
        ...

    @property
    def secret(self) -> tuple[bytes, ...]:
        """All keys, the secret one among them, to be kept by the client; made when needed."""
        ...

    def use_secret(self, secret: tuple[bytes, ...]) -> None:
        """Take keys that `secret` of a client of the same `key_name` gave."""
        ...


class PortableEngine(Engine[Ciphertexts, EvaluationKeys], Protocol):
    """An engine whose halves can stand on two machines."""

    def load_client(self, folder: str | Path) -> PortableClient[Ciphertexts, EvaluationKeys]:
        """Read what `save` of a client wrote."""
        ...

    def load_server(self, folder: str | Path) -> Server[Ciphertexts, EvaluationKeys]:
        """Read what `save` of a server wrote."""
        ...

    def read_ciphertexts(self, n_samples: int, parts: tuple[bytes, ...]) -> Ciphertexts:
        """Read a batch from the wire; what is in the parts is checked where they are used."""
        ...

    def read_keys(self, parts: tuple[bytes, ...]) -> EvaluationKeys:
        """Read evaluation keys from the wire, likewise."""
        ...


AnyCircuit = Circuit[Any, Any]
AnyEngine = Engine[Any, Any]
"""An engine, whatever its ciphertexts and keys."""

AnyPortableEngine = PortableEngine[Any, Any]
AnyPortableClient = PortableClient[Any, Any]
