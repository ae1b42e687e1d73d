"""Leaf values as integers whose sum over the trees fits a given width."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cml_sklearn.quantization.trees.structure import FloatArray, Forest, IntArray, Tree

__all__ = ["QuantizedOutput", "SeenLeaves", "quantize_output"]

_FRACTIONS = np.arange(16) / 16
_WIDEN = 1.02
_WHOLE_LIMIT = 2**31


@dataclass(frozen=True)
class SeenLeaves:
    """Which leaves samples reach.

    Parameters
    ----------
    leaves : tuple of ndarray of int, each of shape (n_samples,)
        Node number by tree.
    weight : ndarray of shape (n_samples,)
        Weights of the samples: 2 counts as two samples.
    """

    leaves: tuple[IntArray, ...]
    weight: FloatArray

    @classmethod
    def of(
        cls, forest: Forest, samples: NDArray[np.integer], weight: FloatArray | None = None
    ) -> SeenLeaves:
        """Send bits (n_samples, n_bits) down the trees."""
        mass = np.ones(len(samples)) if weight is None else np.asarray(weight, dtype=np.float64)
        return cls(tuple(tree.apply(samples) for tree in forest.trees), mass)


@dataclass(frozen=True)
class QuantizedOutput:
    """One output of a forest: ``scale * (sum of the trees' integers) + offset``.

    Parameters
    ----------
    values : tuple of ndarray of int, each of shape (n_nodes,)
        Integer of every node's leaf, by tree; the least of a tree is 0.
    scale, offset : float
        From the integers' sum to the forest's output.
    upper : int
        Largest sum that the trees can give.
    max_error : float
        Bound of the difference from the forest, in the output's units.
    """

    values: tuple[IntArray, ...]
    scale: float
    offset: float
    upper: int
    max_error: float


def quantize_output(
    forest: Forest, output: int, sum_bits: int, seen: SeenLeaves | None = None
) -> QuantizedOutput:
    """Round the leaves of one output to the finest step whose sum fits.

    Parameters
    ----------
    forest : Forest
        Of floats.
    output : int
        Which of its outputs.
    sum_bits : int
        Width of the sum.
    seen : SeenLeaves, optional
        With these samples a tree makes up for the rounding of the trees before it, which cuts the
        error of the sum several times.
    """
    columns = [tree.value[:, output].astype(np.float64) for tree in forest.trees]
    spans = [_span(tree, column) for tree, column in zip(forest.trees, columns, strict=True)]
    total, limit = sum(spans), 2**sum_bits - 1
    largest = max(float(np.abs(column).max()) for column in columns)
    # with so small a step, values counted in steps would overflow
    if total / limit <= np.finfo(np.float64).tiny * (1 + largest):
        return _constant(forest, columns, output, total)
    scale = max(total / limit, _whole_step(forest, columns))
    while True:
        result = _round_trees(forest, columns, spans, scale, seen)
        if result.upper <= limit:
            shift = float(forest.offset[output])
            offset = result.offset + shift
            return QuantizedOutput(result.values, scale, offset, result.upper, result.max_error)
        scale *= _WIDEN


def _span(tree: Tree, column: FloatArray) -> float:
    reached = column[tree.bit < 0]
    return float(reached.max() - reached.min())


def _whole_step(forest: Forest, columns: list[FloatArray]) -> float:
    """Greatest step of which all differences of a tree's leaves are multiples, if whole; else 0.

    Labels and votes then stay exact.
    """
    step = 0
    for tree, column in zip(forest.trees, columns, strict=True):
        leaves = column[tree.bit < 0]
        if np.any(leaves != np.rint(leaves)) or np.abs(leaves).max() > _WHOLE_LIMIT:
            return 0.0
        step = np.gcd.reduce([step, *(leaves - leaves[0]).astype(np.int64)])
    return float(step)


def _constant(
    forest: Forest, columns: list[FloatArray], output: int, max_error: float
) -> QuantizedOutput:
    values = tuple(np.zeros(len(column), dtype=np.int64) for column in columns)
    leaf = [
        column[np.argmax(tree.bit < 0)] for tree, column in zip(forest.trees, columns, strict=True)
    ]
    return QuantizedOutput(values, 1.0, float(forest.offset[output] + sum(leaf)), 0, max_error)


def _round_trees(
    forest: Forest,
    columns: list[FloatArray],
    spans: list[float],
    scale: float,
    seen: SeenLeaves | None,
) -> QuantizedOutput:
    """Round the trees from the one of most weight to the least, in units of `scale`."""
    values: list[IntArray] = [np.zeros(0, dtype=np.int64)] * len(columns)
    residual = np.zeros(len(seen.weight)) if seen else np.zeros(0)
    offset, error, upper = 0.0, 0.0, 0
    for index in np.argsort([-span for span in spans], kind="stable"):
        tree, exact = forest.trees[index], columns[index] / scale
        if spans[index] == 0:
            values[index] = np.zeros(len(exact), dtype=np.int64)
            offset += float(exact[np.argmax(tree.bit < 0)])
            continue
        target, mass = exact, _leaf_masses(tree)
        if seen:
            target, mass = _targets(exact, seen.leaves[index], residual, seen.weight)
        is_leaf = tree.bit < 0
        rounded, shift = _round_leaves(target, mass, is_leaf)
        if seen:
            residual += (exact - rounded - shift)[seen.leaves[index]]
        rounded = np.where(is_leaf, rounded, 0)
        values[index] = rounded.astype(np.int64)
        offset += shift
        error += float(np.abs(exact - rounded - shift)[is_leaf].max())
        upper += int(rounded[is_leaf].max())
    if seen:
        drift = float(np.average(residual, weights=seen.weight))
        offset, error = offset + drift, error + abs(drift)
    return QuantizedOutput(tuple(values), scale, offset * scale, upper, error * scale)


def _leaf_masses(tree: Tree) -> FloatArray:
    """Share of the bits' space that every leaf holds, if bits were coins."""
    mass = np.ones(len(tree.bit))
    waiting = [0]
    while waiting:
        node = waiting.pop()
        if tree.bit[node] >= 0:
            for child in (tree.left[node], tree.right[node]):
                mass[child] = mass[node] / 2
                waiting.append(int(child))
    return mass


def _targets(
    exact: FloatArray, leaf: IntArray, residual: FloatArray, weight: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Find what each leaf should hold for its samples' sums to come out right, and their number."""
    count = np.bincount(leaf, weights=weight, minlength=len(exact))
    owed = np.bincount(leaf, weights=residual * weight, minlength=len(exact))
    # A leaf that owes more than a step would only move the error elsewhere.
    return exact + np.clip(owed / np.where(count > 0, count, 1), -1, 1), count + 1e-3


def _round_leaves(
    target: FloatArray, mass: FloatArray, is_leaf: NDArray[np.bool_]
) -> tuple[FloatArray, float]:
    """Round with the common shift of least squared error; the least leaf becomes 0."""
    least = float(target[is_leaf].min())
    rounded = np.rint(target[:, None] - least - _FRACTIONS)
    error = target[:, None] - least - _FRACTIONS - rounded
    cost = (mass[is_leaf, None] * error[is_leaf] ** 2).sum(axis=0)
    # rounded, so that the order of the samples decides nothing
    best = int(np.argmin(np.round(cost / max(cost.max(), 1e-300), 9)))
    low = float(rounded[is_leaf, best].min())
    return rounded[:, best] - low, least + float(_FRACTIONS[best]) + low
