"""Leaf values as integers whose sum over the trees fits a given width."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from cml_sklearn._typing import FloatArray, IntArray
from cml_sklearn.forest.forest import Forest
from cml_sklearn.program.integers import to_integers

__all__ = ["LeafRounding", "RoundedOutput"]

_LAST_BITS = 2.0**-50
_UNREACHED = 1e-6
"""Weight of a leaf beside its samples, as a share of that of all samples."""

_FRACTIONS = np.arange(16)[:, None] / 16
_WHOLE_LIMIT = 2**31
_SUM_BITS = (4, 5, 6, 7, 8, 10, 12, 14)

_WIDEN = 1.02
_MAX_LANES, _LANE_LEAVES = 8, 1 << 13
"""Steps that are tried at once, and leaves of a tree for all of them: what stays in the cache."""

_PATIENCE = 4
"""Attempts after which a width is checked for being hopeless, which takes as long as some."""


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
        self._is_weighted = bool((self.weight != 1).any())
        leaves = number[forest.leaves(samples)]
        share = np.broadcast_to(self.weight, leaves.shape)
        count = np.bincount(leaves.ravel(), share.ravel(), minlength=len(self.value))
        self._mass = count + _UNREACHED * float(self.weight.sum())
        self._count = np.where(count > 0, count, 1)
        self._reached = leaves - self.starts[:, None]
        self._ends = np.append(self.starts, len(self.value)).tolist()
        greatest, least = (f.reduceat(self.value, self.starts) for f in (np.maximum, np.minimum))
        self.spans: FloatArray = greatest - least
        mean = len(self.value) // forest.n_trees + 1
        self._n_lanes = min(max(_LANE_LEAVES // mean, 1), _MAX_LANES)
        self._rounded: dict[tuple[int, int], RoundedOutput] = {}

    def output(self, output: int, sum_bits: int) -> RoundedOutput:
        """Round the leaves of one output to the finest step whose sum fits in `sum_bits`."""
        key = output, sum_bits
        if key not in self._rounded:
            steps = self._steps(output, 2**sum_bits - 1)
            self._rounded[key] = next(fitting for _, fitting in steps if fitting is not None)
        return self._rounded[key]

    def choose_sum_bits(self, tolerance: float = 0.02, *, one_unit: bool = True) -> int:
        """Find the least width of the sum that keeps the error below a share of the spread.

        Parameters
        ----------
        tolerance : float
            Allowed root mean square of the error on the samples, over the outputs' standard
            deviation.
        one_unit : bool
            Whether all outputs have one unit, so that the greatest standard deviation counts; else
            each has its own.
        """
        exact = self._exact
        centre = np.average(exact, axis=0, weights=self.weight)
        spread = np.array([self._root_mean_square(column) for column in (exact - centre).T])
        size = np.abs(exact).max(axis=0)
        if one_unit:
            spread, size = (np.full_like(v, v.max()) for v in (spread, size))
        # constant outputs differ from their mean by the last bits only
        allowed = tolerance * spread + _LAST_BITS * size
        waiting = list(range(self.forest.n_outputs))
        for sum_bits in _SUM_BITS:
            failing = next(
                (o for o in waiting if not self._is_within(o, sum_bits, float(allowed[o]))), None
            )
            if failing is None:
                return sum_bits
            # most likely the one to fail at the next width, too
            waiting.remove(failing)
            waiting.insert(0, failing)
        return _SUM_BITS[-1]

    def _is_within(self, output: int, sum_bits: int, allowed: float) -> bool:
        """Whether an output is exact enough; often known long before its step is."""
        coarsest = np.inf
        for attempt, (scale, fitting) in enumerate(self._steps(output, 2**sum_bits - 1)):
            if fitting is not None:
                self._rounded[output, sum_bits] = fitting
                return self._root_mean_square(fitting.error) <= allowed
            if attempt == _PATIENCE:
                exact = self._exact[:, output]
                coarsest = _coarsest_step(exact - exact.mean(), self.weight, allowed, scale)
            if scale > coarsest:
                break
        return False

    def _root_mean_square(self, values: FloatArray) -> float:
        return float(np.sqrt(np.average(values**2, weights=self.weight)))

    @cached_property
    def _exact(self) -> FloatArray:
        """Outputs of the samples, shape (n_samples, n_outputs)."""
        total = np.zeros((len(self.weight), self.forest.n_outputs)) + self.forest.offset
        for start, reached in zip(self.starts, self._reached, strict=True):
            total += self.value[start:].take(reached, axis=0)
        return total

    def _steps(self, output: int, limit: int) -> Iterator[tuple[float, RoundedOutput | None]]:
        """Try finer steps before coarser ones.

        Yields
        ------
        scale : float
            A step; all later ones are coarser.
        fitting : RoundedOutput or None
            What fits, if it is one of the steps up to this one.
        """
        column, spans = self.value[:, output], self.spans[:, output]
        shift, total = float(self.forest.offset[output]), sum(spans.tolist())
        # with so small a step, values counted in steps would overflow
        if total / limit <= np.finfo(np.float64).tiny * (1 + float(np.abs(column).max())):
            offset = shift + float(column[self.starts].sum())
            nothing = np.zeros(len(column), dtype=np.int64)
            yield 1.0, RoundedOutput(nothing, 1.0, offset, 0, total, np.zeros(len(self.weight)))
        scale = max(total / limit, _whole_step(column, self.starts))
        while True:
            scales = np.cumprod([scale] + [_WIDEN] * (self._n_lanes - 1))
            fitting = self._round_trees(column, scales, spans, limit)
            scale = float(scales[-1])
            yield scale, fitting and replace(fitting, offset=fitting.offset + shift)
            scale *= _WIDEN

    def _round_trees(
        self, column: FloatArray, scales: FloatArray, spans: FloatArray, limit: int
    ) -> RoundedOutput | None:
        """Round leaves to several steps, and take the finest whose sum stays within the limit."""
        values = np.zeros((len(scales), len(column)), dtype=np.int32)
        constant = float(column[self.starts[spans == 0]].sum())
        lanes = _Lanes.of(scales, constant, len(self.weight))
        for tree in _by_weight(spans):
            leaves = slice(self._ends[tree], self._ends[tree + 1])
            values[lanes.number, leaves] = self._round_tree(column[leaves], tree, lanes, leaves)
            lanes.keep(lanes.upper <= limit)
            if not len(lanes.number):
                return None
        scale, residual = float(lanes.scale[0]), lanes.residual[0]
        drift = float(np.average(residual, weights=self.weight))
        return RoundedOutput(
            values[lanes.number[0]].astype(np.int64),
            scale,
            (float(lanes.offset[0]) + drift) * scale,
            int(lanes.upper[0]),
            (float(lanes.max_error[0]) + abs(drift)) * scale,
            (drift - residual) * scale,
        )

    def _round_tree(
        self, column: FloatArray, tree: int, lanes: _Lanes, leaves: slice
    ) -> FloatArray:
        """Round a tree's leaves to what should make its samples' sums come out right."""
        exact = column / lanes.scale[:, None]
        n_lanes, n_leaves = exact.shape
        place = self._reached[tree] + (np.arange(n_lanes) * n_leaves)[:, None]
        weights = lanes.residual * self.weight if self._is_weighted else lanes.residual
        owed = np.bincount(place.ravel(), weights.ravel(), minlength=exact.size)
        # A leaf that owes more than a step would only move the error elsewhere.
        debt = np.minimum(np.maximum(owed.reshape(exact.shape) / self._count[leaves], -1), 1)
        rounded, shift = _round_together(exact + debt, self._mass[leaves])
        left = exact - rounded - shift[:, None]
        lanes.residual += left.take(place)
        lanes.offset += shift
        lanes.max_error += np.abs(left).max(axis=1)
        lanes.upper += rounded.max(axis=1)
        return rounded


@dataclass
class _Lanes:
    """What rounding to several steps has come to, step by step.

    Attributes
    ----------
    number : ndarray of int, shape (n_lanes,)
        Which of the first steps are left.
    scale, offset, max_error, upper : ndarray, shape (n_lanes,)
        As in `RoundedOutput`, counted in steps.
    residual : ndarray, shape (n_lanes, n_samples)
        What the trees so far have left for others.
    """

    number: IntArray
    scale: FloatArray
    offset: FloatArray
    max_error: FloatArray
    upper: FloatArray
    residual: FloatArray

    @classmethod
    def of(cls, scales: FloatArray, constant: float, n_samples: int) -> _Lanes:
        """Begin with what trees of one value add."""
        zeros, residual = np.zeros(len(scales)), np.zeros((len(scales), n_samples))
        numbers = np.arange(len(scales))
        return cls(numbers, scales, constant / scales, zeros, zeros.copy(), residual)

    def keep(self, chosen: NDArray[np.bool_]) -> None:
        """Go on with some of the lanes."""
        if not chosen.all():
            for name, part in vars(self).items():
                setattr(self, name, part[chosen])


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
    return float(np.gcd.reduce(to_integers(column - first, "A difference of leaves")))


def _round_together(target: FloatArray, mass: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Round rows, each with the shift of least squared error; the least leaf becomes 0.

    Parameters
    ----------
    target : ndarray, shape (n_lanes, n_leaves)
    mass : ndarray, shape (n_leaves,)
        Weights of the leaves.

    Returns
    -------
    rounded : ndarray, shape (n_lanes, n_leaves)
    shift : ndarray, shape (n_lanes,)
        What is to be added again.
    """
    least = target.min(axis=1)
    lifted = (target - least[:, None])[:, None] - _FRACTIONS
    rounded = np.rint(lifted)
    lifted -= rounded
    cost = np.square(lifted, out=lifted) @ mass
    # rounded, so that the order of the samples decides nothing
    share = cost * (1e9 / np.maximum(cost.max(axis=1), 1e-300))[:, None]
    best = np.rint(share).argmin(axis=1)
    chosen = rounded[np.arange(len(best)), best]
    low = chosen.min(axis=1)
    return chosen - low[:, None], least + best / len(_FRACTIONS) + low


def _coarsest_step(exact: FloatArray, weight: FloatArray, allowed: float, scale: float) -> float:
    """Find the coarsest step of which some multiples, plus a constant, may be near enough.

    The distances of values to multiples of a step are those of points on a circle to one point.
    The nearest point is the mean once the circle is cut open between some two of them.

    Parameters
    ----------
    exact : ndarray, shape (n_samples,)
    weight : ndarray, shape (n_samples,)
    allowed : float
        Greatest root mean square of the distances.
    scale : float
        Only this step and those that follow it are of interest.
    """
    width, coarsest = 2 * float(np.ptp(exact)), 0.0
    while scale < width:
        rest = exact % scale
        order = np.argsort(rest)
        rest, mass = rest[order], weight[order]
        turned = scale * np.cumsum(mass)
        total = mass.sum()
        mean = (turned + (mass * rest).sum()) / total
        square = np.cumsum(mass * (2 * rest + scale)) * scale + (mass * rest**2).sum()
        if (square / total - mean**2).min() <= allowed**2 * (1 + 1e-6):
            coarsest = scale
        scale *= _WIDEN
    # a step that is wider than all values has one multiple for all
    spread = np.average(exact**2, weights=weight) - np.average(exact, weights=weight) ** 2
    return np.inf if spread <= allowed**2 * (1 + 1e-6) else coarsest
