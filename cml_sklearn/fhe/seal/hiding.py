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

_LIMB = 40
"""Bits that a float has with room for rounding."""


def random_beside(results: IntArray, n: int, modulus: int) -> IntArray:
    """Zeros at the places of results, elsewhere uniformly random integers below a modulus.

    Parameters
    ----------
    results : ndarray of int
        Places.
    n : int
        Number of places.
    modulus : int
        Of at most 62 bits.
    """
    integers = np.empty(0, dtype=np.int64)
    # what is not below the modulus is drawn again, so that none is favoured
    while len(integers) < n:
        drawn = _uniform(n, modulus.bit_length())
        integers = np.concatenate([integers, drawn[drawn < modulus]])
    integers = integers[:n]
    integers[results] = 0
    return integers


def flood(scheme: SealScheme, bits: int) -> Ciphertext:
    """Make a ciphertext of zero whose noise is uniform from -2**bits up to 2**bits."""
    n, whole = scheme.parameters.ring_dimension, bits + 1
    sizes = [min(_LIMB, whole - start) for start in range(0, whole, _LIMB)]
    limbs = [_uniform(n, size) for size in sizes]
    return scheme.trivial([_residues(limbs, 1 << bits, prime) for prime in scheme.primes])


def _uniform(n: int, bits: int) -> IntArray:
    """Random integers of some bits."""
    words = np.frombuffer(secrets.token_bytes(8 * n), dtype="<u8")
    return (words >> np.uint64(64 - bits)).astype(np.int64)


def _residues(limbs: list[IntArray], less: int, prime: int) -> IntArray:
    """Integers of limbs of 40 bits, less another one, modulo a prime of at most 60 bits."""
    total = np.full_like(limbs[0], -less % prime)
    for i, limb in enumerate(limbs):
        total = (total + _multiple(limb, (1 << _LIMB * i) % prime, prime)) % prime
    return total


def _multiple(limb: IntArray, factor: int, prime: int) -> IntArray:
    """Product modulo a prime: exact modulo 2**64, and the quotient is off by one at the most."""
    quotient = (limb * (factor / prime)).astype(np.int64)
    # what is beyond 64 bits is the same in both products
    return limb * np.int64(factor) - quotient * np.int64(prime)
