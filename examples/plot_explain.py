"""
Which features matter
=====================

Explanations need thousands of predictions. The integers in the clear give those that encrypted
data would, so that whoever has the model explains it without encrypting anything: scikit-learn's
tools take our estimators as they are.
"""

from matplotlib import pyplot as plt
from sklearn.datasets import load_diabetes
from sklearn.inspection import PartialDependenceDisplay, permutation_importance
from sklearn.model_selection import train_test_split

from cml_sklearn import GradientBoostingRegressor

X, y = load_diabetes(return_X_y=True, as_frame=True, scaled=False)
X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=0)
model = GradientBoostingRegressor(n_estimators=40, max_depth=3, random_state=0)
model.fit(X_train, y_train)

# %%
# Permutation importance: what the score loses when a column is shuffled.
importance = permutation_importance(model, X_test, y_test, n_repeats=10, random_state=0)
order = importance.importances_mean.argsort()
figure, ax = plt.subplots(figsize=(6, 4), layout="constrained")
ax.boxplot(importance.importances[order].T, orientation="horizontal", tick_labels=X.columns[order])
ax.axvline(0, color="k", linestyle=":")
ax.set(xlabel="loss of R² when shuffled", title="Permutation importance of the quantized trees")

# %%
# Partial dependence: steps are the edges of the grid on which the trees were trained.
figure, axes = plt.subplots(2, 1, figsize=(6, 7), layout="constrained")
PartialDependenceDisplay.from_estimator(
    model, X_train.astype(float), ["bmi", "s5"], grid_resolution=40, ax=axes
)
figure.suptitle("Partial dependence")
plt.show()

# %%
# And one encrypted prediction, which is the same number.
row = X_test[:1]
print(model.predict(row, execute_in_fhe=True), model.predict(row))
