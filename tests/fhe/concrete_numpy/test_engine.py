"""The engine on concrete-numpy: for real where it is installed, else that it says what is missing.

`make test-concrete-numpy` runs this file with Python 3.10, on modules saved by ``models.py`` in the
folder that the variable MODULES names.
"""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import numpy as np
import pytest

from cml_sklearn.exceptions import CompilationError
from cml_sklearn.fhe.circuit import FheCircuit
from cml_sklearn.fhe.concrete_numpy import ConcreteNumpyEngine
from cml_sklearn.fhe.concrete_numpy.bindings import is_installed
from cml_sklearn.fhe.concrete_numpy.halves import ConcreteNumpyClient, ConcreteNumpyServer
from cml_sklearn.fhe.concrete_numpy.tracing import TRACING_OPERATIONS
from cml_sklearn.fhe.protocol import CircuitOptions
from cml_sklearn.program.builder import ProgramBuilder
from cml_sklearn.program.evaluation import CLEAR
from cml_sklearn.program.program import IntegerProgram
from cml_sklearn.program.steps import (
    Convolve,
    Lookup,
    MatMul,
    Maximum,
    Multiply,
    MultiplyMatrices,
    Pad,
    Reshape,
    SumOver,
    Take,
    Transpose,
    Trees,
)
from cml_sklearn.quantization.quantized_module import QuantizedModule
from tests.programs import codes_for, linear_program, lookup_program, range_to

MODULES = sorted(Path(os.environ.get("MODULES", "/nowhere")).glob("*.npz"))

with_it = pytest.mark.skipif(not is_installed(), reason="needs concrete-numpy, on Python 3.10")
without_it = pytest.mark.skipif(is_installed(), reason="concrete-numpy is installed")


def shapes_program() -> IntegerProgram:
    """All that moves integers about, and sums."""
    builder = ProgramBuilder([range_to(3, 6)])
    x = builder.add(Transpose((1, 0)), builder.add(Reshape((2, 3)), 0))
    taken = builder.add(Take(np.array([[0, 1], [5, 3]])), x)
    summed = builder.add(SumOver((0,)), builder.add(Reshape((2, 2)), taken))
    return builder.build([builder.add_output(summed)[0]])


@without_it
def test_an_engine_that_is_not_installed_says_what_to_do() -> None:
    for program in (linear_program(), lookup_program()):
        with pytest.raises(
            CompilationError, match=r"(?s)concrete-numpy.*3\.10.*docs/guide/engines\.md"
        ):
            FheCircuit(program, CircuitOptions(), ConcreteNumpyEngine())


def test_steps_have_an_operation_or_are_refused() -> None:
    rewritten = {Maximum, Multiply, MultiplyMatrices, Trees}
    assert TRACING_OPERATIONS.keys() == CLEAR.keys() - rewritten - {Convolve, Pad}


@with_it
def test_what_it_cant_do_is_refused_by_name() -> None:
    engine = ConcreteNumpyEngine()
    builder = ProgramBuilder([range_to(7, 2)])
    rounding = Lookup(0, np.arange(4)[None], np.zeros((), np.int64), lsbs_to_remove=1)
    rounded, padded = builder.add(rounding, 0), builder.add(Pad((0,), (1,)), 0)
    assert "2 outputs" in str(engine.supports(builder.build([rounded, padded])))
    assert "input rounds" in str(engine.supports(builder.build([rounded])))
    only_padded = ProgramBuilder([range_to(7, 2)])
    program = only_padded.build([only_padded.add(Pad((0,), (1,)), 0)])
    assert "Pad" in str(engine.supports(program))


@with_it
@pytest.mark.parametrize("program", [linear_program(), lookup_program(), shapes_program()])
def test_programs(program: IntegerProgram, tmp_path: Path) -> None:
    circuit = FheCircuit(program, CircuitOptions(batch_size=2), ConcreteNumpyEngine())
    codes = codes_for(program, 3)
    np.testing.assert_array_equal(circuit.simulate(*codes)[0], program(*codes)[0])
    np.testing.assert_array_equal(circuit.execute(*codes)[0], program(*codes)[0])
    circuit.client.save(tmp_path)
    circuit.server.save(tmp_path)
    client = ConcreteNumpyClient.load(tmp_path)
    server = pickle.loads(pickle.dumps(ConcreteNumpyServer.load(tmp_path)))
    batch = [np.asfortranarray(x[:2]) for x in codes]
    encrypted, keys = pickle.loads(pickle.dumps((client.encrypt(*batch), client.evaluation_keys)))
    results = client.decrypt(pickle.loads(pickle.dumps(server.run(encrypted, keys))))
    np.testing.assert_array_equal(results[0], program(*batch)[0])


@with_it
def test_ranges_beyond_the_representative_inputs_hold() -> None:
    """Extremes of an accumulator that the compiler never saw must not wrap around."""
    builder = ProgramBuilder([range_to(255, 40)])
    weights = np.where(np.arange(40) % 2, 127, -127)[:, None]
    number, shift = builder.add_output(builder.add(MatMul(weights), 0))
    program = builder.build([number])
    extremes = 255 * np.stack([np.arange(40) % 2, 1 - np.arange(40) % 2])
    circuit = FheCircuit(program, CircuitOptions(), ConcreteNumpyEngine())
    result = circuit.execute(extremes)[0] - shift
    np.testing.assert_array_equal(result, [[255 * 127 * 20], [-255 * 127 * 20]])


@with_it
def test_there_are_modules() -> None:
    assert len(MODULES) >= 5


@with_it
@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.stem)
def test_saved_modules_encrypted_equal_clear(path: Path) -> None:
    module = QuantizedModule.load(path)
    rng = np.random.default_rng(0)
    codes = [np.stack([b.sample(rng) for _ in range(3)]) for b in module.program.input_bounds]
    circuit = module.compile(engine="concrete-numpy")
    assert circuit.report.engine == "concrete-numpy"
    clear = module.quantized_forward(*codes)
    np.testing.assert_array_equal(circuit.simulate(*codes)[0], clear[0])
    np.testing.assert_array_equal(circuit.execute(*codes)[0], clear[0])
