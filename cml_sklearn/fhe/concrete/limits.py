"""Widths that Concrete's lookups can take."""

from __future__ import annotations

from cml_sklearn.exceptions import BitWidthError
from cml_sklearn.program.program import Width

__all__ = ["check_index"]

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
