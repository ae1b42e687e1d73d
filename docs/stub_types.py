"""Types for stubs, as text, from scikit-learn's constraints, annotations, defaults and docstrings.

What has no simple type is an ``object`` where it comes in, and ``Any`` where it comes out.
"""

from __future__ import annotations

import collections.abc
import inspect
import types
import typing
from collections.abc import Iterable
from math import frexp
from numbers import Integral, Real

import numpy as np
from sklearn.utils._param_validation import Hidden, Interval, Options

__all__ = [
    "ALIASES",
    "default_text",
    "number_text",
    "type_of_argument",
    "type_of_attribute",
    "type_of_parameter",
]

ALIASES = """
_Matrix = ArrayLike | sparray | spmatrix
_RandomState = int | np.random.RandomState | None
"""
"""What stand at the head of a stub; names of types below come from there."""

_NONE = "None"
_UNKNOWN = "object"

_WORDS = {
    "array-like": "ArrayLike",
    "boolean": "bool",
    "cv_object": "object",
    "nan": "float",
    "random_state": "_RandomState",
    "sparse matrix": "spmatrix",
    "verbose": "int | bool",
}
"""Types of constraints that scikit-learn names by words."""

_KINDS: dict[object, str] = {
    Integral: "int",
    Real: "float",
    bool: "bool",
    callable: "Callable[..., Any]",
    collections.abc.Callable: "Callable[..., Any]",
    dict: "dict[Any, Any]",
    float: "float",
    int: "int",
    list: "list[Any]",
    np.ndarray: "Array",
    np.random.RandomState: "np.random.RandomState",
    np.random.Generator: "np.random.Generator",
    str: "str",
    tuple: "tuple[Any, ...]",
    collections.abc.Sequence: "Sequence[Any]",
    type(None): _NONE,
    None: _NONE,
}
"""Types of classes, and of the constraint or annotation that stands for them."""

_ARGUMENTS = {
    "X": "_Matrix",
    "X_val": "_Matrix | None",
    "eval_set": "Sequence[tuple[_Matrix, ArrayLike]] | None",
    "eval_X": "_Matrix | tuple[_Matrix, ...] | None",
    "eval_y": "ArrayLike | tuple[ArrayLike, ...] | None",
    "y": "ArrayLike",
}
"""Arguments of `fit`, whose types are no matter of the class."""

_BEGINNINGS = {
    "ndarray": "Array",
    "array": "Array",
    "int": "int",
    "float": "float",
    "bool": "bool",
    "str": "str",
    "dict": "dict[Any, Any]",
    "list": "list[Any]",
}
"""First words of the types of attributes in docstrings."""


def type_of_parameter(
    parameter: inspect.Parameter, constraints: Iterable[object] | None = None
) -> str:
    """Type of a constructor's parameter, by its constraints, or else its annotation."""
    if constraints is not None:
        return _joined(_of_constraint(c) for c in constraints if not isinstance(c, Hidden))
    return _of_annotation(parameter.annotation)


def type_of_argument(parameter: inspect.Parameter) -> str:
    """Type of an argument of a method that was taken over from a class without annotations."""
    name, default = parameter.name, parameter.default
    if parameter.kind is inspect.Parameter.VAR_KEYWORD:
        return _UNKNOWN
    if isinstance(default, bool):
        return "bool"
    known = _ARGUMENTS.get(name) or ("ArrayLike" if name.startswith("sample_weight") else _UNKNOWN)
    return _joined([known, _NONE]) if default is None else known


def type_of_attribute(described: str) -> str:
    """Type of a fitted attribute, by the words of its docstring."""
    word = described.replace(",", " ").split(" ")[0]
    return "Any" if " or " in described else _BEGINNINGS.get(word, "Any")


def default_text(default: object, annotation: str) -> str:
    """Text of a default; an ellipsis where its type or length leaves no other."""
    if default is inspect.Parameter.empty:
        return ""
    is_number = default is None or isinstance(default, (bool, int, float))
    is_one_of_several = isinstance(default, str) and repr(default) in annotation
    has_no_literal = isinstance(default, float) and not np.isfinite(default)
    is_plain = (is_number and not has_no_literal) or is_one_of_several
    return f" = {number_text(default) if is_plain else '...'}"


def number_text(default: object) -> str:
    """Text of a number or another literal; a power of two where that says more than digits."""
    text = repr(default)
    if not isinstance(default, float):
        return text
    part, exponent = frexp(default)
    power = f"2**{exponent - 1}"
    return power if part == 0.5 and len(power) < len(text) else text


def _of_constraint(constraint: object) -> str:
    """Type of one of the alternatives of `_parameter_constraints`."""
    if isinstance(constraint, str):
        return _WORDS[constraint]
    if isinstance(constraint, Interval):
        return "int" if constraint.type is Integral else "float"
    if isinstance(constraint, Options):
        return _literal(constraint.options)
    return _KINDS.get(constraint, _UNKNOWN)


def _literal(options: Iterable[object]) -> str:
    """Literal type of some values; floats have none."""
    if not all(isinstance(option, (str, int)) for option in options):
        return "float"
    return f"Literal[{', '.join(sorted(map(repr, options)))}]"


def _of_annotation(annotation: object) -> str:
    """Type of an annotation as it is at run time, of another library."""
    origin = typing.get_origin(annotation)
    if origin in (typing.Union, types.UnionType):
        return _joined(map(_of_annotation, typing.get_args(annotation)))
    return _KINDS.get(origin or annotation, _UNKNOWN)


def _joined(alternatives: Iterable[str]) -> str:
    """Union without repetitions; None comes last."""
    names = [name for joined in alternatives for name in joined.split(" | ")]
    unique = [name for name in dict.fromkeys(names) if name != _NONE]
    if _UNKNOWN in unique or not unique:
        return _UNKNOWN
    if "float" in unique:
        unique = [name for name in unique if name not in ("int", "bool")]
    return " | ".join([*unique, *([_NONE] if _NONE in names else [])])
