"""
Score a CSV file of mixed columns
=================================

A table with numbers, words and gaps. The transformers of a pipeline go into the client's half, so
the client reads its CSV, prepares and encrypts it; the server gets ciphertexts only.
"""

from pathlib import Path
from tempfile import mkdtemp

import numpy as np
import pandas as pd
from matplotlib import pyplot as plt
from sklearn.compose import make_column_transformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from cml_sklearn.deployment import FheClient, FheServer, save_model
from cml_sklearn.linear_model import LogisticRegression


def people(n_rows: int, seed: int) -> pd.DataFrame:
    """Make a table of customers, some of whose incomes are not known."""
    rng = np.random.default_rng(seed)
    table = pd.DataFrame(
        {
            "age": rng.integers(18, 80, n_rows),
            "income": rng.lognormal(10.3, 0.5, n_rows).round(),
            "contract": rng.choice(["monthly", "yearly"], n_rows),
        }
    )
    table["income"] = table["income"].where(rng.random(n_rows) > 0.1)
    odds = 0.05 * (table["age"] - 45) - 1.5 * (table["contract"] == "yearly") + 0.5
    table["leaves"] = np.where(rng.random(n_rows) < 1 / (1 + np.exp(-odds)), "yes", "no")
    return table


# %%
# The model's owner trains, and writes a file for each side.
folder = Path(mkdtemp())
training = people(1500, seed=0)
columns = make_column_transformer(
    (make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), ["age", "income"]),
    (OneHotEncoder(handle_unknown="ignore"), ["contract"]),
)
model = make_pipeline(columns, LogisticRegression())
model.fit(training.drop(columns="leaves"), training["leaves"])
save_model(model, folder / "halves")

# %%
# The client has a CSV file, and sends bytes.
people(300, seed=1).to_csv(folder / "people.csv", index=False)
table = pd.read_csv(folder / "people.csv")
rows = table.drop(columns="leaves")
client, server = (
    FheClient(folder / "halves" / "client.zip"),
    FheServer(folder / "halves" / "server.zip"),
)
request = client.encrypt(rows, method="predict_proba")
answer = server.run(client.evaluation_keys(), request)
chances = client.decrypt(answer, method="predict_proba")[:, 1]
print(f"{len(request) / 1000:.0f} kB sent, {len(answer) / 1000:.0f} kB back")
print("equal to the local model:", np.array_equal(chances, model.predict_proba(rows)[:, 1]))

# %%
figure, ax = plt.subplots(figsize=(6, 4), layout="constrained")
for contract, group in table.assign(chance=chances).groupby("contract"):
    ax.plot(group["age"], group["chance"], "o", alpha=0.5, label=contract)
ax.set(xlabel="age, years", ylabel="probability of leaving", ylim=(0, 1))
ax.set_title("Decrypted by the client, never seen by the server")
ax.legend(title="contract")
plt.show()
