"""
Depth of a forest against its cost
==================================

Deeper trees are often better in floats. On encrypted data each level also costs, so that a forest
of half the depth may be the better choice. Costs are estimated by
:func:`~cml_sklearn.metrics.fhe_cost`, without keys.
"""

from matplotlib import pyplot as plt
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import cross_val_score

from cml_sklearn.ensemble import RandomForestClassifier
from cml_sklearn.metrics import fhe_cost

X, y = load_breast_cancer(return_X_y=True)
depths = [1, 2, 3, 4, 5]

# %%
# A lookup is Concrete's unit of work; Gop are billions of its operations.
scores, costs = [], []
for depth in depths:
    forest = RandomForestClassifier(n_estimators=10, max_depth=depth, random_state=0)
    scores.append(cross_val_score(forest, X, y, cv=3).mean())
    costs.append(fhe_cost(forest.fit(X, y), engine="concrete").gop)

# %%
# The score levels off; the cost goes on growing.
figure, (upper, lower) = plt.subplots(2, 1, figsize=(6, 7), layout="constrained")
upper.plot(depths, scores, "o-")
upper.set(xticks=depths, xlabel="max_depth", ylabel="accuracy, 3-fold")
upper.set_title("Score, quantized")
lower.plot(depths, costs, "o-", color="C1")
lower.set(xticks=depths, xlabel="max_depth", ylabel="cost of a sample, Gop", ylim=0)
lower.set_title("Cost on Concrete")
plt.show()
