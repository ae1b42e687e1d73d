"""Pictures of accuracy and cost show what the search has found."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace

import matplotlib
import numpy as np
import pytest
from sklearn.datasets import load_iris

from cml_sklearn import DecisionTreeClassifier, LogisticRegression
from cml_sklearn.fhe import speed
from cml_sklearn.inspection import CostDisplay, PbsDisplay, pareto_front

matplotlib.use("Agg")


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    yield
    from matplotlib import pyplot

    pyplot.close("all")


def test_the_front_is_what_nothing_beats() -> None:
    rng = np.random.default_rng(0)
    costs, scores = rng.integers(0, 8, 40), rng.integers(0, 8, 40)
    front = pareto_front(costs, scores)
    assert (np.diff(costs[front]) > 0).all()
    assert (np.diff(scores[front]) > 0).all()
    for cost, score in zip(costs, scores, strict=True):
        assert ((costs[front] <= cost) & (scores[front] >= score)).any()
    np.testing.assert_array_equal(pareto_front([np.nan, 1.0, 2.0], [9.0, np.nan, 1.0]), [2])
    assert pareto_front([], []).shape == (0,)


def test_searches_are_drawn() -> None:
    models = [LogisticRegression(), DecisionTreeClassifier(), LogisticRegression()]
    results = {
        "params": [{"model": model} for model in models],
        "split0_test_accuracy": np.array([0.8, 0.9, 0.7]),
        "split1_test_accuracy": np.array([0.9, 0.9, 0.9]),
        "split0_test_neg_fhe_gop": np.array([-1.0, -10.0, -2.0]),
        "split1_test_neg_fhe_gop": np.array([-1.0, -30.0, -2.0]),
    }
    search = SimpleNamespace(cv_results_=results, best_index_=1)
    display = CostDisplay.from_search(search, group_by="model")
    np.testing.assert_allclose(display.costs, [1, 20, 2])
    np.testing.assert_allclose(display.errors, [0.05, 0, 0.1])
    np.testing.assert_array_equal(display.front_, [0, 1])
    _, labels = display.ax_.get_legend_handles_labels()
    assert {"LogisticRegression", "DecisionTreeClassifier", "Pareto front", "chosen"} == {*labels}
    assert display.ax_.get_xlabel() == "cost of a sample, Gop"
    assert display.ax_.get_xscale() == "log"
    again = CostDisplay.from_search(search, ax=display.ax_)
    assert again.figure_ is display.figure_


def test_lookups_are_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cml_sklearn.metrics.speed_of", lambda _: speed.Speed(1.0, 0.1))
    X, y = load_iris(return_X_y=True)
    model = DecisionTreeClassifier(max_depth=2, n_bits=3).fit(X, y)
    display = PbsDisplay.from_estimator(model)
    heights = [bar.get_height() for bar in display.ax_.containers[0]]
    by_width = model.compile(engine="concrete").report.pbs_by_width
    assert heights == [by_width[width] for width in sorted(by_width)]
