"""The NumPy implementations of ONNX's operators, a file for each family.

An implementation's signature is the one source of truth on what the operator takes: ONNX's
required inputs before ``/``, its optional inputs between, its attributes after ``*``, with ONNX's
names and defaults (variadic inputs are ``*inputs``). It returns a tuple, one array for each output.
A parameter ``n_outputs`` is not ONNX's: it tells how many outputs the node asks for, where that
matters. All follow the newest form of the operator; older ones are turned into it beforehand (see
`cml_sklearn.onnx.opsets`).
"""

from cml_sklearn.onnx.ops_impl import (  # noqa: F401  each family fills the registry
    activations,
    convolution,
    elementwise,
    index,
    logic,
    loss,
    normalization,
    pooling,
    quantization,
    recurrent,
    reduction,
    resize,
    shape,
    ufuncs,
)
from cml_sklearn.onnx.ops_impl.registry import ONNX_OPS_TO_NUMPY_IMPL

__all__ = ["ONNX_OPS_TO_NUMPY_IMPL"]
