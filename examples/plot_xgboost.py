"""
XGBoost on encrypted data
=========================

Fifty boosted trees predict 171 rows at once, encrypted with SEAL. Trees are exact on encrypted
data: probabilities are those of the same integers in the clear, and near those of XGBoost's
floats.
"""

from time import perf_counter

from matplotlib import pyplot as plt
from sklearn.datasets import load_breast_cancer
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import train_test_split

from cml_sklearn.xgboost import XGBClassifier

X, y = load_breast_cancer(return_X_y=True)
X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.3, random_state=0)
model = XGBClassifier(n_estimators=50, max_depth=3, n_bits=6, n_jobs=1).fit(X_train, y_train)

# %%
# The first encrypted prediction compiles the circuit and makes the keys.
started = perf_counter()
encrypted = model.predict_proba(X_test, execute_in_fhe=True)[:, 1]
seconds = perf_counter() - started
print(f"{len(X_test)} rows in {seconds:.1f} s, {model.fhe_report_.key_bytes / 1e6:.1f} MB of keys")
print("equal to the clear integers:", (encrypted == model.predict_proba(X_test)[:, 1]).all())

# %%
# ``sklearn_model_`` is XGBoost's own model.
floats = model.sklearn_model_.predict_proba(X_test)[:, 1]
figure, (upper, lower) = plt.subplots(2, 1, figsize=(6, 7), layout="constrained")
for label, color in [(0, "C3"), (1, "C0")]:
    upper.plot(
        floats[y_test == label],
        encrypted[y_test == label],
        "o",
        color=color,
        alpha=0.4,
        label=f"class {label}",
    )
upper.plot([0, 1], [0, 1], "k:", linewidth=1)
upper.set(
    xlabel="probability, XGBoost's floats", ylabel="probability, encrypted", title="Test rows"
)
upper.legend()
bins = [i / 20 for i in range(21)]
lower.hist([encrypted[y_test == 0], encrypted[y_test == 1]], bins, color=["C3", "C0"], stacked=True)
lower.set(xlabel="probability, encrypted", ylabel="rows")
lower.set_title(f"Area under the ROC curve: {roc_auc_score(y_test, encrypted):.3f}")
plt.show()
