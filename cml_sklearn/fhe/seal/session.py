"""What a server does with ciphertexts and keys: arithmetic, turns of slots, answers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from cml_sklearn._typing import IntArray
from cml_sklearn.fhe.seal.bindings import Ciphertext, EncryptionParameters, SealKeys, scheme
from cml_sklearn.fhe.seal.hiding import flood, random_beside
from cml_sklearn.fhe.seal.layouts import CoefficientLayout, Layouts, Place, SlotLayout

__all__ = ["Blocks", "Session", "centred", "session_of"]


class Session:
    """A server's scheme and keys; an algebra of ciphertexts for `Tape.run`."""

    def __init__(
        self, parameters: EncryptionParameters, keys: SealKeys, rotations: Sequence[int] = ()
    ) -> None:
        self.scheme = scheme(parameters)
        self._encryptor, self._relinearization, self._galois = self.scheme.read_keys(
            keys, rotations
        )

    def read(self, data: bytes) -> Ciphertext:
        """Read a fresh ciphertext."""
        return self.scheme.read(data, len(self.scheme.primes))

    def zero(self) -> Ciphertext:
        """Encrypt a zero."""
        result = self.scheme.new()
        self._encryptor.encrypt_zero(result)
        return result

    def relinearize(self, value: Ciphertext) -> None:
        """Bring a product back to two polynomials."""
        if value.size() > 2:
            self.scheme.evaluator.relinearize_inplace(value, self._relinearization)

    def product(self, left: Ciphertext, right: Ciphertext) -> Ciphertext:
        """Multiply; the result is relinearized where it must be."""
        self.relinearize(left)
        self.relinearize(right)
        result = self.scheme.new()
        self.scheme.evaluator.multiply(left, right, result)
        return result

    def combine(self, values: list[Ciphertext], weights: IntArray, constant: int) -> Ciphertext:
        """Weigh and add; what has the same weight, but for the sign, is multiplied together.

        Negative weights are subtracted: a product with their complement modulo t, which SEAL takes
        for a large number, would make much more noise.
        """
        t = self.scheme.parameters.plain_modulus
        signs: dict[int, tuple[list[Ciphertext], list[Ciphertext]]] = {}
        for value, weight in zip(values, centred(weights, t).tolist(), strict=True):
            if weight:
                signs.setdefault(abs(weight), ([], []))[weight < 0].append(value)
        total = self._sum(self._multiple(w, plus, minus) for w, (plus, minus) in signs.items())
        if constant:
            self.scheme.evaluator.add_plain_inplace(total, self.scheme.constant(constant))
        return total

    def _sum(self, parts: Iterator[Ciphertext]) -> Ciphertext:
        """Add ciphertexts to the first of them; an encrypted zero if there are none."""
        total = next(parts, None)
        if total is None:
            return self.zero()
        for part in parts:
            self.scheme.evaluator.add_inplace(total, part)
        return total

    def _multiple(self, weight: int, plus: list[Ciphertext], minus: list[Ciphertext]) -> Ciphertext:
        """Multiply a difference by a positive integer."""
        part = self._difference(plus, minus)
        if weight > 1:
            self.scheme.evaluator.multiply_plain_inplace(part, self.scheme.constant(weight))
        return part

    def _difference(self, plus: list[Ciphertext], minus: list[Ciphertext]) -> Ciphertext:
        """Sum of some values minus that of others, as a new ciphertext."""
        evaluator, result = self.scheme.evaluator, self.scheme.new()
        evaluator.add_many(plus or minus, result)
        if not plus:
            evaluator.negate_inplace(result)
            return result
        for value in minus:
            evaluator.sub_inplace(result, value)
        return result

    def affine(
        self,
        inputs: list[Ciphertext],
        weights: list[IntArray],
        constant: int,
        layout: CoefficientLayout,
    ) -> Ciphertext:
        """Scalar products of samples in coefficients with an output's weights."""
        evaluator, products = self.scheme.evaluator, []
        for value, part in zip(inputs, weights, strict=True):
            nonzero = np.count_nonzero(part)
            if not nonzero:
                continue
            # a single coefficient above t/2 is taken for a large number, as in `combine`
            flip = nonzero == 1 and part.min() < 0
            product = self.scheme.new()
            plain = self.scheme.coefficients(-part if flip else part)
            evaluator.multiply_plain(value, plain, product)
            if flip:
                evaluator.negate_inplace(product)
            products.append(product)
        total = self._sum(iter(products))
        constants = np.zeros(layout.n, dtype=np.int64)
        constants[layout.results(layout.samples)] = constant
        evaluator.add_plain_inplace(total, self.scheme.coefficients(constants))
        return total

    def turned(self, value: Ciphertext, element: int) -> Ciphertext:
        """Apply an automorphism, which moves slots."""
        result = self.scheme.new()
        self.scheme.evaluator.apply_galois(value, element, self._galois, result)
        return result

    def hide(
        self, result: Ciphertext, places: IntArray, encode: Callable[[IntArray], Any], bits: int
    ) -> None:
        """Hide all of a ciphertext but the results.

        Parameters
        ----------
        result : Ciphertext
            Changed in place.
        places : ndarray of int
            Slots or coefficients of the results.
        encode : callable
            The scheme's way to encode these.
        bits : int
            Of the noise that is added.
        """
        parameters, evaluator = self.scheme.parameters, self.scheme.evaluator
        self.relinearize(result)
        beside = random_beside(places, parameters.ring_dimension, parameters.plain_modulus)
        evaluator.add_plain_inplace(result, encode(beside))
        evaluator.add_inplace(result, self.zero())
        evaluator.add_inplace(result, flood(self.scheme, bits))

    def write(self, result: Ciphertext) -> bytes:
        """Bytes of a result, as small as it gets."""
        while result.coeff_modulus_size() > 1:
            self.scheme.evaluator.mod_switch_to_next_inplace(result)
        return self.scheme.write(result)


class Blocks:
    """Columns of a batch in slots, each brought to the front where it shares a ciphertext.

    Parameters
    ----------
    session : Session
    layout : SlotLayout
    values : tuple of bytes
        Ciphertexts.
    columns : list of int
        Those that will be read.
    """

    def __init__(
        self, session: Session, layout: SlotLayout, values: tuple[bytes, ...], columns: list[int]
    ) -> None:
        self._session, self._layout, self._values = session, layout, values
        self._ways, self._elements = layout.ways(columns), layout.galois_elements
        self._known: dict[Place, Ciphertext] = {}

    def read(self, column: int) -> Ciphertext:
        """Ciphertext with a column in the first slots."""
        place = self._layout.place(column)
        if self._layout.columns == 1:
            return self._session.read(self._values[place.ciphertext])
        return self._at(place)

    def _at(self, place: Place) -> Ciphertext:
        """Turn; a way that several places share is gone once."""
        if place not in self._known:
            self._known[place] = self._turned(place)
        return self._known[place]

    def _turned(self, place: Place) -> Ciphertext:
        if not place.turns:
            return self._session.read(self._values[place.ciphertext])
        before = self._ways[place]
        turn = (place.turns ^ before.turns).bit_length() - 1
        return self._session.turned(self._at(before), self._elements[turn])


@lru_cache(maxsize=4)
def session_of(parameters: EncryptionParameters, keys: SealKeys, layouts: Layouts) -> Session:
    """Read the keys, once for batches that follow one another."""
    return Session(parameters, keys, layouts.galois_elements)


def centred(weights: IntArray, modulus: int) -> IntArray:
    """Weights of the least size that are the same modulo an odd number."""
    return (weights + modulus // 2) % modulus - modulus // 2
