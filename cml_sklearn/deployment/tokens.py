"""Tokens of a service's clients: made here, and kept as hashes only."""

from __future__ import annotations

import fcntl
import hashlib
import hmac
import json
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Lock

from cml_sklearn.deployment.files import write_private
from cml_sklearn.exceptions import InvalidInputError

__all__ = ["Token", "Tokens"]

_FORMAT = 1
_DAY = 86_400.0
_NOBODY = hashlib.sha256(b"").hexdigest()
"""What an unknown name is compared with, so that it takes as long as a known one."""


@dataclass(frozen=True)
class Token:
    """What is kept of a token.

    Parameters
    ----------
    digest : str
        SHA-256 of the secret, which is 32 random bytes: no guess needs to be made slow.
    name : str
        Whom it is for, in words.
    created : float
        Seconds since 1970.
    expires : float, optional
        None: it is good until it is revoked.
    """

    digest: str
    name: str
    created: float
    expires: float | None = None


class Tokens:
    """A file of tokens, which may change while a service runs.

    Parameters
    ----------
    path : path

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     tokens = Tokens(Path(folder) / "tokens.json")
    ...     text = tokens.create("alice")
    ...     tokens.owner_of(text) == text.split("_")[1], tokens.owner_of(text + "x")
    (True, None)
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._lock = Lock()
        self._seen: tuple[int, int, int] | None = None
        self._tokens: dict[str, Token] = {}

    def create(self, name: str = "", days: float | None = None) -> str:
        """Make a token, keep its hash, and give its text, which is not to be had again."""
        owner, secret = secrets.token_hex(8), secrets.token_urlsafe(32)
        now = time.time()
        expires = None if days is None else now + days * _DAY
        with self._alone():
            tokens = self.all() if self.path.exists() else {}
            self._write({**tokens, owner: Token(_digest(secret), name, now, expires)})
        return f"cml_{owner}_{secret}"

    def revoke(self, owner: str) -> None:
        """Forget a token.

        Raises
        ------
        InvalidInputError
            There is none of this name.
        """
        with self._alone():
            tokens = dict(self.all())
            if tokens.pop(owner, None) is None:
                raise InvalidInputError(f"{self.path} has no token {owner}; it has {list(tokens)}.")
            self._write(tokens)

    def owner_of(self, text: str) -> str | None:
        """Whose token a text is, or None."""
        kind, _, rest = text.partition("_")
        owner, _, secret = rest.partition("_")
        token = self.all().get(owner)
        same = hmac.compare_digest(_digest(secret), token.digest if token else _NOBODY)
        if token is None or kind != "cml" or not same:
            return None
        return None if token.expires is not None and token.expires < time.time() else owner

    def all(self) -> dict[str, Token]:
        """Give what the file holds by now, by the tokens' names.

        Raises
        ------
        InvalidInputError
            It is not there, or damaged.
        """
        with self._lock:
            try:
                status = self.path.stat()
                seen = (status.st_mtime_ns, status.st_size, status.st_ino)
                if seen != self._seen:
                    self._tokens = _read(self.path.read_bytes())
                    self._seen = seen
            except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
                raise InvalidInputError(
                    f"{self.path} has no tokens ({type(error).__name__}); make one by "
                    "`cml-sklearn token`."
                ) from error
            return self._tokens

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep other processes from changing the file, which is replaced: they lock its folder."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self.path.parent, os.O_RDONLY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def _write(self, tokens: dict[str, Token]) -> None:
        content = {"format": _FORMAT, "tokens": {k: asdict(v) for k, v in tokens.items()}}
        write_private(self.path, json.dumps(content, indent=2).encode())


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _read(text: bytes) -> dict[str, Token]:
    content = json.loads(text)
    if content["format"] != _FORMAT:
        raise ValueError(content["format"])
    return {str(owner): Token(**values) for owner, values in content["tokens"].items()}
