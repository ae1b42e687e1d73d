"""Cost of a lookup by its index's width, in millions of the FHE optimizer's operations.

Measured with the backend's optimizer at an error of 2**-40 a lookup. The sum of the lookups
decides how exact a lookup's output must be: up to some width of the sum one level of decomposition
does, then two, then three, and every level adds about half.
"""

from __future__ import annotations

import math

from cml_sklearn.fhe.concrete.forest.plan import LookupPlan

__all__ = ["KEY_COST", "MAX_WIDTH", "lookup_cost", "plan_cost"]

MAX_WIDTH = 8

# Each width of index, and the bits outside of lookups, need evaluation keys of their own. These
# make circuits larger and slower to start: worth it only for such a share of the operations.
KEY_COST = 0.04

# Width of the index -> cost with one level, two and three.
_COSTS = {
    1: (50.8, 73.0, 99.1),
    2: (54.8, 81.0, 108.0),
    3: (68.7, 100.8, 132.6),
    4: (97.9, 142.1, 186.4),
    5: (226.5, 329.6, 432.5),
    6: (526.0, 763.5, 998.4),
    7: (1200.5, 1737.7, 2274.7),
    8: (2800.0, 4000.0, 5200.0),
}
# Twice the sum's width plus log2(number of lookups), up to which one and two levels do.
_ONE_LEVEL = {1: 21, 2: 21, 3: 20, 4: 19, 5: 18, 6: 16, 7: 16, 8: 16}
_TWO_LEVELS = {1: 34, 2: 35, 3: 35, 4: 32, 5: 32, 6: 32, 7: 28, 8: 28}


def lookup_cost(width: int, sum_bits: int, n_lookups: int) -> float:
    """Cost of one lookup among `n_lookups` that are added up to `sum_bits` bits."""
    return _cost(width, 2 * sum_bits + math.log2(max(n_lookups, 1)))


def _cost(width: int, spread: float) -> float:
    level = 0 if spread <= _ONE_LEVEL[width] else 1 if spread <= _TWO_LEVELS[width] else 2
    return _COSTS[width][level]


def plan_cost(plan: LookupPlan, key_cost: float = 0.0) -> float:
    """Cost of a plan, by the word that asks most of the lookups.

    Parameters
    ----------
    plan : LookupPlan
        Any.
    key_cost : float
        Share of the cost that every further set of keys adds.
    """
    if not plan.groups:
        return 0.0
    widths = [int(upper).bit_length() for upper in plan.upper]
    squares = sum((g.output_weights**2).sum(axis=0) for g in plan.groups)
    spread = max(2 * w + math.log2(max(int(s), 1)) for w, s in zip(widths, squares, strict=True))
    share = 1 + key_cost * (plan.n_key_sets - 1)
    return share * sum(g.n_lookups * _cost(g.width, spread) for g in plan.groups)
