"""What several families make of raw scores, by scikit-learn's conventions."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike
from sklearn._loss import link as links
from sklearn.preprocessing import LabelBinarizer

from cml_sklearn.estimators.arrays import as_numpy
from cml_sklearn.exceptions import UnsupportedModelError
from cml_sklearn.quantization.postprocessing import (
    Affine,
    Argmax,
    Labels,
    Link,
    LogSoftmax,
    Postprocessing,
    Softmax,
    Sparse,
    Squeeze,
    Threshold,
    TwoClasses,
)

__all__ = [
    "Outputs",
    "binarized_labels",
    "class_labels",
    "discriminants",
    "inverse_of",
    "outlier_methods",
]

Outputs = Literal["values", "logits", "logits by column"]
"""What a net's raw scores are: values, logits of one class out of several, or of each column's."""

_INVERSES: dict[type[links.BaseLink], Postprocessing] = {
    links.IdentityLink: (),
    links.LogLink: (Link("log"),),
    links.LogitLink: (Link("logit"),),
    links.HalfLogitLink: (Affine(2.0), Link("logit")),
    links.MultinomialLogit: (Softmax(),),
}


def inverse_of(link: links.BaseLink) -> Postprocessing:
    """Do what a link function of scikit-learn does, in reverse.

    Raises
    ------
    UnsupportedModelError
        A link that is not known here.
    """
    if type(link) not in _INVERSES:
        raise UnsupportedModelError(
            f"The link {type(link).__name__} has no inverse here; use a loss with one of "
            f"{', '.join(known.__name__ for known in _INVERSES)}."
        )
    return _INVERSES[type(link)]


def class_labels(
    classes: ArrayLike, level: float = 0.0, *, inclusive: bool = False
) -> Postprocessing:
    """Make labels of scores.

    Parameters
    ----------
    classes : array-like of shape (n_classes,)
    level : float
        What the one score of two classes must exceed for the second.
    inclusive : bool
        Whether the level itself means the second class.
    """
    names = as_numpy(classes)
    if len(names) <= 2:
        return (Squeeze(), Threshold(level, inclusive), Labels.of(names))
    return (Argmax(), Labels.of(names))


def discriminants(classes: ArrayLike) -> dict[str, Postprocessing]:
    """Make what classifiers give of logarithms of likelihoods, or of one difference of two.

    Parameters
    ----------
    classes : array-like of shape (n_classes,)
    """
    both = (TwoClasses(scale=0.0, offset=0.0),)
    return {
        "predict": class_labels(classes),
        "decision_function": (Squeeze(),),
        "predict_proba": (*both, Softmax()),
        "predict_log_proba": (*both, LogSoftmax()),
    }


def binarized_labels(binarizer: LabelBinarizer, level: float = 0.0) -> Postprocessing:
    """Make labels of scores of their binarized form; several at once stay in that form.

    Parameters
    ----------
    binarizer : LabelBinarizer
        The fitted model's.
    level : float
        What a score must exceed for a label to be present.
    """
    if not binarizer.y_type_.startswith("multilabel"):
        return class_labels(binarizer.classes_, level)
    return (Threshold(level), Sparse()) if binarizer.sparse_input_ else (Threshold(level),)


def outlier_methods(scores: Postprocessing, offset: float) -> dict[str, Postprocessing]:
    """Make what detectors give of samples' scores: inliers (1) have one of at least an offset.

    Parameters
    ----------
    scores : Postprocessing
        What makes a sample's score, the lower the more abnormal, of raw scores.
    offset : float
        The least score of an inlier.
    """
    decision = (*scores, Affine(offset=-offset))
    return {
        "predict": (*decision, Threshold(inclusive=True), Labels(np.array([-1, 1]))),
        "decision_function": decision,
        "score_samples": scores,
    }
