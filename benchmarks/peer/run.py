"""The benchmarks on Concrete-ML, with the same options and rows.

Run in the peer's environment: ``.venv-peer/bin/python -m benchmarks.peer.run --help``.
"""

from __future__ import annotations

from time import perf_counter
from typing import Any

import concrete.ml.sklearn
import numpy as np
import typer

from benchmarks.core import SCRIPTS, make_command
from benchmarks.models import ModelSpec
from benchmarks.splits import make_splits_command

_MODES = {"clear": "disable", "simulate": "simulate", "execute": "execute"}
_HIDDEN_UNITS = 16
_MLP_EPOCHS = 100
"""As many as make its networks no better; its default of 10 stays for `NeuralNet`."""


class PeerSubject:
    """See `benchmarks.core.Subject`."""

    library = "concrete-ml"

    def __init__(self, spec: ModelSpec, n_bits: int | None, seed: int) -> None:
        self.spec, self.n_bits, self.seed = spec, n_bits, seed
        self.model: Any = None

    def fit(self, X: np.ndarray, y: np.ndarray) -> None:
        """See `Subject`; a network's hidden layer is given as a multiple of the inputs."""
        self.is_network = self.spec.module == "neural_network"
        if self.is_network:
            X, y = X.astype(np.float32), y.astype(np.float32 if y.dtype.kind == "f" else np.int64)
            self._make_network(X.shape[1])
        else:
            self._make()
        self.model.fit(X, y.reshape(-1, 1) if self.is_network and y.dtype.kind == "f" else y)

    def compile(self, X: np.ndarray) -> None:
        """See `Subject`."""
        self.model.compile(self._typed(X))

    def generate_keys(self) -> None:
        """See `Subject`."""
        self.model.fhe_circuit.keygen(force=True)

    def predict(self, X: np.ndarray, mode: str, jobs: int) -> np.ndarray:
        """See `Subject`; it has no option for jobs."""
        return np.asarray(self.model.predict(self._typed(X), fhe=_MODES[mode]))

    def profile(self, X: np.ndarray) -> tuple[float, dict[str, float]]:
        """See `Subject`; what follows from the decrypted integers is compared."""
        circuit, times, outputs = self.model.fhe_circuit, [], []
        for codes in self.model.quantize_input(self._typed(X)):
            clock = [perf_counter()]
            encrypted = circuit.encrypt(codes[None])
            clock.append(perf_counter())
            encrypted = circuit.run(encrypted)
            clock.append(perf_counter())
            outputs.append(circuit.decrypt(encrypted))
            clock.append(perf_counter())
            times.append(np.diff(clock))
        seconds = dict(zip(("encrypt", "run", "decrypt"), np.sum(times, axis=0), strict=True))
        scores = self.model.post_processing(self.model.dequantize_output(np.concatenate(outputs)))
        same = np.isclose(np.reshape(scores, (len(X), -1)), self._clear_scores(X)).all(axis=1)
        return float(same.mean()), {name: float(value) for name, value in seconds.items()}

    def facts(self) -> dict[str, Any]:
        """See `Subject`; it does not tell lookups by width."""
        circuit = self.model.fhe_circuit
        statistics = circuit.statistics
        return {
            "pbs": statistics["programmable_bootstrap_count"],
            "gop": statistics["complexity"] / 1e9,
            "key_bytes": statistics["size_of_bootstrap_keys"]
            + statistics["size_of_keyswitch_keys"],
            "input_bytes": statistics["size_of_inputs"],
            "output_bytes": statistics["size_of_outputs"],
            "max_bit_width": circuit.graph.maximum_integer_bit_width(),
            "p_error": statistics["p_error"],
            "batch_size": 1,
        }

    def _make(self) -> None:
        """Make an estimator with the shared parameters."""
        cls = getattr(concrete.ml.sklearn, self.spec.class_name)
        self.model = cls(**self.spec.parameters, n_bits=self.n_bits)
        if "random_state" in self.model.get_params():
            self.model.set_params(random_state=self.seed)

    def _make_network(self, n_features: int) -> None:
        """Make its one kind of network: of our perceptron's size, or with its defaults."""
        import torch

        torch.manual_seed(self.seed)
        kind = "Classifier" if self.spec.class_name.endswith("Classifier") else "Regressor"
        sizes: dict[str, Any] = {"module__n_layers": 3, "max_epochs": 10}
        if self.spec.parameters:  # those without any are each library's default
            multiplier = _HIDDEN_UNITS / n_features
            sizes = {"module__n_layers": 2, "module__n_hidden_neurons_multiplier": multiplier}
            sizes["max_epochs"] = _MLP_EPOCHS
        if self.n_bits is not None:
            sizes |= {"module__n_w_bits": self.n_bits, "module__n_a_bits": self.n_bits}
        cls = getattr(concrete.ml.sklearn, f"NeuralNet{kind}")
        self.model = cls(**sizes, verbose=0)

    def _typed(self, X: np.ndarray) -> np.ndarray:
        """Features as the model wants them."""
        return X.astype(np.float32) if self.is_network else X

    def _clear_scores(self, X: np.ndarray) -> np.ndarray:
        """Probabilities, or predictions where there are none, from quantized integers."""
        is_classifier = self.spec.class_name.endswith(("Classifier", "LogisticRegression"))
        predict = self.model.predict_proba if is_classifier else self.model.predict
        return np.reshape(predict(self._typed(X)), (len(X), -1))


app = typer.Typer(add_completion=False, help="The benchmarks on Concrete-ML.")
for name in SCRIPTS:
    app.command(name, help=f"See benchmarks.{name}.")(make_command(name, PeerSubject))
app.command("splits", help="See benchmarks.splits.")(make_splits_command(PeerSubject))

if __name__ == "__main__":
    app()
