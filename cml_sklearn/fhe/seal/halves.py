"""The client's and the server's half of a circuit, and what passes between them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

from cml_sklearn._typing import IntArray
from cml_sklearn.exceptions import InvalidInputError
from cml_sklearn.fhe.seal.bindings import (
    FOREIGN_ERRORS,
    Ciphertext,
    EncryptionParameters,
    SealKeys,
    SealScheme,
    SecretKeys,
    scheme,
)
from cml_sklearn.fhe.seal.hiding import flood, random_beside
from cml_sklearn.fhe.seal.layouts import (
    Batches,
    CoefficientLayout,
    Layout,
    Layouts,
    Place,
    SlotLayout,
)
from cml_sklearn.fhe.seal.tape import Combination, Product, Tape
from cml_sklearn.program.archive import ArchiveTable, read, write
from cml_sklearn.program.bounds import Bounds, Thermometer

__all__ = ["SealCiphertexts", "SealClient", "SealServer"]

_FILE = "half.npz"


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


@dataclass(frozen=True)
class ClientSpecification:
    """What a client must know of a circuit: no weights.

    Parameters
    ----------
    parameters : EncryptionParameters
    layouts : Layouts
    outputs : tuple of Bounds
        Ranges, by which integers modulo the plain modulus are read.
    batches : Batches
    """

    parameters: EncryptionParameters
    layouts: Layouts
    outputs: tuple[Bounds, ...]
    batches: Batches


@dataclass(frozen=True)
class ServerSpecification:
    """What a server must know of a circuit: the model, and no key.

    Parameters
    ----------
    parameters : EncryptionParameters
    layouts : Layouts
    tape : Tape
    flood_bits : int
        See `Plan`.
    """

    parameters: EncryptionParameters
    layouts: Layouts
    tape: Tape
    flood_bits: int


_TABLE = ArchiveTable(
    [
        Batches,
        Bounds,
        ClientSpecification,
        Combination,
        EncryptionParameters,
        Layouts,
        Product,
        ServerSpecification,
        Tape,
        Thermometer,
    ]
)


class SealClient:
    """Keys, encryption and decryption."""

    def __init__(self, specification: ClientSpecification) -> None:
        self.specification = specification
        self._lock = Lock()
        self._made: tuple[SecretKeys, SealKeys] | None = None

    def generate_keys(self) -> None:
        """Make the keys, unless they are there."""
        self._keys()

    @property
    def evaluation_keys(self) -> SealKeys:
        """The server's keys."""
        return self._keys()[1]

    @property
    def key_name(self) -> str:
        """Parameters, and what the server may do with the keys."""
        parameters, layouts = self.specification.parameters, self.specification.layouts
        primes = "-".join(map(str, parameters.prime_bits))
        kind = "affine" if layouts.is_affine else "products"
        return f"seal {parameters.ring_dimension} {primes} {parameters.plain_modulus} {kind}"

    def batch_sizes(self, n_samples: int) -> list[int]:
        """Sizes of the batches that take the least time."""
        return self.specification.batches.sizes(n_samples)

    @property
    def secret(self) -> tuple[bytes, ...]:
        """The secret key, and the evaluation keys that were made with it."""
        secret, public = self._keys()
        return secret.dump(), *public.parts

    def use_secret(self, secret: tuple[bytes, ...]) -> None:
        """Take the keys of a client of equal parameters."""
        keys = SealKeys.of(secret[1:])
        with self._lock:
            self._made = self._scheme.secret_keys(secret[0]), keys

    def encrypt(self, *inputs: IntArray) -> SealCiphertexts:
        """Encrypt one batch."""
        (secret, keys), n_samples = self._keys(), len(inputs[0])
        layout, encode = self._layout(n_samples), self._encoder(n_samples)
        columns = np.hstack([x.reshape(n_samples, -1) for x in inputs]).T
        values = (secret.encrypt(encode(part)) for part in layout.pack(columns))
        return SealCiphertexts(n_samples, keys.tag, tuple(values))

    def decrypt(self, encrypted: SealCiphertexts) -> tuple[IntArray, ...]:
        """Decrypt one batch.

        Raises
        ------
        InvalidInputError
            It is no answer of this circuit, or was made with other keys.
        """
        (secret, keys), n_samples = self._keys(), encrypted.n_samples
        if encrypted.tag != keys.tag:
            raise InvalidInputError(
                "The answer was made with other keys; decrypt with the client that encrypted."
            )
        outputs = self.specification.outputs
        sizes = [bounds.low.size for bounds in outputs]
        if len(encrypted.values) != sum(sizes):
            raise InvalidInputError(
                f"An answer has {len(encrypted.values)} ciphertexts; the circuit gives "
                f"{sum(sizes)}."
            )
        plains = [secret.decrypt(value) for value in encrypted.values]
        values = np.stack([self._results(plain, n_samples) for plain in plains], axis=1)
        parts = np.split(values, np.cumsum(sizes)[:-1], axis=1)
        return tuple(
            self._in_range(part.reshape(n_samples, *bounds.shape), bounds)
            for part, bounds in zip(parts, outputs, strict=True)
        )

    def save(self, folder: str | Path) -> None:
        """Write what encryption needs, without keys, into a folder."""
        _save(folder, self.specification)

    @classmethod
    def load(cls, folder: str | Path) -> SealClient:
        """Read what `save` wrote."""
        return cls(read(Path(folder) / _FILE, ClientSpecification, _TABLE))

    def _keys(self) -> tuple[SecretKeys, SealKeys]:
        with self._lock:
            if self._made is None:
                layouts = self.specification.layouts
                secret = self._scheme.secret_keys()
                public = secret.evaluation_keys(
                    products=not layouts.is_affine, rotations=layouts.galois_elements
                )
                self._made = secret, public
            return self._made

    @property
    def _scheme(self) -> SealScheme:
        return scheme(self.specification.parameters)

    def _layout(self, n_samples: int) -> Layout:
        return _layout(self.specification.layouts, n_samples)

    def _encoder(self, n_samples: int) -> Callable[[IntArray], Any]:
        is_slots = isinstance(self._layout(n_samples), SlotLayout)
        return self._scheme.slots if is_slots else self._scheme.coefficients

    def _results(self, plain: Any, n_samples: int) -> IntArray:
        layout = self._layout(n_samples)
        if isinstance(layout, SlotLayout):
            return self._scheme.read_slots(plain)[:n_samples]
        return self._scheme.read_coefficients(plain, layout.results(n_samples))

    def _in_range(self, values: IntArray, bounds: Bounds) -> IntArray:
        """Integers within their range from those modulo the plain modulus."""
        found = bounds.low + (values - bounds.low) % self.specification.parameters.plain_modulus
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

    def run(self, encrypted: SealCiphertexts, keys: SealKeys) -> SealCiphertexts:
        """Evaluate one batch.

        Raises
        ------
        InvalidInputError
            Ciphertexts or keys are damaged, or of another circuit.
        """
        specification = self.specification
        layout = _layout(specification.layouts, encrypted.n_samples)
        wanted = layout.n_ciphertexts(specification.layouts.n_columns)
        if len(encrypted.values) != wanted:
            raise InvalidInputError(
                f"A batch of {encrypted.n_samples} samples came in {len(encrypted.values)} "
                f"ciphertexts; the circuit takes {wanted}."
            )
        if encrypted.tag != keys.tag:
            raise InvalidInputError(
                "The batch was encrypted with other keys; send the evaluation keys of its client."
            )
        session = _session(specification.parameters, keys, specification.layouts)
        try:
            if isinstance(layout, CoefficientLayout):
                results = self._products(session, layout, encrypted)
                places = layout.results(encrypted.n_samples)
                encode = session.scheme.coefficients
            else:
                blocks = _Blocks(session, layout, encrypted.values)
                results = iter(specification.tape.run(session, blocks.read))
                places = np.arange(encrypted.n_samples)
                encode = session.scheme.slots
            answers = tuple(
                _answer(session, self._hidden(session, r, places, encode)) for r in results
            )
        except FOREIGN_ERRORS as error:
            if isinstance(error, InvalidInputError):
                raise
            raise InvalidInputError(
                f"SEAL can't evaluate the batch: {error}. Send ciphertexts and keys of one client."
            ) from error
        return SealCiphertexts(encrypted.n_samples, encrypted.tag, answers)

    def save(self, folder: str | Path) -> None:
        """Write the model into a folder."""
        _save(folder, self.specification)

    @classmethod
    def load(cls, folder: str | Path) -> SealServer:
        """Read what `save` wrote."""
        return cls(read(Path(folder) / _FILE, ServerSpecification, _TABLE))

    def __getstate__(self) -> ServerSpecification:
        """Leave encoded weights out."""
        return self.specification

    def __setstate__(self, state: ServerSpecification) -> None:
        """Read what `__getstate__` gave."""
        self.specification = state

    def _products(
        self, session: _Session, layout: CoefficientLayout, encrypted: SealCiphertexts
    ) -> Iterator[Ciphertext]:
        """Multiply coefficients by each output's weights."""
        inputs = [session.read(value) for value in encrypted.values]
        for weights, constant in self._encoded_weights:
            yield session.affine(inputs, weights, constant, layout)

    @cached_property
    def _encoded_weights(self) -> list[tuple[list[IntArray], int]]:
        """Coefficients of each output's weights, by ciphertext of the input, and its constant."""
        layouts, tape = self.specification.layouts, self.specification.tape
        layout = CoefficientLayout(layouts.n, layouts.n_columns)
        encoded, t = [], self.specification.parameters.plain_modulus
        for operation in tape.operations:
            if isinstance(operation, Combination):
                column = np.zeros(layouts.n_columns, dtype=np.int64)
                column[operation.nodes] = _centred(operation.weights, t)
                encoded.append((layout.weights(column), operation.constant))
        return encoded

    def _hidden(
        self,
        session: _Session,
        result: Ciphertext,
        places: IntArray,
        encode: Callable[[IntArray], Any],
    ) -> Ciphertext:
        """Hide all of a ciphertext but the results at some places."""
        parameters, evaluator = self.specification.parameters, session.scheme.evaluator
        session.relinearize(result)
        beside = random_beside(places, parameters.ring_dimension, parameters.plain_modulus)
        evaluator.add_plain_inplace(result, encode(beside))
        evaluator.add_inplace(result, session.zero())
        evaluator.add_inplace(result, flood(session.scheme, self.specification.flood_bits))
        return result


class _Session:
    """A server's scheme and keys; an algebra of ciphertexts for `Tape.run`."""

    def __init__(
        self, parameters: EncryptionParameters, keys: SealKeys, rotations: Sequence[int] = ()
    ) -> None:
        self.scheme = scheme(parameters)
        self._encryptor, self._relinearization, self.galois = self.scheme.read_keys(keys, rotations)

    def read(self, data: bytes) -> Ciphertext:
        """Read a fresh ciphertext."""
        return self.scheme.read(data, len(self.scheme.primes))

    def zero(self) -> Ciphertext:
        """Encrypt a zero."""
        result = self.scheme.new()
        self._encryptor.encrypt_zero(result)
        return result

    def relinearize(self, value: Ciphertext) -> None:
        """Bring a product back to two polynomials."""
        if value.size() > 2:
            self.scheme.evaluator.relinearize_inplace(value, self._relinearization)

    def product(self, left: Ciphertext, right: Ciphertext) -> Ciphertext:
        """Multiply; the result is relinearized where it must be."""
        self.relinearize(left)
        self.relinearize(right)
        result = self.scheme.new()
        self.scheme.evaluator.multiply(left, right, result)
        return result

    def combine(self, values: list[Ciphertext], weights: IntArray, constant: int) -> Ciphertext:
        """Weigh and add; what has the same weight, but for the sign, is multiplied together.

        Negative weights are subtracted: a product with their complement modulo t, which SEAL takes
        for a large number, would make much more noise.
        """
        t = self.scheme.parameters.plain_modulus
        signs: dict[int, tuple[list[Ciphertext], list[Ciphertext]]] = {}
        for value, weight in zip(values, _centred(weights, t).tolist(), strict=True):
            if weight:
                signs.setdefault(abs(weight), ([], []))[weight < 0].append(value)
        total = self._sum(self._multiple(w, plus, minus) for w, (plus, minus) in signs.items())
        if constant:
            self.scheme.evaluator.add_plain_inplace(total, self.scheme.constant(constant))
        return total

    def _sum(self, parts: Iterator[Ciphertext]) -> Ciphertext:
        """Add ciphertexts to the first of them; an encrypted zero if there are none."""
        total = next(parts, None)
        if total is None:
            return self.zero()
        for part in parts:
            self.scheme.evaluator.add_inplace(total, part)
        return total

    def _multiple(self, weight: int, plus: list[Ciphertext], minus: list[Ciphertext]) -> Ciphertext:
        """Multiply a difference by a positive integer."""
        part = self._difference(plus, minus)
        if weight > 1:
            self.scheme.evaluator.multiply_plain_inplace(part, self.scheme.constant(weight))
        return part

    def _difference(self, plus: list[Ciphertext], minus: list[Ciphertext]) -> Ciphertext:
        """Sum of some values minus that of others, as a new ciphertext."""
        evaluator, result = self.scheme.evaluator, self.scheme.new()
        evaluator.add_many(plus or minus, result)
        if not plus:
            evaluator.negate_inplace(result)
            return result
        for value in minus:
            evaluator.sub_inplace(result, value)
        return result

    def affine(
        self,
        inputs: list[Ciphertext],
        weights: list[IntArray],
        constant: int,
        layout: CoefficientLayout,
    ) -> Ciphertext:
        """Scalar products of samples in coefficients with an output's weights."""
        evaluator, products = self.scheme.evaluator, []
        for value, part in zip(inputs, weights, strict=True):
            nonzero = np.count_nonzero(part)
            if not nonzero:
                continue
            # a single coefficient above t/2 is taken for a large number, as in `combine`
            flip = nonzero == 1 and part.min() < 0
            product = self.scheme.new()
            plain = self.scheme.coefficients(-part if flip else part)
            evaluator.multiply_plain(value, plain, product)
            if flip:
                evaluator.negate_inplace(product)
            products.append(product)
        total = self._sum(iter(products))
        constants = np.zeros(layout.n, dtype=np.int64)
        constants[layout.results(layout.samples)] = constant
        evaluator.add_plain_inplace(total, self.scheme.coefficients(constants))
        return total


class _Blocks:
    """Columns of a batch in slots, each brought to the front where it shares a ciphertext."""

    def __init__(self, session: _Session, layout: SlotLayout, values: tuple[bytes, ...]) -> None:
        self._session, self._layout, self._values = session, layout, values
        self._known: dict[Place, Ciphertext] = {}

    def read(self, column: int) -> Ciphertext:
        """Ciphertext with a column in the first slots."""
        place = self._layout.place(column)
        if self._layout.columns == 1:
            return self._session.read(self._values[place.ciphertext])
        return self._at(place)

    def _at(self, place: Place) -> Ciphertext:
        """Rotate; a way that several places share is gone once."""
        if place not in self._known:
            self._known[place] = self._rotated(place)
        return self._known[place]

    def _rotated(self, place: Place) -> Ciphertext:
        scheme_, galois = self._session.scheme, self._session.galois
        before = self._layout.before(place)
        if before is None:
            return self._session.read(self._values[place.ciphertext])
        result = scheme_.new()
        if place.second_row:
            scheme_.evaluator.rotate_columns(self._at(before), galois, result)
        else:
            steps = (place.block - before.block) * self._layout.block
            scheme_.evaluator.rotate_rows(self._at(before), steps, galois, result)
        return result


def _centred(weights: IntArray, modulus: int) -> IntArray:
    """Weights of the least size that are the same modulo an odd number."""
    return (weights + modulus // 2) % modulus - modulus // 2


def _answer(session: _Session, result: Ciphertext) -> bytes:
    """Write a result as small as it gets."""
    while result.coeff_modulus_size() > 1:
        session.scheme.evaluator.mod_switch_to_next_inplace(result)
    return session.scheme.write(result)


@lru_cache(maxsize=2)
def _session(parameters: EncryptionParameters, keys: SealKeys, layouts: Layouts) -> _Session:
    """Read the keys, once for batches that follow one another."""
    return _Session(parameters, keys, layouts.galois_elements)


def _layout(layouts: Layouts, n_samples: int) -> Layout:
    if not (isinstance(n_samples, int) and 1 <= n_samples <= layouts.n):
        raise InvalidInputError(
            f"A batch of {n_samples} samples came; the circuit takes 1 to {layouts.n}."
        )
    return layouts.of(n_samples)


def _save(folder: str | Path, specification: ClientSpecification | ServerSpecification) -> None:
    Path(folder).mkdir(parents=True, exist_ok=True)
    write(Path(folder) / _FILE, specification, _TABLE)
