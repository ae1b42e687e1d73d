"""`n_bits` and `rounding_bits`: for a whole model, by role, or by layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from numbers import Integral

from cml_sklearn.exceptions import InvalidInputError
from cml_sklearn.keywords import did_you_mean

__all__ = [
    "MAX_BITS",
    "MIN_BITS",
    "BitWidths",
    "LayerWidths",
    "NBits",
    "NetworkWidths",
    "RoundingBits",
    "Widths",
    "check_layers",
    "checked_rounding",
    "last_narrower",
    "width_of",
]

MIN_BITS = 2
"""Narrowest codes."""

MAX_BITS = 16
"""Widest codes that are worth their cost; wider accumulators still come from these."""

NBits = int | Mapping[str, int | Sequence[int]]
"""Widths for all, or by role and layer."""

RoundingBits = int | Sequence[int] | None
"""Bits that lookups look at, in all layers of lookups or in each; None: all."""

Widths = int | tuple[int, ...]
"""One width for all layers, or one for each."""


@dataclass(frozen=True)
class LayerWidths:
    """Widths at one operator: of its weights, and of the codes that it has made of its input."""

    weights: int
    activations: int


@dataclass(frozen=True)
class BitWidths:
    """Widths by role.

    Parameters
    ----------
    inputs : int
        Codes of the encrypted inputs.
    weights : int or tuple of int
        Signed integers of the model's weights; a tuple has one width for each layer that has any.
    activations : int or tuple of int
        Codes between layers; a tuple has one width for each layer of lookups.
    outputs : int
        Codes of a result that needs a lookup of its own.
    """

    inputs: int
    weights: Widths
    activations: Widths
    outputs: int

    @classmethod
    def resolve(cls, n_bits: NBits) -> BitWidths:
        """Read an int (all roles), or a mapping from role to int or (by layer) sequence of int.

        In a mapping, `inputs` and `weights` must be there; `activations` defaults to `inputs`, and
        `outputs` to the larger of `activations` and 8.

        Raises
        ------
        InvalidInputError
            Not an integer, out of range, or a role that does not exist.
        """
        if isinstance(n_bits, Mapping):
            return cls._from_mapping(n_bits)
        n_bits = _checked("n_bits", n_bits)
        return cls(n_bits, n_bits, n_bits, max(n_bits, 8))

    @classmethod
    def _from_mapping(cls, n_bits: Mapping[str, int | Sequence[int]]) -> BitWidths:
        roles = [field.name for field in fields(cls)]
        unknown = sorted(set(n_bits) - set(roles), key=str)
        missing = [role for role in ("inputs", "weights") if role not in n_bits]
        if unknown or missing:
            raise InvalidInputError(
                f"n_bits came with roles {sorted(n_bits, key=str)}; the roles are {roles}, and "
                f"'inputs' and 'weights' must be given{did_you_mean(unknown, roles) or '.'} Give "
                "these, or one int for all."
            )
        inputs = _checked("n_bits['inputs']", n_bits["inputs"])
        weights = _checked_layers("n_bits['weights']", n_bits["weights"])
        activations = _checked_layers("n_bits['activations']", n_bits.get("activations", inputs))
        widest = max(8, *_as_tuple(activations))
        outputs = _checked("n_bits['outputs']", n_bits.get("outputs", widest))
        return cls(inputs, weights, activations, outputs)

    def narrow_last(self, n_weighted: int) -> BitWidths:
        """Widths of which the last of so many layers' weights have a bit less."""
        if isinstance(self.weights, tuple) or n_weighted < 2:
            return self
        return replace(self, weights=last_narrower(self.weights, n_weighted))

    def at(self, product: int, lookup: int) -> LayerWidths:
        """Widths after so many layers with weights, and so many layers of lookups."""
        return LayerWidths(width_of(self.weights, product), width_of(self.activations, lookup))


@dataclass(frozen=True)
class NetworkWidths:
    """Widths of a network's inputs and of every layer.

    Parameters
    ----------
    inputs : int
    weights : tuple of int
        By layer with weights.
    activations : tuple of int
        By layer of lookups.
    kept : tuple of int
        Bits that lookups look at, by layer of lookups.
    """

    inputs: int
    weights: tuple[int, ...]
    activations: tuple[int, ...]
    kept: tuple[int, ...]

    @property
    def n_bits(self) -> dict[str, int | Sequence[int]]:
        """The parameter of the estimators."""
        roles: dict[str, int | Sequence[int]] = {"inputs": self.inputs, "weights": self.weights}
        return roles | ({"activations": self.activations} if self.activations else {})


def last_narrower(width: int, n_weighted: int) -> tuple[int, ...]:
    """Widths of all layers' weights, of which the last have a bit less.

    They multiply what lookups give, and so raise the noise that lookups must stay below: a bit
    less saves a fifth of the cost, and the scores stay the same.
    """
    return (width,) * (n_weighted - 1) + (max(width - 1, MIN_BITS),)


def checked_rounding(rounding_bits: RoundingBits) -> Widths | None:
    """Refuse bits to keep that are not ints within the range of widths."""
    if rounding_bits is None:
        return None
    return _checked_layers("rounding_bits", rounding_bits, least=1)


def width_of(widths: Widths, layer: int) -> int:
    """Width of a layer; those beyond the last, which `check_layers` refuses, get its width."""
    return widths if isinstance(widths, int) else widths[min(layer, len(widths) - 1)]


def check_layers(name: str, widths: Widths | None, n_layers: int, kind: str) -> None:
    """Refuse widths by layer that are not one for each.

    Raises
    ------
    InvalidInputError
        Too many or too few.
    """
    if isinstance(widths, tuple) and len(widths) != n_layers:
        raise InvalidInputError(
            f"{name} has {len(widths)} widths; the model has {n_layers} layers {kind}. Give one "
            "width for each of these, or one int for all."
        )


def _checked_layers(name: str, value: object, least: int = MIN_BITS) -> Widths:
    """Integer, or a sequence of them, within the range of widths."""
    if isinstance(value, list | tuple) and value:
        return tuple(_checked(f"{name}[{i}]", width, least) for i, width in enumerate(value))
    return _checked(name, value, least, " or a sequence of such, one for each layer")


def _checked(name: str, value: object, least: int = MIN_BITS, otherwise: str = "") -> int:
    """Integer within the range of widths."""
    if isinstance(value, Integral) and not isinstance(value, bool):
        width = int(value)
        if least <= width <= MAX_BITS:
            return width
    raise InvalidInputError(
        f"{name} is {value!r}; it must be an int from {least} to {MAX_BITS}{otherwise}. "
        "8 loses little on most linear models, fewer bits are faster."
    )


def _as_tuple(widths: Widths) -> tuple[int, ...]:
    """Widths that occur."""
    return widths if isinstance(widths, tuple) else (widths,)
