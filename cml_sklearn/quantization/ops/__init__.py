"""The quantized operators; importing this package fills the registry."""

from cml_sklearn.quantization.ops import binary, elementwise, linear, shape

__all__ = ["binary", "elementwise", "linear", "shape"]
