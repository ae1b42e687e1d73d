"""Scores over many splits, of quantized integers in the clear.

One split's score moves by a point or more with the split: models of about equal quality are told
apart by means only. Run with ``python -m benchmarks.splits --help``.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table
from sklearn.base import clone
from sklearn.metrics import accuracy_score, r2_score
from sklearn.model_selection import RepeatedKFold, RepeatedStratifiedKFold

from benchmarks.core import MakeSubject, Row, Subject, clear_model, write_row
from benchmarks.datasets import Dataset, load
from benchmarks.models import MODELS, models_for
from benchmarks.subject import OurSubject

__all__ = ["make_splits_command"]

_MODELS = ["DT", "RF", "XGB"]


def make_splits_command(make: MakeSubject) -> Callable[..., None]:
    """Make the script's function for one of the libraries.

    Parameters
    ----------
    make : MakeSubject
        Makes the models.
    """

    def main(
        *,
        datasets: Annotated[str, typer.Option(help="Parted by commas.")] = "breast_cancer,wine",
        models: Annotated[str, typer.Option(help="Parted by commas.")] = "DT,RF,XGB",
        n_bits: Annotated[int | None, typer.Option(help="Default: the model's.")] = None,
        repeats: Annotated[int, typer.Option(min=1, help="Runs of 3-fold validation.")] = 4,
        seed: Annotated[int, typer.Option(help="Seed of splits and models.")] = 0,
        output: Annotated[Path | None, typer.Option(help="JSON lines, appended.")] = None,
    ) -> None:
        pairs = [
            (dataset, model)
            for dataset in datasets.split(",")
            for model in models_for(models.split(","), _MODELS)
        ]
        rows = []
        for dataset, model in track(pairs, "scoring", transient=True):
            data = load(dataset)
            spec = MODELS[data.task][model]
            subject = partial(make, spec, n_bits or spec.n_bits, seed)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # scikit-learn's on convergence, which scores show
                scores = _scores(subject, clear_model(spec, seed), _splits(data, repeats, seed))
            rows.append({"dataset": dataset, "model": model, "n_bits": n_bits or spec.n_bits})
            rows[-1] |= scores
            if output is not None:
                write_row(output, rows[-1])
        _print(rows)

    return main


def _scores(make: Callable[[], Subject], reference: Any, splits: Iterable[Dataset]) -> Row:
    """Score a model and its float counterpart on the same splits."""
    scores, floats = [], []
    for split in splits:
        subject = make()
        subject.fit(split.X_train, split.y_train)
        scores.append(_score(split, subject.predict(split.X_test, "clear", 1)))
        fitted = clone(reference).fit(split.X_train, split.y_train)
        floats.append(_score(split, fitted.predict(split.X_test)))
    return {
        "library": subject.library,
        "splits": len(scores),
        "score_float": float(np.mean(floats)),
        "score": float(np.mean(scores)),
        "standard_error": float(np.std(scores, ddof=1) / np.sqrt(len(scores))),
    }


def _splits(data: Dataset, repeats: int, seed: int) -> Iterator[Dataset]:
    """Split all rows into thirds, again and again."""
    X, y = np.vstack([data.X_train, data.X_test]), np.concatenate([data.y_train, data.y_test])
    kind = RepeatedStratifiedKFold if data.task == "classification" else RepeatedKFold
    for train, test in kind(n_splits=3, n_repeats=repeats, random_state=seed).split(X, y):
        yield Dataset(data.task, X[train], X[test], y[train], y[test])


def _score(data: Dataset, predicted: np.ndarray) -> float:
    metric = accuracy_score if data.task == "classification" else r2_score
    return float(metric(data.y_test, predicted))


def _print(rows: list[Row]) -> None:
    table = Table("data", "model", "n_bits", "splits", "float", "quantized", "± s.e.")
    for row in rows:
        scores = [f"{row[name]:.3f}" for name in ("score_float", "score", "standard_error")]
        table.add_row(*(str(row[n]) for n in ("dataset", "model", "n_bits", "splits")), *scores)
    Console().print(table)


app = typer.Typer(add_completion=False)
app.command(help="Mean scores over many splits.")(make_splits_command(OurSubject))

if __name__ == "__main__":
    app()
