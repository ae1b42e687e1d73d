"""A planned forest: packed lookups of sums of bits, and the sums of what they give."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cml_sklearn.quantization.trees.structure import FloatArray, IntArray

__all__ = ["LookupGroup", "LookupPlan", "WordDecoder"]


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
class WordDecoder:
    """From words to a forest's outputs; the parameters are those of `LookupPlan`."""

    field_word: IntArray
    field_shift: IntArray
    field_bits: int
    scale: FloatArray
    offset: FloatArray

    def dequantize(self, values: IntArray) -> FloatArray:
        """Decode words (n_samples, n_words) to outputs (n_samples, n_outputs)."""
        fields = values[:, self.field_word] >> self.field_shift
        shared = np.bincount(self.field_word)[self.field_word] > 1
        fields = np.where(shared, fields & ((1 << self.field_bits) - 1), fields)
        return fields @ self.scale + self.offset


@dataclass(frozen=True)
class LookupPlan:
    """An integer program for a forest: words on the server, outputs on the client.

    The server adds up the groups' ``lookups @ output_weights``, ``bits[:, direct_rows] @
    direct_weights`` and `constant`; these are the words. The client cuts the words into fields and
    scales these.

    Parameters
    ----------
    n_bits : int
        Number of thermometer bits of the grid.
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
    field_word, field_shift : ndarray of int, shape (n_fields,)
        Where each field stands: bits ``shift`` to ``shift + field_bits`` of the word.
    field_bits : int
        Width of a field.
    scale : ndarray, shape (n_fields, n_outputs)
        From fields to outputs.
    offset : ndarray, shape (n_outputs,)
        Added to the outputs.
    max_error : ndarray, shape (n_outputs,)
        Bound of the difference from the forest of floats.
    """

    n_bits: int
    groups: tuple[LookupGroup, ...]
    direct_rows: IntArray
    direct_weights: IntArray
    constant: IntArray
    upper: IntArray
    field_word: IntArray
    field_shift: IntArray
    field_bits: int
    scale: FloatArray
    offset: FloatArray
    max_error: FloatArray

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

    def evaluate(self, bits: NDArray[np.integer]) -> IntArray:
        """Compute the words from bits (n_samples, n_bits), lookup by lookup.

        Returns
        -------
        ndarray of int, shape (n_samples, n_words)
            In ``[0, upper]``.
        """
        words = np.zeros((self.n_words, len(bits)), dtype=np.int64)
        for group in self.groups:
            columns = [bits[:, row].astype(np.int16) for row in group.rows]
            for lookup in range(group.n_lookups):
                entries = _look_up(group, lookup, columns, len(bits))
                _add(words, group.output_weights[lookup], entries)
        for row, weights in zip(self.direct_rows, self.direct_weights, strict=True):
            _add(words, weights, bits[:, row].astype(np.int64))
        return words.T + self.constant

    @property
    def decoder(self) -> WordDecoder:
        """What the client needs to read words to which the constant has been added."""
        return WordDecoder(
            self.field_word, self.field_shift, self.field_bits, self.scale, self.offset
        )


def _look_up(
    group: LookupGroup, lookup: int, columns: list[NDArray[np.int16]], n_samples: int
) -> IntArray:
    weights = group.index_weights[:, lookup]
    index = np.full(n_samples, group.index_offset[lookup], dtype=np.int16)
    for row in np.flatnonzero(weights):
        index += np.int16(weights[row]) * columns[row]
    return group.tables[lookup].take(index)


def _add(words: IntArray, weights: IntArray, entries: IntArray) -> None:
    for word in np.flatnonzero(weights):
        words[word] += weights[word] * entries
