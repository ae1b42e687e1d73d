"""The engines by their names."""

from __future__ import annotations

from importlib import import_module
from typing import cast

from cml_sklearn.config import AUTO, ENGINES, checked_engine, current_engine
from cml_sklearn.fhe.protocol import AnyEngine

__all__ = ["resolve_engine"]

_BEST = "concrete"
"""What "auto" takes: the one engine that encrypts."""


def resolve_engine(choice: str | AnyEngine | None = None) -> AnyEngine:
    """Find the engine of a choice: an engine itself, a name, or None for what the context says.

    Raises
    ------
    InvalidInputError
        An unknown name.
    """
    choice = current_engine() if choice is None else choice
    if not isinstance(choice, str):
        return choice
    choice = checked_engine(choice)
    module, name = ENGINES[_BEST if choice == AUTO else choice].split(":")
    return cast("AnyEngine", getattr(import_module(module), name)())
