"""How samples stand in ciphertexts: side by side in coefficients, or in slots."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from cml_sklearn._typing import IntArray
from cml_sklearn.exceptions import InvalidInputError

__all__ = ["Batches", "CoefficientLayout", "Layout", "Layouts", "Place", "SlotLayout"]

LEAST_BLOCK = 16
"""Slots of a column in the smallest batches: fewer would spare bytes, but need more keys."""


class Place(NamedTuple):
    """Where a column stands: ciphertext, whether in the second row of slots, and which block."""

    ciphertext: int
    second_row: bool
    block: int


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
        ciphertext, rest = divmod(column, self.columns)
        row, block = divmod(rest, self.blocks_a_row)
        return Place(ciphertext, bool(row), block)

    @staticmethod
    def before(place: Place) -> Place | None:
        """Where a block was one rotation earlier on its way to the front; None at the front."""
        if place.second_row:
            return place._replace(second_row=False)
        return place._replace(block=place.block & (place.block - 1)) if place.block else None

    def ways(self, columns: list[int]) -> set[Place]:
        """All places on the ways of some columns to the front."""
        places: set[Place] = set()
        for column in columns:
            place: Place | None = self.place(column)
            while place is not None and place not in places:
                places.add(place)
                place = self.before(place)
        return places

    @property
    def galois_elements(self) -> list[int]:
        """Automorphisms that bring any block to the front: rotations by powers of two, and rows."""
        if self.columns == 1:
            return []
        steps = range(self.blocks_a_row.bit_length() - 1)
        return [*(pow(3, self.block << i, 2 * self.n) for i in steps), 2 * self.n - 1]


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
        Elements of a sample.
    is_affine : bool
        Whether no ciphertexts are multiplied.
    """

    n: int
    n_columns: int
    is_affine: bool

    def __post_init__(self) -> None:
        """Refuse what a file may say."""
        if self.n < 2 * LEAST_BLOCK or self.n & (self.n - 1) or self.n_columns < 1:
            raise InvalidInputError(f"there are no layouts of {self.n_columns} columns in {self.n}")

    def of(self, n_samples: int) -> Layout:
        """Layout of a batch of 1 to n samples."""
        if not self.is_affine:
            block = max(LEAST_BLOCK, 1 << (n_samples - 1).bit_length())
            return SlotLayout(self.n, block if block <= self.n // 2 else self.n)
        coefficients = CoefficientLayout(self.n, self.n_columns)
        fits = n_samples <= coefficients.samples
        return coefficients if fits else SlotLayout(self.n, self.n)

    @property
    def galois_elements(self) -> list[int]:
        """Automorphisms of the smallest block, which those of larger ones are among."""
        return [] if self.is_affine else SlotLayout(self.n, LEAST_BLOCK).galois_elements


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
