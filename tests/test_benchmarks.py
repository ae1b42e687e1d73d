"""The benchmark scripts run, and their files can be compared."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer import Typer
from typer.testing import CliRunner

from benchmarks import classification, compare, growth, neural, regression, splits
from benchmarks.core import Case, read_rows
from benchmarks.datasets import UnknownNameError, UnreachableError, load
from benchmarks.measure import in_child, stage

RUNNER = CliRunner()
CASES = [
    (classification.app, "iris", "LR"),
    (regression.app, "diabetes", "DT"),
    (neural.app, "iris", "MLP"),
]


def call(function: Callable[..., object], *args: object) -> object:
    return function(*args)


@pytest.mark.parametrize(("app", "dataset", "model"), CASES, ids=[case[2] for case in CASES])
def test_a_row_is_measured_and_written(
    app: Typer, dataset: str, model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # a fresh process takes seconds to import everything; see the test of in_child
    monkeypatch.setattr("benchmarks.core.in_child", call)
    output = tmp_path / "rows.jsonl"
    options = ["--datasets", dataset, "--models", model, "--samples", "2", "--simulate"]
    result = RUNNER.invoke(app, [*options, "--output", str(output)])
    assert result.exit_code == 0, result.output
    (row,) = read_rows(output)
    assert (row["library"], row["dataset"], row["model"]) == ("cml_sklearn", dataset, model)
    assert row["samples"] == 2
    assert row["mode"] == "simulate"
    assert row["agreement"] == 1
    assert row["gop"] > 0
    assert abs(row["score_float"] - row["score_quantized"]) < 0.2
    assert row["seconds_fit"] > 0
    assert row["memory_peak"] >= row["memory_fit"] > 0
    assert row["versions"]["numpy"]


def test_a_child_is_another_process_whose_errors_come_back() -> None:
    assert in_child(os.getpid) != os.getpid()
    with pytest.raises(ZeroDivisionError):
        in_child(divmod, 1, 0)


def test_a_stage_has_its_own_peak() -> None:
    row: dict[str, float] = {}
    with stage(row, "large"):
        np.ones(12_500_000)
    with stage(row, "small"):
        np.ones(1)
    assert row["memory_large"] - row["memory_small"] > 50e6
    assert row["seconds_large"] > row["seconds_small"] > 0


def test_a_failure_does_not_stop_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: object, case: Case, __: object) -> dict[str, object]:
        if case.model == "DT":
            raise MemoryError("killed")
        return {"dataset": case.dataset, "model": case.model}

    monkeypatch.setattr("benchmarks.core.in_child", refuse)
    output = tmp_path / "rows.jsonl"
    options = ["--datasets", "wine", "--models", "DT,RF", "--output", str(output)]
    result = RUNNER.invoke(classification.app, options)
    assert result.exit_code == 1
    assert "wine DT failed: MemoryError('killed')" in result.output
    assert [row["model"] for row in read_rows(output)] == ["RF"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--models", "LR,SVM"], "unknown model 'SVM'; use one of LR, DT, RF, XGB"),
        (["--datasets", "diabetes"], "unknown data set 'diabetes'; use one of breast_cancer, wine"),
        (["--datasets", "missing.csv"], "there is no file 'missing.csv'"),
        (["--n-bits", "six"], "whole numbers"),
    ],
)
def test_wrong_names(options: list[str], message: str) -> None:
    result = RUNNER.invoke(classification.app, options, env={"COLUMNS": "200", "TERM": "dumb"})
    assert result.exit_code == 2
    assert message in result.output


def test_list() -> None:
    result = RUNNER.invoke(regression.app, ["--list"])
    assert result.output.startswith("models:   Linear, Ridge, DT, RF, XGB\ndatasets: diabetes,")


def test_csv_with_text_and_a_named_target(tmp_path: Path) -> None:
    path = tmp_path / "people.csv"
    rows = [f"{'red' if i % 2 else 'blue'},{'yes' if i % 3 else 'no'},{i}" for i in range(20)]
    path.write_text("\n".join(["colour,answer,height", *rows, "red,,3"]))
    data = load(str(path), target="answer")
    assert data.task == "classification"
    assert len(data.X_train) + len(data.X_test) == 20
    assert data.X_train.shape[1] == 3
    assert set(data.y_train) == {0, 1}
    with pytest.raises(UnknownNameError, match="no column 'age'; its columns are colour, answer"):
        load(str(path), target="age")


def test_openml_without_a_network_is_skipped(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise ConnectionRefusedError("no route")

    monkeypatch.setattr("sklearn.datasets.fetch_openml", refuse)
    with pytest.raises(UnreachableError, match=r"openml:adult skipped: no network \(no route\)"):
        load("openml:adult")


def row_of(library: str, model: str, seconds: float) -> dict[str, object]:
    work = {"task": "classification", "dataset": "wine", "model": model, "samples": 2}
    figures = {"seconds_predict": seconds, "gop": 2 * seconds, "score_quantized": 0.9}
    return {"library": library, "versions": {}, **work, **figures}


def test_compare_prints_ratios_and_draws_plots(tmp_path: Path) -> None:
    ours, peer = tmp_path / "a.jsonl", tmp_path / "b.jsonl"
    ours.write_text("\n".join(json.dumps(row_of("cml_sklearn", m, 0.5)) for m in ("DT", "RF")))
    peer.write_text("\n".join(json.dumps(row_of("peer", "DT", s)) for s in (9.0, 20.0)))
    table, plots = tmp_path / "table.md", tmp_path / "images"
    options = ["--output", str(table), "--plots", str(plots)]
    result = RUNNER.invoke(compare.app, [str(ours), str(peer), *options], env={"COLUMNS": "200"})
    assert result.exit_code == 0, result.output
    assert "peer / cml_sklearn" in result.output
    assert "1 row(s) are in one file only" in result.output
    (sample, *_) = [line for line in table.read_text().splitlines() if "| wine DT |" in line]
    assert (
        sample
        == "| wine DT | - / 0.900 / 0.900 | - | 0.5 / 20 (40 x) | 1 / 40 (40 x) | - / - | - / - |"
    )
    assert (plots / "benchmark_gop.png").stat().st_size > 1000


def test_compare_refuses_files_of_different_work(tmp_path: Path) -> None:
    paths = [tmp_path / "a.jsonl", tmp_path / "b.jsonl"]
    for path, model in zip(paths, ("DT", "RF"), strict=True):
        path.write_text(json.dumps(row_of("peer", model, 1.0)))
    result = RUNNER.invoke(compare.app, [str(path) for path in paths], env={"COLUMNS": "200"})
    assert result.exit_code == 2
    # the error is drawn in a box, which may break its lines anywhere
    words = result.output.replace("│", " ").split()
    assert "no row of the same work" in " ".join(words)


def test_splits_scores_on_the_same_splits_as_the_float_model(tmp_path: Path) -> None:
    output = tmp_path / "splits.jsonl"
    options = ["--datasets", "wine", "--models", "DT", "--repeats", "1", "--output", str(output)]
    result = RUNNER.invoke(splits.app, options)
    assert result.exit_code == 0, result.output
    row = json.loads(output.read_text())
    assert row["splits"] == 3
    assert min(row["score"], row["score_float"]) > 0.8


def test_growth_fits_slopes(tmp_path: Path) -> None:
    table, plot = tmp_path / "table.md", tmp_path / "growth.png"
    options = ["--sweeps", "samples,n_bits", "--most", "3", "--repeat", "1"]
    options += ["--table", str(table), "--plot", str(plot)]
    sweeps = {name: replace(growth.SWEEPS[name], models=("DT",)) for name in ("samples", "n_bits")}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(growth, "SWEEPS", sweeps)
        result = RUNNER.invoke(growth.app, options)
    assert result.exit_code == 0, result.output
    assert [line.split(" | ")[0] for line in table.read_text().splitlines()[2:]] == [
        "| samples 1 to 1",
        "| n_bits 2 to 3",
    ]
    assert plot.stat().st_size > 1000
    assert growth.slope(growth.SWEEPS["trees"], [1, 2, 4], [3, 12, 48]) == pytest.approx(2)
    assert growth.slope(growth.SWEEPS["depth"], [1, 2, 3], [3, 6, 12]) == pytest.approx(2)
