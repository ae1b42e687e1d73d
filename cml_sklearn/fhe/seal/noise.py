"""How large the noise of a circuit can get: derived, never measured.

A ciphertext (c0, c1) of m under s has the noise v, with ``t/q (c0 + c1 s) = m + v + t k`` for
integer polynomials m and k; it decrypts right if no coefficient of v reaches 1/2 (SEAL's manual;
Fan and Vercauteren 2012). What the operations make of v is exact algebra; sizes are followed in two
norms: the root of the sum of squared coefficients, which no coefficient exceeds, and the largest of
the values at the 2n-th roots of unity (canonical embedding), for which
``|a b|_2 <= |a|_2 |b|_max`` and ``|a b|_max <= |a|_max |b|_max`` hold for any a and b, however they
depend on each other (Gentry, Halevi, Smart 2012; Costache, Smart 2016).

Randomness enters in four places only: the secret key, encryption's errors, errors of keys, and the
polynomials of ciphertexts, which are uniform modulo q as far as encryption is secure. All of
their coefficients are independent and sub-Gaussian with their own variance, so that the value at a
root exceeds ``d sqrt(n variance)`` with a chance of at most ``8 exp(-0.85 d^2)``; `_deviations`
makes d large enough for all roots of all polynomials together. Affine circuits need none of this:
their bound holds always, since SEAL's errors are at most 21.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import log, log2, sqrt

from cml_sklearn._typing import IntArray
from cml_sklearn.fhe.seal.bindings import EncryptionParameters
from cml_sklearn.fhe.seal.tape import Tape

__all__ = ["AffineNoise", "Noise", "ProductNoise", "budget_of", "switched"]

ERROR = 21
"""Largest coefficient of SEAL's errors: the difference of the ones among 21 bits and 21 others."""

_ERROR_VARIANCE = ERROR / 2
_KEY_VARIANCE = 2 / 3
_UNIFORM_VARIANCE = 1 / 12
_DIRECTIONS, _EXPONENT = 8, 0.85
"""A complex number of size r has a part of at least 0.92 r along one of eight directions."""

_ERROR_NORM = 1.5
"""Factor over the expected 2-norm of an error that Bernstein's inequality leaves below 2**-200."""


@dataclass(frozen=True)
class Noise:
    """Bounds of a ciphertext's noise.

    Attributes
    ----------
    norm : float
        Of the root of the sum of squares, or (affine circuits) of the largest coefficient.
    largest : float
        Of the values at the roots of unity; not used in affine circuits.
    """

    norm: float
    largest: float = 0.0

    def __add__(self, other: Noise) -> Noise:
        """Noise of a sum."""
        return Noise(self.norm + other.norm, self.largest + other.largest)

    def __rmul__(self, factor: float) -> Noise:
        """Noise of a multiple."""
        return Noise(factor * self.norm, factor * self.largest)


def budget_of(noise: Noise) -> float:
    """Bits that the noise may still grow by; below 0 an answer may be wrong."""
    return -log2(2 * noise.norm)


def unit(parameters: EncryptionParameters) -> float:
    """Noise of an error of 1 in the lowest bit of a ciphertext: t/q, from below q."""
    bits = sum(parameters.prime_bits[:-1])
    # primes of b bits lie above 2**(b - 1), SEAL's closely below 2**b
    return parameters.plain_modulus / 2.0 ** (bits - 0.01)


class AffineNoise:
    """Largest coefficients: nothing is left to chance."""

    def __init__(self, parameters: EncryptionParameters) -> None:
        self._unit = unit(parameters)

    @property
    def fresh(self) -> Noise:
        """Noise of a new ciphertext: its error, and the rounding of the encoded integers."""
        return Noise((ERROR + 0.5) * self._unit)

    @property
    def encoded(self) -> Noise:
        """Noise of an encoded constant."""
        return Noise(0.5 * self._unit)


class ProductNoise:
    """Norms of circuits that multiply ciphertexts.

    Parameters
    ----------
    parameters : EncryptionParameters
    n_polynomials : int
        Random polynomials that the circuit may hold.
    p_error : float
        Chance that any of the norms is exceeded.
    """

    def __init__(
        self, parameters: EncryptionParameters, n_polynomials: int, p_error: float
    ) -> None:
        n, self._n_primes = parameters.ring_dimension, parameters.n_primes
        self._n, self._unit = n, unit(parameters)
        self._d = _deviations(n * n_polynomials, p_error)
        self._special = 2.0 ** (max(parameters.prime_bits[:-1]) - parameters.prime_bits[-1] + 0.01)
        key = self._d * sqrt(_KEY_VARIANCE * n)
        uniform = self._d * sqrt(_UNIFORM_VARIANCE * n)
        # t/q times a ciphertext, decrypted: its polynomials are uniform below q
        self._phase = parameters.plain_modulus * uniform * (1 + key) * (1 + 2.0**-20)
        # the rounding of a product is off by the number of primes, at each of its polynomials
        rounding = (self._n_primes + 1) * (1 + key + key**2)
        self._rounding = rounding * self._unit * Noise(n, n)
        self._rounding_of_switch = 0.5 * (1 + key) * self._unit * Noise(sqrt(n), n)

    @property
    def fresh(self) -> Noise:
        """Noise of a new ciphertext."""
        n = self._n
        error = Noise(
            _ERROR_NORM * sqrt(_ERROR_VARIANCE * n) + 0.5 * sqrt(n),
            self._d * sqrt(_ERROR_VARIANCE * n) + 0.5 * n,
        )
        return self._unit * error

    @property
    def switched_key(self) -> Noise:
        """What relinearization or a rotation adds: errors of keys times parts of the ciphertext."""
        n, d = self._n, self._d
        part, error = Noise(sqrt(n), n), d * sqrt(_ERROR_VARIANCE * n)
        return self._n_primes * self._special * error * self._unit * part + self._rounding_of_switch

    def rotated(self, times: int) -> Noise:
        """Noise of a new ciphertext after some rotations, which keep both norms."""
        return self.fresh + times * self.switched_key

    def product(self, left: Noise, right: Noise) -> Noise:
        """Noise of a product, with the relinearization that follows somewhere."""
        sum_ = self._phase * (left + right)
        both = Noise(left.norm * right.largest, left.largest * right.largest)
        return sum_ + both + self._rounding + self.switched_key

    def combine(self, values: list[Noise], weights: IntArray, constant: int) -> Noise:
        """Noise of a sum of multiples, and of an encoded constant."""
        return _combined(values, weights, 0.5 * self._unit * Noise(1, 1))


def _combined(values: list[Noise], weights: IntArray, encoded: Noise) -> Noise:
    total = encoded
    for value, weight in zip(values, weights.tolist(), strict=True):
        total = total + abs(weight) * value
    return total


def switched(noise: Noise, parameters: EncryptionParameters) -> Noise:
    """Noise after switching to the first prime: what rounding adds, for any secret key."""
    n, t = parameters.ring_dimension, parameters.plain_modulus
    rounding = t / 2.0 ** (parameters.prime_bits[0] - 0.01) * 0.5 * (1 + n)
    return noise + Noise(rounding * max(parameters.n_primes - 1, 0))


def worst_of_zero(parameters: EncryptionParameters) -> float:
    """Largest coefficient of the noise of a zero that is encrypted with the public key."""
    n = parameters.ring_dimension
    errors = ERROR * (2 * n + 1) / 2.0 ** (parameters.prime_bits[-1] - 1)
    return unit(parameters) * (errors + 0.5 * (1 + n))


def n_random(tape: Tape, parameters: EncryptionParameters) -> int:
    """Random polynomials: errors and both halves of ciphertexts, keys with their errors."""
    n_values = tape.n_inputs + len(tape.operations)
    return 3 * n_values + 64 * (parameters.n_primes + 1)


def _deviations(n_values: int, p_error: float) -> float:
    """Find how many standard deviations none of some values exceeds, but for `p_error`."""
    return sqrt((log(_DIRECTIONS) + log(n_values) - log(p_error)) / _EXPONENT)
