"""Data sets: scikit-learn's own, CSV files, OpenML."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import sklearn.datasets
from scipy.ndimage import zoom
from sklearn.metrics import accuracy_score, r2_score
from sklearn.model_selection import RepeatedKFold, RepeatedStratifiedKFold, train_test_split
from sklearn.preprocessing import StandardScaler

from benchmarks.options import UnknownNameError

__all__ = [
    "BUILT_IN",
    "Dataset",
    "UnreachableError",
    "check_name",
    "large_digits",
    "load",
]

BUILT_IN: dict[str, tuple[str, Callable[..., Any]]] = {
    "breast_cancer": ("classification", sklearn.datasets.load_breast_cancer),
    "wine": ("classification", sklearn.datasets.load_wine),
    "digits": ("classification", sklearn.datasets.load_digits),
    "iris": ("classification", sklearn.datasets.load_iris),
    "diabetes": ("regression", sklearn.datasets.load_diabetes),
}
"""Task and loader, by name."""

_MAX_CLASSES = 20
_PIXEL_NOISE = 0.05


class UnreachableError(OSError):
    """A data set that must be fetched, without a network."""


@dataclass(frozen=True)
class Dataset:
    """A data set, split.

    Attributes
    ----------
    task : {"classification", "regression"}
    X_train, X_test : ndarray of shape (n_samples, n_features)
    y_train, y_test : ndarray of shape (n_samples,)
        Class numbers from 0, or floats.
    """

    task: str
    X_train: np.ndarray
    X_test: np.ndarray
    y_train: np.ndarray
    y_test: np.ndarray

    def standardized(self, *, targets: bool = True) -> Dataset:
        """Make the same with features, and targets to regress on, of mean 0 and variance 1."""
        scaled = [*_scaled(self.X_train, self.X_test), self.y_train, self.y_test]
        if targets and self.task == "regression":
            columns = _scaled(self.y_train[:, None], self.y_test[:, None])
            scaled[2:] = [column.ravel() for column in columns]
        return Dataset(self.task, *scaled)

    def folds(self, n_splits: int, n_repeats: int, seed: int) -> Iterator[Dataset]:
        """Split all rows for cross-validation, again and again."""
        X = np.vstack([self.X_train, self.X_test])
        y = np.concatenate([self.y_train, self.y_test])
        kind = RepeatedStratifiedKFold if self.task == "classification" else RepeatedKFold
        folds = kind(n_splits=n_splits, n_repeats=n_repeats, random_state=seed)
        for train, test in folds.split(X, y):
            yield Dataset(self.task, X[train], X[test], y[train], y[test])

    def score(self, predicted: np.ndarray) -> float:
        """Accuracy, or R2, of predictions for the first rows of the test set, or for all."""
        metric = accuracy_score if self.task == "classification" else r2_score
        return float(metric(self.y_test[: len(predicted)], np.ravel(predicted)))


def _scaled(train: np.ndarray, test: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Standardize both by the training part."""
    scaler = StandardScaler().fit(train)
    return scaler.transform(train), scaler.transform(test)


def large_digits() -> tuple[np.ndarray, np.ndarray]:
    """Make images of MNIST's size from scikit-learn's digits: resampled by splines, with noise.

    Returns
    -------
    X : ndarray of shape (1797, 784)
        Rows of 28 x 28 pixels from 0 to 1, in steps of 1/255; the same ones every time.
    y : ndarray of shape (1797,)
    """
    X, y = sklearn.datasets.load_digits(return_X_y=True)
    images = zoom(X.reshape(-1, 8, 8) / 16, (1, 3.5, 3.5), mode="nearest", grid_mode=True)
    noise = np.random.default_rng(0).standard_normal(images.shape)
    pixels = np.rint(255 * np.clip(images + _PIXEL_NOISE * noise, 0, 1))
    return pixels.reshape(len(X), -1) / 255, y


def check_name(name: str, task: str | None) -> None:
    """Refuse a name that `load` would not know, or a built-in set of another task."""
    fitting = [known for known, (kind, _) in BUILT_IN.items() if task in (None, kind)]
    is_outside = name.startswith("openml:") or name.endswith(".csv")
    if name not in fitting and not is_outside:
        raise UnknownNameError(
            f"unknown data set {name!r}; use one of {', '.join(fitting)}, the path of a file "
            "NAME.csv, or openml:NAME"
        )
    if name.endswith(".csv") and not Path(name).is_file():
        raise UnknownNameError(f"there is no file {name!r}")


def load(
    name: str, *, task: str | None = None, target: str | None = None, seed: int = 0
) -> Dataset:
    """Load a data set and split it: 30 % of the rows for the test.

    Parameters
    ----------
    name : str
        A key of `BUILT_IN`, the path of a CSV file with a header, or ``openml:NAME``.
    task : {"classification", "regression"}, optional
        What a CSV or OpenML set is for. None: told from its target.
    target : str, optional
        Target column of a CSV file. None: the last one.
    seed : int
        Of the split; all benchmarks use the same one.

    Raises
    ------
    UnknownNameError, UnreachableError
    """
    check_name(name, task)
    if name in BUILT_IN:
        task, loader = BUILT_IN[name]
        X, y = loader(return_X_y=True)
    else:
        X, y = _fetch(name.removeprefix("openml:")) if ":" in name else _read(name, target)
        task = task or _task_of(y)
        X = pd.get_dummies(X).to_numpy(np.float64)
        y = np.unique(y, return_inverse=True)[1] if task == "classification" else y.to_numpy(float)
    return Dataset(task, *train_test_split(X, y, test_size=0.3, random_state=seed))


def _read(path: str, target: str | None) -> tuple[pd.DataFrame, pd.Series]:
    """Features and target of a CSV file; rows with missing values are left out."""
    table = pd.read_csv(path).dropna()
    target = table.columns[-1] if target is None else target
    if target not in table:
        raise UnknownNameError(
            f"{path} has no column {target!r}; its columns are {', '.join(table.columns)}"
        )
    return table.drop(columns=target), table[target]


def _fetch(name: str) -> tuple[pd.DataFrame, pd.Series]:
    """Features and target of a set on OpenML."""
    try:
        table = sklearn.datasets.fetch_openml(name, as_frame=True, parser="auto")
    except OSError as error:
        raise UnreachableError(f"openml:{name} skipped: no network ({error})") from error
    rows = table.data.notna().all(axis=1) & table.target.notna()
    return table.data[rows], table.target[rows]


def _task_of(y: pd.Series) -> str:
    """Classification for text and for few distinct numbers."""
    is_number = pd.api.types.is_numeric_dtype(y)
    return "regression" if is_number and y.nunique() > _MAX_CLASSES else "classification"
