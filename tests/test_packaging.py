"""What is said of the package outside of its code agrees with it."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from importlib import import_module
from importlib.metadata import EntryPoint
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


def test_versions_of_all_that_users_extras_bring_are_shown(
    capsys: pytest.CaptureFixture[str],
) -> None:
    cml_sklearn.show_versions()
    shown = re.findall(r"^ *([\w-]+): ", capsys.readouterr().out, re.MULTILINE)
    extras = PROJECT["optional-dependencies"]
    needed = [each for name in extras if name not in {"dev", "docs"} for each in extras[name]]
    names = {re.split(r"[<>=\[]", each)[0] for each in needed}
    assert names - {"setuptools"} <= set(shown)


@pytest.mark.parametrize(
    ("module", "package", "extra"),
    [
        ("xgboost", "xgboost", "boosting"),
        ("lightgbm", "lightgbm", "boosting"),
        ("deployment.remote", "httpx", "service"),
        ("deployment.service", "fastapi", "service"),
        ("quantization_aware", "torch", "torch"),
        ("deployment.monitoring", "prometheus_client", "service"),
    ],
)
def test_modules_name_the_extra_that_they_need(
    module: str, package: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = _without(package, module, monkeypatch)
    with pytest.raises(MissingPackageError) as caught:
        import_module(name)
    assert str(caught.value) == (
        f"{name} needs {package}, which is not installed: pip install 'cml-sklearn[{extra}]'."
    )


IMPORTS = """
import importlib, pkgutil, sys
import cml_sklearn.deployment as deployment
from cml_sklearn.exceptions import MissingPackageError

class Missing:
    def find_spec(self, name, *_):
        if name.partition(".")[0] in sys.argv[1:]:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Missing())
for module in pkgutil.walk_packages(deployment.__path__, "cml_sklearn.deployment."):
    if not module.name.endswith("__main__"):
        try:
            importlib.import_module(module.name)
        except MissingPackageError:
            print(module.name)
"""


def test_every_module_of_deployment_works_or_names_the_extra_that_it_needs() -> None:
    packages = (
        *("torch", "skorch", "hummingbird", "concrete", "xgboost", "lightgbm", "mlflow", "dask"),
        *("distributed", "matplotlib", "pandas", "rich", "typer", "cryptography", "fastapi"),
        *("starlette", "anyio", "httpx", "uvicorn", "prometheus_client", "pydantic"),
    )
    command = [sys.executable, "-W", "ignore", "-c", IMPORTS, *packages]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert "cml_sklearn.deployment.service" in run.stdout


def test_the_command_says_in_a_line_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    _without("typer", "deployment.command_line", monkeypatch)
    command = EntryPoint("cml-sklearn", PROJECT["scripts"]["cml-sklearn"], "console_scripts")
    with pytest.raises(SystemExit) as caught:
        command.load()()
    assert caught.value.code == (
        "The command cml-sklearn needs typer, which is not installed: "
        "pip install 'cml-sklearn[service]'."
    )


def _without(package: str, module: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Let a package be missing where a module is imported anew, whose full name comes back."""
    name = f"cml_sklearn.{module}"
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.delitem(sys.modules, name, raising=False)
    return name
