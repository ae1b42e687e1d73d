"""The network of ``examples/cnn.py`` on Concrete-ML: same data, split, seed and weights.

Run in the peer's environment: ``.venv-peer/bin/python -m benchmarks.peer.cnn --help``.
"""

from __future__ import annotations

from time import perf_counter
from typing import Annotated, Any

import concrete.ml.torch.compile
import numpy as np
import typer

from examples.cnn import load_images, predict, trained


def compiled(network: Any, X: np.ndarray, n_bits: int, kept: int, method: str) -> Any:
    """Quantize and compile; `kept` is the number of an accumulator's bits that a lookup sees."""
    return concrete.ml.torch.compile.compile_torch_model(
        network,
        X,
        n_bits=n_bits,
        rounding_threshold_bits={"n_bits": kept, "method": method},
        p_error=2.0**-40,
    )


def accuracy(module: Any, X: np.ndarray, y: np.ndarray, mode: str) -> float:
    """Share of right labels."""
    return float(np.mean(module.forward(X, fhe=mode).argmax(axis=1) == y))


def encrypted(module: Any, X: np.ndarray) -> tuple[np.ndarray, float, float]:
    """Labels, seconds to make the keys, and seconds an image."""
    started = perf_counter()
    module.fhe_circuit.keygen(force=True)
    ready = perf_counter()
    labels = module.forward(X, fhe="execute").argmax(axis=1)
    return labels, ready - started, (perf_counter() - ready) / len(X)


def main(
    n_bits: Annotated[int, typer.Option(help="Width of inputs, weights and activations.")] = 6,
    kept: Annotated[int, typer.Option(help="Its rounding_threshold_bits.")] = 6,
    method: Annotated[str, typer.Option(help="Rounding: exact or approximate.")] = "exact",
    n_simulated: Annotated[int, typer.Option(help="Test images to simulate.")] = 0,
    n_encrypted: Annotated[int, typer.Option(help="Test images to encrypt.")] = 0,
) -> None:
    """Compile, and print the figures."""
    X_train, X_test, y_train, y_test = load_images()
    network = trained(X_train, y_train)
    started = perf_counter()
    module = compiled(network, X_train, n_bits, kept, method)
    statistics = module.fhe_circuit.statistics
    typer.echo(f"n_bits {n_bits}, kept {kept}, {method}")
    typer.echo(f"seconds to compile        {perf_counter() - started:.1f}")
    typer.echo(f"accuracy, float           {np.mean(predict(network, X_test) == y_test):.4f}")
    typer.echo(f"accuracy, quantized       {accuracy(module, X_test, y_test, 'disable'):.4f}")
    typer.echo(f"bootstraps an image       {statistics['programmable_bootstrap_count']}")
    typer.echo(f"Gop an image              {statistics['complexity'] / 1e9:.1f}")
    if n_simulated:
        X, y = X_test[:n_simulated], y_test[:n_simulated]
        typer.echo(f"accuracy, simulated       {accuracy(module, X, y, 'simulate'):.4f}")
    if n_encrypted:
        labels, keys, seconds = encrypted(module, X_test[:n_encrypted])
        same = labels == module.forward(X_test[:n_encrypted], fhe="disable").argmax(axis=1)
        typer.echo(f"encrypted = clear labels  {same.sum()} of {n_encrypted}")
        typer.echo(f"seconds to make the keys  {keys:.1f}")
        typer.echo(f"seconds an image          {seconds:.1f}")


if __name__ == "__main__":
    typer.run(main)
