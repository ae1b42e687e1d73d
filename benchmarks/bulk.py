"""Many samples scored encrypted by boosted trees on SEAL: seconds, memory of all processes, bytes.

The samples are breast_cancer's rows again and again, with noise.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event, Thread
from typing import Annotated, Any
from unittest import mock

import joblib
import numpy as np
import psutil  # type: ignore[import-untyped]
import typer
from joblib.externals.loky import get_reusable_executor

from benchmarks.core import Row, write_row
from benchmarks.datasets import load
from benchmarks.engines import facts_line, n_bytes
from benchmarks.measure import in_child, machine_facts, seconds_of
from benchmarks.models import MODELS
from benchmarks.options import Output
from benchmarks.progress import tracked
from benchmarks.subject import OurSubject
from benchmarks.tables import show

__all__ = ["main", "scored"]

_HEAD = ["processes", "samples", "seconds", "ms a sample", "memory, MB", "up, MB", "down, MB"]
_HEAD += ["equal labels"]
_NOISE = 0.05
"""Of the noise's standard deviation, over that of a feature."""
_PERIOD = 0.1


def main(
    samples: Annotated[int, typer.Option(min=1, help="Rows to encrypt.")] = 100_000,
    jobs: Annotated[str, typer.Option(help="Numbers of processes, parted by commas.")] = "2,1",
    output: Output = None,
) -> None:
    """Many samples on SEAL, by one process and by several."""
    rows = []
    numbers = [int(n_jobs) for n_jobs in jobs.split(",")]
    for n_jobs in tracked(numbers, lambda n: f"{n} process{'es' * (n > 1)}"):
        rows.append(in_child(scored, samples, n_jobs))
        write_row(output, rows[-1] | machine_facts())
    show(_HEAD, map(_cells, rows), facts_line())


def scored(n_samples: int, n_jobs: int) -> Row:
    """Train, make keys, and predict."""
    data = load("breast_cancer")
    subject = OurSubject(MODELS["classification"]["XGB"], 6, 0, "seal")
    subject.fit(data.X_train, data.y_train)
    subject.compile(data.X_train)
    subject.generate_keys()
    X = _noisy(data.X_test, n_samples)
    sent = {"encrypt": 0, "decrypt": 0}
    labels: list[np.ndarray] = []
    with _counted(subject.model.fhe_circuit_.client, sent), _peak_memory() as peak:
        seconds = seconds_of(lambda: labels.append(_predicted(subject.model, X, n_jobs)))
    equal = int((labels[0] == subject.predict(X, "clear", 1)).sum())
    row: Row = {"jobs": n_jobs, "samples": n_samples, "seconds": seconds, "equal": equal}
    return row | {"memory": peak[0], "up": sent["encrypt"], "down": sent["decrypt"]}


def _predicted(model: Any, X: np.ndarray, n_jobs: int) -> np.ndarray:
    """Predict encrypted: in this process alone, or with workers for the server's part."""
    if n_jobs == 1:
        return np.asarray(model.predict(X, execute_in_fhe=True))
    with joblib.parallel_config("loky", n_jobs=n_jobs):
        labels = np.asarray(model.predict(X, execute_in_fhe=True))
    get_reusable_executor().shutdown()  # idle workers would keep this process for minutes
    return labels


def _noisy(X: np.ndarray, n_samples: int) -> np.ndarray:
    noise = np.random.default_rng(0).standard_normal((n_samples, X.shape[1]))
    return np.resize(X, noise.shape) + _NOISE * X.std(axis=0) * noise


@contextmanager
def _counted(client: Any, sent: dict[str, int]) -> Iterator[None]:
    """Count the bytes that a client encrypts and decrypts."""

    def encrypt(encrypt_: Callable[..., Any], *inputs: np.ndarray) -> Any:
        result = encrypt_(*inputs)
        sent["encrypt"] += n_bytes(result)
        return result

    def decrypt(decrypt_: Callable[..., Any], encrypted: Any) -> Any:
        sent["decrypt"] += n_bytes(encrypted)
        return decrypt_(encrypted)

    own = client.encrypt, client.decrypt
    with (
        mock.patch.object(client, "encrypt", lambda *inputs: encrypt(own[0], *inputs)),
        mock.patch.object(client, "decrypt", lambda encrypted: decrypt(own[1], encrypted)),
    ):
        yield


@contextmanager
def _peak_memory() -> Iterator[list[int]]:
    """Sample the resident bytes of this process and its children; what they share counts twice."""
    peak, stopped = [0], Event()

    def watch() -> None:
        while not stopped.wait(_PERIOD):
            peak[0] = max(peak[0], _resident())

    thread = Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield peak
    finally:
        stopped.set()
        thread.join()


def _resident() -> int:
    own = psutil.Process()
    total = 0
    for process in (own, *own.children(recursive=True)):
        try:
            total += process.memory_info().rss
        except psutil.NoSuchProcess:
            continue
    return total


def _cells(row: Row) -> list[str]:
    samples = row["samples"]
    return [
        str(row["jobs"]),
        f"{samples:,}",
        f"{row['seconds']:.1f}",
        f"{1e3 * row['seconds'] / samples:.3g}",
        f"{row['memory'] / 1e6:.0f}",
        *(f"{row[name] / 1e6:.4g}" for name in ("up", "down")),
        "all" if row["equal"] == samples else f"{row['equal']:,}",
    ]
