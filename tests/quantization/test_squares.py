"""Models of layers and squares are polynomials of integers, wherever these fit."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from cml_sklearn import PostTrainingAffineQuantization, QuantizedModule
from cml_sklearn.compile import exported
from cml_sklearn.exceptions import BitWidthError
from cml_sklearn.fhe.protocol import CircuitOptions
from cml_sklearn.onnx import NumpyModule
from cml_sklearn.program.steps import Multiply
from cml_sklearn.quantization.squares import is_polynomial

X = np.random.default_rng(0).normal(size=(300, 4)).astype(np.float32)
IMAGES = np.random.default_rng(1).normal(size=(100, 1, 5, 5)).astype(np.float32)

Function = Callable[[torch.Tensor], torch.Tensor]


class Net(nn.Module):
    """Two layers with a function between them."""

    def __init__(self, between: Function, first: nn.Module, *rest: nn.Module) -> None:
        super().__init__()
        self.between, self.first, self.rest = between, first, nn.Sequential(*rest)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        result: torch.Tensor = self.rest(self.between(self.first(x)))
        return result


def dense(between: Function) -> Net:
    torch.manual_seed(0)
    return Net(between, nn.Linear(4, 3), nn.Linear(3, 2)).eval()


def quantized(net: Net, data: np.ndarray = X, n_bits: int = 6, **options: bool) -> QuantizedModule:
    quantization = PostTrainingAffineQuantization(n_bits, **options)
    return quantization.quantize_module(NumpyModule(exported(net, [data])), data)


def convolutional() -> Net:
    torch.manual_seed(0)
    rest = nn.AvgPool2d(2), nn.Flatten(), nn.Linear(8, 2)
    norm = nn.Sequential(nn.Conv2d(1, 2, 2), nn.BatchNorm2d(2))
    return Net(lambda x: x * x, norm, *rest).eval()


@pytest.mark.parametrize(
    ("net", "data"),
    [
        (dense(lambda x: x * x), X),
        (dense(lambda x: (x + 1) ** 2 / 4), X),
        (dense(lambda x: torch.square(x) - 1), X),
        (convolutional(), IMAGES),
    ],
)
def test_squares_are_exact_integers(net: Net, data: np.ndarray) -> None:
    module = quantized(net, data)
    assert is_polynomial(module.program)
    assert sum(isinstance(i.step, Multiply) for i in module.program.instructions) == 1
    with torch.no_grad():
        expected = net(torch.as_tensor(data)).numpy()
    clear = module.forward(data)
    assert np.sqrt(np.mean((clear - expected) ** 2)) < 0.08 * expected.std()
    for engine in ("clear", "seal"):
        module.compile(CircuitOptions(), engine=engine)
        encrypted = module.forward(data[:30], execute_in_fhe=True)
        np.testing.assert_array_equal(encrypted, clear[:30])


@pytest.mark.parametrize(
    "between",
    [lambda x: torch.relu(x) + x * x, lambda x: x * x * x, lambda x: x + x * x],
)
def test_what_is_more_than_squares_has_lookups(between: Function) -> None:
    net = dense(between)
    module = quantized(net)
    assert module.program.n_lookups == 1
    with torch.no_grad():
        expected = net(torch.as_tensor(X)).numpy()
    assert np.sqrt(np.mean((module.forward(X) - expected) ** 2)) < 0.15 * expected.std()


def test_squares_that_are_too_wide_become_lookups_with_a_warning() -> None:
    net = dense(lambda x: x * x)
    with pytest.warns(UserWarning, match=r"Square.* would have \d\d bits, and 43 are possible"):
        assert quantized(net, n_bits=10).program.n_lookups == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert quantized(net, n_bits=10, exact_squares=False).program.n_lookups == 1


def test_an_offset_that_is_no_integer_is_looked_up() -> None:
    assert quantized(dense(lambda x: (x + 1e14) ** 2)).program.n_lookups == 1


def test_from_a_file(tmp_path: Path) -> None:
    module = quantized(dense(lambda x: x * x))
    module.save(tmp_path / "module.npz")
    read = QuantizedModule.load(tmp_path / "module.npz")
    np.testing.assert_array_equal(read.forward(X), module.forward(X))


def test_what_only_seal_can_do_is_refused_by_concrete_with_figures() -> None:
    module = quantized(dense(lambda x: x * x))
    with pytest.raises(BitWidthError, match=r"makes integers of \d\d bits"):
        module.compile(CircuitOptions(), engine="concrete")
