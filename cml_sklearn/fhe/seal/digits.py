"""Features of a grid in two digits: a third of the ciphertexts, for one level of products more.

A feature of w bits has the value v, the number of its ones. With ``v = h B + l`` the bits of the
digits, ``[h >= i]`` and ``[l >= i]``, are ``w // B + B - 1``, and a bit of the grid is

    [v >= i B + j] = [h >= i + 1] + ([h >= i] - [h >= i + 1]) [l >= j].
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from cml_sklearn._typing import IntArray
from cml_sklearn.exceptions import InvalidInputError
from cml_sklearn.fhe.seal.tape import Combination, Operation, Product, Tape

__all__ = ["Digits"]


@dataclass(frozen=True)
class Digits:
    """Bits of two digits of each feature; the high digit's come first.

    Parameters
    ----------
    widths : tuple of int
        Bits of each feature, in order.
    bases : tuple of int
        Base of each feature's digits; above its width for a single digit.
    """

    widths: tuple[int, ...]
    bases: tuple[int, ...]

    def __post_init__(self) -> None:
        """Refuse what a file may say."""
        sound = len(self.widths) == len(self.bases) and min(self.widths, default=0) >= 1
        if not sound or min(self.bases) < 2:
            raise InvalidInputError(f"there are no digits of {self.bases} for {self.widths} bits")

    @classmethod
    def of(cls, features: IntArray) -> Digits:
        """Take the bases with the fewest bits.

        Parameters
        ----------
        features : ndarray of int
            Feature of each bit of the grid, ascending.
        """
        widths = np.unique(features, return_counts=True)[1].tolist()
        return cls(tuple(widths), tuple(map(_best_base, widths)))

    @property
    def n_columns(self) -> int:
        """Bits of all digits."""
        return int(self._starts[-1])

    def encode(self, bits: IntArray) -> IntArray:
        """Bits of the digits.

        Parameters
        ----------
        bits : ndarray of int, shape (n_bits, n_samples)
            Those of the grid: within a feature ones come first.

        Returns
        -------
        ndarray of int, shape (n_columns, n_samples)
        """
        starts = np.cumsum([0, *self.widths[:-1]])
        values = np.add.reduceat(bits, starts, axis=0, dtype=np.int64)
        high, low = np.divmod(values, np.array(self.bases)[:, None])
        parts = [
            digit[feature] >= np.arange(1, size + 1)[:, None]
            for feature, sizes in enumerate(self._sizes)
            for digit, size in zip((high, low), sizes, strict=True)
        ]
        return np.vstack(parts).astype(np.int8)

    def tape(self, tape: Tape) -> Tape:
        """Operations on bits of digits that do what others do on bits of the grid."""
        return _Translation(self, tape).result

    def places(self, bit: int) -> tuple[int | None, int | None, int | None]:
        """Columns that a bit of the grid is made of.

        Returns
        -------
        at least, above, low : int, optional
            Of ``[h >= i]``, which is None where it always holds; of ``[h >= i + 1]``, None where
            it never does; of ``[l >= j]``, None for a bit that is ``[h >= i]``.
        """
        ends = np.cumsum(self.widths)
        feature = int(np.searchsorted(ends, bit, side="right"))
        number = bit - int(ends[feature]) + self.widths[feature] + 1
        i, j = divmod(number, self.bases[feature])
        start, n_high = int(self._starts[feature]), self._sizes[feature][0]
        return (
            start + i - 1 if i else None,
            start + i if i < n_high else None,
            start + n_high + j - 1 if j else None,
        )

    @cached_property
    def _sizes(self) -> list[tuple[int, int]]:
        """Bits of the high and of the low digit of each feature."""
        pairs = zip(self.widths, self.bases, strict=True)
        return [(width // base, min(base - 1, width)) for width, base in pairs]

    @cached_property
    def _starts(self) -> IntArray:
        return np.cumsum([0, *map(sum, self._sizes)])


def _best_base(width: int) -> int:
    """Find the base with the fewest bits; of several, the largest."""
    return min(range(width + 1, 1, -1), key=lambda base: width // base + min(base - 1, width))


class _Translation:
    """Writes a tape again; a bit of the grid is computed where it is read first."""

    def __init__(self, digits: Digits, tape: Tape) -> None:
        self._digits, self._n_bits = digits, tape.n_inputs
        self._operations: list[Operation] = []
        self._nodes: dict[int, int] = {}
        for number, operation in enumerate(tape.operations, start=tape.n_inputs):
            self._nodes[number] = self._write(self._translated(operation))
        outputs = tuple(self._nodes[node] for node in tape.outputs)
        self.result = Tape(digits.n_columns, tuple(self._operations), outputs)

    def _translated(self, operation: Operation) -> Operation:
        if isinstance(operation, Product):
            return Product(self._node(operation.left), self._node(operation.right))
        nodes = np.array([self._node(node) for node in operation.nodes.tolist()], dtype=np.int64)
        return Combination(nodes, operation.weights, operation.constant)

    def _node(self, node: int) -> int:
        if node not in self._nodes:
            self._nodes[node] = self._bit(*self._digits.places(node))
        return self._nodes[node]

    def _bit(self, at_least: int | None, above: int | None, low: int | None) -> int:
        """Node of a bit of the grid."""
        if low is not None and at_least is not None:
            equal = at_least if above is None else self._sum({at_least: 1, above: -1})
            both = self._write(Product(equal, low))
            return both if above is None else self._sum({above: 1, both: 1})
        if low is not None and above is not None:
            return self._sum({above: 1, low: 1, self._write(Product(above, low)): -1})
        return next(column for column in (at_least, low) if column is not None)

    def _sum(self, terms: dict[int, int]) -> int:
        return self._write(Combination(np.array([*terms]), np.array([*terms.values()]), 0))

    def _write(self, operation: Operation) -> int:
        self._operations.append(operation)
        return self._digits.n_columns + len(self._operations) - 1
