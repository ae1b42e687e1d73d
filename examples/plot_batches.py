"""
Thousands of samples in a batch
===============================

A ciphertext of SEAL has 4,096 or 8,192 places, and an operation works on all of them. So one call
with many rows takes hardly longer than a call with few.
"""

from time import perf_counter

import numpy as np
from matplotlib import pyplot as plt
from sklearn.datasets import load_breast_cancer

from cml_sklearn import DecisionTreeClassifier, LogisticRegression

X, y = load_breast_cancer(return_X_y=True)
X = (X - X.mean(axis=0)) / X.std(axis=0)
models = {
    "LogisticRegression": LogisticRegression(n_bits=8),
    "DecisionTreeClassifier, depth 4": DecisionTreeClassifier(max_depth=4, random_state=0),
}
n_rows = [1, 10, 100, 1000, 4096]
many = X[np.random.default_rng(0).integers(len(X), size=max(n_rows))]

# %%
# Keys are made before the clock starts.
seconds: dict[str, list[float]] = {name: [] for name in models}
for name, model in models.items():
    model.fit(X, y).compile().generate_keys()
    for n in n_rows:
        started = perf_counter()
        labels = model.predict(many[:n], execute_in_fhe=True)
        seconds[name].append(perf_counter() - started)
    print(f"{name}: {(labels == model.predict(many)).mean():.0%} of the labels are the clear ones")

# %%
figure, (upper, lower) = plt.subplots(2, 1, figsize=(6, 7), layout="constrained")
for name, times in seconds.items():
    upper.loglog(n_rows, times, "o-", label=name)
    lower.loglog(n_rows, 1000 * np.array(times) / n_rows, "o-", label=name)
upper.set(xlabel="rows in a call", ylabel="seconds", title="A call")
lower.set(xlabel="rows in a call", ylabel="milliseconds", title="A row")
upper.legend()
plt.show()
