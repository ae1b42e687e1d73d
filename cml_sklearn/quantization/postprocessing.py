"""What follows decryption, as plain data: links, probabilities, labels.

A method of an estimator is a tuple of steps, which are fixed in `fit` and kept with the module
whose scores they take. Whoever decrypts needs no model: raw scores of shape (n_samples, n_scores)
go through the steps in turn, which know no more than NumPy.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import reduce
from itertools import combinations
from typing import Any

import numpy as np
from scipy.special import expit, logsumexp
from typing_extensions import override

from cml_sklearn._typing import Array, FloatArray, IntArray
from cml_sklearn.exceptions import InvalidInputError
from cml_sklearn.program.integers import to_integers

__all__ = [
    "Affine",
    "AnomalyScore",
    "Argmax",
    "ByOutput",
    "ClientStep",
    "Clip",
    "Descent",
    "Labels",
    "Link",
    "LogSoftmax",
    "LogSumExp",
    "Logarithm",
    "MeanVote",
    "Postprocessing",
    "Root",
    "Round",
    "Shares",
    "Softmax",
    "Sparse",
    "Squeeze",
    "Threshold",
    "TwoClasses",
    "VoteShares",
    "Votes",
    "WeightedMedian",
    "labels_in",
    "postprocess",
]

_INVERSES = {"log": np.exp, "logit": expit}


class ClientStep(ABC):
    """A function of arrays that is a frozen dataclass of plain data."""

    @abstractmethod
    def __call__(self, values: Array) -> Any:
        """Map an array with one row a sample to another; at last also to a list of them."""


Postprocessing = tuple[ClientStep, ...]
"""What a method does with raw scores, in turn."""


def postprocess(steps: Postprocessing, scores: FloatArray) -> Any:
    """Take raw scores through all steps.

    Parameters
    ----------
    steps : tuple of ClientStep
    scores : ndarray of shape (n_samples, n_scores)

    Returns
    -------
    ndarray with n_samples rows, or a list of them where a method has several outputs
    """
    return reduce(lambda values, step: step(values), steps, scores)


@dataclass(frozen=True)
class Squeeze(ClientStep):
    """A lone column loses its axis; several stay."""

    @override
    def __call__(self, values: Array) -> Array:
        return values.ravel() if values.ndim == 2 and values.shape[1] == 1 else values


@dataclass(frozen=True)
class Affine(ClientStep):
    """``scale * x + offset``."""

    scale: float = 1.0
    offset: float = 0.0

    @override
    def __call__(self, values: Array) -> Array:
        return self.scale * values + self.offset


@dataclass(frozen=True)
class Clip(ClientStep):
    """What lies outside of an interval moves to its ends; None: no end."""

    low: float | None = None
    high: float | None = None

    @override
    def __call__(self, values: Array) -> Array:
        return np.clip(values, self.low, self.high)


@dataclass(frozen=True)
class Link(ClientStep):
    """The inverse of a link function, "log" or "logit"."""

    name: str

    @override
    def __call__(self, values: Array) -> Array:
        result: Array = _INVERSES[self.name](values)
        return result


@dataclass(frozen=True)
class Logarithm(ClientStep):
    """Logarithm, with something in place of exact zeros; else these give minus infinity."""

    of_zero: float = 0.0

    @override
    def __call__(self, values: Array) -> Array:
        with np.errstate(divide="ignore"):
            return np.log(np.where(values == 0, self.of_zero, values))


@dataclass(frozen=True)
class TwoClasses(ClientStep):
    """A lone column is that of the second class; the first's is ``scale * x + offset``.

    By default the complement, for probabilities. Several columns stay.
    """

    scale: float = -1.0
    offset: float = 1.0

    @override
    def __call__(self, values: Array) -> Array:
        second = Squeeze()(values)
        if second.ndim > 1:
            return second
        return np.stack([self.scale * second + self.offset, second], axis=1)


@dataclass(frozen=True)
class Softmax(ClientStep):
    """Exponentials of the columns, as shares of their sum."""

    @override
    def __call__(self, values: Array) -> Array:
        powers = np.exp(values - values.max(axis=1, keepdims=True))
        shares: Array = powers / powers.sum(axis=1, keepdims=True)
        return shares


@dataclass(frozen=True)
class LogSumExp(ClientStep):
    """Logarithm of the sum of the columns' exponentials."""

    @override
    def __call__(self, values: Array) -> Array:
        total: Array = logsumexp(values, axis=1)
        return total


@dataclass(frozen=True)
class LogSoftmax(ClientStep):
    """Logarithms of `Softmax`, which are finite where its shares are too small for floats."""

    @override
    def __call__(self, values: Array) -> Array:
        return values - LogSumExp()(values)[:, None]


@dataclass(frozen=True)
class Root(ClientStep):
    """Square root; what is below 0 by rounding counts as 0."""

    @override
    def __call__(self, values: Array) -> Array:
        return np.sqrt(np.maximum(values, 0.0))


@dataclass(frozen=True)
class Shares(ClientStep):
    """Columns as shares of their sum, which are equal where the sum is 0."""

    @override
    def __call__(self, values: Array) -> Array:
        values = np.where(values.sum(axis=1, keepdims=True) == 0, 1.0, values)
        shares: Array = values / values.sum(axis=1, keepdims=True)
        return shares


@dataclass(frozen=True)
class VoteShares(ClientStep):
    """Columns as shares of their sum, and something else where nobody votes.

    Parameters
    ----------
    otherwise : ndarray of shape (n_columns,), optional
        None: such samples are refused.
    """

    otherwise: FloatArray | None

    @override
    def __call__(self, values: Array) -> Array:
        is_alone = values.sum(axis=1, keepdims=True) == 0
        if self.otherwise is not None:
            return Shares()(np.where(is_alone, self.otherwise, values))
        if is_alone.any():
            raise InvalidInputError(
                f"{np.count_nonzero(is_alone)} samples have no sample of training within the "
                "radius, so that nobody votes; give an outlier_label, or a larger radius."
            )
        return Shares()(values)


@dataclass(frozen=True)
class MeanVote(ClientStep):
    """Sums over their number, which stands in the last column, and something else where it is 0.

    Parameters
    ----------
    offset : ndarray of shape (n_columns - 1,)
        Added to the means.
    otherwise : ndarray of shape (n_columns - 1,), optional
        None: NaN.
    """

    offset: FloatArray
    otherwise: FloatArray | None

    @override
    def __call__(self, values: Array) -> Array:
        sums, number = values[:, :-1], values[:, -1:]
        means = sums / np.maximum(number, 1) + self.offset
        otherwise = np.nan if self.otherwise is None else self.otherwise
        return np.where(number > 0, means, otherwise)


@dataclass(frozen=True)
class Threshold(ClientStep):
    """1 above a level, else 0; `inclusive`: 1 at the level, too."""

    level: float = 0.0
    inclusive: bool = False

    @override
    def __call__(self, values: Array) -> IntArray:
        above = values >= self.level if self.inclusive else values > self.level
        return above.astype(np.int64)


@dataclass(frozen=True)
class Argmax(ClientStep):
    """Place of the greatest column, the first of equal ones."""

    @override
    def __call__(self, values: Array) -> IntArray:
        places: IntArray = values.argmax(axis=1)
        return places


@dataclass(frozen=True)
class Round(ClientStep):
    """Nearest integers."""

    @override
    def __call__(self, values: Array) -> IntArray:
        return to_integers(values, "A decrypted result")


@dataclass(frozen=True)
class Labels(ClientStep):
    """Labels in place of their numbers.

    Parameters
    ----------
    classes : ndarray of shape (n_classes,), or a tuple
        A tuple stands for an array of objects.
    """

    classes: Array | tuple[object, ...]

    @classmethod
    def of(cls, classes: Array) -> Labels:
        """Make it of labels of any type."""
        return cls(tuple(classes.tolist()) if classes.dtype == object else classes)

    @override
    def __call__(self, values: Array) -> Array:
        # a model of one class has a second number, but no second label
        labels: Array = self.array.take(values, mode="clip")
        return labels

    @property
    def array(self) -> Array:
        """The classes as an array."""
        return np.asarray(self.classes, dtype=object if isinstance(self.classes, tuple) else None)


@dataclass(frozen=True)
class ByOutput(ClientStep):
    """Several outputs side by side, each with steps of its own.

    Parameters
    ----------
    sizes : tuple of int
        Columns of each output.
    steps : tuple of Postprocessing
        For each output.
    stacked : bool
        Whether the results become columns of an array; else they are a list.
    """

    sizes: tuple[int, ...]
    steps: tuple[Postprocessing, ...]
    stacked: bool = False

    @override
    def __call__(self, values: Array) -> Any:
        parts = np.split(values, np.cumsum(self.sizes)[:-1], axis=1)
        results = [postprocess(*pair) for pair in zip(self.steps, parts, strict=True)]
        return np.stack(results, axis=1) if self.stacked else results


@dataclass(frozen=True)
class WeightedMedian(ClientStep):
    """Median of the columns by their weights.

    Parameters
    ----------
    weights : ndarray of shape (n_columns,)
    """

    weights: FloatArray

    @override
    def __call__(self, values: Array) -> Array:
        order = np.argsort(values, axis=1)
        mass = np.cumsum(self.weights[order], axis=1)
        half = (mass >= 0.5 * mass[:, -1:]).argmax(axis=1)
        column = np.take_along_axis(order, half[:, None], axis=1)
        return np.take_along_axis(values, column, axis=1)[:, 0]


@dataclass(frozen=True)
class Votes(ClientStep):
    """Votes for each class by scores of all pairs of classes, positive for the first of a pair.

    Parameters
    ----------
    n_classes : int
    confident : bool
        Whether the scores of a class's pairs decide between as many votes: their sum, drawn into
        less than half a vote, is added.
    """

    n_classes: int
    confident: bool = False

    @override
    def __call__(self, values: Array) -> Array:
        n_pairs = self.n_classes * (self.n_classes - 1) // 2
        if values.shape[1] != n_pairs:
            raise ValueError(f"{values.shape[1]} scores are not those of {n_pairs} pairs")
        pairs = combinations(range(self.n_classes), 2)
        votes, scores = (np.zeros((len(values), self.n_classes)) for _ in range(2))
        for (first, second), column in zip(pairs, values.T, strict=True):
            # a score of exactly 0 is the second's, unless the scores count
            wins = column >= 0 if self.confident else column > 0
            votes[:, first] += wins
            votes[:, second] += ~wins
            scores[:, first] += column
            scores[:, second] -= column
        return votes + scores / (3 * (np.abs(scores) + 1)) if self.confident else votes


@dataclass(frozen=True)
class Descent(ClientStep):
    """Way down a binary tree: to the right where a node's column is above 0.

    Parameters
    ----------
    children : ndarray of int, shape (n_nodes, 2)
        Left and right child of each node, the first of which is the root: a later node, or the
        complement ``~number`` of what comes out.
    """

    children: IntArray

    @override
    def __call__(self, values: Array) -> IntArray:
        if self.children.shape != (values.shape[1], 2):
            raise ValueError(f"{values.shape[1]} scores are not those of {self.children.shape}")
        later = self.children > np.arange(len(self.children))[:, None]
        if not (later | (self.children < 0)).all() or (self.children >= len(self.children)).any():
            raise ValueError("a child is no later node")
        places = np.zeros(len(values), dtype=np.int64)
        for node, (left, right) in enumerate(self.children):
            here = places == node
            places[here] = np.where(values[here, node] > 0, right, left)
        return ~places


@dataclass(frozen=True)
class AnomalyScore(ClientStep):
    """Opposite of the anomaly score of a mean depth, which is in units of a random tree's."""

    @override
    def __call__(self, values: Array) -> Array:
        return -(2.0**-values)


@dataclass(frozen=True)
class Sparse(ClientStep):
    """A sparse matrix, for labels that were given as one."""

    @override
    def __call__(self, values: Array) -> Any:
        from scipy.sparse import csr_matrix

        return csr_matrix(values)


def labels_in(steps: Postprocessing) -> tuple[Array, ...]:
    """Labels that steps give, by output; empty where they give none."""
    found: list[Array] = []
    for step in steps:
        if isinstance(step, Labels):
            found.append(step.array)
        elif isinstance(step, ByOutput):
            found += (labels for inner in step.steps for labels in labels_in(inner))
    return tuple(found)
