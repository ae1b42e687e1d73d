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

__all__ = ["ModuleBuilder", "RoundingPolicy"]


@dataclass(frozen=True)
class RoundingPolicy:
    """How lookups round their indices.

    Parameters
    ----------
    kept_bits : int or tuple of int, optional
        Bits of an index that lookups keep, for all or for each layer of lookups; None: all.
    exact : bool
        See `Lookup`.
    """

    kept_bits: Widths | None = None
    exact: bool = True

    def lsbs_to_remove(self, index_width: int, layer: int) -> int:
        """Low bits that a layer's lookups round away."""
        kept = index_width if self.kept_bits is None else width_of(self.kept_bits, layer)
        return max(index_width - kept, 0)


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
        self.rounding = rounding or RoundingPolicy()
        self.range_method = range_method

    def add(self, step: Step, *inputs: int) -> int:
        """Append a step; returns the number of the tensor that it makes."""
        self._codes.append(evaluate(step, *(self._codes[i] for i in inputs)))
        return self.program.add(step, *inputs)

    def codes(self, tensor: int) -> IntArray:
        """Integers of a tensor on the calibration data, shape (n_samples, ...)."""
        return self._codes[tensor]

    def lsbs_to_remove(self, index_width: int) -> int:
        """Low bits that the next layer of lookups rounds away."""
        return self.rounding.lsbs_to_remove(index_width, self.program.n_lookups)
