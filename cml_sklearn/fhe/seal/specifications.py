"""What the halves of a circuit are made of: plain data, which archives keep."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from cml_sklearn._typing import IntArray
from cml_sklearn.exceptions import InvalidInputError
from cml_sklearn.fhe.seal.bindings import EncryptionParameters
from cml_sklearn.fhe.seal.digits import Digits
from cml_sklearn.fhe.seal.layouts import Batches, Layouts
from cml_sklearn.fhe.seal.tape import Combination, Product, Tape
from cml_sklearn.program.archive import ArchiveTable, Stored, read, write
from cml_sklearn.program.bounds import Bounds, Thermometer

__all__ = [
    "ClientSpecification",
    "ServerSpecification",
    "Task",
    "Way",
    "load",
    "number_of_way",
    "save",
    "split_outputs",
]

_FILE = "half.npz"


@dataclass(frozen=True)
class Way:
    """How batches of some sizes are encrypted, with keys of their own.

    Parameters
    ----------
    parameters : EncryptionParameters
    layouts : Layouts
    least : int
        Samples of the smallest batch; smaller ones go the way before.
    """

    parameters: EncryptionParameters
    layouts: Layouts
    least: int = 1

    @property
    def key_name(self) -> str:
        """Parameters, and what the server may do with the keys."""
        parameters = self.parameters
        primes = "-".join(map(str, parameters.prime_bits))
        kind = "affine" if self.layouts.is_affine else "products"
        if self.layouts.digits is not None:
            kind = "digits"
        return f"seal {parameters.ring_dimension} {primes} {parameters.plain_modulus} {kind}"


@dataclass(frozen=True)
class Task:
    """What a server computes on the batches of a way.

    Parameters
    ----------
    way : Way
    tape : Tape
    flood_bits : int
        See `Plan`.
    """

    way: Way
    tape: Tape
    flood_bits: int


@dataclass(frozen=True)
class ClientSpecification:
    """What a client must know of a circuit: no weights.

    Parameters
    ----------
    ways : tuple of Way
        By size of the batch, ascending.
    outputs : tuple of Bounds
        Ranges, by which integers modulo the plain modulus are read.
    batches : Batches
    """

    ways: tuple[Way, ...]
    outputs: tuple[Bounds, ...]
    batches: Batches

    def __post_init__(self) -> None:
        """Refuse what a file may say."""
        _check_order(self.ways)


@dataclass(frozen=True)
class ServerSpecification:
    """What a server must know of a circuit: the model, and no key.

    Parameters
    ----------
    tasks : tuple of Task
        By size of the batch, ascending.
    """

    tasks: tuple[Task, ...]

    def __post_init__(self) -> None:
        """Refuse what a file may say."""
        _check_order(self.ways)

    @property
    def ways(self) -> tuple[Way, ...]:
        """The client's ways."""
        return tuple(task.way for task in self.tasks)


def _check_order(ways: Sequence[Way]) -> None:
    least = [way.least for way in ways]
    one_ring = len({way.layouts.n for way in ways}) == 1
    if least[:1] != [1] or sorted(set(least)) != least or not one_ring:
        raise InvalidInputError(f"batches can't be parted at {least} samples")


def number_of_way(ways: Sequence[Way], n_samples: int) -> int:
    """Find the way that a batch goes.

    Raises
    ------
    InvalidInputError
        No batch has so many samples.
    """
    most = ways[-1].layouts.n
    if not (isinstance(n_samples, int) and 1 <= n_samples <= most):
        raise InvalidInputError(
            f"A batch of {n_samples} samples came; the circuit takes 1 to {most}."
        )
    return max(i for i, way in enumerate(ways) if way.least <= n_samples)


def split_outputs(rows: IntArray, outputs: Sequence[Bounds]) -> tuple[IntArray, ...]:
    """Part rows of integers, shape (n_samples, n_integers), into a circuit's outputs."""
    parts = np.split(rows, np.cumsum([b.low.size for b in outputs])[:-1], axis=1)
    return tuple(
        part.reshape(len(rows), *bounds.shape) for part, bounds in zip(parts, outputs, strict=True)
    )


Fields = dict[str, Any]


def _client_of_one_way(fields: Fields) -> Fields:
    return {"ways": (_way(fields),), "outputs": fields["outputs"], "batches": fields["batches"]}


def _server_of_one_way(fields: Fields) -> Fields:
    rest = {"tape": fields["tape"], "flood_bits": fields["flood_bits"]}
    return {"tasks": (_TABLE.build("Task", 1, {"way": _way(fields), **rest}),)}


def _way(fields: Fields) -> object:
    """Way of a circuit that has no other: as files were before there were several."""
    known = {"parameters": fields["parameters"], "layouts": fields["layouts"]}
    return _TABLE.build("Way", 1, {**known, "least": 1})


_TABLE = ArchiveTable(
    [
        Batches,
        Bounds,
        Stored(ClientSpecification, 2, {1: _client_of_one_way}),
        Combination,
        Digits,
        EncryptionParameters,
        Stored(Layouts, 2, {1: lambda fields: {**fields, "digits": None}}),
        Product,
        Stored(ServerSpecification, 2, {1: _server_of_one_way}),
        Tape,
        Task,
        Thermometer,
        Way,
    ]
)

Specification = TypeVar("Specification", ClientSpecification, ServerSpecification)


def save(folder: str | Path, specification: ClientSpecification | ServerSpecification) -> None:
    """Write a half into a folder."""
    Path(folder).mkdir(parents=True, exist_ok=True)
    write(Path(folder) / _FILE, specification, _TABLE)


def load(folder: str | Path, kind: type[Specification]) -> Specification:
    """Read what `save` wrote."""
    found: Specification = read(Path(folder) / _FILE, kind, _TABLE)
    return found
