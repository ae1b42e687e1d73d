"""What is said of the package outside of its code agrees with it."""

from __future__ import annotations

import re
import sys
import tomllib
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import cml_sklearn
from cml_sklearn.exceptions import MissingPackageError

ROOT = Path(__file__).parents[1]
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_the_version_is_the_same_everywhere() -> None:
    citation = (ROOT / "CITATION.cff").read_text()
    assert re.findall(r"^version: (.+)$", citation, re.MULTILINE) == [cml_sklearn.__version__]
    assert f"## [{cml_sklearn.__version__}]" in (ROOT / "CHANGELOG.md").read_text()


def test_extras_that_are_named_exist() -> None:
    extras = PROJECT["optional-dependencies"]
    pages = [*ROOT.glob("docs/**/*.md"), *ROOT.glob("*.md"), *ROOT.glob("cml_sklearn/**/*.py")]
    found = [re.findall(r"cml-sklearn\[([a-z,]+)\]", page.read_text()) for page in pages]
    named = {extra for names in found for each in names for extra in each.split(",")}
    assert "concrete" in named
    assert named <= set(extras)


def test_heavy_packages_of_some_models_only_are_extras() -> None:
    required = {re.split(r"[<>=\[]", each)[0] for each in PROJECT["dependencies"]}
    assert not required & {"concrete-python", "lightgbm", "pandas", "torch", "xgboost-cpu"}


@pytest.mark.parametrize(
    ("module", "package", "extra"),
    [
        ("xgboost", "xgboost", "boosting"),
        ("lightgbm", "lightgbm", "boosting"),
        ("quantization_aware", "torch", "torch"),
        ("deployment.remote", "httpx", "service"),
        ("deployment.command_line", "typer", "service"),
    ],
)
def test_public_modules_name_the_extra_that_they_need(
    module: str, package: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, f"cml_sklearn.{module}", raising=False)
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(MissingPackageError, match=rf"needs {package}, .*'cml-sklearn\[{extra}\]'"):
        import_module(f"cml_sklearn.{module}")
