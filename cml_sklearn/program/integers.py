"""The one way from floats to integers."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from cml_sklearn._typing import IntArray
from cml_sklearn.exceptions import CalibrationError

__all__ = ["MAX_MAGNITUDE", "to_integers"]

MAX_MAGNITUDE = 2.0**62
"""Beyond it, 64 bits might overflow."""


def to_integers(
    values: ArrayLike,
    what: str,
    remedy: str = "Give finite data and parameters that differ less in size.",
) -> IntArray:
    """Round floats to integers of 64 bits.

    Parameters
    ----------
    values : array-like
    what : str
        Name of the values, for the message.
    remedy : str
        What to do about values that are refused.

    Raises
    ------
    CalibrationError
        Values that are NaN, infinite, or beyond 62 bits.
    """
    floats = np.asarray(values, dtype=np.float64)
    low, high = floats.min(initial=0), floats.max(initial=0)
    if not (low >= -MAX_MAGNITUDE and high <= MAX_MAGNITUDE):
        raise CalibrationError(
            f"{what} would be between {low:.3g} and {high:.3g}, but an integer holds at most 62 "
            f"bits, and no NaN. {remedy}"
        )
    return np.rint(floats).astype(np.int64)
