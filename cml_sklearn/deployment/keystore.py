"""Evaluation keys of a service's clients on disk: by owner and content, with quota and expiry."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import NamedTuple

from cml_sklearn.deployment.files import sync_folder
from cml_sklearn.deployment.refusals import RefusedError

__all__ = ["KeyStore", "Progress", "Upload"]

_NAME = re.compile(r"[0-9a-f]{64}")
_BLOCK = 4096
"""What a file takes on a disk at the least."""

_DAY = 86_400.0


class Progress(NamedTuple):
    """How much of a set of keys is there.

    Attributes
    ----------
    offset, total : int
        Bytes.
    complete : bool
        Whether it is all there, and its hash is right.
    """

    offset: int
    total: int
    complete: bool


class KeyStore:
    """Sets of keys in a folder; one process may write to it.

    A set is a file ``owner/hash``; one on its way is ``owner/hash.total.part``. Both are
    there after a restart.

    Parameters
    ----------
    folder : path
        Made where it is not there.
    key_bytes : int
        Largest set.
    quota_bytes : int
        All sets of an owner together, with those on their way.
    days, part_days : float
        How long a set is kept that is not used, and one that does not go on.
    """

    def __init__(
        self,
        folder: str | Path,
        *,
        key_bytes: int,
        quota_bytes: int,
        days: float,
        part_days: float = 1.0,
    ) -> None:
        self.folder = Path(folder)
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._key_bytes, self._quota_bytes = key_bytes, quota_bytes
        self._days, self._part_days = days, part_days
        self._lock = Lock()
        self._writers: dict[tuple[str, str], Upload] = {}

    def find(self, owner: str, name: str) -> Path | None:
        """Path of a whole set, which counts as used now; None where the owner has none."""
        path = self._place(owner, name)
        with self._lock:
            if not path.is_file() or self._expired(path):
                return None
            os.utime(path)
            return path

    def progress(self, owner: str, name: str) -> Progress | None:
        """How much of a set is there; None where nothing is."""
        path = self._place(owner, name)
        with self._lock:
            if path.is_file() and not self._expired(path):
                return Progress(path.stat().st_size, path.stat().st_size, complete=True)
            part = self._part(path)
            return Progress(part.stat().st_size, _total(part), complete=False) if part else None

    def start(self, owner: str, name: str, offset: int, total: int) -> Upload:
        """Begin a set, or go on with one; whoever wrote to it before is refused from now on.

        Raises
        ------
        RefusedError
            The set or the owner's sets together are too large, or other bytes are wanted next.
        """
        path = self._place(owner, name)
        with self._lock:
            part = self._part(path)
            if offset == 0:
                self._check_room(path, total)
                path.parent.mkdir(mode=0o700, exist_ok=True)
                if part is not None:
                    part.unlink()
                part = path.with_name(f"{name}.{total}.part")
            there = part.stat().st_size if part is not None and part.exists() else 0
            if part is None or there != offset or _total(part) != total:
                raise RefusedError(
                    409,
                    f"{there:,} bytes of the keys are there, not {offset:,}: go on from there, "
                    "or start anew at 0.",
                    {"Upload-Offset": str(there)},
                )
            upload = self._writers[owner, name] = Upload(self, path, part, total)
            return upload

    def delete(self, owner: str, name: str) -> bool:
        """Remove a set, or what is there of it; False where nothing is."""
        path = self._place(owner, name)
        with self._lock:
            self._writers.pop((owner, name), None)
            there = [p for p in (path, self._part(path)) if p is not None and p.exists()]
            for file in there:
                file.unlink()
        return bool(there)

    def sweep(self) -> int:
        """Remove what has expired; gives how many files."""
        with self._lock:
            files = [path for path in self.folder.glob("*/*") if self._expired(path)]
            for path in files:
                path.unlink(missing_ok=True)
        return len(files)

    def used(self, owner: str) -> int:
        """Bytes that count against an owner's quota."""
        return sum(map(_charge, self._files(owner)))

    @contextmanager
    def writing(self, upload: Upload) -> Iterator[None]:
        """Keep others out, and whoever was replaced."""
        with self._lock:
            if self._writers.get(upload.of) is not upload:
                raise RefusedError(409, "The keys are being uploaded over another connection.")
            yield

    def forget(self, upload: Upload) -> None:
        """Mark an upload as ended."""
        with self._lock:
            if self._writers.get(upload.of) is upload:
                del self._writers[upload.of]

    def _place(self, owner: str, name: str) -> Path:
        if not _NAME.fullmatch(name):
            raise RefusedError(400, "Keys are named by their SHA-256: 64 digits of 0-9 and a-f.")
        return self.folder / owner / name

    def _files(self, owner: str) -> list[Path]:
        return [p for p in (self.folder / owner).glob("*") if not self._expired(p)]

    def _part(self, path: Path) -> Path | None:
        parts = path.parent.glob(f"{path.name}.*.part")
        return next((part for part in parts if not self._expired(part)), None)

    def _expired(self, path: Path) -> bool:
        days = self._part_days if path.suffix == ".part" else self._days
        try:
            return path.stat().st_mtime + days * _DAY < time.time()
        except FileNotFoundError:
            return True

    def _check_room(self, path: Path, total: int) -> None:
        if total > self._key_bytes:
            raise RefusedError(
                413,
                f"The keys have {total:,} bytes; this service takes {self._key_bytes:,}. Send keys "
                "of a model that it has; its operator can set --key-megabytes.",
            )
        others = [p for p in self._files(path.parent.name) if not p.name.startswith(path.name)]
        used = sum(map(_charge, others))
        if used + max(total, _BLOCK) > self._quota_bytes:
            raise RefusedError(
                507,
                f"Your keys take {used:,} of {self._quota_bytes:,} bytes; there is no room for "
                f"{total:,} more. Delete a set that you no longer need; the service's operator can "
                "set --quota-megabytes.",
            )


class Upload:
    """A set of keys on its way into the store.

    Parameters
    ----------
    store : KeyStore
    path, part : Path
        Of the whole set, and of what is there.
    total : int
        Bytes of the whole.
    """

    def __init__(self, store: KeyStore, path: Path, part: Path, total: int) -> None:
        self._store, self._path, self._part, self._total = store, path, part, total
        self.of = (path.parent.name, path.name)
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._file = os.fdopen(descriptor, "ab")

    def write(self, piece: bytes) -> None:
        """Append bytes.

        Raises
        ------
        RefusedError
            They are too many, the disk is full, or another connection took over.
        """
        with self._store.writing(self):
            if self._file.tell() + len(piece) > self._total:
                raise RefusedError(400, f"More than the announced {self._total:,} bytes came.")
            try:
                self._file.write(piece)
                self._file.flush()
            except OSError as error:
                if error.errno in (errno.ENOSPC, errno.EDQUOT):
                    raise RefusedError(507, "The service's disk is full; try later.") from error
                raise

    def close(self) -> Progress:
        """End this connection's part; the last one's bytes make the set whole.

        Raises
        ------
        RefusedError
            All bytes are there, but their hash is another one: they are forgotten.
        """
        try:
            size = self._file.tell()
            os.fsync(self._file.fileno())
            self._file.close()
            if size == self._total:
                self._finish()
            return Progress(size, self._total, complete=size == self._total)
        finally:
            self._file.close()
            self._store.forget(self)

    def _finish(self) -> None:
        with self._part.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        with self._store.writing(self):
            if digest != self._path.name:
                self._part.unlink()
                raise RefusedError(
                    400, f"The SHA-256 of what came is {digest}: it was damaged. Send it again."
                )
            self._part.replace(self._path)
            sync_folder(self._path.parent)


def _total(part: Path) -> int:
    return int(part.name.split(".")[1])


def _charge(path: Path) -> int:
    """Bytes that a set takes, or will take when it is whole."""
    size = _total(path) if path.suffix == ".part" else path.stat().st_size
    return max(size, _BLOCK)
