"""Scores, cost and encrypted predictions of networks: the table of docs/neural_networks.md.

Standardized data and ``train_test_split(test_size=.3, random_state=0)``; the convolutional network
is that of ``examples/cnn.py``. Encrypts for real: takes some minutes.
"""

from __future__ import annotations

import runpy
import sys
import warnings
from collections.abc import Iterator
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pages import DOCS, insert, row
from sklearn.base import is_classifier
from sklearn.datasets import load_breast_cancer, load_diabetes, load_digits
from sklearn.metrics import r2_score
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

from cml_sklearn.compile import compile_torch_model
from cml_sklearn.neural_network import (
    MLPClassifier,
    MLPRegressor,
    NeuralNetClassifier,
    NeuralNetRegressor,
)
from cml_sklearn.onnx.numpy_module import NumpyModule
from cml_sklearn.quantization.quantized_module import QuantizedModule

PAGE = "neural_networks.md"
HEAD = ["data, network", "codes, kept", "float", "quantized", "PBS", "Gop", "seconds a sample"]
HEAD += ["equal integers", "equal labels"]
MLPS = {
    "breast_cancer, MLP 12": (load_breast_cancer, 12, 5, 4, 50),
    "digits, MLP 16": (load_digits, 16, 5, 5, 20),
    "digits, MLP 32": (load_digits, 32, 4, 4, 20),
}
THREE_BITS = {"n_bits": 4, "rounding_bits": 3}
NETS: dict[str, tuple[Any, Any, dict[str, int]]] = {
    "breast_cancer, NeuralNet": (load_breast_cancer, NeuralNetClassifier, {}),
    "breast_cancer, NeuralNet, 3 bits": (load_breast_cancer, NeuralNetClassifier, THREE_BITS),
    "digits, NeuralNet": (load_digits, NeuralNetClassifier, {}),
    "diabetes, NeuralNet (R2)": (load_diabetes, NeuralNetRegressor, {}),
    "diabetes, NeuralNet, 3 bits (R2)": (load_diabetes, NeuralNetRegressor, THREE_BITS),
}
CNN = runpy.run_path(str(DOCS.parent / "examples" / "cnn.py"))

Array = NDArray[Any]


def split(load: Any) -> list[Array]:
    """Standardized training and test samples, and their targets."""
    X, y = load(return_X_y=True)
    parts: list[Array] = train_test_split(X, y, test_size=0.3, random_state=0)
    scaler = StandardScaler().fit(parts[0])
    return [scaler.transform(parts[0]), scaler.transform(parts[1]), *parts[2:]]


def labels(scores: Array) -> Array:
    """Classes by their number."""
    found: Array = scores.argmax(axis=1) if scores.shape[1] > 1 else scores[:, 0] > 0
    return found


def encrypted(module: QuantizedModule, X: Array) -> tuple[float, int, int]:
    """Seconds a sample, and how often integers and labels are those in the clear."""
    codes = module.quantize_input(X)
    module.quantized_forward(*(x[:1] for x in codes), execute_in_fhe=True)  # makes the keys
    started = perf_counter()
    integers = module.quantized_forward(*codes, execute_in_fhe=True)
    seconds = (perf_counter() - started) / len(X)
    clear = module.quantized_forward(*codes)
    same = (integers[0] == clear[0]).all(axis=1).sum()
    scores, expected = (module.dequantize_output(*found)[0] for found in (integers, clear))
    return seconds, int(same), int((labels(scores) == labels(expected)).sum())


def cells(
    name: str, widths: str, scores: tuple[float, float], module: QuantizedModule, X: Array
) -> str:
    """Line of the table."""
    seconds, integers, decisions = encrypted(module, X)
    report = module.fhe_circuit.report
    figures = [f"{score:.3f}" for score in scores]
    figures += [f"{report.pbs_count:g}", f"{report.complexity:.1f}", f"{seconds:.2f}"]
    same = f"{decisions} of {len(X)}" if "R2" not in name else ""
    return row([name, widths, *figures, f"{integers} of {len(X)}", same])


def table() -> Iterator[str]:
    """All lines."""
    yield row(HEAD)
    yield row(["---"] * 2 + ["---:"] * (len(HEAD) - 2))
    for name, (load, units, n_bits, kept, n_encrypted) in MLPS.items():
        X, X_test, y, y_test = split(load)
        options: dict[str, Any] = {"n_bits": n_bits, "rounding_bits": kept}
        model = MLPClassifier((units,), alpha=1.0, max_iter=1000, random_state=0, **options)
        yield measured(name, model.fit(X, y), X_test, y_test, n_encrypted)
    X, X_test, y, y_test = split(load_diabetes)
    regressor = MLPRegressor(
        hidden_layer_sizes=(4,), alpha=10.0, solver="lbfgs", max_iter=500, random_state=0
    )
    yield measured("diabetes, MLP 4 (R2)", regressor.fit(X, y), X_test, y_test, 20)
    for name, (load, estimator, widths) in NETS.items():
        X, X_test, y, y_test = split(load)
        net = estimator(random_state=0, **widths)
        yield measured(name, net.fit(X, y), X_test, y_test, 20)
    yield convolution()


def measured(name: str, model: Any, X: Array, y: Array, n_encrypted: int) -> str:
    """Line of a perceptron."""
    model.compile()
    scores = float_score(model, X, y), model.score(X, y)
    widths = f"{model.n_bits}, {model.rounding_bits}"
    return cells(name, widths, scores, model.quantized_module_, X[:n_encrypted])


def float_score(model: Any, X: Array, y: Array) -> float:
    """Score of the network of floats."""
    (raw,) = NumpyModule(model.onnx_model_)(X)
    return float((labels(raw) == y).mean() if is_classifier(model) else r2_score(y, raw[:, 0]))


def convolution() -> str:
    """Line of the convolutional network."""
    X, X_test, y, y_test = CNN["load_images"]()
    network = CNN["trained"](X, y)
    n_bits, kept = CNN["N_BITS"], CNN["ROUNDING_BITS"]
    module = compile_torch_model(
        network, X, n_bits=n_bits, rounding_bits=kept, exact_rounding=False
    )
    clear = labels(np.asarray(module.forward(X_test)))
    scores = (CNN["predict"](network, X_test) == y_test).mean(), (clear == y_test).mean()
    name = "digits, CNN (`examples/cnn.py`)"
    return cells(name, f"{n_bits['inputs']}, {kept}", scores, module, X_test[: CNN["N_ENCRYPTED"]])


def main() -> None:
    """Measure all and write the page."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        insert(PAGE, "table", table())
    sys.stdout.write(f"wrote {PAGE}\n")


if __name__ == "__main__":
    main()
