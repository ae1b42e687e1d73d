"""The door to concrete-python."""

from __future__ import annotations

import warnings
from types import ModuleType

__all__ = ["load_concrete"]


def load_concrete() -> ModuleType:
    """Import the library on first need; it warns about its own imports."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from concrete import fhe
    return fhe
