"""Errors about names that are not known, which name the nearest one that is."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from functools import wraps
from typing import ParamSpec, TypeVar

__all__ = ["bind_arguments", "did_you_mean", "suggests_keywords"]

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


def bind_arguments(
    name: str,
    signature: inspect.Signature,
    args: Iterable[object],
    kwargs: Mapping[str, object],
) -> inspect.BoundArguments:
    """Bind the arguments of a call, as `inspect.Signature.bind` does.

    Raises
    ------
    TypeError
        They don't fit; of a keyword that `name` does not take, the message has the nearest one.
    """
    known = signature.parameters
    takes_any = any(parameter.kind is _VARIADIC for parameter in known.values())
    unknown = next((keyword for keyword in kwargs if keyword not in known), None)
    if unknown is not None and not takes_any:
        raise TypeError(
            f"{name}() got an unexpected keyword argument {unknown!r}"
            f"{did_you_mean([unknown], known)}"
        )
    return signature.bind(*args, **kwargs)


def suggests_keywords(function: Callable[_P, _R]) -> Callable[_P, _R]:
    """Let a function's error about an unknown keyword name the nearest one that it takes."""
    signature = inspect.signature(function)

    @wraps(function)
    def call(*args: _P.args, **kwargs: _P.kwargs) -> _R:
        bind_arguments(function.__qualname__, signature, args, kwargs)
        return function(*args, **kwargs)

    return call
