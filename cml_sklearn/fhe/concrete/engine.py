"""Compiling programs with concrete-python."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from cml_sklearn._typing import IntArray
from cml_sklearn.exceptions import BitWidthError, CompilationError, InvalidInputError
from cml_sklearn.fhe.concrete.bindings import compiling, delete_folder_of, load_concrete
from cml_sklearn.fhe.concrete.circuit import BatchCircuit, ConcreteCircuit
from cml_sklearn.fhe.concrete.forest.lowering import lower_trees
from cml_sklearn.fhe.concrete.limits import check_index
from cml_sklearn.fhe.concrete.selection import select_inputs
from cml_sklearn.fhe.concrete.substitutes import substitute
from cml_sklearn.fhe.concrete.traceable import representative_inputs, traceable
from cml_sklearn.fhe.concrete.tracing import tracing_operations
from cml_sklearn.fhe.protocol import CircuitOptions
from cml_sklearn.program.packing import pack_samples
from cml_sklearn.program.program import IntegerProgram

__all__ = ["ConcreteEngine"]

_AFFINE_BATCH = 24

_PACKED_BITS = 42
"""Width of packed results. Wider ones need ciphertexts so large that fewer of them save nothing."""

_STRATEGIES = ("multi", "mono")


class ConcreteEngine:
    """TFHE: lookups of any function, in circuits of fixed batch size.

    Parameters
    ----------
    parameters : {"multi", "mono"}
        One crypto-parameter set for each precision, or one for the whole circuit.
    """

    name = "concrete"

    def __init__(self, parameters: str = "multi") -> None:
        if parameters not in _STRATEGIES:
            raise InvalidInputError(f'parameters is {parameters!r}; it must be "multi" or "mono".')
        self.parameters = parameters

    def supports(self, program: IntegerProgram) -> str | None:
        """Every step has its counterpart; what is too wide shows in `compile`."""
        del program
        return None

    def compile(self, program: IntegerProgram, options: CircuitOptions) -> ConcreteCircuit:
        """Compile for a batch, and where that costs no keys for single samples, too."""
        lowered = lower_trees(substitute(program), p_error=options.p_error)
        read, selection = select_inputs(lowered.program)
        return ConcreteCircuit(self._batches(read, options), selection, lowered.words, options)

    def _batches(self, program: IntegerProgram, options: CircuitOptions) -> list[BatchCircuit]:
        """Circuits of a program of lookups, the one for the largest batch first."""
        if not program.is_affine:
            for width in program.widths():
                check_index(width)
            return [self._plain(program, options.batch_size or 1, options)]
        size = options.batch_size or _AFFINE_BATCH
        single = [self._plain(program, 1, options)] if size > 1 else []
        return [self._packed(program, size, options), *single]

    def _packed(self, program: IntegerProgram, size: int, options: CircuitOptions) -> BatchCircuit:
        """Several samples share a ciphertext, where that is possible."""
        packed, packing = pack_samples(program, size, _PACKED_BITS)
        if packing.n_packed > 1:
            try:
                samples = [tuple(packing.pack(*x)) for x in representative_inputs(program, size)]
                return BatchCircuit(self._compiled(packed, samples, options), size, packing)
            except BitWidthError:
                pass  # large weights leave the noise no room beside several samples
        return self._plain(program, size, options)

    def _plain(self, program: IntegerProgram, size: int, options: CircuitOptions) -> BatchCircuit:
        samples = representative_inputs(program, size)
        return BatchCircuit(self._compiled(program, samples, options), size)

    def _compiled(
        self, program: IntegerProgram, samples: list[tuple[IntArray, ...]], options: CircuitOptions
    ) -> Any:
        """Let the library trace and compile a program."""
        fhe = load_concrete()
        names = [f"x{i}" for i in range(len(program.input_bounds))]
        compiler = fhe.Compiler(
            traceable(program, names, tracing_operations()), dict.fromkeys(names, "encrypted")
        )
        inputset = [x if len(x) > 1 else x[0] for x in samples]
        try:
            with compiling():
                circuit = compiler.compile(inputset, self._configuration(fhe, options))
        except RuntimeError as error:
            raise _explain(program, error) from error
        delete_folder_of(circuit.server)
        return circuit

    def _configuration(self, fhe: ModuleType, options: CircuitOptions) -> Any:
        """Make settings; the library's default security, 128 bits, is what the report says."""
        return fhe.Configuration(
            p_error=options.p_error,
            parameter_selection_strategy=self.parameters,
            compress_input_ciphertexts=True,
            dump_artifacts_on_unexpected_failures=False,
        )


def _explain(program: IntegerProgram, error: RuntimeError) -> Exception:
    """Turn the library's refusal into an error that names the widest operator."""
    source, width, _ = max(program.widths(), key=lambda row: row.bits)
    if "NoParametersFound" in str(error):
        return BitWidthError(
            f"The backend found no secure parameters: {source} makes integers of {width} bits. "
            "Lower n_bits (of inputs or weights), or allow a larger p_error."
        )
    return CompilationError(f"The backend could not compile the circuit: {error}")
