"""Nets of squares on SEAL beside nets of lookups: a table of docs/guide/networks.md.

Mean scores of the default perceptron of 16 units over several splits of standardized data, in the
clear; median seconds of encrypting, evaluating and decrypting, of the last split.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from benchmarks.datasets import Dataset, load
from benchmarks.measure import median_seconds
from benchmarks.progress import tracked
from benchmarks.tables import figure, insert, markdown
from cml_sklearn.neural_network import NeuralNetClassifier, NeuralNetRegressor

__all__ = ["write"]

_HEAD = ["data", "ReLU, float", "quantized", "Gop", "squares, float", "quantized"]
_HEAD += ["keys, MB", "a sample, s", "one of 8,192, ms"]
_DATA = {name: name for name in ("breast_cancer", "wine", "iris", "digits")}
_DATA["diabetes (R2)"] = "diabetes"
_N_SPLITS, _BATCH, _N_RUNS = 6, 8192, 5


def write() -> None:
    """Measure all and write the page."""
    insert("guide/networks.md", "squares", markdown(_HEAD, _cells()))


def _cells() -> Iterator[list[str]]:
    for label, name in tracked(_DATA.items(), lambda item: item[1]):
        splits = [load(name, seed=seed).standardized(targets=False) for seed in range(_N_SPLITS)]
        lookups = [_fitted(data, seed, "relu") for seed, data in enumerate(splits)]
        squares = [_fitted(data, seed, "square") for seed, data in enumerate(splits)]
        last = lookups[-1].compile(splits[-1].X_train[:50], engine="concrete")
        yield [
            label,
            *_scores(lookups, splits),
            f"{last.report.complexity:.1f}",
            *_scores(squares, splits),
            *_costs(squares[-1], splits[-1].X_test),
        ]


def _fitted(data: Dataset, seed: int, activation: str) -> Any:
    kind = NeuralNetClassifier if data.task == "classification" else NeuralNetRegressor
    y = data.y_train.astype(np.float32) if data.task == "regression" else data.y_train
    return kind(module__activation=activation, random_state=seed).fit(data.X_train, y)


def _scores(models: list[Any], splits: list[Dataset]) -> list[str]:
    """Mean scores of the float nets and of the integers."""
    pairs = [
        [
            data.score(predict(data.X_test.astype(np.float32)))
            for predict in (model.skorch_net_.predict, model.predict)
        ]
        for model, data in zip(models, splits, strict=True)
    ]
    return [figure("score", mean) for mean in np.mean(pairs, axis=0).tolist()]


def _costs(model: Any, X: np.ndarray) -> list[str]:
    """Megabytes of keys, seconds of a sample alone, milliseconds of one of a full batch."""
    model.compile(X, engine="seal")
    model.predict(X[:1], execute_in_fhe=True)  # makes the keys
    alone, batch = (
        median_seconds(partial(model.predict, rows, execute_in_fhe=True), _N_RUNS)
        for rows in (X[:1], np.resize(X, (_BATCH, X.shape[1])))
    )
    keys = model.fhe_report_.key_bytes / 1e6
    return [f"{keys:.1f}", f"{alone:.2f}", f"{1e3 * batch / _BATCH:.3f}"]
