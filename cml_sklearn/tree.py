"""Decision trees: `sklearn.tree` on encrypted data."""

from __future__ import annotations

import sklearn.tree

from cml_sklearn.estimators.forests import AveragedRegressor, SingleTreeClassifier

__all__ = [
    "DecisionTreeClassifier",
    "DecisionTreeRegressor",
    "ExtraTreeClassifier",
    "ExtraTreeRegressor",
]


def __dir__() -> list[str]:
    return __all__


class DecisionTreeClassifier(SingleTreeClassifier, wraps=sklearn.tree.DecisionTreeClassifier): ...


class DecisionTreeRegressor(AveragedRegressor, wraps=sklearn.tree.DecisionTreeRegressor): ...


class ExtraTreeClassifier(SingleTreeClassifier, wraps=sklearn.tree.ExtraTreeClassifier): ...


class ExtraTreeRegressor(AveragedRegressor, wraps=sklearn.tree.ExtraTreeRegressor): ...


# so that export_text and plot_tree of scikit-learn take them
sklearn.tree.DecisionTreeClassifier.register(DecisionTreeClassifier)
sklearn.tree.DecisionTreeRegressor.register(DecisionTreeRegressor)
sklearn.tree.ExtraTreeClassifier.register(ExtraTreeClassifier)
sklearn.tree.ExtraTreeRegressor.register(ExtraTreeRegressor)
