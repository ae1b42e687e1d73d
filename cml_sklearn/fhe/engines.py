"""The engines by their names."""

from __future__ import annotations

from importlib import import_module
from typing import cast

from cml_sklearn.config import AUTO, ENGINES, current_engine
from cml_sklearn.exceptions import InvalidInputError
from cml_sklearn.fhe.protocol import AnyEngine

__all__ = ["resolve_engine"]

_BEST = "concrete"


def resolve_engine(choice: str | AnyEngine | None = None) -> AnyEngine:
    """AnyEngine of a choice: an engine itself, a name, or None for what the context says.

    Raises
    ------
    InvalidInputError
        An unknown name.
    """
    choice = current_engine() if choice is None else choice
    if not isinstance(choice, str):
        return choice
    if choice not in (AUTO, *ENGINES):
        raise InvalidInputError(
            f"engine is {choice!r}; it must be one of {', '.join(map(repr, (AUTO, *ENGINES)))}, or "
            "an engine itself."
        )
    module, name = ENGINES[_BEST if choice == AUTO else choice].split(":")
    return cast("AnyEngine", getattr(import_module(module), name)())
