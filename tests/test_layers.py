"""Imports go one way, the package's import is light, and its public names exist."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import cml_sklearn

PACKAGE = Path(cml_sklearn.__file__).parent
LAYERS = [
    {"_typing", "_version", "exceptions"},
    {"config"},
    {"program"},
    {"onnx"},
    {"fhe"},
    {"convert", "quantization"},
    {"base"},
    {"_predictions"},
    {"_linear", "_networks", "_perceptron", "_trees", "quantization_aware"},
    {"_averages", "_boosters", "_skorch", "_width_search"},
    {
        "compile",
        "discriminant_analysis",
        "ensemble",
        "lightgbm",
        "linear_model",
        "neural_network",
        "svm",
        "tree",
        "xgboost",
    },
]
RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names}
FILES = [f for f in sorted(PACKAGE.rglob("*.py")) if f != PACKAGE / "__init__.py"]


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


def imports_of(path: Path) -> set[str]:
    """Parts of the package that a file imports."""
    own = (name.split(".") for name in modules_of(path) if name.startswith("cml_sklearn."))
    return {parts[1] for parts in own}


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_go_down(path: Path) -> None:
    part = part_of(path)
    for imported in imports_of(path) - {part}:
        assert RANK[imported] < RANK[part] or (part, imported) == ("quantization", "convert")


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


def test_estimators_import_without_heavy_libraries() -> None:
    code = (
        "import sys, cml_sklearn.ensemble, cml_sklearn.linear_model, cml_sklearn.svm;"
        "print([m for m in ('torch', 'hummingbird', 'concrete', 'skorch') if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_public_names_exist() -> None:
    for name in cml_sklearn.__all__:
        assert getattr(cml_sklearn, name) is not None
    assert set(cml_sklearn.__all__) <= set(dir(cml_sklearn))
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        cml_sklearn.Nothing  # noqa: B018
