"""
A search over n_bits
====================

``n_bits`` is a parameter like any other: scikit-learn's ``GridSearchCV`` finds it. The search runs
on the integers in the clear, which give the same scores as encrypted data.
"""

from matplotlib import pyplot as plt
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler
from sklearn.tree import DecisionTreeClassifier as FloatTree

from cml_sklearn import DecisionTreeClassifier, RidgeClassifier

X, y = load_digits(return_X_y=True)
widths = [2, 3, 4, 5, 6, 8]
models = {
    "RidgeClassifier": RidgeClassifier(),
    "DecisionTreeClassifier": DecisionTreeClassifier(max_depth=8, random_state=0),
}

# %%
# ``cv_results_`` has the mean and the spread over the folds.
searches = {}
for name, model in models.items():
    search = GridSearchCV(
        make_pipeline(MinMaxScaler(), model), {f"{name.lower()}__n_bits": widths}, cv=3
    )
    searches[name] = search.fit(X, y)
    print(name, search.best_params_)

# %%
# From 4 bits on the linear model has the score of its floats, which the dashed lines show. Trees
# are trained on a grid of ``2**n_bits - 1`` edges: here a coarse one keeps them from overfitting.
floats = {
    "RidgeClassifier": searches["RidgeClassifier"].best_estimator_[-1].sklearn_model_,
    "DecisionTreeClassifier": FloatTree(max_depth=8, random_state=0),
}
figure, ax = plt.subplots(figsize=(6, 4), layout="constrained")
for color, (name, search) in zip(["C0", "C1"], searches.items(), strict=True):
    results = search.cv_results_
    ax.errorbar(
        widths,
        results["mean_test_score"],
        results["std_test_score"],
        fmt="o-",
        capsize=3,
        color=color,
        label=name,
    )
    level = cross_val_score(make_pipeline(MinMaxScaler(), floats[name]), X, y, cv=3).mean()
    ax.axhline(level, color=color, linestyle="--", linewidth=1)
ax.set(
    xlabel="n_bits", ylabel="accuracy, 3-fold", title="Digits: score by the width of the integers"
)
ax.legend()
plt.show()
