"""The client's and the server's half of a circuit, and what passes between them."""

from __future__ import annotations

import importlib
import tempfile
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

from cml_sklearn._typing import IntArray
from cml_sklearn.exceptions import InvalidInputError
from cml_sklearn.fhe.concrete.forest.plan import OutputWords, WordLayout
from cml_sklearn.fhe.concrete_numpy.bindings import load_concrete_numpy
from cml_sklearn.program.archive import ArchiveTable, read, write

__all__ = [
    "ConcreteNumpyCiphertexts",
    "ConcreteNumpyClient",
    "ConcreteNumpyServer",
    "Layout",
    "ServerKeys",
]

_CLIENT, _SERVER, _LAYOUT = "client.zip", "server.zip", "layout.npz"


@dataclass(frozen=True)
class Layout:
    """Samples that go through at once, and fields in words."""

    size: int
    words: OutputWords


_TABLE = ArchiveTable([Layout, OutputWords, WordLayout])


@dataclass(frozen=True)
class ConcreteNumpyCiphertexts:
    """Encrypted arguments or results of a batch; pickled as the library's own bytes.

    Parameters
    ----------
    specs : concrete.numpy.ClientSpecs
        Of their circuit, without which the library can't read them.
    value : PublicArguments or PublicResult
    """

    specs: Any
    value: Any

    def __getstate__(self) -> tuple[str, str, bytes]:
        """Serialize, for joblib's workers."""
        return self.specs.serialize(), type(self.value).__name__, self.value.serialize()

    def __setstate__(self, state: tuple[str, str, bytes]) -> None:
        """Read what `__getstate__` wrote."""
        specs = load_concrete_numpy().ClientSpecs.unserialize(state[0])
        kind = getattr(_compiler(), state[1])
        object.__setattr__(self, "specs", specs)
        object.__setattr__(self, "value", kind.unserialize(specs.client_parameters, state[2]))


@dataclass(frozen=True)
class ServerKeys:
    """Evaluation keys; pickled as the library's own bytes."""

    keys: Any

    def __getstate__(self) -> bytes:
        """Serialize, for joblib's workers."""
        data: bytes = self.keys.serialize()
        return data

    def __setstate__(self, state: bytes) -> None:
        """Read what `__getstate__` wrote."""
        object.__setattr__(self, "keys", _compiler().EvaluationKeys.unserialize(state))


class ConcreteNumpyClient:
    """Keys, encryption and decryption.

    Parameters
    ----------
    client : concrete.numpy.Client
    layout : Layout
    """

    def __init__(self, client: Any, layout: Layout) -> None:
        self._client = client
        self._layout = layout
        self._lock = Lock()

    def generate_keys(self) -> None:
        """Make the keys, unless they are there."""
        with self._lock:
            self._client.keygen(force=False)

    @property
    def evaluation_keys(self) -> ServerKeys:
        """The server's keys."""
        self.generate_keys()
        return ServerKeys(self._client.evaluation_keys)

    def batch_sizes(self, n_samples: int) -> list[int]:
        """Full batches; the last one has room left."""
        return [self._layout.size] * -(-n_samples // self._layout.size)

    def encrypt(self, *inputs: IntArray) -> ConcreteNumpyCiphertexts:
        """Encrypt one batch."""
        self.generate_keys()
        rows = (np.ascontiguousarray(x) for x in inputs)  # the library reads no others rightly
        return ConcreteNumpyCiphertexts(self._client.specs, self._client.encrypt(*rows))

    def decrypt(self, encrypted: ConcreteNumpyCiphertexts) -> tuple[IntArray, ...]:
        """Decrypt one batch."""
        values = np.asarray(self._client.decrypt(encrypted.value)).astype(np.int64)
        return self._layout.words.fields(values)

    def save(self, folder: str | Path) -> None:
        """Write what encryption needs, without keys, into a folder."""
        Path(folder).mkdir(parents=True, exist_ok=True)
        self._client.save(Path(folder) / _CLIENT)
        write(Path(folder) / _LAYOUT, self._layout, _TABLE)

    @classmethod
    def load(cls, folder: str | Path) -> ConcreteNumpyClient:
        """Read what `save` wrote."""
        layout: Layout = read(Path(folder) / _LAYOUT, Layout, _TABLE)
        return cls(_loaded(load_concrete_numpy().Client, Path(folder) / _CLIENT), layout)


class ConcreteNumpyServer:
    """Compiled code; pickled as the library's own file.

    Parameters
    ----------
    server : concrete.numpy.Server
    """

    def __init__(self, server: Any) -> None:
        self._server = server

    def run(
        self, encrypted: ConcreteNumpyCiphertexts, keys: ServerKeys
    ) -> ConcreteNumpyCiphertexts:
        """Evaluate one batch."""
        return ConcreteNumpyCiphertexts(
            self._server.client_specs, self._server.run(encrypted.value, keys.keys)
        )

    def save(self, folder: str | Path) -> None:
        """Write the code into a folder."""
        Path(folder).mkdir(parents=True, exist_ok=True)
        self._server.save(Path(folder) / _SERVER)

    @classmethod
    def load(cls, folder: str | Path) -> ConcreteNumpyServer:
        """Read what `save` wrote: code, so only from where it is trusted."""
        return cls(_loaded(load_concrete_numpy().Server, Path(folder) / _SERVER))

    def __getstate__(self) -> bytes:
        """Serialize, for joblib's workers."""
        with tempfile.TemporaryDirectory() as folder:
            self.save(folder)
            return (Path(folder) / _SERVER).read_bytes()

    def __setstate__(self, state: bytes) -> None:
        """Read what `__getstate__` wrote."""
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / _SERVER).write_bytes(state)
            self._server = self.load(folder)._server


def _compiler() -> Any:
    """Import the library's classes of ciphertexts and keys."""
    return importlib.import_module("concrete.compiler")


def _loaded(kind: Any, path: Path) -> Any:
    """Let one of the library's classes read its file."""
    try:
        return kind.load(path)
    except Exception as error:  # whatever the library finds wrong
        raise InvalidInputError(
            f"{path} can't be read: {error}. Give a folder that the half of a circuit was saved to."
        ) from error
