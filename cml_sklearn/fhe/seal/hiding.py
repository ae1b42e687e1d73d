"""What an answer must not tell: other slots, how a ciphertext was made, and its noise.

An answer holds more than the results. Slots and coefficients beside them keep partial results, the
noise is a sum of the client's own errors with the model's weights, and the second polynomial is
that of the client times these weights. So random integers go to the places beside the results,
a fresh encryption of zero to both polynomials, and uniform noise, much larger than the noise that
is there, on top.
"""

from __future__ import annotations

import secrets

import numpy as np

from cml_sklearn._typing import IntArray
from cml_sklearn.fhe.seal.bindings import Ciphertext, SealScheme

__all__ = ["FLOOD_BITS", "flood", "random_beside"]

FLOOD_BITS = 39
"""Bits by which added noise exceeds the bound of what it hides: the statistical distance between
answers of two models with equal results is below 2**-39 a coefficient."""

_WORD = 62


def random_beside(results: IntArray, n: int, modulus: int) -> IntArray:
    """Zeros at the places of results, elsewhere random integers below a modulus, uniform to 2**-20.

    Parameters
    ----------
    results : ndarray of int
        Places.
    n : int
        Number of places.
    modulus : int
        Below 2**44.
    """
    values = np.frombuffer(secrets.token_bytes(8 * n), dtype="<u8") % np.uint64(modulus)
    integers = values.astype(np.int64)
    integers[results] = 0
    return integers


def flood(scheme: SealScheme, bits: int) -> Ciphertext:
    """Make a ciphertext of zero whose noise is uniform from -2**bits up to 2**bits."""
    noise = _uniform(scheme.parameters.ring_dimension, bits + 1) - (1 << bits)
    return scheme.trivial([np.mod(noise, prime).astype(np.int64) for prime in scheme.primes])


def _uniform(n: int, bits: int) -> IntArray:
    """Random integers of some bits; Python's own where they need more than 62."""
    if bits > _WORD:
        high, low = _uniform(n, _WORD), _uniform(n, bits - _WORD)
        return (high.astype(object) << (bits - _WORD)) + low
    words = np.frombuffer(secrets.token_bytes(8 * n), dtype="<u8")
    return (words >> np.uint64(64 - bits)).astype(np.int64)
