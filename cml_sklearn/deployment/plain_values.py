"""Parameters and fitted attributes as plain data: what they are of is kept, nothing is run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from cml_sklearn.exceptions import UnsupportedModelError

__all__ = ["PLAIN_CLASSES", "from_plain", "to_plain"]


@dataclass(frozen=True)
class Items:
    """A list; files have tuples only."""

    values: tuple[Any, ...]


@dataclass(frozen=True)
class Pairs:
    """A dict, whose keys may be numbers; in files they are text."""

    keys: tuple[Any, ...]
    values: tuple[Any, ...]


PLAIN_CLASSES = (Items, Pairs)
"""What files of values have in addition."""


def to_plain(value: object, name: str) -> Any:
    """Turn a value into what `write` stores.

    Parameters
    ----------
    value : object
    name : str
        What messages call it.

    Raises
    ------
    UnsupportedModelError
        It is no number, text or array, nor a tuple, list or dict of such.
    """
    if isinstance(value, tuple):
        return tuple(to_plain(v, name) for v in value)
    if isinstance(value, list):
        return Items(tuple(to_plain(v, name) for v in value))
    if isinstance(value, dict):
        parts = value.keys(), value.values()
        return Pairs(*(tuple(to_plain(v, name) for v in part) for part in parts))
    is_scalar = value is None or isinstance(value, (bool, int, float, str))
    is_array = isinstance(value, (np.ndarray, np.generic)) and value.dtype.kind in "biufU"
    if isinstance(value, np.ndarray) and value.dtype == object:
        is_array = all(isinstance(v, (str, int, float)) or v is None for v in value.flat)
    if not (is_scalar or is_array):
        raise UnsupportedModelError(
            f"{name} is a {type(value).__name__}, which is no plain data. Predictions don't depend "
            "on it any more: set it to a number, text or None by set_params, and save again."
        )
    return value


def from_plain(value: Any) -> Any:
    """Undo `to_plain`."""
    if isinstance(value, tuple):
        return tuple(map(from_plain, value))
    if isinstance(value, Items):
        return list(map(from_plain, value.values))
    if isinstance(value, Pairs):
        pairs = zip(map(from_plain, value.keys), map(from_plain, value.values), strict=True)
        return dict(pairs)
    return value
