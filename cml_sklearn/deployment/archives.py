"""Zip files of halves and estimators: named entries, and everything checked before it is opened."""

from __future__ import annotations

import hashlib
import json
import re
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, BinaryIO

from cml_sklearn._version import __version__
from cml_sklearn.exceptions import InvalidInputError

__all__ = ["Card", "digest_of", "opened", "write_zip"]

_CARD = "card.json"
_FORMAT = 1
_MAX_FILES, _MAX_RATIO, _FREE_BYTES = 10_000, 200, 64 * 2**20
_CONTENTS = {
    "client": "a model's client half",
    "server": "a model's server half",
    "estimator": "an estimator",
}
_NAME = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9]+)*(/[A-Za-z0-9_-]+(\.[A-Za-z0-9]+)*)*")


@dataclass(frozen=True)
class Card:
    """What an archive says of its model.

    Parameters
    ----------
    half : {"client", "server", "estimator"}
        An estimator's archive has both.
    model : str
        Class of the model, or of a pipeline's last step.
    digest : str
        Of the server's files: what an answer is marked with.
    modules : dict of str to int
        Number of the module that serves a method.
    engines : tuple of str
        Engine of each module.
    keys : tuple of str
        Parameters that each module's keys are for.
    features : tuple of str
        Names of the columns that the client takes; empty where they have none.
    questions : tuple of int
        Rows after whose answers a client can work out each module; 0: there is no such number.
    costs : tuple of dict
        Report of each module's circuit.
    library, format
        Versions.
    """

    half: str
    model: str
    digest: str
    modules: dict[str, int]
    engines: tuple[str, ...]
    keys: tuple[str, ...]
    features: tuple[str, ...] = ()
    questions: tuple[int, ...] = ()
    costs: tuple[dict[str, object], ...] = ()
    library: str = __version__
    format: int = field(default=_FORMAT)


def digest_of(files: Mapping[str, bytes]) -> str:
    """Digest of named files."""
    total = hashlib.sha256()
    for name, content in sorted(files.items()):
        total.update(hashlib.sha256(name.encode()).digest())
        total.update(hashlib.sha256(content).digest())
    return total.hexdigest()


def write_zip(path: Path, card: Card, files: Mapping[str, bytes], *, private: bool = False) -> None:
    """Write an archive, whole or not at all; `private`: only its owner may read it."""
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        unfinished = Path(folder) / path.name
        if private:
            unfinished.touch(mode=0o600)
        with zipfile.ZipFile(unfinished, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(_CARD, json.dumps(asdict(card), indent=2))
            for name, content in files.items():
                archive.writestr(name, content)
        unfinished.replace(path)


@contextmanager
def opened(path: str | Path | BinaryIO, half: str | None) -> Iterator[tuple[Card, Path]]:
    """Unpack an archive into a folder that is there for the block.

    Parameters
    ----------
    path : path or binary file
    half : {"client", "server", "estimator"}, optional
        What it must be of; None: any.

    Raises
    ------
    InvalidInputError
        The file is missing, damaged, too large, of the other half or of another version.
    """
    with tempfile.TemporaryDirectory() as folder:
        try:
            with zipfile.ZipFile(path) as archive:
                _check(archive)
                card = _card(archive.read(_CARD))
                archive.extractall(folder)
        except FileNotFoundError as error:
            raise InvalidInputError(
                f"There is no file {path}; give the path of {half or 'client'}.zip."
            ) from error
        except InvalidInputError as error:
            raise _refused(path, half, str(error)) from error
        except Exception as error:  # zipfile and zlib raise a dozen kinds
            raise _refused(path, half, f"{type(error).__name__}: {error}") from error
        if half is not None and card.half != half:
            raise _refused(path, half, f"it holds {_CONTENTS.get(card.half, 'something else')}")
        yield card, Path(folder)


def _check(archive: zipfile.ZipFile) -> None:
    """Refuse names that lead elsewhere, and contents that would fill the disk."""
    entries = archive.infolist()
    names = [entry.filename for entry in entries]
    if len(names) > _MAX_FILES or len(set(names)) != len(names):
        raise InvalidInputError("it has too many files, or two of a name")
    bad = [name for name in names if not _NAME.fullmatch(name)]
    if bad:
        raise InvalidInputError(f"it has a file named {bad[0]!r}")
    unpacked = sum(entry.file_size for entry in entries)
    packed = sum(entry.compress_size for entry in entries)
    if unpacked > _FREE_BYTES + _MAX_RATIO * packed:
        raise InvalidInputError(f"it unpacks to {unpacked:,} bytes from {packed:,}")


def _card(text: bytes) -> Card:
    values: dict[str, Any] = json.loads(text)
    if not isinstance(values, dict) or values.get("format") != _FORMAT:
        raise InvalidInputError(f"its card is not of format {_FORMAT}")
    if values.keys() != {f.name for f in fields(Card)}:
        raise InvalidInputError("its card has other fields")
    lists = {name: tuple(value) for name, value in values.items() if isinstance(value, list)}
    card = Card(**values | lists)
    numbers = range(len(card.engines))
    sizes = [costs.get("key_bytes") if isinstance(costs, dict) else None for costs in card.costs]
    if len(sizes) != len(numbers) or not all(type(size) is int for size in sizes):
        raise InvalidInputError("its card does not say how large keys are")
    if not all(type(n) is int and n >= 0 for n in card.questions):
        raise InvalidInputError("its card counts questions by what is no number")
    texts = (
        card.half,
        card.model,
        card.digest,
        card.library,
        *card.engines,
        *card.keys,
        *card.features,
    )
    costs_are_named = all(isinstance(costs, dict) for costs in card.costs)
    if not costs_are_named or not all(isinstance(text, str) for text in texts):
        raise InvalidInputError("its card makes no sense")
    if not len(card.keys) == len(card.engines) == len(card.questions):
        raise InvalidInputError("its card lacks parameters of keys")
    if not all(type(n) is int and n in numbers for n in card.modules.values()):
        raise InvalidInputError("its card names modules that are not there")
    return card


def _refused(path: object, half: str | None, reason: str) -> InvalidInputError:
    return InvalidInputError(
        f"{path} can't be read as {half or 'archive'}.zip: {reason.rstrip('.')}. Give a file of "
        f"`{'save_estimator' if half == 'estimator' else 'save_model'}`."
    )
