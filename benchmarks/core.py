"""What all commands share: the work of one row, and files of rows."""

from __future__ import annotations

import json
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from benchmarks.datasets import Dataset, load
from benchmarks.measure import machine_facts, median_seconds, stage
from benchmarks.models import MODELS, ModelSpec

__all__ = [
    "Case",
    "MakeSubject",
    "Row",
    "Subject",
    "clear_score",
    "fitted_score",
    "key_of",
    "measure",
    "read_rows",
    "write_row",
]

Row = dict[str, Any]

_CHEAP_GOP = 1.0
_KEY = ("task", "dataset", "model", "n_bits", "samples", "mode", "seed")


@dataclass(frozen=True)
class Case:
    """One row to measure.

    Attributes
    ----------
    task : {"classification", "regression"}, optional
        None: told from the data.
    dataset, model : str
    n_bits : int, optional
        None: the model's own default.
    samples : int
        Rows of the test set that are encrypted.
    mode : {"execute", "simulate"}
    jobs, seed, repeat : int
    target : str, optional
        Column of a CSV file.
    engine : str
    """

    task: str | None
    dataset: str
    model: str
    n_bits: int | None
    samples: int
    mode: str
    jobs: int
    seed: int
    repeat: int
    target: str | None
    engine: str = "auto"


class Subject(Protocol):
    """A model of one of the libraries, as `measure` needs it."""

    library: str

    def fit(self, X: np.ndarray, y: np.ndarray) -> None:
        """Train and quantize."""
        ...

    def compile(self, X: np.ndarray) -> None:
        """Compile the circuit."""
        ...

    def generate_keys(self) -> None:
        """Generate the circuit's keys."""
        ...

    def predict(self, X: np.ndarray, mode: str, jobs: int) -> np.ndarray:
        """Predict in the mode "clear", "simulate" or "execute"."""
        ...

    def profile(self, X: np.ndarray) -> tuple[float, dict[str, float]]:
        """Share of samples whose raw scores are exact, and seconds of encrypt, run and decrypt."""
        ...

    def facts(self) -> Row:
        """Facts of the circuit, for one sample."""
        ...


class MakeSubject(Protocol):
    """Makes a subject of a model, its n_bits, the seed, and an engine's name."""

    @property
    def engines(self) -> tuple[str, ...]:
        """Names that the latter may be."""
        ...

    def __call__(
        self, spec: ModelSpec, n_bits: int | None, seed: int, engine: str = "auto"
    ) -> Subject:
        """Make it."""
        ...


def measure(case: Case, make: MakeSubject) -> Row:
    """Do the work of one row.

    Raises
    ------
    UnreachableError
    """
    data = load(case.dataset, task=case.task, target=case.target)
    spec = MODELS[data.task][case.model]
    data = data.standardized() if spec.standardize else data
    n_bits = case.n_bits or spec.n_bits
    subject = make(spec, n_bits, case.seed, case.engine)
    row: Row = {"library": subject.library, "task": data.task, "dataset": case.dataset}
    row |= {"model": case.model, "n_bits": n_bits, "mode": case.mode, "seed": case.seed}
    row["samples"] = min(case.samples, len(data.X_test))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scikit-learn's on convergence, which the scores show
        _measure_clear(row, spec, data, case)
        _measure_model(row, subject, data, case)
    return row | subject.facts() | machine_facts()


def fitted_score(subject: Subject, data: Dataset) -> float:
    """Fit, and score the quantized integers in the clear."""
    subject.fit(data.X_train, data.y_train)
    return data.score(subject.predict(data.X_test, "clear", 1))


def clear_score(spec: ModelSpec, data: Dataset, seed: int) -> float:
    """Fit the wrapped library's own model, and score it."""
    model = spec.make(spec.clear, seed).fit(data.X_train, data.y_train)
    return data.score(model.predict(data.X_test))


def _measure_clear(row: Row, spec: ModelSpec, data: Dataset, case: Case) -> None:
    """Score and seconds of scikit-learn's model in the clear: the floor."""
    if not spec.clear:
        return
    model = spec.make(spec.clear, case.seed).fit(data.X_train, data.y_train)
    row["score_float"] = data.score(model.predict(data.X_test))
    X = data.X_test[: case.samples]
    row["seconds_clear"] = median_seconds(lambda: model.predict(X), 5) / len(X)


def _measure_model(row: Row, subject: Subject, data: Dataset, case: Case) -> None:
    """All stages of the model."""
    X = data.X_test[: case.samples]
    with stage(row, "fit"):
        subject.fit(data.X_train, data.y_train)
    quantized = subject.predict(data.X_test, "clear", 1)
    row["score_quantized"] = data.score(quantized)
    with stage(row, "compile"):
        subject.compile(data.X_train)
    if case.mode == "execute":
        with stage(row, "key_generation"):
            subject.generate_keys()
        if (
            subject.facts()["gop"] or 0.0
        ) < _CHEAP_GOP:  # the first run is slower: short ones show it
            subject.predict(X[:1], case.mode, 1)
        _measure_stages(row, subject, X, case)
    predicted: list[np.ndarray] = []
    with stage(row, "predict"):
        seconds = median_seconds(
            lambda: predicted.append(subject.predict(X, case.mode, case.jobs)), case.repeat
        )
    row["seconds_predict"] = seconds / len(X)
    if data.task == "classification" or len(X) > 1:  # R2 needs two samples
        row["score_encrypted"] = data.score(predicted[-1])
    same = np.isclose(np.ravel(predicted[-1]), np.ravel(quantized[: len(X)]))
    row["agreement"] = float(same.mean())
    row["memory_peak"] = max(value for key, value in row.items() if key.startswith("memory_"))


def _measure_stages(row: Row, subject: Subject, X: np.ndarray, case: Case) -> None:
    """Share of exact raw scores, and median seconds for a sample by stage."""
    profiles = [subject.profile(X) for _ in range(case.repeat)]
    row["agreement_scores"] = float(np.mean([agreement for agreement, _ in profiles]))
    for name in profiles[0][1]:
        seconds = np.median([profile[name] for _, profile in profiles])
        row[f"seconds_{name}"] = float(seconds) / len(X)


def key_of(row: Row) -> tuple[Any, ...]:
    """Collect what two rows must share to be compared."""
    return tuple(row.get(name) for name in _KEY)


def write_row(path: Path | None, row: Row) -> None:
    """Append a row to a file of JSON lines, if there is one."""
    if path is None:
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        file.write(json.dumps(row) + "\n")


def read_rows(path: Path) -> list[Row]:
    """Rows of a file of JSON lines."""
    return [json.loads(line) for line in path.read_text().splitlines() if line.strip()]
