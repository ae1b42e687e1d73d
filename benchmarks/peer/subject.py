"""Concrete-ML's models, as the benchmarks measure them."""

from __future__ import annotations

from importlib import import_module
from time import perf_counter
from typing import Any, ClassVar

import numpy as np

from benchmarks.models import ModelSpec

__all__ = ["PeerSubject"]

_MODULE = "concrete.ml.sklearn"
_MODES = {"clear": "disable", "simulate": "simulate", "execute": "execute"}
_HIDDEN_UNITS = 16
_MLP_EPOCHS = 100
"""As many as make its networks no better; its default of 10 stays for `NeuralNet`."""


class PeerSubject:
    """See `benchmarks.core.Subject`; it has one engine."""

    library = "concrete-ml"
    engines: ClassVar[tuple[str, ...]] = ("auto",)

    def __init__(
        self, spec: ModelSpec, n_bits: int | None, seed: int, engine: str = "auto"
    ) -> None:
        import_module(_MODULE)  # which is not what "fit" shall measure
        self.spec, self.n_bits, self.seed = spec, n_bits, seed
        self.is_network = spec.module == "neural_network"
        self.model: Any = None

    def fit(self, X: np.ndarray, y: np.ndarray) -> None:
        """See `Subject`; a network's hidden layer is given as a multiple of the inputs."""
        if self.is_network:
            self.model = self._make_network(X.shape[1])
            y = y.astype(np.float32)[:, None] if y.dtype.kind == "f" else y.astype(np.int64)
        else:
            self.model = self.spec.make(_MODULE, self.seed, n_bits=self.n_bits)
        self.model.fit(self._typed(X), y)

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

    def _make_network(self, n_features: int) -> Any:
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
        return getattr(import_module(_MODULE), f"NeuralNet{kind}")(**sizes, verbose=0)

    def _typed(self, X: np.ndarray) -> np.ndarray:
        """Features as the model wants them."""
        return X.astype(np.float32) if self.is_network else X

    def _clear_scores(self, X: np.ndarray) -> np.ndarray:
        """Probabilities, or predictions where there are none, from quantized integers."""
        is_classifier = self.spec.class_name.endswith(("Classifier", "LogisticRegression"))
        predict = self.model.predict_proba if is_classifier else self.model.predict
        return np.reshape(predict(self._typed(X)), (len(X), -1))
