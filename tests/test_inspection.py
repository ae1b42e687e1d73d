"""Pictures of accuracy and cost show what the search has found."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from types import SimpleNamespace
from typing import Any

import matplotlib
import numpy as np
import pytest
from matplotlib.axes import Axes
from matplotlib.container import BarContainer
from sklearn.datasets import load_iris
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from cml_sklearn import (
    DecisionTreeClassifier,
    GaussianNB,
    KNeighborsClassifier,
    LogisticRegression,
    MLPClassifier,
    inspection,
)
from cml_sklearn.exceptions import InvalidInputError, UnsupportedModelError
from cml_sklearn.fhe import speed
from cml_sklearn.inspection import (
    ClippedInputsDisplay,
    CostDisplay,
    PbsDisplay,
    QuantizationErrorDisplay,
    clipped_inputs,
    pareto_front,
)
from cml_sklearn.metrics import FheCost

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


def test_parameters_that_no_search_has_varied_are_refused() -> None:
    search: Any = SimpleNamespace(cv_results_={"params": [{"tree__max_depth": 2}]})
    with pytest.raises(InvalidInputError, match="tree__max_depth"):
        CostDisplay.from_search(search, group_by="max_depth")


def test_lookups_are_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cml_sklearn.metrics.speed_of", lambda _: speed.Speed(1.0, 0.1))
    X, y = load_iris(return_X_y=True)
    model = DecisionTreeClassifier(max_depth=2, n_bits=3).fit(X, y)
    display = PbsDisplay.from_estimator(model)
    heights = [bar.get_height() for bar in display.ax_.containers[0]]
    by_width = model.compile(engine="concrete").report.pbs_by_width
    assert heights == [by_width[width] for width in sorted(by_width)]


def bar_lengths(ax: Axes) -> list[float]:
    (bars,) = ax.containers
    assert isinstance(bars, BarContainer)
    return np.asarray(bars.datavalues).tolist()


def test_errors_are_those_of_the_narrow_parts() -> None:
    X, y = load_iris(return_X_y=True)
    narrow = {"inputs": 10, "weights": 3}
    display = QuantizationErrorDisplay.from_estimator(
        LogisticRegression(max_iter=500, n_bits=narrow).fit(X, y), X
    )
    errors = display.errors
    assert list(errors) == ["inputs", "weights", "all"]
    assert errors["inputs"] < 0.01 < errors["weights"] == pytest.approx(errors["all"], rel=0.2)
    assert bar_lengths(display.ax_) == list(errors.values())
    products = GaussianNB(n_bits={"inputs": 2, "weights": 16}).fit(X, y)
    errors = QuantizationErrorDisplay.from_estimator(products, X).errors
    assert errors["weights"] < 0.01 < errors["inputs"]


@pytest.mark.usefixtures("brief_students")
@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
def test_errors_of_networks_are_by_layer() -> None:
    X, y = load_iris(return_X_y=True)
    model = MLPClassifier(
        (4, 3),
        n_bits={"inputs": 8, "weights": (8, 2, 8), "activations": 8},
        rounding_bits=(10, 3),
        max_iter=300,
        random_state=0,
    ).fit(X, y)
    errors = QuantizationErrorDisplay.from_estimator(model, X).errors
    parts = [f"{part} {layer}" for part in ("weights", "codes", "lookups") for layer in (1, 2)]
    assert {"inputs", *parts, "weights 3", "all"} == set(errors)
    worst = sorted(errors, key=lambda part: errors[part])[-3:]
    assert set(worst) == {"weights 2", "lookups 2", "all"}


def test_errors_of_trees_have_no_layers() -> None:
    X, y = load_iris(return_X_y=True)
    model = DecisionTreeClassifier(max_depth=2).fit(X, y)
    with pytest.raises(UnsupportedModelError, match="trained on the codes"):
        QuantizationErrorDisplay.from_estimator(model, X)
    with pytest.raises(UnsupportedModelError, match="clips nothing"):
        ClippedInputsDisplay.from_estimator(model, X)
    neighbors = KNeighborsClassifier(3).fit(X[::10], y[::10])
    with pytest.raises(UnsupportedModelError, match="looks distances up"):
        QuantizationErrorDisplay.from_estimator(neighbors, X)


@pytest.mark.parametrize("model", [LogisticRegression(max_iter=500), GaussianNB()])
def test_clipped_inputs_are_counted_by_feature(model: LogisticRegression | GaussianNB) -> None:
    frame, y = load_iris(return_X_y=True, as_frame=True)
    model.fit(frame, y)
    assert not clipped_inputs(model, frame).any()
    frame.iloc[:30, 2] = 99
    frame.iloc[:15, 1] = -99
    display = ClippedInputsDisplay.from_estimator(model, frame, max_features=2)
    np.testing.assert_allclose(display.shares, [0, 0.1, 0.2, 0])
    assert [label.get_text() for label in display.ax_.get_yticklabels()] == [
        "petal length (cm)",
        "sepal width (cm)",
    ]
    assert bar_lengths(display.ax_) == pytest.approx([20, 10])


def test_networks_count_what_is_beyond_their_tails() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 2))
    X[:, 0] = np.sinh(3 * X[:, 0])  # has tails, which are drawn in
    model = MLPClassifier((2,), max_iter=5, random_state=0)
    with pytest.warns(UserWarning, match="Stochastic Optimizer"):
        model.fit(X, X[:, 1] > 0)
    assert clipped_inputs(model, X).max() < 0.3  # few codes serve most samples best
    np.testing.assert_allclose(clipped_inputs(model, 1e9 * np.ones((10, 2))), [1, 1])


def _bar_names(count: int) -> list[str]:
    return [f"mean_of_the_measurement_{i}_in_the_third_quarter (cm)" for i in range(count)]


DISPLAYS = [
    CostDisplay(
        np.array([1.5, 3.0, 4.0]),
        np.array([0.8, 0.9, 0.7]),
        np.full(3, 0.02),
        groups=[
            "DecisionTreeClassifier",
            *(f"{{'inputs': {i}, 'activations': 4}}" for i in (4, 5)),
        ],
        chosen=1,
        score_name="accuracy",
        cost_name="cost of a sample, Gop",
        group_name="classify__n_bits",
    ),
    CostDisplay(np.arange(1.0, 8.0), np.ones(7), np.zeros(7), groups=[*"abcdefg"], group_name="k"),
    PbsDisplay(
        FheCost(
            "concrete", {i: 1111.0 * i for i in range(1, 9)}, 123.4, 0, 0, 0.0, 0.0, 0.0, 0.0, 1
        )
    ),
    QuantizationErrorDisplay({f"lookups {i}": 0.1 * i for i in range(12)}),
    ClippedInputsDisplay(np.linspace(0, 1, 40), _bar_names(40)),
    ClippedInputsDisplay(np.zeros(2), ["same", "same"]),
]


def test_all_displays_are_looked_at() -> None:
    names = {name for name in inspection.__all__ if name.endswith("Display")}
    assert {type(display).__name__ for display in DISPLAYS} == names


@pytest.mark.parametrize("size", [(4, 3), None], ids=["400px", "default"])
@pytest.mark.parametrize("display", DISPLAYS, ids=lambda display: type(display).__name__)
def test_displays_cut_off_and_cover_nothing(display: Any, size: tuple[int, int] | None) -> None:
    from matplotlib import pyplot

    ax = pyplot.subplots(figsize=size, layout="constrained")[1] if size else None
    display.plot(ax=ax)
    figure, ax = display.figure_, display.ax_
    figure.draw_without_rendering()
    assert ax.get_xlabel()
    assert ax.get_ylabel()
    inside, whole = ax.get_window_extent(), figure.bbox.padded(1)
    assert inside.width >= 0.6 * figure.bbox.width
    assert inside.height >= 0.55 * figure.bbox.height
    for corner in ax.get_tightbbox().corners():
        assert whole.contains(*corner)
    for number in ax.texts:
        box = number.get_window_extent()
        assert box.x1 < inside.x1
        assert box.y1 < inside.y1
    labels = [x.get_window_extent() for x in ax.get_yticklabels() if x.get_text()]
    assert not any(a.overlaps(b) for a, b in combinations(labels, 2))
    if isinstance(display, ClippedInputsDisplay):
        written = {x.get_text() for x in ax.get_yticklabels()}
        assert len(written) == len({*display.feature_names[:20]})
    if isinstance(display, CostDisplay):
        written = {*ax.get_legend_handles_labels()[1]} - {"Pareto front", "chosen"}
        assert len(written) == len({*display.groups})
    if ax.get_legend():
        assert ax.get_legend().get_title().get_text() == display.group_name
        legend = ax.get_legend().get_window_extent().padded(-1)
        assert not legend.overlaps(inside)
        assert not legend.overlaps(ax.xaxis.get_tightbbox())


def test_equal_names_keep_bars_of_their_own() -> None:
    display = ClippedInputsDisplay(np.array([0.5, 0.25]), ["x", "x"]).plot()
    assert bar_lengths(display.ax_) == [50, 25]
    centers = [bar.get_extents().y0 for bar in display.ax_.patches]
    assert len({*centers}) == 2


@pytest.mark.parametrize(
    ("draw", "error", "message"),
    [
        (QuantizationErrorDisplay.from_estimator, UnsupportedModelError, "of a pipeline its last"),
        (ClippedInputsDisplay.from_estimator, UnsupportedModelError, "got Pipeline"),
        (
            lambda model, X: ClippedInputsDisplay.from_estimator(model[-1], X),
            NotFittedError,
            "not fitted",
        ),
        (lambda model, _: CostDisplay.from_search(model), InvalidInputError, "no cv_results_"),
        (lambda *_: pareto_front([1, 2], [1]), InvalidInputError, "for each candidate"),
        (
            lambda *_: ClippedInputsDisplay(np.zeros(3), ["a"]),
            InvalidInputError,
            "3 shares, 1 feature_names",
        ),
        (
            lambda *_: ClippedInputsDisplay(np.zeros(1), ["a"]).plot(max_features=0),
            InvalidInputError,
            "max_features is 0",
        ),
    ],
)
def test_what_no_picture_can_show_is_refused(
    draw: Any, error: type[Exception], message: str
) -> None:
    model = make_pipeline(StandardScaler(), LogisticRegression())
    with pytest.raises(error, match=message):
        draw(model, np.zeros((3, 2)))
