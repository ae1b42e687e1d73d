"""Leaf values as integers whose sum over the trees fits a given width."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from cml_sklearn._typing import FloatArray, IntArray
from cml_sklearn.forest.forest import Forest

__all__ = ["LeafRounding", "RoundedOutput"]

_FRACTIONS = np.arange(16) / 16
_WIDEN = 1.02
_WHOLE_LIMIT = 2**31
_SUM_BITS = (4, 5, 6, 7, 8, 10, 12, 14)


@dataclass(frozen=True)
class RoundedOutput:
    """One output of a forest: ``scale * (sum of the trees' integers) + offset``.

    Parameters
    ----------
    values : ndarray of int, shape (n_leaves,)
        Integers of the leaves, in the order of the nodes; the least of a tree is 0.
    scale, offset : float
        From the integers' sum to the forest's output.
    upper : int
        Largest sum that the trees can give.
    max_error : float
        Bound of the difference from the forest, in the output's units.
    error : ndarray of shape (n_samples,)
        The difference on the samples.
    """

    values: IntArray
    scale: float
    offset: float
    upper: int
    max_error: float
    error: FloatArray


class LeafRounding:
    """Rounds the leaves of a forest such that the trees make up for each other on samples.

    Trees are rounded one after the other, those of most weight first; each takes over what those
    before it have left. This cuts the error of the sum several times.

    Parameters
    ----------
    forest : Forest
    samples : ndarray of shape (n_samples, n_bits)
        Bits of training data.
    weight : ndarray of shape (n_samples,), optional
        Weights of the samples, positive: 2 counts as two samples.
    """

    def __init__(
        self, forest: Forest, samples: NDArray[np.integer], weight: FloatArray | None = None
    ) -> None:
        is_leaf = forest.bit < 0
        number = np.cumsum(is_leaf) - 1
        self.forest = forest
        self.value = forest.value[is_leaf].astype(np.float64)
        self.starts = np.searchsorted(np.flatnonzero(is_leaf), forest.roots)
        self.weight = np.ones(len(samples)) if weight is None else np.asarray(weight, np.float64)
        leaves = number[forest.leaves(samples)]
        share = np.broadcast_to(self.weight, leaves.shape)
        count = np.bincount(leaves.ravel(), share.ravel(), minlength=len(self.value))
        self._mass, self._count = count + 1e-3, np.where(count > 0, count, 1)
        self._reached = leaves - self.starts[:, None]
        self._ends = np.append(self.starts, len(self.value)).tolist()
        greatest, least = (f.reduceat(self.value, self.starts) for f in (np.maximum, np.minimum))
        self._spans: FloatArray = greatest - least
        self._rounded: dict[tuple[int, int], RoundedOutput] = {}

    def output(self, output: int, sum_bits: int) -> RoundedOutput:
        """Round the leaves of one output to the finest step whose sum fits in `sum_bits`."""
        key = output, sum_bits
        if key not in self._rounded:
            self._rounded[key] = self._round(output, 2**sum_bits - 1)
        return self._rounded[key]

    def choose_sum_bits(self, tolerance: float = 0.02) -> int:
        """Find the least width of the sum that keeps the error below a share of the spread.

        Parameters
        ----------
        tolerance : float
            Allowed root mean square of the error on the samples, over the outputs' standard
            deviation (the greatest of all outputs).
        """
        exact = self._exact
        centre = np.average(exact, axis=0, weights=self.weight)
        spread = max(self._root_mean_square(column) for column in (exact - centre).T)
        allowed = tolerance * spread + 1e-12
        waiting = list(range(self.forest.n_outputs))
        for sum_bits in _SUM_BITS:
            failing = next((o for o in waiting if not self._is_within(o, sum_bits, allowed)), None)
            if failing is None:
                return sum_bits
            # most likely the one to fail at the next width, too
            waiting.remove(failing)
            waiting.insert(0, failing)
        return _SUM_BITS[-1]

    def _is_within(self, output: int, sum_bits: int, allowed: float) -> bool:
        return self._root_mean_square(self.output(output, sum_bits).error) <= allowed

    def _root_mean_square(self, values: FloatArray) -> float:
        return float(np.sqrt(np.average(values**2, weights=self.weight)))

    @cached_property
    def _exact(self) -> FloatArray:
        """Outputs of the samples, shape (n_samples, n_outputs)."""
        total = np.zeros((len(self.weight), self.forest.n_outputs)) + self.forest.offset
        for start, reached in zip(self.starts, self._reached, strict=True):
            total += self.value[start:].take(reached, axis=0)
        return total

    def _round(self, output: int, limit: int) -> RoundedOutput:
        column, spans = self.value[:, output], self._spans[:, output]
        shift, total = float(self.forest.offset[output]), sum(spans.tolist())
        # with so small a step, values counted in steps would overflow
        if total / limit <= np.finfo(np.float64).tiny * (1 + float(np.abs(column).max())):
            offset = shift + float(column[self.starts].sum())
            nothing = np.zeros(len(column), dtype=np.int64)
            return RoundedOutput(nothing, 1.0, offset, 0, total, np.zeros(len(self.weight)))
        scale = max(total / limit, _whole_step(column, self.starts))
        while True:
            rounded = self._round_trees(column / scale, spans, limit)
            if rounded is not None:
                values, offset, upper, max_error, error = rounded
                return RoundedOutput(
                    values, scale, offset * scale + shift, upper, max_error * scale, error * scale
                )
            scale *= _WIDEN

    def _round_trees(
        self, exact: FloatArray, spans: FloatArray, limit: int
    ) -> tuple[IntArray, float, int, float, FloatArray] | None:
        """Round leaves counted in steps; None if their sum may be above a limit."""
        values = np.zeros(len(exact), dtype=np.int64)
        residual = np.zeros(len(self.weight))
        offset, max_error, upper = float(exact[self.starts[spans == 0]].sum()), 0.0, 0
        for tree in _by_weight(spans):
            leaves = slice(self._ends[tree], self._ends[tree + 1])
            rounded, shift = self._round_leaves(exact[leaves], leaves, tree, residual)
            left = exact[leaves] - rounded - shift
            residual += left.take(self._reached[tree])
            values[leaves] = rounded
            offset += shift
            max_error += float(np.abs(left).max())
            upper += int(rounded.max())
            if upper > limit:
                return None
        drift = float(np.average(residual, weights=self.weight))
        return values, offset + drift, upper, max_error + abs(drift), drift - residual

    def _round_leaves(
        self, exact: FloatArray, leaves: slice, tree: int, residual: FloatArray
    ) -> tuple[FloatArray, float]:
        """Round a tree's leaves to what should make its samples' sums come out right."""
        weights = residual * self.weight
        owed = np.bincount(self._reached[tree], weights, minlength=len(exact))
        # A leaf that owes more than a step would only move the error elsewhere.
        debt = np.minimum(np.maximum(owed / self._count[leaves], -1), 1)
        return _round_together(exact + debt, self._mass[leaves])


def _by_weight(spans: FloatArray) -> list[int]:
    """Trees that differ in their leaves, those of the widest range first."""
    order = np.argsort(-spans, kind="stable")
    return [int(tree) for tree in order if spans[tree] > 0]


def _whole_step(column: FloatArray, starts: IntArray) -> float:
    """Greatest step of which all differences of a tree's leaves are multiples, if whole; else 0.

    Labels and votes then stay exact.
    """
    if np.any(column != np.rint(column)) or np.abs(column).max() > _WHOLE_LIMIT:
        return 0.0
    first = np.repeat(column[starts], np.diff([*starts, len(column)]))
    return float(np.gcd.reduce((column - first).astype(np.int64)))


def _round_together(target: FloatArray, mass: FloatArray) -> tuple[FloatArray, float]:
    """Round with the common shift of least squared error; the least leaf becomes 0."""
    least = float(target.min())
    lifted = (target - least)[:, None] - _FRACTIONS
    rounded = np.rint(lifted)
    lifted -= rounded
    cost = mass @ np.square(lifted, out=lifted)
    # rounded, so that the order of the samples decides nothing
    best = int(np.argmin(np.rint(cost * (1e9 / max(float(cost.max()), 1e-300)))))
    low = float(rounded[:, best].min())
    return rounded[:, best] - low, least + float(_FRACTIONS[best]) + low
