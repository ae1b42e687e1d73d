"""A quantized model: floats in, integers inside, floats out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from cml_sklearn._typing import FloatArray, IntArray
from cml_sklearn.config import AUTO, ExecutionMode, current_engine, resolve_mode
from cml_sklearn.exceptions import InvalidInputError
from cml_sklearn.fhe.circuit import FheCircuit
from cml_sklearn.fhe.costs import CostTable
from cml_sklearn.fhe.engines import Choice, choose_engine, lookup_costs
from cml_sklearn.fhe.protocol import DEFAULT_P_ERROR, AnyEngine, CircuitOptions
from cml_sklearn.keywords import known_keywords
from cml_sklearn.program.program import IntegerProgram
from cml_sklearn.quantization.clear_tail import ClearTail
from cml_sklearn.quantization.encoding import Encoder, as_floats
from cml_sklearn.quantization.postprocessing import Postprocessing
from cml_sklearn.quantization.storage import (
    Decoder,
    StoredModule,
    load_module,
    save_module,
)

if TYPE_CHECKING:
    from typing import Self

__all__ = ["QuantizedModule"]


_BLOCK = 2**15
"""Samples that are encoded at once: a grid has thousands of bits a sample."""


class QuantizedModule:
    """Quantizers, the integer program between them, and its FHE circuit.

    Parameters
    ----------
    program : IntegerProgram
    input_quantizers : tuple of Encoder
    output_scales : tuple of Decoder
    tail : ClearTail, optional
        What the client computes after decryption.
    postprocessing : mapping of str to Postprocessing, optional
        What the methods of an estimator make of the module's outputs, by name.

    Attributes
    ----------
    fhe_circuit : FheCircuit
        Compiled when first asked for.

    Examples
    --------
    >>> from sklearn.datasets import load_diabetes
    >>> from cml_sklearn import Ridge
    >>> X, y = load_diabetes(return_X_y=True)
    >>> module = Ridge(n_bits=6).fit(X, y).quantized_module_
    >>> codes, = module.quantize_input(X[:3])
    >>> int(codes.min()) >= 0, int(codes.max()) < 2**6
    (True, True)
    >>> encrypted = module.forward(X[:3], execute_in_fhe=True)
    >>> bool((encrypted == module.forward(X[:3])).all())
    True
    """

    def __init__(
        self,
        program: IntegerProgram,
        input_quantizers: tuple[Encoder, ...],
        output_scales: tuple[Decoder, ...],
        tail: ClearTail | None = None,
        postprocessing: Mapping[str, Postprocessing] | None = None,
    ) -> None:
        self.program = program
        self.input_quantizers = input_quantizers
        self.output_scales = output_scales
        self.tail = tail
        self.postprocessing = dict(postprocessing or {})
        self._forget_circuits()

    def _forget_circuits(self) -> None:
        """Be as if never compiled."""
        self._circuits: dict[str, FheCircuit] = {}
        self._preferred: str = AUTO
        self._lock = RLock()

    def __getstate__(self) -> dict[str, object]:
        """Leave the circuits out: they can't be pickled, and are compiled anew when needed."""
        left_out = ("_circuits", "_preferred", "_lock")
        return {name: value for name, value in vars(self).items() if name not in left_out}

    def __setstate__(self, state: dict[str, object]) -> None:
        """Read what `__getstate__` gave."""
        vars(self).update(state)
        self._forget_circuits()

    def __repr__(self) -> str:
        """Shapes of a sample's inputs and outputs as integers, and layers of lookups."""
        inputs, outputs = (
            ", ".join(str(bounds.shape) for bounds in side)
            for side in (self.program.input_bounds, self.program.output_bounds)
        )
        return f"QuantizedModule({inputs} -> {outputs}, n_lookups={self.program.n_lookups})"

    @known_keywords
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
        samples = [as_floats(x) for x in inputs]
        n_samples = max((len(x) for x in samples if x.ndim), default=0)
        blocks = [
            self.quantized_forward(
                *self.quantize_input(
                    *(x[start : start + _BLOCK] if x.ndim else x for x in samples)
                ),
                execute_in_fhe=execute_in_fhe,
            )
            for start in range(0, max(n_samples, 1), _BLOCK)
        ]
        outputs = (np.concatenate(parts) for parts in zip(*blocks, strict=True))
        floats = self.dequantize_output(*outputs)
        return floats[0] if len(floats) == 1 else floats

    __call__ = forward

    def quantize_input(self, *inputs: ArrayLike) -> tuple[IntArray, ...]:
        """Encode floats as the integers that get encrypted.

        Raises
        ------
        InvalidInputError
            A wrong number of inputs, a wrong shape, or values that have no codes.
        """
        if len(inputs) != len(self.input_quantizers):
            raise InvalidInputError(
                f"The module takes {len(self.input_quantizers)} input(s), but {len(inputs)} came."
            )
        floats = [as_floats(x) for x in inputs]
        pairs = list(zip(self.input_quantizers, floats, strict=True))
        for (encoder, x), bounds in zip(pairs, self.program.input_bounds, strict=True):
            wanted = encoder.sample_shape(bounds.shape)
            if x.shape[1:] != wanted:
                raise InvalidInputError(
                    f"X has shape {x.shape}; the model takes (n_samples, "
                    f"{', '.join(map(str, wanted))}): give the features that it was fitted on."
                )
        if any((np.isinf(x) | (np.isnan(x) & (not q.takes_missing))).any() for q, x in pairs):
            raise InvalidInputError(
                "An input holds NaN or infinity, which the training data did not: impute or remove "
                "such rows. Trees take NaN if they are fitted here on data with some."
            )
        return tuple(quantizer.quantize(x) for quantizer, x in pairs)

    def dequantize_output(self, *outputs: IntArray) -> tuple[FloatArray, ...]:
        """Decode the integers that came out, and compute the clear tail.

        Raises
        ------
        InvalidInputError
            A wrong number of outputs, or a wrong shape.
        """
        came = [np.shape(q)[1:] for q in outputs]
        wanted = [bounds.shape for bounds in self.program.output_bounds]
        if came != wanted:
            raise InvalidInputError(
                f"Samples of the outputs have the shapes {came}; the module gives {wanted}."
            )
        pairs = zip(self.output_scales, outputs, strict=True)
        values = tuple(scale.dequantize(q) for scale, q in pairs)
        return values if self.tail is None else self.tail(*values)

    @known_keywords
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
        self.program.check_inputs(inputs)
        if mode is False or not len(inputs[0]):
            return self.program(*inputs)
        circuit = self.circuit_in_force(n_samples=len(inputs[0]))
        return circuit.simulate(*inputs) if mode == "simulate" else circuit.execute(*inputs)

    def save(self, path: str | Path) -> None:
        """Write the module, without its circuit, to a file of plain data.

        Parameters
        ----------
        path : path
            Usually ends in ``.npz``.
        """
        scales, steps = self.output_scales, self.postprocessing
        save_module(
            path, StoredModule(self.program, self.input_quantizers, scales, self.tail, steps)
        )

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a module that `save` has written; it runs no code of the file.

        Raises
        ------
        InvalidInputError
            The file is missing or of another kind.
        """
        stored = load_module(path)
        return cls(
            stored.program, stored.encoders, stored.decoders, stored.tail, stored.postprocessing
        )

    @known_keywords
    def compile(
        self, options: CircuitOptions | None = None, *, engine: str | AnyEngine | None = None
    ) -> FheCircuit:
        """Compile the program to an FHE circuit, which replaces an earlier one of the engine.

        Parameters
        ----------
        options : CircuitOptions, optional
        engine : {"auto", "seal", "concrete", "concrete-numpy", "clear"} or Engine, optional
            None: as `cml_sklearn.config_context` says, else "auto", the cheapest.

        Raises
        ------
        BitWidthError
            An integer is too wide for the engine.
        CompilationError
            The engine refuses for another reason.
        """
        options = options or CircuitOptions()
        choice = choose_engine(self.program, engine, options.batch_size or 1)
        with self._lock:
            # an engine that only a context asked for is not kept beyond it
            by_context = engine is None and current_engine() != AUTO
            preferred = self._preferred if by_context else choice.engine.name
            circuit = self._compiled(choice, options)
            self._preferred = preferred
        return circuit

    def cost_by_layer(self, p_error: float = DEFAULT_P_ERROR) -> CostTable:
        """Estimate what every layer of lookups costs a sample, without compiling anything.

        Layers that are not in the table have no lookups, and cost next to nothing.

        Parameters
        ----------
        p_error : float
            Chance that one bootstrap decrypts wrong, on which the costs depend.

        Returns
        -------
        CostTable
            Prints as a table.

        Raises
        ------
        BitWidthError
            Products of encrypted tensors are too wide.
        """
        return CostTable(tuple(lookup_costs(self.program, p_error)))

    def circuit_in_force(
        self, options: CircuitOptions | None = None, *, n_samples: int = 1
    ) -> FheCircuit:
        """Circuit of the context's engine, else the one compiled last; compiled if there is none.

        Parameters
        ----------
        options : CircuitOptions, optional
            For a circuit that must be compiled; one of another `p_error` must be, anew. None: any
            circuit does.
        n_samples : int
            Samples at hand: what "auto" takes depends on it. What it took once, stays.
        """
        with self._lock:
            name = self._name_in_force
            if name in self._circuits:
                return self._with_p_error(self._circuits[name], options)
            choice = choose_engine(self.program, name, n_samples)
            if name == AUTO:
                self._preferred = choice.engine.name
            return self._known_or_compiled(choice, options)

    def circuit_of(
        self,
        engine: str | AnyEngine | None = None,
        options: CircuitOptions | None = None,
        *,
        n_samples: int = 1,
    ) -> FheCircuit:
        """Circuit of an engine, compiled if there is none; what predictions go through stays.

        Parameters
        ----------
        engine, options
            As in `compile`; options are for a circuit that must be compiled.
        n_samples : int
            Samples at hand: what "auto" takes depends on it.
        """
        with self._lock:
            choice = choose_engine(self.program, engine, n_samples)
            return self._known_or_compiled(choice, options)

    def _known_or_compiled(self, choice: Choice, options: CircuitOptions | None) -> FheCircuit:
        known = self._circuits.get(choice.engine.name)
        if known is None:
            return self._compiled(choice, options or CircuitOptions())
        return self._with_p_error(known, options)

    def _with_p_error(self, known: FheCircuit, options: CircuitOptions | None) -> FheCircuit:
        """Circuit itself, or where other errors are asked for, the same compiled anew for these."""
        if options is None or options.p_error == known.options.p_error:
            return known
        choice = Choice(known.engine, known.report.chosen)
        return self._compiled(choice, replace(known.options, p_error=options.p_error))

    def use_circuit(self, circuit: FheCircuit) -> None:
        """Take a circuit of the module's program that was compiled before."""
        with self._lock:
            self._circuits[circuit.engine.name] = circuit
            self._preferred = circuit.engine.name

    def _compiled(self, choice: Choice, options: CircuitOptions) -> FheCircuit:
        """Compile and keep a circuit."""
        circuit = FheCircuit(self.program, options, choice.engine, choice.reason)
        self._circuits[choice.engine.name] = circuit
        return circuit

    @property
    def fhe_circuit(self) -> FheCircuit:
        """The circuit; compiled with the defaults if `compile` was not called."""
        return self.circuit_in_force()

    @property
    def is_compiled(self) -> bool:
        """Whether there is a circuit already."""
        return self._name_in_force in self._circuits

    @property
    def _name_in_force(self) -> str:
        """Name of the engine that the context asks for, or of the last one."""
        choice = current_engine()
        return self._preferred if choice == AUTO else choice
