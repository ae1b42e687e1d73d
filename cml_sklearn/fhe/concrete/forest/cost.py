"""Cost of a lookup by its index's width, in millions of the FHE optimizer's operations.

Measured with the backend's optimizer, by ``python -m benchmarks lookups``. The sum of the lookups
decides how exact a lookup's output must be: the wider the sum and the more lookups it has, the more
levels of decomposition they need, of which every one adds about half.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Mapping

from cml_sklearn._typing import IntArray
from cml_sklearn.fhe.concrete.forest.plan import LookupGroup, LookupPlan

__all__ = ["KEY_COST", "MAX_WIDTH", "lookup_cost", "plan_cost", "spread_cost"]

MAX_WIDTH = 8

# Each width of index, and the bits outside of lookups, need evaluation keys of their own. These
# make circuits larger and slower to start: worth it only for such a share of the operations.
KEY_COST = 0.04

Steps = tuple[tuple[float, float], ...]
"""Costs, each up to a spread of the sum."""

_COSTS: Mapping[int, Mapping[int, Steps]] = {
    40: {
        1: ((21.0, 50.8), (22.0, 54.7), (27.5, 72.3), (36.0, 75.5), (math.inf, 99.1)),
        2: ((21.0, 54.8), (21.75, 61.1), (35.75, 81.6), (36.0, 98.6), (math.inf, 108.0)),
        3: ((20.25, 68.7), (20.5, 72.4), (34.75, 100.8), (35.0, 119.8), (math.inf, 132.6)),
        4: ((19.75, 97.9), (34.25, 143.7), (math.inf, 186.4)),
        5: ((17.75, 226.5), (32.5, 329.6), (39.25, 432.5), (39.5, 482.7), (math.inf, 535.5)),
        6: ((16.25, 526.0), (30.75, 784.2), (37.75, 998.4), (math.inf, 1233.3)),
        7: ((15.0, 1227.2), (28.75, 1737.7), (36.0, 2305.7), (39.75, 2811.7), (math.inf, 3348.7)),
        8: ((26.75, 3948.5), (34.0, 5152.9), (37.75, 6357.4), (math.inf, 7561.8)),
    },
    64: {
        1: ((20.25, 52.0), (21.0, 56.9), (26.5, 75.9), (35.25, 78.7), (math.inf, 102.5)),
        2: ((20.0, 57.6), (20.25, 61.5), (21.0, 65.8), (35.0, 85.8), (math.inf, 113.5)),
        3: ((19.75, 74.1), (34.0, 106.8), (math.inf, 139.5)),
        4: ((18.75, 102.2), (19.0, 128.6), (33.5, 148.4), (math.inf, 194.6)),
        5: ((17.0, 238.6), (31.75, 350.1), (38.5, 457.3), (math.inf, 562.1)),
        6: ((15.75, 555.2), (30.0, 822.0), (37.0, 1061.1), (math.inf, 1295.2)),
        7: ((14.0, 1274.5), (28.0, 1855.5), (35.0, 2418.7), (39.0, 2981.9), (math.inf, 3536.5)),
        8: (
            (26.0, 4294.7),
            (33.25, 5606.8),
            (37.0, 6852.5),
            (39.25, 8098.2),
            (39.5, 8716.3),
            (math.inf, 9343.9),
        ),
    },
    128: {
        1: ((19.25, 54.6), (20.0, 60.4), (34.0, 80.7), (math.inf, 106.8)),
        2: ((18.75, 67.9), (33.0, 99.2), (math.inf, 130.5)),
        3: ((18.0, 99.7), (32.5, 141.9), (39.0, 184.2), (math.inf, 226.4)),
        4: ((16.0, 223.6), (30.75, 325.3), (37.75, 432.1), (math.inf, 528.5)),
        5: ((14.5, 516.5), (14.75, 541.9), (29.0, 755.8), (36.0, 988.4), (math.inf, 1220.9)),
        6: ((27.0, 1716.0), (34.0, 2246.3), (38.0, 2776.7), (39.75, 3307.0), (math.inf, 3823.7)),
        7: ((25.0, 3896.7), (32.25, 5102.5), (36.0, 6295.1), (38.25, 7487.7), (math.inf, 8659.9)),
        8: (
            (23.5, 8753.6),
            (30.25, 11435.7),
            (34.0, 14117.8),
            (36.75, 16800.0),
            (38.5, 19482.1),
            (38.75, 20704.1),
            (39.0, 22096.6),
            (39.25, 23291.6),
            (math.inf, 24704.0),
        ),
    },
}
"""By -log2 of the chance that a lookup is wrong, then by width of the index."""


def lookup_cost(width: int, sum_bits: int, n_lookups: int, p_error: float) -> float:
    """Cost of one lookup among `n_lookups` that are added up to `sum_bits` bits."""
    return spread_cost(width, 2 * sum_bits + math.log2(max(n_lookups, 1)), p_error)


def spread_cost(width: int, spread: float, p_error: float) -> float:
    """Cost of a lookup by the sum's spread: twice its width plus log2(number of lookups)."""
    steps = _COSTS[_level(p_error)][width]
    return steps[bisect_left(steps, (spread, 0.0))][1]


def _level(p_error: float) -> int:
    """Find the least strict level measured that does; the strictest where none does."""
    return next((bits for bits in sorted(_COSTS) if 2.0**-bits <= p_error), max(_COSTS))


def plan_cost(plan: LookupPlan, p_error: float, key_cost: float = 0.0) -> float:
    """Cost of a plan; each width's lookups by the word that asks most of them.

    Parameters
    ----------
    plan : LookupPlan
        Any.
    p_error : float
        Chance that a lookup is wrong.
    key_cost : float
        Share of the cost that every further set of keys adds.
    """
    if not plan.groups:
        return 0.0
    share = 1 + key_cost * (plan.n_key_sets - 1)
    spreads = [_spread(group, plan.upper) for group in plan.groups]
    pairs = zip(plan.groups, spreads, strict=True)
    return share * sum(g.n_lookups * spread_cost(g.width, spread, p_error) for g, spread in pairs)


def _spread(group: LookupGroup, upper: IntArray) -> float:
    """Greatest spread of the words that a width's lookups add to; others' noise is added little."""
    widths = [int(bound).bit_length() for bound in upper]
    squares = (group.output_weights**2).sum(axis=0)
    return max(2 * w + math.log2(max(int(s), 1)) for w, s in zip(widths, squares, strict=True))
