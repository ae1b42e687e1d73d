"""A model's two halves in two processes over loopback: equal to local, bytes, seconds and memory.

``python -m tests.loopback --client-python .venv-client/bin/python`` starts a service for each model,
and a client in the environment of another interpreter, which has this library without torch and
scikit-learn. Concrete's own package imports torch, so that its client runs here. It prints a table, and ends with status 1 where an answer is another one.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any, NamedTuple

import numpy as np
import pandas as pd
import psutil  # type: ignore[import-untyped]
import typer
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_breast_cancer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from cml_sklearn.deployment import save_model
from cml_sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from cml_sklearn.ensemble import RandomForestClassifier
from cml_sklearn.linear_model import LogisticRegression, Ridge
from cml_sklearn.neural_network import MLPClassifier
from cml_sklearn.xgboost import XGBClassifier
from tests.deployment.live import Live

CLIENT = """
import json, sys, time
from pathlib import Path
from cml_sklearn.deployment import FheClient
from cml_sklearn.deployment.csv_files import predict_file
from cml_sklearn.deployment.remote import RemoteModel

url, token, half, method, rows, output = sys.argv[1:]
client, start = FheClient(half), time.monotonic()
keys = client.evaluation_keys()
made = time.monotonic()
with RemoteModel(url, client, token) as model:
    model.upload_keys()
    sent = time.monotonic()
    predict_file(model, Path(rows), Path(output), method)
done = time.monotonic()
heavy = [name for name in ("torch", "sklearn", "hummingbird", "onnx") if name in sys.modules]
print(json.dumps([len(keys), made - start, sent - made, done - sent, heavy]))
"""


class Task(NamedTuple):
    """A fitted model, and rows for one of its methods."""

    model: Any
    method: str
    rows: pd.DataFrame


def main(
    client_python: Annotated[Path, typer.Option(help="Interpreter of the client.")],
    rows: Annotated[int, typer.Option(min=1, help="For each model.")] = 50,
    network_rows: Annotated[int, typer.Option(min=0, help="On Concrete; 0: no network.")] = 5,
) -> None:
    """Print a line for each model."""
    typer.echo(
        "| model | engine | rows | keys, MB | made, s | uploaded, s | predicted, s | up, MB | down, MB "
        "| service, MB | equal |"
    )
    typer.echo("|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---|")
    all_equal = True
    for name, task in tasks(rows, network_rows):
        line, equal = tried(task, client_python)
        typer.echo(f"| {name} | {line} | {'all' if equal else 'NO'} |")
        all_equal &= equal
    sys.exit(not all_equal)


def tasks(n_rows: int, n_network_rows: int) -> Iterator[tuple[str, Task]]:
    X, y = load_breast_cancer(return_X_y=True, as_frame=True)
    few, trees = X[:n_rows], {"n_estimators": 50, "n_bits": 6, "random_state": 0}
    scaled = make_pipeline(StandardScaler(), LogisticRegression(n_bits=8)).fit(X, y)
    yield "scaled `LogisticRegression`", Task(scaled, "predict", few)
    yield "`Ridge`", Task(Ridge(n_bits=8).fit(X, y), "predict", few)
    lda = LinearDiscriminantAnalysis(n_bits=8).fit(X, y)
    yield "`LinearDiscriminantAnalysis.transform`", Task(lda, "transform", few)
    boosted = XGBClassifier(max_depth=3, **trees).fit(X, y)
    yield "`XGBClassifier`, 50 x 3", Task(boosted, "predict", few)
    forest = RandomForestClassifier(max_depth=4, **trees).fit(X, y)
    yield "`RandomForestClassifier`, 50 x 4", Task(forest, "predict", few)
    yield "mixed columns, `LogisticRegression`", mixed(n_rows)
    if n_network_rows:
        network = MLPClassifier((16,), n_bits=4, max_iter=500, random_state=0)
        network = make_pipeline(StandardScaler(), network).fit(X, y)
        yield "scaled `MLPClassifier`, 16", Task(network, "predict", X[:n_network_rows])


def mixed(n_rows: int) -> Task:
    """Numbers and categories, with labels that are texts."""
    rng = np.random.default_rng(0)
    city = rng.choice(["Rome", "Oslo", "Bern"], 300)
    table = pd.DataFrame({"age": rng.normal(40, 9, 300).round(1), "city": city})
    columns = ColumnTransformer(
        [("n", StandardScaler(), ["age"]), ("c", OneHotEncoder(), ["city"])]
    )
    labels = np.where((city == "Oslo") | (table["age"] > 50), "yes", "no")
    model = make_pipeline(columns, LogisticRegression(n_bits=6)).fit(table, labels)
    return Task(model, "predict", table[:n_rows])


def tried(task: Task, client_python: Path) -> tuple[str, bool]:
    """Serve a model and ask it from another process: cells of a line, and whether all is equal."""
    with TemporaryDirectory() as place:
        folder = Path(place)
        card = save_model(task.model, folder)
        engine = card.engines[card.modules[task.method]]
        task.rows.to_csv(folder / "rows.csv", index=False)
        service = Live(folder, folder / "server.zip", name="it")
        try:
            python = Path(sys.executable) if engine == "concrete" else client_python
            result = asked(service, folder, task.method, python)
            up, down = (
                service.metric(f'cml_bytes_total{{direction="{way}"}}')
                for way in ("received", "sent")
            )
            family = [psutil.Process(service.process.pid)]
            family += family[0].children(recursive=True)
            memory = sum(process.memory_info().rss for process in family)
        finally:
            service.stop()
        got = pd.read_csv(folder / "out.csv", float_precision="round_trip").to_numpy()
    n_bytes, made, sent, predicted, heavy = result
    wanted = np.asarray(getattr(task.model, task.method)(task.rows)).reshape(got.shape)
    equal = bool((wanted == got).all()) and (engine == "concrete" or not heavy)
    sizes = [n_bytes, up - n_bytes, down, memory]
    keys, *others = (f"{size / 1e6:.3g}" for size in sizes)
    seconds = f"{made:.2f} | {sent:.2f} | {predicted:.2f}"
    return f"{engine} | {len(got)} | {keys} | {seconds} | {' | '.join(others)}", equal


def asked(service: Live, folder: Path, method: str, client_python: Path) -> list[Any]:
    files = [str(folder / name) for name in ("rows.csv", "out.csv")]
    command = [str(client_python), "-c", CLIENT, service.url, service.token]
    command += [str(folder / "client.zip"), method, *files]
    run = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, cwd=folder)
    result: list[Any] = json.loads(run.stdout.splitlines()[-1])
    return result


if __name__ == "__main__":
    typer.run(main)
