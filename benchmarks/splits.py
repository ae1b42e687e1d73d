"""Scores over many splits, of quantized integers in the clear.

One split's score moves by a point or more with the split: models of about equal quality are told
apart by means only.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from itertools import product
from typing import Annotated

import numpy as np
import typer

from benchmarks.core import MakeSubject, Row, clear_score, fitted_score, write_row
from benchmarks.datasets import Dataset, load
from benchmarks.models import MODELS, ModelSpec
from benchmarks.options import Datasets, Models, Output, Seed, Widths, chosen, parted, widths_of
from benchmarks.progress import tracked
from benchmarks.tables import show_rows

__all__ = ["main"]

_MODELS = ["DT", "RF", "XGB"]
_COLUMNS = {
    "dataset": "data",
    "model": "model",
    "n_bits": "n_bits",
    "splits": "splits",
    "score_float": "float",
    "score": "quantized",
    "score_error": "± s.e.",
}


def main(
    ctx: typer.Context,
    *,
    datasets: Datasets = "breast_cancer,wine",
    models: Models = "",
    n_bits: Widths = "",
    repeats: Annotated[int, typer.Option(min=1, help="Runs of 3-fold validation.")] = 4,
    seed: Seed = 0,
    output: Output = None,
) -> None:
    """Mean scores of trees over many splits, in the clear."""
    work = product(parted(datasets), chosen(models, _MODELS, "model"), widths_of(n_bits))
    rows = []
    for dataset, model, width in tracked(list(work), lambda x: f"{x[0]} {x[1]}"):
        data = load(dataset)
        spec = MODELS[data.task][model]
        row: Row = {"dataset": dataset, "model": model, "n_bits": width or spec.n_bits}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # scikit-learn's on convergence, which scores show
            row |= _scores(ctx.obj, spec, row["n_bits"], seed, data.folds(3, repeats, seed))
        write_row(output, row)
        rows.append(row)
    show_rows(rows, _COLUMNS, n_left=2)


def _scores(
    make: MakeSubject, spec: ModelSpec, n_bits: int, seed: int, folds: Iterable[Dataset]
) -> Row:
    """Score a model and its float counterpart on the same splits."""
    scores, floats = [], []
    for fold in folds:
        subject = make(spec, n_bits, seed)
        scores.append(fitted_score(subject, fold))
        floats.append(clear_score(spec, fold, seed))
    return {
        "library": subject.library,
        "splits": len(scores),
        "score_float": float(np.mean(floats)),
        "score": float(np.mean(scores)),
        "score_error": float(np.std(scores, ddof=1) / np.sqrt(len(scores))),
    }
