"""From the integers that came out to floats."""

from __future__ import annotations

from dataclasses import dataclass

from cml_sklearn._typing import FloatArray, IntArray
from cml_sklearn.quantization.storage import stored

__all__ = ["FieldDecoder"]


@stored
@dataclass(frozen=True)
class FieldDecoder:
    """Outputs that are sums of fields: ``fields @ scale + offset``.

    Parameters
    ----------
    scale : ndarray, shape (n_fields, n_outputs)
    offset : ndarray, shape (n_outputs,)
    """

    scale: FloatArray
    offset: FloatArray

    def dequantize(self, values: IntArray) -> FloatArray:
        """Floats of fields of shape (n_samples, n_fields)."""
        return values @ self.scale + self.offset
