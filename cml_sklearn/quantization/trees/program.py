"""A plan as a quantized module: quantizer, integer program and decoder."""

from __future__ import annotations

from typing import Any

import numpy as np

from cml_sklearn.program.bounds import Bounds, Thermometer
from cml_sklearn.program.builder import ProgramBuilder
from cml_sklearn.program.program import IntegerProgram
from cml_sklearn.program.steps import Add, AddConstant, Declare, Lookup, MatMul, Take
from cml_sklearn.quantization.trees.grid import FeatureGrid
from cml_sklearn.quantization.trees.plan import LookupGroup, LookupPlan
from cml_sklearn.quantization.trees.quantizer import GridQuantizer
from cml_sklearn.quantization.trees.structure import IntArray

__all__ = ["plan_to_module", "plan_to_program"]


def plan_to_module(plan: LookupPlan, grid: FeatureGrid, *, float32: bool) -> Any:
    """Put a plan between the grid's quantizer and the plan's decoder.

    Parameters
    ----------
    plan : LookupPlan
    grid : FeatureGrid
        The one whose bits the plan is made of.
    float32 : bool
        See `GridQuantizer`.
    """
    from cml_sklearn.quantization.quantized_module import QuantizedModule

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
    builder = ProgramBuilder([Thermometer.of(features)])
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
    widest = Bounds(np.zeros_like(plan.upper), plan.upper).width
    words = builder.add(AddConstant(plan.constant), words)
    return builder.build([builder.add(Declare(2**widest - 1), words)])


def _add_group(builder: ProgramBuilder, group: LookupGroup) -> int:
    """Add the lookups of one width; gives the number of what they add to the words."""
    bits = builder.add(Take(group.rows), 0)
    index = builder.add(MatMul(group.index_weights), bits)
    if group.index_offset.any():
        index = builder.add(AddConstant(group.index_offset), index)
    entries = builder.add(Lookup(0, group.tables, np.arange(group.n_lookups)), index)
    return builder.add(MatMul(group.output_weights), entries)
