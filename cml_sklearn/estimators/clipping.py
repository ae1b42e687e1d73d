"""Values outside the range of training: counted, logged, and warned of where they are far out."""

from __future__ import annotations

import numpy as np

from cml_sklearn._callers import warn_caller
from cml_sklearn._typing import FloatArray
from cml_sklearn.exceptions import ClippedInputWarning
from cml_sklearn.fhe.long_steps import LOG
from cml_sklearn.quantization.encoding import Encoder

__all__ = ["Ends", "ends_of", "report_clipping"]

Ends = tuple[FloatArray, FloatArray]
"""Least and greatest value of each feature."""

_FAR = 10.0
"""Widths beyond the range of training from which a single value is worth a warning."""

_MANY, _ENOUGH_ROWS = 0.5, 20
"""Share of a feature's values that is worth one, however near they are, in so many rows."""


def ends_of(X: FloatArray) -> Ends:
    """Find the range of every feature in samples of shape (n_samples, ...)."""
    return X.min(axis=0), X.max(axis=0)


def report_clipping(encoder: Encoder, X: FloatArray, seen: Ends) -> None:
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
            f"{told} and were clipped; the farthest, in column {far.max(axis=0).argmax()}, by "
            f"{far.max():.3g} times its width. Check units and scaling of X, or fit on samples "
            "that have such values.",
            ClippedInputWarning,
        )
