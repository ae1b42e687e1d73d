"""Widths that Concrete can take, and its refusals in words."""

from __future__ import annotations

from collections.abc import Sequence

from cml_sklearn.exceptions import BitWidthError, CompilationError
from cml_sklearn.fhe.protocol import LookupCost
from cml_sklearn.program.program import IntegerProgram, Width

__all__ = ["check_index", "check_size", "explained"]

MAX_LOOKUP_BITS = 16
MAX_ROUNDED_BITS = 20

MAX_TABLE_ENTRIES = 20_000_000
"""Entries of all different tables together, written out for every value of an index.

Two hidden layers of 512 units have 22 million: the compiler was not done with them after 400 s.
"""


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


def check_size(costs: Sequence[LookupCost]) -> None:
    """Refuse lookups whose tables the compiler would write out for minutes, without a word.

    Raises
    ------
    CompilationError
        The message names the layer of the largest tables.
    """
    n_entries = sum(cost.table_entries for cost in costs)
    if n_entries <= MAX_TABLE_ENTRIES:
        return
    largest = max(costs, key=lambda cost: cost.table_entries)
    gop = sum(cost.gop for cost in costs)
    raise CompilationError(
        f"The {largest.n_lookups} lookups after {largest.source} have tables of "
        f"{largest.table_entries / 1e6:.0f} million entries ({largest.index_bits} bits an index), "
        f"all layers {n_entries / 1e6:.0f} million; at most {MAX_TABLE_ENTRIES / 1e6:.0f} million "
        f"are compiled, more take too much time and memory. A sample would cost about {gop:.3g} "
        "Gop. Use fewer units, or lower n_bits for narrower indices."
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
