"""A service answers as the model does, keeps apart what is whose, and survives what comes."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import socket
import time
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import httpx
import numpy as np
import pytest
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.datasets import load_iris

from cml_sklearn.deployment import FheClient, save_model
from cml_sklearn.deployment.inference import LENGTH_HEADER, read_answer, write_request
from cml_sklearn.deployment.keystore import KeyStore
from cml_sklearn.deployment.limits import Limits
from cml_sklearn.deployment.messages import read_messages
from cml_sklearn.deployment.pool import Handler, Pool, WorkerError
from cml_sklearn.deployment.refusals import RefusedError
from cml_sklearn.deployment.remote import RemoteModel, UnreachableError
from cml_sklearn.deployment.service import make_app
from cml_sklearn.deployment.tokens import Tokens
from cml_sklearn.ensemble import RandomForestClassifier
from cml_sklearn.exceptions import InvalidInputError
from cml_sklearn.linear_model import LogisticRegression
from tests.deployment.handlers import die, make_misbehaving, make_nothing
from tests.deployment.live import Live, wait

with warnings.catch_warnings():
    # it would like another package better than httpx
    warnings.simplefilter("ignore")
    from fastapi.testclient import TestClient

pytestmark = pytest.mark.fhe

X, Y = load_iris(return_X_y=True)
MODELS = {
    "logistic": LogisticRegression(n_bits=6, max_iter=1000).fit(X, Y),
    "forest": RandomForestClassifier(n_estimators=3, max_depth=2, n_bits=3, random_state=0).fit(
        X, Y
    ),
}
LIMITS = Limits(body_bytes=2**20, key_bytes=2**20, quota_bytes=2**20)


@pytest.fixture(scope="module")
def archives(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    for name, model in MODELS.items():
        save_model(model, folder / name)
    return folder


@pytest.fixture(scope="module")
def client(archives: Path) -> FheClient:
    half = FheClient(archives / "logistic" / "client.zip")
    half.generate_keys()
    return half


@pytest.fixture(scope="module")
def live(archives: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    files = [archives / name / "server.zip" for name in MODELS]
    limits = {"waiting": 2, "seconds": 12, "idle_seconds": 1, "quota_megabytes": 8}
    service = Live(tmp_path_factory.mktemp("live"), *files, **limits)
    yield service
    assert service.stop() == 0


class Near:
    """An app in this process, and a token for it."""

    def __init__(self, archives: Path, folder: Path, limits: Limits = LIMITS) -> None:
        self.tokens = Tokens(folder / "tokens.json")
        self.token, self.other = self.tokens.create("a"), self.tokens.create("b")
        models = {name: archives / name / "server.zip" for name in MODELS}
        self.app: FastAPI = make_app(models, folder / "keys", self.tokens.path, limits)
        self.http = TestClient(self.app, headers=bearer(self.token), raise_server_exceptions=False)

    def put(self, keys: bytes, token: str | None = None, **headers: str) -> httpx.Response:
        name = hashlib.sha256(keys).hexdigest()
        return self.http.put(
            f"/keys/{name}", content=keys, headers=headers | (bearer(token) if token else {})
        )


@pytest.fixture
def near(archives: Path, tmp_path: Path) -> Near:
    """Without workers, which start with the lifespan only."""
    return Near(archives, tmp_path)


@pytest.fixture(scope="module")
def working(archives: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Near]:
    service = Near(archives, tmp_path_factory.mktemp("near"))
    with service.http:
        yield service


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


# over a network, from process to process


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("method", ["predict", "predict_proba"])
def test_answers_are_the_estimators(live: Live, archives: Path, name: str, method: str) -> None:
    half = FheClient(archives / name / "client.zip")
    with RemoteModel(live.url, half, live.token) as model:
        answer = getattr(model, method)(X, progress=False)
        assert model.name == name
        model.delete_keys()
    np.testing.assert_array_equal(answer, getattr(MODELS[name], method)(X))


def test_a_killed_worker_takes_one_request(live: Live, client: FheClient) -> None:
    payload, worker, restarts = client.encrypt(X[:2]), live.worker, live.metric("cml_worker_res")
    with RemoteModel(live.url, client, live.token) as model, ThreadPoolExecutor() as threads:
        keys = model.upload_keys()
        os.kill(worker, signal.SIGSTOP)
        with live.http() as http:
            path, headers = "/v2/models/logistic/infer", {"CML-Keys": keys}
            lost = threads.submit(http.post, path, content=payload, headers=headers)
            wait(lambda: live.metric("cml_requests_running") == 1)
            os.kill(worker, signal.SIGKILL)
            assert lost.result().status_code == 503
            assert "ended; try again" in lost.result().json()["error"]
        again = threads.submit(model.predict, X, progress=False)
        np.testing.assert_array_equal(again.result(), MODELS["logistic"].predict(X))
    assert live.metric("cml_worker_restarts") == restarts + 1
    assert live.wait_for("worker lost")["status"] == -signal.SIGKILL


def test_requests_of_a_killed_worker_are_sent_again(live: Live, client: FheClient) -> None:
    with RemoteModel(live.url, client, live.token) as model, ThreadPoolExecutor() as threads:
        worker = live.worker
        os.kill(worker, signal.SIGSTOP)
        answer = threads.submit(model.predict, X, progress=False)
        wait(lambda: live.metric("cml_requests_running") == 1)
        os.kill(worker, signal.SIGKILL)
        np.testing.assert_array_equal(answer.result(), MODELS["logistic"].predict(X))


def test_a_full_queue_and_the_time_limit(live: Live, client: FheClient) -> None:
    payload = client.encrypt(X[:2])
    with RemoteModel(live.url, client, live.token) as model, ThreadPoolExecutor() as threads:
        headers = {"CML-Keys": model.upload_keys()}
        os.kill(live.worker, signal.SIGSTOP)
        with live.http() as http:

            def send() -> httpx.Response:
                return http.post("/v2/models/logistic/infer", content=payload, headers=headers)

            waiting = [threads.submit(send) for _ in range(2)]
            wait(lambda: live.metric("cml_requests_taken") == 2)
            refused = send()  # one place is left, which is for another token
            assert refused.status_code == 429
            assert refused.headers["Retry-After"] == "1"
            for future in waiting:
                assert future.result().status_code == 504
                assert "send fewer samples" in future.result().json()["error"]
        np.testing.assert_array_equal(
            model.predict(X, progress=False), MODELS["logistic"].predict(X)
        )


class Flaky(httpx.HTTPTransport):
    """Loses every other answer."""

    count = 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.count += 1
        response = super().handle_request(request)
        if self.count % 2:
            response.close()
            raise httpx.ReadError("the line broke", request=request)
        return response


def test_broken_lines_lose_nothing(
    live: Live, archives: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cml_sklearn.deployment.remote._PIECE", 30_000)
    half = FheClient(archives / "logistic" / "client.zip")
    http = httpx.Client(transport=Flaky())
    with RemoteModel(live.url, half, live.token, http=http) as model:
        answer = model.predict(X, progress=False)
    np.testing.assert_array_equal(answer, MODELS["logistic"].predict(X))


def test_eight_clients_at_once(live: Live, archives: Path, client: FheClient) -> None:
    def work(number: int) -> bool:
        name = list(MODELS)[number % 2]
        half = FheClient(archives / name / "client.zip")
        with RemoteModel(live.url, half, live.tokens.create(str(number)), retries=30) as model:
            answers = [model.predict(X, progress=False) for _ in range(2)]
        return all((answer == MODELS[name].predict(X)).all() for answer in answers)

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(work, range(8)))


def test_a_slow_upload_is_ended_and_goes_on(live: Live, client: FheClient) -> None:
    keys = client.evaluation_keys()
    name, address = sha256(keys + b"slow"), urlsplit(live.url)
    head = (
        f"PUT /keys/{name} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {live.token}\r\n"
        f"Content-Length: {len(keys) + 4}\r\n\r\n"
    )
    with socket.create_connection((address.hostname, address.port), timeout=30) as line:
        line.sendall(head.encode() + keys[:1000])
        assert b" 408 " in line.recv(1000).split(b"\r\n")[0]
    with live.http() as http:
        assert http.head(f"/keys/{name}").headers["Upload-Offset"] == "1000"
        span = {"Content-Range": f"bytes 1000-{len(keys) + 3}/{len(keys) + 4}"}
        rest = http.put(f"/keys/{name}", content=keys[1000:] + b"slow", headers=span)
        assert rest.status_code == 201
        assert http.delete(f"/keys/{name}").status_code == 204


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_uploads_go_on_after_a_restart(
    archives: Path, client: FheClient, tmp_path: Path, number: int
) -> None:
    service = Live(tmp_path, archives / "logistic" / "server.zip")
    keys = client.evaluation_keys()
    with service.http() as http:
        span = {"Content-Range": f"bytes 0-99999/{len(keys)}"}
        half = http.put(f"/keys/{sha256(keys)}", content=keys[:100_000], headers=span)
        assert (half.status_code, half.headers["Upload-Offset"]) == (202, "100000")
    assert service.stop(number) == (0 if number == signal.SIGTERM else -number)
    service.start()
    with RemoteModel(service.url, client, service.token) as model:
        labels = model.predict(X, progress=False)
        np.testing.assert_array_equal(labels, MODELS["logistic"].predict(X))
    put = next(line for line in service.lines if line.get("method") == "PUT")
    assert put["received"] == len(keys) - 100_000
    assert service.stop() == 0


def test_running_requests_are_finished_before_the_end(
    archives: Path, client: FheClient, tmp_path: Path
) -> None:
    service = Live(tmp_path, archives / "logistic" / "server.zip")
    with RemoteModel(service.url, client, service.token) as model, ThreadPoolExecutor() as threads:
        model.upload_keys()
        assert model.name == "logistic"
        os.kill(service.worker, signal.SIGSTOP)
        answer = threads.submit(model.predict, X, progress=False)
        wait(lambda: service.metric("cml_requests_running") == 1)
        service.process.send_signal(signal.SIGTERM)
        service.wait_for("Waiting for connections to close")
        os.kill(service.worker, signal.SIGCONT)
        np.testing.assert_array_equal(answer.result(), MODELS["logistic"].predict(X))
        assert service.stop() == 0
    with (
        RemoteModel(service.url, client, service.token, retries=1) as model,
        pytest.raises(UnreachableError, match="is the URL right"),
    ):
        model.predict(X, progress=False)


def test_no_secret_is_in_the_store_or_the_log(live: Live, client: FheClient) -> None:
    with RemoteModel(live.url, client, live.token) as model:
        model.predict(X[:3], progress=False)
    kept = [path for path in live.folder.rglob("*") if path.is_file()]
    assert any(path.parent.parent.name == "keys" for path in kept)
    content = b"".join(path.read_bytes() for path in kept) + json.dumps(live.lines).encode()
    secret = b"".join(half.secret[0] for half in client._clients)
    pieces = [secret[i : i + 16] for i in range(64, len(secret) - 16, 512)]
    assert pieces
    assert not any(piece in content for piece in pieces)
    assert live.token.encode() not in content
    assert live.token.split("_", 2)[2].encode() not in content
    assert all(path.stat().st_mode & 0o077 == 0 for path in kept)


# the protocol


def test_health_needs_no_token_and_all_else_does(near: Near) -> None:
    for path in ("/v2/health/live", "/v2/health/ready"):
        assert near.http.get(path, headers={"Authorization": ""}).status_code in (200, 503)
    paths = ["/v2", "/metrics", "/openapi.json", "/nothing", "/v2/models/logistic"]
    wrong = [near.token[:-1], near.token + "x", "", "cml_x_y", "é", near.token.replace("cml", "x")]
    for path in paths:
        for token in wrong:
            headers = {"Authorization": f"Bearer {token}".encode()}
            answer = near.http.get(path, headers=headers)
            assert answer.status_code == 401
            assert answer.headers["WWW-Authenticate"] == "Bearer"
    basic = near.http.get("/v2", headers={"Authorization": f"Basic {near.token}"})
    assert basic.status_code == 401


def test_tokens_can_be_revoked_and_run_out(near: Near) -> None:
    assert near.http.get("/v2", headers=bearer(near.other)).status_code == 200
    near.tokens.revoke(near.other.split("_")[1])
    assert near.http.get("/v2", headers=bearer(near.other)).status_code == 401
    late = near.tokens.create(days=-1)
    assert near.http.get("/v2", headers=bearer(late)).status_code == 401
    with pytest.raises(InvalidInputError, match="has no token nobody"):
        near.tokens.revoke("nobody")
    assert near.token not in near.tokens.path.read_text()
    near.tokens.path.write_text("{}")
    assert near.http.get("/v2").status_code == 503


def test_metadata(near: Near, client: FheClient) -> None:
    assert near.http.get("/v2").json()["extensions"] == ["binary_tensor_data", "model_repository"]
    about = near.http.get("/v2/models/logistic").json()
    assert about["versions"] == [client.card.digest]
    assert about["inputs"] == [{"name": "ciphertexts", "datatype": "BYTES", "shape": [1]}]
    index = near.http.post("/v2/repository/index").json()
    assert [model["name"] for model in index] == list(MODELS)
    for path in ("/v2/models/other", "/v2/models/other/ready", "/nowhere"):
        assert near.http.get(path).status_code == 404
    assert near.http.get("/v2/models/logistic/ready").status_code == 503
    assert near.http.put("/v2/models/logistic/infer").status_code == 405
    assert near.http.post(f"/keys/{'0' * 64}").headers["Allow"] == "DELETE, HEAD, PUT"
    early = near.http.post("/v2/models/logistic/infer", content=b"x")
    assert (early.status_code, early.headers["Retry-After"]) == (503, "2")


def test_inference_by_the_open_protocol(working: Near, client: FheClient) -> None:
    keys, payload = client.evaluation_keys(), client.encrypt(X)
    assert working.put(keys).status_code == 201
    body, length = write_request(payload, sha256(keys))
    assert working.http.get("/v2/models/logistic/ready").json()["ready"]
    answer = working.http.post(
        "/v2/models/logistic/infer", content=body, headers={LENGTH_HEADER: str(length)}
    )
    content = read_answer(answer.content, answer.headers[LENGTH_HEADER])
    np.testing.assert_array_equal(client.decrypt(content), MODELS["logistic"].predict(X))


def head(**changes: object) -> dict[str, object]:
    size = {"binary_data_size": 5}
    tensor = {"name": "ciphertexts", "shape": [1], "datatype": "BYTES", "parameters": size}
    parameters = {"keys": "0" * 64}
    return {"parameters": parameters, "inputs": [tensor | changes.pop("tensor", {})]} | changes  # type: ignore[operator]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"{", "begin with a JSON text"),
        (b"[" * 5000, "begin with a JSON text"),
        (b"[]", "must be an object"),
        (head(inputs=[]), "one tensor of the name"),
        (head(inputs=3), "one tensor of the name"),
        (head(tensor={"name": "x"}), "one tensor of the name"),
        (head(tensor={"datatype": "FP32"}), "type BYTES and shape"),
        (head(tensor={"shape": [2]}), "type BYTES and shape"),
        (head(tensor={"parameters": None}), "as binary data"),
        (head(tensor={"parameters": {"binary_data_size": 6}}), "as binary data"),
        (head(id=3), "must be texts"),
        (head(parameters={"keys": ["x"]}), "must be texts"),
        (head(parameters=None), "Name the keys by their SHA-256"),
        (head(parameters={"keys": "x"}), "named by their SHA-256"),
    ],
)
def test_malformed_requests_are_refused(working: Near, text: Any, message: str) -> None:
    start = text if isinstance(text, bytes) else json.dumps(text).encode()
    answer = working.http.post(
        "/v2/models/logistic/infer",
        content=start + b"\x01\0\0\0x",
        headers={LENGTH_HEADER: str(len(start))},
    )
    assert answer.status_code == 400
    assert message in answer.json()["error"]


@pytest.mark.parametrize("length", ["-1", "x", "9" * 40, "1000000"])
def test_lengths_that_lie_are_refused(working: Near, length: str) -> None:
    headers = {LENGTH_HEADER: length}
    answer = working.http.post("/v2/models/logistic/infer", content=b"{}", headers=headers)
    assert answer.status_code == 400
    assert "is not the length" in answer.json()["error"]


def test_bad_ciphertexts_and_keys_are_refused_in_words(working: Near, client: FheClient) -> None:
    payload, path = client.encrypt(X[:2]), "/v2/models/logistic/infer"
    (batch,) = read_messages(payload)
    working.put(client.evaluation_keys())
    working.put(b"no keys at all")
    good, bad = sha256(client.evaluation_keys()), sha256(b"no keys at all")
    for content, keys, status, message in (
        (payload, bad, 400, "no message"),
        (payload[:-9], good, 400, "ends early"),
        (b"", good, 400, "payload is empty"),
        (replace(batch, target="\ud800").write(), good, 400, "is for the model"),
        (payload, "0" * 64, 404, "no such keys"),
        (bytes(2**20 + 1), good, 413, "more than 1,048,576 bytes"),
    ):
        answer = working.http.post(path, content=content, headers={"CML-Keys": keys})
        assert answer.status_code == status
        assert message in answer.json()["error"]
    chunked = working.http.post(path, content=iter([bytes(2**20), b"x"]))
    assert chunked.status_code == 413
    other = working.http.post(
        "/v2/models/forest/infer", content=payload, headers={"CML-Keys": good}
    )
    assert "The batch is for the model" in other.json()["error"]


def test_a_failure_has_a_logged_reason(
    working: Near, client: FheClient, caplog: pytest.LogCaptureFixture
) -> None:
    """The store's file is there, but can't be read."""
    keys = client.evaluation_keys() + client.evaluation_keys()
    working.put(keys)
    owner = working.token.split("_")[1]
    path = working.tokens.path.parent / "keys" / owner / sha256(keys)
    path.write_bytes(keys[:-1] + b"x")
    headers = {"CML-Keys": path.name}
    post = working.http.post("/v2/models/logistic/infer", content=b"x", headers=headers)
    assert "damaged on the service's disk" in post.json()["error"]
    with caplog.at_level("ERROR", "cml_sklearn.service"):
        pool_of(working.app).ask = failing  # type: ignore[assignment, method-assign]
        try:
            post = working.http.post("/v2/models/logistic/infer", content=b"x", headers=headers)
        finally:
            del pool_of(working.app).ask
    assert post.status_code == 500
    assert "ZeroDivisionError: why" in caplog.records[-1].fields["reason"]  # type: ignore[attr-defined]


def failing(*_: object) -> None:
    raise ZeroDivisionError("why")


def pool_of(app: FastAPI) -> Pool:
    pool = app.state.pool
    assert isinstance(pool, Pool)
    return pool


# keys


def test_keys_belong_to_their_token(working: Near, client: FheClient) -> None:
    keys, name = client.evaluation_keys(), sha256(client.evaluation_keys())
    assert working.put(keys).status_code in (200, 201)
    other = bearer(working.other)
    assert working.http.head(f"/keys/{name}").headers["Upload-Complete"] == "?1"
    assert working.http.head(f"/keys/{name}", headers=other).status_code == 404
    assert working.http.delete(f"/keys/{name}", headers=other).status_code == 404
    sent = client.encrypt(X[:2])
    answer = working.http.post(
        "/v2/models/logistic/infer", content=sent, headers={"CML-Keys": name, **other}
    )
    assert answer.status_code == 404
    assert working.http.delete(f"/keys/{name}").status_code == 204
    assert working.http.head(f"/keys/{name}").status_code == 404


def test_keys_come_in_pieces(near: Near) -> None:
    keys = np.random.default_rng(0).bytes(10_000)
    path = f"/keys/{sha256(keys)}"

    def put(start: int, stop: int, total: int = len(keys)) -> httpx.Response:
        span = {"Content-Range": f"bytes {start}-{stop - 1}/{total}"}
        return near.http.put(path, content=keys[start:stop], headers=span)

    assert near.http.head(path).status_code == 404
    assert put(0, 4000).status_code == 202
    assert near.http.head(path).headers["Upload-Complete"] == "?0"
    gap = put(5000, 6000)
    assert (gap.status_code, gap.headers["Upload-Offset"]) == (409, "4000")
    assert put(4000, 6000, 20_000).status_code == 409
    assert put(4000, 6000).headers["Upload-Offset"] == "6000"
    assert put(6000, 10_000).status_code == 201
    assert put(0, 10).status_code == 200
    assert near.http.head(path).headers["Upload-Length"] == "10000"


def test_damaged_keys_are_forgotten(near: Near) -> None:
    path = f"/keys/{sha256(b'right')}"
    answer = near.http.put(path, content=b"wrong")
    assert answer.status_code == 400
    assert "was damaged" in answer.json()["error"]
    assert near.http.head(path).status_code == 404
    assert near.http.put(path, content=b"right").status_code == 201


def test_sizes_and_quota(near: Near) -> None:
    assert near.put(bytes(2**20 + 1)).status_code == 413
    assert near.put(bytes(700_000)).status_code == 201
    full = near.put(bytes(400_000))
    assert full.status_code == 507
    assert "take 700,000 of 1,048,576 bytes" in full.json()["error"]
    assert near.put(bytes(400_000), near.other).status_code == 201
    assert near.http.delete(f"/keys/{sha256(bytes(700_000))}").status_code == 204
    assert near.put(bytes(400_000)).status_code == 201


@pytest.mark.parametrize(
    ("span", "message"),
    [
        ("bytes 5-3/10", "give such as bytes"),
        ("bytes 0-10/10", "give such as bytes"),
        ("bytes 0-9/*", "give such as bytes"),
        ("items", "give such as bytes"),
        ("bytes 0-0/1", "More than the announced 1 bytes"),
        (f"bytes 0-1/{'9' * 30}", "give such as bytes"),
        (f"bytes 0-1/{'9' * 15}", "this service takes"),
    ],
)
def test_bad_ranges_are_refused(near: Near, span: str, message: str) -> None:
    answer = near.put(b"several bytes", **{"Content-Range": span})
    assert answer.status_code in (400, 413)
    assert message in answer.json()["error"]


def test_names_of_keys_lead_nowhere(near: Near) -> None:
    for name in ("..", "%2e%2e%2fx", "0" * 63, "A" * 64, "0" * 64 + "%00", "0" * 64 + "%0a"):
        assert near.http.put(f"/keys/{name}", content=b"x").status_code in (400, 404, 405)
    assert near.http.put(f"/keys/{'0' * 64}", content=b"").status_code == 400
    chunked = near.http.put(f"/keys/{'0' * 64}", content=iter([b"x"]))
    assert chunked.status_code == 411


def test_keys_expire(tmp_path: Path) -> None:
    store = KeyStore(tmp_path, key_bytes=1000, quota_bytes=10_000, days=10, part_days=1)
    whole, part = sha256(b"whole"), sha256(b"part")
    for name, content in ((whole, b"whole"), (part, b"pa")):
        upload = store.start("me", name, 0, len(content) if name == whole else 4)
        upload.write(content)
        assert upload.close().complete == (name == whole)
    aged(tmp_path, 2)
    assert store.progress("me", part) is None
    assert store.find("me", whole) is not None
    aged(tmp_path, 9)
    assert store.find("me", whole) is not None
    assert store.used("me") == 4096
    aged(tmp_path, 11)
    assert store.find("me", whole) is None
    assert store.sweep() == 2
    assert not list(tmp_path.glob("*/*"))


def aged(folder: Path, days: float) -> None:
    then = time.time() - days * 86_400
    for path in folder.glob("*/*"):
        os.utime(path, (then, then))


def test_the_newest_upload_wins(tmp_path: Path) -> None:
    store = KeyStore(tmp_path, key_bytes=1000, quota_bytes=10_000, days=1)
    name = sha256(b"abcd")
    first = store.start("me", name, 0, 4)
    first.write(b"ab")
    second = store.start("me", name, 2, 4)
    with pytest.raises(RefusedError, match="another connection"):
        first.write(b"cd")
    second.write(b"cd")
    assert second.close().complete
    first.close()
    found = store.find("me", name)
    assert found is not None
    assert found.read_bytes() == b"abcd"


# workers


def asked(pool: Pool, do: str, seconds: float = 30) -> bytes:
    return pool.ask("me", {"do": do}, b"abc", time.monotonic() + seconds).result(60)


def test_a_pool_outlives_its_workers() -> None:
    pool = Pool(make_misbehaving, 1, 1)
    with pytest.raises(RefusedError, match="not ready"), pool.place("me"):
        pass
    pool.start()
    try:
        assert asked(pool, "reverse") == b"cba"
        with pytest.raises(InvalidInputError, match="not"):
            asked(pool, "refuse")
        with pytest.raises(WorkerError, match=r"ZeroDivisionError: by zero at .*misbehave"):
            asked(pool, "fail")
        assert pool.restarts == 0
        with pytest.raises(RefusedError, match="ended; try again"):
            asked(pool, "abort")
        with pytest.raises(RefusedError, match="too long"):
            asked(pool, "reverse", seconds=-1)
        assert asked(pool, "reverse") == b"cba"
        with pytest.raises(RefusedError, match="too long"):
            asked(pool, "sleep", seconds=0.3)
        assert asked(pool, "reverse") == b"cba"
        with pool.place("me"):
            with pytest.raises(RefusedError, match="is for others; try later"):
                pool.place("me").__enter__()
            with pool.place("you"), pytest.raises(RefusedError, match="2 of 2 places"):
                pool.place("her").__enter__()
        assert pool.taken == 0
    finally:
        pool.close()


@pytest.mark.parametrize(("make", "message"), [(make_nothing, "no model"), (die, "before it was")])
def test_workers_that_can_not_start(make: Callable[[], Handler], message: str) -> None:
    with pytest.raises(WorkerError, match=message):
        Pool(make, 1, 1).start()


# what comes from outside


def test_fuzzed_requests_do_no_harm(working: Near, client: FheClient) -> None:
    rng, keys, payload = np.random.default_rng(0), client.evaluation_keys(), client.encrypt(X[:2])
    working.put(keys)
    body, length = write_request(payload, sha256(keys))
    infer = "/v2/models/logistic/infer"
    requests: list[tuple[str, str, bytes, dict[str, str]]] = [
        ("POST", infer, payload, {"CML-Keys": sha256(keys)}),
        ("POST", infer, body, {LENGTH_HEADER: str(length)}),
        ("PUT", f"/keys/{sha256(body)}", body, {"Content-Range": f"bytes 0-99/{len(body)}"}),
        ("GET", "/v2/models/logistic", b"", {"Accept": "*/*"}),
    ]
    for number in range(500):
        method, path, content, headers = requests[number % 4]
        name, value = next(iter(headers.items()))
        if rng.random() < 0.7:
            content = mutated(content, rng)
        if rng.random() < 0.2:
            headers = {name: mutated(value.encode(), rng).decode("latin-1")}
        if rng.random() < 0.1:
            path = "/" + quote(mutated(path.encode(), rng)[1:])
        answer = working.http.request(
            method,
            path,
            content=content,
            headers={k: v.encode() for k, v in headers.items()},
        )
        assert answer.status_code != 500, (number, path, headers, answer.text)
        assert answer.status_code < 500 or answer.status_code in (503, 507)
    assert pool_of(working.app).taken == 0


def mutated(content: bytes, rng: np.random.Generator) -> bytes:
    """Flip bits, most of them near the start, cut or repeat."""
    changed = bytearray(content or b"x")
    for _ in range(int(rng.integers(1, 4))):
        place = int(rng.integers(len(changed) if rng.random() < 0.3 else min(len(changed), 400)))
        changed[place] ^= 1 << int(rng.integers(8))
    if rng.random() < 0.2:
        changed = changed[: int(rng.integers(len(changed)))]
    return bytes(changed * (2 if rng.random() < 0.1 else 1))


def operations(app: FastAPI) -> list[tuple[str, str, dict[str, Any]]]:
    paths: dict[str, dict[str, Any]] = app.openapi()["paths"]
    return [(path, method, how) for path, all_ in paths.items() for method, how in all_.items()]


@settings(
    max_examples=100,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(data=st.data())
def test_answers_are_as_documented(working: Near, data: st.DataObject) -> None:
    """Every operation of the OpenAPI page, with parameters and bodies of any kind."""
    path, method, how = data.draw(st.sampled_from(operations(working.app)))
    headers = {}
    for parameter in how.get("parameters", ()):
        name, schema = parameter["name"], parameter["schema"]
        pattern = schema.get("pattern")
        fitting = st.from_regex(pattern, fullmatch=True) if pattern else st.text()
        value = data.draw(st.one_of(fitting, st.text(), st.sampled_from(list(MODELS))))
        if parameter["in"] == "path":
            path = path.replace(f"{{{name}}}", quote(value, safe="") or "x")
        elif data.draw(st.booleans()):
            headers[name] = value.encode()
    content = data.draw(st.binary(max_size=300))
    answer = working.http.request(method, path, content=content, headers=headers)
    documented = how["responses"]
    assert answer.status_code < 500 or answer.status_code in (503, 507)
    assert str(answer.status_code) in documented or "default" in documented
    if answer.status_code >= 400 and method != "head":
        assert set(answer.json()) == {"error"}


def test_what_can_not_be_served_is_refused(archives: Path, tmp_path: Path) -> None:
    tokens, server = tmp_path / "tokens.json", archives / "logistic" / "server.zip"
    with pytest.raises(InvalidInputError, match="make one by `cml-sklearn token`"):
        make_app({"a": server}, tmp_path / "keys", tokens, LIMITS)
    Tokens(tokens).create()
    for models, message in (
        ({}, "There are no models"),
        ({"../x": server}, "can't have the name"),
        ({"a": archives / "logistic" / "client.zip"}, "client half"),
    ):
        with pytest.raises(InvalidInputError, match=message):
            make_app(models, tmp_path / "keys", tokens, LIMITS)


# the client's side


def remote(near: Near, half: FheClient, token: str | None = None, **how: Any) -> RemoteModel:
    return RemoteModel("http://testserver", half, token or near.token, http=near.http, **how)


def test_the_clients_side_says_what_is_wrong(
    working: Near, client: FheClient, archives: Path, tmp_path: Path
) -> None:
    with pytest.raises(RefusedError, match="does not know the token"):
        remote(working, client, "cml_no_token").upload_keys()
    with pytest.raises(RefusedError, match="no model elsewhere"):
        remote(working, client, name="elsewhere").predict(X[:2], progress=False)
    with pytest.raises(InvalidInputError, match="is for the model"):
        remote(working, client, name="forest").predict(X[:2], progress=False)
    with pytest.raises(InvalidInputError, match="give such as https"):
        RemoteModel("fhe.example", client, "")
    save_model(LogisticRegression(n_bits=3, max_iter=1000).fit(X, Y), tmp_path)
    stranger = FheClient(tmp_path / "client.zip")
    with pytest.raises(InvalidInputError, match=r"The service has logistic .* but not"):
        remote(working, stranger).predict(X[:2], progress=False)


def test_keys_that_expired_are_sent_again(working: Near, client: FheClient) -> None:
    model = remote(working, client)
    batches = model.compute_batches(np.repeat(X, 60, axis=0))
    first = next(batches)
    working.http.delete(f"/keys/{sha256(client.evaluation_keys())}")
    rest = list(batches)
    assert rest
    labels = np.concatenate([first, *rest])
    np.testing.assert_array_equal(labels, np.repeat(MODELS["logistic"].predict(X), 60))


@pytest.mark.parametrize(
    ("offset", "message"), [("0", "no more of the keys"), ("-1", "Upload-Offset is '-1'")]
)
def test_uploads_that_get_nowhere_end(
    client: FheClient, monkeypatch: pytest.MonkeyPatch, offset: str, message: str
) -> None:
    monkeypatch.setattr("cml_sklearn.deployment.remote.time.sleep", lambda _: None)
    index = [{"name": "it", "version": client.card.digest}]

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json=index, headers={"Upload-Offset": offset})

    http = httpx.Client(transport=httpx.MockTransport(answer))
    with pytest.raises(RefusedError, match=message):
        RemoteModel("http://x", client, "t", http=http).upload_keys()


def test_busy_services_are_asked_again(client: FheClient, monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    monkeypatch.setattr("cml_sklearn.deployment.remote.time.sleep", pauses.append)
    answers = iter([429, 503, None, 408, 200])

    def answer(request: httpx.Request) -> httpx.Response:
        status = next(answers)
        if status is None:
            raise httpx.ConnectError("refused", request=request)
        index = [{"name": "it", "version": client.card.digest}]
        return httpx.Response(status, json=index, headers={"Retry-After": "7"})

    http = httpx.Client(transport=httpx.MockTransport(answer))
    model = RemoteModel("http://x", client, "t", http=http)
    assert model.name == "it"
    assert len(pauses) == 4
    assert [pause >= 7 for pause in pauses] == [True, True, False, True]
    answers = iter([429] * 3)
    with pytest.raises(RefusedError):
        _ = RemoteModel("http://x", client, "t", http=http, retries=2).name
