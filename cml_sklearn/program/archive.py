"""Files of plain data: explicit classes, and everything checked before anything is built.

A file is NumPy's ``.npz`` with the arrays, and one JSON text for everything around them. What may
be stored is in a table of frozen dataclasses, given by the caller; reading builds these classes and
nothing else, each only from values of the types that its fields are annotated with. So a file from
elsewhere can't run code, and can't make objects that fail later.
"""

from __future__ import annotations

import io
import json
import math
import types
import zipfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import Any, Union, get_args, get_origin, get_type_hints

import numpy as np

from cml_sklearn._typing import Array
from cml_sklearn.exceptions import InvalidInputError
from cml_sklearn.program import bounds, steps
from cml_sklearn.program.program import Instruction, IntegerProgram

__all__ = ["PROGRAM_CLASSES", "ArchiveTable", "Stored", "read", "write"]

PROGRAM_CLASSES: tuple[type, ...] = (
    IntegerProgram,
    Instruction,
    bounds.Ball,
    bounds.Bounds,
    bounds.OneHot,
    bounds.Thermometer,
    *(getattr(steps, name) for name in steps.__all__ if name not in {"NodeArray", "Step"}),
)
"""What files of programs are made of."""

Json = Any
"""What `json.loads` gives."""

_FORMAT = 2
_MANIFEST = "manifest"
_FREE_BYTES = 64 * 2**20
_MAX_RATIO = 200
"""Most bytes that one byte of a file may unpack to, beyond `_FREE_BYTES`."""

_ARRAY = get_origin(Array)
"""What annotations of arrays are made of: `ndarray`, or from numpy 2.5 on an alias of it."""

_KINDS = "biufU"
"""Kinds of arrays' elements that may be stored: no objects, no records."""


@dataclass(frozen=True)
class Stored:
    """A class that may be stored, in the form of this version of the library.

    Parameters
    ----------
    cls : type
        A frozen dataclass.
    version : int
        Of its fields; raised when these change.
    upgrades : mapping of int to callable
        By older version, a function from its fields to those of the version after it.
    """

    cls: type
    version: int = 1
    upgrades: Mapping[int, Callable[[dict[str, Json]], dict[str, Json]]] = field(
        default_factory=dict
    )


class ArchiveTable:
    """The classes that a kind of file may hold, by their names."""

    def __init__(self, classes: Iterable[type | Stored]) -> None:
        entries = [c if isinstance(c, Stored) else Stored(c) for c in classes]
        self._entries = {entry.cls.__name__: entry for entry in entries}

    def entry(self, cls: type) -> Stored:
        """Entry of a class to write."""
        entry = self._entries.get(cls.__name__)
        if entry is None or entry.cls is not cls:
            raise TypeError(f"A value of class {cls.__name__} can't be stored.")
        return entry

    def build(self, name: str, version: int, values: dict[str, Json]) -> object:
        """Make an object of a class's fields in an older or in the present version."""
        entry = self._entries.get(name)
        if entry is None:
            raise InvalidInputError(f"it has the class {name!r}, which this version does not know")
        while version < entry.version:
            if version not in entry.upgrades:
                raise InvalidInputError(f"{name} has version {version}, which can't be read")
            values, version = entry.upgrades[version](values), version + 1
        if version != entry.version:
            raise InvalidInputError(
                f"{name} has version {version}, but this library reads {entry.version}: update it"
            )
        _check_fields(entry.cls, values)
        return entry.cls(**values)


def write(path: str | Path, content: object, table: ArchiveTable) -> None:
    """Write plain data and objects of a table's classes to a file.

    Raises
    ------
    TypeError
        A value is of a class that is not in the table.
    """
    arrays: dict[str, Array] = {}
    manifest = json.dumps({"format": _FORMAT, "content": _encode(content, arrays, table)})
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **{_MANIFEST: np.asarray(manifest)}, **arrays)
    Path(path).write_bytes(buffer.getvalue())


def read(path: str | Path, kind: type, table: ArchiveTable) -> Any:
    """Read an object that `write` has written.

    Parameters
    ----------
    path : path
    kind : type
        Class of the object.
    table : ArchiveTable

    Raises
    ------
    InvalidInputError
        No such file, or one of another kind; nothing was built of it.
    """
    try:
        arrays = _read_arrays(Path(path))
        manifest = json.loads(str(arrays.pop(_MANIFEST)))
        if manifest["format"] != _FORMAT:
            raise InvalidInputError(
                f"it has format {manifest['format']}, this version reads {_FORMAT}; save the model "
                "again with this version"
            )
        content = _decode(manifest["content"], arrays, table)
    except Exception as error:  # whatever zip, NumPy, JSON or the classes find wrong
        raise _refused(path, error) from error
    if type(content) is not kind:
        raise _refused(path, f"it holds a {type(content).__name__}, not a {kind.__name__}")
    return content


def _refused(path: str | Path, reason: object) -> InvalidInputError:
    return InvalidInputError(
        f"{path} can't be read: {reason}. Give a file that was saved by this library."
    )


def _read_arrays(path: Path) -> dict[str, Array]:
    """Read the members of an ``.npz``, none of which may be larger than it says or than is sane."""
    with zipfile.ZipFile(path) as archive:
        infos = archive.infolist()
        total, limit = sum(i.file_size for i in infos), _FREE_BYTES + _MAX_RATIO * _size(path)
        if total > limit:
            raise InvalidInputError(f"it would unpack to {total} bytes, at most {limit} are read")
        return {info.filename.removesuffix(".npy"): _read_array(archive, info) for info in infos}


def _size(path: Path) -> int:
    return path.stat().st_size


def _read_array(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Array:
    """Read one array, after its header has been compared with the size of the member."""
    with archive.open(info) as file:
        content = file.read(info.file_size + 1)
    stream = io.BytesIO(content)
    version = np.lib.format.read_magic(stream)
    reader = np.lib.format.read_array_header_1_0
    if version != (1, 0):
        reader = np.lib.format.read_array_header_2_0
    shape, _, dtype = reader(stream)
    n_bytes = math.prod(shape) * dtype.itemsize
    sound = dtype.kind in _KINDS and dtype.itemsize > 0
    if not sound or stream.tell() + n_bytes != len(content):
        raise InvalidInputError(f"{info.filename} is no array of {n_bytes} bytes")
    stream.seek(0)
    array: Array = np.lib.format.read_array(stream, allow_pickle=False)
    return array


def _encode(value: object, arrays: dict[str, Array], table: ArchiveTable) -> Json:
    """JSON form of a value; arrays are put aside under numbers."""
    if isinstance(value, np.ndarray):
        return _encode_array(value, arrays, table)
    if is_dataclass(value) and not isinstance(value, type):
        entry = table.entry(type(value))
        content = {f.name: _encode(getattr(value, f.name), arrays, table) for f in fields(value)}
        return {"class": entry.cls.__name__, "version": entry.version, "fields": content}
    if isinstance(value, Mapping):
        return {"mapping": {key: _encode(v, arrays, table) for key, v in value.items()}}
    if isinstance(value, (tuple, list)):
        return [_encode(v, arrays, table) for v in value]
    plain = value.item() if isinstance(value, np.generic) else value
    if plain is None or isinstance(plain, (bool, int, float, str)):
        return plain
    raise TypeError(f"A value of class {type(value).__name__} can't be stored.")


def _encode_array(value: Array, arrays: dict[str, Array], table: ArchiveTable) -> Json:
    """Put an array aside; one of objects, such as labels, becomes a list."""
    if value.dtype == object:
        return {"objects": [_encode(v, arrays, table) for v in value.ravel()], "shape": value.shape}
    arrays[name := f"array_{len(arrays)}"] = value
    return {"array": name}


def _decode(value: Json, arrays: Mapping[str, Array], table: ArchiveTable) -> Any:
    """Value of its JSON form; sequences become tuples."""
    if isinstance(value, list):
        return tuple(_decode(v, arrays, table) for v in value)
    if not isinstance(value, dict):
        return value
    if "array" in value:
        return arrays[value["array"]]
    if "objects" in value:
        objects = np.empty(len(value["objects"]), dtype=object)
        objects[:] = [_scalar(v) for v in value["objects"]]
        return objects.reshape(value["shape"])
    if "mapping" in value:
        return {key: _decode(v, arrays, table) for key, v in value["mapping"].items()}
    content = {name: _decode(v, arrays, table) for name, v in value["fields"].items()}
    return table.build(value["class"], value["version"], content)


def _scalar(value: Json) -> Json:
    if isinstance(value, (list, dict)):
        raise InvalidInputError("an array of objects holds more than texts and numbers")
    return value


_hints = cache(get_type_hints)


def _check_fields(cls: type, values: Mapping[str, Json]) -> None:
    """Refuse values that are not of the annotated types, before the class is built."""
    hints = _hints(cls)
    if values.keys() != {f.name for f in fields(cls)}:
        raise InvalidInputError(f"{cls.__name__} has the fields {sorted(values)}")
    for name, value in values.items():
        if not _is_of(value, hints[name]):
            raise InvalidInputError(f"{cls.__name__}.{name} is no {hints[name]}")


def _is_of(value: object, hint: Any) -> bool:
    """Whether a value has an annotated type; numbers must be finite."""
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return any(_is_of(value, option) for option in inner)
    if origin is not None:
        return _is_container_of(value, origin, inner)
    if hint is float:
        return type(value) in (int, float) and math.isfinite(value)  # type: ignore[arg-type]
    if hint in (int, bool, str, type(None)):
        return type(value) is hint
    return hint is Any or isinstance(value, hint)


def _is_container_of(value: object, kind: type, inner: tuple[Any, ...]) -> bool:
    if isinstance(value, np.ndarray):
        return kind is _ARRAY and _has_elements(value, inner[-1])
    if isinstance(value, tuple):
        return kind is tuple and _are_of(value, inner)
    is_mapping = isinstance(value, dict) and issubclass(kind, Mapping)
    return is_mapping and all(_is_of(v, inner[1]) for v in value.values())  # type: ignore[attr-defined]


def _are_of(values: tuple[object, ...], hints: tuple[Any, ...]) -> bool:
    """Whether a tuple's values have the annotated types: one for all, or one each."""
    if hints[-1:] == (Ellipsis,):
        return all(_is_of(value, hints[0]) for value in values)
    return len(values) == len(hints) and all(map(_is_of, values, hints))


def _has_elements(value: Array, hint: Any) -> bool:
    """Whether an array's elements have an annotated type, and are finite where one is given."""
    (kind,) = get_args(hint) or (hint,)
    if kind is Any:
        return True
    is_kind = np.issubdtype(value.dtype, kind)
    return bool(is_kind and (value.dtype.kind != "f" or np.isfinite(value).all()))
