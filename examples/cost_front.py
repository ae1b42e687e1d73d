"""Search the kind of model and its n_bits over accuracy and cost, and draw the Pareto front.

No key is made; costs are Concrete's Gop, so that all kinds can be compared. Half a minute.
"""

from __future__ import annotations

import warnings
from pathlib import Path

import matplotlib
from matplotlib import pyplot
from sklearn.datasets import make_moons
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from cml_sklearn import DecisionTreeClassifier, LogisticRegression, MLPClassifier
from cml_sklearn.inspection import CostDisplay
from cml_sklearn.metrics import fhe_scorers
from cml_sklearn.model_selection import cheapest_within_one_standard_error

GRID = [
    {"classify": [LogisticRegression()], "classify__n_bits": [2, 3, 6]},
    {
        "classify": [DecisionTreeClassifier(random_state=0)],
        "classify__n_bits": [3, 5],
        "classify__max_depth": [2, 4],
    },
    {
        "classify": [MLPClassifier((10,), max_iter=1000, random_state=0)],
        "classify__rounding_bits": [3, 4, 5],
    },
]
PICTURE = Path("build") / "cost_front.png"


def search_models() -> GridSearchCV:
    """Cross-validate all candidates, and choose the cheapest that is as good as the best."""
    X, y = make_moons(600, noise=0.25, random_state=0)
    pipeline = Pipeline([("scale", StandardScaler()), ("classify", LogisticRegression())])
    search = GridSearchCV(
        pipeline,
        GRID,
        scoring={"accuracy": "accuracy", **fhe_scorers("neg_fhe_gop")},
        refit=cheapest_within_one_standard_error("accuracy", "neg_fhe_gop"),
        cv=3,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return search.fit(X, y)


def main() -> None:
    """Search, say what was chosen, and write the picture."""
    matplotlib.use("Agg")
    search = search_models()
    figure, ax = pyplot.subplots(layout="constrained")
    display = CostDisplay.from_search(search, group_by="classify", ax=ax)
    PICTURE.parent.mkdir(exist_ok=True)
    figure.savefig(PICTURE, dpi=150)
    for index in display.front_:
        parameters = search.cv_results_["params"][index]
        print(f"{display.costs[index]:10.3g} Gop  {display.scores[index]:.3f}  {parameters}")
    print(f"chosen: {search.best_params_}; picture: {PICTURE}")


if __name__ == "__main__":
    main()
