"""What a bug report needs to know of a machine."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version

from cml_sklearn._version import __version__

__all__ = ["show_versions"]

_PACKAGES = (
    "concrete-python",
    "cryptography",
    "distributed",
    "fastapi",
    "httpx",
    "hummingbird-ml",
    "joblib",
    "lightgbm",
    "matplotlib",
    "mlflow-skinny",
    "numpy",
    "onnx",
    "pandas",
    "prometheus-client",
    "rich",
    "scikit-learn",
    "scipy",
    "skorch",
    "tenseal",
    "torch",
    "typer",
    "uvicorn",
    "xgboost",
    "xgboost-cpu",
)


def show_versions() -> None:
    """Print the versions of Python, this library and those it works with, for bug reports.

    Nothing is imported for it.

    Examples
    --------
    >>> import cml_sklearn
    >>> cml_sklearn.show_versions()
    <BLANKLINE>
    System:
    ...
    """
    system = {
        "python": sys.version.replace("\n", " "),
        "executable": sys.executable,
        "machine": platform.platform(),
        "cores": str(os.cpu_count()),
    }
    packages = {"cml-sklearn": __version__, **{name: _version_of(name) for name in _PACKAGES}}
    print("\n".join([*_section("System", system), *_section("Packages", packages)]))  # noqa: T201


def _section(title: str, facts: dict[str, str]) -> Iterable[str]:
    """Lines of a title and of what stands under it."""
    width = max(map(len, facts))
    return ["", f"{title}:", *(f"{name:>{width}}: {fact}" for name, fact in facts.items())]


def _version_of(package: str) -> str:
    """Version of an installed package."""
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
