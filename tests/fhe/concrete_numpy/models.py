"""Saves the modules that the tests run in an environment of Python 3.10, which can't train any."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.preprocessing import StandardScaler

from cml_sklearn.ensemble import RandomForestRegressor
from cml_sklearn.linear_model import LogisticRegression, Ridge
from cml_sklearn.tree import DecisionTreeClassifier

MODELS: dict[str, tuple[Any, Any]] = {
    "logistic_regression": (LogisticRegression(), load_breast_cancer),
    "ridge": (Ridge(), load_diabetes),
    "one_against_rest": (LogisticRegression(n_bits=5), load_iris),
    "tree": (DecisionTreeClassifier(max_depth=4, random_state=0, n_bits=3), load_breast_cancer),
    "forest": (
        RandomForestRegressor(3, max_depth=3, random_state=0, n_bits=3, sum_bits=3),
        load_diabetes,
    ),
}


def main(folder: Path) -> None:
    """Train each model and save its module."""
    for name, (model, load) in MODELS.items():
        X, y = load(return_X_y=True)
        X = StandardScaler().fit_transform(X)
        model.fit(X, y).quantized_module_.save(folder / f"{name}.npz")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
