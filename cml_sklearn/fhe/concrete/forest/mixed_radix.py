"""Numbers in mixed radix: how one index tells the states of several features apart.

The first digit counts how many intervals of a path fail: it's 0 if all hold. Every other digit
counts how many of some edges of one feature lie below the value. A digit with d values has radix
d; with radices r[0], r[1], ... the digits' number is ``digit[0] * r[1] * r[2] * ... + digit[1] *
r[2] * ... + ...``. Every digit is a sum of bits, so the number is one, too: see
`MixedRadix.bit_weights`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import prod

import numpy as np
from numpy.typing import NDArray

from cml_sklearn._typing import IntArray
from cml_sklearn.fhe.concrete.forest.terms import Interval

__all__ = ["MixedRadix", "Path", "count_states"]

Path = tuple[Interval, ...]


def count_states(path: Path, edges: Mapping[int, Sequence[int] | frozenset[int]]) -> int:
    """Count the numbers that a path and edges by feature make: the product of the radices."""
    states = len(path) + 1
    for ranks in edges.values():
        states *= len(ranks) + 1
    return states


@dataclass(frozen=True)
class MixedRadix:
    """What the digits count.

    Parameters
    ----------
    path : tuple of Interval
        Intervals whose failures the first digit counts.
    edges : dict of int to tuple of int
        By feature, the ranks of the bits that a digit adds up, ascending.
    """

    path: Path
    edges: dict[int, tuple[int, ...]]

    @property
    def n_states(self) -> int:
        """Number of values that the index takes."""
        return count_states(self.path, self.edges)

    @property
    def width(self) -> int:
        """Bits of the index."""
        return max(1, (self.n_states - 1).bit_length())

    @cached_property
    def _strides(self) -> list[int]:
        """Weight of every digit, the path's first: it counts most, the last feature's least."""
        radices = [len(self.path) + 1] + [len(ranks) + 1 for ranks in self.edges.values()]
        return [prod(radices[i + 1 :]) for i in range(len(radices))]

    def holds(self) -> NDArray[np.bool_]:
        """Whether the whole path holds, by state."""
        return np.arange(self.n_states) < self._strides[0]

    def above(self, feature: int, rank: int) -> NDArray[np.bool_]:
        """Whether the bit of an edge is 1, by state.

        Digit p of the edges e[0] < e[1] < ... means: bits e[:p] are 1, bits e[p:] are 0.
        """
        ranks = self.edges[feature]
        stride = self._strides[1 + list(self.edges).index(feature)]
        digit = np.arange(self.n_states) // stride % (len(ranks) + 1)
        return digit > ranks.index(rank)

    def bit_weights(self, starts: IntArray) -> tuple[dict[int, int], int]:
        """Weights by bit, and the constant, whose sum is the index.

        Parameters
        ----------
        starts : ndarray of int, shape (n_features,)
            First bit of each feature.
        """
        weights: dict[int, int] = {}
        constant = 0

        def add(feature: int, rank: int, weight: int) -> None:
            row = int(starts[feature]) + rank
            weights[row] = weights.get(row, 0) + weight

        for interval in self.path:
            # It fails unless (low bit) - (high bit) is 1, an absent low bit standing for 1.
            if interval.low >= 0:
                constant += self._strides[0]
                add(interval.feature, interval.low, -self._strides[0])
            if interval.high >= 0:
                add(interval.feature, interval.high, self._strides[0])
        for stride, (feature, ranks) in zip(self._strides[1:], self.edges.items(), strict=True):
            for rank in ranks:
                add(feature, rank, stride)
        return {row: weight for row, weight in weights.items() if weight}, constant
