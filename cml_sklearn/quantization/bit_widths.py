"""`n_bits`, for a whole model or by role."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from numbers import Integral
from typing import Any

from cml_sklearn.exceptions import InvalidInputError

__all__ = ["MAX_BITS", "BitWidths"]

MAX_BITS = 16
"""Widest codes that are worth their cost; wider accumulators still come from these."""


@dataclass(frozen=True)
class BitWidths:
    """Widths by role.

    Parameters
    ----------
    inputs : int
        Codes of the encrypted inputs.
    weights : int
        Signed integers of the model's weights.
    activations : int
        Codes between layers.
    outputs : int
        Codes of a result that needs a lookup of its own.
    """

    inputs: int
    weights: int
    activations: int
    outputs: int

    @classmethod
    def resolve(cls, n_bits: int | Mapping[str, int]) -> BitWidths:
        """Read an int (all roles), or a mapping from role to int.

        In a mapping, `inputs` and `weights` must be there; `activations` defaults to `inputs`, and
        `outputs` to the larger of `activations` and 8.

        Raises
        ------
        InvalidInputError
            Not an integer, out of range, or a role that does not exist.
        """
        if isinstance(n_bits, Mapping):
            return cls._from_mapping(dict(n_bits))
        n_bits = _checked("n_bits", n_bits)
        return cls(n_bits, n_bits, n_bits, max(n_bits, 8))

    @classmethod
    def _from_mapping(cls, n_bits: dict[str, Any]) -> BitWidths:
        roles = [field.name for field in fields(cls)]
        unknown = sorted(set(n_bits) - set(roles))
        missing = [role for role in ("inputs", "weights") if role not in n_bits]
        if unknown or missing:
            raise InvalidInputError(
                f"n_bits came with roles {sorted(n_bits)}; the roles are {roles}, and 'inputs' and "
                "'weights' must be given. Give these, or one int for all."
            )
        n_bits.setdefault("activations", n_bits["inputs"])
        n_bits.setdefault("outputs", max(n_bits["activations"], 8))
        return cls(**{role: _checked(f"n_bits[{role!r}]", n_bits[role]) for role in roles})


def _checked(name: str, value: Any) -> int:
    """Integer within the range of widths."""
    is_int = isinstance(value, Integral) and not isinstance(value, bool)
    if not is_int or not 2 <= int(value) <= MAX_BITS:
        raise InvalidInputError(
            f"{name} is {value!r}; it must be an int from 2 to {MAX_BITS}. "
            "8 loses little on most linear models, fewer bits are faster."
        )
    return int(value)
