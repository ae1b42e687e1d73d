"""ONNX graphs in NumPy: the operators, and the module that runs them.

Names are imported when first used: what follows decryption needs operators, but no ONNX.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cml_sklearn.onnx.files import load_model
    from cml_sklearn.onnx.loading import prepare_graph
    from cml_sklearn.onnx.numpy_module import NumpyModule, run_model
    from cml_sklearn.onnx.onnx_utils import ONNX_OPS_TO_NUMPY_IMPL

__all__ = ["ONNX_OPS_TO_NUMPY_IMPL", "NumpyModule", "load_model", "prepare_graph", "run_model"]

_MODULE_OF = {
    "ONNX_OPS_TO_NUMPY_IMPL": "onnx_utils",
    "NumpyModule": "numpy_module",
    "load_model": "files",
    "prepare_graph": "loading",
    "run_model": "numpy_module",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULE_OF[name]}"), name)
