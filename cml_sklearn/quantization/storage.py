"""Files of quantized modules: plain data, no pickle.

A file is NumPy's ``.npz`` with the arrays, and one JSON text for everything around them. What may
be stored is a frozen dataclass that was registered by `stored`; reading builds these classes and
nothing else, so a file from elsewhere can't run code.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from cml_sklearn.exceptions import InvalidInputError

__all__ = ["read", "stored", "write"]

_FORMAT = 1
_MANIFEST = "manifest"
_CLASSES: dict[str, type] = {}

C = TypeVar("C", bound=type)


def stored(cls: C) -> C:
    """Register a dataclass, whose fields then say how it is stored."""
    _CLASSES[cls.__name__] = cls
    return cls


def write(path: str | Path, content: Any) -> None:
    """Write plain data and registered dataclasses to a file.

    Raises
    ------
    TypeError
        A value is of a class that is not registered.
    """
    arrays: dict[str, NDArray[Any]] = {}
    manifest = json.dumps({"format": _FORMAT, "content": _encode(content, arrays)})
    with Path(path).open("wb") as file:
        np.savez_compressed(file, **{_MANIFEST: np.asarray(manifest)}, **arrays)


def read(path: str | Path) -> Any:
    """Read what `write` has written.

    Raises
    ------
    InvalidInputError
        No such file, or one of another kind.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            manifest = json.loads(str(arrays[_MANIFEST]))
            if manifest["format"] != _FORMAT:
                raise InvalidInputError(
                    f"{path} has format {manifest['format']}, this version reads {_FORMAT}; save "
                    "the model again with this version."
                )
            return _decode(manifest["content"], arrays)
    except (OSError, KeyError, TypeError, ValueError, zipfile.BadZipFile) as error:
        if isinstance(error, InvalidInputError):
            raise
        raise InvalidInputError(
            f"{path} holds no quantized module ({error}); give a file made by save."
        ) from error


def _encode(value: Any, arrays: dict[str, NDArray[Any]]) -> Any:
    """JSON form of a value; arrays are put aside under numbers."""
    if isinstance(value, np.ndarray):
        arrays[name := f"array_{len(arrays)}"] = value
        return {"array": name}
    if is_dataclass(value) and _CLASSES.get(type(value).__name__) is type(value):
        content = {f.name: _encode(getattr(value, f.name), arrays) for f in fields(value)}
        return {"class": type(value).__name__, "fields": content}
    if isinstance(value, Mapping):
        return {"mapping": {key: _encode(v, arrays) for key, v in value.items()}}
    if isinstance(value, tuple | list):
        return [_encode(v, arrays) for v in value]
    if isinstance(value, np.generic):
        return value.item()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(f"A value of class {type(value).__name__} can't be stored.")


def _decode(value: Any, arrays: Mapping[str, NDArray[Any]]) -> Any:
    """Value of its JSON form; sequences become tuples."""
    if isinstance(value, list):
        return tuple(_decode(v, arrays) for v in value)
    if not isinstance(value, dict):
        return value
    if "array" in value:
        return arrays[value["array"]]
    if "mapping" in value:
        return {key: _decode(v, arrays) for key, v in value["mapping"].items()}
    cls = _CLASSES[value["class"]]
    return cls(**{name: _decode(v, arrays) for name, v in value["fields"].items()})
