"""LightGBM's scikit-learn estimators on encrypted data; needs lightgbm."""

from __future__ import annotations

import lightgbm
from sklearn.base import BaseEstimator
from typing_extensions import override

from cml_sklearn.convert.tree_arrays import TreeArrays, lightgbm_trees
from cml_sklearn.estimators.boosters import BoosterClassifier, BoosterEstimator, BoosterRegressor
from cml_sklearn.exceptions import UnsupportedModelError
from cml_sklearn.quantization.postprocessing import (
    Affine,
    Link,
    Postprocessing,
    Softmax,
    TwoClasses,
)

__all__ = ["LGBMClassifier", "LGBMRegressor"]

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


class _LGBMModel(BoosterEstimator):
    """Trees of LightGBM; abstract."""

    _float32 = False

    @override
    def _make_wrapped(self) -> BaseEstimator:
        """Make an unfitted model; it writes to the terminal unless told not to."""
        return super()._make_wrapped().set_params(verbose=-1)

    @override
    def _read_trees(self, model: BaseEstimator) -> list[TreeArrays]:
        """Trees; the start of the boosting is part of the first ones."""
        objective, *options = _objective_of(model)
        if objective not in _INVERSE_LINKS or "sqrt" in options:
            raise UnsupportedModelError(
                f"The objective {' '.join([objective, *options])!r} has no known link; use one of "
                f"{', '.join(sorted(_INVERSE_LINKS))}, without reg_sqrt."
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


def _objective_of(model: BaseEstimator) -> list[str]:
    """Name and options of a fitted model's objective."""
    lines = model.booster_.model_to_string(num_iteration=1).splitlines()
    named = [line.removeprefix("objective=") for line in lines if line.startswith("objective=")]
    return named[0].split() if named else ["unknown"]
