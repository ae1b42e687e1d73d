"""Costs without keys: what they count, in which models they are found, and what searches do."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn import linear_model as floats
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_iris
from sklearn.ensemble import StackingClassifier, VotingClassifier
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import StandardScaler

from cml_sklearn import PCA, DecisionTreeClassifier, LogisticRegression, MLPClassifier, metrics
from cml_sklearn.exceptions import InvalidInputError, UnsupportedModelError
from cml_sklearn.fhe import speed
from cml_sklearn.fhe.circuit import FheCircuit
from cml_sklearn.fhe.clear import ClearEngine
from cml_sklearn.metrics import fhe_cost, fhe_scorers
from cml_sklearn.model_selection import cheapest_within_one_standard_error

X, Y = load_iris(return_X_y=True)


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(speed, "_folder", lambda: tmp_path)
    monkeypatch.setattr(speed, "_measured", lambda _: speed.Speed(2.0, 0.5))
    return tmp_path


@pytest.fixture(autouse=True)
def no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("generate_keys", "client"):
        monkeypatch.setattr(FheCircuit, name, None)


def logistic(**parameters: Any) -> LogisticRegression:
    return LogisticRegression(max_iter=500, **parameters)


def test_costs_are_those_of_the_report() -> None:
    model = DecisionTreeClassifier(max_depth=2, n_bits=3).fit(X, Y)
    for engine in ("seal", "concrete"):
        cost = fhe_cost(model, engine=engine)
        report = model.compile(engine=engine).report
        assert (cost.engine, cost.key_bytes) == (engine, report.key_bytes)
        assert cost.pbs_count == (report.pbs_count or 0)
        assert cost.products == (report.products or 0)
        assert cost.gop == (report.complexity or 0)
        assert cost.memory_bytes > cost.key_bytes
        circuit = model.fhe_circuit_
        assert cost.seconds == pytest.approx(2 * circuit.cost(1).seconds)
        assert cost.seconds_error == 0.5


def test_asking_does_not_choose_the_engine() -> None:
    model = logistic().fit(X, Y)
    assert fhe_cost(model, engine="concrete").engine == "concrete"
    assert fhe_cost(model).engine == "seal"
    assert not model.quantized_module_.is_compiled
    circuit = model.quantized_module_.circuit_of("seal")
    assert model.fhe_circuit_ is circuit


def test_many_samples_are_cheaper_under_seal() -> None:
    model = DecisionTreeClassifier(max_depth=3).fit(X, Y)
    one, many = (fhe_cost(model, n_samples=n, engine="seal") for n in (1, 8192))
    assert many.seconds < one.seconds / 100
    assert many.ciphertext_bytes < one.ciphertext_bytes / 10


@pytest.mark.parametrize(
    ("model", "n_members"),
    [
        (logistic(), 1),
        (make_pipeline(StandardScaler(), logistic()), 1),
        (GridSearchCV(logistic(), {"n_bits": [4]}, cv=2), 1),
        (OneVsRestClassifier(logistic()), 3),
        (VotingClassifier([("a", logistic()), ("b", logistic()), ("c", "drop")]), 2),
        (CalibratedClassifierCV(logistic(), cv=2), 2),
        (StackingClassifier([("a", logistic())], logistic()), 2),
        (make_pipeline(make_union(PCA(2), "passthrough"), logistic()), 2),
        (make_pipeline(make_column_transformer((PCA(2), [0, 1, 2])), logistic()), 2),
        (StackingClassifier([("a", logistic())], floats.LogisticRegression(max_iter=500)), 1),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, int) else str(value),
)
def test_members_of_meta_estimators_are_found(model: Any, n_members: int) -> None:
    total = fhe_cost(model.fit(X, Y), engine="seal")
    modules = [module for module, _ in metrics._members(model)]
    assert len(modules) == n_members
    costs = [fhe_cost(module, engine="seal") for module in modules]
    assert total.engine == "seal"
    assert total.ciphertext_bytes == sum(cost.ciphertext_bytes for cost in costs)
    assert total.seconds == pytest.approx(sum(cost.seconds for cost in costs))


@pytest.mark.parametrize("model", [floats.LogisticRegression(max_iter=500), StandardScaler()])
def test_models_without_ours_are_refused(model: Any) -> None:
    model.fit(X, Y)
    with pytest.raises(UnsupportedModelError, match="holds no fitted estimator of cml_sklearn"):
        fhe_cost(model)


def test_wrong_arguments_are_refused() -> None:
    with pytest.raises(InvalidInputError, match="n_samples is 0"):
        fhe_cost(logistic().fit(X, Y), n_samples=0)
    with pytest.raises(InvalidInputError, match="no scorer 'gop'; there are neg_fhe_gop"):
        fhe_scorers("gop")
    with pytest.raises(
        InvalidInputError, match=r"no scores of 'a', only of b: .*scoring=\{'a': ...\}"
    ):
        cheapest_within_one_standard_error("a")({"split0_test_b": np.zeros(1)})


def test_the_cheapest_that_is_as_good_is_chosen() -> None:
    scores = [[0.90, 0.92, 0.80], [0.96, 0.95, 0.90], [0.93, 0.98, 0.85]]
    results = {f"split{i}_test_s": np.array(row) for i, row in enumerate(scores)}
    results |= {f"split{i}_test_c": np.array([-5.0, -9.0, -1.0]) for i in range(3)}
    # means 0.93, 0.95, 0.85; the best one's standard error is 0.017 < 0.02
    assert cheapest_within_one_standard_error("s", "c")(results) == 1
    results["split0_test_s"] = np.array([0.92, 0.92, 0.80])
    assert cheapest_within_one_standard_error("s", "c")(results) == 0
    costs = results | {f"split{i}_test_c": np.array([-5.0, np.nan, -1.0]) for i in range(3)}
    assert cheapest_within_one_standard_error("s", "c")(costs) == 0
    endless = results | {"split0_test_s": np.array([np.inf, 0.92, 0.80])}
    assert cheapest_within_one_standard_error("s", "c")(endless) == 1
    nothing = results | {f"split{i}_test_c": np.full(3, np.nan) for i in range(3)}
    with pytest.raises(InvalidInputError, match="both a finite s and a finite c"):
        cheapest_within_one_standard_error("s", "c")(nothing)
    # of equally cheap ones, the better
    results |= {f"split{i}_test_c": np.full(3, -1.0) for i in range(3)}
    assert cheapest_within_one_standard_error("s", "c")(results) == 1


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
def test_a_search_over_accuracy_and_cost() -> None:
    search = GridSearchCV(
        MLPClassifier((4,), max_iter=100, random_state=0),
        {"rounding_bits": [2, 5]},
        scoring={"accuracy": "accuracy", **fhe_scorers("neg_fhe_gop", "neg_fhe_pbs")},
        refit=cheapest_within_one_standard_error("accuracy"),
        cv=2,
    ).fit(X[:60], Y[:60])
    gop = search.cv_results_["mean_test_neg_fhe_gop"]
    assert gop[1] < gop[0] < 0
    assert (search.cv_results_["mean_test_neg_fhe_pbs"] == -4).all()
    chosen = search.cv_results_["params"][search.best_index_]
    assert search.best_params_ == chosen


def test_only_compilation_by_name_is_logged_at_info(caplog: pytest.LogCaptureFixture) -> None:
    model = logistic().fit(X, Y)
    scorer = fhe_scorers("neg_fhe_bytes")["neg_fhe_bytes"]
    with caplog.at_level(logging.DEBUG, logger="cml_sklearn"):
        fhe_cost(model, engine="seal")
        scorer(model, X)
        inner = [*caplog.records]
        model.compile(engine="clear")
    steps = [record.getMessage().partition(",")[0] for record in inner]
    assert {"compile: started", "compile: done"} <= set(steps)
    assert {record.levelno for record in inner} == {logging.DEBUG}
    assert logging.INFO in {record.levelno for record in caplog.records[len(inner) :]}


class TestSpeed:
    def test_it_is_measured_once(self, own_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        first = speed.speed_of(ClearEngine())
        monkeypatch.setattr(speed, "_measured", lambda _: speed.Speed(9.0, 0.1))
        assert speed.speed_of(ClearEngine()) == first
        (file,) = own_cache.glob("*.json")
        written = [{"factor": factor, "spread": 0} for factor in (-1, 1e300, 10**400)]
        for broken in ("", "[" * 100_000, *map(json.dumps, written), '{"factor": NaN}'):
            file.write_text(broken)
            assert speed.speed_of(ClearEngine()).factor == 9
        speed.forget_speeds()
        assert not [*own_cache.glob("*.json")]

    def test_without_a_cache_it_is_measured(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(speed, "_folder", lambda: Path("/dev/null/nowhere"))
        assert speed.speed_of(ClearEngine()).factor == 2


def test_unfitted_models_cost_nothing_that_is_known() -> None:
    with pytest.raises(NotFittedError, match="LogisticRegression"):
        fhe_cost(LogisticRegression())
