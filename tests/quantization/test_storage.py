"""Files of modules: all classes come back the same, and nonsense is refused in our words."""

from __future__ import annotations

import copy
import inspect
import io
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_iris

from cml_sklearn._typing import Array
from cml_sklearn.exceptions import InvalidInputError
from cml_sklearn.naive_bayes import GaussianNB
from cml_sklearn.neighbors import KNeighborsClassifier
from cml_sklearn.onnx.graph import Node
from cml_sklearn.program.archive import PROGRAM_CLASSES
from cml_sklearn.program.bounds import Bounds
from cml_sklearn.program.program import IntegerProgram
from cml_sklearn.quantization import soundness, storage
from cml_sklearn.quantization.affine import AffineQuantizer
from cml_sklearn.quantization.decoders import OutputScale
from cml_sklearn.quantization.encoding import Encoder
from cml_sklearn.quantization.feature_maps import Companding, CompandingQuantizer
from cml_sklearn.quantization.postprocessing import Argmax, ClientStep, Labels, Link
from cml_sklearn.quantization.quantized_module import QuantizedModule
from cml_sklearn.quantization.storage import StoredModule, load_module, save_module
from cml_sklearn.tree import DecisionTreeClassifier

from .modules import GRAPHS, joined, module, samples
from .test_indices import SEEN, embedding, quantized

Json = Any
Manifest = tuple[Json, dict[str, Array]]


def contents(path: Path) -> Manifest:
    """Manifest and arrays of a file."""
    with np.load(path) as members:
        arrays = dict(members)
    return json.loads(str(arrays.pop("manifest"))), arrays


def write(path: Path, manifest: Json, arrays: dict[str, Array]) -> None:
    buffer = io.BytesIO()
    np.savez(buffer, manifest=np.asarray(json.dumps(manifest)), **arrays)
    path.write_bytes(buffer.getvalue())


def nodes(value: Json) -> Iterator[tuple[Json, Any]]:
    """All places of a JSON value: what holds them, and their keys."""
    for key in value if isinstance(value, dict) else range(len(value)):
        yield value, key
        if isinstance(value[key], dict | list):
            yield from nodes(value[key])


def classes(path: Path) -> set[str]:
    manifest, _ = contents(path)
    return {parent[key] for parent, key in nodes(manifest) if key == "class"}


def companded(companding: Companding) -> StoredModule:
    codes = AffineQuantizer.from_range(np.full(2, -9.0), np.full(2, 9.0), 5)
    program = IntegerProgram((Bounds(np.zeros(2, np.int64), codes.upper),), (), (0,))
    encoder = CompandingQuantizer(companding, codes)
    return StoredModule(program, (encoder,), (OutputScale(np.ones(2), 0, np.zeros(2)),))


def tree_module() -> QuantizedModule:
    X, y = load_iris(return_X_y=True)
    tree: QuantizedModule = DecisionTreeClassifier(max_depth=2).fit(X, y).quantized_module_
    return tree


def test_every_class_of_the_table_round_trips(tmp_path: Path) -> None:
    """Steps of programs, and those after decryption, are written and read in their own tests."""
    path = tmp_path / "module.npz"
    stored: set[str] = set()
    for name in GRAPHS:
        module(name).save(path)
        again = QuantizedModule.load(path)
        X = samples(name, seed=1)
        np.testing.assert_array_equal(joined(again(*X)), joined(module(name)(*X)))
        stored |= classes(path)
    X, y = load_iris(return_X_y=True)
    models = (GaussianNB(n_bits=8), KNeighborsClassifier(search_rounds=1))
    for saved in (tree_module(), *(model.fit(X, y).quantized_module_ for model in models)):
        saved.save(path)
        np.testing.assert_array_equal(QuantizedModule.load(path)(X), saved(X))
        stored |= classes(path)
    save_module(path, companded(Companding.fitted(X[:, :2])))
    stored |= classes(path)
    quantized(embedding(), SEEN).save(path)
    stored |= classes(path)
    steps = {c.__name__ for c in (*PROGRAM_CLASSES, *ClientStep.__subclasses__())}
    assert set(storage._TABLE._entries) - stored <= steps


def subclasses(kind: type[Any]) -> Iterator[type[Any]]:
    for subclass in kind.__subclasses__():
        yield subclass
        yield from subclasses(subclass)


def test_every_encoder_may_be_stored() -> None:
    encoders = [kind for kind in subclasses(Encoder) if not inspect.isabstract(kind)]
    assert len(encoders) > 5
    assert {storage._TABLE.entry(kind).cls for kind in encoders} == {*encoders}


def first(manifest: Json, name: str) -> Json:
    """Fields of the first object of a class."""
    places = ((parent, key) for parent, key in nodes(manifest) if key == "class")
    return next(parent["fields"] for parent, key in places if parent[key] == name)


def set_field(cls: str, name: str, value: Json) -> Callable[[Json, dict[str, Array]], None]:
    def change(manifest: Json, arrays: dict[str, Array]) -> None:
        first(manifest, cls)[name] = value

    return change


def set_array(cls: str, name: str, make: Callable[[Array], Array]) -> Callable[..., None]:
    def change(manifest: Json, arrays: dict[str, Array]) -> None:
        number = first(manifest, cls)[name]["array"]
        arrays[number] = make(arrays[number])

    return change


HOSTILE: dict[str, Callable[[Json, dict[str, Array]], None]] = {
    "no such tensor": set_field("Instruction", "inputs", [7]),
    "negative tensor": set_field("Instruction", "inputs", [-1]),
    "too many tensors": set_field("Instruction", "inputs", [0, 0]),
    "no output": set_field("IntegerProgram", "outputs", []),
    "no such output": set_field("IntegerProgram", "outputs", [99]),
    "weights of another shape": set_array("MatMul", "weights", lambda w: w[:-1]),
    "weights that overflow": set_array("MatMul", "weights", lambda w: w + (1 << 61)),
    "index below its table": set_field("Lookup", "low", 1000),
    "index above its table": set_array("Lookup", "tables", lambda t: t[:, : t.shape[1] // 2]),
    "table of an odd length": set_array("Lookup", "tables", lambda t: t[:, :-1]),
    "no such table": set_array("Lookup", "choice", lambda c: c + 9),
    "a table of floats": set_array("Lookup", "tables", lambda t: t.astype(np.float64)),
    "rounding of nothing": set_field("Lookup", "lsbs_to_remove", -1),
    "low above high": set_array("Bounds", "low", lambda low: low + 100),
    "codes of a million bits": set_field("AffineQuantizer", "n_bits", 10**6),
    "codes wider than the input": set_field("AffineQuantizer", "n_bits", 5),
    "a step of size 0": set_array("AffineQuantizer", "scale", lambda s: s * 0),
    "scales of another shape": set_array("AffineQuantizer", "scale", lambda s: np.ones(7)),
    "outputs of another shape": set_array("OutputScale", "scale", lambda s: np.ones(7)),
    "a zero point too large": set_field("OutputScale", "zero_point", 10**40),
    "a tail that reads nothing": set_field("ClearTail", "inputs", ["other"]),
    "a tail that gives nothing": set_field("ClearTail", "outputs", ["other"]),
    "an unknown operator": set_field("Node", "op_type", "System"),
    "an operator that stays encrypted": set_field("Node", "op_type", "Gemm"),
    "an operator of others": set_field("Node", "domain", "com.other"),
    "an axis too far": set_field("Node", "attributes", {"mapping": {"axis": 5}}),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_nonsense_is_refused(name: str, tmp_path: Path) -> None:
    path = tmp_path / "module.npz"
    module("network").save(path)
    manifest, arrays = contents(path)
    HOSTILE[name](manifest, arrays)
    write(path, manifest, arrays)
    with pytest.raises(InvalidInputError, match=r"module\.npz can't be read: .* Give "):
        QuantizedModule.load(path)


JUNK: list[Json] = [
    None,
    True,
    "x",
    -1,
    0,
    1,
    2,
    65,
    10**9,
    10**30,
    0.5,
    -1e308,
    [],
    [0],
    [[1]],
    {},
]


def mutate(rng: np.random.Generator, manifest: Json, arrays: dict[str, Array]) -> None:
    """Change a type, a number, a name, a class, the length of a list, or an array."""
    if rng.random() < 0.25:
        name = str(rng.choice(list(arrays)))
        arrays[name] = mutated(rng, arrays[name])
        return
    places = list(nodes(manifest))
    parent, key = places[rng.integers(len(places))]
    other, other_key = places[rng.integers(len(places))]
    junk = JUNK[rng.integers(len(JUNK))]
    kind = rng.integers(4)
    if kind == 0:
        parent[key] = copy.deepcopy(other[other_key])
    elif kind == 1 and isinstance(parent, dict):
        del parent[key]
    elif kind == 2 and type(parent[key]) in (int, float):
        parent[key] = parent[key] * int(rng.choice([-1, 2, 1000])) + int(rng.integers(-1, 2))
    elif isinstance(parent, list) and rng.random() < 0.3:
        parent.append(junk)
    else:
        parent[key] = junk


def mutated(rng: np.random.Generator, array: Array) -> Array:
    """Change an array's shape, type or values."""
    changes: list[Callable[[Array], Array]] = [
        lambda x: x[None],
        lambda x: x.ravel()[:-1],
        lambda x: x.T,
        lambda x: x.astype(np.float64),
        lambda x: x.astype(np.int64),
        lambda x: x * -1,
        lambda x: x * 1000 + 1,
        lambda x: x - 1,
        lambda x: x * 0,
        lambda x: x + 2**62,
        lambda x: np.repeat(x[None], 3, axis=0),
    ]
    return changes[rng.integers(len(changes))](array)


@pytest.mark.parametrize("name", ["affine", "network", "convolution", "two", "tree"])
def test_fuzzed_files_work_or_are_refused(name: str, tmp_path: Path) -> None:
    path = tmp_path / "module.npz"
    is_tree = name == "tree"
    (tree_module() if is_tree else module(name)).save(path)
    original, arrays = contents(path)
    text = json.dumps(original)
    rng = np.random.default_rng(0)
    X = [load_iris(return_X_y=True)[0][:5]] if is_tree else samples(name, n_samples=5)
    refused = 0
    for _ in range(400):
        manifest, changed = json.loads(text), dict(arrays)
        mutate(rng, manifest, changed)
        write(path, manifest, changed)
        try:
            with np.errstate(all="ignore"):
                QuantizedModule.load(path).forward(*X)
        except InvalidInputError:
            refused += 1
    assert 200 < refused < 395


@pytest.mark.parametrize(
    ("op_type", "attributes", "sizes"),
    [
        ("ConstantOfShape", {}, [1 << 20, 1 << 10]),
        ("Tile", {}, [1, 1 << 30]),
        ("OneHot", {}, [1 << 30]),
        ("MaxPool", {"kernel_shape": [1 << 29], "dilations": [0]}, []),
        ("MaxPool", {"kernel_shape": [0]}, []),
    ],
)
def test_tails_that_eat_memory_or_time_are_refused(
    op_type: str, attributes: dict[str, Any], sizes: list[int]
) -> None:
    node = Node("bomb", op_type, ("x", "sizes"), ("y",), attributes)
    with pytest.raises(ValueError, match=r"has (sizes|dilations|kernel_shape)"):
        soundness._check_growth(node, {"sizes": np.array(sizes, dtype=np.int64)})


def test_steps_after_decryption_are_tried(tmp_path: Path) -> None:
    path = tmp_path / "module.npz"
    tree = tree_module()
    for steps in ((Argmax(), Argmax()), (Link("foo"),), (Labels(np.zeros(0)),)):
        tree.postprocessing = {"predict": steps}
        tree.save(path)
        with pytest.raises(InvalidInputError, match="can't be read"):
            QuantizedModule.load(path)


def test_companding_is_stored(tmp_path: Path) -> None:
    x = np.random.default_rng(0).standard_cauchy((100, 2))
    module = companded(Companding.fitted(x))
    save_module(tmp_path / "module.npz", module)
    (loaded,) = load_module(tmp_path / "module.npz").encoders
    np.testing.assert_array_equal(loaded.quantize(x), module.encoders[0].quantize(x))


@pytest.mark.parametrize(
    "companding",
    [
        Companding(np.zeros(2), np.array([1.0, 0.0]), np.ones(2, np.bool_)),
        Companding(np.zeros(3), np.ones(3), np.ones(3, np.bool_)),
    ],
)
def test_an_impossible_companding_is_refused(companding: Companding, tmp_path: Path) -> None:
    save_module(tmp_path / "module.npz", companded(companding))
    with pytest.raises(InvalidInputError, match="can't be read"):
        load_module(tmp_path / "module.npz")
