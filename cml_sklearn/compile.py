"""Any torch or ONNX model: the same pipeline, without an estimator."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from cml_sklearn._typing import Array
from cml_sklearn.convert.torch import export_to_onnx
from cml_sklearn.exceptions import CalibrationError, CmlError, InvalidInputError
from cml_sklearn.fhe.protocol import DEFAULT_P_ERROR, CircuitOptions
from cml_sklearn.onnx.numpy_module import NumpyModule
from cml_sklearn.quantization.post_training import ClearTailChoice, PostTrainingAffineQuantization
from cml_sklearn.quantization.quantized_module import QuantizedModule

if TYPE_CHECKING:
    import onnx
    import torch

__all__ = ["compile_onnx_model", "compile_torch_model", "exported"]


def compile_onnx_model(
    model: str | Path | bytes | onnx.ModelProto,
    *calibration: ArrayLike,
    n_bits: int | Mapping[str, int] = 6,
    rounding_bits: int | None = None,
    exact_rounding: bool = True,
    p_error: float = DEFAULT_P_ERROR,
    batch_size: int | None = None,
    clear_tail: ClearTailChoice = True,
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
    p_error : float, default=2**-64
        Chance that one bootstrap decrypts wrong.
    batch_size : int, optional
        Samples that go through the circuit at once.
    clear_tail : bool or "weights", default=True
        What the client computes after decryption: functions without trained weights, nothing, or
        also layers that have no quantized form, whose weights it then holds: see
        `PostTrainingAffineQuantization`.

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
        n_bits,
        rounding_bits=rounding_bits,
        exact_rounding=exact_rounding,
        clear_tail=clear_tail,
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
    p_error: float = DEFAULT_P_ERROR,
    batch_size: int | None = None,
    clear_tail: ClearTailChoice = True,
) -> QuantizedModule:
    """Export a torch module to ONNX, quantize it and compile it to an FHE circuit.

    Parameters
    ----------
    module : torch.nn.Module
    *calibration : array-like of shape (n_samples, ...)
        Typical inputs, one array for each of the module's.
    n_bits, rounding_bits, exact_rounding, p_error, batch_size, clear_tail
        See `compile_onnx_model`.

    Returns
    -------
    QuantizedModule
        See `compile_onnx_model`.

    Raises
    ------
    CalibrationError, InvalidGraphError, UnsupportedOperatorError, BitWidthError, CompilationError
    """
    return compile_onnx_model(
        exported(module, calibration),
        *calibration,
        n_bits=n_bits,
        rounding_bits=rounding_bits,
        exact_rounding=exact_rounding,
        p_error=p_error,
        batch_size=batch_size,
        clear_tail=clear_tail,
    )


def exported(module: torch.nn.Module, calibration: Sequence[ArrayLike]) -> onnx.ModelProto:
    """Export with two samples of each input.

    Integers become floats, as most modules take only these; where the module refuses them, as an
    embedding does, they stay integers.

    Raises
    ------
    CalibrationError
        No inputs, or no samples.
    """
    arrays = [np.asarray(x) for x in calibration]
    if not arrays or not all(x.ndim and len(x) for x in arrays):
        raise CalibrationError(
            "Calibration needs at least one sample for each input of the module: give arrays of "
            "shape (n_samples, ...) after the module."
        )
    samples = [np.resize(x[:2], (2, *x.shape[1:])) for x in arrays]
    floats = [x.astype(np.float32) for x in samples]
    if all(np.issubdtype(x.dtype, np.floating) for x in samples):
        return _export(module, floats)
    try:
        return export_to_onnx(module, *floats)
    except (IndexError, NotImplementedError, RuntimeError, TypeError):
        own = [x.astype(_torch_type(x.dtype)) for x in samples]
        return _export(module, own)


def _export(module: torch.nn.Module, samples: Sequence[Array]) -> onnx.ModelProto:
    """Export, with errors in words where the module itself can't run on the samples."""
    try:
        return export_to_onnx(module, *samples)
    except CmlError:
        raise
    except (IndexError, NotImplementedError, RuntimeError, TypeError, ValueError) as error:
        given = ", ".join(f"{x.dtype}{[*x.shape]}" for x in samples)
        raise InvalidInputError(
            f"The module can't run on samples of {given}: {error}. Give calibration data of the "
            "shapes and types that it takes, integers where it takes indices."
        ) from error


def _torch_type(dtype: np.dtype) -> type[np.generic]:
    """Type in which a module gets an array: of floats, integers or bools."""
    if dtype == np.bool_:
        return np.bool_
    return np.int64 if np.issubdtype(dtype, np.integer) else np.float32
