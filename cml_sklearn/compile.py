"""Any torch or ONNX model: the same pipeline, without an estimator."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from cml_sklearn._typing import Array, FloatArray
from cml_sklearn.convert.torch import export_to_onnx
from cml_sklearn.exceptions import BitWidthError, CalibrationError, CmlError, InvalidInputError
from cml_sklearn.fhe.protocol import DEFAULT_P_ERROR, CircuitOptions
from cml_sklearn.onnx.numpy_module import NumpyModule
from cml_sklearn.quantization.post_training import ClearTailChoice, PostTrainingAffineQuantization
from cml_sklearn.quantization.quantized_module import QuantizedModule

if TYPE_CHECKING:
    import onnx
    import torch

__all__ = ["compile_onnx_model", "compile_torch_model", "exported"]

N_BITS, ROUNDING_BITS = 5, 4
"""Those of `NeuralNet*`: see docs/neural_networks.md."""

_WIDTHS = ((3, 4, 5, 6, 7), (2, 3, 4, 5, 6, 7))
"""Codes and bits to keep that `max_gop` chooses from."""


def compile_onnx_model(
    model: str | Path | bytes | onnx.ModelProto,
    *calibration: ArrayLike,
    n_bits: int | Mapping[str, int] = N_BITS,
    rounding_bits: int | None = ROUNDING_BITS,
    exact_rounding: bool = False,
    max_gop: float | None = None,
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
    n_bits : int or mapping, default=5
        Widths, for all or by role: see `BitWidths`.
    rounding_bits : int or None, default=4
        Bits of an accumulator that a lookup looks at; they make the cost. None: all.
    exact_rounding : bool, default=False
        False: rounding may be off by one near ties, and costs several times less.
    max_gop : float, optional
        Most that a sample may cost (`fhe_circuit.report.complexity`). Widths are then searched for
        the least error of the outputs on the calibration data, so leave `n_bits` and
        `rounding_bits` alone.
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
    InvalidInputError
        A `max_gop` beside given widths, or one that no widths keep.
    InvalidGraphError, UnsupportedOperatorError, CalibrationError, BitWidthError, CompilationError
    """
    graph, options = NumpyModule(model), CircuitOptions(p_error, batch_size)

    def quantized(n_bits: int | Mapping[str, int], rounding_bits: int | None) -> QuantizedModule:
        quantization = PostTrainingAffineQuantization(
            n_bits,
            rounding_bits=rounding_bits,
            exact_rounding=exact_rounding,
            clear_tail=clear_tail,
        )
        return quantization.quantize_module(graph, *calibration)

    if max_gop is not None:
        if (n_bits, rounding_bits) != (N_BITS, ROUNDING_BITS):
            raise InvalidInputError(
                f"max_gop={max_gop:g} came with n_bits={n_bits} and rounding_bits="
                f"{rounding_bits}, which it searches itself: give one or the others."
            )
        return _within(max_gop, quantized, graph, calibration, options)
    module = quantized(n_bits, rounding_bits)
    module.compile(options)
    return module


def compile_torch_model(
    module: torch.nn.Module,
    *calibration: ArrayLike,
    n_bits: int | Mapping[str, int] = N_BITS,
    rounding_bits: int | None = ROUNDING_BITS,
    exact_rounding: bool = False,
    max_gop: float | None = None,
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
    n_bits, rounding_bits, exact_rounding, max_gop, p_error, batch_size, clear_tail
        See `compile_onnx_model`.

    Returns
    -------
    QuantizedModule
        See `compile_onnx_model`.

    Raises
    ------
    InvalidInputError, CalibrationError, InvalidGraphError, UnsupportedOperatorError, BitWidthError
    CompilationError
    """
    return compile_onnx_model(
        exported(module, calibration),
        *calibration,
        n_bits=n_bits,
        rounding_bits=rounding_bits,
        exact_rounding=exact_rounding,
        max_gop=max_gop,
        p_error=p_error,
        batch_size=batch_size,
        clear_tail=clear_tail,
    )


def _within(
    max_gop: float,
    quantized: Callable[[int, int], QuantizedModule],
    graph: NumpyModule,
    calibration: Sequence[ArrayLike],
    options: CircuitOptions,
) -> QuantizedModule:
    """Compile in the widths of the least error that cost no more than `max_gop`."""
    wanted = graph(*calibration)
    candidates = []
    for widths in product(*_WIDTHS):
        module = quantized(*widths)
        candidates.append((_error(module(*calibration), wanted), widths, module))
    cheapest, reason = np.inf, ""
    too_dear: list[tuple[int, int]] = []
    for _, widths, module in sorted(candidates, key=lambda candidate: candidate[:2]):
        if any(bits <= widths[0] and kept <= widths[1] for bits, kept in too_dear):
            continue
        try:
            gop = module.compile(options).report.complexity or 0.0
        except BitWidthError as error:
            gop, reason = np.inf, f" ({error})"
        if gop <= max_gop:
            return module
        cheapest = min(cheapest, gop)
        too_dear.append(widths)
    raise InvalidInputError(
        f"No widths keep max_gop={max_gop:g}: the cheapest of n_bits {_WIDTHS[0]} and "
        f"rounding_bits {_WIDTHS[1]} costs {cheapest:.3g} Gop{reason}. Raise it, or make the layer "
        f"with the most lookups smaller: {_largest_layer(candidates[0][-1])}."
    )


def _error(outputs: FloatArray | tuple[FloatArray, ...], wanted: Sequence[Array]) -> float:
    """Mean of squared errors over variances, of all outputs."""
    given = outputs if isinstance(outputs, tuple) else (outputs,)
    errors = [
        np.mean((x - y) ** 2) / (np.var(y) or 1.0) for x, y in zip(given, wanted, strict=True)
    ]
    return float(np.mean(errors))


def _largest_layer(module: QuantizedModule) -> str:
    layer = max(module.lookups_by_layer(), key=lambda layer: layer.n_lookups)
    return f"{layer.source} with {layer.n_lookups}"


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
