"""What workers of joblib get once, not with every batch."""

from __future__ import annotations

import hashlib
import pickle
from threading import Lock
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

__all__ = ["Parcel"]

Content = TypeVar("Content")

_unpacked: dict[str, Any] = {}
"""Content of the last parcel that came to this process, by its digest."""

_unpacking = Lock()


class Parcel(Generic[Content]):
    """Something large that goes with every job and is packed and unpacked once.

    Threads share the content itself. For workers it becomes one array of bytes, which joblib maps
    into the memory of local processes and Dask sends to each machine once; a worker unpacks it when
    it first meets the digest.

    Parameters
    ----------
    content : object
        Picklable.
    """

    def __init__(self, content: Content) -> None:
        self._content = content
        self._packed: tuple[str, NDArray[np.uint8]] | None = None

    def __sizeof__(self) -> int:
        """Size of the packed content: Dask scatters what is large, once, and not with each job."""
        return len(self.__getstate__()[1])

    def __getstate__(self) -> tuple[str, NDArray[np.uint8]]:
        """Pack the content."""
        if self._packed is None:
            data = pickle.dumps(self._content)
            self._packed = hashlib.sha256(data).hexdigest(), np.frombuffer(data, dtype=np.uint8)
        return self._packed

    def __setstate__(self, state: tuple[str, NDArray[np.uint8]]) -> None:
        """Unpack the content, unless it is the last one that came."""
        digest, data = self._packed = state
        with _unpacking:
            if digest not in _unpacked:
                _unpacked.clear()
                _unpacked[digest] = pickle.loads(data.tobytes())  # noqa: S301  from our own process
            self._content = _unpacked[digest]

    @property
    def content(self) -> Content:
        """What was given."""
        return self._content
