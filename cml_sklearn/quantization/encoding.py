"""What encoders are: they turn the floats of an input into the integers that are encrypted."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cml_sklearn._typing import FloatArray, IntArray
from cml_sklearn.exceptions import InvalidInputError

__all__ = ["Encoder", "as_floats", "check_columns"]


class Encoder(ABC):
    """What turns floats into codes, integers from 0 on; a frozen dataclass of plain data."""

    @property
    @abstractmethod
    def upper(self) -> IntArray:
        """Largest code by element of the encrypted tensor."""

    @property
    def takes_missing(self) -> bool:
        """Whether NaN has a code."""
        return False

    def sample_shape(self, encoded: tuple[int, ...]) -> tuple[int, ...]:
        """Shape of a sample as floats, by its shape as integers."""
        return encoded

    @abstractmethod
    def quantize(self, values: FloatArray) -> IntArray:
        """Encode floats of shape (n_samples, ...), clipping what lies out of range."""

    def clips(self, values: FloatArray) -> NDArray[np.bool_]:
        """Whether values lie out of range, by more than rounding."""
        return np.zeros(values.shape, dtype=np.bool_)


def as_floats(values: ArrayLike) -> FloatArray:
    """Array of float64.

    Raises
    ------
    InvalidInputError
        Values that are no numbers, or rows of different lengths.
    """
    try:
        return np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise InvalidInputError(
            f"An input can't be read as numbers ({error}). Give an array of numbers, with rows of "
            "one length."
        ) from error


def check_columns(values: FloatArray, missing: NDArray[np.bool_]) -> None:
    """Refuse matrices of other columns than an encoder's.

    Parameters
    ----------
    values : ndarray of shape (n_samples, n_features)
    missing : ndarray of bool, shape (n_features,)
        Where NaN is allowed.

    Raises
    ------
    InvalidInputError
        If the number of features differs, or a value is missing where none may be.
    """
    if values.ndim != 2 or values.shape[1] != len(missing):
        raise InvalidInputError(
            f"X has shape {values.shape}, but the model was fitted on {len(missing)} features; "
            "give the same columns as in training."
        )
    refused = np.flatnonzero(np.isnan(values).any(axis=0) & ~missing)
    if len(refused):
        raise InvalidInputError(
            f"X has missing values (NaN) in the columns {refused.tolist()}, which had none in "
            "training; impute them, or train with missing values there."
        )
