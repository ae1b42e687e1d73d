"""
A client and a server in two processes
======================================

The service runs in a process of its own, as on another machine: it gets evaluation keys and
ciphertexts. The client keeps the secret key. The service needs ``pip install 'cml-
sklearn[deployment,service]'``.
"""

import json
import subprocess
import sys
from pathlib import Path
from tempfile import mkdtemp
from time import perf_counter

from matplotlib import pyplot as plt
from sklearn.datasets import load_breast_cancer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from cml_sklearn.deployment import FheClient, save_model
from cml_sklearn.deployment.remote import RemoteModel
from cml_sklearn.linear_model import LogisticRegression

X, y = load_breast_cancer(return_X_y=True)
model = make_pipeline(StandardScaler(), LogisticRegression(n_bits=8)).fit(X[:300], y[:300])
folder = Path(mkdtemp())
save_model(model, folder / "cancer")

# %%
# The service's owner makes a token for each client, and starts the service. In a shell this is
# ``cml-sklearn token`` and ``cml-sklearn serve cancer/server.zip``.
program = [sys.executable, "-m", "cml_sklearn.deployment"]
tokens = ["--tokens", str(folder / "tokens.json")]
made = subprocess.run([*program, "token", *tokens], capture_output=True, text=True, check=True)
token = made.stdout.split()[-1]
options = ["--port", "0", "--store", str(folder / "keys"), *tokens]
service = subprocess.Popen(
    [*program, "serve", str(folder / "cancer" / "server.zip"), *options],
    stderr=subprocess.PIPE,
    text=True,
)
events = (json.loads(line)["event"] for line in service.stderr or ())
url = next(event.split()[3] for event in events if event.startswith("Uvicorn running on"))

# %%
# The client: ``client.zip``, the address, the token. The first call sends the keys.
seconds = {}
with RemoteModel(url, FheClient(folder / "cancer" / "client.zip"), token) as remote:
    remote.predict(X[300:301])
    for n_rows in (1, 10, 100, 269):
        started = perf_counter()
        labels = remote.predict(X[300 : 300 + n_rows])
        seconds[n_rows] = perf_counter() - started
    remote.delete_keys()
print("as the local model:", (labels == model.predict(X[300:])).all())
service.terminate()
service.communicate()

# %%
figure, ax = plt.subplots(figsize=(6, 3.5), layout="constrained")
ax.bar([str(n) for n in seconds], [1000 * s for s in seconds.values()])
ax.set(
    xlabel="rows in a request", ylabel="milliseconds", title="Encrypted, sent, answered, decrypted"
)
plt.show()
