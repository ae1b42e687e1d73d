"""What a service's worker does: it reads keys from the store and computes."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from cml_sklearn.deployment.recent import Recent
from cml_sklearn.deployment.server import FheServer, ServerKeys
from cml_sklearn.exceptions import InvalidInputError

__all__ = ["ModelWorker"]

_KEPT_BYTES = 2**29
"""Keys that stay in memory, for all models together."""


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
        self._keys = Recent[str, ServerKeys](_KEPT_BYTES)
        for name, server in self._servers.items():
            if server.card.digest != models[name][1]:
                raise InvalidInputError(
                    f"{models[name][0]} was replaced while {name} was served; start anew."
                )

    def __call__(self, task: Mapping[str, str], payload: bytes) -> bytes:
        """Compute an answer."""
        path = Path(task["keys"])
        keys = self._keys.get(path.name, lambda: _read_keys(path))
        return self._servers[task["model"]].run(keys, payload)


def _read_keys(path: Path) -> tuple[ServerKeys, int]:
    """Read a set whose name is its hash; it may have suffered on the disk."""
    try:
        keys = path.read_bytes()
    except FileNotFoundError:
        raise InvalidInputError("The keys were just deleted; send them again.") from None
    if hashlib.sha256(keys).hexdigest() != path.name:
        raise InvalidInputError(
            "The keys are damaged on the service's disk; delete them, and send them again."
        )
    return ServerKeys.of(keys), len(keys)
