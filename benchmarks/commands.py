"""The commands that measure models, the same for both libraries."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, NamedTuple

import typer
from rich.console import Console

from benchmarks import splits
from benchmarks.core import Case, MakeSubject, Row, measure, write_row
from benchmarks.datasets import BUILT_IN, UnreachableError, check_name
from benchmarks.measure import in_child
from benchmarks.options import (
    Datasets,
    Engine,
    Models,
    Output,
    Repeat,
    Seed,
    Widths,
    chosen,
    parted,
    widths_of,
)
from benchmarks.progress import tracked
from benchmarks.tables import show_rows

__all__ = ["SCRIPTS", "Script", "make_app"]

_COLUMNS = {
    "dataset": "data",
    "model": "model",
    "n_bits": "bits",
    "score_float": "float",
    "score_quantized": "int",
    "score_encrypted": "FHE",
    "agreement": "same",
    "engine": "engine",
    "seconds_key_generation": "keygen s",
    "seconds_predict": "sample s",
    "pbs": "PBS",
    "gop": "Gop",
    "key_bytes": "keys MB",
    "memory_peak": "RAM MB",
}
"""What one looks at first; the file has all."""


class Script(NamedTuple):
    """What a command measures.

    Attributes
    ----------
    summary : str
        For its help.
    task : {"classification", "regression"}, optional
        None: told from the data.
    models : list of str
        Names allowed.
    datasets : str
        The usual ones, parted by commas.
    """

    summary: str
    task: str | None
    models: list[str]
    datasets: str


SCRIPTS = {
    "classification": Script(
        "Measure classifiers.",
        "classification",
        ["LR", "DT", "RF", "XGB"],
        "breast_cancer,wine,digits",
    ),
    "regression": Script(
        "Measure regressors.", "regression", ["Linear", "Ridge", "DT", "RF", "XGB"], "diabetes"
    ),
    "neural": Script(
        "Measure networks; the task is told from the data.",
        None,
        ["MLP", "NeuralNet", "NeuralNet3"],
        "breast_cancer,wine,diabetes",
    ),
}
"""By the command's name."""


def make_app(make: MakeSubject, summary: str) -> typer.Typer:
    """Make the commands of a library.

    Parameters
    ----------
    make : MakeSubject
        A class or function at the top of a module that isn't ``__main__``, since child processes
        call it. The commands have it as their context's object.
    summary : str
        For the help.
    """
    settings = {"obj": make}
    app = typer.Typer(
        help=summary, add_completion=False, no_args_is_help=True, context_settings=settings
    )
    for name, script in SCRIPTS.items():
        app.command(name, help=script.summary)(_measure_models)
    app.command("splits")(splits.main)
    return app


def _measure_models(
    ctx: typer.Context,
    *,
    datasets: Datasets = "",
    models: Models = "",
    n_bits: Widths = "",
    engine: Engine = "auto",
    samples: Annotated[int, typer.Option(min=1, help="Rows to encrypt.")] = 10,
    execute_in_fhe: Annotated[bool, typer.Option("--execute-in-fhe/--simulate")] = True,
    jobs: Annotated[int, typer.Option(help="Batches at once; at least two are.")] = 1,
    seed: Seed = 0,
    repeat: Repeat = 1,
    output: Output = None,
    target: Annotated[str | None, typer.Option(help="Target column of a CSV file.")] = None,
    show: Annotated[bool, typer.Option("--list", help="Show the names, and stop.")] = False,
) -> None:
    script = SCRIPTS[str(ctx.info_name)]
    if show:
        _print_names(script)
        return
    names = parted(datasets or script.datasets)
    for name in names:
        check_name(name, script.task)
    (engine,) = chosen(engine, ctx.obj.engines, "engine")
    mode = "execute" if execute_in_fhe else "simulate"
    rest = (samples, mode, jobs, seed, repeat, target, engine)
    cases = [
        Case(script.task, dataset, model, width, *rest)
        for dataset in names
        for model in chosen(models, script.models, "model")
        for width in widths_of(n_bits)
    ]
    if not _run(cases, ctx.obj, output):
        raise typer.Exit(1)


def _run(cases: list[Case], make: MakeSubject, output: Path | None) -> bool:
    """Measure every case in a process of its own, write each row when done, print a table.

    Returns
    -------
    bool
        Whether no case failed; a skipped data set is no failure.
    """
    console = Console(stderr=True)
    rows: list[Row] = []
    failed = 0
    for case in tracked(cases, _named, console=console):
        try:
            row = in_child(measure, case, make)
        except UnreachableError as error:
            console.print(str(error), style="yellow", soft_wrap=True)
            continue
        except Exception as error:  # the other rows of a long run are worth having
            console.print(f"{_named(case)} failed: {error!r}", style="red", soft_wrap=True)
            failed += 1
            continue
        rows.append(row)
        write_row(output, row)
    show_rows(rows, _COLUMNS, n_left=2)
    return not failed


def _named(case: Case) -> str:
    """Name a case in a log."""
    width = "" if case.n_bits is None else f" {case.n_bits} bits"
    return f"{case.dataset} {case.model}{width}"


def _print_names(script: Script) -> None:
    """Print what the options take."""
    datasets = [name for name, (kind, _) in BUILT_IN.items() if script.task in (None, kind)]
    typer.echo(f"models:   {', '.join(script.models)}")
    typer.echo(f"datasets: {', '.join(datasets)}, the path of a CSV file, openml:NAME")
    typer.echo(f"usual:    {script.datasets}")
