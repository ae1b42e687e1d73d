"""A planned forest: packed lookups of sums of bits, and the sums of what they give."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cml_sklearn._typing import IntArray

__all__ = ["LookupGroup", "LookupPlan", "OutputWords", "WordLayout"]


@dataclass(frozen=True)
class LookupGroup:
    """Lookups of one width: ``tables[bits[:, rows] @ index_weights + index_offset]``.

    Parameters
    ----------
    width : int
        Bits of the index.
    rows : ndarray of int, shape (n_rows,)
        The bits that the indices need.
    index_weights : ndarray of int, shape (n_rows, n_lookups)
        Mostly zeros.
    index_offset : ndarray of int, shape (n_lookups,)
        Added to the index, which then lies within ``[0, 2**width)``.
    tables : ndarray of int, shape (n_lookups, 2**width)
        Entries past an index's range are 0.
    output_weights : ndarray of int, shape (n_lookups, n_words)
        How the tables' entries add to the words.
    """

    width: int
    rows: IntArray
    index_weights: IntArray
    index_offset: IntArray
    tables: IntArray
    output_weights: IntArray

    @property
    def n_lookups(self) -> int:
        """Number of lookups."""
        return len(self.tables)


@dataclass(frozen=True)
class WordLayout:
    """Where fields stand in encrypted words: what the client needs to read them.

    Parameters
    ----------
    word, shift : ndarray of int, shape (n_fields,)
        A field is the bits ``shift`` to ``shift + n_bits`` of its word.
    n_bits : int
        Width of a field.
    """

    word: IntArray
    shift: IntArray
    n_bits: int

    def fields(self, words: IntArray) -> IntArray:
        """Cut words (n_samples, n_words) into fields (n_samples, n_fields)."""
        fields = words[:, self.word] >> self.shift
        shared = np.bincount(self.word)[self.word] > 1
        return np.where(shared, fields & ((1 << self.n_bits) - 1), fields)


@dataclass(frozen=True)
class OutputWords:
    """What the client needs to read the outputs of a circuit.

    Parameters
    ----------
    layouts : tuple of WordLayout or None
        For each output, how fields stand in its words; None where it is an output as it was.
    """

    layouts: tuple[WordLayout | None, ...]

    def fields(self, *outputs: IntArray) -> tuple[IntArray, ...]:
        """Make outputs of the program with trees out of decrypted ones of the lowered program."""
        pairs = zip(self.layouts, outputs, strict=True)
        return tuple(y if layout is None else layout.fields(y) for layout, y in pairs)


@dataclass(frozen=True)
class LookupPlan:
    """How words come from bits.

    The server adds up the groups' ``lookups @ output_weights``, ``bits[:, direct_rows] @
    direct_weights`` and `constant`; these are the words.

    Parameters
    ----------
    groups : tuple of LookupGroup
        By ascending width; none for forests that are sums of bits.
    direct_rows : ndarray of int, shape (n_direct,)
        Bits that add to words without a lookup.
    direct_weights : ndarray of int, shape (n_direct, n_words)
        Their weights.
    constant : ndarray of int, shape (n_words,)
        Added to the words, which then lie within ``[0, upper]``.
    upper : ndarray of int, shape (n_words,)
        Bound of the words.
    layout : WordLayout
        Of the fields in the words.
    """

    groups: tuple[LookupGroup, ...]
    direct_rows: IntArray
    direct_weights: IntArray
    constant: IntArray
    upper: IntArray
    layout: WordLayout

    @property
    def n_words(self) -> int:
        """Number of encrypted integers that leave the server."""
        return len(self.constant)

    @property
    def n_lookups(self) -> int:
        """Number of lookups, each one bootstrap."""
        return sum(group.n_lookups for group in self.groups)

    @property
    def n_key_sets(self) -> int:
        """Number of sets of evaluation keys: one a width, and one for the direct bits."""
        return len(self.groups) + (len(self.direct_rows) > 0)
