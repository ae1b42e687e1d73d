"""Accuracy of a linear classifier by number of bits: the tables of docs/explanation/pipeline.md.

Three ways to choose the integers, on the same folds: one scale for all features, one scale for
each with every weight rounded to the nearest integer, and the library's own way.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from sklearn.linear_model import LogisticRegression

import cml_sklearn.linear_model
from benchmarks.datasets import Dataset, load
from benchmarks.progress import tracked
from benchmarks.tables import figure, insert, markdown

__all__ = ["write"]

_N_BITS = range(2, 9)
_N_REPEATS = 4
_HEAD = ["n_bits", "one scale, nearest", "scale per feature, nearest", "cml_sklearn"]
_DATA = {"breast_cancer": "standardized", "wine": "raw", "digits": "raw"}


def write() -> None:
    """Measure all and write the page."""
    insert(
        "explanation/pipeline.md",
        "linear",
        [line for name in tracked(_DATA) for line in _section(name)],
    )


def _section(name: str) -> Iterator[str]:
    """Title and table of a data set, means over the folds."""
    folds = load(name).folds(5, _N_REPEATS, seed=0)
    if _DATA[name] == "standardized":
        folds = (fold.standardized() for fold in folds)
    floats, scores = zip(*map(_scores, folds), strict=True)
    yield from ["", f"**{name}, {_DATA[name]}**; scikit-learn's floats: {np.mean(floats):.3f}", ""]
    table = zip(_N_BITS, np.mean(scores, axis=0), strict=True)
    cells = [[str(n), *(figure("score", x) for x in line)] for n, line in table]
    yield from markdown(_HEAD, cells, n_left=0)


def _scores(fold: Dataset) -> tuple[float, list[list[float]]]:
    """Accuracy of the floats, and of each width in each of the three ways."""
    model = LogisticRegression(max_iter=10_000).fit(fold.X_train, fold.y_train)
    quantized = [[fold.score(x) for x in _predictions(model, fold, n)] for n in _N_BITS]
    return fold.score(model.predict(fold.X_test)), quantized


def _predictions(model: LogisticRegression, fold: Dataset, n_bits: int) -> Iterator[np.ndarray]:
    """Labels by each of the three ways."""
    yield _nearest(model, fold, n_bits, axis=None)
    yield _nearest(model, fold, n_bits, axis=0)
    ours = cml_sklearn.linear_model.LogisticRegression
    yield ours.from_sklearn_model(model, fold.X_train, n_bits=n_bits).predict(fold.X_test)


def _nearest(model: LogisticRegression, fold: Dataset, n_bits: int, axis: int | None) -> np.ndarray:
    """Labels with min/max ranges, of all or by feature, and every weight rounded to nearest."""
    low, high = fold.X_train.min(axis=axis), fold.X_train.max(axis=axis)
    upper = 2**n_bits - 1
    step = np.where(high > low, (high - low) / upper, 1.0)
    zero = np.rint(-low / step)
    codes = np.clip(np.rint(fold.X_test / step) + zero, 0, upper) - zero
    weights = model.coef_.T * np.broadcast_to(step, len(model.coef_.T))[:, None]
    scale = np.abs(weights).max(axis=0) / (2 ** (n_bits - 1) - 1)
    scores = (codes @ np.rint(weights / scale)) * scale + model.intercept_
    index = scores.argmax(axis=1) if scores.shape[1] > 1 else (scores[:, 0] > 0).astype(int)
    return model.classes_[index]
