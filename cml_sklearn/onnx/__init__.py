"""ONNX graphs in NumPy: the operators, and the module that runs them."""

from cml_sklearn.onnx.files import load_model
from cml_sklearn.onnx.loading import prepare_graph
from cml_sklearn.onnx.numpy_module import NumpyModule, run_model
from cml_sklearn.onnx.onnx_utils import ONNX_OPS_TO_NUMPY_IMPL

__all__ = ["ONNX_OPS_TO_NUMPY_IMPL", "NumpyModule", "load_model", "prepare_graph", "run_model"]
