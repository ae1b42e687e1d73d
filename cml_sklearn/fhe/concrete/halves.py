"""The client's and the server's half of a circuit, and what passes between them.

A circuit is compiled for a fixed number of samples, so both halves hold one of Concrete's for each
size of batch.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

from cml_sklearn._typing import IntArray
from cml_sklearn.exceptions import InvalidInputError
from cml_sklearn.fhe.concrete.bindings import delete_folder_of, load_concrete
from cml_sklearn.fhe.concrete.forest.plan import OutputWords, WordLayout
from cml_sklearn.fhe.concrete.messages import check_frame
from cml_sklearn.fhe.concrete.selection import Selection
from cml_sklearn.fhe.long_steps import long_step
from cml_sklearn.program.archive import ArchiveTable, read, write
from cml_sklearn.program.packing import Packing

__all__ = [
    "BatchKeys",
    "ConcreteCiphertexts",
    "ConcreteClient",
    "ConcreteServer",
    "as_tuple",
    "in_order",
]

_CLIENT, _LAYOUT = "client.zip", "layout.npz"
_SERVER, _SELECTION = "server.zip", "selection.npz"


@dataclass(frozen=True)
class Layout:
    """How samples stand in ciphertexts, by the sizes of batches as text, and fields in words."""

    packings: Mapping[str, Packing]
    words: OutputWords


_TABLE = ArchiveTable([Layout, OutputWords, Packing, Selection, WordLayout])


class ConcreteCiphertexts:
    """Encrypted tensors of a batch; pickled as the library's own bytes."""

    def __init__(self, n_samples: int, values: tuple[Any, ...]) -> None:
        self.n_samples = n_samples
        self.values = values

    @classmethod
    def of(cls, n_samples: int, parts: tuple[bytes, ...]) -> ConcreteCiphertexts:
        """Read what `parts` gave.

        Raises
        ------
        InvalidInputError
            The bytes are no ciphertexts.
        """
        kind = load_concrete().Value
        try:
            return cls(n_samples, tuple(kind.deserialize(_framed(data)) for data in parts))
        except InvalidInputError:
            raise
        except Exception as error:  # whatever the library makes of it
            raise InvalidInputError(
                f"A ciphertext can't be read: {error}. Send what the client of this circuit "
                "encrypted."
            ) from error

    @property
    def parts(self) -> tuple[bytes, ...]:
        """The bytes, for the wire."""
        return tuple(value.serialize() for value in self.values)

    def __getstate__(self) -> tuple[int, tuple[bytes, ...]]:
        """Serialize, for joblib's workers."""
        return self.n_samples, self.parts

    def __setstate__(self, state: tuple[int, tuple[bytes, ...]]) -> None:
        """Read what `__getstate__` wrote."""
        vars(self).update(vars(self.of(*state)))


class BatchKeys:
    """Evaluation keys by size of batch; pickled as the library's own bytes."""

    def __init__(self, keys: dict[int, Any]) -> None:
        self.keys = keys

    @classmethod
    def of(cls, parts: tuple[bytes, ...]) -> BatchKeys:
        """Read what `parts` gave.

        Raises
        ------
        InvalidInputError
            The bytes are no keys.
        """
        kind = load_concrete().EvaluationKeys
        try:
            pairs = zip(parts[::2], parts[1::2], strict=True)
            return cls({int(size): kind.deserialize(_framed(data)) for size, data in pairs})
        except InvalidInputError:
            raise
        except Exception as error:  # whatever the library makes of it
            raise InvalidInputError(
                f"Evaluation keys can't be read: {error}. Send those of the client of this circuit."
            ) from error

    @property
    def parts(self) -> tuple[bytes, ...]:
        """Sizes of batches and their keys in turn, for the wire."""
        pairs = ((str(size).encode(), keys.serialize()) for size, keys in self.keys.items())
        return tuple(part for pair in pairs for part in pair)

    def __getstate__(self) -> tuple[bytes, ...]:
        """Serialize, for joblib's workers."""
        return self.parts

    def __setstate__(self, state: tuple[bytes, ...]) -> None:
        """Read what `__getstate__` wrote."""
        self.keys = self.of(state).keys


class ConcreteClient:
    """Keys, encryption and decryption.

    Parameters
    ----------
    clients : dict of int to concrete.fhe.Client
        By size of batch.
    packings : dict of int to Packing
        By size of batch, those of which samples share ciphertexts.
    words : OutputWords
    """

    def __init__(
        self, clients: dict[int, Any], packings: dict[int, Packing], words: OutputWords
    ) -> None:
        self._clients = clients
        self._packings = packings
        self._words = words
        self._lock = Lock()

    def generate_keys(self) -> None:
        """Make the keys of all sizes of batches, unless they are there."""
        with self._lock:
            new = [c for c in self._clients.values() if not c.keys.are_generated]
            if new:
                with long_step("keys", locks=True, engine="concrete", circuits=len(new)):
                    for client in new:
                        client.keygen(force=False)

    @property
    def evaluation_keys(self) -> BatchKeys:
        """The server's keys."""
        self.generate_keys()
        return BatchKeys({size: c.evaluation_keys for size, c in self._clients.items()})

    @property
    def key_name(self) -> str:
        """Digest of the circuits' parameters: only equal circuits share keys."""
        total = sha256()
        for size, client in sorted(self._clients.items()):
            total.update(f"{size} ".encode() + client.specs.serialize())
        return f"concrete {total.hexdigest()[:32]}"

    @property
    def secret(self) -> tuple[bytes, ...]:
        """All keys, by size of batch."""
        self.generate_keys()
        return tuple(client.keys.serialize() for _, client in sorted(self._clients.items()))

    def use_secret(self, secret: tuple[bytes, ...]) -> None:
        """Take the keys of a client of an equal circuit."""
        kind = load_concrete().Keys
        with self._lock:
            for (_, client), data in zip(sorted(self._clients.items()), secret, strict=True):
                client.keys = kind.deserialize(data)

    def batch_sizes(self, n_samples: int) -> list[int]:
        """Batches of the largest size, and the rest of the samples in the smallest."""
        largest, smallest = max(self._clients), min(self._clients)
        full, rest = divmod(n_samples, largest)
        return [largest] * full + [smallest] * -(-rest // smallest)

    def encrypt(self, *inputs: IntArray) -> ConcreteCiphertexts:
        """Encrypt one batch."""
        self.generate_keys()
        size = len(inputs[0])
        packing = self._packings.get(size)
        rows = inputs if packing is None else packing.pack(*inputs)
        return ConcreteCiphertexts(size, as_tuple(self._of_size(size).encrypt(*in_order(rows))))

    def decrypt(self, encrypted: ConcreteCiphertexts) -> tuple[IntArray, ...]:
        """Decrypt one batch."""
        size = encrypted.n_samples
        values = as_tuple(self._of_size(size).decrypt(*encrypted.values))
        packing = self._packings.get(size)
        return self._words.fields(*(values if packing is None else packing.unpack(*values)))

    def save(self, folder: str | Path) -> None:
        """Write what encryption needs, without keys, into a folder."""
        folder = Path(folder)
        for size, client in self._clients.items():
            (folder / str(size)).mkdir(parents=True, exist_ok=True)
            client.save(folder / str(size) / _CLIENT)
        packings = {str(size): packing for size, packing in self._packings.items()}
        write(folder / _LAYOUT, Layout(packings, self._words), _TABLE)

    @classmethod
    def load(cls, folder: str | Path) -> ConcreteClient:
        """Read what `save` wrote."""
        kind, folder = load_concrete().Client, Path(folder)
        layout: Layout = read(folder / _LAYOUT, Layout, _TABLE)
        try:
            clients = {int(path.parent.name): kind.load(path) for path in _parts(folder, _CLIENT)}
            packings = {int(size): packing for size, packing in layout.packings.items()}
        except Exception as error:
            raise _refused(folder, error) from error
        if not packings.keys() <= clients.keys():
            raise _refused(folder, "a packing has no client")
        return cls(clients, packings, layout.words)

    def _of_size(self, size: int) -> Any:
        """Client for batches of a size."""
        if size not in self._clients:
            raise InvalidInputError(
                f"A batch of {size} samples came; the circuit takes batches of "
                f"{', '.join(map(str, self._clients))}."
            )
        return self._clients[size]


class ConcreteServer:
    """Compiled code; pickled as the library's own files.

    Parameters
    ----------
    servers : dict of int to concrete.fhe.Server
        By size of batch.
    selection : Selection
        Which ciphertexts they read of those that come.
    """

    def __init__(self, servers: dict[int, Any], selection: Selection) -> None:
        self._servers = servers
        self._selection = selection

    def run(self, encrypted: ConcreteCiphertexts, keys: BatchKeys) -> ConcreteCiphertexts:
        """Evaluate one batch.

        Raises
        ------
        InvalidInputError
            Ciphertexts or keys are damaged, or of another circuit.
        """
        size, wanted = encrypted.n_samples, len(self._selection.sizes)
        if size not in self._servers or size not in keys.keys:
            raise InvalidInputError(
                f"A batch of {size} samples came; the circuit takes batches of "
                f"{', '.join(map(str, self._servers))}, with keys for them."
            )
        if len(encrypted.values) != wanted:
            raise InvalidInputError(
                f"A batch came in {len(encrypted.values)} ciphertexts; the circuit takes {wanted}."
            )
        try:
            kept = self._selection.ciphertexts(encrypted.values)
            values = self._servers[size].run(*kept, evaluation_keys=keys.keys[size])
        except InvalidInputError:
            raise
        except Exception as error:  # whatever the library makes of it
            raise InvalidInputError(
                f"Concrete can't evaluate the batch: {error}. Send ciphertexts and keys of one "
                "client."
            ) from error
        return ConcreteCiphertexts(size, as_tuple(values))

    def save(self, folder: str | Path) -> None:
        """Write the code into a folder."""
        for size, server in self._servers.items():
            path = Path(folder) / str(size)
            path.mkdir(parents=True, exist_ok=True)
            server.save(path / _SERVER)
        write(Path(folder) / _SELECTION, self._selection, _TABLE)

    @classmethod
    def load(cls, folder: str | Path) -> ConcreteServer:
        """Read what `save` wrote: code, so only from where it is trusted."""
        kind, folder = load_concrete().Server, Path(folder)
        selection: Selection = read(folder / _SELECTION, Selection, _TABLE)
        try:
            servers = {int(path.parent.name): kind.load(path) for path in _parts(folder, _SERVER)}
        except Exception as error:
            raise _refused(folder, error) from error
        for server in servers.values():
            delete_folder_of(server)
        return cls(servers, selection)

    def __getstate__(self) -> dict[str, bytes]:
        """Serialize, for joblib's workers."""
        with tempfile.TemporaryDirectory() as folder:
            self.save(folder)
            files = [path for path in Path(folder).rglob("*") if path.is_file()]
            return {str(path.relative_to(folder)): path.read_bytes() for path in files}

    def __setstate__(self, state: dict[str, bytes]) -> None:
        """Read what `__getstate__` wrote."""
        with tempfile.TemporaryDirectory() as folder:
            for name, content in state.items():
                path = Path(folder) / name
                path.parent.mkdir(exist_ok=True)
                path.write_bytes(content)
            self.__dict__ = vars(self.load(folder))


def _parts(folder: Path, name: str) -> list[Path]:
    """Files of the parts for all sizes of batches."""
    paths = sorted(folder.glob(f"*/{name}"))
    if not paths:
        raise _refused(folder, f"there is no {name}")
    return paths


def _framed(data: bytes) -> bytes:
    check_frame(data)
    return data


def _refused(folder: Path, reason: object) -> InvalidInputError:
    return InvalidInputError(
        f"{folder} can't be read: {reason}. Give a folder that the half of a circuit was saved to."
    )


def in_order(arrays: Iterable[IntArray]) -> list[IntArray]:
    """Arrays whose rows follow each other in memory: the library reads no others rightly."""
    return [np.ascontiguousarray(x) for x in arrays]


def as_tuple(values: Any) -> tuple[Any, ...]:
    """One value or several, as a tuple."""
    return values if isinstance(values, tuple) else (values,)
