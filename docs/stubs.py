"""Writes the stubs of all estimators: their signatures are made at run time, out of editors' sight.

``python -m docs.stubs`` writes them, ``--check`` fails if one is stale. They show the classes of
the installed scikit-learn, XGBoost and LightGBM, which are those of requirements.lock.
"""

from __future__ import annotations

import importlib
import inspect
import re
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType

from sklearn.utils import get_tags

import cml_sklearn
from cml_sklearn.estimators.attributes import DELEGATED, is_attribute_of_fit
from cml_sklearn.estimators.base import FheEstimator
from cml_sklearn.estimators.boosters import BoosterEstimator
from cml_sklearn.estimators.passed_parameters import FURTHER_PASSED
from cml_sklearn.estimators.refused_parameters import REFUSED
from cml_sklearn.estimators.skorch import NeuralNet
from cml_sklearn.estimators.wrapping import library_of, sections_of
from docs.docstrings import LIBRARIES
from docs.estimators import ours
from docs.stub_types import (
    ALIASES,
    default_text,
    type_of_argument,
    type_of_attribute,
    type_of_parameter,
)

__all__ = ["main"]

PACKAGE = Path(cml_sklearn.__file__).parent

_HEAD = """# Written by `python -m docs.stubs`; do not edit by hand.
# mypy: disable-error-code="override, assignment, misc"
{doc}

from collections.abc import Callable, Sequence
from typing import Any, Literal, Self, TypedDict, Unpack

import numpy as np
from numpy.typing import ArrayLike
from scipy.sparse import sparray, spmatrix
from sklearn.base import (
    BaseEstimator,
    ClassifierMixin,
    ClusterMixin,
    DensityMixin,
    OutlierMixin,
    RegressorMixin,
    TransformerMixin,
)

from cml_sklearn._typing import Array
from cml_sklearn.config import ExecutionMode
from cml_sklearn.estimators.base import FheEstimator
from cml_sklearn.forest.grid import FeatureGrid
"""

_NAME = PACKAGE / "any.pyi"
"""What ruff takes a stub for: its settings go by paths."""

_MIXINS = re.compile(r"(Classifier|Cluster|Density|Outlier|Regressor|Transformer)Mixin")
_KNOWN = {"Array", "FeatureGrid", "float", "int"}
_VARIADIC = inspect.Parameter.VAR_KEYWORD


def stub_of(module: str, names: list[str]) -> str:
    """Stub of a module with estimators."""
    loaded = importlib.import_module(f"cml_sklearn.{module}")
    classes = [getattr(loaded, name) for name in sorted(names)]
    others = [getattr(loaded, name) for name in loaded.__all__ if name not in names]
    reexported = [f"from {x.__module__} import {x.__name__} as {x.__name__}" for x in others]
    parts = [_HEAD.format(doc=_docstring(loaded)), *reexported, ALIASES]
    if issubclass(classes[0], BoosterEstimator):
        parts.append(_further(classes))
    return "\n".join([*parts, f"__all__ = {loaded.__all__}", *map(_class, classes)])


def stub_of_package() -> str:
    """Stub of the package, which imports its names when they are first used."""
    imports = [
        f"from cml_sklearn.{module} import {name} as {name}"
        for module, names in cml_sklearn._PUBLIC.items()
        for name in names
    ]
    imports += [
        f"from cml_sklearn import {m} as {m}" for m in sorted(cml_sklearn._SUBMODULES - {"compile"})
    ]
    head = f"# Written by `python -m docs.stubs`; do not edit by hand.\n{_docstring(cml_sklearn)}"
    version = "from cml_sklearn._version import __version__ as __version__"
    return "\n".join([head, *imports, version, f"__all__ = {cml_sklearn.__all__}"])


def _docstring(module: ModuleType) -> str:
    """First line of a module's docstring, between quotes."""
    return f'"""{(inspect.getdoc(module) or "").splitlines()[0]}"""'


def _class(cls: type[FheEstimator]) -> str:
    """Stub of an estimator."""
    mixins = [k.__name__ for k in cls.__mro__ if _MIXINS.fullmatch(k.__name__)]
    lines = [f'"""{_summary(cls)}"""', *_attributes(cls), _constructor(cls)]
    if not issubclass(cls, NeuralNet):
        lines.append(_adoption(cls))
    lines += [_method(cls, name) for name in sorted(_methods(cls))]
    body = "\n".join(f"    {line}" for line in lines)
    return f"class {cls.__name__}({', '.join([*mixins, 'FheEstimator'])}):\n{body}\n"


def _summary(cls: type[FheEstimator]) -> str:
    """First line of a stub's docstring; signatures say the rest."""
    if issubclass(cls, NeuralNet):
        return (inspect.getdoc(cls) or "").splitlines()[0]
    wrapped = cls._wrapped_class
    return f"{LIBRARIES[library_of(wrapped)]}'s {wrapped.__name__} on encrypted data."


def _attributes(cls: type[FheEstimator]) -> Iterator[str]:
    """Fitted attributes, and methods that are the float model's."""
    wrapped, own = cls._wrapped_class, set(dir(FheEstimator))
    types = {name: "Any" for name in dir(wrapped) if is_attribute_of_fit(name)}
    if not issubclass(cls, NeuralNet):
        described = sections_of(inspect.getdoc(wrapped) or "").get("Attributes", "")
        for names, kind in re.findall(r"^(\w+(?:, \w+)*) : (.+)$", described, re.MULTILINE):
            types |= dict.fromkeys(names.split(", "), type_of_attribute(kind))
    for base in _bases(cls):
        annotations = vars(base).get("__annotations__", {}).items()
        types |= {k: v if v in _KNOWN else "Any" for k, v in annotations if is_attribute_of_fit(k)}
    for name in DELEGATED & set(dir(wrapped)) - set(_methods(cls)):
        types[name] = "Callable[..., Any]" if callable(getattr(wrapped, name)) else "Any"
    return (f"{name}: {types[name]}" for name in sorted(types) if name not in own)


def _constructor(cls: type[FheEstimator]) -> str:
    """Stub of ``__init__``."""
    parameters = list(inspect.signature(cls.__init__).parameters.values())
    return f"def __init__({_listed(parameters, lambda p: _own_type(cls, p))}) -> None: ..."


def _adoption(cls: type[FheEstimator]) -> str:
    """Stub of `from_sklearn_model`."""
    parameters = inspect.signature(cls.__init__).parameters
    own = [parameters[p.name] for p in cls._own_parameters]
    arguments = _listed(own, lambda p: _own_type(cls, p))
    head = "cls, model: BaseEstimator, X: _Matrix"
    return f"@classmethod\n    def from_sklearn_model({head}, {arguments}) -> Self: ..."


def _own_type(cls: type[FheEstimator], parameter: inspect.Parameter) -> str:
    """Type of a constructor's parameter."""
    if parameter.kind is _VARIADIC:
        return "Unpack[_Further]" if issubclass(cls, BoosterEstimator) else "object"
    return type_of_parameter(parameter, cls._parameter_constraints.get(parameter.name))


def _methods(cls: type[FheEstimator]) -> set[str]:
    """Names of methods that our classes define, where the wrapped class has them."""
    names = {
        name
        for base in _bases(cls)
        for name, value in vars(base).items()
        if name[0] != "_" and (inspect.isfunction(value) or hasattr(value, "check"))
    }
    static = {name: inspect.getattr_static(cls, name) for name in names}
    return {
        name
        for name, value in static.items()
        if inspect.isfunction(value) or hasattr(cls._wrapped_class, name)
    }


def _bases(cls: type[FheEstimator]) -> list[type]:
    """Classes of ours that an estimator is made of, but for the last and its own."""
    common = FheEstimator.__mro__
    return [k for k in cls.__mro__ if k.__module__.startswith("cml_") and k not in common]


def _method(cls: type[FheEstimator], name: str) -> str:
    """Stub of a method, by its annotations if it is ours, else by what is known of `fit`."""
    signature = inspect.signature(getattr(cls, name))
    parameters = list(signature.parameters.values())
    returned = signature.return_annotation
    if name in ("fit", "partial_fit"):
        returned = "Self"
    elif name.startswith("predict_") and not get_tags(cls()).target_tags.multi_output:
        returned = "Array"
    return f"def {name}({_listed(parameters, _argument)}) -> {returned}: ..."


def _argument(parameter: inspect.Parameter) -> str:
    """Type of a method's argument."""
    is_ours = isinstance(parameter.annotation, str) and parameter.name != "X"
    return parameter.annotation if is_ours else type_of_argument(parameter)


def _listed(
    parameters: list[inspect.Parameter], type_of: Callable[[inspect.Parameter], str]
) -> str:
    """Parameters with types and defaults, as a signature lists them."""
    texts, is_open = [], True
    for parameter in parameters:
        name = parameter.name
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY and is_open:
            texts.append("*")
            is_open = False
        stars = "**" if parameter.kind is _VARIADIC else ""
        kind = type_of(parameter)
        known = f"{stars}{name}: {kind}{default_text(parameter.default, kind)}"
        texts.append(name if name == "self" else known)
    return ", ".join(texts)


def _further(classes: list[type[FheEstimator]]) -> str:
    """Type of what boosters take by further keywords."""
    library = library_of(classes[0]._wrapped_class)
    named = {name for cls in classes for name in inspect.signature(cls.__init__).parameters}
    known = {*FURTHER_PASSED[library].split(), *REFUSED[library]}
    if library == "lightgbm":
        aliases = importlib.import_module("lightgbm.basic")._ConfigAliases
        known |= {name for main in known for name in aliases.get(main)}
    keys = ", ".join(f'"{name}": object' for name in sorted(known - named))
    return f'_Further = TypedDict("_Further", {{{keys}}}, total=False)'


def _in_shape(text: str) -> str:
    """Let ruff drop imports that are not used, sort the others, and format."""
    for command in (["check", "--fix-only", "--exit-zero"], ["format"]):
        ruff = [sys.executable, "-m", "ruff", *command, "--quiet", f"--stdin-filename={_NAME}", "-"]
        text = subprocess.run(ruff, input=text, capture_output=True, text=True, check=True).stdout  # noqa: S603
    return text


def main() -> None:
    """Write the stubs, or check them."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        stubs = {module: stub_of(module, names) for module, names in ours().items()}
    stubs["__init__"] = stub_of_package()
    for module, text in stubs.items():
        path, fresh = PACKAGE / f"{module}.pyi", _in_shape(text)
        if "--check" not in sys.argv:
            path.write_text(fresh, encoding="utf-8")
        elif not path.exists() or path.read_text(encoding="utf-8") != fresh:
            sys.exit(f"{path.name} is stale: run python -m docs.stubs")


if __name__ == "__main__":
    main()
