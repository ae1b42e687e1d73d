"""What workers get once, not with every batch: those of joblib, and of a Dask cluster."""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

__all__ = ["Parcel", "held_by_workers", "send", "submit"]

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


def submit(cluster: Any, function: Callable[..., Any], *arguments: object) -> Any:
    """Submit a task with large arguments to a Dask cluster.

    They stay with the scheduler, so that it can have the task done again when workers end, which
    takes what they computed with them. Scattered data would be lost then.

    Parameters
    ----------
    cluster : distributed.Client
    function : callable
    *arguments : object

    Returns
    -------
    distributed.Future
    """
    import dask

    with dask.config.set({"distributed.admin.large-graph-warning-threshold": "1 TB"}):
        return cluster.submit(function, *arguments, pure=False)


def send(parcel: Parcel[Any], cluster: Any) -> Any:
    """Have a worker of a Dask cluster unpack a parcel; others get it from one another, once each.

    Returns
    -------
    distributed.Future
        Which tasks take as the parcel.
    """
    return submit(cluster, _received, *parcel.__getstate__())


def _received(digest: str, data: NDArray[np.uint8]) -> Parcel[Any]:
    parcel: Parcel[Any] = Parcel.__new__(Parcel)
    parcel.__setstate__((digest, data))
    return parcel


@contextmanager
def held_by_workers(parcel: Parcel[Any], backend: Any) -> Iterator[None]:
    """Send a parcel for the block, if joblib's backend is a Dask cluster.

    By itself the backend scatters what is large to one worker, whose end ends all.
    """
    futures = getattr(backend, "data_futures", None)
    if futures is None:
        yield
        return
    futures[id(parcel)] = send(parcel, backend.client)
    try:
        yield
    finally:
        del futures[id(parcel)]
