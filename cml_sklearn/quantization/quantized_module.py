"""A quantized model: floats in, integers inside, floats out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, Self

import numpy as np
from numpy.typing import ArrayLike

from cml_sklearn.config import ExecutionMode, resolve_mode
from cml_sklearn.exceptions import InvalidInputError
from cml_sklearn.fhe.backend import Backend, CircuitOptions
from cml_sklearn.fhe.circuit import FheCircuit
from cml_sklearn.fhe.primitives import IntArray
from cml_sklearn.quantization.clear_tail import ClearTail
from cml_sklearn.quantization.postprocessing import Postprocessing
from cml_sklearn.quantization.program import IntegerProgram
from cml_sklearn.quantization.quantizers import FloatArray, Quantizer
from cml_sklearn.quantization.storage import read, stored, write

__all__ = ["OutputDecoder", "OutputScale", "QuantizedModule"]


class OutputDecoder(Protocol):
    """What the client needs to read an output."""

    def dequantize(self, values: IntArray) -> FloatArray:
        """Floats of integers of shape (n_samples, ...)."""
        ...


@stored
@dataclass(frozen=True)
class OutputScale:
    """An affine output: ``value = scale * (q - zero_point) + offset``."""

    scale: FloatArray
    zero_point: int
    offset: FloatArray

    def dequantize(self, values: IntArray) -> FloatArray:
        """Floats of integers of shape (n_samples, ...)."""
        return self.scale * (values - self.zero_point) + self.offset


class QuantizedModule:
    """Quantizers, the integer program between them, and its FHE circuit.

    Parameters
    ----------
    program : IntegerProgram
    input_quantizers : tuple of Quantizer
    output_scales : tuple of OutputDecoder
    tail : ClearTail, optional
        What the client computes after decryption.
    postprocessing : mapping of str to Postprocessing, optional
        What the methods of an estimator make of the module's outputs, by name.

    Attributes
    ----------
    fhe_circuit : FheCircuit
        Compiled when first asked for.
    """

    def __init__(
        self,
        program: IntegerProgram,
        input_quantizers: tuple[Quantizer, ...],
        output_scales: tuple[OutputDecoder, ...],
        tail: ClearTail | None = None,
        postprocessing: Mapping[str, Postprocessing] | None = None,
    ) -> None:
        self.program = program
        self.input_quantizers = input_quantizers
        self.output_scales = output_scales
        self.tail = tail
        self.postprocessing = dict(postprocessing or {})
        self._circuit: FheCircuit | None = None

    def __getstate__(self) -> dict[str, Any]:
        """Leave the circuit out: it can't be pickled, and is compiled anew when needed."""
        return {**self.__dict__, "_circuit": None}

    def forward(
        self, *inputs: ArrayLike, execute_in_fhe: ExecutionMode | None = None
    ) -> FloatArray | tuple[FloatArray, ...]:
        """Predict floats from floats.

        Parameters
        ----------
        *inputs : array-like of shape (n_samples, ...)
        execute_in_fhe : bool or "simulate", default=None
            False: integers in the clear; True: encrypted; "simulate": by the backend's simulation;
            None: as `cml_sklearn.config_context` says, else in the clear.

        Returns
        -------
        ndarray of shape (n_samples, ...), or a tuple of them where the model has several outputs
        """
        outputs = self.quantized_forward(
            *self.quantize_input(*inputs), execute_in_fhe=execute_in_fhe
        )
        floats = self.dequantize_output(*outputs)
        return floats[0] if len(floats) == 1 else floats

    __call__ = forward

    def quantize_input(self, *inputs: ArrayLike) -> tuple[IntArray, ...]:
        """Encode floats as the integers that get encrypted."""
        if len(inputs) != len(self.input_quantizers):
            raise InvalidInputError(
                f"The module takes {len(self.input_quantizers)} input(s), but {len(inputs)} came."
            )
        floats = [np.asarray(x, dtype=np.float64) for x in inputs]
        pairs = list(zip(self.input_quantizers, floats, strict=True))
        if any((np.isinf(x) | (np.isnan(x) & (not q.takes_missing))).any() for q, x in pairs):
            raise InvalidInputError(
                "An input holds NaN or infinity, which have no codes; impute or remove such rows."
            )
        return tuple(quantizer.quantize(x) for quantizer, x in pairs)

    def dequantize_output(self, *outputs: IntArray) -> tuple[FloatArray, ...]:
        """Decode the integers that came out, and compute the clear tail."""
        pairs = zip(self.output_scales, outputs, strict=True)
        values = tuple(scale.dequantize(q) for scale, q in pairs)
        return values if self.tail is None else self.tail(*values)

    def quantized_forward(
        self, *inputs: IntArray, execute_in_fhe: ExecutionMode | None = None
    ) -> tuple[IntArray, ...]:
        """Map integers to integers, in any of the three modes.

        Raises
        ------
        InvalidInputError
            Integers outside the range that the circuit was made for, or of a wrong shape.
        """
        mode = resolve_mode(execute_in_fhe)
        self._check(inputs)
        if mode is False or not len(inputs[0]):
            return self.program(*inputs)
        if mode == "simulate":
            return self.fhe_circuit.simulate(*inputs)
        return self.fhe_circuit.execute(*inputs)

    def save(self, path: str | Path) -> None:
        """Write the module, without its circuit, to a file of plain data.

        Parameters
        ----------
        path : path
            Usually ends in ``.npz``.
        """
        scales, steps = self.output_scales, self.postprocessing
        write(path, (self.program, self.input_quantizers, scales, self.tail, steps))

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a module that `save` has written; it runs no code of the file.

        Raises
        ------
        InvalidInputError
            The file is missing or of another kind.
        """
        return cls(*read(path))

    def compile(
        self, options: CircuitOptions | None = None, *, backend: Backend | None = None
    ) -> FheCircuit:
        """Compile the program to an FHE circuit, which replaces an earlier one.

        Raises
        ------
        BitWidthError
            An integer is too wide for the backend.
        CompilationError
            The backend refuses for another reason.
        """
        self._circuit = FheCircuit(self.program, options or CircuitOptions(), backend)
        return self._circuit

    @property
    def fhe_circuit(self) -> FheCircuit:
        """The circuit; compiled with the defaults if `compile` was not called."""
        return self._circuit or self.compile()

    @property
    def is_compiled(self) -> bool:
        """Whether there is a circuit already."""
        return self._circuit is not None

    def _check(self, inputs: tuple[IntArray, ...]) -> None:
        """Refuse what the circuit would answer silently wrong."""
        for i, (x, bounds) in enumerate(zip(inputs, self.program.input_bounds, strict=True)):
            if x.shape[1:] != bounds.shape:
                raise InvalidInputError(
                    f"Input {i} has shape {x.shape}; the module takes (n_samples, *{bounds.shape})."
                )
            if len(x) and ((x.min(0) < bounds.low) | (x.max(0) > bounds.high)).any():
                raise InvalidInputError(
                    f"Input {i} has integers outside the range it was quantized for "
                    f"({bounds.low.min()} to {bounds.high.max()}); encode with quantize_input."
                )
