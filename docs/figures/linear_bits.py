"""Accuracy of a linear classifier by number of bits: the tables of docs/pipeline.md.

Three ways to choose the integers, on the same five folds: one scale for all features, one scale for
each with every weight rounded to the nearest integer, and the library's own way.
"""

from __future__ import annotations

import sys

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_breast_cancer, load_digits, load_wine
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.preprocessing import StandardScaler

import cml_sklearn.linear_model
from cml_sklearn.quantization.encoders import AffineQuantizer

FloatArray = NDArray[np.float64]

N_BITS = range(2, 9)
COLUMNS = ["n_bits", "one scale, nearest", "scale per feature, nearest", "cml_sklearn"]


def nearest(
    model: LogisticRegression, X_fit: FloatArray, X: FloatArray, n_bits: int, *, per_feature: bool
) -> NDArray[np.int64]:
    """Labels with min/max ranges and every weight rounded to the nearest integer."""
    axis = 0 if per_feature else None
    quantizer = AffineQuantizer.from_range(X_fit.min(axis=axis), X_fit.max(axis=axis), n_bits)
    weights = model.coef_.T * np.broadcast_to(quantizer.scale, X.shape[1])[:, None]
    scale = np.abs(weights).max(axis=0) / (2 ** (n_bits - 1) - 1)
    codes = quantizer.quantize(X) - quantizer.zero_point
    scores = (codes @ np.rint(weights / scale)) * scale + model.intercept_
    index = scores.argmax(axis=1) if scores.shape[1] > 1 else (scores[:, 0] > 0).astype(int)
    labels: NDArray[np.int64] = model.classes_[index]
    return labels


def predictions(
    model: LogisticRegression, X_fit: FloatArray, X: FloatArray, n_bits: int
) -> list[NDArray[np.int64]]:
    """Labels by each of the three ways."""
    ours = cml_sklearn.linear_model.LogisticRegression
    quantized = ours.from_sklearn_model(model, X_fit, n_bits=n_bits)
    return [
        nearest(model, X_fit, X, n_bits, per_feature=False),
        nearest(model, X_fit, X, n_bits, per_feature=True),
        quantized.predict(X),
    ]


def accuracies(X: FloatArray, y: NDArray[np.int64], *, standardize: bool) -> FloatArray:
    """Mean accuracy over folds, shape (1 + n_widths, 3); the first row is the float model's."""
    folds = []
    for train, test in StratifiedKFold(5, shuffle=True, random_state=0).split(X, y):
        scaler = StandardScaler(with_mean=standardize, with_std=standardize).fit(X[train])
        X_fit, X_test = scaler.transform(X[train]), scaler.transform(X[test])
        model = LogisticRegression(max_iter=10_000).fit(X_fit, y[train])
        rows = [[model.predict(X_test)] * 3]
        rows += [predictions(model, X_fit, X_test, n_bits) for n_bits in N_BITS]
        folds.append([[np.mean(labels == y[test]) for labels in row] for row in rows])
    return np.mean(folds, axis=0)


def markdown(title: str, table: FloatArray) -> str:
    """Write accuracies as a Markdown table."""
    lines = [f"{title}; scikit-learn's floats: {table[0, 0]:.3f}", ""]
    lines += ["| " + " | ".join(COLUMNS) + " |", "|" + "---:|" * len(COLUMNS)]
    for n_bits, row in zip(N_BITS, table[1:], strict=True):
        lines.append("| " + " | ".join([f"{n_bits}", *(f"{x:.3f}" for x in row)]) + " |")
    return "\n".join(lines) + "\n\n"


def main() -> None:
    """Print the tables."""
    cases = [
        ("breast_cancer, standardized", load_breast_cancer, True),
        ("wine, raw", load_wine, False),
        ("digits, raw", load_digits, False),
    ]
    for title, load, standardize in cases:
        X, y = load(return_X_y=True)
        sys.stdout.write(markdown(title, accuracies(X, y, standardize=standardize)))


if __name__ == "__main__":
    main()
