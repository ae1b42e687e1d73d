"""Files that mean harm: each becomes a module or one of our errors, in time and in memory."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, parser

from cml_sklearn.exceptions import CmlError, InvalidGraphError, InvalidInputError
from cml_sklearn.onnx import NumpyModule, load_model

HEAD = '<ir_version: 8, opset_import: ["": 17, "l": 1]>'
CHAIN = '<domain: "l", opset_import: ["": 17, "l": 1]> f{} (a) => (b) {{ {} }}'


def with_functions(*bodies: str) -> onnx.ModelProto:
    """Model that calls the first of some functions."""
    functions = "\n".join(CHAIN.format(i, body) for i, body in enumerate(bodies))
    return parser.parse_model(
        f"{HEAD} g (float[N, 4] x) => (float[N, 4] y) {{ y = l.f0(x) }}\n{functions}"
    )


def of_constant(op_type: str, *values: np.ndarray) -> onnx.ModelProto:
    """Model that adds what an operator makes of constants."""
    names = [f"c{i}" for i in range(len(values))]
    graph = helper.make_graph(
        [
            helper.make_node(op_type, names, ["made"]),
            helper.make_node("ReduceMax", ["made"], ["large"]),
            helper.make_node("Cast", ["large"], ["float"], to=1),
            helper.make_node("Add", ["x", "float"], ["y"]),
        ],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [onnx.numpy_helper.from_array(v, n) for n, v in zip(names, values, strict=True)],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def with_initializer(**fields: Any) -> onnx.ModelProto:
    """Model whose weights are a tensor of such fields."""
    tensor = TensorProto(name="w", **fields)
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["x", "w"], ["y"])],
        "g",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["N", 4])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, None)],
        [tensor],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def nested(depth: int) -> onnx.ModelProto:
    """Model with graphs in graphs, and a function beside them."""
    model = with_functions("b = Neg(a)")
    graph = model.graph
    for _ in range(depth):
        inner = helper.make_graph([helper.make_node("Neg", ["x"], ["z"])], "inner", [], [])
        node = graph.node.add(op_type="If", input=["x"], output=["z"])
        graph = node.attribute.add(name="then_branch", type=5, g=inner).g
    return model


def int64(*values: int) -> np.ndarray:
    return np.array(values, np.int64)


HOSTILE: dict[str, Callable[[], onnx.ModelProto]] = {
    "function that calls itself": lambda: with_functions("b = l.f0(a)"),
    "functions in a circle": lambda: with_functions("b = l.f1(a)", "b = l.f0(a)"),
    "functions 5,000 deep": lambda: with_functions(
        *(f"b = l.f{i + 1}(a)" for i in range(5000)), "b = Neg(a)"
    ),
    "functions of 10 ** 30 nodes": lambda: with_functions(
        *(" ".join(f"c{j} = l.f{i + 1}(a)" for j in range(10)) + " b = Neg(c0)" for i in range(30)),
        "b = Neg(a)",
    ),
    "graphs 20 deep": lambda: nested(20),
    "shape of 2 ** 60 elements": lambda: of_constant("ConstantOfShape", int64(1 << 60)),
    "shape of 2 ** 36 elements": lambda: of_constant("ConstantOfShape", int64(1 << 18, 1 << 18)),
    "expanded": lambda: of_constant("Expand", np.zeros(1, np.float32), int64(1 << 40)),
    "tiled": lambda: of_constant("Tile", np.zeros(64, np.float32), int64(1 << 30)),
    "range": lambda: of_constant("Range", int64(0)[0], int64(1 << 40)[0], int64(1)[0]),
    "padded": lambda: of_constant(
        "Pad", np.zeros((2, 2), np.float32), int64(0, 0, 1 << 18, 1 << 18)
    ),
    "product": lambda: of_constant(
        "MatMul", np.zeros((1 << 17, 1), np.float32), np.zeros((1, 1 << 17), np.float32)
    ),
    "sum": lambda: of_constant(
        "Add", np.zeros((1 << 17, 1), np.float32), np.zeros((1, 1 << 17), np.float32)
    ),
    "declared 2 ** 60 elements": lambda: with_initializer(data_type=1, dims=[1 << 30, 1 << 30]),
    "declared -4 elements": lambda: with_initializer(data_type=1, dims=[-4, 4], raw_data=b"1234"),
    "unknown type": lambda: with_initializer(data_type=99, dims=[4, 4]),
    "data in a file": lambda: with_initializer(
        data_type=1,
        dims=[1],
        data_location=TensorProto.EXTERNAL,
        external_data=[onnx.StringStringEntryProto(key="location", value="x")],
    ),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_models_are_refused(name: str) -> None:
    """In a process of its own, since some would end it."""
    code = (
        "import sys; from cml_sklearn.onnx import NumpyModule\n"
        "from cml_sklearn.exceptions import CmlError\n"
        "try: NumpyModule(sys.stdin.buffer.read())\n"
        "except CmlError as error: print('refused', error)"
    )
    data = HOSTILE[name]().SerializeToString()
    done = subprocess.run(
        [sys.executable, "-c", code], input=data, capture_output=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(b"refused")


def external_model(location: str) -> onnx.ModelProto:
    """Model with weights of 4 x 4 in a file."""
    entry = onnx.StringStringEntryProto(key="location", value=location)
    return with_initializer(
        data_type=1, dims=[4, 4], data_location=TensorProto.EXTERNAL, external_data=[entry]
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Folder with weights in it, beside other weights."""
    (tmp_path / "model").mkdir()
    for file in (tmp_path / "secret.bin", tmp_path / "model" / "own.bin"):
        np.arange(16, dtype=np.float32).tofile(file)
    return tmp_path / "model"


def test_external_data_of_the_own_folder(folder: Path) -> None:
    path = folder / "m.onnx"
    path.write_bytes(external_model("own.bin").SerializeToString())
    (result,) = NumpyModule(path)(np.eye(4, dtype=np.float32))
    np.testing.assert_array_equal(result.ravel(), np.arange(16))


@pytest.mark.parametrize("location", ["../secret.bin", "link.bin", "ABSOLUTE", "none.bin", "", "."])
def test_external_data_elsewhere_are_refused(folder: Path, location: str) -> None:
    (folder / "link.bin").symlink_to(folder.parent / "secret.bin")
    location = str(folder.parent / "secret.bin") if location == "ABSOLUTE" else location
    path = folder / "m.onnx"
    path.write_bytes(external_model(location).SerializeToString())
    with pytest.raises(InvalidGraphError, match="beside the model"):
        NumpyModule(path)


def test_external_data_of_bytes_and_objects_are_refused(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    model = external_model("own.bin")
    for given in (model, model.SerializeToString()):
        with pytest.raises(InvalidGraphError, match="give the path"):
            NumpyModule(given)


@pytest.mark.parametrize("what", ["no-such-file.onnx", ".", Path(os.devnull)])
def test_paths_without_a_model(what: str | Path) -> None:
    with pytest.raises(InvalidGraphError):
        NumpyModule(what)


@pytest.mark.parametrize("what", [None, 3, ["x"]])
def test_what_is_no_model_at_all(what: object) -> None:
    with pytest.raises(InvalidInputError, match="give a path, bytes"):
        load_model(what)  # type: ignore[arg-type]


def seeds() -> list[bytes]:
    """Models to be damaged: of functions, windows, shapes and attributes."""
    texts = [
        "y = l.f0(x)",
        "s = Shape(x) z = ConstantOfShape(s) y = Add(x, z)",
        "c = Constant <value = float[2] {1, 2}> () z = Slice(x, i, j) y = Mul(z, z)",
        "u = Unsqueeze(x, i) v = MaxPool <kernel_shape = [2], ceil_mode = 1, strides = [2]> (u)"
        " w = Conv <pads = [1, 1], dilations = [2]> (v, k) y = Flatten(w)",
        "g = Gemm <alpha = 0.5, transB = 1> (x, q) e = Expand(g, j) y = Softmax <axis = -1> (e)",
    ]
    constants = "<int64[1] i = {1}, int64[1] j = {2}, float[1, 1, 2] k = {1, 2}, float[2, 4] q = {1, 2, 3, 4, 5, 6, 7, 8}>"
    function = CHAIN.format(0, "c = Neg(a) b = Relu(c)")
    return [
        parser.parse_model(
            f"{HEAD} g (float[N, 4] x) => (float[N, M] y) {constants} {{ {text} }}\n{function}"
        ).SerializeToString()
        for text in texts
    ]


def damaged(rng: random.Random, data: bytes) -> bytes:
    """Bytes with some of them changed, cut out or doubled."""
    mutant = bytearray(data)
    for _ in range(rng.randrange(1, 4)):
        place = rng.randrange(len(mutant))
        match rng.randrange(4):
            case 0:
                mutant[place] ^= 1 << rng.randrange(8)
            case 1:
                mutant[place] = rng.choice((0, 1, 0x7F, 0x80, 0xFF))
            case 2:
                del mutant[place : place + rng.randrange(1, 4)]
            case _:
                mutant[place:place] = mutant[place : place + rng.randrange(1, 9)]
        if not mutant:
            break
    return bytes(mutant)


def fuzz(seed: int, n_tries: int) -> int:
    """Load damaged models, and run those that load; returns how many these are."""
    rng, x = random.Random(seed), np.ones((3, 4), np.float32)  # noqa: S311
    n_loaded = 0
    for _ in range(n_tries):
        data = damaged(rng, rng.choice(seeds_of_fuzz))
        try:
            module = NumpyModule(data)
            n_loaded += 1
            module(*(x for _ in module.graph_inputs))
        except CmlError:
            pass
    return n_loaded


seeds_of_fuzz = seeds()


def test_damaged_models_raise_nothing_foreign() -> None:
    """In a process of its own: a crash is a status, not the end of the tests."""
    code = "from tests.onnx.test_hostile import fuzz; print(fuzz(0, 3000))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, timeout=120, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert int(done.stdout) > 100
