"""The operations of a circuit that NumPy's own functions don't cover.

A circuit is a plain Python function on integer arrays. What it can't say with ``+``, ``-``, ``*``,
``@`` and NumPy's shape functions it asks from a `Primitives` object, which it gets as its first
argument: in the clear the one of this file, under compilation the one of the backend.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from cml_sklearn.program.windows import convolve

IntArray = NDArray[np.int64]

__all__ = ["Convolution", "IntArray", "NumpyPrimitives", "Primitives", "TableSet"]

_SPARSE_SHARE = 0.25
"""Share of weights other than 0 below which clear integers take a sparse product."""

_EXACT_FLOATS = 2**53
"""Up to here a float64 holds every integer."""


@dataclass(frozen=True)
class TableSet:
    """Lookup tables and which of them each element of a tensor uses.

    Parameters
    ----------
    tables : ndarray of shape (n_tables, 2**width)
        Outputs by the bits of the index that are looked at.
    choice : ndarray
        Row of `tables` by element, broadcastable to the tensor without its batch axis.
    lsbs_to_remove : int
        Low bits of the index that are rounded away before the lookup.
    exact : bool
        Whether the rounding is exact (dearer), or may be off by one near ties.
    """

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
class Convolution:
    """Attributes of a convolution over channels-first tensors, named as in ONNX."""

    strides: tuple[int, ...]
    pads: tuple[int, ...]
    dilations: tuple[int, ...]
    group: int = 1


class Primitives(Protocol):
    """What a circuit may ask from the side that evaluates it."""

    def lookup(self, index: Any, tables: TableSet) -> Any:
        """Replace every element by its table's entry."""
        ...

    def matmul(self, x: Any, weights: IntArray) -> Any:
        """Multiply `x` (batch, ..., n_in) by a clear matrix (n_in, n_out)."""
        ...

    def convolve(self, x: Any, weight: IntArray, attributes: Convolution) -> Any:
        """Convolve `x` (batch, channels, ...) with clear weights (out, channels / group, ...)."""
        ...

    def multiply(self, x: Any, y: Any) -> Any:
        """Multiply two encrypted tensors element by element."""
        ...

    def pad(self, x: Any, before: tuple[int, ...], after: tuple[int, ...]) -> Any:
        """Put zeros around `x`; the batch axis stays as it is."""
        ...

    def bound(self, x: Any, upper: int) -> Any:
        """Declare that `x` lies within [0, `upper`]."""
        ...


class NumpyPrimitives:
    """The operations on clear integers."""

    def lookup(self, index: Any, tables: TableSet) -> Any:
        """See `Primitives.lookup`."""
        removed = tables.lsbs_to_remove
        if removed:
            half = 1 << (removed - 1)
            index = np.minimum((index + half) >> removed, (1 << tables.width) - 1)
        # one index into all tables laid end to end: much faster than one for table and entry
        return tables.tables.ravel()[index + tables.choice * tables.tables.shape[1]]

    def matmul(self, x: Any, weights: IntArray) -> Any:
        """See `Primitives.matmul`."""
        is_sparse = np.count_nonzero(weights) < _SPARSE_SHARE * weights.size
        if is_sparse and x.ndim == 2 and x.size:
            return _sparse_product(x, weights)
        return _dense_product(x, weights)

    def convolve(self, x: Any, weight: IntArray, attributes: Convolution) -> Any:
        """See `Primitives.convolve`; in floats, which are exact here and several times faster."""
        result = convolve(
            x.astype(np.float64),
            weight.astype(np.float64),
            dilations=attributes.dilations,
            group=attributes.group,
            pads=attributes.pads,
            strides=attributes.strides,
        )
        return result.astype(x.dtype)

    def multiply(self, x: Any, y: Any) -> Any:
        """See `Primitives.multiply`."""
        return x * y

    def pad(self, x: Any, before: tuple[int, ...], after: tuple[int, ...]) -> Any:
        """See `Primitives.pad`."""
        return np.pad(x, ((0, 0), *zip(before, after, strict=True)))

    def bound(self, x: Any, upper: int) -> Any:
        """See `Primitives.bound`; in the clear there is nothing to declare."""
        del upper
        return x


def _dense_product(x: IntArray, weights: IntArray) -> IntArray:
    """``x @ weights`` in floats where these are exact: NumPy has fast products of floats only."""
    if not x.size or not weights.size or _widest(x, weights) > _EXACT_FLOATS:
        return x @ weights
    result: IntArray = (x.astype(np.float64) @ weights.astype(np.float64)).astype(np.int64)
    return result


def _widest(x: IntArray, weights: IntArray) -> int:
    """Bound of the absolute values in ``x @ weights`` and on the way there."""
    return max(-int(x.min()), int(x.max())) * int(np.abs(weights).sum(axis=0).max())


def _sparse_product(x: IntArray, weights: IntArray) -> IntArray:
    """``x @ weights`` for weights that are mostly 0, in the narrowest integers that hold it."""
    matrix = sparse.csr_array(weights.T)
    widest = _widest(x, weights)
    kind = next(k for k in (np.int16, np.int32, np.int64) if widest <= np.iinfo(k).max)
    product = matrix.astype(kind) @ np.ascontiguousarray(x.T, dtype=kind)
    result: IntArray = product.T.astype(np.int64)
    return result
