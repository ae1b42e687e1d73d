"""The registry of implementations; an operator's name stands at its implementation alone."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import ParamSpec

from cml_sklearn.onnx._arrays import Operator, Tensors

__all__ = ["ONNX_OPS_TO_NUMPY_IMPL", "operator"]

ONNX_OPS_TO_NUMPY_IMPL: dict[str, Operator] = {}
"""Implementations by the operators' ONNX names, filled by `operator`."""

_BETWEEN_WORDS = re.compile("(?<=[a-z])(?=[A-Z][a-z0-9])")

_P = ParamSpec("_P")


def operator(name: str) -> Callable[[Callable[_P, Tensors]], Callable[_P, Tensors]]:
    """Register a function as the implementation of an operator.

    Parameters
    ----------
    name : str
        ONNX's name. A function that another one made, and that so has no name of its own, gets its
        name from it: "Acosh" makes ``numpy_acosh``.

    Raises
    ------
    ValueError
        The operator has an implementation already.
    """

    def register(function: Callable[_P, Tensors]) -> Callable[_P, Tensors]:
        if name in ONNX_OPS_TO_NUMPY_IMPL:
            present = ONNX_OPS_TO_NUMPY_IMPL[name]
            raise ValueError(
                f"Operator {name!r} is implemented by {present.__module__}.{present.__name__} "
                "already; give it one implementation."
            )
        if not function.__name__.startswith("numpy_"):
            own_name = f"numpy_{_BETWEEN_WORDS.sub('_', name).lower()}"
            function.__name__ = function.__qualname__ = own_name
        ONNX_OPS_TO_NUMPY_IMPL[name] = function
        return function

    return register
