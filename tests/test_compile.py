"""Whole torch and ONNX models through the pipeline."""

from __future__ import annotations

import inspect
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LinearRegression
from torch import nn

from cml_sklearn import (
    NeuralNetClassifier,
    QuantizedModule,
    compile_onnx_model,
    compile_torch_model,
    preflight,
)
from cml_sklearn.compile import _N_BITS, _ROUNDING_BITS
from cml_sklearn.convert.torch import export_to_onnx
from cml_sklearn.exceptions import (
    BitWidthError,
    CalibrationError,
    CompilationError,
    InvalidInputError,
    UnsupportedOperatorError,
)
from cml_sklearn.fhe.concrete import limits
from cml_sklearn.fhe.concrete.bindings import load_concrete
from cml_sklearn.onnx import NumpyModule
from cml_sklearn.quantization.post_training import PostTrainingAffineQuantization

Array = NDArray[Any]


class Residual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(4, 4), nn.Linear(4, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.second(torch.relu(self.first(x)) + x)


EXACT: dict[str, Any] = {"rounding_bits": None, "exact_rounding": True}
"""Lookups that see all bits, so that integers are equal in all modes."""


def mlp() -> nn.Module:
    return nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2), nn.Softmax(dim=1))


def cnn() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(1, 2, 3, padding=1),
        nn.BatchNorm2d(2),
        nn.ReLU(),
        nn.AvgPool2d(2),
        nn.Flatten(),
        nn.Linear(8, 2),
    )


MODELS = {"mlp": (mlp, (4,)), "cnn": (cnn, (1, 4, 4)), "residual": (Residual, (4,))}


def build(name: str) -> tuple[nn.Module, Array]:
    torch.manual_seed(0)
    make, shape = MODELS[name]
    return make().eval(), np.random.default_rng(0).normal(size=(200, *shape)).astype(np.float32)


@pytest.mark.parametrize("name", MODELS)
def test_numpy_module_equals_torch(name: str) -> None:
    model, X = build(name)
    expected = model(torch.as_tensor(X)).detach().numpy()
    result = NumpyModule(export_to_onnx(model, X)).forward(X)[0]
    np.testing.assert_allclose(result, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", MODELS)
def test_quantized_is_close_to_torch(name: str) -> None:
    model, X = build(name)
    expected = model(torch.as_tensor(X)).detach().numpy()
    quantization = PostTrainingAffineQuantization(7)
    module = quantization.quantize_module(NumpyModule(export_to_onnx(model, X)), X)
    error = np.abs(np.asarray(module.forward(X)) - expected)
    assert error.mean() < 0.01 * np.ptp(expected)


@pytest.mark.fhe
@pytest.mark.parametrize("name", MODELS)
def test_three_modes_agree(name: str) -> None:
    model, X = build(name)
    module = compile_torch_model(model, X, n_bits=2, **EXACT)
    clear = module.forward(X[:2])
    np.testing.assert_array_equal(module.forward(X[:2], execute_in_fhe="simulate"), clear)
    np.testing.assert_array_equal(module.forward(X[:2], execute_in_fhe=True), clear)


def test_clear_tail_is_cut_off_and_costs_no_lookup() -> None:
    model, X = build("mlp")
    module = compile_torch_model(model, X, n_bits=3, **EXACT)
    assert module.fhe_circuit.report.pbs_count == 3
    assert [node.op_type for node in module.tail.nodes] == ["Softmax"]
    np.testing.assert_allclose(np.sum(module.forward(X), axis=1), 1)


def test_saved_module_predicts_the_same(tmp_path: Path) -> None:
    model, X = build("cnn")
    module = compile_onnx_model(export_to_onnx(model, X), X, n_bits=3, **EXACT)
    module.save(tmp_path / "model.npz")
    for again in (QuantizedModule.load(tmp_path / "model.npz"), pickle.loads(pickle.dumps(module))):
        assert not again.is_compiled
        np.testing.assert_array_equal(again.forward(X), module.forward(X))


def test_files_of_another_kind_are_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "other.npz", x=np.arange(3))
    (tmp_path / "text.npz").write_text("nothing")
    pickled = np.array([object()], dtype=object)
    np.savez(tmp_path / "pickled.npz", manifest=pickled, allow_pickle=True)
    for name in ("other.npz", "text.npz", "pickled.npz", "missing.npz"):
        with pytest.raises(InvalidInputError, match=r"can't be read: .*saved by this library"):
            QuantizedModule.load(tmp_path / name)


def input_error(calibration: Any, X: Array) -> Array:
    """Rounding errors of inputs that a model of 2 bits makes."""
    model, _ = build("mlp")
    quantization = PostTrainingAffineQuantization(2, calibration=calibration)
    module = quantization.quantize_module(NumpyModule(export_to_onnx(model, X)), X)
    quantizer: Any = module.input_quantizers[0]
    return np.abs(quantizer.dequantize(module.quantize_input(X)[0]) - X)


def test_ranges_by_method() -> None:
    _, X = build("mlp")
    assert (input_error("mse", X) ** 2).mean() < (input_error("min-max", X) ** 2).mean()
    X = np.vstack([X] * 10)
    X[0] = 50.0
    assert input_error("min-max", X)[0].max() < 10
    assert input_error("percentile", X)[0].min() > 40


def test_unknown_calibration_method() -> None:
    with pytest.raises(InvalidInputError, match="calibration is 'max'; it must be one of min-max"):
        PostTrainingAffineQuantization(5, calibration="max")  # type: ignore[arg-type]


class GivesInnerTensors(nn.Module):
    """Each output is a function of one before it."""

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, ...]:
        positive = torch.relu(x)
        return positive, torch.tanh(positive), torch.maximum(positive, torch.sigmoid(x))


def test_outputs_may_be_functions_of_other_outputs() -> None:
    x = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)
    quantized = compile_torch_model(GivesInnerTensors(), x, n_bits=8, rounding_bits=8)
    wanted = GivesInnerTensors()(torch.from_numpy(x))
    for found, output in zip(quantized.forward(x), wanted, strict=True):
        np.testing.assert_allclose(found, output.numpy(), atol=0.05)


def test_several_inputs_and_outputs() -> None:
    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(3, 2)

        def forward(self, a: torch.Tensor, b: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
            return self.layer(a) + b, self.layer(a)

    torch.manual_seed(0)
    model = Two().eval()
    a, b = np.split(np.random.default_rng(0).normal(size=(100, 5)), [3], axis=1)
    module = compile_torch_model(model, a, b, n_bits=6, **EXACT)
    tensors = (torch.as_tensor(x, dtype=torch.float32) for x in (a, b))
    outputs = module.forward(a, b)
    assert len(outputs) == 2
    for result, expected in zip(outputs, model(*tensors), strict=True):
        error = result - expected.detach().numpy()
        assert np.sqrt((error**2).mean()) < 0.06  # the tails are clipped


def test_errors_name_what_is_wrong() -> None:
    class Sorting(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.sort(1).values @ torch.ones(4, 2)

    X = np.random.default_rng(0).normal(size=(10, 4))
    with pytest.raises(UnsupportedOperatorError, match=r"TopK \(node '/TopK'\) has no quant"):
        compile_torch_model(Sorting(), X)
    with pytest.raises(CalibrationError, match="at least one sample"):
        compile_torch_model(mlp(), X[:0])
    with pytest.raises(CalibrationError, match="NaN or infinity"):
        compile_torch_model(mlp(), np.full((10, 4), np.nan))
    with pytest.raises(BitWidthError, match=r"Gemm .* has an index of \d+ bits; the backend takes"):
        compile_torch_model(mlp(), X, n_bits=10, **EXACT)
    with pytest.raises(BitWidthError, match=r"Gemm .* of 3\d bits; tables of more than .* Lower"):
        compile_torch_model(mlp(), X, n_bits=16, **EXACT)


def test_a_module_needs_samples() -> None:
    module = torch.nn.Linear(4, 2)
    for calibration in ([], [np.zeros((0, 4))], [np.float64(1)]):
        with pytest.raises(CalibrationError, match="at least one sample"):
            compile_torch_model(module, *calibration)


def test_operations_that_torch_cannot_export_are_named() -> None:
    class Truncate(torch.nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.trunc(x)

    with pytest.raises(UnsupportedOperatorError, match="trunc"):
        compile_torch_model(Truncate(), np.ones((5, 2)))


def test_defaults_are_those_of_estimators() -> None:
    net = NeuralNetClassifier()
    assert (net.n_bits, net.rounding_bits) == (_N_BITS, _ROUNDING_BITS)
    exact = inspect.signature(compile_torch_model).parameters["exact_rounding"]
    assert exact.default == net.exact_rounding
    model, X = build("mlp")
    assert compile_torch_model(model, X).fhe_circuit.report.pbs_by_width == {4: 3.0}


def wide(units: int) -> tuple[nn.Module, Array]:
    torch.manual_seed(0)
    layers = nn.Linear(8, units), nn.ReLU(), nn.Linear(units, 2)
    x = np.random.default_rng(0).normal(size=(60, 8))
    return nn.Sequential(*layers).eval(), x.astype(np.float32)


def test_graphs_are_not_written_out_as_text(monkeypatch: pytest.MonkeyPatch) -> None:
    """It took nine tenths of the time of compiling wide networks."""

    def refuse(*_: Any, **__: Any) -> str:
        raise AssertionError("a graph is written out")

    model, X = wide(5)
    load_concrete()
    monkeypatch.setattr("concrete.fhe.representation.graph.Graph.format", refuse)
    assert compile_torch_model(model, X).fhe_circuit.report.pbs_count == 5


def test_what_would_compile_for_long_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    model, X = wide(5)
    module = PostTrainingAffineQuantization(4).quantize_module(
        NumpyModule(export_to_onnx(model, X)), X
    )
    monkeypatch.setattr(limits, "MAX_WEIGHTS", 49)
    refusal = r"5e-05 million weights, of which Gemm \(node '/0/Gemm'\) has 4e-05 .* fewer units"
    with pytest.raises(CompilationError, match=refusal):
        module.compile(engine="concrete")


def test_models_of_other_libraries_are_refused_in_words() -> None:
    for entry in (compile_torch_model, preflight):
        with pytest.raises(InvalidInputError, match="Got a LinearRegression; give a torch"):
            entry(LinearRegression(), np.zeros((5, 2)))
