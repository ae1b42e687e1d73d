"""An estimator that was saved predicts elsewhere as it did, at once, and is not run but read."""

from __future__ import annotations

import json
import subprocess
import sys
import warnings
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, clone
from sklearn.datasets import load_iris
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import Ridge as FloatRidge
from sklearn.pipeline import make_pipeline

from cml_sklearn import config_context
from cml_sklearn.deployment import FheClient, load_estimator, save_estimator
from cml_sklearn.deployment.archives import opened
from cml_sklearn.deployment.estimators import _TABLE, StoredEstimator
from cml_sklearn.ensemble import BaggingClassifier, RandomForestClassifier
from cml_sklearn.exceptions import InvalidInputError, UnsupportedModelError
from cml_sklearn.fhe.concrete import ConcreteEngine
from cml_sklearn.fhe.seal import SealEngine
from cml_sklearn.linear_model import BayesianRidge, LogisticRegression, Ridge, SGDClassifier
from cml_sklearn.neural_network import NeuralNetClassifier
from cml_sklearn.program.archive import read, write
from cml_sklearn.tree import DecisionTreeClassifier
from tests.deployment.damage import corrupted
from tests.deployment.test_halves import rewritten
from tests.estimators import LINEAR, TREES, name_of

PHRASE = "correct horse"
X, Y = load_iris(return_X_y=True)
X, Y = X[::3] / 10, Y[::3]


def fitted(estimator: BaseEstimator, y: Any = Y) -> Any:
    estimator = clone(estimator)
    known = estimator.get_params(deep=False)
    small = {"max_depth": 2, "n_bits": 3, "random_state": 0}
    estimator.set_params(**{name: v for name, v in small.items() if name in known})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return estimator.fit(X, y)


@pytest.fixture(scope="module")
def logistic() -> Any:
    labels = np.array(["a", "b", "c"], dtype=object)[Y]
    class_weight = {"a": 1, "b": 2.0, "c": 1}
    return fitted(LogisticRegression(max_iter=1000, class_weight=class_weight), labels)


@pytest.fixture(scope="module")
def file(logistic: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("logistic") / "estimator.zip"
    save_estimator(logistic, path, PHRASE)
    return path


def must_not_compile(*_: Any, **__: Any) -> None:
    raise AssertionError("it is compiled")


@pytest.mark.parametrize("estimator", [*LINEAR, *TREES], ids=name_of)
def test_every_estimator_predicts_as_before(estimator: Any, tmp_path: Path) -> None:
    saved = fitted(estimator, Y + 0.5 if name_of(estimator) == "GammaRegressor" else Y)
    save_estimator(saved, tmp_path / "e.zip")
    loaded = load_estimator(tmp_path / "e.zip")
    assert type(loaded) is type(saved)
    assert repr(loaded.get_params()) == repr(saved.get_params())
    assert loaded.n_features_in_ == saved.n_features_in_
    assert list(loaded.modules_) == list(saved.modules_)
    if hasattr(saved, "classes_"):
        np.testing.assert_array_equal(loaded.classes_, saved.classes_)
    for method in saved.modules_:
        wanted = getattr(saved, method)(X)
        np.testing.assert_array_equal(getattr(loaded, method)(X), wanted)
        for mode in ("simulate", True) if method == "predict" else ():
            with config_context(engine="clear"):
                np.testing.assert_array_equal(loaded.predict(X, mode), wanted)


@pytest.mark.fhe
@pytest.mark.parametrize("trusted", [False, True])
@pytest.mark.parametrize(
    "estimator",
    [LogisticRegression(max_iter=1000), RandomForestClassifier(n_estimators=3)],
    ids=name_of,
)
def test_nothing_is_compiled_to_predict(
    estimator: Any, trusted: bool, tmp_path: Path, monkeypatch: Any
) -> None:
    saved = fitted(estimator)
    card = save_estimator(saved, tmp_path / "e.zip")
    loaded = load_estimator(tmp_path / "e.zip", trusted=trusted)
    assert (
        card.digest == json.loads(zipfile.ZipFile(tmp_path / "e.zip").read("card.json"))["digest"]
    )
    assert loaded.fhe_reports_ == saved.fhe_reports_
    with monkeypatch.context() as patch:
        patch.setattr(SealEngine, "compile", must_not_compile)
        np.testing.assert_array_equal(loaded.predict(X, True), saved.predict(X))
        np.testing.assert_array_equal(loaded.predict_proba(X, True), saved.predict_proba(X))
    np.testing.assert_array_equal(loaded.predict(X, "simulate"), saved.predict(X))
    save_estimator(loaded, tmp_path / "again.zip")
    again = load_estimator(tmp_path / "again.zip")
    np.testing.assert_array_equal(again.predict(X, True), saved.predict(X))


@pytest.mark.fhe
def test_machine_code_runs_only_if_trusted(tmp_path: Path, monkeypatch: Any) -> None:
    saved = fitted(DecisionTreeClassifier())
    saved.compile(engine="concrete")
    with monkeypatch.context() as patch:
        patch.setattr(ConcreteEngine, "load_server", must_not_compile)
        save_estimator(saved, tmp_path / "e.zip", PHRASE)
        assert not load_estimator(tmp_path / "e.zip").quantized_module_.is_compiled
        with pytest.raises(InvalidInputError, match="give trusted=True"):
            load_estimator(tmp_path / "e.zip", PHRASE)
    loaded = load_estimator(tmp_path / "e.zip", PHRASE, trusted=True)
    monkeypatch.setattr(ConcreteEngine, "compile", must_not_compile)
    assert loaded.fhe_report_ == saved.fhe_report_
    assert loaded.fhe_circuit_.client.secret == saved.fhe_circuit_.client.secret
    np.testing.assert_array_equal(loaded.predict(X[:2], True), saved.predict(X[:2]))


@pytest.mark.fhe
def test_networks_are_saved(tmp_path: Path) -> None:
    net = NeuralNetClassifier(
        max_epochs=2, module__hidden_layer_sizes=(2,), n_bits=2, random_state=0
    )
    saved = net.fit(X.astype(np.float32), Y == 1)
    save_estimator(saved, tmp_path / "e.zip")
    loaded = load_estimator(tmp_path / "e.zip", trusted=True)
    assert loaded.get_params() == saved.get_params()
    np.testing.assert_array_equal(loaded.predict_proba(X), saved.predict_proba(X))
    np.testing.assert_array_equal(loaded.predict(X[:1], True), saved.predict(X[:1]))
    with pytest.raises(UnsupportedModelError, match="training can't go on"):
        loaded.partial_fit(X, Y == 1)


@pytest.mark.fhe
def test_a_new_process_predicts(file: Path, logistic: Any, tmp_path: Path) -> None:
    np.save(tmp_path / "X.npy", X)
    code = (
        "import sys, numpy as np\n"
        "from cml_sklearn.deployment import load_estimator\n"
        "model = load_estimator(sys.argv[1], sys.argv[2])\n"
        "print(' '.join(model.predict(np.load(sys.argv[3]), execute_in_fhe=True)))\n"
        "assert not {'concrete', 'hummingbird', 'torch'} & sys.modules.keys()\n"
    )
    command = [sys.executable, "-c", code, str(file), PHRASE, str(tmp_path / "X.npy")]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    assert run.stdout.split() == logistic.predict(X).tolist()


@pytest.mark.fhe
def test_keys_are_kept_under_a_passphrase(file: Path, logistic: Any, tmp_path: Path) -> None:
    secret = logistic.fhe_circuit_.client.secret
    assert load_estimator(file, PHRASE).fhe_circuit_.client.secret == secret
    assert load_estimator(file).fhe_circuit_.client.secret != secret
    assert file.stat().st_mode & 0o077 == 0
    with pytest.raises(InvalidInputError, match=r"estimator\.zip don't open: the passphrase"):
        load_estimator(file, "wrong")
    with pytest.raises(InvalidInputError, match="passphrase is empty"):
        save_estimator(logistic, tmp_path / "e.zip", "")
    save_estimator(logistic, tmp_path / "e.zip")
    with pytest.raises(InvalidInputError, match="has no keys; leave the passphrase out"):
        load_estimator(tmp_path / "e.zip", PHRASE)
    with zipfile.ZipFile(file) as archive:
        content = b"".join(map(archive.read, archive.namelist()))
    pieces = [secret[0][i : i + 16] for i in range(64, len(secret[0]) - 16, 512)]
    assert len(pieces) > 10
    assert not any(piece in content for piece in pieces)


def test_names_of_columns_are_kept(tmp_path: Path) -> None:
    rows = pd.DataFrame(X, columns=list("pqrs"))
    saved = Ridge(n_bits=4).fit(rows, Y)
    save_estimator(saved, tmp_path / "e.zip")
    loaded = load_estimator(tmp_path / "e.zip")
    np.testing.assert_array_equal(loaded.predict(rows), saved.predict(rows))
    with pytest.raises(ValueError, match="feature names should match"):
        loaded.predict(rows[list("qprs")])


def test_what_needs_the_float_model_is_refused(tmp_path: Path) -> None:
    warm = fitted(SGDClassifier(warm_start=True))
    save_estimator(warm, tmp_path / "e.zip")
    loaded = load_estimator(tmp_path / "e.zip")
    for name in ("coef_", "sklearn_model_", "onnx_model_"):
        with pytest.raises(AttributeError, match=f"was loaded to predict.* {name} comes from"):
            getattr(loaded, name)
    assert "coef_" not in dir(loaded)
    forest = fitted(RandomForestClassifier(n_estimators=2, warm_start=True))
    save_estimator(forest, tmp_path / "f.zip")
    for train in (loaded.fit, loaded.partial_fit, load_estimator(tmp_path / "f.zip").fit):
        with pytest.raises(UnsupportedModelError, match="training can't go on"):
            train(X, Y)
    save_estimator(fitted(BayesianRidge()), tmp_path / "b.zip")
    with pytest.raises(AttributeError, match="was loaded to predict"):
        load_estimator(tmp_path / "b.zip").predict(X, return_std=True)


def test_what_was_loaded_can_be_fitted_anew(file: Path) -> None:
    loaded = load_estimator(file).set_params(class_weight=None)
    loaded.fit(X, Y == 0)
    assert loaded.classes_.tolist() == [False, True]
    assert loaded.coef_.shape == (1, 4)
    assert set(loaded.predict(X)) == {False, True}


class Mine(Ridge):
    """Of nobody's library."""


def test_what_can_not_be_saved_is_refused(logistic: Any, tmp_path: Path) -> None:
    path = tmp_path / "e.zip"
    for model in (FloatRidge().fit(X, Y), make_pipeline(logistic), fitted(Mine())):
        with pytest.raises(UnsupportedModelError, match="is none of this library's estimators"):
            save_estimator(model, path)
    with pytest.raises(UnsupportedModelError, match="has no quantized modules"):
        save_estimator(Ridge(), path)
    drawn = Ridge(n_bits=4, random_state=np.random.RandomState(0)).fit(X, Y)
    with pytest.raises(UnsupportedModelError, match=r"Ridge\.random_state is a RandomState"):
        save_estimator(drawn, path)
    nested = fitted(BaggingClassifier(DecisionTreeClassifier(), n_estimators=2))
    with pytest.raises(UnsupportedModelError, match=r"\.estimator is a DecisionTreeClassifier"):
        save_estimator(nested, path)
    with (
        config_context(engine="clear"),
        pytest.raises(InvalidInputError, match="there are seal, concrete"),
    ):
        save_estimator(fitted(Ridge()), path)
    assert not list(tmp_path.iterdir())
    save_estimator(drawn.set_params(random_state=None), path)
    np.testing.assert_array_equal(load_estimator(path).predict(X), drawn.predict(X))


def forged(file: Path, folder: Path, **changes: Any) -> Path:
    """The archive with other fields of its state."""
    with zipfile.ZipFile(file) as archive:
        archive.extract("estimator.npz", folder)
    state: StoredEstimator = read(folder / "estimator.npz", StoredEstimator, _TABLE)
    write(folder / "forged.npz", StoredEstimator(**{**vars(state), **changes}), _TABLE)
    return rewritten(
        file, folder / "forged.zip", estimator_dot_npz=(folder / "forged.npz").read_bytes()
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"room": "os", "name": "system"},
        {"room": "estimators.base", "name": "FheEstimator"},
        {"room": "linear_model", "name": "sklearn"},
        {"room": "linear_model", "name": "ConfigMixin"},
        {"parameters": {"nothing": 1}},
        {"parameters": {"n_bits": -3}},
        {"fitted": {"n_features_in_": "4"}},
        {"fitted": {"modules_": 1}},
        {"fitted": {"__class__": 1}},
        {"circuits": ()},
    ],
)
def test_forged_states_are_refused(changes: dict[str, Any], file: Path, tmp_path: Path) -> None:
    assert load_estimator(forged(file, tmp_path)).predict(X).size  # the way of forging is right
    with pytest.raises(InvalidInputError, match="can't be read as an estimator"):
        load_estimator(forged(file, tmp_path, **changes))


def test_hostile_archives_are_refused(file: Path, tmp_path: Path) -> None:
    target = tmp_path / "bad.zip"
    card = json.loads(zipfile.ZipFile(file).read("card.json"))
    for changes in (
        {"card_dot_json": b"{}"},
        {"card_dot_json": json.dumps({**card, "half": "client"}).encode()},
        {"card_dot_json": json.dumps({**card, "engines": ["os"]}).encode()},
        {"card_dot_json": json.dumps({**card, "modules": {"transform": 0}}).encode()},
        {"card_dot_json": json.dumps({**card, "modules": {"predict_proba": 0}}).encode()},
        {"estimator_dot_npz": b"nothing"},
        {"module0__module_dot_npz": None},
        {"module0__server__half_dot_npz": b"nothing"},
        {"..__evil_dot_txt": b"x"},
    ):
        with pytest.raises(InvalidInputError, match="can't be read as"):
            load_estimator(rewritten(file, target, **changes))
    with pytest.raises(InvalidInputError, match="it holds an estimator"):
        FheClient(file)
    with pytest.raises(InvalidInputError, match="There is no file"):
        load_estimator(tmp_path / "nothing.zip")


def test_fuzzed_archives_work_or_are_refused(file: Path, tmp_path: Path) -> None:
    rng, data = np.random.default_rng(1), file.read_bytes()
    refused = 0
    for _ in range(100):
        (tmp_path / "bad.zip").write_bytes(corrupted(data, rng))
        try:
            load_estimator(tmp_path / "bad.zip")
        except InvalidInputError:
            refused += 1
    assert refused > 10


def test_the_card_is_that_of_the_model(file: Path) -> None:
    with opened(file, "estimator") as (card, folder):
        assert (card.half, card.model) == ("estimator", "LogisticRegression")
        names = {path.relative_to(folder).as_posix() for path in folder.rglob("*.npz")}
    parts = ("client/half", "module", "server/half")
    assert names == {"estimator.npz", *(f"module0/{part}.npz" for part in parts)}
