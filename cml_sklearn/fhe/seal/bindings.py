"""The one door to SEAL: TenSEAL's raw bindings, made safe and small.

The bindings read and write files only, and give no way to set coefficients. Files are anonymous
memory here, so that no key ever meets a disk; coefficients are written as the bytes of a saved
object, whose layout `SealScheme` takes from SEAL 4.
"""

from __future__ import annotations

import os
import struct
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields
from functools import cache, cached_property, lru_cache
from hashlib import sha256
from types import ModuleType
from typing import Any

import numpy as np

from cml_sklearn._typing import IntArray
from cml_sklearn.exceptions import CompilationError, InvalidInputError

__all__ = [
    "FOREIGN_ERRORS",
    "Ciphertext",
    "EncryptionParameters",
    "KeyRing",
    "SealKeys",
    "SealScheme",
    "SecretKeys",
    "is_installed",
    "scheme",
]

_HEADER = struct.Struct("<HBBBBHQ")
"""Of a saved object: magic number, size of the header, version, compression, unused, all bytes."""

_CIPHERTEXT = struct.Struct("<4Q?QQQdQ")
"""Level, form, number of polynomials, coefficients and primes, scale, correction factor."""

_PLAINTEXT = struct.Struct("<4QQd")
"""Level, number of coefficients, scale."""

FOREIGN_ERRORS = (RuntimeError, ValueError, IndexError, TypeError, MemoryError)

Ciphertext = Any
Plaintext = Any
"""SEAL's own objects; the bindings have no types."""


@dataclass(frozen=True)
class EncryptionParameters:
    """Parameters of BFV.

    Parameters
    ----------
    ring_dimension : int
        Coefficients of a polynomial, and slots of a ciphertext.
    prime_bits : tuple of int
        Bits of the primes of the coefficient modulus; the last one is for switching keys only.
    plain_modulus : int
        Integers are computed modulo this prime.
    """

    ring_dimension: int
    prime_bits: tuple[int, ...]
    plain_modulus: int

    @property
    def modulus_bits(self) -> int:
        """Bits of the whole coefficient modulus, on which security depends."""
        return sum(self.prime_bits)

    @property
    def n_primes(self) -> int:
        """Primes of a fresh ciphertext."""
        return len(self.prime_bits) - 1


@cache
def _seal() -> ModuleType:
    try:
        import tenseal.sealapi as seal
    except ImportError as error:
        raise CompilationError(
            f'The engine "seal" needs the package tenseal, which can\'t be imported ({error}). '
            'Install it, or choose engine="concrete".'
        ) from error
    return seal


def is_installed() -> bool:
    """Whether the engine can be used here."""
    try:
        _seal()
    except CompilationError:
        return False
    return True


@lru_cache(maxsize=16)
def scheme(parameters: EncryptionParameters) -> SealScheme:
    """Make the scheme of some parameters, once."""
    return SealScheme(parameters)


@dataclass(frozen=True)
class SealKeys:
    """What the server needs: bytes of SEAL's own keys; nothing can be decrypted with them.

    Parameters
    ----------
    public : bytes
        Key to encrypt zeros, which hide what a ciphertext was computed from.
    relinearization : bytes
        Empty where nothing is multiplied.
    galois : bytes
        Keys to rotate slots. Empty where nothing is rotated.
    """

    public: bytes
    relinearization: bytes = b""
    galois: bytes = b""

    @classmethod
    def of(cls, parts: tuple[bytes, ...]) -> SealKeys:
        """Read what `parts` gave."""
        if len(parts) != len(fields(cls)):
            raise InvalidInputError(
                f"Evaluation keys came in {len(parts)} parts; send those of a client of SEAL."
            )
        return cls(*parts)

    @property
    def parts(self) -> tuple[bytes, ...]:
        """The keys, for the wire."""
        return self.public, self.relinearization, self.galois


@dataclass(frozen=True)
class KeyRing:
    """Keys of a circuit, for each kind of batches some.

    Parameters
    ----------
    keys : tuple of SealKeys
    """

    keys: tuple[SealKeys, ...]

    @classmethod
    def of(cls, parts: tuple[bytes, ...]) -> KeyRing:
        """Read what `parts` gave."""
        size = len(fields(SealKeys))
        groups = (parts[i : i + size] for i in range(0, max(len(parts), 1), size))
        return cls(tuple(map(SealKeys.of, groups)))

    @property
    def parts(self) -> tuple[bytes, ...]:
        """The keys, for the wire."""
        return tuple(part for keys in self.keys for part in keys.parts)

    @cached_property
    def tag(self) -> bytes:
        """What ciphertexts are marked with: keys of another client are found by it."""
        return sha256(b"".join(keys.public for keys in self.keys)).digest()[:16]


class SealScheme:
    """BFV with fixed parameters: what both sides can do without keys.

    Raises
    ------
    CompilationError
        The parameters are not 128 bits secure, or not possible.
    """

    def __init__(self, parameters: EncryptionParameters) -> None:
        seal, self.parameters = _seal(), parameters
        n = parameters.ring_dimension
        native = seal.EncryptionParameters(seal.SCHEME_TYPE.BFV)
        try:
            native.set_poly_modulus_degree(n)
            native.set_coeff_modulus(seal.CoeffModulus.Create(n, list(parameters.prime_bits)))
            native.set_plain_modulus(parameters.plain_modulus)
            self.context = seal.SEALContext(native, True, seal.SEC_LEVEL_TYPE.TC128)
            if not self.context.parameters_set():
                raise ValueError(self.context.parameters_error_message())
            self.evaluator = seal.Evaluator(self.context)
            self._encoder = seal.BatchEncoder(self.context)
        except FOREIGN_ERRORS as error:
            raise CompilationError(f"SEAL refuses {parameters}: {error}.") from error
        first = self.context.first_context_data().parms()
        self.primes = tuple(int(prime.value()) for prime in first.coeff_modulus())
        self._constants: dict[int, Plaintext] = {}
        with _written(seal.Plaintext("1")) as path:
            self._header = _HEADER.unpack(_read(path)[: _HEADER.size])

    @property
    def modulus(self) -> int:
        """Modulus of a fresh ciphertext."""
        product = 1
        for prime in self.primes:
            product *= prime
        return product

    def slots(self, values: IntArray) -> Plaintext:
        """Encode integers modulo the plain modulus, one a slot."""
        plain = _seal().Plaintext()
        self._encoder.encode((values % self.parameters.plain_modulus).tolist(), plain)
        return plain

    def read_slots(self, plain: Plaintext) -> IntArray:
        """Read the integers of all slots, from 0 up to the plain modulus."""
        return np.array(self._encoder.decode_uint64(plain), dtype=np.int64)

    def coefficients(self, values: IntArray) -> Plaintext:
        """Encode integers modulo the plain modulus as the lowest coefficients."""
        values = values % self.parameters.plain_modulus
        # NumPy's trim_zeros takes a millisecond for it
        values = values[: np.max(np.flatnonzero(values), initial=-1) + 1]
        body = _PLAINTEXT.pack(0, 0, 0, 0, values.size, 1.0) + self._array(values)
        return self._load(_seal().Plaintext(), self._headed(body))

    def read_coefficients(self, plain: Plaintext, positions: IntArray) -> IntArray:
        """Read coefficients at some positions, from 0 up to the plain modulus."""
        size = plain.coeff_count()
        values = [plain[i] if i < size else 0 for i in positions.tolist()]
        return np.array(values, dtype=np.int64)

    def constant(self, value: int) -> Plaintext:
        """Encode the same integer for all slots."""
        value %= self.parameters.plain_modulus
        if value not in self._constants:
            self._constants[value] = _seal().Plaintext(f"{value:X}")
        return self._constants[value]

    def new(self) -> Ciphertext:
        """Make room for a result."""
        return _seal().Ciphertext()

    def read(self, data: bytes, n_primes: int) -> Ciphertext:
        """Read a ciphertext that came from the other side.

        SEAL also reads such of another size or form, with which it crashes later.

        Parameters
        ----------
        data : bytes
        n_primes : int
            Level that it must have.

        Raises
        ------
        InvalidInputError
            The bytes are no ciphertext of these parameters.
        """
        try:
            ciphertext = self._load(_seal().Ciphertext(), data)
            shape = ciphertext.size(), ciphertext.coeff_modulus_size(), ciphertext.is_ntt_form()
            if shape != (2, n_primes, False):
                raise ValueError("it has another size, level or form")
            return ciphertext
        except FOREIGN_ERRORS as error:
            raise InvalidInputError(
                f"A ciphertext can't be read: {error}. Send what the client of this circuit "
                "encrypted."
            ) from error

    def read_keys(self, keys: SealKeys, rotations: Sequence[int]) -> tuple[Any, Any, Any]:
        """Read keys that came from a client.

        Parameters
        ----------
        keys : SealKeys
        rotations : sequence of int
            Galois elements that they must have.

        Returns
        -------
        encryptor, relinearization keys, Galois keys
            The latter two may be None.

        Raises
        ------
        InvalidInputError
            The bytes are no keys of these parameters.
        """
        seal = _seal()
        try:
            public = self._load(seal.PublicKey(), keys.public)
            relin = self._load(seal.RelinKeys(), k) if (k := keys.relinearization) else None
            galois = self._load(seal.GaloisKeys(), k) if (k := keys.galois) else None
            # SEAL crashes where it looks for a key that is not there
            if relin is not None and not relin.has_key(2):
                raise ValueError("they have none to relinearize")
            if rotations and (galois is None or not all(map(galois.has_key, rotations))):
                raise ValueError("they have none for some rotation")
        except FOREIGN_ERRORS as error:
            raise InvalidInputError(
                f"Evaluation keys can't be read: {error}. Send those of the client of this circuit."
            ) from error
        return seal.Encryptor(self.context, public), relin, galois

    def trivial(self, noise: Sequence[IntArray]) -> Ciphertext:
        """Make a ciphertext of zero that is nothing but noise, given modulo each of the primes."""
        n, k = self.parameters.ring_dimension, len(self.primes)
        level = self.context.first_parms_id()
        data = np.concatenate([*noise, np.zeros(n * k, dtype=np.int64)])
        body = _CIPHERTEXT.pack(*level, False, 2, n, k, 1.0, 1) + self._array(data)
        return self._load(_seal().Ciphertext(), self._headed(body))

    def write(self, native: Any) -> bytes:
        """Bytes of a ciphertext or a key, as SEAL compresses them."""
        with _written(native) as path:
            return _read(path)

    def secret_keys(self, data: bytes | None = None) -> SecretKeys:
        """Make new keys, or read those that `SecretKeys.dump` gave.

        Raises
        ------
        InvalidInputError
            The bytes are no secret key of these parameters.
        """
        if data is None:
            return SecretKeys(self, None)
        try:
            return SecretKeys(self, self._load(_seal().SecretKey(), data))
        except FOREIGN_ERRORS as error:
            raise InvalidInputError(
                f"A secret key can't be read: {error}. Give one that was made for these parameters."
            ) from error

    def _load(self, native: Any, data: bytes) -> Any:
        with _file(data) as path:
            native.load(self.context, path)
        return native

    def _array(self, values: IntArray) -> bytes:
        return self._headed(struct.pack("<Q", values.size) + values.astype("<u8").tobytes())

    def _headed(self, body: bytes) -> bytes:
        magic, size, major, minor, *_ = self._header
        return _HEADER.pack(magic, size, major, minor, 0, 0, size + len(body)) + body


class SecretKeys:
    """The client's secret key, and what is made with it."""

    def __init__(self, owner: SealScheme, secret: Any) -> None:
        seal, self._scheme = _seal(), owner
        given = () if secret is None else (secret,)
        self._generator = seal.KeyGenerator(owner.context, *given)
        secret = self._generator.secret_key()
        self._encryptor = seal.Encryptor(owner.context, secret)
        self._decryptor = seal.Decryptor(owner.context, secret)

    def __reduce__(self) -> str:
        """Refuse to leave the process."""
        raise TypeError("Secret keys can't be pickled.")

    def dump(self) -> bytes:
        """Bytes of the secret key: for the client's own safe only."""
        return self._scheme.write(self._generator.secret_key())

    def encrypt(self, plain: Plaintext) -> bytes:
        """Encrypt; a seed stands for half of the ciphertext."""
        return self._scheme.write(self._encryptor.encrypt_symmetric(plain))

    def decrypt(self, data: bytes) -> Plaintext:
        """Decrypt what the server answered.

        Raises
        ------
        InvalidInputError
            The bytes are no ciphertext of these parameters.
        """
        plain = _seal().Plaintext()
        self._decryptor.decrypt(self._scheme.read(data, 1), plain)
        return plain

    def noise_budget(self, ciphertext: Ciphertext) -> int:
        """Bits that the noise may still grow by; it proves nothing of other ciphertexts."""
        return int(self._decryptor.invariant_noise_budget(ciphertext))

    def evaluation_keys(self, *, products: bool, rotations: Sequence[int]) -> SealKeys:
        """Make the server's keys.

        Parameters
        ----------
        products : bool
            Whether ciphertexts are multiplied.
        rotations : sequence of int
            Galois elements of the rotations of slots.
        """
        public = _seal().PublicKey()
        self._generator.create_public_key(public)
        write, make = self._scheme.write, self._generator
        return SealKeys(
            write(public),
            write(make.create_relin_keys()) if products else b"",
            write(make.create_galois_keys(list(rotations))) if rotations else b"",
        )


@contextmanager
def _file(data: bytes = b"") -> Iterator[str]:
    """Path of a file that is in memory where the system can do that."""
    if not hasattr(os, "memfd_create"):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "data")
            with open(path, "wb") as file:
                file.write(data)
            yield path
        return
    with os.fdopen(os.memfd_create("seal"), "wb", buffering=0) as file:
        view = memoryview(data)
        while view:
            view = view[file.write(view) :]
        yield f"/proc/self/fd/{file.fileno()}"


@contextmanager
def _written(native: Any) -> Iterator[str]:
    with _file() as path:
        native.save(path)
        yield path


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()
