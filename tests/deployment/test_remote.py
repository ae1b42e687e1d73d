"""What stands for a model behind a service: its methods, and tables from files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_iris
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from cml_sklearn.deployment import FheClient, FheServer, save_model
from cml_sklearn.deployment.csv_files import predict_file
from cml_sklearn.deployment.remote import RemoteModel
from cml_sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from cml_sklearn.linear_model import LogisticRegression, Ridge
from cml_sklearn.tree import DecisionTreeClassifier
from tests.estimators import name_of

pytestmark = pytest.mark.fhe

METHODS = ("predict", "predict_proba", "predict_log_proba", "decision_function", "transform")


class Near(RemoteModel):
    """Asks the other half at once, without a service."""

    def __init__(self, model: Any, folder: Path) -> None:
        save_model(model, folder)
        super().__init__("http://x", FheClient(folder / "client.zip"), "token")
        self.server = FheServer(folder / "server.zip")

    def _answer(self, payload: bytes) -> bytes:
        return self.server.run(self.client.evaluation_keys(), payload)


@pytest.mark.parametrize(
    "estimator", [LinearDiscriminantAnalysis(), LogisticRegression(), Ridge()], ids=name_of
)
def test_a_remote_model_has_the_methods_of_the_model(estimator: Any, tmp_path: Path) -> None:
    X, y = load_iris(return_X_y=True)
    estimator = estimator.set_params(n_bits=5).fit(X / 10, y)
    with Near(estimator, tmp_path) as model:
        for method in METHODS:
            assert hasattr(model, method) is hasattr(estimator, method), method
            if hasattr(estimator, method):
                wanted = getattr(estimator, method)(X / 10)
                np.testing.assert_array_equal(
                    getattr(model, method)(X / 10, progress=False), wanted
                )
        with pytest.raises(AttributeError, match="has no score_samples; it has predict"):
            _ = model.score_samples


def test_several_outputs_have_columns_of_their_own(tmp_path: Path) -> None:
    X, y = load_iris(return_X_y=True)
    targets = np.stack([np.array(["a", "b", "c"])[y], np.where(X[:, 0] > 5.5, "long", "short")], 1)
    tree = DecisionTreeClassifier(max_depth=2, n_bits=2).fit(X, targets)
    pd.DataFrame(X).to_csv(tmp_path / "rows.csv", index=False)
    with Near(tree, tmp_path) as model:
        for method, names in (
            ("predict", "0 1"),
            ("predict_proba", "0_a 0_b 0_c 1_long 1_short"),
        ):
            predict_file(model, tmp_path / "rows.csv", tmp_path / method, method)
            table = pd.read_csv(tmp_path / method, float_precision="round_trip")
            assert list(table) == [f"{method}_{name}" for name in names.split()]
            wanted = np.hstack(getattr(tree, method)(X)) if "_" in method else tree.predict(X)
            np.testing.assert_array_equal(table, wanted)


@pytest.mark.parametrize("words", [["01234", "9e3", "NA"], ["", "007", "None"]])
def test_text_that_looks_like_numbers_or_gaps_stays_text(words: list[str], tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    rows = pd.DataFrame({"age": rng.normal(40, 9, 60), "code": rng.choice(words, 60)})
    gaps = make_pipeline(
        SimpleImputer(strategy="constant", fill_value="none"),
        OneHotEncoder(handle_unknown="ignore"),
    )
    columns = ColumnTransformer([("n", StandardScaler(), ["age"]), ("c", gaps, ["code"])])
    y = np.where(rows["code"] == words[0], "yes", "no")
    pipeline = make_pipeline(columns, LogisticRegression(n_bits=6)).fit(rows, y)
    rows.loc[60, :] = {"age": 40.0, "code": words[2]}
    rows.to_csv(tmp_path / "rows.csv", index=False)
    with Near(pipeline, tmp_path) as model:
        predict_file(model, tmp_path / "rows.csv", tmp_path / "out.csv")
    wanted = pipeline.predict(rows)
    np.testing.assert_array_equal(pd.read_csv(tmp_path / "out.csv")["predict"], wanted)
    assert set(wanted) == {"yes", "no"}


@pytest.mark.parametrize("gap", [None, np.nan])
def test_gaps_in_text_stay_gaps(gap: Any, tmp_path: Path) -> None:
    rows = pd.DataFrame({"code": np.array(["01", "02", gap] * 20, dtype=object)}, dtype=object)
    y = np.where(rows["code"].isna(), "gap", "code")
    pipeline = make_pipeline(OneHotEncoder(), LogisticRegression(n_bits=4)).fit(rows, y)
    (tmp_path / "rows.csv").write_text('code\n01\n\n02\nNaN\n""\n01\n\n')
    with Near(pipeline, tmp_path) as model:
        predict_file(model, tmp_path / "rows.csv", tmp_path / "out.csv")
    labels = pd.read_csv(tmp_path / "out.csv")["predict"].tolist()
    assert labels == ["code", "gap", "code", "gap", "gap", "code"]
