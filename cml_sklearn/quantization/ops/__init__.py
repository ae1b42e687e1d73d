"""The quantized operators; importing this package fills the registry."""

from cml_sklearn.quantization.ops import (  # noqa: F401  each family fills the registry
    binary,
    elementwise,
    extrema,
    linear,
    normalization,
    quantization,
    reduction,
    resize,
    shape,
    softmax,
)
from cml_sklearn.quantization.quantized_op import ONNX_OPS_TO_QUANTIZED_IMPL

__all__ = ["ONNX_OPS_TO_QUANTIZED_IMPL"]
