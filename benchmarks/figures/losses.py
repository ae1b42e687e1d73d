"""What networks lose by quantization with their defaults: a table of docs/explanation/networks.md.

Perceptrons of 16 units on standardized data, in the clear, against the same net in floats, which
for `NeuralNet*` is one trained without simulated rounding. Seven of the twelve data sets are
generated, with heavy tails, outliers, and other things that ranges of integers suffer from.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np
from sklearn.datasets import make_classification, make_friedman1, make_regression
from sklearn.model_selection import train_test_split

from benchmarks.datasets import BUILT_IN, Dataset
from benchmarks.progress import tracked
from benchmarks.tables import insert, markdown
from cml_sklearn.neural_network import (
    MLPClassifier,
    MLPRegressor,
    NeuralNetClassifier,
    NeuralNetRegressor,
)

__all__ = ["write"]

_N_SPLITS = 6
_HEAD = ["data", "MLP, float", "loss, points", "Gop", "NeuralNet, float", "loss, points", "Gop"]

Made = tuple[np.ndarray, np.ndarray]


class Score(NamedTuple):
    """Scores of a net on a split's test set, and what an encrypted sample costs.

    Attributes
    ----------
    floats, integers : float
        Accuracy or R2.
    gop : float
    """

    floats: float
    integers: float
    gop: float


def _random() -> np.random.Generator:
    return np.random.default_rng(2026)


def _heavy_tails() -> Made:
    X, y = make_classification(900, 18, n_informative=8, n_classes=3, random_state=11)
    return X * np.exp(_random().standard_normal(X.shape)), y


def _outliers() -> Made:
    X, y = make_classification(700, 20, n_informative=7, random_state=12)
    return np.where(_random().random(X.shape) < 0.01, 40 * X, X), y


def _one_hot() -> Made:
    X, y = make_classification(1000, 12, n_informative=9, n_classes=4, random_state=13)
    thirds = [np.digitize(column, np.quantile(column, (1 / 3, 2 / 3))) for column in X[:, :6].T]
    return np.hstack([X[:, 6:], *(np.eye(3)[third] for third in thirds)]), y


def _correlated() -> Made:
    X, y = make_classification(800, 50, n_informative=8, n_redundant=40, random_state=14)
    return X + 0.05 * X.std(axis=0) * _random().standard_normal(X.shape), y


def _few_rows() -> Made:
    X, y = make_classification(110, 25, n_informative=6, n_classes=2, random_state=15)
    return X, y


def _skewed_regression() -> Made:
    X, y = make_friedman1(800, 12, noise=1.0, random_state=16)
    return np.exp(3 * X), y


def _regression_with_tails() -> Made:
    X, y = make_regression(600, 10, n_informative=7, noise=25, random_state=17)
    return X + 0.1 * _random().standard_t(2, X.shape), y


_GENERATED: dict[str, tuple[str, Callable[[], Made]]] = {
    "heavy tails": ("classification", _heavy_tails),
    "outliers": ("classification", _outliers),
    "one-hot columns": ("classification", _one_hot),
    "correlated columns": ("classification", _correlated),
    "few rows": ("classification", _few_rows),
    "skewed, R2": ("regression", _skewed_regression),
    "tails, R2": ("regression", _regression_with_tails),
}


def write() -> None:
    """Measure all and write the page."""
    insert("explanation/networks.md", "losses", markdown(_HEAD, list(_cells())))


def _cells() -> Iterator[list[str]]:
    """Lines of the table, and one of means."""
    losses: list[list[float]] = [[], []]
    for name, splits in tracked(_data().items(), lambda item: item[0]):
        line = [name]
        for number, score in enumerate((_perceptron, _net)):
            scores = [score(data, seed) for seed, data in enumerate(splits)]
            lost = np.array([100 * (s.floats - s.integers) for s in scores])
            losses[number].append(lost.mean())
            error = lost.std(ddof=1) / np.sqrt(len(lost))
            line += [
                f"{np.mean([s.floats for s in scores]):.3f}",
                f"{lost.mean():.1f} ± {error:.1f}",
            ]
            line += [f"{max(s.gop for s in scores):.1f}"]
        yield line
    means = [cell for lost in losses for cell in ("", f"{np.mean(lost):.1f}", "")]
    yield ["mean", *means]


def _data() -> dict[str, list[Dataset]]:
    """Split every data set, standardized."""
    makers = {name: (task, _built_in(loader)) for name, (task, loader) in BUILT_IN.items()}
    return {
        name: [_split(task, *maker(), seed) for seed in range(_N_SPLITS)]
        for name, (task, maker) in (makers | _GENERATED).items()
    }


def _built_in(loader: Callable[..., Any]) -> Callable[[], Made]:
    return lambda: loader(return_X_y=True)


def _split(task: str, X: np.ndarray, y: np.ndarray, seed: int) -> Dataset:
    classes = y if task == "classification" else None
    parts = train_test_split(X, y, test_size=0.3, random_state=seed, stratify=classes)
    return Dataset(task, *parts).standardized()


def _perceptron(data: Dataset, seed: int) -> Score:
    """Fit scikit-learn's, with its defaults but for the units."""
    kind = MLPClassifier if data.task == "classification" else MLPRegressor
    model = kind(hidden_layer_sizes=(16,), random_state=seed).fit(data.X_train, data.y_train)
    floats = data.score(model.sklearn_model_.predict(data.X_test))
    return Score(floats, data.score(model.predict(data.X_test)), _gop(model, data, seed))


def _net(data: Dataset, seed: int) -> Score:
    """Fit the default net, and one that is trained in floats."""
    kind = NeuralNetClassifier if data.task == "classification" else NeuralNetRegressor
    y = data.y_train.astype(np.float32) if data.task == "regression" else data.y_train
    model = kind(random_state=seed).fit(data.X_train, y)
    floats = kind(random_state=seed, quantization_aware=False).fit(data.X_train, y)
    given = floats.skorch_net_.predict(data.X_test.astype(np.float32))
    return Score(data.score(given), data.score(model.predict(data.X_test)), _gop(model, data, seed))


def _gop(model: Any, data: Dataset, seed: int) -> float:
    """Billions of operations for a sample; of the first split only."""
    if seed:
        return 0.0
    model.compile(data.X_train[:50], engine="concrete")
    return float(model.fhe_report_.complexity)
