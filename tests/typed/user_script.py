"""What type checkers see of a user's script: `make lint` checks it against the stubs.

A comment that ignores an error is itself an error where there is none.
"""

from __future__ import annotations

from typing import Any, assert_type

import numpy as np
from numpy.typing import NDArray

import cml_sklearn
from cml_sklearn.decomposition import PCA
from cml_sklearn.ensemble import RandomForestClassifier
from cml_sklearn.lightgbm import LGBMClassifier
from cml_sklearn.linear_model import LogisticRegression, Ridge
from cml_sklearn.neural_network import NeuralNetClassifier
from cml_sklearn.xgboost import XGBClassifier

Array = NDArray[Any]


def right(X: Array, y: Array) -> None:
    """Calls that the library takes."""
    model = LogisticRegression(C=0.5, n_bits=8).fit(X, y, sample_weight=np.ones(len(X)))
    assert_type(model, LogisticRegression)
    assert_type(model.predict(X, execute_in_fhe=True), Array)
    assert_type(model.predict_proba(X, execute_in_fhe="simulate"), Array)
    assert_type(model.score(X, y), float)
    assert_type(model.classes_, Array)
    assert_type(cml_sklearn.Ridge(n_bits={"inputs": 8, "weights": 6}), Ridge)
    assert_type(PCA(2).fit(X).transform(X), Array)
    RandomForestClassifier(10, max_depth=4, grid="quantile", aggregation="client")
    XGBClassifier(n_estimators=10, eta=0.1)
    LGBMClassifier(n_estimators=10, num_iterations=4)
    NeuralNetClassifier(module__hidden_layer_sizes=(16,))
    with cml_sklearn.config_context(execute_in_fhe=True):
        model.predict(X.tolist())


def wrong(X: Array, y: Array) -> None:
    """Calls that it refuses."""
    LogisticRegression(nbits=8)  # type: ignore[call-arg]
    LogisticRegression(n_bits="8")  # type: ignore[arg-type]
    LogisticRegression(solver="lbgfs")  # type: ignore[arg-type]
    LogisticRegression(penalty="l2").fit(X)  # type: ignore[call-arg]
    LogisticRegression().fit(X, y).predict(X, in_fhe=True)  # type: ignore[call-arg]
    LogisticRegression().fit(X, y).predict(X, execute_in_fhe="simulated")  # type: ignore[arg-type]
    RandomForestClassifier(grid="fine")  # type: ignore[arg-type]
    XGBClassifier(nbits=6)  # type: ignore[call-arg]
    LGBMClassifier(n_bit=6)  # type: ignore[call-arg]
    cml_sklearn.Ridge(nbits=8)  # type: ignore[call-arg]
    cml_sklearn.LogisticRegresion()  # type: ignore[attr-defined]
