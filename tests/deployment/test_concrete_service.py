"""Concrete's keys, of a hundred megabytes, over a service."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_iris

from cml_sklearn.deployment import FheClient, save_model
from cml_sklearn.deployment.limits import Limits, key_bytes_of, key_limits
from cml_sklearn.deployment.messages import read_messages
from cml_sklearn.deployment.refusals import RefusedError
from cml_sklearn.deployment.remote import RemoteModel
from cml_sklearn.tree import DecisionTreeRegressor
from tests.deployment.live import Live, wait

pytestmark = pytest.mark.fhe

X, Y = load_iris(return_X_y=True)
TREE = DecisionTreeRegressor(max_depth=2, n_bits=2, random_state=0).fit(X, Y)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("tree")
    save_model(TREE, place, engine="concrete")
    return place


@pytest.fixture(scope="module")
def client(folder: Path) -> FheClient:
    half = FheClient(folder / "client.zip")
    half.generate_keys()
    return half


@pytest.fixture(scope="module")
def live(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    service = Live(tmp_path_factory.mktemp("live"), folder / "server.zip", name="tree")
    yield service
    assert service.stop() == 0


def test_keys_have_room_and_answers_are_the_estimators(live: Live, client: FheClient) -> None:
    keys = client.evaluation_keys()
    assert (
        2**20 < len(keys) <= key_bytes_of(client.card) == live.wait_for("model served")["key_bytes"]
    )
    with RemoteModel(live.url, client, live.token) as model:
        np.testing.assert_array_equal(model.predict(X[:6], progress=False), TREE.predict(X[:6]))


def test_a_killed_worker_reads_them_again(live: Live, client: FheClient) -> None:
    with RemoteModel(live.url, client, live.token) as model, ThreadPoolExecutor() as threads:
        model.upload_keys()
        os.kill(live.worker, signal.SIGSTOP)
        answer = threads.submit(model.predict, X[:2], progress=False)
        wait(lambda: live.metric("cml_requests_running") == 1)
        os.kill(live.worker, signal.SIGKILL)
        np.testing.assert_array_equal(answer.result(), TREE.predict(X[:2]))


def test_forged_batches_are_refused_in_words(live: Live, client: FheClient) -> None:
    (batch,) = read_messages(client.encrypt(X[:1]))
    (part,) = batch.parts
    with RemoteModel(live.url, client, live.token) as model, live.http() as http:
        headers = {"CML-Keys": model.upload_keys()}
        for forged, message in (
            (replace(batch, n_samples=7), "takes batches of 1"),
            (replace(batch, parts=(part[: len(part) // 8 * 4],)), "as long as their head says"),
            # of these the library itself reads without end, and of those too far
            *(
                (replace(batch, parts=(part[:i] + b"\x01" + part[i + 1 :],)), "head says")
                for i in (6, 7)
            ),
            (replace(batch, parts=(part[:8] + bytes(8) + part[16:],)), ""),
            (replace(batch, parts=(part, part)), "takes 1"),
            (replace(batch, parts=()), "makes no sense"),
        ):
            path, content = "/v2/models/tree/infer", forged.write()
            answer = http.post(path, content=content, headers=headers)
            assert (answer.status_code, message in answer.text) == (400, True), answer.text
        np.testing.assert_array_equal(model.predict(X[:1], progress=False), TREE.predict(X[:1]))


def test_services_without_room_say_so(folder: Path, client: FheClient, tmp_path: Path) -> None:
    service = Live(tmp_path, folder / "server.zip", key_megabytes=20)
    warnings = service.wait_for("model served")["warnings"]
    assert warnings == ["keys may be larger than --key-megabytes takes"]
    with (
        RemoteModel(service.url, client, service.token) as model,
        pytest.raises(RefusedError, match="its operator can set --key-megabytes"),
    ):
        model.upload_keys()
    assert service.stop() == 0


def test_limits_follow_from_the_models(client: FheClient) -> None:
    card, size = client.card, key_bytes_of(client.card)
    large = replace(card, costs=({**card.costs[0], "key_bytes": 2 * 10**9},))
    assert key_limits(Limits(), [card]) == (size, 2**30)
    assert key_limits(Limits(), [card, large]) == (
        2 * 10**9 + 2**20,
        4 * (size + 2 * 10**9 + 2**20),
    )
    assert key_limits(Limits(key_bytes=5, quota_bytes=6), [card]) == (5, 6)
