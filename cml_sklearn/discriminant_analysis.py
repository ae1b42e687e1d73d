"""Discriminant analysis: `sklearn.discriminant_analysis` on encrypted data."""

from __future__ import annotations

import numpy as np
import sklearn.discriminant_analysis
from numpy.typing import ArrayLike, NDArray
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.metaestimators import available_if

from cml_sklearn._linear import LinearClassifier
from cml_sklearn.base import wrapped_has
from cml_sklearn.config import ExecutionMode

__all__ = ["LinearDiscriminantAnalysis"]


class LinearDiscriminantAnalysis(
    LinearClassifier,
    wraps=sklearn.discriminant_analysis.LinearDiscriminantAnalysis,
): ...
