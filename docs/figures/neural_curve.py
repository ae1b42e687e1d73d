"""Accuracy and cost of a perceptron by its widths: docs/images/neural_curve.png.

breast_cancer, standardized, 12 hidden units, five splits; the table goes to the standard output.
"""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib as mpl
import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler

import cml_sklearn.neural_network

mpl.use("Agg")
from matplotlib import pyplot as plt

IMAGE = Path(__file__).parents[1] / "images" / "neural_curve.png"
N_BITS = [3, 4, 5]
ROUNDING_BITS = [2, 3, 4, 5, 6]
N_SPLITS = 5

Row = tuple[int, int, float, float]


def splits() -> list[list[NDArray[np.float64]]]:
    """Standardized training and test sets, and their labels."""
    X, y = load_breast_cancer(return_X_y=True)
    found = []
    for seed in range(N_SPLITS):
        parts = train_test_split(X, y, test_size=0.3, random_state=seed)
        scaler = StandardScaler().fit(parts[0])
        found.append([scaler.transform(parts[0]), scaler.transform(parts[1]), *parts[2:]])
    return found


def measure() -> tuple[float, list[Row]]:
    """Mean accuracy of the floats; widths, mean accuracy and Gop of each quantization."""
    data = splits()
    floats = [
        MLPClassifier((12,), alpha=1.0, max_iter=1000, random_state=0).fit(X, y)
        for X, _, y, _ in data
    ]
    rows = []
    for n_bits in N_BITS:
        for rounding in ROUNDING_BITS:
            scores = []
            for model, (X, X_test, _, y_test) in zip(floats, data, strict=True):
                quantized = cml_sklearn.neural_network.MLPClassifier.from_sklearn_model(
                    model, X, n_bits=n_bits, rounding_bits=rounding
                )
                scores.append(quantized.score(X_test, y_test))
            gop = quantized.fhe_report_.complexity
            rows.append((n_bits, rounding, float(np.mean(scores)), gop))
    pairs = zip(floats, data, strict=True)
    return float(np.mean([model.score(d[1], d[3]) for model, d in pairs])), rows


def draw(reference: float, rows: list[Row]) -> None:
    """Plot accuracy over cost, a line for each width of the codes."""
    figure, axes = plt.subplots(figsize=(6, 4), layout="constrained")
    for n_bits in N_BITS:
        points = [(gop, score) for n, _, score, gop in rows if n == n_bits]
        axes.plot(*zip(*points, strict=True), marker="o", label=f"n_bits={n_bits}")
    axes.axhline(reference, color="grey", linestyle="--", label="float")
    axes.set(xscale="log", xlabel="Gop a sample", ylabel="accuracy", title="breast_cancer")
    axes.legend()
    IMAGE.parent.mkdir(exist_ok=True)
    figure.savefig(IMAGE, dpi=120)


def main() -> None:
    """Measure, print and draw."""
    reference, rows = measure()
    sys.stdout.write(f"float: {reference:.3f}\n\n| n_bits | rounding_bits | accuracy | Gop |\n")
    sys.stdout.write("|---:|---:|---:|---:|\n")
    for n_bits, rounding, score, gop in rows:
        sys.stdout.write(f"| {n_bits} | {rounding} | {score:.3f} | {gop:.1f} |\n")
    draw(reference, rows)


if __name__ == "__main__":
    main()
