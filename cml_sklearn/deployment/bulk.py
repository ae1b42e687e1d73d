"""Many encrypted rows on a Dask cluster: the server's half runs on its workers."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Iterable, Iterator
from functools import cached_property
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

from cml_sklearn.deployment.files import write_private
from cml_sklearn.deployment.server import FheServer, ServerKeys
from cml_sklearn.exceptions import InvalidInputError
from cml_sklearn.fhe.parcel import Parcel, send, submit

if TYPE_CHECKING:
    from distributed import Client, Future

__all__ = ["read_answers", "run_folder", "run_partitions", "write_partitions"]

_AHEAD = 2
"""Partitions on their way for each thread of the cluster: one is sent while one is computed."""

_INPUTS, _ANSWER = ".inputs", ".answer"

_COUNT = "partitions.count"
"""File that says how many partitions there are: written last, so that none is missing unseen."""


def run_partitions(
    server: str | Path,
    evaluation_keys: bytes,
    partitions: Iterable[bytes],
    cluster: Client | None = None,
) -> Iterator[bytes]:
    """Compute on encrypted partitions, some ahead of the answer that is asked for.

    Model and keys go to each worker once. What a worker had under way when it ended is done again,
    by the others or by the one that takes its place: the scheduler keeps model, keys and the
    partitions that are under way.

    Parameters
    ----------
    server : path
        ``server.zip``.
    evaluation_keys : bytes
        Of `FheClient.evaluation_keys`.
    partitions : iterable of bytes
        Of `FheClient.encrypt`.
    cluster : distributed.Client, optional
        None: the one that was opened last.

    Yields
    ------
    bytes
        The answer to each partition, in their order, for `FheClient.decrypt`.

    Raises
    ------
    InvalidInputError
        Keys or a partition are damaged, or of another model.
    Exception
        Dask's own: workers end again and again while they do the same.
    """
    from distributed import get_client

    cluster = cluster or get_client()
    half = send(Parcel(_Half(Path(server).read_bytes(), evaluation_keys)), cluster)
    ahead = _AHEAD * max(sum(cluster.ncores().values()), 1)
    under_way: deque[Future] = deque()
    for partition in partitions:
        under_way.append(submit(cluster, _run, half, partition))
        if len(under_way) > ahead:
            yield bytes(under_way.popleft().result())
    while under_way:
        yield bytes(under_way.popleft().result())


def write_partitions(folder: str | Path, partitions: Iterable[bytes]) -> list[Path]:
    """Write encrypted partitions as files that are named by number and content, and their count.

    A folder that was not written to its end is refused later.

    Parameters
    ----------
    folder : path
        Made where it is not there; it must hold no other partitions.
    partitions : iterable of bytes
        Of `FheClient.encrypt`.

    Returns
    -------
    list of Path

    Raises
    ------
    InvalidInputError
        The folder has partitions already.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.glob(f"*{_INPUTS}")):
        raise InvalidInputError(f"{folder} has partitions already; give an empty folder.")
    paths = []
    for number, partition in enumerate(partitions):
        digest = hashlib.sha256(partition).hexdigest()
        paths.append(folder / f"{number:06}-{digest[:32]}{_INPUTS}")
        write_private(paths[-1], partition)
    write_private(folder / _COUNT, b"%d" % len(paths))
    return paths


def run_folder(
    server: str | Path,
    evaluation_keys: bytes,
    inputs: str | Path,
    answers: str | Path,
    cluster: Client | None = None,
) -> int:
    """Compute on the files of `write_partitions`; call again to go on after a break.

    An answer's file is there whole or not at all, and its name has the digest of what it answers,
    so no answer to other rows is taken for it.

    Parameters
    ----------
    server, evaluation_keys, cluster
        As in `run_partitions`.
    inputs, answers : path
        Folders; that of the answers is made where it is not there.

    Returns
    -------
    int
        Partitions that were computed, without those that had an answer.

    Raises
    ------
    InvalidInputError, Exception
        As in `run_partitions`; or a file was damaged.
    """
    Path(answers).mkdir(parents=True, exist_ok=True)
    open_ = [(path, place) for path, place in _pairs(inputs, answers) if not place.exists()]
    partitions = (_content(path) for path, _ in open_)
    run = run_partitions(server, evaluation_keys, partitions, cluster)
    for (_, place), answer in zip(open_, run, strict=True):
        write_private(place, answer)
    return len(open_)


def read_answers(inputs: str | Path, answers: str | Path) -> Iterator[bytes]:
    """Read the answers to the partitions of a folder, in their order.

    Raises
    ------
    InvalidInputError
        There are no partitions, not all were written, or some have no answer yet.
    """
    pairs = _pairs(inputs, answers)
    missing = [path.name for path, place in pairs if not place.exists()]
    if missing:
        raise InvalidInputError(
            f"{len(missing)} of {len(pairs)} partitions have no answer yet, first {missing[0]}; "
            "go on by `run_folder`."
        )
    for _, place in pairs:
        yield place.read_bytes()


class _Half:
    """Model and keys, which each worker's process reads once."""

    def __init__(self, archive: bytes, evaluation_keys: bytes) -> None:
        self.archive, self.evaluation_keys = archive, evaluation_keys

    def __reduce__(self) -> tuple[type[_Half], tuple[bytes, bytes]]:
        """Leave out what was read."""
        return _Half, (self.archive, self.evaluation_keys)

    @cached_property
    def _read(self) -> tuple[FheServer, ServerKeys]:
        return FheServer(BytesIO(self.archive)), ServerKeys.of(self.evaluation_keys)

    def run(self, partition: bytes) -> bytes:
        server, keys = self._read
        return server.run(keys, partition)


def _run(parcel: Parcel[_Half], partition: bytes) -> bytes:
    return parcel.content.run(partition)


def _pairs(inputs: str | Path, answers: str | Path) -> list[tuple[Path, Path]]:
    """Partitions and the places of their answers, in order."""
    paths = sorted(Path(inputs).glob(f"*{_INPUTS}"))
    if not paths:
        raise InvalidInputError(f"{inputs} has no partitions; write them by `write_partitions`.")
    if not (Path(inputs) / _COUNT).exists():
        raise InvalidInputError(f"{inputs} was not written to its end; write the partitions anew.")
    count = (Path(inputs) / _COUNT).read_bytes()
    numbers = [path.name.partition("-")[0] for path in paths]
    if numbers != [f"{number:06}" for number in range(len(paths))] or count != b"%d" % len(paths):
        raise InvalidInputError(f"{inputs} lacks partitions, or has others; write them anew.")
    return [(path, Path(answers) / f"{path.stem}{_ANSWER}") for path in paths]


def _content(path: Path) -> bytes:
    content = path.read_bytes()
    if hashlib.sha256(content).hexdigest()[:32] != path.stem.partition("-")[2]:
        raise InvalidInputError(f"{path} was damaged; write the partitions anew.")
    return content
