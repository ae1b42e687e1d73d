"""Widths for a whole network, tried one after the other: what every search begins with."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import product
from typing import TypeVar

import numpy as np

from cml_sklearn._typing import FloatArray
from cml_sklearn.quantization.bit_widths import NBits, RoundingBits

__all__ = ["TRIED_BITS", "output_error", "tried_widths"]

Model = TypeVar("Model")

TRIED_BITS = (3, 4, 5, 6)
"""Widths of codes, and bits that lookups keep, that a search tries."""


def tried_widths(
    quantized: Callable[[NBits, RoundingBits], Model],
    n_bits: Sequence[NBits],
    rounding_bits: Sequence[RoundingBits],
) -> Iterator[Model]:
    """Quantize in every width of codes with every number of kept bits."""
    for bits, kept in product(n_bits, rounding_bits):
        yield quantized(bits, kept)


def output_error(outputs: FloatArray, exact: FloatArray) -> float:
    """Root mean square of what outputs differ from the float model's, over these's deviation."""
    difference = np.ravel(outputs) - np.ravel(exact)
    return float(np.sqrt(np.mean(difference**2)) / (np.std(exact) or 1.0))
