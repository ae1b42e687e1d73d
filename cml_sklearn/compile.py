"""Any torch or ONNX model: the same pipeline, without an estimator."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from cml_sklearn.convert.torch import export_to_onnx
from cml_sklearn.fhe.protocol import CircuitOptions
from cml_sklearn.onnx.numpy_module import NumpyModule
from cml_sklearn.quantization.post_training import PostTrainingAffineQuantization
from cml_sklearn.quantization.quantized_module import QuantizedModule

if TYPE_CHECKING:
    import onnx
    import torch

__all__ = ["compile_onnx_model", "compile_torch_model"]


def compile_onnx_model(
    model: str | Path | bytes | onnx.ModelProto,
    *calibration: ArrayLike,
    n_bits: int | Mapping[str, int] = 6,
    rounding_bits: int | None = None,
    exact_rounding: bool = True,
    p_error: float = 2.0**-40,
    batch_size: int | None = None,
) -> QuantizedModule:
    """Quantize an ONNX model and compile it to an FHE circuit.

    Parameters
    ----------
    model : path, bytes or onnx.ModelProto
    *calibration : array-like of shape (n_samples, ...)
        Typical inputs, one array for each of the model's.
    n_bits : int or mapping, default=6
        Widths, for all or by role: see `BitWidths`.
    rounding_bits : int, optional
        Bits of an accumulator that a lookup looks at. None: all.
    exact_rounding : bool, default=True
        False: cheaper rounding that may be off by one near ties.
    p_error : float, default=2**-40
        Chance that one bootstrap decrypts wrong.
    batch_size : int, optional
        Samples that go through the circuit at once.

    Returns
    -------
    QuantizedModule
        With its circuit; call it on floats with ``execute_in_fhe=False``, ``True`` or
        ``"simulate"``.

    Raises
    ------
    InvalidGraphError, UnsupportedOperatorError, CalibrationError, BitWidthError, CompilationError
    """
    quantization = PostTrainingAffineQuantization(
        n_bits, rounding_bits=rounding_bits, exact_rounding=exact_rounding
    )
    module = quantization.quantize_module(NumpyModule(model), *calibration)
    module.compile(CircuitOptions(p_error, batch_size))
    return module


def compile_torch_model(
    module: torch.nn.Module,
    *calibration: ArrayLike,
    n_bits: int | Mapping[str, int] = 6,
    rounding_bits: int | None = None,
    exact_rounding: bool = True,
    p_error: float = 2.0**-40,
    batch_size: int | None = None,
) -> QuantizedModule:
    """Export a torch module to ONNX, quantize it and compile it to an FHE circuit.

    Parameters
    ----------
    module : torch.nn.Module
    *calibration : array-like of shape (n_samples, ...)
        Typical inputs, one array for each of the module's.
    n_bits, rounding_bits, exact_rounding, p_error, batch_size
        See `compile_onnx_model`.

    Returns
    -------
    QuantizedModule
        See `compile_onnx_model`.
    """
    arrays = [np.asarray(x, dtype=np.float32) for x in calibration]
    return compile_onnx_model(
        export_to_onnx(module, *(x[:2] for x in arrays)),
        *arrays,
        n_bits=n_bits,
        rounding_bits=rounding_bits,
        exact_rounding=exact_rounding,
        p_error=p_error,
        batch_size=batch_size,
    )
