"""scikit-learn's meta-estimators over ours, in every mode by the context."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy.stats import randint
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_iris
from sklearn.ensemble import (
    AdaBoostClassifier,
    AdaBoostRegressor,
    BaggingClassifier,
    BaggingRegressor,
    StackingClassifier,
    StackingRegressor,
    VotingClassifier,
    VotingRegressor,
)
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.feature_selection import RFE, RFECV, SelectFromModel, SequentialFeatureSelector
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    HalvingGridSearchCV,
    RandomizedSearchCV,
    TunedThresholdClassifierCV,
)
from sklearn.multiclass import OneVsOneClassifier, OneVsRestClassifier, OutputCodeClassifier
from sklearn.multioutput import (
    ClassifierChain,
    MultiOutputClassifier,
    MultiOutputRegressor,
    RegressorChain,
)
from sklearn.pipeline import make_pipeline
from sklearn.semi_supervised import SelfTrainingClassifier

import cml_sklearn
from cml_sklearn import config_context
from cml_sklearn.fhe.circuit import FheCircuit

X, Y = load_iris(return_X_y=True)
X, Y = X[::2], Y[::2]
TWO = (Y > 0).astype(int)
BOTH = np.stack([Y == 0, Y > 1], axis=1).astype(int)
UNLABELLED = np.where(np.arange(len(Y)) % 3 == 0, -1, Y)
VALUES, TWO_VALUES = X[:, 0] + X[:, 2], X[:, 2:] + X[:, :1]

LOGISTIC = cml_sklearn.LogisticRegression(max_iter=500, n_bits=8)
RIDGE = cml_sklearn.Ridge(n_bits=8)
TREE = cml_sklearn.DecisionTreeClassifier(max_depth=2, n_bits=3, random_state=0)
TREE_REGRESSOR = cml_sklearn.DecisionTreeRegressor(max_depth=2, n_bits=3, random_state=0)
BITS = {"n_bits": [4, 8]}

CLASSIFIERS: dict[str, tuple[Any, Any]] = {
    "AdaBoost": (AdaBoostClassifier(TREE, n_estimators=2, random_state=0), Y),
    "Bagging": (BaggingClassifier(LOGISTIC, n_estimators=2, random_state=0), Y),
    "Calibrated": (CalibratedClassifierCV(LOGISTIC, cv=2), Y),
    "chain": (ClassifierChain(LOGISTIC), BOTH),
    "FixedThreshold": (FixedThresholdClassifier(LOGISTIC, threshold=0.3), TWO),
    "Frozen": (FrozenEstimator(clone(LOGISTIC).fit(X, Y)), Y),
    "grid": (GridSearchCV(LOGISTIC, BITS, cv=2), Y),
    "halving": (HalvingGridSearchCV(LOGISTIC, BITS, cv=2, random_state=0), Y),
    "MultiOutput": (MultiOutputClassifier(TREE), BOTH),
    "OneVsOne": (OneVsOneClassifier(LOGISTIC), Y),
    "OneVsRest": (OneVsRestClassifier(LOGISTIC), Y),
    "OutputCode": (OutputCodeClassifier(LOGISTIC, random_state=0), Y),
    "random": (RandomizedSearchCV(LOGISTIC, {"n_bits": randint(5, 9)}, n_iter=2, cv=2), Y),
    "RFE": (RFE(LOGISTIC, n_features_to_select=2), Y),
    "RFECV": (RFECV(LOGISTIC, min_features_to_select=3, cv=2), Y),
    "SelectFromModel": (make_pipeline(SelectFromModel(TREE, threshold=1e-6), LOGISTIC), Y),
    "SelfTraining": (SelfTrainingClassifier(LOGISTIC), UNLABELLED),
    "sequential": (
        make_pipeline(SequentialFeatureSelector(LOGISTIC, n_features_to_select=1, cv=2), LOGISTIC),
        Y,
    ),
    "Stacking": (StackingClassifier([("a", LOGISTIC), ("b", TREE)], LOGISTIC, cv=2), Y),
    "TunedThreshold": (TunedThresholdClassifierCV(LOGISTIC, cv=2), TWO),
    "Voting": (VotingClassifier([("a", LOGISTIC), ("b", TREE)], voting="soft"), Y),
}
REGRESSORS: dict[str, tuple[Any, Any]] = {
    "AdaBoost": (AdaBoostRegressor(TREE_REGRESSOR, n_estimators=2, random_state=0), VALUES),
    "Bagging": (BaggingRegressor(RIDGE, n_estimators=2, random_state=0), VALUES),
    "chain": (RegressorChain(RIDGE), TWO_VALUES),
    "MultiOutput": (MultiOutputRegressor(RIDGE), TWO_VALUES),
    "Stacking": (StackingRegressor([("a", RIDGE)], RIDGE, cv=2), VALUES),
    "Voting": (VotingRegressor([("a", RIDGE), ("b", TREE_REGRESSOR)]), VALUES),
}
CASES = [
    pytest.param(*pair, id=f"{kind}-{name}")
    for kind, pairs in (("classifier", CLASSIFIERS), ("regressor", REGRESSORS))
    for name, pair in pairs.items()
]
METHODS = ("predict", "predict_proba", "decision_function")


@pytest.fixture
def executed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Samples of every encrypted evaluation."""
    sizes: list[int] = []
    execute: Callable[..., Any] = FheCircuit.execute

    def counting(circuit: FheCircuit, *inputs: Any) -> Any:
        sizes.append(len(inputs[0]))
        return execute(circuit, *inputs)

    monkeypatch.setattr(FheCircuit, "execute", counting)
    return sizes


@pytest.mark.fhe
@pytest.mark.parametrize(("model", "y"), CASES)
def test_three_modes_agree(model: Any, y: Any, executed: list[int]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = model.fit(X, y)
    for method in METHODS:
        if not hasattr(model, method):
            continue
        clear = getattr(model, method)(X[::25])
        assert not executed
        for mode in ("simulate", True):
            with config_context(execute_in_fhe=mode, engine="seal"):
                np.testing.assert_array_equal(getattr(model, method)(X[::25]), clear)
            assert bool(executed) == (mode is True)
        executed.clear()
