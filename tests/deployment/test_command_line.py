"""The command ``cml-sklearn``, from a token to a file of predictions."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from typer.testing import CliRunner, Result

from cml_sklearn.deployment import FheClient, csv_files, save_model
from cml_sklearn.deployment.command_line import _ended_as_by_ctrl_c, app
from cml_sklearn.deployment.csv_files import predict_file, read_rows
from cml_sklearn.deployment.remote import RemoteModel, UnreachableError
from cml_sklearn.deployment.tokens import Tokens
from cml_sklearn.exceptions import InvalidInputError
from cml_sklearn.linear_model import LogisticRegression
from tests.deployment.live import Live
from tests.deployment.test_halves import rewritten

pytestmark = pytest.mark.fhe

RUNNER = CliRunner(env={"COLUMNS": "200", "TERM": "dumb"})
PHRASE = "correct horse"


def invoke(*arguments: object, **how: Any) -> Result:
    return RUNNER.invoke(app, [str(argument) for argument in arguments], **how)


def people() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    city = rng.choice(["Rome", "Oslo"], 80)
    return pd.DataFrame({"age": rng.normal(40, 9, 80).round(1), "city": city})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A mixed pipeline's halves, rows without a column that it drops, and what is predicted."""
    place, rows = tmp_path_factory.mktemp("people"), people().assign(note="dropped")
    columns = ColumnTransformer(
        [("n", StandardScaler(), ["age"]), ("c", OneHotEncoder(), ["city"])]
    )
    labels = np.where(rows["city"] == "Oslo", "yes, it is", "no")
    model = make_pipeline(columns, LogisticRegression(n_bits=6, max_iter=1000)).fit(rows, labels)
    save_model(model, place)
    people().assign(other=1)[["other", "city", "age"]].to_csv(place / "rows.csv", index=False)
    pd.DataFrame({"predict": model.predict(rows)}).to_csv(place / "wanted.csv", index=False)
    np.save(place / "chances.npy", model.predict_proba(rows))
    return place


@pytest.fixture(scope="module")
def live(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    service = Live(tmp_path_factory.mktemp("live"), folder / "server.zip", name="people")
    yield service
    assert service.stop() == 0


def predicted(folder: Path, live: Live, output: Path, *options: object, **how: Any) -> Result:
    files = [folder / "client.zip", folder / "rows.csv", "-o", output]
    where = ["--server", live.url, "--token", live.token]
    return invoke("predict", *files, *where, *options, **how)


def test_from_keys_to_predictions(folder: Path, live: Live, tmp_path: Path) -> None:
    keys, output = tmp_path / "keys", tmp_path / "out.csv"
    made = invoke("keys", folder / "client.zip", keys, input=f"{PHRASE}\n{PHRASE}\n")
    assert made.exit_code == 0, made.output
    done = predicted(folder, live, output, "--keys", keys, env={"CML_PASSPHRASE": PHRASE})
    assert done.exit_code == 0, done.output
    assert output.read_text() == (folder / "wanted.csv").read_text()
    assert "80 rows predicted" in done.output
    assert [path.name for path in tmp_path.iterdir() if "out" in path.name] == ["out.csv"]
    again = predicted(folder, live, output, "--keys", keys, env={"CML_PASSPHRASE": PHRASE})
    assert (again.exit_code, "is there; remove it" in again.output) == (1, True)
    wrong = predicted(folder, live, tmp_path / "x", "--keys", keys, input="another\n")
    assert (wrong.exit_code, "passphrase is another one" in wrong.output) == (1, True)
    twice = invoke("keys", folder / "client.zip", keys, env={"CML_PASSPHRASE": PHRASE})
    assert (twice.exit_code, "is there; remove it" in twice.output) == (1, True)


def test_new_keys_are_deleted_in_the_end(folder: Path, live: Live, tmp_path: Path) -> None:
    kept = len(list((live.folder / "keys").glob("*/*")))
    done = predicted(folder, live, tmp_path / "out.csv", "--method", "predict_proba")
    assert done.exit_code == 0, done.output
    table = pd.read_csv(tmp_path / "out.csv")
    assert list(table) == ["predict_proba_no", "predict_proba_yes, it is"]
    np.testing.assert_allclose(table, np.load(folder / "chances.npy"), rtol=1e-12)
    assert len(list((live.folder / "keys").glob("*/*"))) == kept


class Breaking(RemoteModel):
    """Loses its connection, and counts the rows that it is asked for."""

    left, asked = 0, 0

    def compute(self, X: Any, method: str = "predict", *, progress: bool = True) -> Any:
        if not self.left:
            raise UnreachableError("the line is down")
        self.left -= 1
        self.asked += len(X)
        return super().compute(X, method, progress=progress)


def test_what_is_written_is_not_asked_again(folder: Path, live: Live, tmp_path: Path) -> None:
    client, output = FheClient(folder / "client.zip"), tmp_path / "out.csv"
    other = tmp_path / "other.csv"
    people().to_csv(other)
    with Breaking(live.url, client, live.token) as model:
        for left, asked in ((0, 0), (2, 60), (9, 80)):
            model.left = left
            try:
                predict_file(model, folder / "rows.csv", output, rows=30)
            except UnreachableError:
                if not asked:  # then nothing is left behind
                    assert [path.name for path in tmp_path.iterdir()] == ["other.csv"]
                    continue
                assert len(pd.read_csv(output)) == asked
                with pytest.raises(InvalidInputError, match="begun with other data"):
                    predict_file(model, other, output)
                with pytest.raises(InvalidInputError, match="begun with other data"):
                    predict_file(model, folder / "rows.csv", output, "predict_proba")
            assert model.asked == asked
    assert output.read_text() == (folder / "wanted.csv").read_text()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["other.csv", "out.csv"]


def raising(error: BaseException) -> None:
    raise error


@pytest.mark.parametrize(
    ("stop", "status"),
    [
        (partial(raising, KeyboardInterrupt()), 130),
        (partial(signal.raise_signal, signal.SIGTERM), 130),
        (partial(raising, UnreachableError("the line is down")), 1),
    ],
    ids=["Ctrl-C", "SIGTERM", "line"],
)
def test_who_is_stopped_hears_what_is_kept_and_leaves_no_keys(
    folder: Path, live: Live, tmp_path: Path, monkeypatch: Any, stop: Any, status: int
) -> None:
    before = signal.getsignal(signal.SIGTERM)
    output, keys = tmp_path / "out.csv", live.folder / "keys"
    kept = len(list(keys.glob("*/*")))
    monkeypatch.setattr(csv_files, "predict_file", partial(predict_file, rows=30))
    compute = RemoteModel.compute
    for left, words in ((0, "No rows are written"), (2, "out.csv has 60 rows")):
        calls = iter(range(left))

        def breaking(self: RemoteModel, *given: Any, calls: Any = calls, **named: Any) -> Any:
            self.upload_keys()
            if next(calls, None) is None:
                stop()
            return compute(self, *given, **named)

        monkeypatch.setattr(RemoteModel, "compute", breaking)
        done = predicted(folder, live, output)
        assert (done.exit_code, words in done.output, "the same command" in done.output) == (
            status,
            True,
            True,
        )
        assert len(list(keys.glob("*/*"))) == kept
    monkeypatch.setattr(RemoteModel, "compute", compute)
    assert predicted(folder, live, output).exit_code == 0
    assert output.read_text() == (folder / "wanted.csv").read_text()
    assert signal.getsignal(signal.SIGTERM) is before


def test_who_has_a_wrong_token_is_not_told_to_try_the_same_again(
    folder: Path, live: Live, tmp_path: Path
) -> None:
    done = predicted(folder, live, tmp_path / "out.csv", "--token", "wrong")
    assert (done.exit_code, "token" in done.output) == (1, True)
    assert "the same command" not in done.output


def test_keys_that_can_not_be_deleted_are_told_of(
    folder: Path, live: Live, tmp_path: Path, monkeypatch: Any
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise UnreachableError("the line is down")

    monkeypatch.setattr(RemoteModel, "delete_keys", fail)
    done = predicted(folder, live, tmp_path / "out.csv")
    assert "may still have this run's evaluation keys" in done.output
    assert "80 rows predicted" in done.output


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("age,city\n1,Oslo,3\n", "more fields than its first line"),
        ("age\n3\n", "it lacks ['city', 'note']"),
        ("", "can't be read as CSV"),
        ("age,city\n", "has no rows"),
        ("age,city\n3,Oslo\nx,Oslo\n", "Column 'age' holds the text 'x'"),
        (None, "can't be read"),
    ],
)
def test_bad_tables_are_refused(
    folder: Path, live: Live, tmp_path: Path, content: str | None, message: str
) -> None:
    data = tmp_path / "bad.csv"
    if content is not None:
        data.write_text(content)
    where = ["--server", live.url, "--token", live.token, "-o", tmp_path / "out.csv"]
    done = invoke("predict", folder / "client.zip", data, *where)
    assert done.exit_code == 1
    assert message in done.output
    assert isinstance(done.exception, SystemExit)
    assert [path.name for path in tmp_path.iterdir()] in ([], ["bad.csv"])  # nothing half-done


@pytest.mark.filterwarnings("always::cml_sklearn.exceptions.ClippedInputWarning")
def test_values_far_out_of_range_are_warned_of(folder: Path, live: Live, tmp_path: Path) -> None:
    data = tmp_path / "far.csv"
    data.write_text("age,city\n51000000,Oslo\n30,Rome\n")
    where = ["--server", live.url, "--token", live.token, "-o", tmp_path / "out.csv"]
    done = invoke("predict", folder / "client.zip", data, *where)
    assert done.exit_code == 0
    assert "Warning: 1 of 6 values, in 1 of 3 features, lie outside the range" in done.output


def test_a_folder_that_is_not_there_is_named(folder: Path, live: Live, tmp_path: Path) -> None:
    done = predicted(folder, live, tmp_path / "nowhere" / "out.csv")
    assert done.exit_code == 1
    assert "There is no folder" in done.output


def test_empty_lines_are_rows_but_at_the_end(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("age,city\n1,a\n\n3,b\n\n\n")
    ages = read_rows(path, FheClient(folder / "client.zip"))["age"]
    assert ages.tolist() == pytest.approx([1, np.nan, 3], nan_ok=True)


def test_wrong_tokens_and_models_are_refused(folder: Path, live: Live, tmp_path: Path) -> None:
    done = predicted(folder, live, tmp_path / "out.csv", "--token", "cml_a_b")
    assert (done.exit_code, "does not know the token" in done.output) == (1, True)
    done = predicted(folder, live, tmp_path / "out.csv", "--name", "none")
    assert (done.exit_code, "There is no model none" in done.output) == (1, True)


@pytest.mark.parametrize("half", ["client", "server"])
def test_archives_say_what_they_hold(folder: Path, half: str) -> None:
    done = invoke("inspect", folder / f"{half}.zip")
    assert done.exit_code == 0, done.output
    for text in (
        f"{half}'s half of LogisticRegression",
        "columns: age, city",
        "predict, decision_function, predict_proba, predict_log_proba:",
        "evaluation keys: 124 kB, sent to the server once",
        "a client that has 4 rows answered can compute the weights",
        ".npz",
    ):
        assert text in done.output
    wrong = invoke("inspect", folder / "rows.csv")
    assert (wrong.exit_code, "can't be read as archive.zip" in wrong.output) == (1, True)


def test_tokens_are_made_and_revoked(tmp_path: Path) -> None:
    file = tmp_path / "new" / "tokens.json"
    made = invoke("token", "--tokens", file, "--name", "alice", "--days", "3")
    owner = made.output.split("_")[1]
    assert Tokens(file).owner_of(made.output.strip()) == owner
    assert [token.name for token in Tokens(file).all().values()] == ["alice"]
    assert invoke("token", "--tokens", file, "--revoke", owner).exit_code == 0
    assert not Tokens(file).all()
    assert invoke("token", "--tokens", file, "--revoke", owner).exit_code == 1


def test_services_that_can_not_start_say_why(folder: Path, tmp_path: Path) -> None:
    options = ["--tokens", tmp_path / "tokens.json", "--store", tmp_path / "keys"]
    none = invoke("serve", folder / "server.zip", *options)
    assert (none.exit_code, "make one by" in none.output) == (1, True)
    invoke("token", "--tokens", tmp_path / "tokens.json")
    twice = invoke("serve", folder / "server.zip", folder / "server.zip", *options)
    assert (twice.exit_code, "give each its own by --name" in twice.output) == (1, True)
    wrong = invoke("serve", folder / "client.zip", *options)
    assert (wrong.exit_code, "client half" in wrong.output) == (1, True)


def test_services_without_workers_end(folder: Path, tmp_path: Path) -> None:
    """The card is right, but not what the workers load."""
    rewritten(folder / "server.zip", tmp_path / "bad.zip", module0__half_dot_npz=b"nothing")
    invoke("token", "--tokens", tmp_path / "tokens.json")
    command = [sys.executable, "-m", "cml_sklearn.deployment", "serve", "bad.zip", "--port", "0"]
    run = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert run.returncode == 3
    assert "WorkerError: InvalidInputError: " in run.stderr
    assert "Application startup failed" in run.stderr


def test_no_service_is_said_in_words(folder: Path, tmp_path: Path) -> None:
    files = [folder / "client.zip", folder / "rows.csv", "-o", tmp_path / "out.csv"]
    where = ["--server", "http://127.0.0.1:9", "--token", "x", "--retries", "0"]
    done = invoke("predict", *files, *where)
    assert (done.exit_code, "is the URL right" in done.output) == (1, True)


def test_the_module_runs_as_the_command() -> None:
    command = [sys.executable, "-m", "cml_sklearn.deployment", "--help"]
    env = {**os.environ, "TERM": "dumb"}
    run = subprocess.run(command, capture_output=True, text=True, check=True, env=env)
    for name in ("serve", "token", "keys", "predict", "inspect"):
        assert name in run.stdout


def test_signals_stay_as_they_are_off_the_main_thread() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with ThreadPoolExecutor(1) as pool, _ended_as_by_ctrl_c():
        assert pool.submit(_handler_inside).result() is signal.default_int_handler
    assert signal.getsignal(signal.SIGTERM) is before


def _handler_inside() -> object:
    with _ended_as_by_ctrl_c():
        return signal.getsignal(signal.SIGTERM)
