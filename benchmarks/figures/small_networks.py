"""Networks of few lookups, over six splits and encrypted: a table of docs/explanation/networks.md.

Widths, units and training were chosen on splits of other seeds. Encrypts for real: takes some
minutes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from sklearn.model_selection import train_test_split
from torch import nn

from benchmarks.datasets import large_digits, load
from benchmarks.engines import facts_line
from benchmarks.figures.networks import encrypted_cells, labels_of
from benchmarks.progress import tracked
from benchmarks.tables import insert, markdown
from cml_sklearn import QuantizedModule, compile_torch_model
from cml_sklearn.neural_network import MLPClassifier
from examples import cnn

__all__ = ["Fitted", "breast_cancer", "digits", "digits_of_mnist_size", "write"]

_N_SPLITS = 6
_LARGE_UNITS = 44
_LARGE_BITS: dict[str, Any] = {"inputs": 4, "weights": (4, 3), "activations": 4}
_LARGE_L1_PENALTY = 3e-4
_HEAD = ["data, network", "before", "float", "integers", "lowest", "Gop, highest", "keys, MB"]
_HEAD += ["PBS", "Gop", "seconds a sample", "equal integers", "equal labels"]


class Fitted(NamedTuple):
    """A compiled network, and a test set.

    Attributes
    ----------
    module : QuantizedModule
    X : ndarray of shape (n_samples, ...)
    y : ndarray of shape (n_samples,)
    floats : ndarray of shape (n_samples,)
        Labels by the float network.
    """

    module: QuantizedModule
    X: np.ndarray
    y: np.ndarray
    floats: np.ndarray


class _Task(NamedTuple):
    """A line of the table: its label, the figure before, and what fits the network of a split."""

    label: str
    before: str
    fit: Callable[[int], Fitted]
    n_encrypted: int


def breast_cancer(seed: int) -> Fitted:
    """Seven units with the default widths; the last weights go into the tables."""
    data = load("breast_cancer", seed=seed).standardized()
    model = MLPClassifier((7,), alpha=1.0, max_iter=1000, random_state=seed)
    model.fit(data.X_train, data.y_train).compile(engine="concrete")
    floats = model.sklearn_model_.predict(data.X_test)
    return Fitted(model.quantized_module_, data.X_test, data.y_test, floats)


def digits(seed: int) -> Fitted:
    """Fit the network of ``examples/cnn.py``."""
    X, X_test, y, y_test = cnn.load_images(seed)
    network = cnn.trained(X, y)
    floats = cnn.predict(network, X_test)
    return Fitted(cnn.compiled(network, X), X_test, y_test, floats)


def digits_of_mnist_size(seed: int) -> Fitted:
    """One hidden layer on 28 x 28 pixels, trained as that of ``examples/cnn.py``.

    The network is trained on images, to warp them, and compiled for rows of pixels, whose ranges
    are then chosen one by one.
    """
    rows, labels = large_digits()
    X, X_test, y, y_test = train_test_split(
        rows.astype(np.float32), labels, test_size=0.3, random_state=seed
    )
    torch.manual_seed(0)
    layers = nn.Sequential(
        nn.Linear(rows.shape[1], _LARGE_UNITS, bias=False),
        nn.BatchNorm1d(_LARGE_UNITS),
        nn.ReLU(),
        nn.Linear(_LARGE_UNITS, 10),
    )
    network = nn.Sequential(nn.Flatten(), layers)
    cnn.train(network, X.reshape(-1, 1, 28, 28), y, _LARGE_L1_PENALTY)
    floats = cnn.predict(network.eval(), X_test)
    module = compile_torch_model(
        layers, X, n_bits=_LARGE_BITS, rounding_bits=cnn.ROUNDING_BITS, exact_rounding=False
    )
    return Fitted(module, X_test, y_test, floats)


_TASKS = [
    _Task("breast_cancer, MLP 7", "0.974, 1.7 Gop", breast_cancer, 50),
    _Task("digits, CNN (`examples/cnn.py`)", "0.959 to 0.972, 18.2 Gop", digits, 20),
    _Task("digits of 28 x 28, perceptron 44", "", digits_of_mnist_size, 10),
]


def write() -> None:
    """Measure all and write the page."""
    cells = [_cells(task) for task in tracked(_TASKS, lambda task: task.label)]
    lines = [*markdown(_HEAD, cells), "", f"Measured with {facts_line()}"]
    insert("explanation/networks.md", "small", lines)


def _cells(task: _Task) -> list[str]:
    """Means over the splits, and encrypted samples of the first one."""
    fits = [task.fit(seed) for seed in range(_N_SPLITS)]
    floats = [np.mean(fitted.floats == fitted.y) for fitted in fits]
    integers = [np.mean(_labels(fitted) == fitted.y) for fitted in fits]
    error = np.std(integers, ddof=1) / np.sqrt(_N_SPLITS)
    reports = [fitted.module.fhe_circuit.report for fitted in fits]
    return [
        task.label,
        task.before,
        f"{np.mean(floats):.3f}",
        f"{np.mean(integers):.3f} ± {error:.3f}",
        f"{min(integers):.3f}",
        f"{max(report.complexity or 0.0 for report in reports):.2f}",
        f"{max(report.key_bytes for report in reports) / 1e6:.0f}",
        *encrypted_cells(fits[0].module, fits[0].X[: task.n_encrypted]),
    ]


def _labels(fitted: Fitted) -> np.ndarray:
    """Labels by the clear integers."""
    return labels_of(np.asarray(fitted.module.forward(fitted.X)))
