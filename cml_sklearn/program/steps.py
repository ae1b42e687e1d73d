"""The steps of an integer program: plain data.

A step takes integer tensors with a leading batch axis and gives one; shapes and axes leave that
axis out. What a step does is written down once for each purpose, in a table by its class: on clear
integers in `cml_sklearn.program.evaluation`, on intervals in `cml_sklearn.program.bounds`, under
encryption by each engine.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cml_sklearn._typing import IntArray

__all__ = [
    "Add",
    "AddConstant",
    "Concatenate",
    "Convolve",
    "Declare",
    "Lookup",
    "MatMul",
    "Maximum",
    "Multiply",
    "MultiplyConstant",
    "MultiplyMatrices",
    "NodeArray",
    "Pad",
    "Reshape",
    "Step",
    "Subtract",
    "SumOver",
    "Take",
    "Transpose",
    "Trees",
]

NodeArray = NDArray[np.int32]


@dataclass(frozen=True)
class Step:
    """One operation on integer tensors."""


@dataclass(frozen=True)
class MatMul(Step):
    """``x @ weights`` with clear weights of shape (n_in, n_out)."""

    weights: IntArray


@dataclass(frozen=True)
class Convolve(Step):
    """Convolution of (channels, ...) with clear weights of shape (n_out, n_in / group, ...).

    The attributes are those of ONNX.
    """

    weights: IntArray
    strides: tuple[int, ...]
    pads: tuple[int, ...]
    dilations: tuple[int, ...]
    group: int = 1


@dataclass(frozen=True)
class AddConstant(Step):
    """``x + constant``."""

    constant: IntArray


@dataclass(frozen=True)
class MultiplyConstant(Step):
    """``x * constant``."""

    constant: IntArray


@dataclass(frozen=True)
class Add(Step):
    """``x + y`` of two encrypted tensors."""


@dataclass(frozen=True)
class Subtract(Step):
    """``x - y`` of two encrypted tensors."""


@dataclass(frozen=True)
class Multiply(Step):
    """``x * y`` of two encrypted tensors."""


@dataclass(frozen=True)
class Maximum(Step):
    """The larger one of ``x`` and ``y``, two encrypted tensors of as many axes."""


@dataclass(frozen=True)
class MultiplyMatrices(Step):
    """``x @ y`` of two encrypted tensors of as many axes, at least two."""


@dataclass(frozen=True)
class Lookup(Step):
    """Replace ``x - low`` by its entry in a table: any function of one integer.

    Parameters
    ----------
    low : int
        Smallest value of the input, subtracted so that the index starts at 0.
    tables : ndarray of shape (n_tables, 2**width)
        Outputs by the bits of the index that are looked at.
    choice : ndarray of int
        Row of `tables` by element, broadcastable to the tensor without its batch axis.
    lsbs_to_remove : int
        Low bits of the index that are rounded away before the lookup.
    exact : bool
        Whether the rounding is exact (dearer), or may be off by one near ties.
    """

    low: int
    tables: IntArray
    choice: IntArray
    lsbs_to_remove: int = 0
    exact: bool = True

    @property
    def width(self) -> int:
        """Bits of the index that are looked at."""
        return int(self.tables.shape[1]).bit_length() - 1

    @property
    def index_width(self) -> int:
        """Bits of the index before rounding."""
        return self.width + self.lsbs_to_remove


@dataclass(frozen=True)
class Declare(Step):
    """The tensor itself, known to lie within [0, `upper`], whatever its interval says."""

    upper: int


@dataclass(frozen=True)
class SumOver(Step):
    """Sum over axes."""

    axes: tuple[int, ...]
    keepdims: bool = False


@dataclass(frozen=True)
class Reshape(Step):
    """Change of shape."""

    shape: tuple[int, ...]


@dataclass(frozen=True)
class Transpose(Step):
    """Permutation of the axes."""

    axes: tuple[int, ...]


@dataclass(frozen=True)
class Concatenate(Step):
    """Join tensors along an axis."""

    axis: int


@dataclass(frozen=True)
class Pad(Step):
    """Put zeros around a tensor: `before[i]` and `after[i]` elements on axis i."""

    before: tuple[int, ...]
    after: tuple[int, ...]


@dataclass(frozen=True)
class Take(Step):
    """Elements of the flattened tensor at clear positions, in the shape of `positions`."""

    positions: IntArray


@dataclass(frozen=True)
class Trees(Step):
    """Integer sums of decision trees over bits: (n_samples, n_bits) to (n_samples, n_fields).

    All trees' nodes stand end to end, each tree's root first. Memory is linear in the nodes:
    a tree has a column of values for each field that it adds to, not for every field.

    Parameters
    ----------
    bit : ndarray of int32, shape (n_nodes,)
        Which bit an inner node asks; -1 at leaves.
    child : ndarray of int32, shape (n_nodes,)
        Where an inner node leads if its bit is 0; the node after that is where it leads if the bit
        is 1. A leaf leads to itself.
    roots : ndarray of int32, shape (n_trees,)
        First node of each tree, ascending.
    values : ndarray of int32, shape (n_nodes, n_columns)
        What leaves add; zeros at inner nodes.
    fields : ndarray of int32, shape (n_trees, n_columns)
        Which field each column of a tree adds to. A tree of fewer fields has columns of zeros.
    n_fields : int
        Number of outputs.
    """

    bit: NodeArray
    child: NodeArray
    roots: NodeArray
    values: NodeArray
    fields: NodeArray
    n_fields: int
