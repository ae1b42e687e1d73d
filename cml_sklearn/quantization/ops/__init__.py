"""The quantized operators; importing this package fills the registry."""

from cml_sklearn.quantization.ops import elementwise, linear

__all__ = ["elementwise", "linear"]
