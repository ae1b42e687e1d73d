"""Errors about names that are not known, which name the nearest one that is."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from difflib import get_close_matches
from functools import wraps
from typing import ParamSpec, TypeVar

__all__ = ["check_keywords", "did_you_mean", "suggests_keywords"]

_P = ParamSpec("_P")
_R = TypeVar("_R")

_VARIADIC = inspect.Parameter.VAR_KEYWORD


def did_you_mean(given: Iterable[str], known: Iterable[str]) -> str:
    """Hint to append to an error: ``"; did you mean 'n_bits'?"``, or nothing if none is near.

    Parameters
    ----------
    given : iterable of str
        Names that are not known.
    known : iterable of str
    """
    known = list(known)
    near = [match for name in given for match in get_close_matches(name, known, n=1)]
    return f"; did you mean {', '.join(map(repr, dict.fromkeys(near)))}?" if near else ""


def check_keywords(name: str, signature: inspect.Signature, given: Iterable[str]) -> None:
    """Refuse keywords that a function does not take; what else is wrong, Python says.

    Parameters
    ----------
    name : str
        Of the function, for the message.
    signature : inspect.Signature
    given : iterable of str

    Raises
    ------
    TypeError
        There is one; the message has the nearest that it takes.
    """
    known = signature.parameters
    if any(parameter.kind is _VARIADIC for parameter in known.values()):
        return
    for keyword in given:
        if keyword not in known:
            hint = did_you_mean([keyword], known)
            raise TypeError(f"{name}() got an unexpected keyword argument {keyword!r}{hint}")


def suggests_keywords(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Let a function's error about an unknown keyword name the nearest one that it takes."""
    signature = inspect.signature(function)

    @wraps(function)
    def call(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        check_keywords(function.__qualname__, signature, kwargs)
        return function(*args, **kwargs)

    return call
