"""The client's and the server's half of a circuit, and what passes between them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

from cml_sklearn._typing import IntArray
from cml_sklearn.exceptions import InvalidInputError
from cml_sklearn.fhe.long_steps import long_step
from cml_sklearn.fhe.seal.bindings import (
    FOREIGN_ERRORS,
    Ciphertext,
    KeyRing,
    SealKeys,
    SealScheme,
    SecretKeys,
    scheme,
)
from cml_sklearn.fhe.seal.layouts import CoefficientLayout, Layout, SlotLayout
from cml_sklearn.fhe.seal.session import Blocks, Session, centred, session_of
from cml_sklearn.fhe.seal.specifications import (
    ClientSpecification,
    ServerSpecification,
    Task,
    Way,
    load,
    number_of_way,
    save,
    split_outputs,
)
from cml_sklearn.fhe.seal.tape import Combination
from cml_sklearn.program.bounds import Bounds

__all__ = ["SealCiphertexts", "SealClient", "SealServer"]

_KEY_PARTS = 4
"""Of a way: the secret key, and those of the server."""


@dataclass(frozen=True)
class SealCiphertexts:
    """A batch on its way: SEAL's own bytes.

    Parameters
    ----------
    n_samples : int
    tag : bytes
        Of the keys: see `SealKeys.tag`.
    values : tuple of bytes
    """

    n_samples: int
    tag: bytes
    values: tuple[bytes, ...]

    @classmethod
    def of(cls, n_samples: int, parts: tuple[bytes, ...]) -> SealCiphertexts:
        """Read what `parts` gave."""
        if not parts:
            raise InvalidInputError("A batch came without ciphertexts; send what was encrypted.")
        return cls(n_samples, parts[0], parts[1:])

    @property
    def parts(self) -> tuple[bytes, ...]:
        """The bytes, for the wire."""
        return self.tag, *self.values

    @property
    def n_bytes(self) -> int:
        """Size on the wire."""
        return sum(map(len, self.values))


class SealClient:
    """Keys, encryption and decryption."""

    def __init__(self, specification: ClientSpecification) -> None:
        self.specification = specification
        self._lock = Lock()
        self._made: tuple[tuple[SecretKeys, ...], KeyRing] | None = None

    def generate_keys(self) -> None:
        """Make the keys, unless they are there."""
        self._keys()

    @property
    def evaluation_keys(self) -> KeyRing:
        """The server's keys."""
        return self._keys()[1]

    @property
    def key_name(self) -> str:
        """Parameters, and what the server may do with the keys."""
        return ", ".join(way.key_name for way in self.specification.ways)

    def batch_sizes(self, n_samples: int) -> list[int]:
        """Sizes of the batches that take the least time."""
        return self.specification.batches.sizes(n_samples)

    @property
    def secret(self) -> tuple[bytes, ...]:
        """Each way's secret key, and the evaluation keys that were made with it."""
        secrets, ring = self._keys()
        pairs = zip(secrets, ring.keys, strict=True)
        return tuple(part for secret, keys in pairs for part in (secret.dump(), *keys.parts))

    def use_secret(self, secret: tuple[bytes, ...]) -> None:
        """Take the keys of a client of equal parameters."""
        ways = self.specification.ways
        if len(secret) != _KEY_PARTS * len(ways):
            raise InvalidInputError(
                f"Keys came in {len(secret)} parts, and this circuit's have "
                f"{_KEY_PARTS * len(ways)}: give those of a client of the same model."
            )
        groups = [secret[i : i + _KEY_PARTS] for i in range(0, len(secret), _KEY_PARTS)]
        ring = KeyRing(tuple(SealKeys.of(group[1:]) for group in groups))
        with self._lock:
            secrets = (
                scheme(way.parameters).secret_keys(group[0])
                for way, group in zip(ways, groups, strict=True)
            )
            self._made = tuple(secrets), ring

    def encrypt(self, *inputs: IntArray) -> SealCiphertexts:
        """Encrypt one batch."""
        n_samples = len(inputs[0])
        secret, way = self._secret(n_samples)
        layout = way.layouts.of(n_samples)
        encode = _encoder(scheme(way.parameters), layout)
        columns = way.layouts.columns(*inputs)
        values = tuple(secret.encrypt(encode(part)) for part in layout.pack(columns))
        return SealCiphertexts(n_samples, self.evaluation_keys.tag, values)

    def decrypt(self, encrypted: SealCiphertexts) -> tuple[IntArray, ...]:
        """Decrypt one batch.

        Raises
        ------
        InvalidInputError
            It is no answer of this circuit, or was made with other keys.
        """
        if encrypted.tag != self.evaluation_keys.tag:
            raise InvalidInputError(
                "The answer was made with other keys; decrypt with the client that encrypted."
            )
        outputs = self.specification.outputs
        n_results = sum(bounds.low.size for bounds in outputs)
        if len(encrypted.values) != n_results:
            raise InvalidInputError(
                f"An answer has {len(encrypted.values)} ciphertexts; the circuit gives {n_results}."
            )
        secret, way = self._secret(encrypted.n_samples)
        plains = [secret.decrypt(value) for value in encrypted.values]
        rows = np.stack([_results(way, plain, encrypted.n_samples) for plain in plains], axis=1)
        t = way.parameters.plain_modulus
        parts = zip(split_outputs(rows, outputs), outputs, strict=True)
        return tuple(_in_range(part, bounds, t) for part, bounds in parts)

    def save(self, folder: str | Path) -> None:
        """Write what encryption needs, without keys, into a folder."""
        save(folder, self.specification)

    @classmethod
    def load(cls, folder: str | Path) -> SealClient:
        """Read what `save` wrote."""
        return cls(load(folder, ClientSpecification))

    def _keys(self) -> tuple[tuple[SecretKeys, ...], KeyRing]:
        with self._lock:
            if self._made is None:
                with long_step("keys", engine="seal") as facts:
                    pairs = [_new_keys(way) for way in self.specification.ways]
                    secrets, keys = zip(*pairs, strict=True)
                    self._made = secrets, KeyRing(keys)
                    facts["bytes"] = sum(len(part) for each in keys for part in each.parts)
            return self._made

    def _secret(self, n_samples: int) -> tuple[SecretKeys, Way]:
        """Secret key of the way that a batch goes, and the way."""
        ways = self.specification.ways
        number = number_of_way(ways, n_samples)
        return self._keys()[0][number], ways[number]


def _new_keys(way: Way) -> tuple[SecretKeys, SealKeys]:
    layouts, secret = way.layouts, scheme(way.parameters).secret_keys()
    return secret, secret.evaluation_keys(
        products=not layouts.is_affine, rotations=layouts.galois_elements
    )


def _encoder(made: SealScheme, layout: Layout) -> Callable[[IntArray], Any]:
    return made.slots if isinstance(layout, SlotLayout) else made.coefficients


def _results(way: Way, plain: Any, n_samples: int) -> IntArray:
    layout, made = way.layouts.of(n_samples), scheme(way.parameters)
    if isinstance(layout, SlotLayout):
        return made.read_slots(plain)[:n_samples]
    return made.read_coefficients(plain, layout.results(n_samples))


def _in_range(values: IntArray, bounds: Bounds, modulus: int) -> IntArray:
    """Integers within their range from those modulo the plain modulus."""
    found = bounds.low + (values - bounds.low) % modulus
    if (found > bounds.high).any():
        raise InvalidInputError(
            "An answer decrypts to integers outside the model's range: it was tampered with. "
            "Don't tell the server that it was; ask again over a line that you trust."
        )
    return found


class SealServer:
    """Evaluates the model on ciphertexts; plain data, picklable."""

    def __init__(self, specification: ServerSpecification) -> None:
        self.specification = specification

    def run(self, encrypted: SealCiphertexts, keys: KeyRing) -> SealCiphertexts:
        """Evaluate one batch.

        Raises
        ------
        InvalidInputError
            Ciphertexts or keys are damaged, or of another circuit.
        """
        number = number_of_way(self.specification.ways, encrypted.n_samples)
        task = self.specification.tasks[number]
        layouts = task.way.layouts
        wanted = layouts.of(encrypted.n_samples).n_ciphertexts(layouts.n_columns)
        if len(encrypted.values) != wanted:
            raise InvalidInputError(
                f"A batch of {encrypted.n_samples} samples came in {len(encrypted.values)} "
                f"ciphertexts; the circuit takes {wanted}."
            )
        if encrypted.tag != keys.tag:
            raise InvalidInputError(
                "The batch was encrypted with other keys; send the evaluation keys of its client."
            )
        if len(keys.keys) != len(self.specification.tasks):
            raise InvalidInputError(
                f"Evaluation keys for {len(keys.keys)} kinds of batches came, and the circuit has "
                f"{len(self.specification.tasks)}; send those of its client."
            )
        if len(set(encrypted.values)) < wanted:
            raise InvalidInputError("A batch has a ciphertext twice; send what the client made.")
        session = session_of(task.way.parameters, keys.keys[number], layouts)
        try:
            answers = tuple(self._answers(session, task, encrypted))
        except FOREIGN_ERRORS as error:
            if isinstance(error, InvalidInputError):
                raise
            raise InvalidInputError(  # how it failed would tell what is computed
                "SEAL can't evaluate the batch. Send ciphertexts and keys of one client."
            ) from error
        return SealCiphertexts(encrypted.n_samples, encrypted.tag, answers)

    def save(self, folder: str | Path) -> None:
        """Write the model into a folder."""
        save(folder, self.specification)

    @classmethod
    def load(cls, folder: str | Path) -> SealServer:
        """Read what `save` wrote."""
        return cls(load(folder, ServerSpecification))

    def __getstate__(self) -> ServerSpecification:
        """Leave encoded weights out."""
        return self.specification

    def __setstate__(self, state: ServerSpecification) -> None:
        """Read what `__getstate__` gave."""
        self.specification = state

    def _answers(self, session: Session, task: Task, encrypted: SealCiphertexts) -> Iterator[bytes]:
        """Evaluate, and hide all but the results."""
        layout, n_samples = task.way.layouts.of(encrypted.n_samples), encrypted.n_samples
        encode = _encoder(session.scheme, layout)
        if isinstance(layout, CoefficientLayout):
            results, places = self._products(session, layout, encrypted), layout.results(n_samples)
        else:
            for value in encrypted.values:  # also those that nothing reads: errors tell not which
                session.read(value)
            blocks = Blocks(session, layout, encrypted.values, task.tape.inputs_read)
            results, places = iter(task.tape.run(session, blocks.read)), np.arange(n_samples)
        for result in results:
            session.hide(result, places, encode, task.flood_bits)
            yield session.write(result)

    def _products(
        self, session: Session, layout: CoefficientLayout, encrypted: SealCiphertexts
    ) -> Iterator[Ciphertext]:
        """Multiply coefficients by each output's weights."""
        inputs = [session.read(value) for value in encrypted.values]
        for weights, constant in self._encoded_weights:
            yield session.affine(inputs, weights, constant, layout)

    @cached_property
    def _encoded_weights(self) -> list[tuple[list[IntArray], int]]:
        """Coefficients of each output's weights, by ciphertext of the input, and its constant."""
        # affine circuits have one way
        task = self.specification.tasks[0]
        layouts, t = task.way.layouts, task.way.parameters.plain_modulus
        layout = CoefficientLayout(layouts.n, layouts.n_columns)
        encoded = []
        for operation in task.tape.operations:
            if isinstance(operation, Combination):
                column = np.zeros(layouts.n_columns, dtype=np.int64)
                column[operation.nodes] = centred(operation.weights, t)
                encoded.append((layout.weights(column), operation.constant))
        return encoded
