"""Values outside the range of the codes: counted, logged, and warned of where they are far out."""

from __future__ import annotations

import warnings
from collections.abc import Iterable

import numpy as np

from cml_sklearn._typing import FloatArray
from cml_sklearn.exceptions import ClippedInputWarning
from cml_sklearn.fhe.long_steps import LOG
from cml_sklearn.quantization.encoders import Encoder, GridEncoder, IndexEncoder

__all__ = ["NOTICEABLE", "tell_clipped"]

NOTICEABLE = 1e-6
"""Widths of the range; less is the rounding of floats."""

_FAR = 10.0
"""Widths beyond the range from which a single value is worth a warning.

Codes of few bits cut tails off on purpose, and lose nothing by it.
"""

_MANY, _ENOUGH_ROWS = 0.5, 20
"""Share of a feature's values that is worth one, however near they are, in so many rows."""


def tell_clipped(inputs: Iterable[tuple[Encoder, FloatArray]]) -> None:
    """Log how many values will be clipped; one warning where it is many, or one is far out.

    New samples lie a little outside of what training saw all the time, so that a warning of every
    such value would soon be unread. Bits of a grid have no range, so trees never warn.

    Parameters
    ----------
    inputs : iterable of (Encoder, ndarray of shape (n_samples, ...))
    """
    for encoder, values in inputs:
        if isinstance(encoder, (GridEncoder, IndexEncoder)) or not len(values):
            continue
        overshoot = encoder.overshoot(values).reshape(len(values), -1)
        clipped = overshoot > NOTICEABLE
        if not clipped.any():
            continue
        told = (
            f"{clipped.sum()} of {clipped.size} values, in {clipped.any(axis=0).sum()} of "
            f"{clipped.shape[1]} features, lie outside the range fixed in fit"
        )
        LOG.info("clipped: %s", told)
        _, farthest = np.unravel_index(overshoot.argmax(), overshoot.shape)
        is_much = len(values) >= _ENOUGH_ROWS and clipped.mean(axis=0).max() > _MANY
        if overshoot.max() > _FAR or is_much:
            warnings.warn(
                f"{told} and were clipped to its ends; the farthest, in column {farthest}, by "
                f"{overshoot.max():.3g} times its width. Check units and scaling of X, or fit on "
                "samples that have such values.",
                ClippedInputWarning,
                stacklevel=3,
            )
