"""Many clients at once on one service: no wrong answer, no lost request, and how long it takes.

``python -m tests.load --seconds 300`` (``make load``) trains models of several kinds, one of them for
Concrete, starts a service, and has each client ask one model after the other, with its own token and
keys. It ends with status 1 at a wrong answer or a lost request.
"""

from __future__ import annotations

import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Event, Thread
from typing import Annotated, Any, NamedTuple

import numpy as np
import psutil  # type: ignore[import-untyped]
import typer
from sklearn.datasets import load_breast_cancer, load_diabetes

from cml_sklearn.deployment import FheClient, save_model
from cml_sklearn.deployment.remote import RemoteModel
from cml_sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from cml_sklearn.ensemble import RandomForestClassifier
from cml_sklearn.exceptions import CmlError
from cml_sklearn.linear_model import LogisticRegression, Ridge
from cml_sklearn.tree import DecisionTreeRegressor
from cml_sklearn.xgboost import XGBClassifier
from tests.deployment.live import Live

MOST_ROWS = 20
RETRIES = 60
PERIOD = 5.0
"""Seconds between two looks at memory."""


class Asked(NamedTuple):
    """A model that is asked, and what of it."""

    model: Any
    engine: str
    method: str
    X: np.ndarray
    most_rows: int


@dataclass
class Outcome:
    """What came of the requests for a model."""

    seconds: list[float] = field(default_factory=list)
    rows: int = 0
    wrong: int = 0
    lost: int = 0


def main(
    seconds: Annotated[float, typer.Option(help="To ask for.")] = 300.0,
    clients: Annotated[int, typer.Option(min=1, help="At once.")] = 8,
    workers: Annotated[int, typer.Option(min=1, help="Of the service.")] = 2,
) -> None:
    """Print a table of requests, and one of memory; status 1 where anything was wrong or lost."""
    models = trained()
    with TemporaryDirectory() as folder:
        for name, asked in models.items():
            save_model(asked.model, Path(folder) / name, engine=asked.engine)
        archives = [Path(folder) / name / "server.zip" for name in models]
        service = Live(Path(folder), *archives, workers=workers)
        try:
            outcomes, memory = loaded(service, models, clients, seconds)
        finally:
            service.stop()
    for line in (*table(outcomes, seconds), "", memory_line(memory)):
        typer.echo(line)
    sys.exit(any(outcome.wrong or outcome.lost for outcome in outcomes.values()))


def trained() -> dict[str, Asked]:
    X, y = load_breast_cancer(return_X_y=True)
    S, t = load_diabetes(return_X_y=True)
    trees = {"n_estimators": 50, "n_bits": 6, "random_state": 0}
    models: dict[str, tuple[Any, str]] = {
        "logistic": (LogisticRegression(n_bits=8, max_iter=5000), "predict"),
        "lda": (LinearDiscriminantAnalysis(n_bits=8), "transform"),
        "xgb": (XGBClassifier(max_depth=3, **trees), "predict_proba"),
        "forest": (RandomForestClassifier(max_depth=4, **trees), "predict"),
    }
    asked = {n: Asked(m.fit(X, y), "auto", how, X, MOST_ROWS) for n, (m, how) in models.items()}
    tree = DecisionTreeRegressor(max_depth=2, n_bits=2, random_state=0).fit(S, t)
    asked["ridge"] = Asked(Ridge(n_bits=8).fit(S, t), "auto", "predict", S, MOST_ROWS)
    asked["concrete"] = Asked(tree, "concrete", "predict", S, 2)
    return asked


def loaded(
    service: Live, models: Mapping[str, Asked], n_clients: int, seconds: float
) -> tuple[dict[str, Outcome], list[float]]:
    """Let clients make their keys, then ask all at once, and look at the service's memory."""
    ready = [list(remotes(service, models)) for _ in range(n_clients)]
    memory, ended = list[float](), Event()
    watcher = Thread(target=watch, args=(service.process.pid, memory, ended))
    watcher.start()
    end = time.monotonic() + seconds
    with ThreadPoolExecutor(n_clients) as threads:
        jobs = [
            threads.submit(ask, asked, models, number, end) for number, asked in enumerate(ready)
        ]
        parts = [job.result() for job in jobs]
    ended.set()
    watcher.join()
    return joined(parts), memory


def remotes(service: Live, models: Mapping[str, Asked]) -> Iterator[RemoteModel]:
    """One client's models, whose keys are on the service."""
    token = service.tokens.create()
    folder = service.folder
    for name in models:
        half = FheClient(folder / name / "client.zip")
        remote = RemoteModel(service.url, half, token, name=name, retries=RETRIES)
        remote.upload_keys()
        yield remote


def ask(
    ready: list[RemoteModel], models: Mapping[str, Asked], number: int, end: float
) -> dict[str, Outcome]:
    """Ask one model after the other until time is over."""
    rng, outcomes, turn = np.random.default_rng(number), defaultdict[str, Outcome](Outcome), number
    while time.monotonic() < end:
        remote = ready[turn % len(ready)]
        asked, outcome = models[remote.name], outcomes[remote.name]
        rows = asked.X[rng.integers(len(asked.X), size=rng.integers(1, asked.most_rows + 1))]
        start = time.monotonic()
        try:
            answer = remote.predict(rows, asked.method, progress=False)
        except CmlError as error:
            outcome.lost += 1
            typer.echo(f"{remote.name}: {error}", err=True)
        else:
            outcome.seconds.append(time.monotonic() - start)
            outcome.rows += len(rows)
            outcome.wrong += not np.array_equal(answer, getattr(asked.model, asked.method)(rows))
        turn += 1
    return outcomes


def joined(parts: list[dict[str, Outcome]]) -> dict[str, Outcome]:
    total = defaultdict[str, Outcome](Outcome)
    for part in parts:
        for name, outcome in part.items():
            total[name].seconds += outcome.seconds
            total[name].rows += outcome.rows
            total[name].wrong += outcome.wrong
            total[name].lost += outcome.lost
    return total


def watch(pid: int, memory: list[float], ended: Event) -> None:
    """Look at the megabytes of a process and its children, again and again."""
    service = psutil.Process(pid)
    while not ended.wait(PERIOD):
        family = [service, *service.children(recursive=True)]
        memory.append(sum(process.memory_info().rss for process in family) / 1e6)


def table(outcomes: Mapping[str, Outcome], seconds: float) -> Iterator[str]:
    """Lines of Markdown, by model and in all."""
    yield "| model | requests | rows | wrong | lost | p50, s | p95, s | requests a second |"
    yield "|---|---:|---:|---:|---:|---:|---:|---:|"
    rows = [
        *sorted(outcomes.items()),
        ("all", joined([{"all": o} for o in outcomes.values()])["all"]),
    ]
    for name, outcome in rows:
        p50, p95 = np.quantile(outcome.seconds or [np.nan], [0.5, 0.95])
        count = len(outcome.seconds)
        yield (
            f"| {name} | {count} | {outcome.rows} | {outcome.wrong} | {outcome.lost} | {p50:.2f} "
            f"| {p95:.2f} | {count / seconds:.2f} |"
        )


def memory_line(memory: list[float]) -> str:
    """Say what the service's processes took in each fifth of the time."""
    fifths = [part.max() for part in np.array_split(np.array(memory), 5) if len(part)]
    return f"memory, MB, in fifths of the time: {', '.join(f'{part:.0f}' for part in fifths)}"


if __name__ == "__main__":
    typer.run(main)
