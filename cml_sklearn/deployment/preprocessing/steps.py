"""Taking data through steps, and what files of them hold."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from cml_sklearn._typing import FloatArray
from cml_sklearn.deployment.preprocessing import numeric  # noqa: F401  for its subclasses below
from cml_sklearn.deployment.preprocessing.base import (
    ClientTransform,
    Preprocessing,
    SideBySide,
    apply_all,
)
from cml_sklearn.deployment.preprocessing.categories import CodeBook, Encode
from cml_sklearn.deployment.preprocessing.table import Missing, Table, as_table

__all__ = [
    "TRANSFORM_CLASSES",
    "preprocess",
    "words_of",
]

TRANSFORM_CLASSES: tuple[type, ...] = (*ClientTransform.__subclasses__(), CodeBook, Missing)
"""What files of preprocessing are made of."""


def preprocess(transforms: Preprocessing, data: object, *, allow_nan: bool = False) -> FloatArray:
    """Take data through all steps.

    Parameters
    ----------
    transforms : tuple of ClientTransform
    data : DataFrame, mapping of names to columns, or array of shape (n_samples, n_columns)
    allow_nan : bool
        Whether the result may have NaN, for models that take them.

    Returns
    -------
    ndarray of float64 of shape (n_samples, n_features)

    Raises
    ------
    InvalidInputError
        The data is not of the kind that the steps were fitted to.
    """
    with np.errstate(all="ignore"):  # what overflows is refused in words
        return apply_all(transforms, as_table(data)).numbers(allow_nan=allow_nan)


def words_of(transforms: Preprocessing, names: Sequence[str]) -> dict[str, set[str | None]]:
    """Find the columns that hold text, and the words in them that are known.

    Parameters
    ----------
    transforms : tuple of ClientTransform
    names : sequence of str
        Of the columns of a table.

    Returns
    -------
    dict of str to set of str or None
        By name; columns of numbers are left out. None: a gap is None there, and not NaN.

    Raises
    ------
    InvalidInputError
        A column is missing.
    """
    table = Table((np.empty(0),) * len(names), tuple(names), 0, by_name=True)
    found: dict[str, set[str | None]] = {}
    for name, book in _books_met(transforms, table):
        words = {cell for cell in book.cells if isinstance(cell, str)}
        if words:
            gap = {None} if None in book.cells and Missing() not in book.cells else set()
            found.setdefault(name, set()).update(words | gap)
    return found


def _books_met(transforms: Preprocessing, table: Table) -> Iterator[tuple[str, CodeBook]]:
    """Yield names of columns and their categories, as a table without rows meets them."""
    for transform in transforms:
        if isinstance(transform, SideBySide):
            for branch in transform.branches:
                yield from _books_met(branch, table)
        if isinstance(transform, Encode):
            yield from zip(table.names, transform.books, strict=False)
        table = transform(table)
