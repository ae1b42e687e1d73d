"""SEAL's cost model beside measured seconds and bytes, on models of many shapes."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import typer

from benchmarks.core import Row, write_row
from benchmarks.engines import compiled, few_flows, trained
from benchmarks.growth import N_TRAIN, make_data
from benchmarks.measure import machine_facts
from benchmarks.options import Output, Repeat
from benchmarks.progress import tracked
from benchmarks.tables import show
from cml_sklearn.exceptions import CompilationError
from cml_sklearn.fhe.protocol import CircuitOptions
from cml_sklearn.fhe.seal.choice import choose

__all__ = ["SHAPES", "Shape", "main", "measured"]

_HEAD = ["model", "features", "trees", "depth", "bits", "classes", "samples", "ring", "products"]
_HEAD += ["estimate, s", "measured, s", "ratio", "bytes' ratio"]
_NEAR = 0.3


class Shape(NamedTuple):
    """A model and the samples it gets.

    Attributes
    ----------
    model : str
        Key of `MODELS`.
    n_features, n_trees, depth, n_bits, n_classes, n_samples : int
        Trees and depth only count where the model has them.
    """

    model: str
    n_features: int
    n_trees: int
    depth: int
    n_bits: int
    n_classes: int
    n_samples: int


SHAPES = [
    Shape("LR", 10, 0, 0, 8, 2, 1),
    Shape("LR", 30, 0, 0, 8, 2, 171),
    Shape("LR", 30, 0, 0, 6, 4, 8192),
    Shape("LR", 300, 0, 0, 8, 2, 50),
    Shape("LR", 64, 0, 0, 5, 10, 1000),
    Shape("DT", 10, 1, 3, 6, 2, 1),
    Shape("DT", 30, 1, 5, 6, 2, 171),
    Shape("DT", 20, 1, 6, 4, 4, 2000),
    Shape("DT", 10, 1, 2, 8, 2, 8192),
    Shape("XGB", 10, 20, 2, 6, 2, 1),
    Shape("XGB", 30, 50, 3, 6, 2, 16),
    Shape("XGB", 30, 50, 3, 6, 2, 8192),
    Shape("XGB", 10, 10, 3, 4, 5, 171),
    Shape("XGB", 64, 20, 3, 4, 3, 1000),
    Shape("XGB", 100, 30, 4, 5, 2, 64),
    Shape("RF", 10, 10, 3, 6, 2, 1),
    Shape("RF", 20, 20, 4, 5, 2, 500),
    Shape("RF", 12, 15, 5, 4, 3, 32),
    Shape("RF", 30, 30, 3, 6, 4, 4096),
    Shape("RF", 16, 20, 2, 3, 8, 10_000),
]


def main(
    *,
    most: int = typer.Option(len(SHAPES), help="Shapes, from the first on."),
    repeat: Repeat = 3,
    output: Output = None,
) -> None:
    """SEAL's cost model beside measured seconds."""
    rows = []
    for shape in tracked(SHAPES[:most]):
        rows.append(measured(shape, repeat))
        write_row(output, rows[-1] | machine_facts())
    show(_HEAD, [_cells(row) for row in rows], n_left=len(Shape._fields))
    ratios = np.array([row["ratio"] for row in rows if row["ratio"] is not None])
    near = (np.abs(np.log(ratios)) <= np.log(1 + _NEAR)).sum()
    typer.echo(f"{near} of {len(ratios)} within {_NEAR:.0%}; median ratio {np.median(ratios):.2f}")


def measured(shape: Shape, repeat: int) -> Row:
    """Seconds and bytes as estimated and measured; the process's own time counts."""
    X, y = make_data(shape.n_features, shape.n_classes)
    module = trained(shape.model, shape.n_bits, X[:N_TRAIN], y[:N_TRAIN], **_parameters(shape))
    row: Row = shape._asdict() | {"ratio": None}
    try:
        circuit = compiled(module, "seal")
    except CompilationError:
        return row
    choice = choose(module.program, CircuitOptions().p_error)
    plan, cost = choice.plan_of(shape.n_samples), choice.cost(shape.n_samples)
    row |= {"ring": plan.parameters.ring_dimension, "products": plan.tape.n_products}
    rows = np.resize(X[N_TRAIN:], (shape.n_samples, shape.n_features))
    flow = few_flows(circuit, module.quantize_input(rows), repeat)
    row |= {"estimate": cost.seconds, "seconds": flow.seconds_cpu}
    row["ratio"] = row["seconds"] / row["estimate"]
    row["bytes_ratio"] = (flow.n_up + flow.n_down) / cost.n_bytes
    return row


def _parameters(shape: Shape) -> dict[str, int]:
    if shape.model == "LR":
        return {}
    depth = {"max_depth": shape.depth}
    return depth if shape.model == "DT" else depth | {"n_estimators": shape.n_trees}


def _cells(row: Row) -> list[str]:
    names = [row["model"], *(str(row[name]) for name in Shape._fields[1:])]
    if row["ratio"] is None:
        return [*names, *["-"] * (len(_HEAD) - len(names))]
    figures = [f"{row[name]:.3g}" for name in ("estimate", "seconds")]
    ratios = [f"{row[name]:.2f}" for name in ("ratio", "bytes_ratio")]
    return [*names, str(row["ring"]), str(row["products"]), *figures, *ratios]
