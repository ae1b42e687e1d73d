"""Every estimator on a small data set, encrypted: the tables of docs/benchmarks/families.md.

Classes are found, and get their data by scikit-learn's tags, so a new one needs no line here unless
its defaults take long. Linear models and trees run on SEAL with all test samples at once, what is
cheaper on Concrete with a few.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from importlib import import_module
from typing import Any

import numpy as np
from sklearn.metrics import accuracy_score, adjusted_rand_score, r2_score
from sklearn.utils import get_tags

import cml_sklearn
from benchmarks.datasets import Dataset, load
from benchmarks.engines import facts_line
from benchmarks.measure import seconds_of
from benchmarks.progress import tracked
from benchmarks.tables import figure, insert, markdown
from cml_sklearn.estimators.base import FheEstimator
from cml_sklearn.estimators.skorch import NeuralNet
from cml_sklearn.metrics import FheCost, fhe_cost
from cml_sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

__all__ = ["FamilyRow", "estimators", "measured", "tables", "write"]

_EXTRAS = ("lightgbm", "xgboost")
"""Modules whose names the package itself does not have, since they need other libraries."""

_FOR_ALL = {"n_estimators": 20, "max_depth": 4, "random_state": 0}
"""Parameters that a class gets where its own would be larger or random."""

_PARAMETERS: dict[str, dict[str, Any]] = {
    "AdaBoostClassifier": {"estimator": DecisionTreeClassifier(max_depth=2)},
    "AdaBoostRegressor": {"estimator": DecisionTreeRegressor(max_depth=3)},
    "BaggingClassifier": {"estimator": DecisionTreeClassifier(max_depth=4)},
    "BaggingRegressor": {"estimator": DecisionTreeRegressor(max_depth=4)},
    "BernoulliNB": {"binarize": 8.0},
    "BernoulliRBM": {"n_components": 16},
    "Birch": {"threshold": 2.0},
    "CategoricalNB": {"min_categories": 17},
    "CCA": {"n_components": 1},
    "FactorAnalysis": {"n_components": 2},
    "FastICA": {"n_components": 2},
    "GaussianRandomProjection": {"n_components": 2},
    "HistGradientBoostingClassifier": {"max_iter": 20},
    "HistGradientBoostingRegressor": {"max_iter": 20},
    "IncrementalPCA": {"n_components": 2},
    "IsolationForest": {"max_samples": 16},
    "KernelPCA": {"n_components": 2},
    "KMeans": {"n_clusters": 3},
    "BisectingKMeans": {"n_clusters": 3},
    "MiniBatchKMeans": {"n_clusters": 3},
    "BayesianGaussianMixture": {"n_components": 3},
    "GaussianMixture": {"n_components": 3},
    "LGBMClassifier": {"verbosity": -1},
    "LGBMRegressor": {"verbosity": -1},
    "MeanShift": {"bandwidth": 3.0},
    "MiniBatchSparsePCA": {"n_components": 2},
    "MLPClassifier": {"hidden_layer_sizes": (8,), "max_iter": 500},
    "MLPRegressor": {"hidden_layer_sizes": (8,), "max_iter": 500},
    "NeighborhoodComponentsAnalysis": {"n_components": 2},
    "NeuralNetClassifier": {"module__hidden_layer_sizes": (8,)},
    "NeuralNetRegressor": {"module__hidden_layer_sizes": (8,)},
    "NuSVC": {"kernel": "linear"},
    "NuSVR": {"kernel": "linear"},
    "OneClassSVM": {"kernel": "linear"},
    "PCA": {"n_components": 2},
    "PLSCanonical": {"n_components": 1},
    "PLSSVD": {"n_components": 1},
    "RadiusNeighborsClassifier": {"radius": 4.0, "outlier_label": "most_frequent"},
    "RadiusNeighborsRegressor": {"radius": 4.0},
    "SparsePCA": {"n_components": 2},
    "SparseRandomProjection": {"n_components": 2},
    "SVC": {"kernel": "poly", "degree": 2, "coef0": 1.0},
    "SVR": {"kernel": "poly", "degree": 2, "coef0": 1.0},
}
_GREY = {"BernoulliNB": 1.0, "BernoulliRBM": 16.0}
"""Classes for pictures, and what grey values are divided by."""

_WINE = ("discriminant_analysis", "naive_bayes", "neighbors")
"""Modules whose classifiers are shown on three classes."""

_FEW = 2
"""Samples on an engine whose time is by sample."""

_SCORES = ["model", "data", "float", "quantized", "encrypted", "equal"]
_COSTS = ["model", "engine", "lookups", "Gop", "keys, MB", "kB", "ms"]


@dataclass(frozen=True)
class FamilyRow:
    """What became of one class.

    Attributes
    ----------
    module, name, data : str
    scores : tuple of float
        Of the wrapped class, the integers in the clear, and the encrypted samples; None: unknown.
    n_equal, n_samples : int
        Encrypted samples whose result is that of the integers in the clear, and all.
    cost : FheCost
    seconds : float
        Measured, for a sample, keys not included.
    """

    module: str
    name: str
    data: str
    scores: tuple[float | None, ...]
    n_equal: int
    n_samples: int
    cost: FheCost
    seconds: float


def write() -> None:
    """Measure all classes and write the page."""
    found = list(estimators())
    rows = [measured(*pair) for pair in tracked(found, lambda pair: pair[1].__name__)]
    insert("benchmarks/families.md", "families", [facts_line(), "", *tables(rows)])


def estimators() -> Iterator[tuple[str, type[FheEstimator]]]:
    """All classes, with the module where users find them."""
    for module in sorted([*cml_sklearn._PUBLIC, *_EXTRAS]):
        content = import_module(f"cml_sklearn.{module}")
        kinds = [getattr(content, name) for name in sorted(content.__all__)]
        yield from (
            (module, kind)
            for kind in kinds
            if isinstance(kind, type) and issubclass(kind, FheEstimator)
        )


def measured(module: str, kind: type[FheEstimator]) -> FamilyRow:
    """Fit a class, and send test samples through under encryption."""
    model: Any = _made(kind)
    title, data = _data_for(module, model)
    model.fit(data.X_train, data.y_train)
    method = getattr(model, "predict" if hasattr(model, "predict") else "transform")
    floats = _float_results(model, method.__name__, data)
    clear = method(data.X_test)
    cost = fhe_cost(model, n_samples=len(clear))
    X = data.X_test if cost.engine == "seal" else data.X_test[:_FEW]
    method(X[:1], execute_in_fhe=True)  # makes keys
    encrypted: list[np.ndarray] = []
    seconds = seconds_of(lambda: encrypted.append(method(X, execute_in_fhe=True)))
    same = np.isclose(encrypted[0], clear[: len(X)]).reshape(len(X), -1).all(axis=1)
    return FamilyRow(
        module,
        kind.__name__,
        title,
        tuple(_score(model, data, floats, results) for results in (floats, clear, *encrypted)),
        int(same.sum()),
        len(X),
        cost,
        seconds / len(X),
    )


def tables(rows: Iterable[FamilyRow]) -> Iterator[str]:
    """Lines of two tables: what comes out, and what it costs."""
    rows = list(rows)
    yield from markdown(_SCORES, map(_score_cells, rows), n_left=2)
    yield ""
    yield from markdown(_COSTS, map(_cost_cells, rows), n_left=2)


def _made(kind: type[FheEstimator]) -> FheEstimator:
    """Make an unfitted estimator with the parameters of the tables above."""
    given = _PARAMETERS.get(kind.__name__, {})
    model = kind(**given)
    known = model.get_params(deep=False)
    common = {k: v for k, v in _FOR_ALL.items() if k in known and k not in given}
    return model.set_params(**common)


def _data_for(module: str, model: FheEstimator) -> tuple[str, Dataset]:
    """Choose a data set by a class's tags, and give it the form that the class takes."""
    name, tags = type(model).__name__, get_tags(model)
    if name in _GREY or tags.input_tags.positive_only:
        data, divisor = load("digits"), _GREY.get(name, 1.0)
        return "digits", replace(data, X_train=data.X_train / divisor, X_test=data.X_test / divisor)
    if tags.estimator_type == "regressor":
        data = load("diabetes").standardized(targets=not tags.target_tags.positive_only)
        return "diabetes", data if tags.target_tags.single_output else _two_targets(data)
    if tags.estimator_type == "outlier_detector":
        return "breast_cancer", load("breast_cancer").standardized()
    is_small = tags.estimator_type != "classifier" or module in _WINE
    title = "wine" if is_small else "breast_cancer"
    return title, load(title).standardized()


def _two_targets(data: Dataset) -> Dataset:
    """Predict the last feature, too."""
    return replace(
        data,
        X_train=data.X_train[:, :-1],
        X_test=data.X_test[:, :-1],
        y_train=np.c_[data.y_train, data.X_train[:, -1]],
        y_test=np.c_[data.y_test, data.X_test[:, -1]],
    )


def _float_results(model: FheEstimator, method: str, data: Dataset) -> np.ndarray | None:
    """Let the wrapped class train and predict by itself; nets wrap none."""
    if isinstance(model, NeuralNet):
        return None
    reference = model._make_wrapped().fit(data.X_train, data.y_train)
    results: np.ndarray = getattr(reference, method)(data.X_test)
    return results


def _score(
    model: FheEstimator, data: Dataset, floats: np.ndarray | None, results: np.ndarray | None
) -> float | None:
    """Score the results for the first test samples by what kind of estimator it is."""
    if results is None:
        return None
    kind, targets = get_tags(model).estimator_type, data.y_test[: len(results)]
    if kind == "outlier_detector":  # those of class 0, the malignant ones, are few
        targets = np.where(targets == 0, -1, 1)
    if kind in _METRICS:
        return float(_METRICS[kind](targets, results))
    wanted = np.asarray(floats)[: len(results)]
    return float(1 - np.linalg.norm(results - wanted) / np.linalg.norm(wanted))


_METRICS: dict[str | None, Callable[[np.ndarray, np.ndarray], float]] = {
    "classifier": accuracy_score,
    "clusterer": adjusted_rand_score,
    "density_estimator": adjusted_rand_score,
    "outlier_detector": accuracy_score,
    "regressor": r2_score,
}
"""By the type of estimator; of transformers it is what is left of 1 by the relative error."""


def _score_cells(row: FamilyRow) -> list[str]:
    scores = (figure("score", value) for value in row.scores)
    return [f"`{row.name}`", row.data, *scores, f"{row.n_equal}/{row.n_samples}"]


def _cost_cells(row: FamilyRow) -> list[str]:
    cost = row.cost
    gop = figure("gop", cost.gop or None)
    sizes = (figure("key_bytes", cost.key_bytes), figure("kB", cost.ciphertext_bytes / 1e3))
    lookups = f"{cost.pbs_count:.0f}"
    return [
        f"`{row.name}`",
        cost.engine,
        lookups,
        gop,
        *sizes,
        figure("milliseconds", 1e3 * row.seconds),
    ]
