"""Torch modules become graphs that compute the same, for any number of samples."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
import torch
from torch import nn

from cml_sklearn.convert.torch import export_to_onnx
from cml_sklearn.onnx import NumpyModule


class Joint(nn.Module):
    """Two inputs, two outputs."""

    def forward(self, a: torch.Tensor, b: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return torch.relu(a) + b, a.sum(1, keepdim=True)


MODULES: dict[str, tuple[nn.Module, list[tuple[int, ...]]]] = {
    "perceptron": (nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2)), [(4,)]),
    "convolution": (
        nn.Sequential(nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2), nn.ELU(), nn.Flatten()),
        [(1, 5, 5)],
    ),
    "dropout": (nn.Sequential(nn.Linear(4, 3), nn.Dropout(0.5)), [(4,)]),
    "two inputs": (Joint(), [(3,), (3,)]),
}


@pytest.mark.parametrize("name", MODULES)
def test_graphs_compute_what_modules_do(name: str) -> None:
    module, shapes = MODULES[name]
    rng = np.random.default_rng(0)
    X = [rng.normal(size=(7, *shape)).astype(np.float32) for shape in shapes]
    graph = export_to_onnx(module, *(x[:2] for x in X))
    onnx.checker.check_model(graph)
    with torch.no_grad():
        expected = module.eval()(*map(torch.as_tensor, X))
    expected = expected if isinstance(expected, tuple) else (expected,)
    for result, wanted in zip(NumpyModule(graph)(*X), expected, strict=True):
        np.testing.assert_allclose(result, wanted.numpy(), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("training", [True, False])
def test_modules_stay_in_their_mode(training: bool) -> None:
    module = nn.Sequential(nn.Linear(2, 2), nn.Dropout()).train(training)
    export_to_onnx(module, np.zeros((2, 2), np.float32))
    assert all(part.training == training for part in module.modules())


def test_the_batch_axis_alone_is_free() -> None:
    graph = export_to_onnx(nn.Linear(3, 1), np.zeros((2, 3), np.float32))
    (spec,) = NumpyModule(graph).graph_inputs
    assert spec.name == "input_0"
    assert spec.shape is not None
    assert not isinstance(spec.shape[0], int)
    assert spec.shape[1] == 3
