"""The operators that are known here, and what each of them takes."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from cml_sklearn.exceptions import UnsupportedOperatorError
from cml_sklearn.onnx._arrays import Operator
from cml_sklearn.onnx.graph import Node
from cml_sklearn.onnx.ops_impl import ONNX_OPS_TO_NUMPY_IMPL

__all__ = ["ONNX_OPS_TO_NUMPY_IMPL", "OperatorSignature", "check_operator", "signature_of"]


@dataclass(frozen=True)
class OperatorSignature:
    """What an operator takes, read from the signature of its implementation.

    Attributes
    ----------
    required : tuple of str
        Inputs that a node must have.
    optional : tuple of str
        Inputs that it may have.
    attributes : dict
        Defaults by name; `inspect.Parameter.empty` where there is none.
    variadic : bool
        Whether any number of inputs may follow.
    counts_outputs : bool
        Whether the implementation wants to know the number of outputs.
    """

    required: tuple[str, ...]
    optional: tuple[str, ...]
    attributes: Mapping[str, object]
    variadic: bool = False
    counts_outputs: bool = False

    @property
    def inputs(self) -> tuple[str, ...]:
        """Required and optional inputs."""
        return self.required + self.optional

    @classmethod
    def from_function(cls, function: Operator) -> OperatorSignature:
        """Read the signature of an implementation."""
        parameters = inspect.signature(function).parameters.values()
        defaults = {p.name: p.default for p in parameters if p.kind == p.KEYWORD_ONLY}
        return cls(
            tuple(p.name for p in parameters if p.kind == p.POSITIONAL_ONLY),
            tuple(p.name for p in parameters if p.kind == p.POSITIONAL_OR_KEYWORD),
            {name: default for name, default in defaults.items() if name != "n_outputs"},
            any(p.kind == p.VAR_POSITIONAL for p in parameters),
            "n_outputs" in defaults,
        )


@cache
def signature_of(op_type: str) -> OperatorSignature:
    """Signature of a registered operator."""
    return OperatorSignature.from_function(ONNX_OPS_TO_NUMPY_IMPL[op_type])


def check_operator(node: Node) -> None:
    """Check that a node's operator is in the registry.

    Raises
    ------
    UnsupportedOperatorError
        It is not.
    """
    if node.domain or node.op_type not in ONNX_OPS_TO_NUMPY_IMPL:
        of_domain = f" of domain {node.domain!r}" if node.domain else ""
        raise UnsupportedOperatorError(
            f"{node}{of_domain} has no NumPy implementation; replace it by operators that are in "
            "cml_sklearn.onnx.ONNX_OPS_TO_NUMPY_IMPL."
        )
