"""What a token may have of a service: rows of a model, places in the queue, turns."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sklearn.datasets import load_iris

from cml_sklearn.deployment import FheClient, save_model
from cml_sklearn.deployment.budget import Budget, known_after
from cml_sklearn.deployment.fairness import Places
from cml_sklearn.deployment.pool import Pool
from cml_sklearn.deployment.refusals import RefusedError
from cml_sklearn.deployment.remote import RemoteModel
from cml_sklearn.linear_model import LogisticRegression
from cml_sklearn.tree import DecisionTreeClassifier
from tests.deployment.handlers import make_misbehaving
from tests.deployment.live import Live, wait

pytestmark = pytest.mark.fhe

X, Y = load_iris(return_X_y=True)
BUDGET = 12


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("logistic")
    save_model(LogisticRegression(n_bits=6, max_iter=1000).fit(X, Y), place)
    return place


@pytest.fixture(scope="module")
def live(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    place = tmp_path_factory.mktemp("live")
    service = Live(place, folder / "server.zip", name="it", budget=BUDGET)
    yield service
    assert service.stop() == 0


def rows_left(live: Live, token: str) -> int:
    with live.http(token) as http:
        return int(http.get("/v2/models/it").json()["parameters"]["rows_left"])


def test_rows_are_counted_by_token_and_stay_counted(live: Live, folder: Path) -> None:
    client, token, other = FheClient(folder / "client.zip"), live.token, live.tokens.create("b")
    with RemoteModel(live.url, client, token) as model:
        model.predict(X[:7], progress=False)
        assert rows_left(live, token) == BUDGET - 7
        with pytest.raises(RefusedError, match="5 are left, and 6 came") as refused:
            model.predict(X[:6], progress=False)
        assert refused.value.status == 403
        model.delete_keys()
    live.stop(signal.SIGKILL)
    live.start()
    client = FheClient(folder / "client.zip")  # new keys are of no use
    with RemoteModel(live.url, client, token) as model:
        assert rows_left(live, token) == BUDGET - 7
        model.predict(X[:5], progress=False)
        with pytest.raises(RefusedError, match="0 are left, and 1 came"):
            model.predict(X[:1], progress=False)
    assert rows_left(live, other) == BUDGET


def test_rows_without_an_answer_are_not_counted(live: Live, folder: Path) -> None:
    client, token = FheClient(folder / "client.zip"), live.tokens.create("c")
    with RemoteModel(live.url, client, token) as model, ThreadPoolExecutor() as threads:
        headers, payload = {"CML-Keys": model.upload_keys()}, client.encrypt(X[:9])
        with live.http(token) as http:
            cut = http.post("/v2/models/it/infer", content=payload[:-9], headers=headers)
            assert (cut.status_code, rows_left(live, token)) == (400, BUDGET)
            os.kill(live.worker, signal.SIGSTOP)
            lost = threads.submit(
                http.post, "/v2/models/it/infer", content=payload, headers=headers
            )
            wait(lambda: live.metric("cml_requests_running") == 1)
            assert rows_left(live, token) == BUDGET - 9
            os.kill(live.worker, signal.SIGKILL)
            assert lost.result().status_code == 503
    assert rows_left(live, token) == BUDGET


def test_the_operator_is_told_what_rows_give_away(live: Live) -> None:
    line = live.wait_for("model served")
    assert (line["level"], line["known_after_rows"], line["budget"]) == ("warning", 5, BUDGET)
    assert "who asks 5 rows" in line["warnings"][0]


@pytest.mark.parametrize(("engine", "rows"), [("seal", 5), ("concrete", 1)])
def test_linear_models_are_known_soon(folder: Path, engine: str, rows: int, tmp_path: Path) -> None:
    model = LogisticRegression(n_bits=3, max_iter=1000).fit(X, Y)
    assert known_after(save_model(model, tmp_path, engine=engine)) == rows


def test_trees_have_no_such_number(tmp_path: Path) -> None:
    tree = DecisionTreeClassifier(max_depth=2, n_bits=2, random_state=0).fit(X, Y)
    assert known_after(save_model(tree, tmp_path)) is None


def test_many_threads_get_no_more_than_the_budget(tmp_path: Path) -> None:
    budget = Budget(tmp_path / "budget.sqlite", 50)

    def take(_: int) -> bool:
        try:
            budget.take("me", "it", 3)
        except RefusedError:
            return False
        return True

    with ThreadPoolExecutor(8) as threads:
        assert sum(threads.map(take, range(100))) == 16
    assert budget.left("me", "it") == 2
    budget.close()
    again = Budget(tmp_path / "budget.sqlite", 60)
    assert again.left("me", "it") == 12
    again.close()


def test_first_places_are_for_all() -> None:
    places = Places(17)
    taken = {owner: sum(places.take(owner) for _ in range(17)) for owner in "abc"}
    assert taken == {"a": 9, "b": 4, "c": 2}
    assert (places.taken, places.take("d")) == (15, True)
    for _ in range(9):
        places.leave("a")
    assert places.take("b")


def test_nobody_waits_behind_all_of_anothers() -> None:
    pool, done = Pool(make_misbehaving, 1, 8), list[str]()
    pool.start()
    try:
        worker = next(iter(pool._workers))
        os.kill(worker._process.pid or 0, signal.SIGSTOP)
        answers = []
        for owner in ["crowd"] * 5 + ["one"]:
            answer = pool.ask(owner, {"do": "reverse"}, b"abc", time.monotonic() + 30)
            answer.add_done_callback(lambda _, owner=owner: done.append(owner))  # type: ignore[misc]
            answers.append(answer)
        os.kill(worker._process.pid or 0, signal.SIGCONT)
        assert [answer.result(30) for answer in answers] == [b"cba"] * 6
        wait(lambda: len(done) == 6)
    finally:
        pool.close()
    assert "one" in done[:3]
