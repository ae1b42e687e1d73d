"""Accuracy and cost of a perceptron by its widths: docs/images/neural_curve.png.

breast_cancer, standardized, 12 hidden units, five splits; the tables go to the standard output.
Stars mark what `search_widths` chooses within some budgets, on the training samples only.
"""

from __future__ import annotations

import sys
from itertools import product
from pathlib import Path
from typing import Any

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
KEPT = [3, 4, 5]
BUDGETS = [1.0, 2.0, 4.0]
N_SPLITS = 5

Row = tuple[int, int, float, float]
Choice = tuple[float, float, float]


def splits() -> list[list[NDArray[np.float64]]]:
    """Standardized training and test sets, and their labels."""
    X, y = load_breast_cancer(return_X_y=True)
    found = []
    for seed in range(N_SPLITS):
        parts = train_test_split(X, y, test_size=0.3, random_state=seed)
        scaler = StandardScaler().fit(parts[0])
        found.append([scaler.transform(parts[0]), scaler.transform(parts[1]), *parts[2:]])
    return found


def quantize(model: MLPClassifier, X: NDArray[np.float64], **widths: int) -> Any:
    """Quantize a perceptron of scikit-learn's."""
    return cml_sklearn.neural_network.MLPClassifier.from_sklearn_model(model, X, **widths)


def measure(data: list[list[NDArray[Any]]], floats: list[MLPClassifier]) -> list[Row]:
    """Widths, mean accuracy and Gop of each quantization."""
    rows = []
    for n_bits, rounding in product(N_BITS, ROUNDING_BITS):
        scores = []
        for model, (X, X_test, _, y_test) in zip(floats, data, strict=True):
            quantized = quantize(model, X, n_bits=n_bits, rounding_bits=rounding)
            scores.append(quantized.score(X_test, y_test))
        rows.append((n_bits, rounding, float(np.mean(scores)), quantized.fhe_report_.complexity))
    return rows


def choose(data: list[list[NDArray[Any]]], floats: list[MLPClassifier]) -> list[Choice]:
    """Budget, mean accuracy and mean Gop of what the search chooses."""
    found = []
    for budget in BUDGETS:
        measured = []
        for model, (X, X_test, y, y_test) in zip(floats, data, strict=True):
            best, _ = cml_sklearn.neural_network.search_widths(
                quantize(model, X), X, X, y, max_gop=budget, n_bits=N_BITS, rounding_bits=KEPT
            )
            measured.append((best.score(X_test, y_test), best.fhe_report_.complexity))
        found.append((budget, *np.mean(measured, axis=0).tolist()))
    return found


def draw(reference: float, rows: list[Row], chosen: list[Choice]) -> None:
    """Plot accuracy over cost, a line for each width of the codes."""
    figure, axes = plt.subplots(figsize=(6, 4), layout="constrained")
    for n_bits in N_BITS:
        points = [(gop, score) for n, _, score, gop in rows if n == n_bits]
        axes.plot(*zip(*points, strict=True), marker="o", label=f"n_bits={n_bits}")
    _, scores, gops = zip(*chosen, strict=True)
    axes.plot(gops, scores, "k*", markersize=12, label="search_widths")
    axes.axhline(reference, color="grey", linestyle="--", label="float")
    axes.set(xscale="log", xlabel="Gop a sample", ylabel="accuracy", title="breast_cancer")
    axes.legend()
    IMAGE.parent.mkdir(exist_ok=True)
    figure.savefig(IMAGE, dpi=120)


def main() -> None:
    """Measure, print and draw."""
    data = splits()
    floats = [
        MLPClassifier((12,), alpha=1.0, max_iter=1000, random_state=0).fit(X, y)
        for X, _, y, _ in data
    ]
    pairs = zip(floats, data, strict=True)
    reference = float(np.mean([model.score(d[1], d[3]) for model, d in pairs]))
    rows, chosen = measure(data, floats), choose(data, floats)
    sys.stdout.write(f"float: {reference:.3f}\n\n| n_bits | rounding_bits | accuracy | Gop |\n")
    sys.stdout.write("|---:|---:|---:|---:|\n")
    for n_bits, rounding, score, gop in rows:
        sys.stdout.write(f"| {n_bits} | {rounding} | {score:.3f} | {gop:.1f} |\n")
    sys.stdout.write("\n| max_gop | accuracy | Gop |\n|---:|---:|---:|\n")
    for budget, score, gop in chosen:
        sys.stdout.write(f"| {budget} | {score:.3f} | {gop:.1f} |\n")
    draw(reference, rows, chosen)


if __name__ == "__main__":
    main()
