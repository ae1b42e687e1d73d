"""MLflow loads a client's half, which asks a service: run where mlflow is installed."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from cml_sklearn.deployment import FheClient, save_model
from cml_sklearn.deployment import mlflow as flavour
from cml_sklearn.deployment.remote import RemoteModel
from cml_sklearn.exceptions import InvalidInputError
from cml_sklearn.linear_model import LogisticRegression
from tests.deployment.live import Live

pytestmark = [pytest.mark.fhe, pytest.mark.filterwarnings("ignore")]

PHRASE = "correct horse"
RNG = np.random.default_rng(0)
ROWS = pd.DataFrame({"age": RNG.normal(40, 9, 60), "zip": RNG.choice(["012", "340"], 60)})
COLUMNS = ColumnTransformer([("n", StandardScaler(), ["age"]), ("c", OneHotEncoder(), ["zip"])])
MODEL = make_pipeline(COLUMNS, LogisticRegression(n_bits=6)).fit(
    ROWS, np.where(ROWS["zip"] == "012", "yes", "no")
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("mlflow")
    save_model(MODEL, place)
    FheClient(place / "client.zip").save_keys(place / "keys", PHRASE)
    return place


@pytest.fixture
def live(folder: Path, tmp_path: Path, monkeypatch: Any) -> Iterator[Live]:
    service = Live(tmp_path, folder / "server.zip", name="people")
    monkeypatch.setenv("CML_TOKEN", service.token)
    monkeypatch.setenv("CML_PASSPHRASE", PHRASE)
    yield service
    service.stop()


def pyfunc() -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return pytest.importorskip("mlflow.pyfunc")


def test_mlflow_predicts_by_a_service(folder: Path, live: Live, tmp_path: Path) -> None:
    library = pyfunc()
    flavour.save_model(folder / "client.zip", tmp_path / "model", url="http://elsewhere")
    config = {"keys": str(folder / "keys"), "url": live.url}
    model = library.load_model(str(tmp_path / "model"), model_config=config)
    np.testing.assert_array_equal(model.predict(ROWS), MODEL.predict(ROWS))
    shares = model.predict(ROWS.assign(other=1), params={"method": "predict_proba"})
    np.testing.assert_array_equal(shares, MODEL.predict_proba(ROWS))
    client = FheClient(folder / "client.zip")
    client.load_keys(folder / "keys", PHRASE)
    name = sha256(client.evaluation_keys()).hexdigest()
    assert [path.name for path in live.folder.glob("keys/*/*")] == [name]
    with pytest.raises(Exception, match="zip"):
        model.predict(ROWS.assign(zip=12))
    written = b"".join(p.read_bytes() for p in (tmp_path / "model").rglob("*") if p.is_file())
    assert live.token.encode() not in written
    assert not list((tmp_path / "model").rglob("*.pkl"))


def test_models_are_logged(folder: Path, live: Live, tmp_path: Path, monkeypatch: Any) -> None:
    library = pyfunc()
    import mlflow

    monkeypatch.setenv("CML_SERVER", live.url)
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    mlflow.set_tracking_uri((tmp_path / "runs").as_uri())
    with mlflow.start_run():
        info = flavour.log_model(folder / "client.zip")
    model = library.load_model(info.model_uri)
    np.testing.assert_array_equal(model.predict(ROWS), MODEL.predict(ROWS))


def test_the_service_is_said_by_the_environment(folder: Path, monkeypatch: Any) -> None:
    """MLflow is not needed for what it calls."""
    monkeypatch.delenv("CML_TOKEN", raising=False)
    with pytest.raises(InvalidInputError, match="set CML_TOKEN to its token"):
        flavour._load_pyfunc(str(folder / "client.zip"), {"url": "http://x"})
    monkeypatch.setenv("CML_TOKEN", "token")
    monkeypatch.setenv("CML_SERVER", "http://y")
    monkeypatch.setenv("CML_KEYS", str(folder / "keys"))
    with pytest.raises(InvalidInputError, match="passphrase"):
        flavour._load_pyfunc(str(folder / "client.zip"))
    monkeypatch.setenv("CML_PASSPHRASE", PHRASE)
    asked = []

    def compute(self: RemoteModel, X: Any, method: str, *, progress: bool) -> str:
        asked.append((self._url, method))
        return "answer"

    monkeypatch.setattr(RemoteModel, "compute", compute)
    model = flavour._load_pyfunc(str(folder / "client.zip"))
    assert model.predict(ROWS) == model.predict(ROWS, {"method": "transform"}) == "answer"
    assert asked == [("http://y", "predict"), ("http://y", "transform")]
