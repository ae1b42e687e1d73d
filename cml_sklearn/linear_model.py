"""Linear models: `sklearn.linear_model` on encrypted data."""

from __future__ import annotations

import sklearn.linear_model
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, OutlierMixin, is_regressor
from sklearn.metrics import d2_tweedie_score, get_scorer
from typing_extensions import override

from cml_sklearn._typing import Array, FloatArray
from cml_sklearn.config import ExecutionMode, config_context, resolve_mode
from cml_sklearn.estimators.arrays import as_numpy
from cml_sklearn.estimators.conventions import binarized_labels, outlier_methods
from cml_sklearn.estimators.linear import (
    LinearClassifier,
    LinearEstimator,
    LinearRegressor,
    coefficients_of,
    weights_of,
)
from cml_sklearn.estimators.partial_fit import PartialFitMixin
from cml_sklearn.estimators.predictions import DetectingEstimator
from cml_sklearn.exceptions import UnsupportedModelError
from cml_sklearn.quantization.postprocessing import (
    Affine,
    Clip,
    Postprocessing,
    Shares,
    Softmax,
    Squeeze,
    TwoClasses,
)

__all__ = [
    "ARDRegression",
    "BayesianRidge",
    "ElasticNet",
    "ElasticNetCV",
    "GammaRegressor",
    "HuberRegressor",
    "Lars",
    "LarsCV",
    "Lasso",
    "LassoCV",
    "LassoLars",
    "LassoLarsCV",
    "LassoLarsIC",
    "LinearRegression",
    "LogisticRegression",
    "LogisticRegressionCV",
    "MultiTaskElasticNet",
    "MultiTaskElasticNetCV",
    "MultiTaskLasso",
    "MultiTaskLassoCV",
    "OrthogonalMatchingPursuit",
    "OrthogonalMatchingPursuitCV",
    "Perceptron",
    "PoissonRegressor",
    "QuantileRegressor",
    "RANSACRegressor",
    "Ridge",
    "RidgeCV",
    "RidgeClassifier",
    "RidgeClassifierCV",
    "SGDClassifier",
    "SGDOneClassSVM",
    "SGDRegressor",
    "TheilSenRegressor",
    "TweedieRegressor",
]


def __dir__() -> list[str]:
    return __all__


class LinearRegression(LinearRegressor, wraps=sklearn.linear_model.LinearRegression): ...


class Ridge(LinearRegressor, wraps=sklearn.linear_model.Ridge): ...


class RidgeCV(LinearRegressor, wraps=sklearn.linear_model.RidgeCV): ...


class Lasso(LinearRegressor, wraps=sklearn.linear_model.Lasso): ...


class LassoCV(LinearRegressor, wraps=sklearn.linear_model.LassoCV): ...


class ElasticNet(LinearRegressor, wraps=sklearn.linear_model.ElasticNet): ...


class ElasticNetCV(LinearRegressor, wraps=sklearn.linear_model.ElasticNetCV): ...


class MultiTaskLasso(LinearRegressor, wraps=sklearn.linear_model.MultiTaskLasso): ...


class MultiTaskLassoCV(LinearRegressor, wraps=sklearn.linear_model.MultiTaskLassoCV): ...


class MultiTaskElasticNet(LinearRegressor, wraps=sklearn.linear_model.MultiTaskElasticNet): ...


class MultiTaskElasticNetCV(LinearRegressor, wraps=sklearn.linear_model.MultiTaskElasticNetCV): ...


class Lars(LinearRegressor, wraps=sklearn.linear_model.Lars): ...


class LarsCV(LinearRegressor, wraps=sklearn.linear_model.LarsCV): ...


class LassoLars(LinearRegressor, wraps=sklearn.linear_model.LassoLars): ...


class LassoLarsCV(LinearRegressor, wraps=sklearn.linear_model.LassoLarsCV): ...


class LassoLarsIC(LinearRegressor, wraps=sklearn.linear_model.LassoLarsIC): ...


class OrthogonalMatchingPursuit(
    LinearRegressor, wraps=sklearn.linear_model.OrthogonalMatchingPursuit
): ...


class OrthogonalMatchingPursuitCV(
    LinearRegressor, wraps=sklearn.linear_model.OrthogonalMatchingPursuitCV
): ...


class HuberRegressor(LinearRegressor, wraps=sklearn.linear_model.HuberRegressor): ...


class QuantileRegressor(LinearRegressor, wraps=sklearn.linear_model.QuantileRegressor): ...


class TheilSenRegressor(LinearRegressor, wraps=sklearn.linear_model.TheilSenRegressor): ...


class RANSACRegressor(LinearRegressor, wraps=sklearn.linear_model.RANSACRegressor):
    """Its raw scores are those of the final estimator, which must be linear."""

    @override
    def _weights(self, model: BaseEstimator) -> tuple[FloatArray, FloatArray]:
        _check_is_affine(model.estimator_)
        return weights_of(model.estimator_)

    @override
    def _postprocessing(self, model: BaseEstimator) -> dict[str, Postprocessing]:
        return super()._postprocessing(model.estimator_)


def _check_is_affine(model: BaseEstimator) -> None:
    """Refuse a final estimator whose predictions are no affine function of the features."""
    if not (is_regressor(model) and hasattr(model, "coef_") and hasattr(model, "intercept_")):
        raise UnsupportedModelError(
            f"RANSACRegressor got estimator={type(model).__name__}, which is not linear; give a "
            "regressor with coef_ and intercept_, such as LinearRegression, Ridge or Lasso."
        )


class _BayesianRegressor(LinearRegressor):
    """A regressor that knows standard deviations of its predictions; abstract."""

    def predict(  # type: ignore[override]
        self,
        X: ArrayLike,
        execute_in_fhe: ExecutionMode | None = None,
        *,
        return_std: bool = False,
    ) -> Array | tuple[Array, Array]:
        """Predict as all do; standard deviations come from the float model, in the clear.

        Returns
        -------
        ndarray of shape (n_samples,), or with `return_std` two of them
        """
        if return_std and resolve_mode(execute_in_fhe):
            raise UnsupportedModelError(
                "Standard deviations (return_std=True) are computed in the clear only; use "
                "execute_in_fhe=False for them, and leave return_std out under encryption."
            )
        mean = super().predict(X, execute_in_fhe)
        return (mean, self.sklearn_model_.predict(X, return_std=True)[1]) if return_std else mean


class BayesianRidge(_BayesianRegressor, wraps=sklearn.linear_model.BayesianRidge): ...


class ARDRegression(_BayesianRegressor, wraps=sklearn.linear_model.ARDRegression): ...


class SGDRegressor(PartialFitMixin, LinearRegressor, wraps=sklearn.linear_model.SGDRegressor): ...


class _DevianceRegressor(LinearRegressor):
    """A regressor of a Tweedie distribution, scored by its deviance; abstract."""

    _power: float

    @override
    def _score_of(
        self, y: ArrayLike, predicted: ArrayLike, sample_weight: ArrayLike | None
    ) -> float:
        """Share of the deviance that predictions explain."""
        options = {"sample_weight": sample_weight, "power": self._power}
        return float(d2_tweedie_score(y, predicted, **options))


class PoissonRegressor(_DevianceRegressor, wraps=sklearn.linear_model.PoissonRegressor):
    _power = 1.0


class GammaRegressor(_DevianceRegressor, wraps=sklearn.linear_model.GammaRegressor):
    _power = 2.0


class TweedieRegressor(_DevianceRegressor, wraps=sklearn.linear_model.TweedieRegressor):
    @property
    def _power(self) -> float:  # type: ignore[override]
        return float(self.power)


class _LogisticClassifier(LinearClassifier):
    """A classifier of logits; abstract."""

    @override
    def _probabilities(self, model: BaseEstimator) -> Postprocessing:
        # a parameter of older versions, which may ask for a softmax of two classes, too
        scheme = getattr(model, "multi_class", "auto")
        is_one_score = len(model.classes_) <= 2 or model.solver == "liblinear"
        if scheme == "ovr" or (scheme != "multinomial" and is_one_score):
            return super()._probabilities(model)
        return (TwoClasses(offset=0.0), Softmax())


class LogisticRegression(_LogisticClassifier, wraps=sklearn.linear_model.LogisticRegression): ...


class LogisticRegressionCV(_LogisticClassifier, wraps=sklearn.linear_model.LogisticRegressionCV):
    @override
    def score(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        execute_in_fhe: ExecutionMode | None = None,
    ) -> float:
        """Score by `scoring`, as the wrapped class; `execute_in_fhe` as in `predict`."""
        scorer = get_scorer("accuracy" if self.scoring in (None, "warn") else self.scoring)
        options = {} if sample_weight is None else {"sample_weight": sample_weight}
        with config_context(execute_in_fhe=resolve_mode(execute_in_fhe)):
            return float(scorer(self, X, y, **options))


class _BinarizingClassifier(LinearClassifier):
    """A regression on labels in binarized form; abstract."""

    @override
    def _labels(self, model: BaseEstimator) -> Postprocessing:
        return binarized_labels(model._label_binarizer)


class RidgeClassifier(_BinarizingClassifier, wraps=sklearn.linear_model.RidgeClassifier): ...


class RidgeClassifierCV(_BinarizingClassifier, wraps=sklearn.linear_model.RidgeClassifierCV): ...


class SGDClassifier(PartialFitMixin, LinearClassifier, wraps=sklearn.linear_model.SGDClassifier):
    @override
    def _probabilities(self, model: BaseEstimator) -> Postprocessing:
        if model.loss != "modified_huber":
            return super()._probabilities(model)
        last = TwoClasses() if len(model.classes_) == 2 else Shares()
        return (Clip(-1.0, 1.0), Affine(0.5, 0.5), last)


class Perceptron(PartialFitMixin, LinearClassifier, wraps=sklearn.linear_model.Perceptron): ...


class SGDOneClassSVM(
    PartialFitMixin,
    OutlierMixin,
    DetectingEstimator,
    LinearEstimator,
    wraps=sklearn.linear_model.SGDOneClassSVM,
):
    _watched = ("coef_", "offset_")

    @override
    def _weights(self, model: BaseEstimator) -> tuple[FloatArray, FloatArray]:
        return coefficients_of(model), -as_numpy(model.offset_)

    @override
    def _postprocessing(self, model: BaseEstimator) -> dict[str, Postprocessing]:
        offset = float(model.offset_[0])
        return outlier_methods((Squeeze(), Affine(offset=offset)), offset)
