"""A plan as an integer program for the FHE compiler."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from cml_sklearn.fhe.primitives import Primitives, TableSet
from cml_sklearn.quantization.trees.plan import LookupGroup, LookupPlan

__all__ = ["TreeProgram"]


@dataclass(frozen=True)
class TreeProgram:
    """The server's half of a plan.

    Its inputs are copies of the bits, each of shape (n_samples, n_bits): one for every group, in
    order, then one for the direct bits if there are any. Copies let the compiler give every width
    of index parameters of its own.

    Parameters
    ----------
    plan : LookupPlan
        What to compute.
    """

    plan: LookupPlan

    @property
    def word_bits(self) -> int:
        """Width of the words as signed integers."""
        low, high = self.plan.word_range
        return max(int(high.max(initial=0)), int(-low.min(initial=0)) - 1).bit_length() + 1

    def run(self, primitives: Primitives, *inputs: Any) -> tuple[Any, ...]:
        """Evaluate on arrays or tracers; gives the words, shape (n_samples, n_words)."""
        parts = [
            _run_group(primitives, group, bits)
            for group, bits in zip(self.plan.groups, inputs, strict=False)
        ]
        if len(self.plan.direct_rows):
            parts.append(inputs[-1][:, self.plan.direct_rows] @ self.plan.direct_weights)
        if not parts:
            return (np.zeros((len(inputs[0]), self.plan.n_words), dtype=np.int64),)
        words = parts[0]
        for part in parts[1:]:
            words = words + part
        # Calibration data seldom reach the words' bounds, and a wider value would wrap silently.
        return (primitives.bound(words, 2**self.word_bits - 1),)


def _run_group(primitives: Primitives, group: LookupGroup, bits: Any) -> Any:
    index = bits[:, group.rows] @ group.index_weights + group.index_offset
    index = primitives.bound(index, 2**group.width - 1)
    entries = primitives.lookup(index, TableSet(group.tables, np.arange(group.n_lookups)))
    return entries @ group.output_weights
