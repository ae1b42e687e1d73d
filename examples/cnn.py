"""A convolutional network for handwritten digits on encrypted images.

Trains a small torch CNN on scikit-learn's 8 x 8 digits, quantizes and compiles it, and predicts a
few images encrypted: ``python examples/cnn.py``.
"""

from __future__ import annotations

from time import perf_counter
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn

from cml_sklearn import QuantizedModule, compile_torch_model

N_BITS = {"inputs": 4, "weights": 4, "activations": 4}
ROUNDING_BITS = 4
NOISE = 0.2
L1_PENALTY = 3e-4
N_ENCRYPTED = 20


def make_network() -> nn.Module:
    """Two convolutions and one affine layer; each of the 128 ReLUs is one lookup."""
    return nn.Sequential(
        nn.Conv2d(1, 4, kernel_size=3, stride=2, padding=1),
        nn.ReLU(),
        nn.Conv2d(4, 16, kernel_size=3),
        nn.ReLU(),
        nn.Flatten(),
        nn.Linear(64, 10),
    )


def train(network: nn.Module, X: NDArray[np.float32], y: NDArray[np.int64]) -> None:
    """Minimize the cross-entropy, on noisy images and with an L1 penalty on the weights.

    The noise makes the network bear rounding; small weights keep the proven range of the
    accumulators, and so their steps, small.
    """
    n_epochs, batch_size = 80, 32
    images, labels = torch.as_tensor(X), torch.as_tensor(y)
    optimizer = torch.optim.AdamW(network.parameters(), weight_decay=0.05)
    steps = n_epochs * -(-len(X) // batch_size)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=0.01, total_steps=steps)
    for _ in range(n_epochs):
        for rows in torch.randperm(len(X)).split(batch_size):
            optimizer.zero_grad()
            noisy = images[rows] + NOISE * torch.randn_like(images[rows])
            penalty = sum(p.abs().sum() for p in network.parameters() if p.ndim > 1)
            loss = nn.functional.cross_entropy(network(noisy), labels[rows])
            (loss + L1_PENALTY * penalty).backward()
            optimizer.step()
            schedule.step()


def load_images() -> list[NDArray[Any]]:
    """Training and test images of shape (n_images, 1, 8, 8) from 0 to 1, and their labels."""
    X, y = load_digits(return_X_y=True)
    images = (X / 16).reshape(-1, 1, 8, 8).astype(np.float32)
    parts: list[NDArray[Any]] = train_test_split(images, y, test_size=0.3, random_state=0)
    return parts


def trained(X: NDArray[np.float32], y: NDArray[np.int64]) -> nn.Module:
    """Train a network; the same one every time."""
    torch.manual_seed(0)
    network = make_network()
    train(network, X, y)
    return network


def predict(network: nn.Module, X: NDArray[np.float32]) -> NDArray[np.int64]:
    """Labels by the float network."""
    with torch.no_grad():
        return network.eval()(torch.as_tensor(X)).argmax(dim=1).numpy()


def predict_encrypted(
    module: QuantizedModule, X: NDArray[np.float32]
) -> tuple[NDArray[np.int64], float]:
    """Labels by the encrypted network, and seconds an image."""
    module.forward(X[:1], execute_in_fhe=True)  # makes the keys
    started = perf_counter()
    scores = np.asarray(module.forward(X, execute_in_fhe=True))
    return scores.argmax(axis=1), (perf_counter() - started) / len(X)


def main() -> None:
    """Train, quantize, predict, and print the figures."""
    X_train, X_test, y_train, y_test = load_images()
    network = trained(X_train, y_train)
    module = compile_torch_model(network, X_train, n_bits=N_BITS, rounding_bits=ROUNDING_BITS)
    clear = np.asarray(module.forward(X_test)).argmax(axis=1)
    labels, seconds = predict_encrypted(module, X_test[:N_ENCRYPTED])
    report = module.fhe_circuit.report
    table = Table("figure", "value", title="CNN on digits")
    table.add_row("accuracy, float", f"{np.mean(predict(network, X_test) == y_test):.4f}")
    table.add_row("accuracy, quantized", f"{np.mean(clear == y_test):.4f}")
    table.add_row("encrypted label = clear label", f"{(labels == clear[:N_ENCRYPTED]).sum()}")
    table.add_row("encrypted images", f"{N_ENCRYPTED}")
    table.add_row("bootstraps an image", f"{report.pbs_count:g}")
    table.add_row("Gop an image", f"{report.complexity:.1f}")
    table.add_row("seconds an image", f"{seconds:.1f}")
    Console().print(table)


if __name__ == "__main__":
    main()
