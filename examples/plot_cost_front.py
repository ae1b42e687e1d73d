"""
The front of accuracy and cost
==============================

Kinds of models and their widths are searched with scikit-learn's ``GridSearchCV``, by accuracy and
by cost. The front holds the models that no other beats in both. No key is made; costs are
Concrete's Gop, so that all kinds can be compared.
"""

import warnings

from matplotlib import pyplot as plt
from sklearn.datasets import make_moons
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from cml_sklearn import DecisionTreeClassifier, LogisticRegression, MLPClassifier
from cml_sklearn.inspection import CostDisplay
from cml_sklearn.metrics import fhe_scorers
from cml_sklearn.model_selection import cheapest_within_one_standard_error

X, y = make_moons(400, noise=0.25, random_state=0)
pipeline = Pipeline([("scale", StandardScaler()), ("classify", LogisticRegression())])
grid = [
    {"classify": [LogisticRegression()], "classify__n_bits": [2, 3, 6]},
    {
        "classify": [DecisionTreeClassifier(random_state=0)],
        "classify__n_bits": [3, 5],
        "classify__max_depth": [2, 4],
    },
    {
        "classify": [MLPClassifier((10,), max_iter=500, random_state=0)],
        "classify__rounding_bits": [3, 4, 5],
    },
]

# %%
# The cheapest candidate is chosen that is as good as the best, up to one standard error.
search = GridSearchCV(
    pipeline,
    grid,
    scoring={"accuracy": "accuracy", **fhe_scorers("neg_fhe_gop")},
    refit=cheapest_within_one_standard_error("accuracy", "neg_fhe_gop"),
    cv=3,
)
with warnings.catch_warnings():
    warnings.simplefilter("ignore", ConvergenceWarning)
    search.fit(X, y)
print(search.best_params_)

# %%
# A linear model costs next to nothing, and can't follow the moons; a tree can.
figure, ax = plt.subplots(figsize=(6, 4.5), layout="constrained")
display = CostDisplay.from_search(search, group_by="classify", ax=ax)
ax.set_title("Accuracy and cost on encrypted moons")
plt.show()
