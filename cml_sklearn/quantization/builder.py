"""A module in the making: its program, the calibration run, and how lookups round."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cml_sklearn._typing import FloatArray, IntArray
from cml_sklearn.program.bounds import Bounds
from cml_sklearn.program.builder import ProgramBuilder
from cml_sklearn.program.evaluation import evaluate
from cml_sklearn.program.steps import Step
from cml_sklearn.quantization.bit_widths import Widths, width_of
from cml_sklearn.quantization.ranges import RangeMethod

__all__ = ["ModuleBuilder", "Rounding", "RoundingPolicy"]


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


@dataclass(frozen=True)
class RoundingPolicy:
    """How lookups round their indices.

    Parameters
    ----------
    kept_bits : int or tuple of int, optional
        Bits of an index that lookups look at, for all or for each layer of lookups; None: all.
    exact : bool
        See `Lookup`.
    """

    kept_bits: Widths | None = None
    exact: bool = True

    def at(self, layer: int) -> Rounding:
        """Give the rounding of one layer of lookups."""
        kept = None if self.kept_bits is None else width_of(self.kept_bits, layer)
        return Rounding(kept, self.exact)


class ModuleBuilder:
    """Appends steps to a program and runs the calibration data through each of them.

    Parameters
    ----------
    input_bounds : sequence of Bounds
    input_codes : sequence of ndarray of int, shape (n_samples, ...)
        Quantized calibration data.
    sample_weight : ndarray of shape (n_samples,)
        Weights of the calibration data, which add up to 1.
    rounding : RoundingPolicy
    range_method : {"mse", "min-max", "percentile"}
        How ranges of codes are chosen: see `best_range`.

    Attributes
    ----------
    program : ProgramBuilder
    """

    def __init__(
        self,
        input_bounds: Sequence[Bounds],
        input_codes: Sequence[IntArray],
        sample_weight: FloatArray,
        *,
        rounding: RoundingPolicy | None = None,
        range_method: RangeMethod = "mse",
    ) -> None:
        self.program = ProgramBuilder(input_bounds)
        self._codes = list(input_codes)
        self.sample_weight = sample_weight
        self._policy = rounding or RoundingPolicy()
        self.range_method = range_method

    def add(self, step: Step, *inputs: int) -> int:
        """Append a step; returns the number of the tensor that it makes."""
        self._codes.append(evaluate(step, *(self._codes[i] for i in inputs)))
        return self.program.add(step, *inputs)

    def codes(self, tensor: int) -> IntArray:
        """Integers of a tensor on the calibration data, shape (n_samples, ...)."""
        return self._codes[tensor]

    @property
    def rounding(self) -> Rounding:
        """Rounding of the next layer of lookups."""
        return self._policy.at(self.program.n_lookups)
