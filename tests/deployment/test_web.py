"""Both clients make the same of the same files, and a service serves the page to everybody."""

from __future__ import annotations

import json
import re
import warnings
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from sklearn.datasets import load_iris
from typer.testing import CliRunner

from cml_sklearn.deployment import save_model, web
from cml_sklearn.deployment.command_line import app as command
from cml_sklearn.deployment.limits import Limits
from cml_sklearn.deployment.service import make_app
from cml_sklearn.deployment.tokens import Tokens
from cml_sklearn.deployment.web import add_pages
from cml_sklearn.exceptions import InvalidInputError
from cml_sklearn.linear_model import Ridge
from cml_sklearn.quantization.postprocessing import ClientStep, Sparse
from tests.deployment.web_vectors import DATA, NAMES, STEPS, step_vectors, vectors

with warnings.catch_warnings():
    # it would like another package better than httpx
    warnings.simplefilter("ignore")
    from fastapi.testclient import TestClient

FOLDER = Path(web.__file__).with_name("web")


@pytest.mark.parametrize("name", NAMES)
def test_vectors_hold(name: str) -> None:
    # web/test/vectors.test.js holds the client in JavaScript to the same
    wanted = json.loads((DATA / f"{name}.json").read_text())
    found = json.loads(json.dumps(vectors(name)))
    assert found.keys() == wanted.keys()
    for key, value in wanted.items():
        if key in ("features", "scores", "methods"):
            assert_near(found[key], value)
        else:
            assert found[key] == value, key


def test_vectors_of_steps_hold() -> None:
    wanted = json.loads((DATA / "steps.json").read_text())
    assert_near(json.loads(json.dumps(step_vectors())), wanted)
    tried = {type(step) for step, _ in STEPS}
    assert tried == set(ClientStep.__subclasses__()) - {Sparse}


def assert_near(found: Any, wanted: Any) -> None:
    """Equal but for rounding, which differs between machines."""
    if isinstance(wanted, dict):
        assert found.keys() == wanted.keys()
        for key in wanted:
            assert_near(found[key], wanted[key])
    elif isinstance(wanted, list):
        assert len(found) == len(wanted)
        for pair in zip(found, wanted, strict=True):
            assert_near(*pair)
    elif isinstance(wanted, float):
        assert found == pytest.approx(wanted, rel=1e-12, abs=1e-12)
    else:
        assert found == wanted


@pytest.fixture(scope="module")
def archives(tmp_path_factory: pytest.TempPathFactory) -> Path:
    X, y = load_iris(return_X_y=True)
    folder = tmp_path_factory.mktemp("models")
    for name, n_bits in (("iris", 3), ("other", 4)):
        save_model(Ridge(n_bits=n_bits).fit(X, y), folder / name, engine="seal")
    return folder


@pytest.fixture
def built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pretend that `make web` was run, which takes npm."""
    monkeypatch.setattr(web, "_BUILT", tmp_path)


def app_with(archives: Path, folder: Path, *clients: str) -> FastAPI:
    servers = {"iris": archives / "iris" / "server.zip"}
    tokens = Tokens(folder / "tokens.json")
    tokens.create("somebody")
    app = make_app(servers, folder / "keys", tokens.path, Limits())
    add_pages(app, [archives / name for name in clients], servers)
    return app


@pytest.mark.usefixtures("built")
def test_the_page_needs_no_token_and_all_else_does(archives: Path, tmp_path: Path) -> None:
    http = TestClient(app_with(archives, tmp_path, "iris/client.zip"))
    page = http.get("/")
    assert str(page.url).endswith("/web/")
    assert page.headers["Content-Type"].startswith("text/html")
    (model,) = http.get("/web/models.json").json()
    assert model["name"] == "iris"
    archive = http.get(f"/web/{model['file']}")
    assert archive.content == (archives / "iris" / "client.zip").read_bytes()
    assert http.get("/v2").status_code == 401
    for path in ("/web/../service.py", "/web/%2e%2e/service.py", "/web/nothing", "/web/vendor"):
        assert http.get(path).status_code == 401
    assert http.post("/web/").status_code == 401


@pytest.mark.usefixtures("built")
def test_a_page_takes_nothing_from_elsewhere(archives: Path, tmp_path: Path) -> None:
    http = TestClient(app_with(archives, tmp_path, "iris/client.zip"))
    paths = [p for p in FOLDER.rglob("*.*") if "vendor" not in p.parts and p.is_file()]
    assert len(paths) > 20
    for path in paths:
        response = http.get(f"/web/{path.relative_to(FOLDER).as_posix()}")
        assert response.status_code == 200
        assert response.content == path.read_bytes()
        policy = response.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe-inline" not in policy
        assert "'unsafe-eval'" not in policy
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        links = re.findall(r"https?://[\w.]+[^\s\"'`<>)]*", path.read_text())
        assert set(links) <= {"http://www.w3.org/2000/svg"}
        again = http.get(response.url.path, headers={"If-None-Match": response.headers["ETag"]})
        assert (again.status_code, again.content) == (304, b"")


@pytest.mark.usefixtures("built")
def test_a_client_of_another_model_is_refused(archives: Path, tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="which is not served"):
        app_with(archives, tmp_path, "other/client.zip")
    with pytest.raises(InvalidInputError, match="server half"):
        app_with(archives, tmp_path, "iris/server.zip")


def test_the_command_says_what_is_missing(
    archives: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(web, "_BUILT", tmp_path / "nothing")
    Tokens(tmp_path / "tokens.json").create("somebody")
    files = [archives / "iris" / "server.zip", "--web", archives / "iris" / "client.zip"]
    stores = ["--store", tmp_path / "keys", "--tokens", tmp_path / "tokens.json"]
    result = CliRunner().invoke(command, ["serve", *map(str, [*files, *stores])])
    assert result.exit_code == 1
    assert "run `make web`" in result.output
