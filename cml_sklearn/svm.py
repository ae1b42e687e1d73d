"""Linear support vector machines: `sklearn.svm` on encrypted data."""

from __future__ import annotations

import sklearn.svm

from cml_sklearn.estimators.linear import LinearClassifier, LinearRegressor

__all__ = ["LinearSVC", "LinearSVR"]


class LinearSVC(LinearClassifier, wraps=sklearn.svm.LinearSVC): ...


class LinearSVR(LinearRegressor, wraps=sklearn.svm.LinearSVR): ...
