"""Keywords that a call does not know, refused in words: slips, and those of Concrete-ML."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from difflib import get_close_matches
from functools import wraps
from types import MappingProxyType
from typing import ParamSpec, TypeVar

from cml_sklearn.exceptions import UnknownKeywordError

__all__ = ["check_keywords", "did_you_mean", "known_keywords"]

_Taken = ParamSpec("_Taken")
_Given = TypeVar("_Given")

_FROM_CONCRETE_ML: Mapping[str, tuple[str | None, str]] = MappingProxyType(
    {
        "fhe": (
            "execute_in_fhe",
            'write execute_in_fhe=True for "execute", execute_in_fhe="simulate" for "simulate", '
            'and nothing or execute_in_fhe=False for "disable"',
        ),
        "rounding_threshold_bits": ("rounding_bits", "write rounding_bits"),
        "p_error": (None, "it is a parameter of the estimator: give it to the constructor"),
        "global_p_error": (None, "give the estimator p_error, the chance of one wrong lookup"),
        "configuration": (None, "leave it out; engine chooses what encrypts"),
        "import_qat": (None, "leave it out; a graph's QuantizeLinear nodes are kept"),
        "device": (None, "leave it out; everything runs on the CPU"),
    }
)
"""The keyword in place of one, where that is none of another call, and what to do; by keyword."""


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
    signature = inspect.signature(function)

    @wraps(function)
    def checked(*args: _Taken.args, **kwargs: _Taken.kwargs) -> _Given:
        check_keywords(function.__name__, signature, kwargs)
        return function(*args, **kwargs)

    return checked


def check_keywords(function: str, signature: inspect.Signature, given: Iterable[str]) -> None:
    """Refuse keywords that a function does not take.

    Parameters
    ----------
    function : str
        Its name, or that of the class which it constructs.
    signature : inspect.Signature
    given : iterable of str

    Raises
    ------
    UnknownKeywordError
        There is such a keyword; the message says what to write.
    """
    known = signature.parameters
    if any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in known.values()):
        return
    for name in given:
        if name not in known:
            remedy = _remedy(name, [other for other in known if other != "self"])
            raise UnknownKeywordError(
                f"{function}() got an unexpected keyword argument {name!r}{remedy}"
            )


def did_you_mean(given: Iterable[object], known: Iterable[str]) -> str:
    """Hint to append to an error: ``"; did you mean 'n_bits'?"``, or nothing if none is near.

    Parameters
    ----------
    given : iterable
        Names that are not known, or what came in their place.
    known : iterable of str
    """
    spelled = {name.lower(): name for name in known}
    matches = (get_close_matches(str(name).lower(), spelled, n=1) for name in given)
    near = [spelled[match] for found in matches for match in found]
    return f"; did you mean {', '.join(map(repr, dict.fromkeys(near)))}?" if near else ""


def _remedy(name: str, known: list[str]) -> str:
    """Say what stands for a keyword here, which one is near, or which ones there are."""
    counterpart, remedy = _FROM_CONCRETE_ML.get(name, (None, ""))
    if not remedy or counterpart not in {None, *known}:
        return did_you_mean([name], known) or f"; it takes {', '.join(known)}."
    return f": {remedy}. For what else differs from Concrete-ML, see docs/reference/migration.md."
