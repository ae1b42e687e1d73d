"""Torch modules, exported and run, against torch itself."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812

from cml_sklearn.convert.torch import export_to_onnx
from cml_sklearn.onnx import NumpyModule


class Function(nn.Module):
    """A function as a module."""

    def __init__(self, function: Callable[..., torch.Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, *inputs: torch.Tensor) -> torch.Tensor:
        return self.function(*inputs)


IMAGE, SEQUENCE, VOLUME, TABLE = (3, 4, 11, 9), (3, 4, 12), (2, 4, 5, 6, 7), (5, 8)

MODULES = {
    "adaptive pooling": (nn.AdaptiveAvgPool2d(1), IMAGE),
    "average pooling": (nn.AvgPool2d(3, 2, 1, ceil_mode=True), IMAGE),
    "average pooling, padding not counted": (
        nn.AvgPool2d(3, 2, 1, count_include_pad=False),
        IMAGE,
    ),
    "batch norm": (nn.BatchNorm2d(4), IMAGE),
    "convolution": (nn.Conv2d(4, 6, (3, 2), stride=(2, 1), padding=(1, 0), dilation=2), IMAGE),
    "convolution by groups": (nn.Conv2d(4, 8, 3, groups=4, bias=False), IMAGE),
    "convolution in 1-D": (nn.Conv1d(4, 3, 5, padding=2), SEQUENCE),
    "convolution in 3-D": (nn.Conv3d(4, 2, 3, groups=2), VOLUME),
    "convolution, transposed": (nn.ConvTranspose2d(4, 6, 3, 2, 1, 1, groups=2), IMAGE),
    "GELU by tanh": (nn.GELU("tanh"), TABLE),
    "group norm": (nn.GroupNorm(2, 4), IMAGE),
    "layer norm": (nn.LayerNorm(8), TABLE),
    "max pooling": (nn.MaxPool2d(3, 2, 1, ceil_mode=True), IMAGE),
    "max pooling in 1-D": (nn.MaxPool1d(2, dilation=3), SEQUENCE),
    "reflection": (nn.ReflectionPad2d((1, 2, 3, 0)), IMAGE),
    "instance norm": (nn.InstanceNorm2d(4, affine=True), IMAGE),
    "chunks": (Function(lambda x: torch.cat(x.chunk(3, 1)[::-1], 1)), TABLE),
    "clamp": (Function(lambda x: x.clamp(-0.5, 1)), TABLE),
    "flatten": (Function(lambda x: x.flatten(1)), IMAGE),
    "view": (Function(lambda x: x.view(x.size(0), -1)), IMAGE),
    "view from both sides": (Function(lambda x: x.view(x.size(0), x.size(1), -1)), IMAGE),
    "attention": (Function(lambda x: F.softmax(x @ x.transpose(1, 2) / 2, -1) @ x), SEQUENCE),
    "einsum": (Function(lambda x: torch.einsum("nci,ncj->nij", x, x)), SEQUENCE),
    "masks": (Function(lambda x: torch.where((x > 0) & ~(x > 1), x, -x)), TABLE),
    "maximum": (Function(lambda x: torch.maximum(x, x.mean(1, keepdim=True))), TABLE),
    "norm": (Function(lambda x: x / x.norm(dim=1, keepdim=True)), TABLE),
    "powers": (Function(lambda x: x**2 + x.abs() ** 0.5), TABLE),
    "slices": (Function(lambda x: x[:, 1:-2:2] * x[:, :1]), TABLE),
    "top": (Function(lambda x: x.topk(3, 1).values), TABLE),
}
MODULES |= {
    type(module).__name__: (module, TABLE)
    for module in (
        nn.CELU(),
        nn.ELU(),
        nn.GELU(),
        nn.Hardshrink(),
        nn.Hardsigmoid(),
        nn.Hardswish(),
        nn.Hardtanh(),
        nn.LeakyReLU(),
        nn.LogSigmoid(),
        nn.LogSoftmax(1),
        nn.Mish(),
        nn.PReLU(),
        nn.ReLU6(),
        nn.SELU(),
        nn.SiLU(),
        nn.Softmax(1),
        nn.Softplus(),
        nn.Softshrink(),
        nn.Softsign(),
        nn.Tanh(),
        nn.Tanhshrink(),
    )
}


@pytest.mark.parametrize("name", MODULES)
def test_as_torch(name: str) -> None:
    module, shape = MODULES[name]
    module = module.eval()
    x = np.random.default_rng(0).standard_normal(shape, np.float32)
    exported = NumpyModule(export_to_onnx(module, x[:2]))
    with torch.no_grad():
        expected = module(torch.as_tensor(x)).numpy()
    (y,) = exported(x)
    assert y.dtype == expected.dtype
    np.testing.assert_allclose(y, expected, rtol=1e-4, atol=1e-5)
    assert "Shape" not in {node.op_type for node in exported.graph.nodes}
