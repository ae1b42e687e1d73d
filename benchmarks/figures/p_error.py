"""What a calibrated `p_error` saves: a table of docs/guide/costs.md.

Calibrated on the rows of training; those of the test show how far it carries over.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import log2
from typing import Any

from benchmarks.datasets import load
from benchmarks.engines import facts_line
from benchmarks.progress import tracked
from benchmarks.tables import insert, markdown
from cml_sklearn import DecisionTreeClassifier, MLPClassifier, config_context
from cml_sklearn.fhe.protocol import DEFAULT_P_ERROR
from cml_sklearn.model_selection import calibrate_p_error

__all__ = ["write"]

_HEAD = ["model", "`p_error`", "agree", "at least", "on test", "Gop", "Gop at `2**-64`"]
_PERCEPTRON = {"hidden_layer_sizes": (8,), "max_iter": 1000, "random_state": 0}
_MODELS: list[tuple[str, str, Any]] = [
    ("wine", "MLP 8", MLPClassifier(**_PERCEPTRON)),
    ("wine", "MLP 8, exact", MLPClassifier(**_PERCEPTRON, exact_rounding=True)),
    ("breast_cancer", "tree of depth 5", DecisionTreeClassifier(max_depth=5, random_state=0)),
]
_AGREEMENT = 0.98


def write() -> None:
    """Calibrate all and write the page."""
    told = f"{_AGREEMENT:.0%} of the labels are to agree, with a confidence of 95 %."
    table = markdown(_HEAD, _cells())
    insert("guide/costs.md", "p_error", [f"{facts_line()} {told}", "", *table])


def _cells() -> Iterator[list[str]]:
    for name, title, model in tracked(_MODELS, lambda x: f"{x[0]}, {x[1]}"):
        data = load(name).standardized()
        model.fit(data.X_train, data.y_train)
        with config_context(engine="concrete"):
            usual = _gop_of(model, DEFAULT_P_ERROR)
            p_error, trials = calibrate_p_error(model, data.X_train, agreement=_AGREEMENT)
            cheaper = _gop_of(model, p_error)
            simulated = model.predict(data.X_test, execute_in_fhe="simulate")
        (trial,) = (trial for trial in trials if trial.p_error == p_error)
        held_out = (simulated == model.predict(data.X_test, execute_in_fhe=False)).mean()
        shares = (trial.agreement, trial.lower_bound, held_out)
        costs = (f"{gop:.2g}" for gop in (cheaper, usual))
        power = f"`2**{log2(p_error):.0f}`"
        yield [f"{name}, {title}", power, *(f"{share:.3f}" for share in shares), *costs]


def _gop_of(model: Any, p_error: float) -> float:
    """Compile with a chance of wrong bootstraps, and tell the cost of a sample."""
    gop: float = model.set_params(p_error=p_error).compile(engine="concrete").report.complexity
    return gop
