"""What a service's worker does: it reads keys from the store and computes."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path

from cml_sklearn.deployment.server import FheServer
from cml_sklearn.exceptions import InvalidInputError

__all__ = ["ModelWorker"]

_KEPT = 4
"""Sets of keys that stay in memory."""


class ModelWorker:
    """Models, and the keys that were used last.

    Parameters
    ----------
    models : mapping of str to (path, str)
        Archive of the server's half, and the digest it must have, by name.

    Raises
    ------
    InvalidInputError
        An archive is damaged, or another one than before.
    """

    def __init__(self, models: Mapping[str, tuple[Path, str]]) -> None:
        self._servers = {name: FheServer(path) for name, (path, _) in models.items()}
        self._keys: OrderedDict[str, bytes] = OrderedDict()
        for name, server in self._servers.items():
            if server.card.digest != models[name][1]:
                raise InvalidInputError(
                    f"{models[name][0]} was replaced while {name} was served; start anew."
                )

    def __call__(self, task: Mapping[str, str], payload: bytes) -> bytes:
        """Compute an answer."""
        keys = self._read_keys(Path(task["keys"]))
        return self._servers[task["model"]].run(keys, payload)

    def _read_keys(self, path: Path) -> bytes:
        """Read a set whose name is its hash; it may have suffered on the disk."""
        if path.name not in self._keys:
            try:
                keys = path.read_bytes()
            except FileNotFoundError:
                raise InvalidInputError("The keys were just deleted; send them again.") from None
            if hashlib.sha256(keys).hexdigest() != path.name:
                raise InvalidInputError(
                    "The keys are damaged on the service's disk; delete them, and send them again."
                )
            self._keys[path.name] = keys
        self._keys.move_to_end(path.name)
        while len(self._keys) > _KEPT:
            self._keys.popitem(last=False)
        return self._keys[path.name]
