"""Writes the pages of the API reference and the index of errors from the code.

Every name of a module's ``__all__`` gets a page; a module with a name in `_PUBLIC` can't be left
out. The pages are made when the site is built, and are not kept.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType

import cml_sklearn
from cml_sklearn import exceptions

__all__ = ["API", "names_by_module", "write"]

API = Path(__file__).parent / "api"

_TITLES = {
    "linear_model": "Linear models",
    "svm": "Support vector machines",
    "kernel_ridge": "Kernel ridge regression",
    "discriminant_analysis": "Discriminant analysis",
    "naive_bayes": "Naive Bayes",
    "neighbors": "Neighbors",
    "tree": "Trees",
    "ensemble": "Ensembles",
    "xgboost": "XGBoost",
    "lightgbm": "LightGBM",
    "neural_network": "Neural networks",
    "decomposition": "Decomposition",
    "random_projection": "Random projection",
    "cross_decomposition": "Cross decomposition",
    "cluster": "Clusters",
    "mixture": "Mixtures",
    "covariance": "Covariance",
    "compile": "Torch and ONNX models",
    "quantization_aware": "Training for rounding",
    "config": "Settings",
    "metrics": "Costs",
    "model_selection": "Choosing among candidates",
    "inspection": "Pictures",
    "deployment": "Client and server",
    "deployment.remote": "A service's client",
    "deployment.bulk": "Many rows on a cluster",
    "deployment.mlflow": "MLflow",
    "onnx": "ONNX in the clear",
    "quantization.post_training": "Quantization",
    "quantization.quantized_module": "Quantized modules",
    "fhe.circuit": "Circuits",
    "fhe.protocol": "Reports and engines",
    "fhe.speed": "Speed of this machine",
    "exceptions": "Errors",
}
"""Public modules in the order of the reference, with what its pages call them."""


_SELECTED = {"compile", "config", "quantization.post_training", "quantization_aware"}
"""Modules of whose names those in `_PUBLIC` are meant for users."""


def names_by_module() -> dict[str, list[str]]:
    """Names of the reference by module: all public classes and functions."""
    further = [name for name in cml_sklearn._PUBLIC if name not in _TITLES and "onnx" not in name]
    return {name: _names(name) for name in [*_TITLES, *further]}


def _names(name: str) -> list[str]:
    """Public classes and functions of a module."""
    module = _module(name)
    names = cml_sklearn._PUBLIC[name] if name in _SELECTED else module.__all__
    return [
        each
        for each in names
        if inspect.isroutine(getattr(module, each)) or inspect.isclass(getattr(module, each))
    ]


def _title(name: str) -> str:
    """Say what pages call a module."""
    return _TITLES.get(name, name.strip("_").replace("_", " ").capitalize())


def write() -> None:
    """Write a page for each module, one with all of them, and the list of errors."""
    API.mkdir(exist_ok=True)
    modules = names_by_module()
    for name, names in modules.items():
        _replace(API / f"{name}.rst", _page(name, names))
    _replace(API / "index.rst", _index(modules))
    _replace(API / "errors.md", _errors())
    _forget({f"cml_sklearn.{name}.{each}" for name, names in modules.items() for each in names})


def _module(name: str) -> ModuleType:
    return import_module(f"cml_sklearn.{name}")


def _page(name: str, names: list[str]) -> Iterator[str]:
    """Title, the module's own words, and a table of its names."""
    module = _module(name)
    yield from _headed(_title(name))
    yield from [f".. module:: cml_sklearn.{name}", ""]
    yield from [inspect.getdoc(module) or "", ""]
    yield from [f".. currentmodule:: cml_sklearn.{name}", ""]
    yield from [".. autosummary::", "   :toctree: generated", "   :nosignatures:", ""]
    yield from (f"   {each}" for each in sorted(names))


def _index(modules: dict[str, list[str]]) -> Iterator[str]:
    """Page that leads to all others."""
    yield from _headed("API reference")
    yield "Names of the first modules are also those of ``cml_sklearn`` itself, and are those of"
    yield "scikit-learn: ``from cml_sklearn import LogisticRegression``."
    yield from ["", ".. toctree::", "   :maxdepth: 1", ""]
    yield from (f"   {_title(name)} <{name}>" for name in modules)


def _errors() -> Iterator[str]:
    """Table of errors, by their docstrings."""
    yield from ["| error | is also a | when, and what to do |", "|---|---|---|"]
    for name in exceptions.__all__:
        kind = getattr(exceptions, name)
        builtin = next(each for each in kind.__mro__ if each.__module__ == "builtins")
        when = " ".join((inspect.getdoc(kind) or "").split())
        yield f"| `{name}` | `{builtin.__name__}` | {when} |"


def _headed(title: str) -> list[str]:
    return [title, "=" * len(title), ""]


def _forget(names: set[str]) -> None:
    """Remove autosummary's pages of an earlier build whose names are gone."""
    for path in (API / "generated").glob("*.rst"):
        if path.stem not in names:
            path.unlink()


def _replace(path: Path, lines: Iterator[str]) -> None:
    """Write a file whose content is another one; others keep their date, and are not read anew."""
    text = "\n".join(lines) + "\n"
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.write_text(text, encoding="utf-8")
