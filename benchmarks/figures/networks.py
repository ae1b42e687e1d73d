"""Scores, cost and encrypted predictions of networks: the table of docs/explanation/networks.md.

Standardized features. Encrypts for real: takes some minutes.
"""

from __future__ import annotations

from dataclasses import replace
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np

from benchmarks.core import fitted_score
from benchmarks.datasets import load
from benchmarks.models import MODELS
from benchmarks.progress import tracked
from benchmarks.subject import OurSubject, equal_samples
from benchmarks.tables import figure, insert, markdown
from cml_sklearn import NumpyModule, QuantizedModule, config_context

__all__ = ["Network", "encrypted_cells", "labels_of", "write"]

_HEAD = ["data, network", "codes, kept", "float", "quantized", "PBS", "Gop", "seconds a sample"]
_HEAD += ["equal integers", "equal labels"]


class Network(NamedTuple):
    """A line of the table: its label, and what is trained.

    Attributes
    ----------
    label, dataset, model : str
    parameters : dict
        Beside those of `MODELS`.
    n_encrypted : int
    """

    label: str
    dataset: str
    model: str
    parameters: dict[str, Any]
    n_encrypted: int = 20


def _mlp(units: int, **parameters: Any) -> dict[str, Any]:
    return {"hidden_layer_sizes": (units,), "alpha": 1.0, **parameters}


_LBFGS = {"alpha": 10.0, "solver": "lbfgs", "max_iter": 500}
_NETWORKS = [
    Network(
        "breast_cancer, MLP 12", "breast_cancer", "MLP", _mlp(12, n_bits=5, rounding_bits=4), 50
    ),
    Network("digits, MLP 16", "digits", "MLP", _mlp(16, n_bits=5, rounding_bits=5)),
    Network("digits, MLP 32", "digits", "MLP", _mlp(32, n_bits=4, rounding_bits=4)),
    Network("diabetes, MLP 4 (R2)", "diabetes", "MLP", _mlp(4) | _LBFGS),
    Network("breast_cancer, NeuralNet", "breast_cancer", "NeuralNet", {}),
    Network("breast_cancer, NeuralNet, 3 bits", "breast_cancer", "NeuralNet3", {}),
    Network("digits, NeuralNet", "digits", "NeuralNet", {}),
    Network("diabetes, NeuralNet (R2)", "diabetes", "NeuralNet", {}),
    Network("diabetes, NeuralNet, 3 bits (R2)", "diabetes", "NeuralNet3", {}),
]


def write() -> None:
    """Measure all and write the page."""
    with config_context(engine="concrete"):
        cells = [_measured(x) for x in tracked(_NETWORKS, lambda x: x.label)]
    insert("explanation/networks.md", "table", markdown(_HEAD, cells, n_left=2))


def _measured(network: Network) -> list[str]:
    """Line of a perceptron."""
    data = load(network.dataset).standardized(targets=False)
    spec = MODELS[data.task][network.model]
    spec = replace(spec, parameters=spec.parameters | network.parameters)
    subject = OurSubject(spec, spec.n_bits, 0, "concrete")
    quantized = fitted_score(subject, data)
    subject.compile(data.X_train)
    model = subject.model
    (raw,) = NumpyModule(model.onnx_model_)(data.X_test)
    floats = data.score(labels_of(raw) if data.task == "classification" else raw)
    start = [network.label, f"{model.n_bits}, {model.rounding_bits}"]
    start += [figure("score", score) for score in (floats, quantized)]
    cells = encrypted_cells(model.quantized_module_, data.X_test[: network.n_encrypted])
    return [*start, *(cells if data.task == "classification" else [*cells[:-1], ""])]


def encrypted_cells(module: QuantizedModule, X: np.ndarray) -> list[str]:
    """Cost, seconds a sample, and how often integers and labels are those in the clear."""
    codes = module.quantize_input(X)
    module.quantized_forward(*(x[:1] for x in codes), execute_in_fhe=True)  # makes the keys
    started = perf_counter()
    encrypted = module.quantized_forward(*codes, execute_in_fhe=True)
    seconds = (perf_counter() - started) / len(X)
    clear = module.quantized_forward(*codes)
    labels = [labels_of(module.dequantize_output(*integers)[0]) for integers in (encrypted, clear)]
    same = [equal_samples(encrypted, clear).sum(), (labels[0] == labels[1]).sum()]
    report = module.fhe_circuit.report
    costs = [f"{report.pbs_count:g}", f"{report.complexity:.1f}", f"{seconds:.2f}"]
    return [*costs, *(f"{count} of {len(X)}" for count in same)]


def labels_of(scores: np.ndarray) -> np.ndarray:
    """Classes by their number."""
    return scores.argmax(axis=1) if scores.shape[1] > 1 else scores[:, 0] > 0
