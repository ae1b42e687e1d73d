"""Values that lie far out: of training, and outside its range; counted, logged, and warned of."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from cml_sklearn._callers import warn_caller
from cml_sklearn._typing import FloatArray
from cml_sklearn.exceptions import ClippedInputWarning, FarValueWarning
from cml_sklearn.fhe.long_steps import LOG
from cml_sklearn.quantization.encoding import Encoder
from cml_sklearn.quantization.ranges import random_rows

__all__ = ["Ends", "ends_of", "report_clipping", "report_far_values"]

Ends = tuple[FloatArray, FloatArray]
"""Least and greatest value of each feature."""

_FAR = 10.0
"""Widths beyond the range of training from which a single value is worth a warning."""

_MANY, _ENOUGH_ROWS = 0.5, 20
"""Share of a feature's values that is worth one, however near they are, in so many rows."""

_MIDDLE, _LOOKED_AT = (5, 95), 10_000
"""Percentiles between which most values of training lie, and rows by which they are known."""


def ends_of(X: FloatArray) -> Ends:
    """Find the range of every feature in samples of shape (n_samples, ...)."""
    return X.min(axis=0), X.max(axis=0)


def report_clipping(encoder: Encoder, X: FloatArray, seen: Ends, names: Sequence[str] = ()) -> None:
    """Log how many values are clipped that lie outside the range of training.

    One warning follows where it is many, or one is far out. New samples lie a little outside all
    the time, so that a warning of every such value would soon be unread. What training has seen and
    codes of few bits cut off on purpose doesn't count, nor do features that were constant.

    Parameters
    ----------
    encoder : Encoder
    X : ndarray of shape (n_samples, ...)
    seen : tuple of ndarray
        Range of each feature in training.
    names : sequence of str
        Of the features, if they have any.
    """
    if not len(X):
        return
    low, high = seen
    width = high / 2 - low / 2  # halves can't overflow
    outside = np.maximum(np.maximum(low / 2 - X / 2, X / 2 - high / 2), 0.0)
    clipped = (outside > 0) & (width > 0) & encoder.clips(X)
    if not clipped.any():
        return
    far = np.where(clipped, outside, 0.0) / np.where(width > 0, width, 1.0)
    clipped, far = clipped.reshape(len(X), -1), far.reshape(len(X), -1)
    told = (
        f"{clipped.sum()} of {clipped.size} values, in {clipped.any(axis=0).sum()} of "
        f"{clipped.shape[1]} features, lie outside the range of training"
    )
    LOG.info("clipped: %s", told)
    is_much = len(X) >= _ENOUGH_ROWS and clipped.mean(axis=0).max() > _MANY
    if far.max() > _FAR or is_much:
        warn_caller(
            f"{told} and were clipped; the farthest, in {_named(far.max(axis=0), names)}, by "
            f"{far.max():.3g} times its width. Check units and scaling of X, or fit on samples "
            "that have such values.",
            ClippedInputWarning,
        )


def report_far_values(X: FloatArray, most: float, names: Sequence[str] = ()) -> None:
    """Warn of a feature with a few values so far out that others share few integers.

    Parameters
    ----------
    X : ndarray of shape (n_samples, ...)
        Samples of training.
    most : float
        How many times as wide as the range of most values that of all may be.
    names : sequence of str
        Of the features, if they have any.
    """
    if len(X) < _ENOUGH_ROWS:
        return
    least, greatest = ends_of(X)
    some = X[random_rows(len(X), _LOOKED_AT)]
    low, high = np.percentile(some / 2, _MIDDLE, axis=0)  # halves can't overflow
    width, usual = greatest / 2 - least / 2, high - low
    ratio = np.divide(width, usual, where=usual > 0, out=np.zeros(usual.shape)).ravel()
    if ratio.max(initial=0.0) > most:
        warn_caller(
            f"X has values so far out, in {_named(ratio, names)}, that its range is "
            f"{ratio.max():.3g} times as wide as that of {_MIDDLE[1] - _MIDDLE[0]} % of the rows, "
            "which share few integers: predictions may be much worse than those of the float "
            "model. Transform the column (PowerTransformer, QuantileTransformer), clip it, or "
            "leave such rows out.",
            FarValueWarning,
        )


def _named(sizes: FloatArray, names: Sequence[str]) -> str:
    """Name the column in which something is greatest."""
    column = int(sizes.argmax())
    return f"column {column} ({names[column]!r})" if len(names) else f"column {column}"
