"""The client's and the server's half of a circuit, and what passes between them.

A circuit is compiled for a fixed number of samples, so both halves hold one of Concrete's for each
size of batch.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

from cml_sklearn._typing import IntArray
from cml_sklearn.exceptions import InvalidInputError
from cml_sklearn.fhe.concrete.bindings import delete_folder_of, load_concrete
from cml_sklearn.fhe.concrete.forest.plan import OutputWords, WordLayout
from cml_sklearn.fhe.concrete.selection import Selection
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

    def __getstate__(self) -> tuple[int, list[bytes]]:
        """Serialize, for joblib's workers."""
        return self.n_samples, [value.serialize() for value in self.values]

    def __setstate__(self, state: tuple[int, list[bytes]]) -> None:
        """Read what `__getstate__` wrote."""
        value_type = load_concrete().Value
        self.n_samples = state[0]
        self.values = tuple(value_type.deserialize(data) for data in state[1])


class BatchKeys:
    """Evaluation keys by size of batch; pickled as the library's own bytes."""

    def __init__(self, keys: dict[int, Any]) -> None:
        self.keys = keys

    def __getstate__(self) -> dict[int, bytes]:
        """Serialize, for joblib's workers."""
        return {size: keys.serialize() for size, keys in self.keys.items()}

    def __setstate__(self, state: dict[int, bytes]) -> None:
        """Read what `__getstate__` wrote."""
        kind = load_concrete().EvaluationKeys
        self.keys = {size: kind.deserialize(data) for size, data in state.items()}


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
            for client in self._clients.values():
                client.keygen(force=False)

    @property
    def evaluation_keys(self) -> BatchKeys:
        """The server's keys."""
        self.generate_keys()
        return BatchKeys({size: c.evaluation_keys for size, c in self._clients.items()})

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
        """Evaluate one batch."""
        size = encrypted.n_samples
        kept = self._selection.ciphertexts(encrypted.values)
        values = self._servers[size].run(*kept, evaluation_keys=keys.keys[size])
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
