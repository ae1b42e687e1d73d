"""Any torch or ONNX model: the same pipeline, without an estimator."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from numbers import Real
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias, cast

import numpy as np
from numpy.typing import ArrayLike

from cml_sklearn._typing import Array, FloatArray
from cml_sklearn.convert.torch import export_to_onnx, submodule_name
from cml_sklearn.exceptions import CalibrationError, CmlError, InvalidInputError
from cml_sklearn.fhe.costs import CostTable
from cml_sklearn.fhe.protocol import DEFAULT_P_ERROR, CircuitOptions
from cml_sklearn.keywords import known_keywords
from cml_sklearn.onnx.numpy_module import NumpyModule
from cml_sklearn.quantization.bit_widths import NBits, RoundingBits
from cml_sklearn.quantization.encoders import as_floats
from cml_sklearn.quantization.post_training import ClearTailChoice, PostTrainingAffineQuantization
from cml_sklearn.quantization.preparation import typed_samples, with_free_batch
from cml_sklearn.quantization.quantized_module import QuantizedModule
from cml_sklearn.quantization.width_grid import TRIED_BITS, output_error, tried_widths

if TYPE_CHECKING:
    import onnx
    import torch

__all__ = ["compile_onnx_model", "compile_torch_model", "exported", "preflight"]


Auto = Literal["auto"]
"""In place of a width that the library chooses."""

OnnxModel: TypeAlias = "str | Path | bytes | onnx.ModelProto"

_N_BITS, _ROUNDING_BITS = 5, 4
"""What "auto" is where no cost limit is given."""

_ESTIMATED = 1.3
"""What an estimate may exceed the limit by; below it, the compiler's own cost counts."""


@known_keywords
def compile_onnx_model(
    model: OnnxModel,
    *calibration: ArrayLike,
    n_bits: NBits | Auto = "auto",
    rounding_bits: RoundingBits | Auto = "auto",
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
    n_bits : int, mapping or "auto", default="auto"
        Widths, for all (the last of several layers' weights then have a bit less), by role, or by
        role and layer: see `BitWidths`. "auto": 5, or by `max_gop`.
    rounding_bits : int, sequence of int, None or "auto", default="auto"
        Bits of an accumulator that a lookup looks at; they make the cost. A sequence has one number
        for every layer of lookups. None: all, which costs a hundred times more in most networks.
        "auto": 4, or by `max_gop`.
    exact_rounding : bool, default=False
        False: rounding may be off by one near ties, so that encrypted results differ a little from
        those in the clear. True: equal integers in all modes, at 2 to 3 times the cost.
    max_gop : float, optional
        Cost limit in Gop a sample. Those of the widths that are "auto" are then searched for the
        smallest error of the outputs on the calibration data within it; given ones stay fixed.
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
        No widths are within `max_gop`.
    InvalidGraphError, UnsupportedOperatorError, CalibrationError, BitWidthError, CompilationError

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from cml_sklearn import Ridge, compile_onnx_model
    >>> X, y = load_diabetes(return_X_y=True)
    >>> graph = Ridge().fit(X, y).onnx_model_
    >>> module = compile_onnx_model(graph, X, n_bits=8)
    >>> module.forward(X[:3], execute_in_fhe=True).shape
    (3, 1)
    """
    graph, options = NumpyModule(model), CircuitOptions(p_error, batch_size)
    quantized = _quantizer(graph, calibration, exact_rounding, clear_tail)
    if max_gop is None:
        module = quantized(*_chosen(n_bits, rounding_bits))
        module.compile(options)
        return module
    modules = tried_widths(
        quantized,
        TRIED_BITS if n_bits == "auto" else (n_bits,),
        TRIED_BITS if rounding_bits == "auto" else (rounding_bits,),
    )
    return _most_accurate(modules, graph, calibration, _checked_limit(max_gop), options)


@known_keywords
def compile_torch_model(
    module: torch.nn.Module,
    *calibration: ArrayLike,
    n_bits: NBits | Auto = "auto",
    rounding_bits: RoundingBits | Auto = "auto",
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
    InvalidInputError, CalibrationError, InvalidGraphError, UnsupportedOperatorError, BitWidthError,
    CompilationError

    Examples
    --------
    >>> import numpy as np
    >>> import torch
    >>> from cml_sklearn import compile_torch_model
    >>> layer = torch.nn.Linear(4, 2)
    >>> X = np.random.default_rng(0).normal(size=(100, 4))
    >>> module = compile_torch_model(layer, X, n_bits=8)
    >>> encrypted = module.forward(X[:3], execute_in_fhe=True)
    >>> bool((encrypted == module.forward(X[:3])).all())
    True
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


@known_keywords
def preflight(
    model: OnnxModel | torch.nn.Module,
    *calibration: ArrayLike,
    n_bits: NBits | Auto = "auto",
    rounding_bits: RoundingBits | Auto = "auto",
    exact_rounding: bool = False,
    p_error: float = DEFAULT_P_ERROR,
    clear_tail: ClearTailChoice = True,
) -> CostTable:
    """Estimate what every layer of a model costs, without compiling anything.

    Parameters
    ----------
    model : torch.nn.Module, path, bytes or onnx.ModelProto
    *calibration : array-like of shape (n_samples, ...)
    n_bits, rounding_bits, exact_rounding, p_error, clear_tail
        See `compile_onnx_model`.

    Returns
    -------
    CostTable
        Prints as a table. Layers have the names of the module's own submodules, or of the ONNX
        nodes; those that are missing have no lookups and cost next to nothing.

    Raises
    ------
    InvalidGraphError, UnsupportedOperatorError, CalibrationError, BitWidthError

    Examples
    --------
    >>> import numpy as np
    >>> import torch
    >>> from cml_sklearn import preflight
    >>> net = torch.nn.Sequential(torch.nn.Linear(4, 3), torch.nn.ReLU(), torch.nn.Linear(3, 1))
    >>> table = preflight(net, np.random.default_rng(0).normal(size=(100, 4)))
    >>> print(table)
    layer  lookups...
    """
    is_onnx = isinstance(model, str | Path | bytes) or hasattr(model, "SerializeToString")
    onnx_model = model if is_onnx else exported(cast("torch.nn.Module", model), calibration)
    graph = NumpyModule(cast("OnnxModel", onnx_model))
    quantized = _quantizer(graph, calibration, exact_rounding, clear_tail)
    table = quantized(*_chosen(n_bits, rounding_bits)).cost_by_layer(p_error)
    return table if is_onnx else table.renamed(_own_name)


def _chosen(n_bits: NBits | Auto, rounding_bits: RoundingBits | Auto) -> tuple[NBits, RoundingBits]:
    """Widths, with what "auto" is where there is no limit."""
    return (
        _N_BITS if n_bits == "auto" else n_bits,
        _ROUNDING_BITS if rounding_bits == "auto" else rounding_bits,
    )


def _quantizer(
    graph: NumpyModule,
    calibration: Sequence[ArrayLike],
    exact_rounding: bool,
    clear_tail: ClearTailChoice,
) -> Callable[[NBits, RoundingBits], QuantizedModule]:
    """Make what quantizes a graph in given widths."""

    def quantized(n_bits: NBits, rounding_bits: RoundingBits) -> QuantizedModule:
        quantization = PostTrainingAffineQuantization(
            n_bits,
            rounding_bits=rounding_bits,
            exact_rounding=exact_rounding,
            clear_tail=clear_tail,
            narrow_last=True,
        )
        return quantization.quantize_module(graph, *calibration)

    return quantized


def _most_accurate(
    modules: Iterable[QuantizedModule],
    graph: NumpyModule,
    calibration: Sequence[ArrayLike],
    max_gop: float,
    options: CircuitOptions,
) -> QuantizedModule:
    """Compile the module of the smallest error within a cost limit."""
    typed = typed_samples(graph.graph.inputs, [as_floats(x) for x in calibration])
    exact = _flat(with_free_batch(graph, typed)(*typed))
    errors, estimates, tried = [], [], []
    for module in modules:
        errors.append(output_error(_flat(module(*calibration)), exact))
        estimates.append(module.cost_by_layer(options.p_error).gop)
        tried.append(module)
    for place in np.argsort(errors, kind="stable"):
        estimate, module = estimates[place], tried[place]
        if estimate <= _ESTIMATED * max_gop:
            cost = module.compile(options).report.complexity or estimate
            if cost <= max_gop:
                return module
    raise InvalidInputError(
        f"No widths cost {max_gop} Gop or less; the cheapest cost about {min(estimates):.2g}. "
        'Raise max_gop, leave n_bits and rounding_bits to it ("auto"), or train fewer units; '
        "`preflight` tells what each layer costs."
    )


def _flat(outputs: Array | tuple[Array, ...]) -> FloatArray:
    """All outputs one after the other."""
    parts = outputs if isinstance(outputs, tuple) else (outputs,)
    return np.concatenate([np.ravel(part).astype(np.float64) for part in parts])


def _checked_limit(max_gop: float) -> float:
    """Refuse what is no cost."""
    is_number = isinstance(max_gop, Real) and not isinstance(max_gop, bool)
    if not (is_number and max_gop > 0):
        raise InvalidInputError(f"max_gop is {max_gop!r}; it must be a positive number, or None.")
    return float(max_gop)


def _own_name(source: str) -> str:
    """Name of the submodule that an operator comes from; its own where there is none."""
    name = source.partition("(node '")[2].removesuffix("')")
    return submodule_name(name) or source


def exported(module: torch.nn.Module, calibration: Sequence[ArrayLike]) -> onnx.ModelProto:
    """Export with two samples of each input.

    Integers become floats, as most modules take only these; where the module refuses them, as an
    embedding does, they stay integers.

    Raises
    ------
    InvalidInputError
        No torch module.
    CalibrationError
        No inputs, or no samples.
    """
    if not callable(getattr(module, "forward", None)):
        raise InvalidInputError(
            f"Got a {type(module).__name__}; give a torch.nn.Module. Models of scikit-learn have "
            "estimators of their own here, whose from_sklearn_model takes fitted ones."
        )
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
