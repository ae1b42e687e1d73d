"""Models for the client in the browser: small ones for vectors, and those of the page's tests."""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_breast_cancer, load_iris
from sklearn.feature_selection import VarianceThreshold
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import (
    Binarizer,
    FunctionTransformer,
    KBinsDiscretizer,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    PowerTransformer,
    StandardScaler,
)

from cml_sklearn.deployment import save_model
from cml_sklearn.deployment.tokens import Tokens
from cml_sklearn.linear_model import LogisticRegression, Ridge
from cml_sklearn.tree import DecisionTreeClassifier
from cml_sklearn.xgboost import XGBClassifier


def save_samples(folder: Path) -> None:
    """Write ``client.zip`` and rows of a linear model, a pipeline of mixed columns, and trees."""
    iris = load_iris(as_frame=True)
    kinds = iris.target_names[iris.target]
    linear = make_pipeline(StandardScaler(), LogisticRegression(n_bits=5)).fit(iris.data, kinds)
    _save(folder, "linear", linear, iris.data[::10])
    people, wealth = _people(120)
    _save(folder, "mixed", _mixed().fit(people, wealth), _people(12, seed=1)[0])
    trees, flowers = _trees()
    _save(folder, "trees", trees, flowers[::10])


def save_refused(folder: Path) -> dict[str, str]:
    """Write models that the client in the browser can't do; gives what it must name."""
    X, y = load_iris(return_X_y=True)
    models: dict[str, tuple[Any, str]] = {
        "power": (make_pipeline(PowerTransformer(), LogisticRegression()), "seal"),
        "logarithm": (make_pipeline(FunctionTransformer(np.log1p), LogisticRegression()), "seal"),
        "concrete": (DecisionTreeClassifier(max_depth=2, n_bits=3), "concrete"),
    }
    for name, (model, engine) in models.items():
        save_model(model.fit(X, y), folder / name, engine=engine)
    return {"power": "Power", "logarithm": "Ufunc", "concrete": "concrete"}


def save_served(folder: Path) -> None:
    """Write the models that the tests serve, rows, what `predict` says of them, and a token."""
    X, y = load_breast_cancer(return_X_y=True, as_frame=True)
    classes = ("predict", "predict_proba")
    logistic = make_pipeline(StandardScaler(), LogisticRegression(n_bits=6)).fit(X, y)
    boosting = XGBClassifier(n_estimators=50, max_depth=3, n_bits=6).fit(X, y)
    people = _people(50, seed=1)[0]
    trees, flowers = _trees()
    expected: dict[str, object] = {"refused": save_refused(folder)}
    for name, model, rows, methods in (
        ("logistic", logistic, X[::11][:50], classes),
        ("boosting", boosting, X[::11][:50], classes),
        ("trees", trees, pd.concat([flowers] * 14), classes),
        ("mixed", _mixed().fit(*_people(120)), people, ("predict",)),
    ):
        save_model(model, folder / name, engine="seal")
        rows.to_csv(folder / name / "rows.csv", index=False)
        expected[name] = {method: getattr(model, method)(rows).tolist() for method in methods}
    (folder / "expected.json").write_text(json.dumps(expected))
    (folder / "token").write_text(Tokens(folder / "tokens.json").create("browser"))


def _trees() -> tuple[Any, pd.DataFrame]:
    """Trees of flowers some of whose measures are missing, which large batches have in digits."""
    X, y = load_iris(return_X_y=True, as_frame=True)
    gaps = X.mask(np.random.default_rng(0).random(X.shape) < 0.1)
    trees = XGBClassifier(n_estimators=3, max_depth=2, n_bits=5, random_state=0)
    return trees.fit(gaps, y), gaps


def _mixed() -> Any:
    numbers = make_pipeline(SimpleImputer(strategy="median", add_indicator=True), StandardScaler())
    texts = make_pipeline(
        SimpleImputer(strategy="most_frequent"), OneHotEncoder(handle_unknown="ignore")
    )
    parts = [
        ("numbers", numbers, ["age", "hours"]),
        ("range", MinMaxScaler(clip=True), ["height"]),
        ("texts", texts, ["town"]),
        ("ranks", OrdinalEncoder(categories=[["low", "mid", "high"]]), ["school"]),
        ("bins", KBinsDiscretizer(4, subsample=None, quantile_method="linear"), ["debt"]),
        ("many", make_pipeline(Binarizer(threshold=1.5), VarianceThreshold()), ["children"]),
        ("as it is", "passthrough", ["children"]),
    ]
    transformer = ColumnTransformer(parts, transformer_weights={"range": 2.0})
    return make_pipeline(transformer, Ridge(n_bits=7))


def _people(n: int, seed: int = 0) -> tuple[pd.DataFrame, np.ndarray]:
    rng = np.random.default_rng(seed)
    people = pd.DataFrame(
        {
            "age": rng.integers(18, 80, n).astype(float),
            "note": rng.choice(["a, b", 'say "x"'], n),
            "hours": rng.normal(38, 6, n),
            "height": rng.normal(170, 10, n),
            "town": rng.choice(["Ulm", "Jena", "Köln"], n),
            "school": rng.choice(["low", "mid", "high"], n),
            "debt": rng.exponential(3, n),
            "children": rng.integers(0, 4, n),
        }
    )
    wealth = 3 * people["age"] + 10 * people["children"] + 20.0 * (people["town"] == "Jena")
    people.loc[::5, "age"] = np.nan
    people.loc[::7, "town"] = np.nan
    if seed:
        people.loc[1, "town"] = "Rom"
    return people.drop(columns="note") if not seed else people, wealth.to_numpy()


def _save(folder: Path, name: str, model: Any, rows: pd.DataFrame) -> None:
    with tempfile.TemporaryDirectory() as place:
        save_model(model, place, engine="seal")
        shutil.copy(Path(place) / "client.zip", folder / f"{name}.zip")
    rows.to_csv(folder / f"{name}.csv", index=False)


if __name__ == "__main__":
    save_served(Path(sys.argv[1]))
