"""What simulated rounding in training gives: the second table of docs/neural_networks.md.

Mean scores of the default perceptron of 16 units, in the clear, over several splits.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
from pages import insert, row
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_iris, load_wine
from sklearn.model_selection import train_test_split

from cml_sklearn.neural_network import NeuralNetClassifier, NeuralNetRegressor

PAGE = "neural_networks.md"
DATA = {
    "breast_cancer": (load_breast_cancer, NeuralNetClassifier),
    "wine": (load_wine, NeuralNetClassifier),
    "iris": (load_iris, NeuralNetClassifier),
    "digits": (load_digits, NeuralNetClassifier),
    "diabetes (R2)": (load_diabetes, NeuralNetRegressor),
}
KEPT = [3, 4, 5]
N_SPLITS = 6


def mean_score(load: Any, estimator: Any, **parameters: Any) -> float:
    """Mean over the splits."""
    X, y = load(return_X_y=True)
    scores = []
    for seed in range(N_SPLITS):
        X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.3, random_state=seed)
        model = estimator(random_state=0, **parameters).fit(X_train, y_train)
        scores.append(model.score(X_test, y_test))
    return float(np.mean(scores))


def table() -> Iterator[str]:
    """All lines."""
    yield row(["", *(f"{kept} bits kept" for kept in KEPT)])
    yield row(["---", *["---:"] * len(KEPT)])
    for name, (load, estimator) in DATA.items():
        cells = []
        for kept in KEPT:
            scores = (
                mean_score(load, estimator, rounding_bits=kept, quantization_aware=aware)
                for aware in (False, True)
            )
            cells.append(" / ".join(f"{score:.3f}" for score in scores))
        yield row([name, *cells])


def main() -> None:
    """Measure all and write the page."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        insert(PAGE, "aware", table())
    sys.stdout.write(f"wrote {PAGE}\n")


if __name__ == "__main__":
    main()
