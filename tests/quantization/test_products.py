"""Products of encrypted tensors, and what is one lookup though it looks like a product."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from cml_sklearn import (
    NumpyModule,
    PostTrainingAffineQuantization,
    QuantizedModule,
    compile_torch_model,
)
from cml_sklearn._typing import Array
from cml_sklearn.convert.torch import export_to_onnx
from cml_sklearn.exceptions import BitWidthError, UnsupportedOperatorError
from cml_sklearn.fhe.protocol import CircuitOptions
from cml_sklearn.program.steps import Add, Lookup, Multiply, MultiplyMatrices, Subtract

X = np.random.default_rng(0).uniform(-3, 3, size=(400, 2)).astype(np.float32)


class Function(nn.Module):
    def __init__(self, expression: str) -> None:
        super().__init__()
        self.expression = expression

    def forward(self, x: Tensor) -> Tensor:
        result: Tensor = eval(self.expression, {"torch": torch, "x": x})  # noqa: S307
        return result


def quantized(expression: str, data: Array = X, n_bits: int = 6) -> QuantizedModule:
    module = NumpyModule(export_to_onnx(Function(expression), data[:2]))
    quantization = PostTrainingAffineQuantization(n_bits, clear_tail=False)
    return quantization.quantize_module(module, data)


def kinds(module: QuantizedModule) -> list[type]:
    return [type(instruction.step) for instruction in module.program.instructions]


SAME = [
    "x * x",
    "x * torch.sigmoid(x)",
    "x * torch.tanh(torch.nn.functional.softplus(x))",
    "x / (1 + torch.abs(x))",
    "torch.relu(x) - torch.sigmoid(x)",
    "torch.exp(x) + x * x",
    "torch.maximum(x, torch.abs(x) - 1)",
    "torch.minimum(2 * x, torch.sin(x))",
    "torch.where(x > 0.2, x, torch.exp(x) - 1)",
    "torch.where(x * x > 1, torch.sign(x), x)",
    "x * torch.relu(x) * torch.sigmoid(x) + 1",
    "(x > torch.relu(x - 1)).float() * x",
    "(x + 2) * (x - 2)",
]


@pytest.mark.parametrize("expression", SAME)
def test_functions_of_the_same_integers_are_one_lookup(expression: str) -> None:
    module = quantized(f"({expression}).sum(1, keepdim=True)")
    steps = kinds(module)
    assert steps.count(Lookup) == 1
    assert not {Multiply, Add, Subtract} & {*steps}
    expected = Function(f"({expression}).sum(1, keepdim=True)")(torch.tensor(X)).numpy()
    assert np.abs(module.forward(X) - expected).max() < 0.15 * np.ptp(expected)


@pytest.mark.parametrize("size", [1e-15, 1e-9, 1.0, 1e9])
@pytest.mark.parametrize(
    "expression", ["torch.relu(x) > -x", "x >= torch.relu(x)", "torch.relu(x).bool()"]
)
def test_comparisons_and_truth_are_of_no_unit(expression: str, size: float) -> None:
    data = X * np.float32(size)
    expected = Function(f"({expression}).float()")(torch.tensor(data)).numpy()
    got = quantized(f"({expression}).float()", data).forward(data)
    assert (got == expected).mean() > 0.97


@pytest.mark.parametrize("expression", ["x + x", "x - 3 * x", "(x + x) * 0.5 + x"])
def test_sums_of_the_same_integers_are_free(expression: str) -> None:
    assert Lookup not in kinds(quantized(expression))


def test_a_factor_whose_zero_is_no_integer_is_coded_anew() -> None:
    """Half a step is much where a factor has two values."""
    bits = (X > 0).astype(np.float32)
    module = quantized("(x[:, :1] + 0.5) * x[:, 1:]", bits, n_bits=2)
    expected = (bits[:, :1] + 0.5) * bits[:, 1:]
    assert np.abs(module.forward(bits) - expected).max() <= 0.25


def test_a_factor_that_is_always_zero() -> None:
    module = quantized("(x - x)[:, :1] * x[:, 1:]")
    np.testing.assert_allclose(module.forward(X), 0, atol=1e-6)


ATTENTION = "torch.relu(x @ x.transpose(-1, -2)) @ (x + 1)"


def test_matrices_of_two_encrypted_tensors() -> None:
    data = np.random.default_rng(1).normal(size=(300, 3, 2)).astype(np.float32)
    module = quantized(ATTENTION, data, n_bits=7)
    assert kinds(module).count(MultiplyMatrices) == 2
    expected = Function(ATTENTION)(torch.tensor(data)).numpy()
    assert np.mean((module.forward(data) - expected) ** 2) < 0.02 * expected.var()


@pytest.mark.fhe
@pytest.mark.parametrize("expression", ["x @ x.transpose(-1, -2)", "x[:, :1] * x[:, 1:]"])
def test_products_are_the_same_in_all_modes(expression: str) -> None:
    data = np.random.default_rng(1).normal(size=(40, 2, 2)).astype(np.float32)
    module = compile_torch_model(
        Function(expression), data, n_bits=2, rounding_bits=None, exact_rounding=True
    )
    module.compile(CircuitOptions(), engine="concrete")
    clear = module.forward(data)
    np.testing.assert_array_equal(module.forward(data, execute_in_fhe="simulate"), clear)
    np.testing.assert_array_equal(module.forward(data[:2], execute_in_fhe=True), clear[:2])
    report = module.fhe_circuit.report
    assert sum(report.pbs_by_width.values()) == report.pbs_count > 0


@pytest.mark.fhe
def test_what_is_too_wide_is_named() -> None:
    wide = quantized("x[:, :1] * x[:, 1:]", n_bits=16)
    with pytest.raises(BitWidthError, match=r"Mul .*has an index of 17 bits"):
        wide.compile(CircuitOptions(), engine="concrete")


def test_matrices_that_would_mix_samples_are_refused() -> None:
    expression = "x @ (x.unsqueeze(-1) * x.unsqueeze(1))"
    with pytest.raises(UnsupportedOperatorError, match="of 2 and 3 axes"):
        quantized(expression, X[:2])
