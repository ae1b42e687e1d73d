"""A model on two machines answers as it does on one, and refuses what is not its own."""

from __future__ import annotations

import json
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_breast_cancer, load_diabetes, load_iris
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from cml_sklearn.deployment import FheClient, FheServer, save_model
from cml_sklearn.deployment.messages import Message, read_messages
from cml_sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from cml_sklearn.ensemble import RandomForestClassifier
from cml_sklearn.exceptions import InvalidInputError, UnsupportedModelError
from cml_sklearn.linear_model import LogisticRegression, Ridge
from cml_sklearn.quantization.quantized_module import QuantizedModule
from cml_sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from tests.deployment.damage import corrupted
from tests.estimators import name_of

pytestmark = pytest.mark.fhe

PHRASE = "correct horse"


class Pair:
    """Both halves of a model."""

    def __init__(self, model: Any, folder: Path, **how: Any) -> None:
        self.model, self.folder = model, folder
        self.card = save_model(model, folder, **how)
        self.client, self.server = (
            FheClient(folder / "client.zip"),
            FheServer(folder / "server.zip"),
        )

    def answered(self, X: Any, method: str = "predict") -> Any:
        sent = self.client.encrypt(X, method)
        return self.client.decrypt(self.server.run(self.client.evaluation_keys(), sent), method)


@pytest.fixture(scope="module")
def data() -> tuple[np.ndarray, np.ndarray]:
    X, y = load_iris(return_X_y=True)
    return X, y


@pytest.fixture(scope="module")
def pair(data: tuple[np.ndarray, np.ndarray], tmp_path_factory: Any) -> Pair:
    X, y = data
    return Pair(
        LogisticRegression(n_bits=6, max_iter=1000).fit(X, y), tmp_path_factory.mktemp("logistic")
    )


@pytest.mark.parametrize("method", ["predict", "predict_proba", "decision_function"])
def test_answers_are_those_of_the_estimator(pair: Pair, data: Any, method: str) -> None:
    X, _ = data
    np.testing.assert_array_equal(pair.answered(X, method), getattr(pair.model, method)(X))


@pytest.mark.parametrize(
    "model",
    [Ridge(), RandomForestClassifier(n_estimators=4, max_depth=3, n_bits=3, random_state=0)],
    ids=["Ridge", "RandomForestClassifier"],
)
def test_other_families(model: Any, tmp_path: Path) -> None:
    X, y = (
        load_diabetes(return_X_y=True) if isinstance(model, Ridge) else load_iris(return_X_y=True)
    )
    pair = Pair(model.fit(X, y), tmp_path)
    np.testing.assert_array_equal(pair.answered(X[:40]), model.predict(X[:40]))


@pytest.mark.parametrize(
    "model", [Ridge(n_bits=4), DecisionTreeRegressor(max_depth=2, n_bits=2)], ids=name_of
)
def test_concrete(model: Any, tmp_path: Path) -> None:
    X, y = load_diabetes(return_X_y=True)
    X = X[:, :3] * 20
    pair = Pair(clone(model).fit(X, y), tmp_path, engine="concrete")
    pair.client.save_keys(tmp_path / "keys", PHRASE)
    again = FheClient(tmp_path / "client.zip")
    again.load_keys(tmp_path / "keys", PHRASE)
    answer = pair.server.run(again.evaluation_keys(), pair.client.encrypt(X[:2]))
    np.testing.assert_array_equal(again.decrypt(answer), pair.model.predict(X[:2]))
    with pytest.raises(InvalidInputError, match="can't be read"):
        pair.server.run(again.evaluation_keys(), damaged(pair.client.encrypt(X[:1])))


def damaged(sent: bytes) -> bytes:
    """The message with nonsense for a ciphertext."""
    (message,) = read_messages(sent)
    return replace(message, parts=(b"nonsense",) * len(message.parts)).write()


def test_transform(tmp_path: Path, data: Any) -> None:
    X, y = data
    model = LinearDiscriminantAnalysis().fit(X, y)
    pair = Pair(model, tmp_path)
    if "transform" in pair.client.methods:
        np.testing.assert_array_equal(pair.answered(X, "transform"), model.transform(X))
    np.testing.assert_array_equal(pair.answered(X), model.predict(X))


def test_a_pipeline_of_mixed_columns(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    rng = np.random.default_rng(0)
    rows = pandas.DataFrame(
        {"age": rng.normal(40, 9, 80), "city": rng.choice(["Rome", "Oslo"], 80)}
    )
    y = np.where(rows["city"] == "Oslo", "yes", "no")
    columns = ColumnTransformer(
        [("n", StandardScaler(), ["age"]), ("c", OneHotEncoder(), ["city"])]
    )
    model = make_pipeline(columns, LogisticRegression(n_bits=6, max_iter=1000)).fit(rows, y)
    pair = Pair(model, tmp_path)
    np.testing.assert_array_equal(pair.answered(rows), model.predict(rows))
    assert pair.card.features == ("age", "city")


def test_labels_may_be_text_and_columns_have_names(tmp_path: Path) -> None:
    pandas = pytest.importorskip("pandas")
    X, y = load_iris(return_X_y=True, as_frame=True)
    model = LogisticRegression(n_bits=4, max_iter=1000).fit(X, np.array(["a", "b", "c"])[y])
    pair = Pair(model, tmp_path)
    np.testing.assert_array_equal(pair.answered(X), model.predict(X))
    turned = pandas.DataFrame(X)[X.columns[::-1]]
    np.testing.assert_array_equal(pair.answered(turned), model.predict(X))
    with pytest.raises(InvalidInputError, match="petal width"):
        pair.client.encrypt(X.drop(columns="petal width (cm)"))


def test_keys_are_kept_in_a_safe_and_serve_equal_models(
    pair: Pair, data: Any, tmp_path: Path
) -> None:
    X, _ = data
    sent = pair.client.encrypt(X)
    pair.client.save_keys(tmp_path / "keys", PHRASE)
    again = FheClient(pair.folder / "client.zip")
    again.load_keys(tmp_path / "keys", PHRASE)
    assert again.evaluation_keys() == pair.client.evaluation_keys()
    answer = pair.server.run(again.evaluation_keys(), sent)
    np.testing.assert_array_equal(again.decrypt(answer), pair.model.predict(X))
    with pytest.raises(InvalidInputError, match="passphrase is another one"):
        again.load_keys(tmp_path / "keys", PHRASE[:-1])
    assert (tmp_path / "keys").stat().st_mode & 0o077 == 0


def test_damaged_key_files_are_refused(pair: Pair, tmp_path: Path) -> None:
    path = tmp_path / "keys"
    pair.client.save_keys(path, PHRASE)
    data = path.read_bytes()
    for bad, message in (
        (b"", "has no keys"),
        (b"something else entirely, of some length", "has no keys"),
        (data[:-1] + bytes([data[-1] ^ 1]), "don't open"),
        (data[:20] + bytes([data[20] ^ 1]) + data[21:], "don't open"),
    ):
        path.write_bytes(bad)
        with pytest.raises(InvalidInputError, match=message):
            pair.client.load_keys(path, PHRASE)
    with pytest.raises(InvalidInputError, match="can't be read"):
        pair.client.load_keys(tmp_path / "nothing", PHRASE)
    with pytest.raises(InvalidInputError, match="passphrase is empty"):
        pair.client.save_keys(path, "")


def test_another_clients_answers_and_keys_are_refused(pair: Pair, data: Any) -> None:
    X, _ = data
    other = FheClient(pair.folder / "client.zip")
    with pytest.raises(InvalidInputError, match="There are no keys yet"):
        other.decrypt(b"")
    other.generate_keys()
    answer = pair.server.run(pair.client.evaluation_keys(), pair.client.encrypt(X))
    with pytest.raises(InvalidInputError, match="made with other keys"):
        other.decrypt(answer)


def test_another_models_messages_are_refused(pair: Pair, data: Any, tmp_path: Path) -> None:
    X, y = data
    other = Pair(LogisticRegression(n_bits=5, max_iter=1000).fit(X, y), tmp_path)
    with pytest.raises(InvalidInputError, match="is for the model"):
        other.server.run(other.client.evaluation_keys(), pair.client.encrypt(X[:2]))
    answer = pair.server.run(pair.client.evaluation_keys(), pair.client.encrypt(X[:2]))
    with pytest.raises(InvalidInputError, match="is of the model"):
        other.client.decrypt(answer)
    with pytest.raises(InvalidInputError, match="came"):
        pair.client.decrypt(pair.client.encrypt(X[:2]))
    with pytest.raises(InvalidInputError, match="The model has no 'transform'"):
        pair.client.encrypt(X, "transform")


def test_damaged_messages_are_refused(pair: Pair, data: Any) -> None:
    X, _ = data
    keys, sent = pair.client.evaluation_keys(), pair.client.encrypt(X[:2])
    rng = np.random.default_rng(0)
    for _ in range(200):
        place, bit = int(rng.integers(len(sent))), int(rng.integers(8))
        bad = bytearray(sent)
        bad[place] ^= 1 << bit
        try:
            pair.server.run(keys, bytes(bad))
        except InvalidInputError:
            continue
    for bad_bytes in (b"", b"CMLM", sent[:-5], sent[5:], b"CMLM" + b"\xff" * 40):
        with pytest.raises(InvalidInputError):
            pair.server.run(keys, bad_bytes)


def test_heads_of_messages_are_checked() -> None:
    message = Message("inputs", "seal", "x", 0, 3, 3, (b"ab", b""))
    assert list(read_messages(message.write() * 2)) == [message, message]
    with pytest.raises(InvalidInputError, match="more than 1 bytes"):
        list(read_messages(message.write(), limit=1))
    for bad in (
        Message("secrets", "seal", "x", 0, 3, 3, ()),
        Message("inputs", "seal", "x", -1, 3, 3, ()),
        Message("inputs", "seal", "x", 0, 3, 4, ()),
    ):
        with pytest.raises(InvalidInputError, match="makes no sense"):
            list(read_messages(bad.write()))


def rewritten(path: Path, target: Path, **changes: bytes | None) -> Path:
    """Copy of an archive with other contents; None leaves a file out."""
    with zipfile.ZipFile(path) as source, zipfile.ZipFile(target, "w") as copy:
        files: dict[str, bytes | None] = {name: source.read(name) for name in source.namelist()}
        files.update(
            {name.replace("__", "/").replace("_dot_", "."): c for name, c in changes.items()}
        )
        for name, content in files.items():
            if content is not None:
                copy.writestr(name, content)
    return target


def test_hostile_archives_are_refused(pair: Pair, tmp_path: Path) -> None:
    client, target = pair.folder / "client.zip", tmp_path / "bad.zip"
    card = json.loads(zipfile.ZipFile(client).read("card.json"))
    for changes in (
        {"card_dot_json": b"{}"},
        {"card_dot_json": b"no json"},
        {"card_dot_json": json.dumps({**card, "modules": {"predict": 7}}).encode()},
        {"card_dot_json": json.dumps({**card, "engines": ["os"]}).encode()},
        {"card_dot_json": json.dumps({**card, "engines": [3]}).encode()},
        {"card_dot_json": None},
        {"module0__module_dot_npz": b"nothing"},
        {"module0__half_dot_npz": None},
        {"..__evil_dot_txt": b"x"},
    ):
        with pytest.raises(InvalidInputError):
            FheClient(rewritten(client, target, **changes))
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb.bin", bytes(300 * 2**20))
    with pytest.raises(InvalidInputError, match="it unpacks to 314,572,800 bytes"):
        FheClient(target)
    with pytest.raises(InvalidInputError, match="it holds a model's server half"):
        FheClient(pair.folder / "server.zip")
    with pytest.raises(InvalidInputError, match="There is no file"):
        FheServer(tmp_path / "nothing.zip")


def test_fuzzed_archives_work_or_are_refused(pair: Pair, tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    for half, kind in (("client", FheClient), ("server", FheServer)):
        data = (pair.folder / f"{half}.zip").read_bytes()
        for _ in range(100):
            (tmp_path / "bad.zip").write_bytes(corrupted(data, rng))
            try:
                kind(tmp_path / "bad.zip")
            except InvalidInputError:
                continue


def test_the_clients_file_has_no_weights(pair: Pair) -> None:
    """The same bytes come of a model with other weights, but for the model's digest and costs."""
    with zipfile.ZipFile(pair.folder / "client.zip") as archive:
        names = set(archive.namelist())
        archive.extract("module0/module.npz", pair.folder / "look")
    assert names == {"card.json", "preprocessing.npz", "module0/module.npz", "module0/half.npz"}
    module = QuantizedModule.load(pair.folder / "look" / "module0" / "module.npz")
    assert [type(i.step).__name__ for i in module.program.instructions] == ["Take"]


def test_the_servers_file_has_no_keys(pair: Pair) -> None:
    secret = b"".join(client.secret[0] for client in pair.client._clients)
    pair.client.encrypt(np.zeros((1, 4)))
    content = (pair.folder / "server.zip").read_bytes() + (pair.folder / "client.zip").read_bytes()
    with zipfile.ZipFile(pair.folder / "server.zip") as archive:
        content += b"".join(map(archive.read, archive.namelist()))
    pieces = [secret[i : i + 16] for i in range(64, len(secret) - 16, 512)]
    assert not any(piece in content + pair.client.evaluation_keys() for piece in pieces)


def test_a_client_needs_no_model_libraries(pair: Pair, data: Any, tmp_path: Path) -> None:
    np.save(tmp_path / "X.npy", data[0][:5])
    code = (
        "import sys\n"
        "heavy = ['concrete', 'hummingbird', 'onnx', 'sklearn', 'skorch', 'torch']\n"
        "sys.modules.update(dict.fromkeys(heavy))\n"
        "import numpy as np\n"
        "from cml_sklearn.deployment import FheClient, FheServer\n"
        "client, server = (k(sys.argv[1] + f'/{n}.zip') for k, n in"
        " ((FheClient, 'client'), (FheServer, 'server')))\n"
        "sent = client.encrypt(np.load(sys.argv[2]))\n"
        "print(client.decrypt(server.run(client.evaluation_keys(), sent)).tolist())\n"
    )
    command = [sys.executable, "-c", code, str(pair.folder), str(tmp_path / "X.npy")]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    assert json.loads(run.stdout) == pair.model.predict(data[0][:5]).tolist()


def test_what_can_not_be_saved_is_refused(tmp_path: Path, data: Any) -> None:
    from sklearn.linear_model import LogisticRegression as Float

    with pytest.raises(UnsupportedModelError, match="has no quantized modules"):
        save_model(Float(max_iter=1000).fit(*data), tmp_path)
    with pytest.raises(UnsupportedModelError, match="fitted"):
        save_model(LogisticRegression(), tmp_path)
    with pytest.raises(InvalidInputError, match="must be one of 'auto', 'seal', 'concrete'"):
        save_model(LogisticRegression(max_iter=1000).fit(*data), tmp_path, engine="clear")
    assert not list(tmp_path.iterdir())


def test_the_card_says_how_soon_a_client_knows_the_model(pair: Pair, tmp_path: Path) -> None:
    X, y = load_iris(return_X_y=True)
    tree = DecisionTreeClassifier(max_depth=2, n_bits=2).fit(X, y)
    assert pair.card.questions == (5,)
    assert set(Pair(tree, tmp_path).card.questions) == {0}


def test_bad_samples_are_refused(pair: Pair) -> None:
    with pytest.raises(InvalidInputError, match="X has no samples"):
        pair.client.encrypt(np.zeros((0, 4)))
    with pytest.raises(InvalidInputError, match="has 3 columns, but 4 are needed"):
        pair.client.encrypt(np.zeros((2, 3)))
    with pytest.raises(InvalidInputError, match="NaN"):
        pair.client.encrypt(np.full((1, 4), np.nan))


def test_cancer_in_many_batches(tmp_path: Path) -> None:
    X, y = load_breast_cancer(return_X_y=True)
    model = LogisticRegression(n_bits=6, max_iter=5000).fit(X, y)
    pair = Pair(model, tmp_path)
    rows = X[np.arange(9000) % len(X)]
    np.testing.assert_array_equal(pair.answered(rows), model.predict(rows))
