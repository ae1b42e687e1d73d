"""Keys at rest: one file, encrypted under a passphrase."""

from __future__ import annotations

import json
import secrets
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from cml_sklearn.deployment.files import write_private
from cml_sklearn.exceptions import InvalidInputError, MissingPackageError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

__all__ = ["KeyRing", "load_ring", "opened_ring", "save_ring", "sealed_ring"]

KeyRing = Mapping[str, tuple[bytes, ...]]
"""Keys by what they depend on: see `PortableClient.key_name`."""

_MAGIC = b"CMLKEYS1"
_SALT, _NONCE = 16, 12
_COST = {"n": 2**17, "r": 8, "p": 1}
"""Of scrypt: a tenth of a second and 128 MB for each guess of a passphrase (OWASP's choice)."""

_LENGTH = struct.Struct("<Q")


def save_ring(path: str | Path, ring: KeyRing, passphrase: str) -> None:
    """Encrypt keys, and write them whole or not at all, readable by their owner only."""
    write_private(path, sealed_ring(ring, passphrase))


def sealed_ring(ring: KeyRing, passphrase: str) -> bytes:
    """Encrypt keys under a passphrase."""
    salt, nonce = secrets.token_bytes(_SALT), secrets.token_bytes(_NONCE)
    head = _MAGIC + salt + nonce
    return head + _cipher(passphrase, salt).encrypt(nonce, _packed(ring), head)


def load_ring(path: str | Path, passphrase: str) -> dict[str, tuple[bytes, ...]]:
    """Read keys that `save_ring` wrote.

    Raises
    ------
    InvalidInputError
        The file is missing, of another kind or damaged, or the passphrase is another one.
    """
    try:
        data = Path(path).read_bytes()
    except OSError as error:
        raise InvalidInputError(f"{path} can't be read: {error.strerror}.") from error
    return opened_ring(data, passphrase, path)


def opened_ring(data: bytes, passphrase: str, path: object) -> dict[str, tuple[bytes, ...]]:
    """Decrypt keys that `sealed_ring` encrypted; messages call them those in `path`.

    Raises
    ------
    InvalidInputError
        The bytes are of another kind or damaged, or the passphrase is another one.
    """
    start = len(_MAGIC) + _SALT + _NONCE
    head, sealed = data[:start], data[start:]
    if len(head) < start or not head.startswith(_MAGIC):
        raise InvalidInputError(f"{path} has no keys; give a file that `save_keys` wrote.")
    salt, nonce = head[len(_MAGIC) : -_NONCE], head[-_NONCE:]
    cipher = _cipher(passphrase, salt)

    from cryptography.exceptions import InvalidTag

    try:
        return _unpacked(cipher.decrypt(nonce, sealed, head))
    except InvalidTag:
        raise InvalidInputError(
            f"The keys in {path} don't open: the passphrase is another one, or the file is damaged."
        ) from None


def _cipher(passphrase: str, salt: bytes) -> AESGCM:
    """Derive AES-GCM's key from a passphrase."""
    with MissingPackageError.of_imports("A file of keys", "deployment"):
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM
        from cryptography.hazmat.primitives.kdf.scrypt import Scrypt
    if not isinstance(passphrase, str) or not passphrase:
        raise InvalidInputError("The passphrase is empty; give a text of some length.")
    derive = Scrypt(salt=salt, length=32, **_COST)
    return AESGCM(derive.derive(passphrase.encode()))


def _packed(ring: KeyRing) -> bytes:
    sizes = {name: [len(part) for part in parts] for name, parts in ring.items()}
    text = json.dumps(sizes).encode()
    return b"".join(
        [_LENGTH.pack(len(text)), text, *(part for parts in ring.values() for part in parts)]
    )


def _unpacked(data: bytes) -> dict[str, tuple[bytes, ...]]:
    """Read what `_packed` made; it is authentic, so it is not checked again."""
    (length,) = _LENGTH.unpack_from(data)
    place = _LENGTH.size + length
    ring = {}
    for name, sizes in json.loads(data[_LENGTH.size : place]).items():
        parts = []
        for size in sizes:
            parts.append(data[place : place + size])
            place += size
        ring[name] = tuple(parts)
    return ring
