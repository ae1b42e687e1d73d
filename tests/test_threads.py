"""Whatever is made when first asked for is made once, however many threads ask."""

from __future__ import annotations

from collections.abc import Callable
from threading import Barrier, Thread
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_iris

from cml_sklearn import DecisionTreeClassifier, KMeans, LogisticRegression, config_context

N_THREADS = 6
X, Y = load_iris(return_X_y=True)


def hammer(action: Callable[[], Any]) -> list[Any]:
    """Results of an action that all threads begin at once."""
    barrier, results = Barrier(N_THREADS), []

    def work() -> None:
        barrier.wait(timeout=60)
        results.append(action())

    threads = [Thread(target=work) for _ in range(N_THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == N_THREADS
    return results


LAZY: dict[str, Callable[[Any], Any]] = {
    "fhe_circuit_": lambda model: model.fhe_circuit_,
    "fhe_report_": lambda model: model.fhe_report_,
    "fhe_reports_": lambda model: model.fhe_reports_["predict_proba"],
    "fhe_circuit": lambda model: model.quantized_module_.fhe_circuit,
    "server": lambda model: model.fhe_circuit_.server,
    "client": lambda model: model.fhe_circuit_.client,
}


@pytest.mark.parametrize("engine", ["clear", "concrete"])
@pytest.mark.parametrize("name", LAZY)
def test_lazy_attributes_are_made_once(name: str, engine: str) -> None:
    model = LogisticRegression(max_iter=500, n_bits=3).fit(X, Y)
    with config_context(engine=engine):
        made = hammer(lambda: LAZY[name](model))
    assert {id(thing) for thing in made} == {id(made[0])}


@pytest.mark.fhe
@pytest.mark.parametrize(
    "model", [LogisticRegression(max_iter=500, n_bits=3), DecisionTreeClassifier(max_depth=2)]
)
@pytest.mark.parametrize("mode", [True, "simulate"])
def test_threads_get_the_clear_predictions(model: Any, mode: Any) -> None:
    model.fit(X, Y)
    expected = model.predict(X[::50])
    for result in hammer(lambda: model.predict(X[::50], execute_in_fhe=mode)):
        np.testing.assert_array_equal(result, expected)


@pytest.mark.parametrize(
    ("model", "step"),
    [(KMeans(3, random_state=0), "_quantize"), (DecisionTreeClassifier(), "_quantize_forest")],
    ids=["KMeans", "DecisionTreeClassifier"],
)
def test_the_earlier_model_stays_whole_while_a_fit_quantizes(
    model: Any, step: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model.fit(X, Y)
    earlier, seen = (model.predict(X), model.sklearn_model_), []
    quantize = getattr(type(model), step)

    def observed(self: Any, *args: Any) -> Any:
        seen.append((model.predict(X), model.sklearn_model_))
        return quantize(self, *args)

    monkeypatch.setattr(type(model), step, observed)
    model.fit(X[::2, ::-1], Y[::2])
    ((predictions, wrapped),) = seen
    np.testing.assert_array_equal(predictions, earlier[0])
    assert wrapped is earlier[1]
