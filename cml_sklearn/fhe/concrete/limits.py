"""Widths that Concrete can take, and its refusals in words."""

from __future__ import annotations

from collections import Counter

from cml_sklearn.exceptions import BitWidthError, CompilationError
from cml_sklearn.program.program import IntegerProgram, Width
from cml_sklearn.program.steps import Convolve, MatMul

__all__ = ["check_index", "check_size", "explained"]

MAX_LOOKUP_BITS = 16
MAX_ROUNDED_BITS = 20

MAX_WEIGHTS = 10_000_000
"""Of all layers: the compiler took a minute and 2 GB for 4 million, and more than in proportion."""


def check_size(program: IntegerProgram) -> None:
    """Refuse layers that the library would compile for many minutes, without a word.

    Raises
    ------
    CompilationError
        Names the layer with the most weights.
    """
    sizes: Counter[str] = Counter()
    for instruction in program.instructions:
        if isinstance(instruction.step, MatMul | Convolve):
            sizes[instruction.source] += instruction.step.weights.size
    if sizes.total() > MAX_WEIGHTS:
        source, size = sizes.most_common(1)[0]
        raise CompilationError(
            f"The layers have {sizes.total() / 1e6:.3g} million weights, of which {source} has "
            f"{size / 1e6:.3g} million; more than {MAX_WEIGHTS / 1e6:g} million would take the "
            "backend many minutes and many gigabytes to compile. Use fewer units."
        )


def check_index(width: Width) -> None:
    """Refuse an index of lookups that the library can't do before it is asked.

    Raises
    ------
    BitWidthError
    """
    source, bits, kept = width
    if kept is None:
        return
    described = f"The lookup after {source} has an index of {bits} bits"
    if kept > MAX_LOOKUP_BITS:
        raise BitWidthError(
            f"{described}; the backend takes at most {MAX_LOOKUP_BITS}. Lower n_bits (of inputs or "
            "weights), or set rounding_bits."
        )
    if bits > MAX_ROUNDED_BITS:
        raise BitWidthError(
            f"{described} before rounding; the backend writes a table of all of them out, of at "
            f"most {MAX_ROUNDED_BITS} bits. Lower n_bits (of inputs or weights)."
        )


def explained(program: IntegerProgram, error: RuntimeError, advice: str) -> Exception:
    """Turn the library's refusal into an error that names the widest operator, and what to do."""
    source, width, _ = max(program.widths(), key=lambda row: row.bits)
    if "NoParametersFound" in str(error):
        return BitWidthError(
            f"The backend found no secure parameters: {source} makes integers of {width} bits"
            f"{advice}"
        )
    return CompilationError(f"The backend could not compile the circuit: {error}")
