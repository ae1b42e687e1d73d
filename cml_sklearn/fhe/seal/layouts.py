"""How samples stand in ciphertexts: side by side in coefficients, or in slots."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from cml_sklearn._typing import IntArray
from cml_sklearn.exceptions import InvalidInputError
from cml_sklearn.fhe.seal.digits import Digits

__all__ = ["Batches", "CoefficientLayout", "Layout", "Layouts", "Place", "SlotLayout"]

LEAST_BLOCK = 16
"""Slots of a column in the smallest batches: fewer would spare bytes, but need more keys."""


class Place(NamedTuple):
    """Where a column stands.

    Attributes
    ----------
    ciphertext : int
    turns : int
        What brings its block to the front: a bit for each of a layout's automorphisms.
    """

    ciphertext: int
    turns: int


@dataclass(frozen=True)
class SlotLayout:
    """Samples in slots; the columns of small batches share ciphertexts.

    Slots are two rows of n/2, which rotate together. A column of a batch fills one block of them.

    Parameters
    ----------
    n : int
        Ring dimension, and number of slots.
    block : int
        Slots of a column, a power of two: n/2 or less, or n.
    """

    n: int
    block: int

    @property
    def blocks_a_row(self) -> int:
        """Blocks in a row of slots."""
        return max(self.n // 2 // self.block, 1)

    @property
    def columns(self) -> int:
        """Columns in a ciphertext."""
        return 1 if self.block == self.n else 2 * self.blocks_a_row

    def n_ciphertexts(self, n_columns: int) -> int:
        """Ciphertexts of a batch."""
        return -(-n_columns // self.columns)

    def pack(self, columns: IntArray) -> Iterator[IntArray]:
        """Put columns, shape (n_columns, n_samples), into slots; the rest are zeros."""
        for first in range(0, len(columns), self.columns):
            part = columns[first : first + self.columns]
            slots = np.zeros((self.columns, self.block), dtype=np.int64)
            slots[: len(part), : part.shape[1]] = part
            yield slots.ravel()

    def place(self, column: int) -> Place:
        """Find a column."""
        return Place(*divmod(column, self.columns))

    def ways(self, columns: Iterable[int]) -> dict[Place, Place]:
        """Ways to bring blocks to the front, one automorphism after the other.

        Parameters
        ----------
        columns : iterable of int
            Those that are read.

        Returns
        -------
        dict of Place to Place
            For every place on a way but the fronts, the one from which a turn leads there.
        """
        ends = defaultdict(list)
        for ciphertext, turns in map(self.place, columns):
            ends[ciphertext].append(turns)
        return {
            Place(ciphertext, turns): Place(ciphertext, before)
            for ciphertext, turns_there in ends.items()
            for turns, before in _shared_ways(turns_there).items()
        }

    @property
    def galois_elements(self) -> list[int]:
        """Automorphisms that bring any block to the front: rotations by powers of two, and rows.

        A column's number has one bit for each: the highest tells the rows, others the blocks.
        """
        if self.columns == 1:
            return []
        steps = range(self.blocks_a_row.bit_length() - 1)
        return [*(pow(3, self.block << i, 2 * self.n) for i in steps), 2 * self.n - 1]


def _shared_ways(ends: list[int]) -> dict[int, int]:
    """Few turns that reach all of some sets of turns, each from a part of it.

    Short ways first; each begins at the nearest place that is known, and turns to where most of
    the later ones pass, too.
    """
    ends = sorted(ends, key=lambda end: (end.bit_count(), end))
    later = np.array(ends)
    before: dict[int, int] = {}
    for position, end in enumerate(ends):
        at = max((k for k in (0, *before) if not k & ~end), key=int.bit_count)
        while at != end:
            missing = (1 << i for i in range(end.bit_length()) if (end & ~at) >> i & 1)
            rest = later[position:]
            step = max((at | bit for bit in missing), key=lambda s: int(np.sum(s & ~rest == 0)))
            before[step] = at
            at = step
    return before


@dataclass(frozen=True)
class CoefficientLayout:
    """Samples one after the other in the coefficients of a polynomial.

    With x(X) = sum x[s, f] X**(s F + f) and w(X) = sum w[f] X**(F - 1 - f), the coefficient
    s F + F - 1 of their product is the scalar product of sample s, modulo X**n + 1, too. Samples of
    more than n features go over several ciphertexts.

    Parameters
    ----------
    n : int
        Ring dimension.
    n_features : int
    """

    n: int
    n_features: int

    @property
    def width(self) -> int:
        """Features of a sample in one ciphertext."""
        return min(self.n_features, self.n)

    @property
    def samples(self) -> int:
        """Samples in a ciphertext."""
        return self.n // self.width

    def n_ciphertexts(self, n_columns: int) -> int:
        """Ciphertexts of a batch of up to `samples`."""
        return -(-n_columns // self.n)

    def pack(self, columns: IntArray) -> Iterator[IntArray]:
        """Put columns, shape (n_features, n_samples), into coefficients."""
        for first in range(0, self.n_features, self.n):
            part = np.zeros((columns.shape[1], self.width), dtype=np.int64)
            chunk = columns[first : first + self.n].T
            part[:, : chunk.shape[1]] = chunk
            yield part.ravel()

    def weights(self, column: IntArray) -> list[IntArray]:
        """Coefficients of the polynomials that multiply the ciphertexts, for one output."""
        parts = []
        for first in range(0, self.n_features, self.n):
            part = np.zeros(self.width, dtype=np.int64)
            chunk = column[first : first + self.n]
            part[: len(chunk)] = chunk
            parts.append(part[::-1])
        return parts

    def results(self, n_samples: int) -> IntArray:
        """Coefficients of the samples' scalar products."""
        return np.arange(1, n_samples + 1) * self.width - 1


Layout = SlotLayout | CoefficientLayout


@dataclass(frozen=True)
class Layouts:
    """The layouts of a circuit by the size of the batch, as both halves know them.

    Parameters
    ----------
    n : int
        Ring dimension.
    n_columns : int
        Elements of a sample, or bits of its digits.
    is_affine : bool
        Whether no ciphertexts are multiplied.
    digits : Digits, optional
        Of whose bits there are ciphertexts instead of those of the grid.
    """

    n: int
    n_columns: int
    is_affine: bool
    digits: Digits | None = None

    def __post_init__(self) -> None:
        """Refuse what a file may say."""
        if self.n < 2 * LEAST_BLOCK or self.n & (self.n - 1) or self.n_columns < 1:
            raise InvalidInputError(f"there are no layouts of {self.n_columns} columns in {self.n}")
        if self.digits is not None and self.digits.n_columns != self.n_columns:
            raise InvalidInputError(f"there are no digits in {self.n_columns} columns")

    def of(self, n_samples: int) -> Layout:
        """Layout of a batch of 1 to n samples."""
        if self.digits is not None:
            return SlotLayout(self.n, self.n)
        if not self.is_affine:
            block = max(LEAST_BLOCK, 1 << (n_samples - 1).bit_length())
            return SlotLayout(self.n, block if block <= self.n // 2 else self.n)
        coefficients = CoefficientLayout(self.n, self.n_columns)
        fits = n_samples <= coefficients.samples
        return coefficients if fits else SlotLayout(self.n, self.n)

    @property
    def galois_elements(self) -> list[int]:
        """Automorphisms of the smallest block, which those of larger ones are among."""
        if self.is_affine or self.digits is not None:
            return []
        return SlotLayout(self.n, LEAST_BLOCK).galois_elements

    def columns(self, *inputs: IntArray) -> IntArray:
        """Columns of a batch, shape (n_columns, n_samples), of all inputs' elements in a row."""
        rows = [x.reshape(len(x), -1) for x in inputs]
        columns = (rows[0] if len(rows) == 1 else np.hstack(rows)).T
        return columns if self.digits is None else self.digits.encode(columns)


@dataclass(frozen=True)
class Batches:
    """How samples are parted.

    Parameters
    ----------
    largest : int
        Most samples in a batch.
    small : int
        Samples that go in the coefficients of a ciphertext; 0 where all go in slots.
    most_small : int
        Batches in coefficients that take no longer than one in slots.
    """

    largest: int
    small: int = 0
    most_small: int = 0

    def sizes(self, n_samples: int) -> list[int]:
        """Sizes of the batches of some samples."""
        return [size for part in _parted(n_samples, self.largest) for size in self._best(part)]

    def _best(self, size: int) -> list[int]:
        """Part a batch into small ones, where that takes no longer."""
        n_small = -(-size // self.small) if self.small else 0
        return _parted(size, self.small) if 0 < n_small <= self.most_small else [size]


def _parted(n_samples: int, size: int) -> list[int]:
    """Full batches, and one of what is left."""
    full, rest = divmod(n_samples, size)
    return [size] * full + [rest] * (rest > 0)
