"""Accuracy and cost of a perceptron by its widths: a picture and tables of docs/guide/networks.md.

breast_cancer, standardized, 12 hidden units, five splits. Stars mark what `search_widths` chooses
within some budgets, on the training samples only.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from sklearn.neural_network import MLPClassifier

import cml_sklearn.neural_network
from benchmarks.datasets import Dataset, load
from benchmarks.pictures import legend_above, picture, plain_log, styles
from benchmarks.progress import tracked
from benchmarks.subject import PEER_P_ERROR
from benchmarks.tables import DOCS, insert, markdown
from cml_sklearn import config_context

__all__ = ["Point", "write"]

_PAGE = "guide/networks.md"
_PICTURE = DOCS / "images" / "neural_curve.png"
_N_BITS = [3, 4, 5]
_ROUNDING_BITS = [2, 3, 4, 5, 6]
_SEARCHED = [3, 4, 5]
_BUDGETS = [1.0, 2.0, 4.0]
_N_SPLITS = 5

Fitted = tuple[MLPClassifier, Dataset]


class Point(NamedTuple):
    """Mean accuracy over the splits, and mean cost."""

    score: float
    gop: float

    def __str__(self) -> str:
        return f"{self.score:.3f} ({self.gop:.1f})"


def write() -> None:
    """Measure all, and write the page and the picture."""
    fitted = [_fitted(seed) for seed in range(_N_SPLITS)]
    reference = float(np.mean([data.score(model.predict(data.X_test)) for model, data in fitted]))
    with config_context(engine="concrete"):
        curves = {
            n: [_measured(fitted, n, kept) for kept in _ROUNDING_BITS] for n in tracked(_N_BITS)
        }
        choices = {budget: _chosen(fitted, budget) for budget in tracked(_BUDGETS)}
    head = ["accuracy (Gop)", *(f"{kept} bits kept" for kept in _ROUNDING_BITS)]
    cells = [[f"`n_bits={n}`", *map(str, curve)] for n, curve in curves.items()]
    lines = [f"Floats: {reference:.3f}.", "", *markdown(head, cells)]
    insert(_PAGE, "widths", lines)
    rows = [[f"{budget:g}", f"{x.score:.3f}", f"{x.gop:.1f}"] for budget, x in choices.items()]
    insert(_PAGE, "budgets", markdown(["`max_gop`", "accuracy", "Gop"], rows, n_left=0))
    _draw(reference, curves, list(choices.values()))


def _fitted(seed: int) -> Fitted:
    """Train scikit-learn's perceptron on a split of its own."""
    data = load("breast_cancer", seed=seed).standardized()
    model = MLPClassifier((12,), alpha=1.0, max_iter=1000, random_state=0)
    return model.fit(data.X_train, data.y_train), data


def _measured(fitted: list[Fitted], n_bits: int, kept: int) -> Point:
    """Mean of one quantization; its cost is that of the last split."""
    ours = cml_sklearn.neural_network.MLPClassifier
    scores = []
    for model, data in fitted:
        quantized = ours.from_sklearn_model(
            model, data.X_train, n_bits=n_bits, rounding_bits=kept, p_error=PEER_P_ERROR
        )
        scores.append(data.score(quantized.predict(data.X_test)))
    return Point(float(np.mean(scores)), quantized.fhe_report_.complexity or 0.0)


def _chosen(fitted: list[Fitted], budget: float) -> Point:
    """Means of what the search chooses."""
    points = []
    for model, data in fitted:
        X = data.X_train
        best, _ = cml_sklearn.neural_network.search_widths(
            cml_sklearn.neural_network.MLPClassifier.from_sklearn_model(
                model, X, p_error=PEER_P_ERROR
            ),
            X,
            X,
            data.y_train,
            max_gop=budget,
            n_bits=_N_BITS,
            rounding_bits=_SEARCHED,
        )
        points.append((data.score(best.predict(data.X_test)), best.fhe_report_.complexity or 0.0))
    return Point(*np.mean(points, axis=0).tolist())


def _draw(reference: float, curves: dict[int, list[Point]], choices: list[Point]) -> None:
    """Plot accuracy over cost, a line for each width of the codes."""
    looks = styles(f"n_bits={n_bits}" for n_bits in curves)
    with picture(_PICTURE, 3.6) as figure:
        axes = figure.subplots()
        for (label, look), curve in zip(looks.items(), curves.values(), strict=True):
            axes.plot([x.gop for x in curve], [x.score for x in curve], label=label, **look)
        stars = [x.gop for x in choices], [x.score for x in choices]
        axes.plot(*stars, "k*", markersize=11, fillstyle="none", label="search_widths")
        axes.axhline(reference, color="grey", linewidth=0.8, zorder=0, label="float")
        axes.set(xlabel="cost of a sample, Gop", ylabel="accuracy on breast_cancer, share")
        plain_log(axes, "x")
        legend_above(figure, columns=3)
