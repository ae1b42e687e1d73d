"""A plan as a quantized module: quantizer, integer program and decoder."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from cml_sklearn.fhe.primitives import Primitives
from cml_sklearn.quantization.program import IntegerProgram, ProgramBuilder
from cml_sklearn.quantization.quantized_module import QuantizedModule
from cml_sklearn.quantization.steps import Add, AddConstant, Bounds, Lookup, MatMul, Step, Take
from cml_sklearn.quantization.trees.grid import FeatureGrid
from cml_sklearn.quantization.trees.plan import LookupGroup, LookupPlan
from cml_sklearn.quantization.trees.quantizer import GridQuantizer, Thermometer
from cml_sklearn.quantization.trees.structure import IntArray

__all__ = ["AddWithin", "plan_to_module", "plan_to_program"]


@dataclass(frozen=True)
class AddWithin(Step):
    """``x + constant``, known to lie in ``[0, upper]``.

    The plan proves a range that the intervals of `bounds` can't see: the lookups of one tree
    exclude each other.
    """

    constant: IntArray
    upper: IntArray

    def run(self, primitives: Primitives, *values: Any) -> Any:
        """See `Step.run`."""
        widest = Bounds(np.zeros_like(self.upper), self.upper).width
        return primitives.bound(values[0] + self.constant[None], 2**widest - 1)

    def bounds(self, *inputs: Bounds) -> Bounds:
        """See `Step.bounds`."""
        return Bounds(np.zeros_like(self.upper), self.upper)


def plan_to_module(plan: LookupPlan, grid: FeatureGrid, *, float32: bool) -> QuantizedModule:
    """Put a plan between the grid's quantizer and the plan's decoder.

    Parameters
    ----------
    plan : LookupPlan
    grid : FeatureGrid
        The one whose bits the plan is made of.
    float32 : bool
        See `GridQuantizer`.
    """
    quantizer = GridQuantizer(grid, float32)
    return QuantizedModule(plan_to_program(plan, grid.bit_features), (quantizer,), (plan.decoder,))


def plan_to_program(plan: LookupPlan, features: IntArray) -> IntegerProgram:
    """Write a plan as steps from the bits to the words.

    Parameters
    ----------
    plan : LookupPlan
    features : ndarray of int, shape (n_bits,)
        Feature of each bit.
    """
    none = np.zeros((1, len(features)), dtype=np.int64)
    builder = ProgramBuilder([Thermometer.of(features)], [none], np.ones(1))
    builder.source = "trees"
    parts = [_add_group(builder, group) for group in plan.groups]
    if len(plan.direct_rows) or not parts:
        rows = plan.direct_rows if len(plan.direct_rows) else np.zeros(1, dtype=np.int64)
        weights = plan.direct_weights if len(plan.direct_rows) else np.zeros((1, plan.n_words))
        direct = builder.add(Take(rows), 0)
        parts.append(builder.add(MatMul(weights.astype(np.int64)), direct))
    words = parts[0]
    for part in parts[1:]:
        words = builder.add(Add(), words, part)
    return builder.build([builder.add(AddWithin(plan.constant, plan.upper), words)])


def _add_group(builder: ProgramBuilder, group: LookupGroup) -> int:
    """Add the lookups of one width; gives the number of what they add to the words."""
    bits = builder.add(Take(group.rows), 0)
    index = builder.add(MatMul(group.index_weights), bits)
    if group.index_offset.any():
        index = builder.add(AddConstant(group.index_offset), index)
    entries = builder.add(Lookup(0, group.tables, np.arange(group.n_lookups)), index)
    return builder.add(MatMul(group.output_weights), entries)
