"""Seconds, bytes and memory of SEAL beside Concrete: the first table of docs/benchmarks/engines.md.

Every line is measured in a process of its own. Seconds are those of encryption, evaluation and
decryption, one batch after the other in one process; keys stand apart. Bytes are those of the
ciphertexts and keys themselves.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from benchmarks.core import Row
from benchmarks.datasets import load
from benchmarks.engines import compiled, facts_line, few_flows, n_bytes, trained
from benchmarks.measure import in_child, stage
from benchmarks.models import MODELS
from benchmarks.progress import tracked
from benchmarks.subject import equal_samples
from benchmarks.tables import figure, insert, markdown

__all__ = ["Work", "cells", "measured", "write"]

_HEAD = ["model", "engine", "samples", "ms a sample", "times Concrete", "keys, s", "keys, MB"]
_HEAD += ["up, kB", "down, kB", "memory, MB", "products", "levels", "equal"]


class Work(NamedTuple):
    """What is measured.

    Attributes
    ----------
    dataset, model : str
    n_bits : int
    engine : str
    n_samples : int
        Rows of the test set, repeated where it has fewer.
    """

    dataset: str
    model: str
    n_bits: int
    engine: str
    n_samples: int


_MODELS = (
    ("breast_cancer", "LR", 8),
    ("breast_cancer", "DT", 6),
    ("breast_cancer", "XGB", 6),
    ("breast_cancer", "RF", 6),
    ("digits", "RF", 6),
    ("digits", "XGB", 4),
)
_SAMPLES = (1, 171, 8192)
_CONCRETE_SAMPLES = {"LR": (1, 171)}
"""A tree's time by sample does not fall in batches."""


def write() -> None:
    """Measure all and write the page."""
    rows = [in_child(measured, work) for work in tracked(list(_works()), _named)]
    lines = [facts_line(), "", *markdown(_HEAD, cells(rows), n_left=2)]
    insert("benchmarks/engines.md", "engines", lines)


def _works() -> Iterator[Work]:
    for dataset, model, n_bits in _MODELS:
        for n_samples in _CONCRETE_SAMPLES.get(model, (1,)):
            yield Work(dataset, model, n_bits, "concrete", n_samples)
        for n_samples in _SAMPLES:
            yield Work(dataset, model, n_bits, "seal", n_samples)


def _named(work: Work) -> str:
    return f"{work.dataset} {work.model}, {work.n_samples} on {work.engine}"


def measured(work: Work) -> Row:
    """Train, make keys, and send the samples through."""
    data = load(work.dataset)
    data = data.standardized() if MODELS[data.task][work.model].standardize else data
    module = trained(work.model, work.n_bits, data.X_train, data.y_train)
    circuit = compiled(module, work.engine)
    row: Row = work._asdict()
    with stage(row, "keys"):
        circuit.client.generate_keys()
        keys = circuit.client.evaluation_keys
    row["key_bytes"] = n_bytes(keys)
    codes = module.quantize_input(np.resize(data.X_test, (work.n_samples, data.X_test.shape[1])))
    with stage(row, "predict"):
        flow = few_flows(circuit, codes)
    row |= {"milliseconds": 1e3 * flow.seconds / work.n_samples}
    row |= {"up": flow.n_up / work.n_samples, "down": flow.n_down / work.n_samples}
    row["equal"] = int(equal_samples(module.quantized_forward(*codes), flow.outputs).sum())
    return row | {"products": circuit.report.products, "levels": circuit.report.levels}


def cells(rows: list[Row]) -> list[list[str]]:
    """Lines of the table."""
    return [_line(row, rows) for row in rows]


def _line(row: Row, rows: list[Row]) -> list[str]:
    ratio = _times_concrete(row, rows)
    return [
        f"{row['dataset']} {row['model']}, {row['n_bits']} bits",
        row["engine"],
        f"{row['n_samples']:,}",
        figure("milliseconds", row["milliseconds"]),
        "-" if ratio is None else f"{ratio:.2g}" if ratio < 100 else f"{ratio:,.0f}",
        f"{row['seconds_keys']:.2g}",
        f"{row['key_bytes'] / 1e6:.3g}",
        figure("up", row["up"] / 1e3),
        figure("down", row["down"] / 1e3),
        f"{row['memory_predict'] / 1e6:.0f}",
        *("-" if row[name] is None else str(row[name]) for name in ("products", "levels")),
        "all" if row["equal"] == row["n_samples"] else f"{row['equal']} of {row['n_samples']:,}",
    ]


def _times_concrete(row: Row, rows: list[Row]) -> float | None:
    """How many times faster than Concrete a sample is, with as many samples or the most it had."""
    if row["engine"] == "concrete":
        return None
    same = [
        other
        for other in rows
        if other["engine"] == "concrete"
        and all(other[name] == row[name] for name in ("dataset", "model", "n_bits"))
        and other["n_samples"] <= row["n_samples"]
    ]
    if not same:
        return None
    best = max(same, key=lambda other: int(other["n_samples"]))
    return float(best["milliseconds"] / row["milliseconds"])
