"""Seconds of `NumpyModule`, onnxruntime and ONNX's reference evaluator on a small CNN.

All run on one thread.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Annotated

import numpy as np
import typer
from threadpoolctl import threadpool_limits

from benchmarks.core import write_row
from benchmarks.measure import machine_facts, seconds_of
from benchmarks.options import Output
from benchmarks.tables import show

if TYPE_CHECKING:
    import onnx

__all__ = ["main"]


def _make_model() -> onnx.ModelProto:
    """Make a CNN for images of 28 x 28, with every layer that such networks usually have."""
    import torch
    from torch import nn

    from cml_sklearn.convert.torch import export_to_onnx

    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.AvgPool2d(2),
        nn.Conv2d(8, 16, 3),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(16 * 6 * 6, 64),
        nn.Sigmoid(),
        nn.Linear(64, 10),
    )
    return export_to_onnx(network.eval(), np.zeros((2, 1, 28, 28), np.float32))


def _make_runners(model: onnx.ModelProto) -> dict[str, Callable[[np.ndarray], np.ndarray]]:
    """Make one function from inputs to outputs for each way to run the model."""
    import onnxruntime
    from onnx.reference import ReferenceEvaluator

    from cml_sklearn.onnx import NumpyModule

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
    module, reference = NumpyModule(model), ReferenceEvaluator(model)
    (name,) = (value.name for value in model.graph.input)
    return {
        "onnxruntime": lambda x: session.run(None, {name: x})[0],
        "NumpyModule": lambda x: module(x)[0],
        "ReferenceEvaluator": lambda x: reference.run(None, {name: x})[0],
    }


def _best_seconds(function: Callable[[], object], repeat: int) -> float:
    """Measure the shortest of several runs, after one to warm up."""
    function()
    return min(seconds_of(function) for _ in range(repeat))


def main(
    repeat: Annotated[int, typer.Option(help="Runs, of which the shortest counts.")] = 5,
    batch: Annotated[int, typer.Option(help="Images in one run.")] = 256,
    output: Output = None,
) -> None:
    """Seconds of the NumPy operators, beside onnxruntime."""
    x = np.random.default_rng(0).standard_normal((batch, 1, 28, 28), np.float32)
    runners = _make_runners(_make_model())
    wanted = runners["onnxruntime"](x)
    seconds = {}
    with threadpool_limits(1):
        for name, run in runners.items():
            np.testing.assert_allclose(run(x), wanted, rtol=1e-3, atol=1e-5)
            seconds[name] = _best_seconds(partial(run, x), repeat)
    cells = [
        [name, f"{value:.4f}", f"{value / seconds['onnxruntime']:.1f}"]
        for name, value in seconds.items()
    ]
    show(["evaluator", "seconds", "times onnxruntime's"], cells, f"CNN, batch {batch}")
    write_row(output, {"batch": batch, "seconds": seconds, **machine_facts()})
