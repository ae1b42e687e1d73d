"""Raw scores of linear models and of trees as ONNX graphs.

Hummingbird converts them where it is installed. It is written on torch, which is larger than all
other packages together, so both are an extra: without them the same is written directly, and the
integers are the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from typing import TYPE_CHECKING, Protocol

from cml_sklearn._typing import FloatArray
from cml_sklearn.convert.node_tables import BinaryTree

if TYPE_CHECKING:
    import onnx

__all__ = ["linear_map_to_onnx", "trees_to_onnx"]


class _Converter(Protocol):
    def linear_map_to_onnx(self, coef: FloatArray, intercept: FloatArray) -> onnx.ModelProto: ...

    def trees_to_onnx(self, trees: Sequence[BinaryTree], n_features: int) -> onnx.ModelProto: ...


def _converter() -> _Converter:
    from cml_sklearn.convert import direct, hummingbird

    return hummingbird if all(map(find_spec, ("hummingbird", "torch"))) else direct


def linear_map_to_onnx(coef: FloatArray, intercept: FloatArray) -> onnx.ModelProto:
    """Convert the linear map ``X @ coef.T + intercept``, in float64.

    The raw scores of every linear model are such a map. Going through one form keeps link
    functions, which run in the clear after decryption, out of the graph, and serves the models that
    Hummingbird does not know.

    Parameters
    ----------
    coef : ndarray of shape (n_outputs, n_features)
    intercept : ndarray of shape (n_outputs,)
    """
    return _converter().linear_map_to_onnx(coef, intercept)


def trees_to_onnx(trees: Sequence[BinaryTree], n_features: int) -> onnx.ModelProto:
    """Convert the sum of trees, in float64.

    The raw scores of every ensemble of trees are such a sum. The graph has a few nodes for each
    level, and tables that are linear in the trees' nodes.

    Parameters
    ----------
    trees : sequence of BinaryTree
        All with the same outputs.
    n_features : int
        Columns of the graph's input.
    """
    return _converter().trees_to_onnx(trees, n_features)
