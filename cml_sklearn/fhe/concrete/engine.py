"""Compiling programs with concrete-python."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

from cml_sklearn._typing import IntArray
from cml_sklearn.exceptions import BitWidthError, InvalidInputError
from cml_sklearn.fhe.concrete.bindings import (
    compiling,
    delete_folder_of,
    load_concrete,
    no_artifacts,
    why_missing,
)
from cml_sklearn.fhe.concrete.circuit import BatchCircuit, ConcreteCircuit
from cml_sklearn.fhe.concrete.forest.lowering import lower_trees
from cml_sklearn.fhe.concrete.halves import (
    BatchKeys,
    ConcreteCiphertexts,
    ConcreteClient,
    ConcreteServer,
)
from cml_sklearn.fhe.concrete.limits import check_index, check_size, explained
from cml_sklearn.fhe.concrete.lookup_costs import lookup_costs
from cml_sklearn.fhe.concrete.selection import select_inputs
from cml_sklearn.fhe.concrete.substitutes import substitute
from cml_sklearn.fhe.concrete.traceable import representative_inputs, traceable
from cml_sklearn.fhe.concrete.tracing import tracing_operations
from cml_sklearn.fhe.protocol import CircuitOptions, Cost, LookupCost
from cml_sklearn.program.bounds import Bounds
from cml_sklearn.program.packing import pack_samples
from cml_sklearn.program.program import Instruction, IntegerProgram
from cml_sklearn.program.steps import Lookup, Trees

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
        # the library encrypts these by one bit, whatever their range
        if unused := program.unused_inputs:
            return f"no output comes from its input {unused[0]}: leave that out"
        return why_missing()

    def compile(self, program: IntegerProgram, options: CircuitOptions) -> ConcreteCircuit:
        """Compile for a batch, and where that costs no keys for single samples, too."""
        check_size(program)
        lowered = lower_trees(substitute(program), p_error=options.p_error)
        read, selection = select_inputs(lowered.program)
        return ConcreteCircuit(self._batches(read, options), selection, lowered.words, options)

    def load_client(self, folder: str | Path) -> ConcreteClient:
        """Read what `ConcreteClient.save` wrote."""
        return ConcreteClient.load(folder)

    def load_server(self, folder: str | Path) -> ConcreteServer:
        """Read what `ConcreteServer.save` wrote: code, so only from where it is trusted."""
        return ConcreteServer.load(folder)

    def read_ciphertexts(self, n_samples: int, parts: tuple[bytes, ...]) -> ConcreteCiphertexts:
        """Read a batch from the wire."""
        return ConcreteCiphertexts.of(n_samples, parts)

    def read_keys(self, parts: tuple[bytes, ...]) -> BatchKeys:
        """Read evaluation keys from the wire."""
        return BatchKeys.of(parts)

    def cost(self, program: IntegerProgram, n_samples: int) -> Cost:
        """Estimate by the number of inputs and lookups, by seconds of docs/guide/engines.md."""
        n_inputs = sum(b.low.size for b in program.input_bounds)
        if program.is_affine:
            return Cost(0.5 + 0.003 * n_samples, 4_000 * n_inputs * n_samples)
        lookups = sum(_estimated_lookups(i, b) for i, b in program.bounded_instructions)
        seconds = 10 + n_samples * (3e-4 * n_inputs + 8e-3 * lookups)
        return Cost(seconds, 150_000_000 + 20_000 * n_samples)

    def lookup_costs(self, program: IntegerProgram, p_error: float) -> list[LookupCost]:
        """Estimate the cost of every layer of lookups, without compiling: see `lookup_costs`."""
        return lookup_costs(program, p_error)

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
        function = traceable(program, names, tracing_operations())
        compiler = fhe.Compiler(function, dict.fromkeys(names, "encrypted"))
        inputset = [x if len(x) > 1 else x[0] for x in samples]
        try:
            with compiling():
                circuit = compiler.compile(
                    inputset, self._configuration(fhe, options), no_artifacts(function.__name__)
                )
        except RuntimeError as error:
            advice = "Lower n_bits (of inputs or weights), or allow a larger p_error."
            raise explained(program, error, f". {advice}") from error
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


_LEAVES_A_LOOKUP = 4
"""Of planned trees, on average."""


def _estimated_lookups(instruction: Instruction, bounds: Bounds) -> float:
    """Lookups that a step takes, without planning it."""
    step = instruction.step
    if isinstance(step, Trees):
        return float((step.bit < 0).sum()) / _LEAVES_A_LOOKUP
    return float(bounds.low.size) if isinstance(step, Lookup) else 0.0
