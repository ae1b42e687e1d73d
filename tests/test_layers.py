"""Imports go one way, the package's import is light, and its public names exist."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.base import clone

import cml_sklearn
from cml_sklearn.linear_model import Ridge
from cml_sklearn.tree import DecisionTreeRegressor
from tests.estimators import name_of

PACKAGE = Path(cml_sklearn.__file__).parent
FLOORS = [
    {"_callers", "_typing", "_version", "exceptions"},
    {"keywords"},
    {"_show_versions", "config"},
    {"program"},
    {"fhe", "onnx"},
    {"convert"},
    {"quantization"},
    {"compile", "deployment", "distances", "forest", "quantization_aware"},
    {"estimators"},
    {
        "cluster",
        "covariance",
        "cross_decomposition",
        "decomposition",
        "discriminant_analysis",
        "ensemble",
        "kernel_ridge",
        "lightgbm",
        "linear_model",
        "mixture",
        "naive_bayes",
        "neighbors",
        "neural_network",
        "random_projection",
        "svm",
        "tree",
        "xgboost",
    },
    {"drawing", "metrics", "model_selection"},
    {"inspection"},
]
FLOORS_OF_ESTIMATORS = [
    {
        "affine_layers",
        "arrays",
        "attributes",
        "examples",
        "passed_parameters",
        "refused_parameters",
        "translated_parameters",
        "wrapping",
    },
    {"notebook", "student"},
    {"base"},
    {"checks", "conventions", "partial_fit", "watched"},
    {"distillation", "predictions"},
    {"linear", "neighbors", "networks", "perceptron", "trees"},
    {
        "boosters",
        "forests",
        "p_error",
        "quadratic",
        "quantization_errors",
        "skorch",
        "width_search",
    },
    {"kernels"},
]
FILES = [f for f in sorted(PACKAGE.rglob("*.py")) if f != PACKAGE / "__init__.py"]


def floor_of(name: str, floors: list[set[str]]) -> int:
    return next(floor for floor, names in enumerate(floors) if name in names)


def part_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def modules_of(path: Path) -> set[str]:
    """Modules that a file imports."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
        elif isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
    return names


def imports_of(path: Path, package: str = "cml_sklearn") -> set[str]:
    """What a file imports from a package: names that follow the package's."""
    names = modules_of(path)
    return {n.removeprefix(f"{package}.") for n in names if n.startswith(f"{package}.")}


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_go_down(path: Path) -> None:
    part = part_of(path)
    for imported in {name.split(".")[0] for name in imports_of(path)} - {part}:
        assert floor_of(imported, FLOORS) < floor_of(part, FLOORS)


@pytest.mark.parametrize("path", sorted(PACKAGE.glob("estimators/[!_]*.py")), ids=lambda p: p.name)
def test_imports_go_down_among_the_estimators(path: Path) -> None:
    floor = floor_of(path.stem, FLOORS_OF_ESTIMATORS)
    for imported in imports_of(path, "cml_sklearn.estimators"):
        assert floor_of(imported, FLOORS_OF_ESTIMATORS) < floor


def test_only_engines_know_engines() -> None:
    """Not even the rest of `fhe`: they are found by name when they are first used.

    Concrete-Numpy is Concrete's predecessor, and takes its rewrites of programs.
    """
    rooms = {path.name for path in (PACKAGE / "fhe").iterdir() if (path / "engine.py").exists()}
    assert rooms >= {"clear", "concrete"}
    for path in FILES:
        home = path.relative_to(PACKAGE).parts[:2]
        for imported in imports_of(path, "cml_sklearn.fhe"):
            room = imported.split(".")[0]
            same = home == ("fhe", room) or (room == "concrete" and home[1] == "concrete_numpy")
            assert room not in rooms or same, path


def test_engines_know_programs_and_nothing_above() -> None:
    allowed = {"_typing", "_version", "config", "exceptions", "fhe", "program"}
    for path in (PACKAGE / "fhe").rglob("*.py"):
        assert {name.split(".")[0] for name in imports_of(path)} <= allowed, path


def test_postprocessing_needs_little() -> None:
    assert loaded_by("cml_sklearn.quantization.postprocessing", "torch", "sklearn", "onnx") == "[]"


def test_saved_modules_need_little() -> None:
    modules = "cml_sklearn.quantization.quantized_module, cml_sklearn.fhe.concrete_numpy"
    assert loaded_by(modules, "torch", "sklearn", "onnx", "concrete", "hummingbird") == "[]"


def test_programs_need_numpy_alone() -> None:
    files = [path for path in FILES if part_of(path) == "program"]
    libraries = {name.split(".")[0] for path in files for name in modules_of(path)}
    assert libraries - sys.stdlib_module_names == {"cml_sklearn", "numpy"}


@pytest.mark.parametrize(
    ("library", "folder"), [("concrete", "fhe/concrete"), ("hummingbird", "convert")]
)
def test_heavy_libraries_have_one_door(library: str, folder: str) -> None:
    users = {
        path.relative_to(PACKAGE).as_posix()
        for path in FILES
        for node in ast.walk(ast.parse(path.read_text()))
        if (isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == library)
        or (
            isinstance(node, ast.Import)
            and any(a.name.split(".")[0] == library for a in node.names)
        )
    }
    assert users
    assert all(user.startswith(folder) for user in users)


def loaded_by(modules: str, *libraries: str) -> str:
    """Which libraries an import brings along in a fresh process."""
    code = f"import sys, {modules}; print([m for m in {libraries} if m in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return run.stdout.strip()


def test_estimators_import_without_heavy_libraries() -> None:
    modules = "cml_sklearn.ensemble, cml_sklearn.linear_model, cml_sklearn.svm"
    assert loaded_by(modules, "torch", "hummingbird", "concrete", "skorch") == "[]"


@pytest.mark.parametrize("name", sorted(cml_sklearn._SUBMODULES))
def test_modules_are_found_and_show_public_names_only(name: str) -> None:
    module = getattr(cml_sklearn, name)
    assert name in dir(cml_sklearn)
    kinds = [each for each in module.__all__ if hasattr(getattr(module, each), "fit")]
    assert not kinds or dir(module) == sorted(module.__all__)


def test_public_names_exist() -> None:
    for name in cml_sklearn.__all__:
        assert getattr(cml_sklearn, name) is not None
    assert set(cml_sklearn.__all__) <= set(dir(cml_sklearn))
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        cml_sklearn.Nothing  # noqa: B018


_HEAVY = ("concrete", "hummingbird", "onnx", "sklearn", "skorch", "torch")
_PREDICTS_WITHOUT_THEM = f"""
import sys
sys.modules.update(dict.fromkeys({_HEAVY}))  # None: whoever imports them gets an ImportError
import numpy as np
from cml_sklearn import QuantizedModule
module, rows = QuantizedModule.load(sys.argv[1]), np.load(sys.argv[2])
print((module(rows, execute_in_fhe=True) == module(rows)).all(), module.fhe_circuit.report.engine)
"""


@pytest.mark.fhe
@pytest.mark.parametrize("model", [Ridge(), DecisionTreeRegressor(max_depth=2)], ids=name_of)
def test_saved_modules_predict_on_seal_without_heavy_libraries(model: Any, tmp_path: Path) -> None:
    X = np.random.default_rng(0).normal(size=(30, 3))
    model = clone(model).fit(X, X.sum(axis=1))
    model.quantized_module_.save(tmp_path / "module.npz")
    np.save(tmp_path / "rows.npy", X)
    files = [str(tmp_path / name) for name in ("module.npz", "rows.npy")]
    command = [sys.executable, "-c", _PREDICTS_WITHOUT_THEM, *files]
    run = subprocess.run(command, capture_output=True, text=True, check=True)
    assert run.stdout.split() == ["True", "seal"]
