"""
Quantiles of a skewed target
============================

Three quantile regressions on splines of one feature. The client computes the splines in the clear,
so the server's part stays linear: all 400 encrypted points go through in one batch.
"""

import numpy as np
from matplotlib import pyplot as plt
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import SplineTransformer

from cml_sklearn import QuantileRegressor

rng = np.random.default_rng(0)
x = np.sort(rng.uniform(0, 10, 400))
y = np.sin(x) + 0.3 * rng.gamma(2, 0.2 + 0.15 * x)
X = x[:, None]

# %%
# ``n_bits=10``: wide integers cost a linear model next to nothing.
quantiles = [0.1, 0.5, 0.9]
models = {
    q: make_pipeline(
        SplineTransformer(n_knots=8), QuantileRegressor(quantile=q, alpha=1e-4, n_bits=10)
    ).fit(X, y)
    for q in quantiles
}
lines = {q: model.predict(X, execute_in_fhe=True) for q, model in models.items()}
for q, line in lines.items():
    print(f"{np.mean(y <= line):.3f} of the points lie below the line of {q}")

# %%
figure, ax = plt.subplots(figsize=(6, 4), layout="constrained")
ax.plot(x, y, ".", color="0.7", label="data")
ax.fill_between(x, lines[0.1], lines[0.9], alpha=0.25, label="10 to 90 %")
ax.plot(x, lines[0.5], color="C0", label="median")
ax.set(xlabel="x", ylabel="y", title="Quantiles predicted on encrypted data")
ax.legend()
plt.show()
