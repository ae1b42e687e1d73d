"""A module in the making: its program, the calibration run, and how lookups round."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cml_sklearn._typing import FloatArray, IntArray
from cml_sklearn.program.bounds import Bounds, OneHot
from cml_sklearn.program.builder import ProgramBuilder
from cml_sklearn.program.evaluation import evaluate
from cml_sklearn.program.steps import Step
from cml_sklearn.quantization.affine import AffineQuantizer
from cml_sklearn.quantization.bit_widths import Widths, width_of
from cml_sklearn.quantization.encoders import IndexEncoder
from cml_sklearn.quantization.ranges import RangeMethod

__all__ = ["ModuleBuilder", "Rounding"]


_WIDEST_SPREAD = 16
"""Bits to which an index is spread: more would only make the tables longer."""

_SPREAD_BITS = 3
"""Bits added to an approximately rounded index: an integer factor then fills it to an eighth."""


@dataclass(frozen=True)
class Rounding:
    """How one layer of lookups rounds its indices.

    Parameters
    ----------
    kept_bits : int, optional
        Bits of an index that are looked at; None: all.
    exact : bool
        See `Lookup`.
    """

    kept_bits: int | None
    exact: bool

    def lsbs_to_remove(self, width: int) -> int:
        """Low bits of an index that are rounded away."""
        return 0 if self.kept_bits is None else max(width - self.kept_bits, 0)

    def kept_indices(self, width: int) -> IntArray:
        """Give the indices that are left of a width when low bits are rounded away."""
        removed = self.lsbs_to_remove(width)
        return np.arange(1 << (width - removed)) << removed

    def largest_index(self, width: int) -> int:
        """Largest index that leaves a width the last of the kept steps, to round up into."""
        return (1 << width) - (1 << self.lsbs_to_remove(width))

    def index_width(self, span: int) -> int:
        """Bits for an index from 0 to `span`, also after it is rounded up."""
        return self._roomy(span, max(span.bit_length(), 1))

    def spread_width(self, span: int) -> int:
        """Bits for an index from 0 to `span` that is multiplied until it fills them."""
        least = span.bit_length()
        if self.exact:
            return self._roomy(span, least)
        return self._roomy(span, max(least, min(least + _SPREAD_BITS, _WIDEST_SPREAD)))

    def _roomy(self, span: int, width: int) -> int:
        """Width, or a bit more where rounding up could overflow it."""
        return width + (span > self.largest_index(width))


class ModuleBuilder:
    """Appends steps to a program and runs the calibration data through each of them.

    Parameters
    ----------
    quantizers : sequence of AffineQuantizer or IndexEncoder
        One for each input.
    samples : sequence of ndarray of shape (n_samples, ...)
        Calibration data, one for each input.
    sample_weight : ndarray of shape (n_samples,)
        Weights of the calibration data, which add up to 1.
    kept_bits : int or tuple of int, optional
        Bits of an index that lookups look at, for all or for each layer of lookups; None: all.
    exact_rounding : bool
        See `Lookup`.
    range_method : {"mse", "min-max", "percentile"}
        How ranges of codes are chosen: see `best_range`.
    exact_squares : bool
        Whether squares are products of integers, however wide, instead of lookups.

    Attributes
    ----------
    program : ProgramBuilder
    """

    def __init__(
        self,
        quantizers: Sequence[AffineQuantizer | IndexEncoder],
        samples: Sequence[FloatArray],
        sample_weight: FloatArray,
        *,
        kept_bits: Widths | None = None,
        exact_rounding: bool = True,
        range_method: RangeMethod = "mse",
        exact_squares: bool = False,
    ) -> None:
        pairs = list(zip(quantizers, samples, strict=True))
        self._codes = [quantizer.quantize(x) for quantizer, x in pairs]
        ranges = [
            _range(quantizer, codes.shape[1:])
            for quantizer, codes in zip(quantizers, self._codes, strict=True)
        ]
        self.program = ProgramBuilder(ranges)
        self.sample_weight = sample_weight
        self._kept_bits, self._exact_rounding = kept_bits, exact_rounding
        self.range_method = range_method
        self.exact_squares = exact_squares

    def add(self, step: Step, *inputs: int) -> int:
        """Append a step; returns the number of the tensor that it makes."""
        number = self.program.add(step, *inputs)  # first, since it refuses what might overflow
        self._codes.append(evaluate(step, *(self._codes[i] for i in inputs)))
        return number

    def holds_rows(self, tensor: int) -> bool:
        """Whether a tensor is an input of bits for the rows of a table, by `IndexEncoder`."""
        return isinstance(self.program.bounds(tensor), OneHot)

    def codes(self, tensor: int) -> IntArray:
        """Integers of a tensor on the calibration data, shape (n_samples, ...)."""
        return self._codes[tensor]

    @property
    def rounding(self) -> Rounding:
        """Rounding of the next layer of lookups."""
        kept = self._kept_bits
        bits = None if kept is None else width_of(kept, self.program.n_lookups)
        return Rounding(bits, self._exact_rounding)

    @property
    def fewest_kept_bits(self) -> int | None:
        """Fewest bits of an index that any layer of lookups looks at; None: all."""
        kept = self._kept_bits
        return min(kept) if isinstance(kept, tuple) else kept


def _range(quantizer: AffineQuantizer | IndexEncoder, shape: tuple[int, ...]) -> Bounds:
    """Range of the codes of a sample of a shape."""
    if isinstance(quantizer, IndexEncoder):
        return OneHot.of(shape)
    upper = np.broadcast_to(quantizer.upper, shape)
    return Bounds(np.zeros_like(upper), upper)
