"""Keywords that a call does not know, refused in words: most come from Concrete-ML."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from functools import wraps
from types import MappingProxyType
from typing import ParamSpec, TypeVar

from cml_sklearn.exceptions import UnknownKeywordError

__all__ = ["known_keywords"]

_Taken = ParamSpec("_Taken")
_Given = TypeVar("_Given")

_FROM_CONCRETE_ML: Mapping[str, str] = MappingProxyType(
    {
        "fhe": 'write execute_in_fhe=True for "execute", execute_in_fhe="simulate" for "simulate", '
        'and nothing or execute_in_fhe=False for "disable"',
        "rounding_threshold_bits": "write rounding_bits",
        "p_error": "it is a parameter of the estimator: give it to the constructor",
        "global_p_error": "give the estimator p_error, the chance of one wrong lookup",
        "configuration": "leave it out; engine chooses what encrypts",
        "import_qat": "leave it out; a graph's QuantizeLinear nodes are kept",
        "device": "leave it out; everything runs on the CPU",
    }
)
"""What to do instead, by keyword."""


def known_keywords(function: Callable[_Taken, _Given]) -> Callable[_Taken, _Given]:
    """Let a function without ``**kwargs`` refuse unknown keywords by saying what to write.

    Parameters
    ----------
    function : callable

    Returns
    -------
    callable
        The same with the check before it; raises UnknownKeywordError.
    """
    known = inspect.signature(function).parameters

    @wraps(function)
    def checked(*args: _Taken.args, **kwargs: _Taken.kwargs) -> _Given:
        for name in kwargs:
            if name not in known:
                raise UnknownKeywordError(_refusal(function.__name__, name, [*known]))
        return function(*args, **kwargs)

    return checked


def _refusal(function: str, name: str, known: list[str]) -> str:
    """Say what stands for a keyword here, or which ones there are."""
    instead = _FROM_CONCRETE_ML.get(name)
    if instead is None:
        taken = ", ".join(other for other in known if other != "self")
        return f"{function}() takes no keyword {name!r}; it takes {taken}."
    return (
        f"{function}() takes no keyword {name!r}: {instead}. For what else differs from "
        "Concrete-ML, see docs/reference/migration.md."
    )
