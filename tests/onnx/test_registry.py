"""Every operator is implemented and named in one place."""

from __future__ import annotations

import pickle
import subprocess
import sys
from collections import Counter
from importlib import import_module
from pkgutil import iter_modules

import pytest

from cml_sklearn import onnx
from cml_sklearn.onnx import onnx_utils, ops_impl
from cml_sklearn.onnx._arrays import Operator
from cml_sklearn.onnx.onnx_utils import ONNX_OPS_TO_NUMPY_IMPL
from cml_sklearn.onnx.ops_impl.registry import operator


def implementations() -> dict[str, Operator]:
    """Functions called numpy_... by the names that files of the package give them."""
    modules = [
        import_module(f"{ops_impl.__name__}.{m.name}") for m in iter_modules(ops_impl.__path__)
    ]
    return {
        name: function
        for module in modules
        for name, function in vars(module).items()
        if name.startswith("numpy_")
    }


def test_every_implementation_is_registered_once() -> None:
    registered = dict(ONNX_OPS_TO_NUMPY_IMPL)
    counts = Counter(map(id, registered.values()))
    assert counts == {id(function): 1 for function in implementations().values()}
    assert registered == ONNX_OPS_TO_NUMPY_IMPL, "a family was not imported with the package"


def test_functions_have_the_names_they_go_by() -> None:
    assert {f.__name__: f for f in ONNX_OPS_TO_NUMPY_IMPL.values()} == implementations()
    for function in ONNX_OPS_TO_NUMPY_IMPL.values():
        assert pickle.loads(pickle.dumps(function)) is function


def test_a_second_implementation_is_refused() -> None:
    with pytest.raises(ValueError, match=r"'Add' is implemented by .*ufuncs\.numpy_add already"):
        operator("Add")(ONNX_OPS_TO_NUMPY_IMPL["Sub"])


def test_the_registry_is_one_and_the_same_everywhere() -> None:
    assert onnx.ONNX_OPS_TO_NUMPY_IMPL is ops_impl.ONNX_OPS_TO_NUMPY_IMPL
    assert onnx.ONNX_OPS_TO_NUMPY_IMPL is onnx_utils.ONNX_OPS_TO_NUMPY_IMPL


@pytest.mark.parametrize("module", ["onnx_utils", "ops_impl", "ops_impl.registry"])
def test_any_import_fills_the_registry(module: str) -> None:
    code = f"from cml_sklearn.onnx.{module} import ONNX_OPS_TO_NUMPY_IMPL as o; print(len(o))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(run.stdout) == len(ONNX_OPS_TO_NUMPY_IMPL)
