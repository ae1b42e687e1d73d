"""How the cost on the engine "concrete" grows with the model, its widths and the data.

One thing grows at a time; the rest stays as in `benchmarks.models`, but for 20 trees an ensemble.
The data are made by scikit-learn's ``make_classification``, with 10 features.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from sklearn.datasets import make_classification
from sklearn.preprocessing import StandardScaler

from benchmarks.core import Row, read_rows, write_row
from benchmarks.measure import machine_facts, median_seconds
from benchmarks.models import MODELS
from benchmarks.options import Output, Plot, Repeat, Rows, Table, chosen
from benchmarks.pictures import legend_above, number_ticks, picture, plain_log, styles
from benchmarks.progress import tracked
from benchmarks.subject import OurSubject
from benchmarks.tables import markdown, show

__all__ = [
    "N_TRAIN",
    "SWEEPS",
    "Sweep",
    "curve_values",
    "curves",
    "law",
    "main",
    "make_data",
    "slope",
]

_QUANTITIES = {"seconds": "seconds", "gop": "Gop"}
_LABELS = {"seconds": "prediction, s", "gop": "prediction, Gop"}
_LEAST_DRAWN = {"seconds": 0.0, "gop": 1e-3}
"""Linear models have next to no Gop, and would press all other curves together."""
_HEAD = ["grows", "model", "seconds", "fitted", "Gop", "fitted"]
N_TRAIN = 700
_N_TEST = 300
_N_FEATURES = 10
_N_TREES = 20


@dataclass(frozen=True)
class Sweep:
    """What grows, and for which models.

    Attributes
    ----------
    name : str
    values : tuple of int
    models : tuple of str
        Keys of `MODELS`.
    parameter : str, optional
        Of the model; None: the name says what of the data or the work grows.
    is_power : bool
        Whether the slope is the exponent of a power, or the factor from one value to the next.
    """

    name: str
    values: tuple[int, ...]
    models: tuple[str, ...]
    parameter: str | None = None
    is_power: bool = True

    @property
    def label(self) -> str:
        """What an axis of the values says."""
        special = {"depth": "depth of trees, levels", "n_bits": "n_bits, bits"}
        return special.get(self.name, f"number of {self.name}")


SWEEPS = {
    sweep.name: sweep
    for sweep in (
        Sweep("trees", (10, 25, 50, 100, 200), ("RF", "XGB"), "n_estimators"),
        Sweep(
            "depth",
            (2, 3, 4, 5, 6, 7, 8),
            ("DT", "RF", "XGB"),
            "max_depth",
            is_power=False,
        ),
        Sweep("features", (10, 30, 100, 250, 500), ("LR", "DT", "XGB", "MLP")),
        Sweep("samples", (1, 10, 100), ("LR", "DT")),
        Sweep(
            "n_bits",
            (2, 3, 4, 5, 6, 7, 8),
            ("LR", "DT", "RF", "XGB", "MLP"),
            is_power=False,
        ),
    )
}


def main(
    *,
    sweeps: Annotated[str, typer.Option(help="Names, parted by commas. Empty: all.")] = "",
    most: Annotated[int | None, typer.Option(help="Leave out greater values.")] = None,
    repeat: Repeat = 2,
    rows: Rows = None,
    output: Output = None,
    table: Table = None,
    plot: Plot = None,
) -> None:
    """Encrypted predictions while one thing grows, and fitted slopes."""
    found = _all_measured(sweeps, most, repeat, output) if rows is None else read_rows(rows)
    cells = _cells(found)
    show(_HEAD, cells, n_left=2)
    if table is not None:
        table.write_text("\n".join(markdown(_HEAD, cells, n_left=2)) + "\n")
    if plot is not None:
        _draw(found, plot)


def _all_measured(sweeps: str, most: int | None, repeat: int, output: Path | None) -> list[Row]:
    """Measure every point, and write its row at once."""
    work = [
        (SWEEPS[name], model, value)
        for name in chosen(sweeps, list(SWEEPS), "sweep")
        for model in SWEEPS[name].models
        for value in SWEEPS[name].values
        if most is None or value <= most
    ]
    rows: list[Row] = []
    for sweep, model, value in tracked(work, lambda x: f"{x[0].name}={x[2]} {x[1]}"):
        rows.append(_measure(sweep, model, value, repeat))
        write_row(output, rows[-1] | machine_facts())
    return rows


def _measure(sweep: Sweep, model: str, value: int, repeat: int) -> Row:
    """Train, compile and predict encrypted."""
    spec = MODELS["classification"][model]
    parameters = dict(spec.parameters)
    if "n_estimators" in parameters:
        parameters["n_estimators"] = _N_TREES
    if sweep.parameter is not None:
        parameters[sweep.parameter] = value
    spec = replace(spec, parameters=parameters)
    X, y = make_data(value if sweep.name == "features" else _N_FEATURES)
    subject = OurSubject(spec, value if sweep.name == "n_bits" else spec.n_bits, 0, "concrete")
    n_samples = value if sweep.name == "samples" else 1
    rows = np.resize(X[N_TRAIN:], (n_samples, X.shape[1]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scikit-learn's on convergence
        subject.fit(X[:N_TRAIN], y[:N_TRAIN])
        subject.compile(X)
        subject.predict(rows[:1], "execute", 1)  # makes the keys
        seconds = median_seconds(partial(subject.predict, rows, "execute", 1), repeat)
    facts = subject.facts()
    row: Row = {"sweep": sweep.name, "model": model, "value": value, "seconds": seconds}
    row["score"] = float(np.mean(subject.predict(X[N_TRAIN:], "clear", 1) == y[N_TRAIN:]))
    return row | {"gop": facts["gop"] * n_samples, "pbs": facts["pbs"] * n_samples}


def make_data(n_features: int, n_classes: int = 2) -> tuple[np.ndarray, np.ndarray]:
    """Make standardized features, which trees don't mind, and classes."""
    X, y = make_classification(
        N_TRAIN + _N_TEST,
        n_features,
        n_informative=8,
        n_redundant=0,
        n_classes=n_classes,
        random_state=0,
    )
    return StandardScaler().fit_transform(X), y


def slope(sweep: Sweep, values: list[float], costs: list[float]) -> float | None:
    """Fit an exponent or a factor by least squares of logarithms; None where nothing costs."""
    if len(values) < 2 or min(costs) <= 0:
        return None
    places = np.log(values) if sweep.is_power else np.asarray(values)
    fitted = float(np.polyfit(places, np.log(costs), 1)[0])
    return fitted if sweep.is_power else float(np.exp(fitted))


def curves(rows: list[Row], name: str, quantity: str) -> dict[str, tuple[list[Any], list[Any]]]:
    """Values and costs of a sweep, by model."""
    curves: dict[str, tuple[list[Any], list[Any]]] = {}
    for row in rows:
        if row["sweep"] == name:
            values, costs = curves.setdefault(row["model"], ([], []))
            values.append(row["value"])
            costs.append(row[quantity])
    return curves


def law(sweep: Sweep, values: list[float], costs: list[float]) -> str:
    """Say how costs grow."""
    fitted = slope(sweep, values, costs)
    if fitted is None:
        return "no lookups" if not any(costs) else "-"
    return f"{sweep.name}^{fitted:.2f}" if sweep.is_power else f"x {fitted:.2f} a step"


def _cells(rows: list[Row]) -> list[list[str]]:
    """First and last values of each sweep, and the fitted slopes."""
    lines = []
    for name in dict.fromkeys(row["sweep"] for row in rows):
        seconds, gops = (curves(rows, name, quantity) for quantity in _QUANTITIES)
        for model, (values, costs) in seconds.items():
            lines.append([f"{name} {values[0]} to {values[-1]}", model])
            for curve in ((values, costs), gops[model]):
                fitted = law(SWEEPS[name], *curve)
                lines[-1] += [f"{curve[1][0]:.3g} to {curve[1][-1]:.3g}", fitted]
    return lines


def _draw(rows: list[Row], path: Path) -> None:
    """Draw seconds and Gop side by side, a line of fields for each sweep."""
    names = list(dict.fromkeys(row["sweep"] for row in rows))
    looks = styles(MODELS["classification"])
    with picture(path, 0.4 + 1.7 * len(names)) as figure:
        fields = figure.subplots(len(names), len(_QUANTITIES), squeeze=False)
        for line, name in zip(fields, names, strict=True):
            for axes, (quantity, label) in zip(line, _LABELS.items(), strict=True):
                for model, (values, costs) in curves(rows, name, quantity).items():
                    if max(costs) >= _LEAST_DRAWN[quantity]:
                        axes.plot(values, costs, label=model, **looks[model])
                plain_log(axes, "y")
                number_ticks(axes, curve_values(rows, name), log=SWEEPS[name].is_power)
                axes.set(xlabel=SWEEPS[name].label, ylabel=label)
        legend_above(figure)


def curve_values(rows: list[Row], name: str) -> set[int]:
    """Values that a sweep's curves have."""
    return {row["value"] for row in rows if row["sweep"] == name}
