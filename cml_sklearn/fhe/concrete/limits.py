"""Widths that Concrete can take, and its refusals in words."""

from __future__ import annotations

from cml_sklearn.exceptions import BitWidthError, CompilationError
from cml_sklearn.program.program import IntegerProgram, Width

__all__ = ["check_index", "explained"]

MAX_LOOKUP_BITS = 16
MAX_ROUNDED_BITS = 20


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
