"""Compiling programs with concrete-numpy, which runs on Python 3.10 only, without other libraries.

Trees are planned as for its successor, concrete-python, and what that one does wrong is left to
neither of them.
"""

from __future__ import annotations

from math import prod

from cml_sklearn.fhe.concrete.forest.lowering import lower_trees
from cml_sklearn.fhe.concrete.limits import check_index, explained
from cml_sklearn.fhe.concrete.substitutes import substitute
from cml_sklearn.fhe.concrete.traceable import representative_inputs, traceable
from cml_sklearn.fhe.concrete_numpy.bindings import compiling, is_installed, load_concrete_numpy
from cml_sklearn.fhe.concrete_numpy.circuit import ConcreteNumpyCircuit
from cml_sklearn.fhe.concrete_numpy.tracing import TRACING_OPERATIONS
from cml_sklearn.fhe.protocol import CircuitOptions, Cost
from cml_sklearn.program.program import IntegerProgram
from cml_sklearn.program.steps import Lookup, Maximum, Multiply, MultiplyMatrices, Trees

__all__ = ["ConcreteNumpyEngine"]

_REWRITTEN = (Maximum, Multiply, MultiplyMatrices, Trees)


class ConcreteNumpyEngine:
    """TFHE with one width for all integers of a circuit."""

    name = "concrete-numpy"

    def supports(self, program: IntegerProgram) -> str | None:
        """Say what is missing: the package, or a kind of step."""
        if not is_installed():
            return (
                "the package concrete-numpy is not installed; it needs an environment of its own "
                "with Python 3.10, where a saved module runs: see docs/guide/engines.md"
            )
        if len(program.outputs) > 1:
            return f"it has {len(program.outputs)} outputs, and circuits have one here"
        for instruction in program.instructions:
            step = instruction.step
            if isinstance(step, Lookup) and step.lsbs_to_remove:
                return f"the lookup after {instruction.source} rounds, which is not done here"
            if not isinstance(step, (*TRACING_OPERATIONS, *_REWRITTEN)):
                return f"{instruction.source} has a step, {type(step).__name__}, that is not known"
        return None

    def compile(self, program: IntegerProgram, options: CircuitOptions) -> ConcreteNumpyCircuit:
        """Compile for a batch; a single sample unless the options say otherwise."""
        lowered = lower_trees(substitute(program), p_error=options.p_error)
        for width in lowered.program.widths():
            check_index(width)
        size = options.batch_size or 1
        circuit = _compiled(lowered.program, size, options)
        n_lookups = _n_lookups(lowered.program)
        return ConcreteNumpyCircuit(circuit, size, n_lookups, lowered.words, options)

    def cost(self, program: IntegerProgram, n_samples: int) -> Cost:
        """Estimate from measured seconds (docs/guide/engines.md); "auto" never asks."""
        n_inputs = sum(b.low.size for b in program.input_bounds)
        keys = 0 if program.is_affine else 30
        return Cost(keys + 0.0015 * n_inputs * n_samples, 16_000 * n_inputs * n_samples)


def _compiled(program: IntegerProgram, size: int, options: CircuitOptions) -> object:
    """Let the library trace and compile a program."""
    library = load_concrete_numpy()
    names = [f"x{i}" for i in range(len(program.input_bounds))]
    configuration = library.Configuration(
        p_error=options.p_error, dump_artifacts_on_unexpected_failures=False
    )
    function = traceable(program, names, TRACING_OPERATIONS)
    compiler = library.Compiler(function, dict.fromkeys(names, "encrypted"))
    inputset = [x if len(x) > 1 else x[0] for x in representative_inputs(program, size)]
    try:
        with compiling():
            return compiler.compile(inputset, configuration)
    except RuntimeError as error:
        advice = "and all integers have that width. Lower n_bits (of inputs or weights)."
        raise explained(program, error, f", {advice}") from error


def _n_lookups(program: IntegerProgram) -> int:
    """Count the lookups of a sample."""
    pairs = program.bounded_instructions
    return sum(prod(bounds.shape) for i, bounds in pairs if isinstance(i.step, Lookup))
