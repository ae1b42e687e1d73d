"""The benchmarks' commands run, and their files can be compared."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import sklearn.tree
from typer import Typer
from typer.testing import CliRunner, Result

from benchmarks import bulk, engine_growth, growth, seal_costs, tables
from benchmarks import engines as benchmark_engines
from benchmarks.__main__ import app as our_app
from benchmarks.core import Case, read_rows
from benchmarks.datasets import UnreachableError, load
from benchmarks.figures import engines, families, trees
from benchmarks.measure import in_child, stage
from benchmarks.options import UnknownNameError
from benchmarks.peer.__main__ import app as peer_app
from benchmarks.subject import PEER_P_ERROR
from cml_sklearn import PCA, MultiTaskLasso, Ridge
from cml_sklearn.exceptions import CompilationError
from cml_sklearn.fhe import speed
from cml_sklearn.fhe.seal.cost import _MEASURED, Times

pytestmark = pytest.mark.usefixtures("brief_students")

RUNNER = CliRunner(env={"COLUMNS": "200", "TERM": "dumb"})
CASES = [
    ("classification", "iris", "LR"),
    ("regression", "diabetes", "DT"),
    ("neural", "iris", "MLP"),
]


def invoke(*arguments: object, app: Typer = our_app) -> Result:
    return RUNNER.invoke(app, [str(argument) for argument in arguments])


def call(function: Callable[..., object], *args: object) -> object:
    return function(*args)


@pytest.mark.parametrize(("command", "dataset", "model"), CASES)
def test_a_row_is_measured_and_written(
    command: str, dataset: str, model: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # a fresh process takes seconds to import everything; see the test of in_child
    monkeypatch.setattr("benchmarks.commands.in_child", call)
    output = tmp_path / "rows.jsonl"
    options = ["--datasets", dataset, "--models", model, "--samples", "2", "--simulate"]
    result = invoke(command, *options, "--engine", "concrete", "--output", output)
    assert result.exit_code == 0, result.output
    (row,) = read_rows(output)
    assert (row["library"], row["dataset"], row["model"]) == ("cml_sklearn", dataset, model)
    assert row["samples"] == 2
    assert (row["mode"], row["engine"]) == ("simulate", "concrete")
    assert row["agreement"] == 1
    assert row["gop"] > 0
    assert abs(row["score_float"] - row["score_quantized"]) < 0.2
    assert row["seconds_fit"] > 0
    assert row["memory_peak"] >= row["memory_fit"] > 0
    assert row["versions"]["numpy"]


def test_what_an_engine_does_not_count_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("benchmarks.commands.in_child", call)
    output = tmp_path / "rows.jsonl"
    options = ["--datasets", "iris", "--models", "LR", "--samples", "2", "--engine", "seal"]
    result = invoke("classification", *options, "--output", output)
    assert result.exit_code == 0, result.output
    (row,) = read_rows(output)
    assert (row["engine"], row["gop"], row["pbs"], row["agreement_scores"]) == (
        "seal",
        None,
        None,
        1,
    )


def test_the_peer_has_one_engine() -> None:
    result = invoke("classification", "--engine", "seal", app=peer_app)
    assert result.exit_code == 2
    assert "unknown engine 'seal'; use one of auto" in result.output


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

    monkeypatch.setattr("benchmarks.commands.in_child", refuse)
    output = tmp_path / "rows.jsonl"
    options = ["--datasets", "wine", "--models", "DT,RF"]
    result = invoke("classification", *options, "--output", output)
    assert result.exit_code == 1
    assert "wine DT failed: MemoryError('killed')" in result.output
    assert [row["model"] for row in read_rows(output)] == ["RF"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("classification --models LR,SVM", "unknown model 'SVM'; use one of LR, DT, RF, XGB"),
        ("classification --datasets diabetes", "use one of breast_cancer, wine"),
        ("classification --datasets missing.csv", "there is no file 'missing.csv'"),
        ("classification --n-bits six", "whole numbers"),
        ("neural --engine openfhe", "unknown engine 'openfhe'; use one of auto, seal, concrete"),
        ("engine-growth --lines clear", "unknown engine 'clear'; use one of seal, concrete"),
        ("splits --datasets missing", "unknown data set 'missing'"),
        ("growth --sweeps trees,cores", "unknown sweep 'cores'; use one of trees, depth"),
        ("figures forests", "unknown figure 'forests'; use one of linear, trees"),
    ],
)
def test_wrong_names(arguments: str, message: str) -> None:
    result = invoke(*arguments.split())
    assert result.exit_code == 2
    assert message in result.output


def test_list() -> None:
    result = invoke("regression", "--list")
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
    result = invoke("compare", ours, peer, "--output", table, "--plots", plots)
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
    result = invoke("compare", *paths)
    assert result.exit_code == 2
    # the error is drawn in a box, which may break its lines anywhere
    words = result.output.replace("│", " ").split()
    assert "no row of the same work" in " ".join(words)


class PeerTree(sklearn.tree.DecisionTreeClassifier):
    """A tree in the clear with Concrete-ML's signature."""

    def __init__(
        self, n_bits: int = 6, max_depth: int | None = None, random_state: int | None = None
    ) -> None:
        super().__init__(max_depth=max_depth, random_state=random_state)
        self.n_bits = n_bits

    def predict(self, X: np.ndarray, fhe: str) -> np.ndarray:
        assert fhe == "disable"
        return super().predict(X)


@pytest.mark.parametrize("app", [our_app, peer_app], ids=["ours", "peer"])
def test_splits_scores_on_the_same_splits_as_the_float_model(
    app: Typer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    peer = ModuleType("concrete.ml.sklearn")
    monkeypatch.setattr(peer, "DecisionTreeClassifier", PeerTree, raising=False)
    monkeypatch.setitem(sys.modules, "concrete.ml.sklearn", peer)
    output = tmp_path / "splits.jsonl"
    options = ["--datasets", "wine", "--models", "DT", "--repeats", "1", "--output", output]
    result = invoke("splits", *options, app=app)
    assert result.exit_code == 0, result.output
    row = json.loads(output.read_text())
    assert row["splits"] == 3
    assert min(row["score"], row["score_float"]) > 0.8
    assert row["library"] == "concrete-ml" or app is our_app
    assert row["score"] == row["score_float"] or app is our_app


def test_the_peer_needs_nothing_of_this_library() -> None:
    code = "import sys; sys.modules['cml_sklearn'] = None; from benchmarks.peer.__main__ import app"
    subprocess.run([sys.executable, "-c", f"{code}; app(['--help'])"], check=True)


def test_growth_fits_slopes(tmp_path: Path) -> None:
    table, plot = tmp_path / "table.md", tmp_path / "growth.png"
    options = ["--sweeps", "samples,n_bits", "--most", "3", "--repeat", "1"]
    sweeps = {name: replace(growth.SWEEPS[name], models=("DT",)) for name in ("samples", "n_bits")}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(growth, "SWEEPS", sweeps)
        result = invoke("growth", *options, "--table", table, "--plot", plot)
    assert result.exit_code == 0, result.output
    assert [line.split(" | ")[0] for line in table.read_text().splitlines()[2:]] == [
        "| samples 1 to 1",
        "| n_bits 2 to 3",
    ]
    assert plot.stat().st_size > 1000
    assert growth.slope(growth.SWEEPS["trees"], [1, 2, 4], [3, 12, 48]) == pytest.approx(2)
    assert growth.slope(growth.SWEEPS["depth"], [1, 2, 3], [3, 6, 12]) == pytest.approx(2)


def test_the_table_of_engines() -> None:
    works = [("concrete", 1), ("seal", 1), ("seal", 300)]
    rows = [engines.measured(engines.Work("wine", "LR", 6, *work)) for work in works]
    assert [row["equal"] for row in rows] == [1, 1, 300]
    assert rows[1]["up"] > rows[2]["up"] > 0
    assert rows[1]["key_bytes"] > 100_000
    single, seal, batch = engines.cells(rows)
    assert (single[4], single[10], single[12]) == ("-", "-", "all")
    ratio = rows[0]["milliseconds"] / rows[1]["milliseconds"]
    assert float(seal[4].replace(",", "")) == pytest.approx(ratio, rel=0.05)
    assert batch[:3] == ["wine LR, 6 bits", "seal", "300"]


def test_batches_are_streamed_with_the_last_one_filled() -> None:
    X, y = growth.make_data(10)
    module = benchmark_engines.trained("DT", 3, X, y, max_depth=2)
    circuit = benchmark_engines.compiled(module, "seal")
    codes = module.quantize_input(np.resize(X, (4100, 10)))
    flow = benchmark_engines.stream(circuit, codes)
    np.testing.assert_array_equal(flow.outputs[0], module.quantized_forward(*codes)[0])
    assert flow.seconds > 0
    assert flow.n_up > flow.n_down > 0


def test_the_costs_of_seal_are_measured_for_all_rings_of_the_model(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    parameters = [plan.parameters for plan in seal_costs.plans()]
    assert [(p.ring_dimension, p.n_primes) for p in parameters] == list(_MEASURED)
    monkeypatch.setattr(seal_costs, "_CALLS", 1)
    result = invoke("seal-costs", "--rounds", 1, "--most", 4096)
    assert result.exit_code == 0, result.output
    printed: dict[str, dict[tuple[int, int], Times]] = {}
    exec(result.output, {"Times": Times}, printed)  # noqa: S102  our own output
    assert list(printed["_MEASURED"]) == [(4096, 2)]


def test_the_model_of_costs_is_compared(tmp_path: Path) -> None:
    output = tmp_path / "rows.jsonl"
    result = invoke("seal-check", "--most", 1, "--repeat", 1, "--output", output)
    assert result.exit_code == 0, result.output
    assert "of 1 within 30%" in result.output
    (row,) = read_rows(output)
    assert row["seconds"] > 0
    assert row["bytes_ratio"] == pytest.approx(1, abs=0.1)


def test_growth_of_engines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "DOCS", tmp_path)
    monkeypatch.setattr(engine_growth, "_PICTURE", tmp_path / "images" / "growth.png")
    page = tmp_path / "benchmarks" / "engines.md"
    page.parent.mkdir()
    page.write_text("<!-- growth -->\n<!-- end of growth -->\n")
    sweeps = {
        "samples": replace(engine_growth.SWEEPS["samples"], models=("LR",)),
        "depth": replace(engine_growth.SWEEPS["depth"], models=("DT",)),
    }
    monkeypatch.setattr(engine_growth, "SWEEPS", sweeps)
    result = invoke("engine-growth", "--lines", "seal", "--most", 2)
    assert result.exit_code == 0, result.output
    lines = page.read_text().splitlines()
    assert [line.split(" | ")[0] for line in lines[7:9]] == ["| samples 1 to 1", "| depth 2 to 2"]
    assert lines[8].endswith("| - | - |")
    assert (tmp_path / "images" / "growth.png").stat().st_size > 1000


def test_a_curve_ends_before_a_point_that_would_take_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(engine_growth, "_seconds", lambda sweep, model, value, *_: value / 10.0)
    sweep = engine_growth.SWEEPS["samples"]
    rows = engine_growth.curve_of(sweep, "LR", "Concrete, 1", 1, None)
    assert [row["value"] for row in rows] == [1, 10, 100]

    def refuse(*_: object) -> float:
        raise CompilationError("too deep")

    monkeypatch.setattr(engine_growth, "_seconds", refuse)
    assert engine_growth.curve_of(sweep, "LR", "SEAL, 1", 1, None) == []


def test_bulk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "in_child", call)
    small = replace(bulk.MODELS["classification"]["XGB"], parameters={"n_estimators": 2})
    monkeypatch.setattr(bulk, "MODELS", {"classification": {"XGB": small}})
    row = bulk.scored(20, 1)
    assert row["equal"] == 20
    assert row["up"] > row["down"] > 0
    assert row["memory"] > 50e6


def test_tables_of_pages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tables, "DOCS", tmp_path)
    page = tmp_path / "page.md"
    page.write_text("before\n<!-- a -->\nold\n<!-- end of a -->\nafter\n")
    lines = tables.markdown(["data", "n", "score"], [["wine", "6", "0.9"]])
    tables.insert("page.md", "a", lines)
    table = "| data | n | score |\n| --- | ---: | ---: |\n| wine | 6 | 0.9 |"
    assert page.read_text() == f"before\n<!-- a -->\n{table}\n<!-- end of a -->\nafter\n"


def test_the_page_of_trees_says_what_is_measured() -> None:
    score, reference, pbs, gop = trees.measured("wine", "DT", 6, PEER_P_ERROR)
    default = trees.measured("wine", "DT", 6).gop
    figures = f"| 6 | {score:.3f} | {reference:.3f} | 0.944 | {pbs:.0f} | 46 | {gop:.2f} |"
    figures += f" 2.3 | 17 x | {default:.2f} |"
    assert f"| wine / DT5 {figures}" in (tables.DOCS / "explanation/trees.md").read_text()


def test_the_table_of_families_has_every_class() -> None:
    """If this fails, write the page: python -m benchmarks figures families."""
    known = {kind.__name__ for _, kind in families.estimators()}
    assert set(families._PARAMETERS) | set(families._GREY) <= known
    page = (tables.DOCS / "benchmarks/families.md").read_text(encoding="utf-8")
    lines = [line for line in page.splitlines() if line.startswith("| `")]
    assert sorted(line.split("`")[1] for line in lines) == sorted([*known, *known])


def test_a_family_is_measured(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speed, "speed_of", lambda _: speed.Speed(1.0, 0.0))
    monkeypatch.setattr("cml_sklearn.metrics.speed_of", speed.speed_of)
    rows = [families.measured("linear_model", kind) for kind in (Ridge, MultiTaskLasso)]
    rows.append(families.measured("decomposition", PCA))
    assert [row.n_equal for row in rows] == [row.n_samples for row in rows] == [133, 133, 54]
    for row in rows:
        assert row.scores[1] == row.scores[2]
        assert row.scores[0] == pytest.approx(row.scores[1], abs=0.02)
    lines = list(families.tables(rows))
    assert len({line.count("|") for line in lines[:5]}) == 1
    assert lines[2].startswith("| `Ridge` | diabetes | 0.39")
    assert lines[8].startswith("| `Ridge` | seal | 0 | - |")
