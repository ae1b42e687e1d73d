"""What the scripts share: options, the work of one row, JSON lines, the table."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, NamedTuple, Protocol

import numpy as np
import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table
from sklearn.metrics import accuracy_score, r2_score

from benchmarks.datasets import (
    BUILT_IN,
    Dataset,
    UnknownNameError,
    UnreachableError,
    check_name,
    load,
)
from benchmarks.measure import in_child, machine_facts, median_seconds, stage
from benchmarks.models import MODELS, ModelSpec, models_for

__all__ = [
    "SCRIPTS",
    "Case",
    "Options",
    "Subject",
    "clear_model",
    "key_of",
    "make_command",
    "measure",
    "print_rows",
    "read_rows",
    "run",
    "write_row",
]

Row = dict[str, Any]

_CHEAP_GOP = 1.0
_KEY = ("task", "dataset", "model", "n_bits", "samples", "mode", "seed")
_COLUMNS = (
    ("dataset", "data"),
    ("model", "model"),
    ("score_float", "float"),
    ("score_quantized", "int"),
    ("score_encrypted", "FHE"),
    ("agreement", "same"),
    ("seconds_compile", "compile"),
    ("seconds_key_generation", "keygen"),
    ("seconds_predict", "s/sample"),
    ("pbs", "PBS"),
    ("gop", "Gop"),
    ("key_bytes", "keys"),
    ("memory_peak", "RAM"),
)


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


MakeSubject = Callable[[ModelSpec, int | None, int], Subject]
"""Makes a subject of a model, its n_bits, and the seed."""


@dataclass(frozen=True)
class Options:
    """What all scripts take."""

    datasets: str
    models: str
    n_bits: str
    samples: int
    execute_in_fhe: bool
    jobs: int
    seed: int
    repeat: int
    output: Path | None
    target: str | None

    def cases(self, task: str | None, models: list[str]) -> list[Case]:
        """Rows to measure.

        Raises
        ------
        UnknownNameError
        """
        datasets = _names(self.datasets)
        for dataset in datasets:
            check_name(dataset, task)
        chosen = models_for(_names(self.models), models)
        mode = "execute" if self.execute_in_fhe else "simulate"
        rest = (self.samples, mode, self.jobs, self.seed, self.repeat, self.target)
        bits = _integers(self.n_bits) or [None]
        return [
            Case(task, dataset, model, width, *rest)
            for dataset in datasets
            for model in chosen
            for width in bits
        ]


class Script(NamedTuple):
    """What a script measures.

    Attributes
    ----------
    task : {"classification", "regression"}, optional
        None: told from the data.
    models : list of str
        Names allowed.
    datasets : str
        Default of ``--datasets``.
    """

    task: str | None
    models: list[str]
    datasets: str


SCRIPTS = {
    "classification": Script(
        "classification", ["LR", "DT", "RF", "XGB"], "breast_cancer,wine,digits"
    ),
    "regression": Script("regression", ["Linear", "Ridge", "DT", "RF", "XGB"], "diabetes"),
    "neural": Script(None, ["MLP", "NeuralNet", "NeuralNet3"], "breast_cancer,wine,diabetes"),
}
"""By name, the same for both libraries."""


def make_command(name: str, make: MakeSubject) -> Callable[..., None]:
    """Make the function of a script that typer makes a command of.

    Parameters
    ----------
    name : str
        Key of `SCRIPTS`.
    make : MakeSubject
        A class or function at the top of a module, since child processes call it.
    """
    task, allowed, data = SCRIPTS[name]

    def main(
        *,
        datasets: Annotated[str, typer.Option(help="Names, parted by commas; see --list.")] = data,
        models: Annotated[str, typer.Option(help="Names, parted by commas. Empty: all.")] = "",
        n_bits: Annotated[
            str, typer.Option(help="Widths, parted by commas. Empty: defaults.")
        ] = "",
        samples: Annotated[int, typer.Option(min=1, help="Rows to encrypt.")] = 10,
        execute_in_fhe: Annotated[bool, typer.Option("--execute-in-fhe/--simulate")] = True,
        jobs: Annotated[int, typer.Option(help="Batches at once; at least two are.")] = 1,
        seed: Annotated[int, typer.Option(help="Seed of the models.")] = 0,
        repeat: Annotated[int, typer.Option(min=1, help="Runs, of which the median counts.")] = 1,
        output: Annotated[Path | None, typer.Option(help="JSON lines, appended.")] = None,
        target: Annotated[str | None, typer.Option(help="Target column of a CSV file.")] = None,
        show: Annotated[bool, typer.Option("--list", help="Show the names, and stop.")] = False,
    ) -> None:
        if show:
            _print_names(task, allowed)
            return
        options = Options(
            datasets, models, n_bits, samples, execute_in_fhe, jobs, seed, repeat, output, target
        )
        try:
            cases = options.cases(task, allowed)
        except UnknownNameError as error:
            raise typer.BadParameter(str(error)) from error
        if not run(cases, make, output):
            raise typer.Exit(1)

    return main


def run(cases: list[Case], make: MakeSubject, output: Path | None) -> bool:
    """Measure every case in a process of its own, write each row when done, print a table.

    Returns
    -------
    bool
        Whether no case failed; a skipped data set is no failure.
    """
    console, rows, failed = Console(), [], 0
    for case in track(cases, "measuring", console=console, transient=True):
        try:
            row = in_child(measure, case, make)
        except UnreachableError as error:
            console.print(str(error), style="yellow")
            continue
        except Exception as error:  # the other rows of a long run are worth having
            console.print(f"{case.dataset} {case.model} failed: {error!r}", style="red")
            failed += 1
            continue
        rows.append(row)
        if output is not None:
            write_row(output, row)
    print_rows(rows, console)
    return not failed


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
    subject = make(spec, n_bits, case.seed)
    row: Row = {"library": subject.library, "task": data.task, "dataset": case.dataset}
    row |= {"model": case.model, "n_bits": n_bits, "mode": case.mode, "seed": case.seed}
    row["samples"] = min(case.samples, len(data.X_test))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scikit-learn's on convergence, which the scores show
        _measure_clear(row, spec, data, case)
        _measure_model(row, subject, data, case)
    return row | subject.facts() | machine_facts()


def clear_model(spec: ModelSpec, seed: int) -> Any:
    """Make the unfitted model of a wrapped library."""
    model = getattr(import_module(spec.clear), spec.class_name)(**spec.parameters)
    return model.set_params(random_state=seed) if "random_state" in model.get_params() else model


def _measure_clear(row: Row, spec: ModelSpec, data: Dataset, case: Case) -> None:
    """Score and seconds of scikit-learn's model in the clear: the floor."""
    if not spec.clear:
        return
    model = clear_model(spec, case.seed).fit(data.X_train, data.y_train)
    row["score_float"] = _score(data.task, data.y_test, model.predict(data.X_test))
    X = data.X_test[: case.samples]
    row["seconds_clear"] = median_seconds(lambda: model.predict(X), 5) / len(X)


def _measure_model(row: Row, subject: Subject, data: Dataset, case: Case) -> None:
    """All stages of the model."""
    X, y = data.X_test[: case.samples], data.y_test[: case.samples]
    with stage(row, "fit"):
        subject.fit(data.X_train, data.y_train)
    quantized = subject.predict(data.X_test, "clear", 1)
    row["score_quantized"] = _score(data.task, data.y_test, quantized)
    with stage(row, "compile"):
        subject.compile(data.X_train)
    if case.mode == "execute":
        with stage(row, "key_generation"):
            subject.generate_keys()
        if subject.facts()["gop"] < _CHEAP_GOP:
            subject.predict(
                X[:1], case.mode, 1
            )  # the first run is slower, which shows in short ones
        _measure_stages(row, subject, X, case)
    predicted: list[np.ndarray] = []
    with stage(row, "predict"):
        seconds = median_seconds(
            lambda: predicted.append(subject.predict(X, case.mode, case.jobs)), case.repeat
        )
    row["seconds_predict"] = seconds / len(X)
    row["score_encrypted"] = _score(data.task, y, predicted[-1])
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


def _score(task: str, y: np.ndarray, predicted: np.ndarray) -> float | None:
    """Accuracy or R2, rounded to what it is worth; R2 needs two samples."""
    if task == "regression" and len(y) < 2:
        return None
    metric = accuracy_score if task == "classification" else r2_score
    return float(metric(y, np.asarray(predicted).reshape(y.shape)))


def key_of(row: Row) -> tuple[Any, ...]:
    """Collect what two rows must share to be compared."""
    return tuple(row.get(name) for name in _KEY)


def write_row(path: Path, row: Row) -> None:
    """Append a row to a file of JSON lines."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        file.write(json.dumps(row) + "\n")


def read_rows(path: Path) -> list[Row]:
    """Rows of a file of JSON lines."""
    return [json.loads(line) for line in path.read_text().splitlines() if line.strip()]


def print_rows(rows: Iterable[Mapping[str, Any]], console: Console) -> None:
    """Print the columns that one looks at first; the file has all."""
    table = Table(padding=(0, 0))
    for _, title in _COLUMNS:
        table.add_column(title, justify="right")
    for row in rows:
        table.add_row(*(_shown(name, row.get(name)) for name, _ in _COLUMNS))
    console.print(table)


def _shown(name: str, value: Any) -> str:
    """Format a cell."""
    if value is None:
        return "-"
    if name == "key_bytes" or name.startswith("memory_"):
        return f"{value / 2**20:.0f}M"
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def _names(text: str) -> list[str]:
    """Names parted by commas."""
    return [name.strip() for name in text.split(",") if name.strip()]


def _integers(text: str) -> list[int | None]:
    """Widths parted by commas."""
    try:
        return [int(value) for value in _names(text)]
    except ValueError as error:
        raise UnknownNameError(
            f"--n-bits takes whole numbers such as 6,8; {text!r} came"
        ) from error


def _print_names(task: str | None, models: list[str]) -> None:
    """Print what the options take."""
    datasets = [name for name, (kind, _) in BUILT_IN.items() if task in (None, kind)]
    typer.echo(f"models:   {', '.join(models)}")
    typer.echo(f"datasets: {', '.join(datasets)}, the path of a CSV file, openml:NAME")
