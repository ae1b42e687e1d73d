"""How seconds grow on SEAL and on Concrete with samples, features, trees, depth, bits and classes.

One thing grows at a time; the rest is 10 features, 2 classes, 20 trees and the models' own depth
and widths. Models grow for one sample and, on SEAL, for a full batch. A curve ends where the next
point would take too long, or where the engine refuses.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, NamedTuple

import numpy as np
import typer

from benchmarks.core import Row, read_rows, write_row
from benchmarks.engines import compiled, facts_line, few_flows, trained
from benchmarks.growth import N_TRAIN, Sweep, curve_values, curves, law, make_data
from benchmarks.measure import machine_facts
from benchmarks.models import MODELS
from benchmarks.options import Output, Repeat, Rows, chosen
from benchmarks.pictures import legend_above, number_ticks, picture, plain_log, styles
from benchmarks.progress import tracked
from benchmarks.tables import DOCS, insert, markdown, show
from cml_sklearn.exceptions import CompilationError

__all__ = ["LINES", "SWEEPS", "Line", "curve_of", "main"]

_PICTURE = DOCS / "images" / "engine_growth.png"
_N_FEATURES = 10
_N_TREES = 20


class Line(NamedTuple):
    """An engine, and the samples that it gets while a model grows.

    Attributes
    ----------
    engine : str
    n_samples : int
    longest : float
        Seconds that a point may take.
    """

    engine: str
    n_samples: int
    longest: float


LINES = {
    "SEAL, 1": Line("seal", 1, 60.0),
    "SEAL, 8192": Line("seal", 8192, 120.0),
    "Concrete, 1": Line("concrete", 1, 20.0),
}
"""By what they are called in the table."""

SWEEPS = {
    sweep.name: sweep
    for sweep in (
        Sweep("samples", (1, 10, 100, 1000, 10_000, 100_000), ("LR", "DT", "XGB")),
        Sweep("features", (10, 30, 100, 300), ("LR", "DT", "XGB")),
        Sweep("trees", (10, 20, 50, 100), ("RF", "XGB"), "n_estimators"),
        Sweep(
            "depth",
            (2, 3, 4, 5, 6),
            ("DT", "RF", "XGB"),
            "max_depth",
            is_power=False,
        ),
        Sweep("n_bits", (2, 4, 6, 8), ("LR", "DT", "RF", "XGB"), is_power=False),
        Sweep("classes", (2, 4, 7, 10), ("LR", "DT", "RF", "XGB")),
    )
}


def main(
    *,
    sweeps: Annotated[str, typer.Option(help="Names, parted by commas. Empty: all.")] = "",
    lines: Annotated[str, typer.Option(help="seal, concrete, or empty: both.")] = "",
    most: Annotated[int | None, typer.Option(help="Leave out greater values.")] = None,
    repeat: Repeat = 3,
    rows: Rows = None,
    output: Output = None,
    docs: Annotated[bool, typer.Option("--docs/--no-docs", help="Write the page.")] = True,
) -> None:
    """Seconds on SEAL and Concrete while one thing grows, and fitted slopes."""
    found = _all_measured(sweeps, lines, most, repeat, output) if rows is None else read_rows(rows)
    cells = _cells(found)
    head = ["grows", "model", *(title for name in LINES for title in (f"{name}, s", "fitted"))]
    show(head, cells, n_left=2)
    if docs:
        _draw(found, _PICTURE)
    if docs and rows is None:  # of rows in a file nobody knows the machine
        shown = f"![Seconds by size](../images/{_PICTURE.name})"
        table = markdown(head, cells, n_left=2)
        insert("benchmarks/engines.md", "growth", [facts_line(), "", shown, "", *table])


def _all_measured(
    sweeps: str, lines: str, most: int | None, repeat: int, output: Path | None
) -> list[Row]:
    """Measure every curve, and write its rows when it is done."""
    engines = chosen(lines, ["seal", "concrete"], "engine")
    names = [name for name, line in LINES.items() if line.engine in engines]
    work = [
        (SWEEPS[sweep], model, name)
        for sweep in chosen(sweeps, list(SWEEPS), "sweep")
        for model in SWEEPS[sweep].models
        for name in names
        if sweep != "samples" or LINES[name].n_samples == 1
    ]
    rows: list[Row] = []
    for sweep, model, name in tracked(work, lambda x: f"{x[0].name}, {x[1]} on {x[2]}"):
        for row in curve_of(sweep, model, name, repeat, most):
            rows.append(row)
            write_row(output, row | machine_facts())
    return rows


def curve_of(sweep: Sweep, model: str, name: str, repeat: int, most: int | None) -> list[Row]:
    """Measure a model on a line while something grows."""
    rows: list[Row] = []
    for value in sweep.values:
        too_long = rows and _foreseen(sweep, value, rows[-1]) > LINES[name].longest
        if too_long or (most is not None and value > most):
            break
        try:
            seconds = _seconds(sweep, model, value, LINES[name], repeat)
        except CompilationError:
            break
        rows.append({"sweep": sweep.name, "model": model, "line": name, "value": value})
        rows[-1]["seconds"] = seconds
    return rows


def _foreseen(sweep: Sweep, value: int, last: Row) -> float:
    """Seconds if they grew as what grows, or by half with each step."""
    factor = value / last["value"] if sweep.is_power else 1.5 ** (value - last["value"])
    return float(last["seconds"] * factor)


def _seconds(sweep: Sweep, model: str, value: int, line: Line, repeat: int) -> float:
    """Train, make keys, and send samples through."""
    parameters: dict[str, Any] = {}
    if "n_estimators" in MODELS["classification"][model].parameters:
        parameters["n_estimators"] = _N_TREES
    if sweep.parameter is not None:
        parameters[sweep.parameter] = value
    n_bits = value if sweep.name == "n_bits" else None
    n_samples = value if sweep.name == "samples" else line.n_samples
    features = value if sweep.name == "features" else _N_FEATURES
    X, y = make_data(features, value if sweep.name == "classes" else 2)
    module = trained(model, n_bits, X[:N_TRAIN], y[:N_TRAIN], **parameters)
    circuit = compiled(module, line.engine)
    codes = module.quantize_input(np.resize(X[N_TRAIN:], (n_samples, features)))
    return few_flows(circuit, codes, repeat).seconds


def _cells(rows: list[Row]) -> list[list[str]]:
    """First and last seconds of each curve, and the fitted slopes."""
    cells = []
    for name in dict.fromkeys(row["sweep"] for row in rows):
        parts = {line: curves(_of(rows, line), name, "seconds") for line in LINES}
        for model in dict.fromkeys(row["model"] for row in rows if row["sweep"] == name):
            known = [parts[line].get(model, ([], [])) for line in LINES]
            values = sorted({value for curve in known for value in curve[0]})
            line = [f"{name} {values[0]} to {values[-1]}", model]
            for curve in known:
                line += _law_cells(SWEEPS[name], curve, values[-1])
            cells.append(line)
    return cells


def _law_cells(sweep: Sweep, curve: tuple[list[Any], list[Any]], last: int) -> list[str]:
    values, seconds = curve
    if not values:
        return ["-", "-"]
    until = "" if values[-1] == last else f" (until {values[-1]})"
    return [f"{seconds[0]:.3g} to {seconds[-1]:.3g}{until}", law(sweep, values, seconds)]


def _of(rows: list[Row], line: str) -> list[Row]:
    return [row for row in rows if row["line"] == line]


def _title(name: str, line: str) -> str:
    """Name the engine, and the samples where they do not grow."""
    engine, _, n_samples = line.partition(", ")
    samples = "1 sample" if n_samples == "1" else f"{n_samples} samples"
    return engine if name == "samples" else f"{engine}, {samples}"


def _draw(rows: list[Row], path: Path) -> None:
    """Draw a column of fields for each line, and a row of them for each sweep."""
    names = list(dict.fromkeys(row["sweep"] for row in rows))
    looks = styles(MODELS["classification"])
    with picture(path, 0.4 + 1.8 * len(names)) as figure:
        grid = figure.subplots(len(names), len(LINES), squeeze=False, sharey="row")
        for fields, name in zip(grid, names, strict=True):
            for axes, line in zip(fields, LINES, strict=True):
                for model, curve in curves(_of(rows, line), name, "seconds").items():
                    axes.plot(*curve, label=model, **looks[model])
                number_ticks(axes, curve_values(rows, name), log=SWEEPS[name].is_power)
                axes.set_title(_title(name, line), fontsize="medium")
                axes.set_xlabel(SWEEPS[name].label)
                axes.set_visible(bool(axes.lines))
            plain_log(fields[0], "y")
            fields[0].set_ylabel("all samples, s")
        legend_above(figure)
