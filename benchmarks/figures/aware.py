"""What learning to bear the rounding gives: the table of docs/guide/networks.md.

Mean scores of the default perceptron of 16 units on raw data, in the clear, over several splits.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from benchmarks.core import fitted_score
from benchmarks.datasets import load
from benchmarks.models import MODELS
from benchmarks.progress import tracked
from benchmarks.subject import OurSubject
from benchmarks.tables import figure, insert, markdown

__all__ = ["write"]

_DATA = {name: name for name in ("breast_cancer", "wine", "iris", "digits")}
_DATA["diabetes (R2)"] = "diabetes"
_KEPT = [3, 4, 5]
_N_SPLITS = 6


def write() -> None:
    """Measure all and write the page."""
    head = ["", *(f"{kept} bits kept" for kept in _KEPT)]
    insert("guide/networks.md", "aware", markdown(head, _cells()))


def _cells() -> Iterator[list[str]]:
    """Scores without and with it."""
    for label, name in tracked(_DATA.items(), lambda item: item[1]):
        pairs = [[_mean_score(name, kept, aware) for aware in (False, True)] for kept in _KEPT]
        yield [label, *(" / ".join(figure("score", score) for score in pair) for pair in pairs)]


def _mean_score(name: str, kept: int, aware: bool) -> float:
    """Mean over the splits."""
    parameters = {"rounding_bits": kept, "quantization_aware": aware}
    scores = []
    for seed in range(_N_SPLITS):
        data = load(name, seed=seed)
        spec = replace(MODELS[data.task]["NeuralNet"], parameters=parameters)
        scores.append(fitted_score(OurSubject(spec, None, 0), data))
    return float(np.mean(scores))
