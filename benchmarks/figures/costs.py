"""Estimated against measured seconds of encrypted predictions: the table of docs/guide/costs.md.

Models of different kinds, on the engines that can do them; the first sample is not counted.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from sklearn.preprocessing import StandardScaler

from benchmarks.datasets import BUILT_IN
from benchmarks.engines import facts_line
from benchmarks.measure import median_seconds
from benchmarks.progress import tracked
from benchmarks.tables import insert, markdown
from cml_sklearn import (
    DecisionTreeClassifier,
    GradientBoostingRegressor,
    LogisticRegression,
    MLPClassifier,
    RandomForestClassifier,
    Ridge,
)
from cml_sklearn.metrics import FheCost, fhe_cost
from cml_sklearn.xgboost import XGBClassifier

__all__ = ["write"]

_HEAD = ["model", "engine", "samples", "Gop", "estimated, ms", "measured, ms", "off by"]
_MODELS: list[tuple[str, str, Any]] = [
    ("breast_cancer", "LR, 8 bits", LogisticRegression(n_bits=8, max_iter=500)),
    ("digits", "LR, 6 bits", LogisticRegression(n_bits=6, max_iter=500)),
    ("diabetes", "Ridge, 8 bits", Ridge(n_bits=8)),
    ("breast_cancer", "tree of depth 5", DecisionTreeClassifier(max_depth=5, random_state=0)),
    ("wine", "tree of depth 3", DecisionTreeClassifier(max_depth=3, n_bits=4, random_state=0)),
    ("breast_cancer", "XGB 50 x 3", XGBClassifier(n_estimators=50, max_depth=3, random_state=0)),
    ("wine", "RF 10 x 3", RandomForestClassifier(10, max_depth=3, n_bits=4, random_state=0)),
    ("breast_cancer", "RF 50 x 4", RandomForestClassifier(50, max_depth=4, random_state=0)),
    ("diabetes", "boosting 20 x 3", GradientBoostingRegressor(n_estimators=20, random_state=0)),
    ("iris", "MLP 8", MLPClassifier((8,), random_state=0)),
    ("wine", "MLP 16", MLPClassifier((16,), random_state=0)),
    ("wine", "MLP 12 and 6", MLPClassifier((12, 6), rounding_bits=3, random_state=0)),
    ("iris", "MLP 4, exact", MLPClassifier((4,), n_bits=3, rounding_bits=None, random_state=0)),
]
_SAMPLES = {"concrete": 1, "seal": 171}
_RUNS = 3


def write() -> None:
    """Measure all and write the page."""
    lines = [*_lines()]
    errors = [error for _, error in lines]
    told = f"{len(errors)} estimates, off by {100 * np.median(errors):.0f} % in the median."
    table = markdown(_HEAD, [cells for cells, _ in lines], n_left=2)
    insert("guide/costs.md", "costs", [f"{facts_line()} {told}", "", *table])


def _lines() -> Iterator[tuple[list[str], float]]:
    """Cells and relative error, of every model on every engine that can do it."""
    for name, title, model in tracked(_MODELS, lambda x: f"{x[0]}, {x[1]}"):
        _, loader = BUILT_IN[name]
        X, y = loader(return_X_y=True)
        X = StandardScaler().fit_transform(X)
        model.fit(X, y)
        for engine, n_samples in _SAMPLES.items():
            if engine == "seal" and isinstance(model, MLPClassifier):
                continue
            cost = fhe_cost(model, n_samples=n_samples, engine=engine)
            seconds = _measured(model, X[:n_samples], engine)
            error = abs(cost.seconds / seconds - 1)
            yield _cells(f"{name}, {title}", cost, seconds, error), error


def _cells(title: str, cost: FheCost, seconds: float, error: float) -> list[str]:
    gop = f"{cost.gop:.2g}" if cost.gop else "-"
    times = (f"{1e3 * value:.3g}" for value in (cost.seconds, seconds))
    return [title, cost.engine, str(cost.n_samples), gop, *times, f"{100 * error:.0f} %"]


def _measured(model: Any, X: np.ndarray, engine: str) -> float:
    """Seconds a sample, the median of several runs after the first."""
    module = model.quantized_module_
    circuit = module.circuit_of(engine)
    codes = module.quantize_input(X)
    circuit.generate_keys()
    circuit.execute(*codes)
    return median_seconds(lambda: circuit.execute(*codes), _RUNS) / len(X)
