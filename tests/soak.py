"""Random models for as long as one likes: the integers must be the same however they are computed.

``python -m tests.soak --seconds 3600`` (``make soak``) draws kinds of models, data and widths. Each
model's clear integers are compared with those of the strict engine and of Concrete's simulation.
What SEAL can do is simulated and encrypted with it, and of these only one in `concrete_every` goes to
Concrete, too; one in `encrypted_every` is encrypted with Concrete, if its lookups are not too wide.
Where rounding is approximate, simulation and encryption draw noise near ties: then the counts only say how many
integers were equal; all others must be, or the script ends with status 1.
"""

from __future__ import annotations

import json
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import torch
import typer
from numpy.random import Generator
from torch import nn

from cml_sklearn import (
    PostTrainingAffineQuantization,
    QuantizedModule,
    ensemble,
    linear_model,
    tree,
)
from cml_sklearn._typing import FloatArray
from cml_sklearn.convert.torch import export_to_onnx
from cml_sklearn.exceptions import BitWidthError, CalibrationError, UnsupportedOperatorError
from cml_sklearn.fhe.seal import SealEngine
from cml_sklearn.onnx import NumpyModule

REFUSALS = (BitWidthError, CalibrationError, UnsupportedOperatorError)
N_SAMPLES, N_TRAINING = 3, 40
WIDEST, MOST = 5, 40
"""Width and number of a circuit's lookups up to which it is encrypted."""


@dataclass
class Count:
    """What came of a kind of model."""

    models: int = 0
    refused: int = 0
    integers: int = 0
    simulated: int = 0
    encrypted: int = 0
    circuits: int = 0
    by_seal: int = 0
    circuits_of_seal: int = 0


@dataclass(frozen=True)
class Drawn:
    """A quantized model with inputs, and whether its rounding is exact."""

    module: QuantizedModule
    X: FloatArray
    exact: bool = True


def draw_data(rng: Generator, n_features: int) -> FloatArray:
    """Columns of wild scales and shapes: normal, heavy-tailed, few values, constant."""
    scale = 10.0 ** rng.integers(-3, 4, n_features)
    X = rng.standard_t(3, size=(N_TRAINING, n_features)) if rng.random() < 0.3 else None
    X = rng.normal(size=(N_TRAINING, n_features)) if X is None else X
    few = rng.random(n_features) < 0.2
    X[:, few] = np.round(X[:, few])
    return np.asarray(X * scale + rng.normal(size=n_features) * scale, dtype=np.float64)


def draw_linear(rng: Generator) -> Drawn:
    X = draw_data(rng, int(rng.integers(1, 12)))
    y = X @ rng.normal(size=(X.shape[1], int(rng.integers(1, 4))))
    n_bits = {"inputs": int(rng.integers(2, 11)), "weights": int(rng.integers(2, 11))}
    model = linear_model.LinearRegression(n_bits=n_bits).fit(X, y)
    return Drawn(model.quantized_module_, X)


def draw_trees(rng: Generator) -> Drawn:
    X = draw_data(rng, int(rng.integers(1, 6)))
    kinds: list[Any] = [
        tree.DecisionTreeClassifier(max_depth=int(rng.integers(1, 5))),
        ensemble.RandomForestClassifier(n_estimators=3, max_depth=2),
        ensemble.GradientBoostingRegressor(n_estimators=3, max_depth=2),
        ensemble.ExtraTreesRegressor(n_estimators=2, max_depth=3),
    ]
    model = kinds[rng.integers(len(kinds))].set_params(
        n_bits=int(rng.integers(1, 5)), random_state=0
    )
    model.fit(X, rng.integers(0, int(rng.integers(2, 4)), len(X)))
    return Drawn(model.quantized_module_, X)


ACTIVATIONS: list[Callable[[], nn.Module]] = [
    nn.ReLU, nn.Tanh, nn.Sigmoid, nn.GELU, nn.Softplus, nn.Hardswish, nn.LeakyReLU,
]  # fmt: skip


def draw_network(rng: Generator) -> Drawn:
    sizes = rng.integers(1, 6, int(rng.integers(2, 5))).tolist()
    layers: list[nn.Module] = []
    for n_in, n_out in pairwise(sizes):
        layers += [nn.Linear(n_in, n_out), ACTIVATIONS[rng.integers(len(ACTIVATIONS))]()]
    return quantized(rng, nn.Sequential(*layers, nn.Linear(sizes[-1], 2)), (sizes[0],))


def draw_convolution(rng: Generator) -> Drawn:
    channels = int(rng.integers(1, 3))
    net = nn.Sequential(
        nn.Conv2d(1, channels, int(rng.integers(1, 4)), padding=int(rng.integers(0, 2))),
        ACTIVATIONS[rng.integers(len(ACTIVATIONS))](),
        nn.AvgPool2d(2),
        nn.Flatten(),
        nn.LazyLinear(2),
    )
    net(torch.zeros(1, 1, 5, 5))
    return quantized(rng, net, (1, 5, 5))


class Mixture(nn.Module):
    """Two branches of one input, brought together in one of several ways."""

    def __init__(self, way: int) -> None:
        super().__init__()
        self.left, self.right, self.way = nn.Linear(3, 2), nn.Linear(3, 2), way

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Shape (n_samples, 2)."""
        a, b = self.left(x), self.right(x)
        ways = [a + b, a - torch.relu(b), torch.maximum(a, b), torch.where(a > 0, a, b)]
        return torch.tanh(ways[self.way])


def draw_mixture(rng: Generator) -> Drawn:
    return quantized(rng, Mixture(int(rng.integers(4))), (3,))


def quantized(rng: Generator, net: nn.Module, shape: tuple[int, ...]) -> Drawn:
    """Quantize a torch module in random widths."""
    X = rng.normal(size=(N_TRAINING, *shape))
    exact = bool(rng.random() < 0.7)
    n_bits = {"inputs": int(rng.integers(2, 5)), "weights": int(rng.integers(2, 5))}
    kept = None if exact else int(rng.integers(3, 6))
    quantization = PostTrainingAffineQuantization(n_bits, rounding_bits=kept, exact_rounding=exact)
    graph = NumpyModule(export_to_onnx(net.eval(), X[:2].astype(np.float32)))
    return Drawn(quantization.quantize_module(graph, X), X, exact)


KINDS: dict[str, Callable[[Generator], Drawn]] = {
    "linear": draw_linear,
    "trees": draw_trees,
    "network": draw_network,
    "convolution": draw_convolution,
    "mixture": draw_mixture,
}


def check(
    drawn: Drawn, rng: Generator, *, encrypt: bool, count: Count, concrete: bool = True
) -> None:
    """Compare the integers of a model in all ways."""
    module = drawn.module
    codes = module.quantize_input(drawn.X[rng.integers(len(drawn.X), size=N_SAMPLES)])
    clear = np.concatenate([y.ravel() for y in module.program(*codes)])
    module.compile(engine="clear")
    compare(module.quantized_forward(*codes, execute_in_fhe=True), clear, exact=True)
    count.integers += clear.size
    if SealEngine().supports(module.program) is None:
        module.compile(engine="seal")
        simulated = module.quantized_forward(*codes, execute_in_fhe="simulate")
        compare(simulated, clear, exact=True)
        by_seal = module.quantized_forward(*codes, execute_in_fhe=True)
        count.by_seal += compare(by_seal, clear, exact=True)
        count.circuits_of_seal += 1
        if not concrete:
            return
    module.compile(engine="concrete")
    report = module.fhe_circuit.report
    # keys of wide lookups take minutes
    encrypt &= max(report.pbs_by_width, default=0) <= WIDEST and report.pbs_count <= MOST
    simulated = module.quantized_forward(*codes, execute_in_fhe="simulate")
    count.simulated += compare(simulated, clear, exact=drawn.exact)
    if encrypt:
        encrypted = module.quantized_forward(*codes, execute_in_fhe=True)
        count.encrypted += compare(encrypted, clear, exact=drawn.exact)
        count.circuits += 1


def compare(outputs: tuple[np.ndarray, ...], clear: np.ndarray, *, exact: bool) -> int:
    """Count equal integers; stop at the first that must be and are not."""
    equal = np.concatenate([y.ravel() for y in outputs]) == clear
    if exact and not equal.all():
        raise AssertionError(f"{(~equal).sum()} of {equal.size} integers differ")
    return int(equal.sum())


def main(
    seconds: Annotated[float, typer.Option(help="how long to go on")] = 3600.0,
    models: Annotated[int, typer.Option(help="how many models at the most")] = 1_000_000,
    encrypted_every: Annotated[int, typer.Option(help="every so manieth is encrypted")] = 20,
    seed: int = 0,
    kinds: Annotated[str, typer.Option(help="of models, parted by commas")] = ",".join(KINDS),
    concrete_every: Annotated[
        int, typer.Option(help="of those that SEAL can do, every so manieth goes to Concrete, too")
    ] = 1,
    output: Annotated[Path | None, typer.Option(help="file for the counts")] = None,
) -> None:
    """Draw models and compare their integers; status 1 at the first that differ."""
    counts: dict[str, Count] = defaultdict(Count)
    end, drawn = time.monotonic() + seconds, kinds.split(",")
    for number in range(models):
        if time.monotonic() > end:
            break
        kind = drawn[number % len(drawn)]
        rng = np.random.default_rng([seed, number])
        torch.manual_seed(seed + number)
        count = counts[kind]
        count.models += 1
        try:
            encrypt = number // len(drawn) % encrypted_every == 0
            concrete = number // len(drawn) % concrete_every == 0
            check(KINDS[kind](rng), rng, encrypt=encrypt, count=count, concrete=concrete)
        except REFUSALS:
            count.refused += 1
        except Exception:
            sys.stderr.write(f"seed {seed}, model {number} ({kind})\n")
            raise
        if output is not None and number % 50 == 0:
            write(counts, output)
    if output is not None:
        write(counts, output)
    for kind, count in counts.items():
        sys.stdout.write(f"{kind}: {asdict(count)}\n")


def write(counts: dict[str, Count], output: Path) -> None:
    output.write_text(json.dumps({kind: asdict(count) for kind, count in counts.items()}, indent=2))


if __name__ == "__main__":
    typer.run(main)
