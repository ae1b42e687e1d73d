"""The example in an estimator's docstring: a small data set, `fit`, an encrypted prediction."""

from __future__ import annotations

import inspect
from typing import Any

from sklearn.base import RegressorMixin

__all__ = ["example_of"]

_EXAMPLE = """
Examples
--------
>>> from sklearn.datasets import {data}
>>> from {module} import {name}
>>> X, y = {data}(return_X_y=True)
>>> model = {name}({parameters})
>>> encrypted = model.fit({fitted}).{method}(X[:3], execute_in_fhe=True)
>>> {check}
"""

_EQUAL = "bool((encrypted == model.{method}(X[:3])).all())\nTrue"
_LIKE = "encrypted.shape  # values may differ a bit from those in the clear\n(3,)"

_OF_SEVERAL_TARGETS = ("MultiTask", "CCA", "PLS")
"""How the names of classes begin whose targets have several columns."""

_OF_APPROXIMATE_ROUNDING = ("KNeighbors", "MLP")
"""How the names of classes begin whose encrypted predictions may differ from those in the clear."""

_OF_FEW_ROWS = ("KNeighbors",)
"""How the names of classes begin whose encrypted predictions look at every row of training."""

_SMALL: dict[str, object] = {
    "kernel": "linear",
    "max_depth": 2,
    "n_clusters": 3,
    "n_components": 2,
    "n_estimators": 5,
    "random_state": 0,
}
"""Parameters for every class that has them."""

_NET = {"module__activation": "square", "n_bits": 6, "max_epochs": 5}
_PERCEPTRON = {
    "hidden_layer_sizes": (4,),
    "max_iter": 2000,
    "rounding_bits": 3,
    "solver": "lbfgs",
}
_PARAMETERS: dict[str, dict[str, object]] = {
    "BaggingClassifier": {"max_samples": 20},
    "BaggingRegressor": {"max_samples": 10},
    "HistGradientBoostingClassifier": {"max_iter": 5},
    "HistGradientBoostingRegressor": {"max_iter": 5},
    "HuberRegressor": {"max_iter": 1000},
    "IsolationForest": {"max_samples": 8},
    "LGBMClassifier": {"verbose": -1},
    "LGBMRegressor": {"verbose": -1},
    "LogisticRegression": {"max_iter": 1000},
    "LogisticRegressionCV": {
        "Cs": 2,
        "cv": 3,
        "l1_ratios": (0.0,),
        "max_iter": 1000,
        "scoring": "accuracy",
        "use_legacy_attributes": False,
    },
    "MLPClassifier": _PERCEPTRON,
    "MLPRegressor": _PERCEPTRON,
    "NeuralNetClassifier": _NET,
    "NeuralNetRegressor": _NET,
    "SGDRegressor": {"max_iter": 10_000},
}
"""Parameters by class: what converges on the data of the example, and what keeps it short."""

_WIDE = 16
"""Width of models of products by default; they take seconds to round at it, a moment at 10."""


def example_of(cls: Any) -> str:
    """Section of a docstring; it runs as it stands.

    Parameters
    ----------
    cls : type
        An estimator, with its constructor and its bases.
    """
    parameters = _parameters_for(cls)
    is_approximate = cls.__name__.startswith(_OF_APPROXIMATE_ROUNDING)
    method = "predict" if hasattr(cls, "predict") else "transform"
    return _EXAMPLE.format(
        data=_data_for(cls),
        module=cls.__module__,
        name=cls.__name__,
        parameters=", ".join(f"{name}={value!r}" for name, value in parameters.items()),
        fitted=_fitted_to(cls),
        method=method,
        check=_LIKE if is_approximate else _EQUAL.format(method=method),
    )


def _data_for(cls: type) -> str:
    """Loader of a data set of a kind that the class is for."""
    if cls.__name__.startswith(_OF_SEVERAL_TARGETS):
        return "load_linnerud"
    return "load_diabetes" if issubclass(cls, RegressorMixin) else "load_iris"


def _fitted_to(cls: Any) -> str:
    """Arguments of `fit`."""
    rows = "[::15]" if cls.__name__.startswith(_OF_FEW_ROWS) else ""
    targets = inspect.signature(cls.fit).parameters["y"]
    return f"X{rows}, y{rows}" if targets.default is inspect.Parameter.empty else f"X{rows}"


def _parameters_for(cls: Any) -> dict[str, object]:
    """Parameters that keep the example small."""
    known = inspect.signature(cls.__init__).parameters
    small = {name: value for name, value in _SMALL.items() if name in known}
    narrow = {"n_bits": 10} if known["n_bits"].default == _WIDE else {}
    return small | narrow | _PARAMETERS.get(cls.__name__, {})
