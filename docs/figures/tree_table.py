"""Cost and scores of encrypted trees: the tables and the figure of docs/trees.md.

Every model is trained by ``train_test_split(test_size=.3, random_state=0)`` with
``random_state=0``, and compiled at the default p_error of 2**-40. Gop is the optimizer's own cost
in units of 1e9 operations, PBS the number of programmable bootstraps: exact and repeatable.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from pages import insert, row
from sklearn.base import clone
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits, load_wine
from sklearn.model_selection import train_test_split

from cml_sklearn import ensemble, tree, xgboost

PAGE = "trees.md"
FIGURE = Path(__file__).with_name("tree_bits.svg")
DATA: dict[str, Callable[..., Any]] = {
    "breast_cancer": load_breast_cancer,
    "wine": load_wine,
    "digits": load_digits,
    "diabetes": load_diabetes,
}
# (score, PBS, Gop) of Concrete-ML 1.9.0, always at n_bits=6
PEER = {
    ("breast_cancer", "DT5"): (0.9298, 127, 7.039),
    ("breast_cancer", "XGB50x3"): (0.9708, 3200, 161.046),
    ("breast_cancer", "RF50x4"): (0.9532, 5900, 327.012),
    ("wine", "DT5"): (0.9444, 46, 2.332),
    ("wine", "XGB50x3"): (0.9815, 8250, 416.166),
    ("wine", "RF50x4"): (1.0, 5450, 302.362),
    ("digits", "DT5"): (0.7167, 244, 13.452),
    ("digits", "XGB50x3"): (0.9574, 32000, 1610.464),
    ("digits", "RF50x4"): (0.887, 6800, 376.31),
    ("diabetes", "DT5"): (0.2173, 253, 13.946),
    ("diabetes", "XGB50x3"): (0.2412, 3200, 161.046),
    ("diabetes", "RF50x4"): (0.3435, 6800, 376.31),
}
N_BITS = {"digits": (3, 4, 6), "diabetes": (4, 6)}
HEAD = ["data / model", "n_bits", "score", "float", "peer", "PBS", "peer", "Gop", "peer", "ratio"]


def models(*, regression: bool) -> dict[str, Any]:
    """Make the three models."""
    kind = "Regressor" if regression else "Classifier"
    options = {"n_estimators": 50, "random_state": 0}
    return {
        "DT5": getattr(tree, f"DecisionTree{kind}")(max_depth=5, random_state=0),
        "XGB50x3": getattr(xgboost, f"XGB{kind}")(max_depth=3, n_jobs=1, **options),
        "RF50x4": getattr(ensemble, f"RandomForest{kind}")(max_depth=4, **options),
    }


def measure(estimator: Any, data: str) -> tuple[float, float, float, float]:
    """Score, score of the float model on raw data, PBS and Gop."""
    X, y = DATA[data](return_X_y=True)
    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.3, random_state=0)
    model = clone(estimator).fit(X_train, y_train)
    reference = model._make_wrapped().fit(X_train, y_train)
    report = model.compile().report
    scores = (model.score(X_test, y_test), reference.score(X_test, y_test))
    return (*scores, report.pbs_count, report.complexity)


def table() -> Iterator[str]:
    """Lines of the table beside the peer's figures."""
    yield row(HEAD)
    yield "|---|" + "---:|" * (len(HEAD) - 1)
    for (data, name), (peer_score, peer_pbs, peer_gop) in PEER.items():
        estimator = models(regression=data == "diabetes")[name]
        for n_bits in N_BITS.get(data, (6,)):
            score, reference, pbs, gop = measure(estimator.set_params(n_bits=n_bits), data)
            cells = [f"{data} / {name}", str(n_bits)]
            cells += [f"{value:.3f}" for value in (score, reference, peer_score)]
            cells += [f"{pbs:.0f}", f"{peer_pbs}", f"{gop:.2f}", f"{peer_gop:.1f}"]
            yield row([*cells, f"{peer_gop / gop:.0f} x"])


def curve() -> Iterator[str]:
    """Lines of the table by n_bits on breast_cancer; draws the figure, too."""
    rows: dict[str, list[tuple[float, ...]]] = {}
    yield row(["model", *(f"{n} bits" for n in range(1, 9))])
    yield "|---|" + "---:|" * 8
    for name, estimator in models(regression=False).items():
        rows[name] = [
            measure(clone(estimator).set_params(n_bits=n), "breast_cancer") for n in range(1, 9)
        ]
        cells = [f"{score:.3f}, {gop:.1f} Gop" for score, _, _, gop in rows[name]]
        yield row([name, *cells])
    draw(rows)


def draw(rows: dict[str, list[tuple[float, ...]]]) -> None:
    """Plot accuracy and Gop over n_bits."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 3), layout="constrained")
    left, right = figure.subplots(1, 2)
    for name, measured in rows.items():
        scores, _, _, gops = np.array(measured).T
        left.plot(range(1, 9), scores, marker="o", label=name)
        right.plot(range(1, 9), gops, marker="o", label=name)
    left.set(xlabel="n_bits", ylabel="accuracy")
    right.set(xlabel="n_bits", ylabel="Gop a sample", yscale="log")
    left.legend()
    figure.savefig(FIGURE, metadata={"Date": None})


def main() -> None:
    """Measure all and write the page."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        insert(PAGE, "table", table())
        insert(PAGE, "curve", curve())
    sys.stdout.write(f"wrote {PAGE} and {FIGURE.name}\n")


if __name__ == "__main__":
    main()
