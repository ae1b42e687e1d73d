"""LightGBM's scikit-learn estimators on encrypted data; needs lightgbm."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from sklearn.base import BaseEstimator
from typing_extensions import override

from cml_sklearn.estimators.boosters import BoosterClassifier, BoosterEstimator, BoosterRegressor
from cml_sklearn.estimators.refused_parameters import check_parameters
from cml_sklearn.exceptions import MissingPackageError, UnsupportedModelError
from cml_sklearn.forest.grid import FeatureGrid
from cml_sklearn.forest.tree_arrays import TreeArrays, lightgbm_trees
from cml_sklearn.quantization.postprocessing import (
    Affine,
    Link,
    Postprocessing,
    Softmax,
    TwoClasses,
)

with MissingPackageError.of_imports(__name__, "boosting"):
    import lightgbm
    from lightgbm.basic import _ConfigAliases

__all__ = ["LGBMClassifier", "LGBMRegressor"]


def __dir__() -> list[str]:
    return __all__


_INVERSE_LINKS: dict[str, Postprocessing] = {
    "binary": (Link("logit"), TwoClasses()),
    "multiclass": (Softmax(),),
    "multiclassova": (Link("logit"),),
    "regression": (),
    "regression_l1": (),
    "huber": (),
    "fair": (),
    "quantile": (),
    "mape": (),
    "poisson": (Link("log"),),
    "gamma": (Link("log"),),
    "tweedie": (Link("log"),),
}


_KIND = "decision_type="
_NAN_GOES_RIGHT = "8"
"""Kind of a split that sends missing values, which lie above every edge, to the right."""

_LARGEST = 1e300
"""What LightGBM writes for infinity."""


class _LGBMModel(BoosterEstimator):
    """Trees of LightGBM; abstract."""

    _float32 = False

    @override
    def _make_wrapped(self) -> BaseEstimator:
        """Make an unfitted model; it writes to the terminal unless told not to."""
        model = super()._make_wrapped()
        told = any(self._main_name(name) == "verbosity" for name in self._further)
        return model if told else model.set_params(verbose=-1)

    @override
    def _main_name(self, name: str) -> str:
        aliases = _ConfigAliases._get_all_param_aliases()
        return next((main for main, names in aliases.items() if name in names), name)

    @override
    def _validate_params(self) -> None:
        super()._validate_params()
        by_main_name = {self._main_name(name): value for name, value in self._further.items()}
        check_parameters(type(self).__name__, "lightgbm", by_main_name)

    @override
    def _to_users_units(self, model: BaseEstimator, grid: FeatureGrid) -> None:
        old = model.booster_
        head, *trees = old.model_to_string(num_iteration=-1).split("\nTree=")
        names = getattr(self, "feature_names_in_", None)
        text = "\nTree=".join([_named(head, names), *(_with_edges(tree, grid) for tree in trees)])
        booster = lightgbm.Booster(model_str=text)
        booster.best_iteration, booster.best_score = old.best_iteration, old.best_score
        model._Booster = booster

    @override
    def _read_trees(self, model: BaseEstimator) -> list[TreeArrays]:
        """Trees; the start of the boosting is part of the first ones."""
        objective, *options = _objective_of(model)
        if objective not in _INVERSE_LINKS or "sqrt" in options:
            raise UnsupportedModelError(
                f"The objective {' '.join([objective, *options])!r} has no known link; use one of "
                f"{', '.join(sorted(_INVERSE_LINKS))}, without reg_sqrt."
            )
        if _has_marked_zeros(model):
            raise UnsupportedModelError(
                "The model takes zeros for missing values (zero_as_missing), which the client's "
                "bits don't tell apart; put NaN in their place and train without it."
            )
        return lightgbm_trees(model)

    @override
    def _inverse_link(self, model: BaseEstimator) -> Postprocessing:
        objective, *options = _objective_of(model)
        slopes = [o.removeprefix("sigmoid:") for o in options if o.startswith("sigmoid:")]
        steps = _INVERSE_LINKS[objective]
        return (Affine(float(slopes[0])), *steps) if slopes else steps


class LGBMClassifier(BoosterClassifier, _LGBMModel, wraps=lightgbm.LGBMClassifier): ...


class LGBMRegressor(BoosterRegressor, _LGBMModel, wraps=lightgbm.LGBMRegressor): ...


def _has_marked_zeros(model: BaseEstimator) -> bool:
    """Whether a fitted model sends zeros another way than its thresholds say."""
    lines = model.booster_.model_to_string().splitlines()
    kinds = (line.removeprefix(_KIND).split() for line in lines if line.startswith(_KIND))
    return any(int(kind) >> 2 & 3 == 1 for of_tree in kinds for kind in of_tree)


def _named(head: str, names: Iterable[object] | None) -> str:
    """Head of a stored model with the user's names, and without the trees' lengths."""
    lines = [line for line in head.splitlines() if not line.startswith("tree_sizes=")]
    words = ["_".join(str(name).split()) for name in (() if names is None else names)]
    if not words or set(',:"[]{}') & set("".join(words)):
        return "\n".join(lines)
    return "\n".join(
        f"feature_names={' '.join(words)}" if line.startswith("feature_names=") else line
        for line in lines
    )


def _with_edges(tree: str, grid: FeatureGrid) -> str:
    """Put the grid's edges in place of codes, in a tree as LightGBM stores it."""
    lines = tree.splitlines(keepends=True)
    entries = {name: value for name, _, value in (line.partition("=") for line in lines)}
    if "threshold" not in entries:
        return tree
    feature = np.array(entries["split_feature"].split(), dtype=np.int64)
    edges = grid.thresholds(feature, np.array(entries["threshold"].split(), dtype=np.float64))
    written = {
        "threshold": map(repr, np.clip(edges, -_LARGEST, _LARGEST).tolist()),
        "decision_type": [_NAN_GOES_RIGHT] * len(feature),
    }
    for place, line in enumerate(lines):
        name = line.partition("=")[0]
        if name in written:
            lines[place] = f"{name}={' '.join(written[name])}\n"
    return "".join(lines)


def _objective_of(model: BaseEstimator) -> list[str]:
    """Name and options of a fitted model's objective."""
    lines = model.booster_.model_to_string(num_iteration=1).splitlines()
    named = [line.removeprefix("objective=") for line in lines if line.startswith("objective=")]
    return named[0].split() if named else ["unknown"]
