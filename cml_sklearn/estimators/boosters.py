"""What the estimators of XGBoost and LightGBM share: margins, and grids of their own."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable
from typing import Any, Self

from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator
from typing_extensions import override

from cml_sklearn._typing import FloatArray
from cml_sklearn.estimators.passed_parameters import FURTHER_PASSED
from cml_sklearn.estimators.predictions import (
    DecidingEstimator,
    FheClassifierMixin,
    FheRegressorMixin,
    PredictingEstimator,
)
from cml_sklearn.estimators.refused_parameters import REFUSED, refuse_categories
from cml_sklearn.estimators.trees import EnsembleEstimator
from cml_sklearn.estimators.wrapping import library_of
from cml_sklearn.exceptions import InvalidInputError
from cml_sklearn.forest.grid import FeatureGrid
from cml_sklearn.keywords import did_you_mean
from cml_sklearn.quantization.postprocessing import (
    Postprocessing,
    Squeeze,
)

__all__ = ["BoosterClassifier", "BoosterEstimator", "BoosterRegressor"]


class BoosterEstimator(EnsembleEstimator):
    """A model of a library of its own; abstract.

    What the library takes by further keywords are parameters, too.
    """

    _further: dict[str, object]

    def get_params(self, deep: bool = True) -> dict[str, object]:
        """Parameters, those that the library takes by further keywords among them."""
        return {**super().get_params(deep), **self._further}

    def set_params(self, **params: object) -> Self:
        """Set parameters, those that the library takes by further keywords among them."""
        names = self._get_param_names()
        further = {k: v for k, v in params.items() if k not in names and "__" not in k}
        super().set_params(**{k: v for k, v in params.items() if k not in further})
        self._further = {**self._further, **further}
        return self

    @override
    def _validate_params(self) -> None:
        self._check_further(self._further)
        super()._validate_params()

    def _check_further(self, further: Iterable[str]) -> None:
        """Refuse keywords that the library does not know, and would not heed."""
        library = library_of(self._wrapped_class)
        known = {*FURTHER_PASSED[library].split(), *REFUSED[library]}
        unknown = [name for name in further if self._main_name(name) not in known]
        if unknown:
            raise InvalidInputError(
                f"{type(self).__name__} got {unknown}, which are no parameters of {library}'s"
                f"{did_you_mean(unknown, known.union(self._get_param_names())) or '.'} Besides "
                f"those of its signature it takes {', '.join(sorted(known))}."
            )

    def _main_name(self, name: str) -> str:
        """Name that stands in the tables for a parameter of several names."""
        return name

    @override
    def _validated(self, X: ArrayLike, *, reset: bool) -> FloatArray:
        refuse_categories(X)
        return super()._validated(X, reset=reset)

    @override
    def _encoded_parameters(
        self, grid: FeatureGrid, fit_params: dict[str, object]
    ) -> dict[str, object]:
        """Arguments of `fit`, where samples for early stopping have gone through the grid, too."""
        encoded = dict(fit_params)
        pairs: Any = fit_params.get("eval_set")
        if pairs is not None:
            pairs = [pairs] if isinstance(pairs, tuple) else pairs
            encoded["eval_set"] = [(self._codes(grid, X), *rest) for X, *rest in pairs]
        samples: Any = fit_params.get("eval_X")
        if samples is not None:
            several = isinstance(samples, tuple)
            codes = tuple(self._codes(grid, X) for X in (samples if several else (samples,)))
            encoded["eval_X"] = codes if several else codes[0]
        return encoded

    @abstractmethod
    def _inverse_link(self, model: BaseEstimator) -> Postprocessing:
        """Make targets or probabilities of margins, by the fitted model's objective."""


class BoosterRegressor(FheRegressorMixin, PredictingEstimator, BoosterEstimator):
    """A regressor on margins; abstract."""

    _one_unit = False

    @override
    def _postprocessing(self, model: BaseEstimator) -> dict[str, Postprocessing]:
        return {"predict": (Squeeze(), *self._inverse_link(model))}


class BoosterClassifier(FheClassifierMixin, DecidingEstimator, BoosterEstimator):
    """A classifier on margins; abstract."""

    @override
    def _probabilities(self, model: BaseEstimator) -> Postprocessing:
        return self._inverse_link(model)
