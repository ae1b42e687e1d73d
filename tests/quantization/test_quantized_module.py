"""Modules: modes, engines, wrong inputs, and what is kept by files, pickles and processes."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from cml_sklearn.config import config_context
from cml_sklearn.exceptions import CompilationError, InvalidInputError
from cml_sklearn.fhe.clear import ClearEngine
from cml_sklearn.fhe.protocol import CircuitOptions
from cml_sklearn.program.program import IntegerProgram
from cml_sklearn.quantization.affine import AffineQuantizer
from cml_sklearn.quantization.quantized_module import QuantizedModule

from .modules import GRAPHS, joined, module, samples


def fresh(name: str) -> QuantizedModule:
    """Copy of a module, without circuits."""
    copy: QuantizedModule = pickle.loads(pickle.dumps(module(name)))
    return copy


@pytest.mark.parametrize("name", GRAPHS)
def test_modes_agree_on_the_clear_engine(name: str) -> None:
    model, X = fresh(name), samples(name, n_samples=10, seed=1)
    expected = model.forward(*X)
    with config_context(engine="clear"):
        for mode in (False, "simulate", True):
            result = model.forward(*X, execute_in_fhe=mode)
            np.testing.assert_array_equal(joined(result), joined(expected))
    assert isinstance(expected, tuple) == (name == "two")


@pytest.mark.fhe
@pytest.mark.parametrize("engine", ["auto", "seal", "concrete"])
def test_modes_agree(engine: str) -> None:
    model, X = fresh("affine"), samples("affine", n_samples=3)
    expected = model(*X)
    with config_context(engine=engine):
        for mode in ("simulate", True):
            np.testing.assert_array_equal(model.forward(*X, execute_in_fhe=mode), expected)
        assert model.fhe_circuit.report.engine == ("seal" if engine == "auto" else engine)


def test_the_mode_of_the_context_is_the_default() -> None:
    model, X = fresh("affine"), samples("affine", n_samples=3)
    with config_context(execute_in_fhe=True, engine="clear"):
        model.forward(*X, execute_in_fhe=False)
        assert not model.is_compiled
        model.forward(*X)
        assert model.is_compiled


def test_samples_are_encoded_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    model, X = fresh("affine"), samples("affine", n_samples=25)
    expected = model(*X)
    monkeypatch.setattr("cml_sklearn.quantization.quantized_module._BLOCK", 10)
    for mode in (False, True):
        with config_context(engine="clear"):
            np.testing.assert_array_equal(model.forward(*X, execute_in_fhe=mode), expected)


def test_no_samples_need_no_circuit() -> None:
    model, X = fresh("affine"), samples("affine", n_samples=0)
    assert np.shape(model.forward(*X, execute_in_fhe=True)) == (0, 2)
    assert not model.is_compiled


def test_circuits_are_kept_by_engine() -> None:
    class OtherEngine(ClearEngine):
        name = "other"

    model = fresh("affine")
    assert not model.is_compiled
    clear = model.compile(engine="clear")
    other = model.compile(CircuitOptions(batch_size=3), engine=OtherEngine())
    assert other.report.batch_size == 3
    with config_context(engine="clear"):
        assert model.fhe_circuit is clear
        assert model.compile() is not clear
        assert model.fhe_circuit is not clear


def test_the_engine_of_the_last_compile_is_preferred() -> None:
    model = fresh("affine")
    clear = model.compile(engine="clear")
    assert model.is_compiled
    assert model.fhe_circuit is clear
    assert model.circuit_in_force(CircuitOptions(batch_size=7)) is clear
    with config_context(engine="concrete"):
        assert not model.is_compiled
    with pytest.raises(InvalidInputError, match="engine is 'seal5'; it must be one of"):
        model.compile(engine="seal5")


def test_an_engine_says_what_it_can_not_do() -> None:
    class Choosy(ClearEngine):
        def supports(self, program: IntegerProgram) -> str | None:
            return "it has no lookups" if program.n_lookups else None

    fresh("affine").compile(engine=Choosy())
    with pytest.raises(CompilationError, match="'clear' can't do this model: it has no lookups"):
        fresh("network").compile(engine=Choosy())


def test_wrong_inputs_are_refused() -> None:
    model, (X,) = module("affine"), samples("affine", n_samples=3)
    with pytest.raises(InvalidInputError, match=r"takes 1 input\(s\), but 2 came"):
        model.forward(X, X)
    for bad in (np.nan, np.inf):
        with pytest.raises(InvalidInputError, match="NaN or infinity"):
            model.forward(np.full((2, 3), bad))
    (codes,) = model.quantize_input(X)
    with pytest.raises(InvalidInputError, match="outside the range it was quantized for"):
        model.quantized_forward(codes + 16)
    with pytest.raises(InvalidInputError, match=r"Input 0 has shape \(3, 2\)"):
        model.quantized_forward(codes[:, :2])
    with pytest.raises(InvalidInputError, match="execute_in_fhe is 'yes'"):
        model.forward(X, execute_in_fhe="yes")  # type: ignore[arg-type]


def test_values_out_of_range_are_clipped() -> None:
    model = module("affine")
    (quantizer,) = model.input_quantizers
    assert isinstance(quantizer, AffineQuantizer)
    ends = quantizer.dequantize(np.full(3, 15))
    np.testing.assert_array_equal(model(np.full((1, 3), 1e9)), model(ends[None]))


def test_pickling_forgets_circuits_only() -> None:
    model, X = fresh("network"), samples("network", n_samples=5)
    model.compile(engine="clear")
    again = pickle.loads(pickle.dumps(model))
    with config_context(engine="clear"):
        assert model.is_compiled
        assert not again.is_compiled
        np.testing.assert_array_equal(again.forward(*X, execute_in_fhe=True), model(*X))


READER = """
import sys
import numpy as np
from cml_sklearn import QuantizedModule

for name in sys.argv[2:]:
    with np.load(f"{sys.argv[1]}/{name}_io.npz") as arrays:
        result = QuantizedModule.load(f"{sys.argv[1]}/{name}.npz")(arrays["x"])
        np.testing.assert_array_equal(result, arrays["y"])
"""


def test_saved_modules_predict_the_same_in_a_fresh_process(tmp_path: Path) -> None:
    names = ["affine", "network", "convolution"]
    for name in names:
        (X,) = samples(name, n_samples=5, seed=2)
        module(name).save(tmp_path / f"{name}.npz")
        np.savez(tmp_path / f"{name}_io.npz", x=X, y=module(name)(X))
    subprocess.run([sys.executable, "-c", READER, str(tmp_path), *names], check=True)
