"""What functions of estimators are given, checked before they compute anything."""

from __future__ import annotations

from sklearn.utils.validation import check_is_fitted

from cml_sklearn.estimators.base import FheEstimator
from cml_sklearn.exceptions import UnsupportedModelError

__all__ = ["check_is_ours"]


def check_is_ours(estimator: object, purpose: str, kind: type = FheEstimator) -> None:
    """Refuse what is no fitted estimator of this library, pipelines and searches too.

    Parameters
    ----------
    estimator : object
    purpose : str
        Name of the function, for the message.
    kind : type
        What it must descend from.

    Raises
    ------
    UnsupportedModelError
        It is something else.
    sklearn.exceptions.NotFittedError
        It is not fitted.
    """
    if not isinstance(estimator, kind):
        name = estimator.__name__ if isinstance(estimator, type) else type(estimator).__name__
        needed = "estimator of cml_sklearn" + (" with predict" if kind is not FheEstimator else "")
        raise UnsupportedModelError(
            f"{purpose} got {name}, but takes a fitted {needed}: of a pipeline its last step, with "
            "the samples as the steps before make them; of a search its best_estimator_."
        )
    check_is_fitted(estimator)
