"""The network of ``examples/cnn.py`` on Concrete-ML: same data, split, seed and weights."""

from __future__ import annotations

from collections.abc import Iterator
from time import perf_counter
from typing import Annotated, Any

import numpy as np
import typer

from benchmarks.measure import seconds_of

__all__ = ["main"]


def main(
    n_bits: Annotated[int, typer.Option(help="Width of inputs, weights and activations.")] = 6,
    kept: Annotated[int, typer.Option(help="Its rounding_threshold_bits.")] = 6,
    method: Annotated[str, typer.Option(help="Rounding: exact or approximate.")] = "exact",
    n_simulated: Annotated[int, typer.Option(help="Test images to simulate.")] = 0,
    n_encrypted: Annotated[int, typer.Option(help="Test images to encrypt.")] = 0,
) -> None:
    """Accuracy, cost and seconds of the network of examples/cnn.py."""
    from examples.cnn import load_images, predict, trained

    X_train, X_test, y_train, y_test = load_images()
    network = trained(X_train, y_train)
    started = perf_counter()
    module = _compiled(network, X_train, n_bits, kept, method)
    statistics = module.fhe_circuit.statistics
    typer.echo(f"n_bits {n_bits}, kept {kept}, {method}")
    typer.echo(f"seconds to compile        {perf_counter() - started:.1f}")
    typer.echo(f"accuracy, float           {np.mean(predict(network, X_test) == y_test):.4f}")
    typer.echo(f"accuracy, quantized       {_accuracy(module, X_test, y_test, 'disable'):.4f}")
    typer.echo(f"bootstraps an image       {statistics['programmable_bootstrap_count']}")
    typer.echo(f"Gop an image              {statistics['complexity'] / 1e9:.1f}")
    if n_simulated:
        X, y = X_test[:n_simulated], y_test[:n_simulated]
        typer.echo(f"accuracy, simulated       {_accuracy(module, X, y, 'simulate'):.4f}")
    if n_encrypted:
        typer.echo("\n".join(_encrypted(module, X_test[:n_encrypted])))


def _compiled(network: Any, X: np.ndarray, n_bits: int, kept: int, method: str) -> Any:
    """Quantize and compile; `kept` is the number of an accumulator's bits that a lookup sees."""
    from concrete.ml.torch.compile import compile_torch_model

    return compile_torch_model(
        network,
        X,
        n_bits=n_bits,
        rounding_threshold_bits={"n_bits": kept, "method": method},
        p_error=2.0**-40,
    )


def _labels(module: Any, X: np.ndarray, mode: str) -> np.ndarray:
    return module.forward(X, fhe=mode).argmax(axis=1)


def _accuracy(module: Any, X: np.ndarray, y: np.ndarray, mode: str) -> float:
    """Share of right labels."""
    return float(np.mean(_labels(module, X, mode) == y))


def _encrypted(module: Any, X: np.ndarray) -> Iterator[str]:
    """Lines about encrypted images."""
    keys = seconds_of(lambda: module.fhe_circuit.keygen(force=True))
    started = perf_counter()
    labels = _labels(module, X, "execute")
    seconds = (perf_counter() - started) / len(X)
    yield f"encrypted = clear labels  {(labels == _labels(module, X, 'disable')).sum()} of {len(X)}"
    yield f"seconds to make the keys  {keys:.1f}"
    yield f"seconds an image          {seconds:.1f}"
