"""How a program is done under BFV: its arithmetic, and parameters with room for its noise."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import ceil, floor, log2

import numpy as np

from cml_sklearn.fhe.seal import noise as derived
from cml_sklearn.fhe.seal.bindings import EncryptionParameters
from cml_sklearn.fhe.seal.digits import Digits
from cml_sklearn.fhe.seal.factoring import affine_tape, factored
from cml_sklearn.fhe.seal.hiding import FLOOD_BITS
from cml_sklearn.fhe.seal.layouts import LEAST_BLOCK, Layouts, SlotLayout
from cml_sklearn.fhe.seal.noise import AffineNoise, Noise, ProductNoise
from cml_sklearn.fhe.seal.polynomial import affine_map, features_of, polynomial_of
from cml_sklearn.fhe.seal.products import has_products, product_tape
from cml_sklearn.fhe.seal.sums import UnsupportedProgramError
from cml_sklearn.fhe.seal.tape import Combination, Tape
from cml_sklearn.program.bounds import Bounds
from cml_sklearn.program.program import IntegerProgram

__all__ = ["Plan", "plan_digits", "plan_program"]

_SECURE_BITS = {4096: 109, 8192: 218, 16384: 438}
"""Largest coefficient modulus by ring dimension at 128 bits of security, as SEAL checks again
(HomomorphicEncryption.org's standard of 2018)."""

_PRODUCT_BITS = (
    (8192, (60, 60, 60)),
    (8192, (54, 54, 54, 56)),
    (16384, (60, 60, 60, 60, 60)),
    (16384, (60, 60, 60, 60, 60, 60)),
)
"""Ring dimension and bits of primes for circuits with products, the cheapest first. Smaller ones
would do for one level, but would leave no room to hide what an answer was made of."""

_MIN_PRIME_BITS, _MAX_PRIME_BITS = 30, 60
"""Smaller primes may lie far below their power of two, larger ones SEAL does not take."""
_SPARE_BITS = 1.0
"""Budget that must be left."""

_LEAST_HIDDEN_BITS = 30
"""Of programs with products of integers: the first parameters with room for their wide modulus hide
nothing."""


@dataclass(frozen=True)
class Plan:
    """What both halves are made of.

    Parameters
    ----------
    parameters : EncryptionParameters
    tape : Tape
        From columns of the inputs to the outputs.
    flood_bits : int
        Size of the noise that is added to answers.
    hidden_bits : float
        Bits by which it exceeds the bound of the noise that is there.
    budget : float
        Bits that are left at the worst.
    digits : Digits, optional
        Of whose bits the columns are, instead of those of the grid.
    """

    parameters: EncryptionParameters
    tape: Tape
    flood_bits: int
    hidden_bits: float
    budget: float
    digits: Digits | None = None

    @property
    def layouts(self) -> Layouts:
        """Layouts of batches."""
        is_affine = self.tape.n_products == 0
        return Layouts(self.parameters.ring_dimension, self.tape.n_inputs, is_affine, self.digits)


def plan_program(program: IntegerProgram, p_error: float) -> Plan:
    """Find the arithmetic of a program, and parameters for it.

    Raises
    ------
    UnsupportedProgramError
        Why there is none, in words that end a sentence.
    """
    span = _widest(program)
    if not program.output_bounds or not sum(b.low.size for b in program.input_bounds):
        raise UnsupportedProgramError("it has no inputs or no outputs")
    tape = _tape(program)
    # trees of one split have no products
    plans = _product_plans(tape, span, p_error) if tape.n_products else _affine_plans(tape, span)
    for plan in plans:
        if not has_products(program) or plan.hidden_bits >= _LEAST_HIDDEN_BITS:
            return plan
    raise UnsupportedProgramError(
        f"its answers have {span.bit_length()} bits, which are too many, or noise has no room"
    )


def _tape(program: IntegerProgram) -> Tape:
    """Arithmetic of a program."""
    if program.is_affine:
        return affine_tape(affine_map(program))
    return product_tape(program) if has_products(program) else factored(polynomial_of(program))


def plan_digits(program: IntegerProgram, plan: Plan, p_error: float) -> Plan | None:
    """Plan large batches of a program, which has a plan for bits, with features in two digits.

    None where that takes no fewer ciphertexts or a larger ring.
    """
    if not plan.tape.n_products or has_products(program):
        return None
    digits = Digits.of(features_of(program.input_bounds))
    if digits.n_columns >= plan.tape.n_inputs:
        return None
    tape = digits.tape(plan.tape)
    found = next(_product_plans(tape, _widest(program), p_error, digits), None)
    same_ring = found and found.parameters.ring_dimension == plan.parameters.ring_dimension
    return found if same_ring else None


def _widest(program: IntegerProgram) -> int:
    return max((_span(bounds) for bounds in program.output_bounds), default=0)


def _span(bounds: Bounds) -> int:
    """Most values of an output, beyond 64 bits if need be."""
    pairs = zip(bounds.low.ravel().tolist(), bounds.high.ravel().tolist(), strict=True)
    return max((high - low for low, high in pairs), default=0)


def _affine_plans(tape: Tape, span: int) -> Iterator[Plan]:
    """Plans with answers that are flooded in full, the cheapest first."""
    weights = max(
        (int(np.abs(op.weights).sum()) for op in tape.operations if isinstance(op, Combination)),
        default=0,
    )
    for n, secure in _SECURE_BITS.items():
        modulus = plain_modulus(n, span)
        special = 20 + n.bit_length() - 12
        special += special == modulus.bit_length()
        for half in range(max(modulus.bit_length() + 2, _MIN_PRIME_BITS), _MAX_PRIME_BITS + 1):
            bits = (half, half, special)
            if sum(bits) > secure:
                break
            parameters = EncryptionParameters(n, bits, modulus)
            algebra = AffineNoise(parameters)
            bound = weights * algebra.fresh + algebra.encoded
            plan = _hidden(tape, parameters, bound)
            if plan is not None and plan.hidden_bits >= FLOOD_BITS:
                yield plan


def _product_plans(
    tape: Tape, span: int, p_error: float, digits: Digits | None = None
) -> Iterator[Plan]:
    """Plans with as much flooding as there is room for, the cheapest first."""
    for n, bits in _PRODUCT_BITS:
        modulus = plain_modulus(n, span)
        if modulus.bit_length() in bits:
            continue
        parameters = EncryptionParameters(n, bits, modulus)
        algebra = ProductNoise(parameters, derived.n_random(tape, parameters), p_error)
        # bits of digits have ciphertexts of their own, which nothing rotates
        rotations = 0 if digits else SlotLayout(n, LEAST_BLOCK).blocks_a_row.bit_length()
        fresh = algebra.rotated(rotations)
        outputs: list[Noise] = tape.run(algebra, lambda _, fresh=fresh: fresh)  # type: ignore[misc]
        plan = _hidden(tape, parameters, max(outputs, key=lambda noise: noise.norm))
        if plan is not None:
            yield replace(plan, digits=digits)


def _hidden(tape: Tape, parameters: EncryptionParameters, outputs: Noise) -> Plan | None:
    """Plan with the most flooding, up to `FLOOD_BITS`; None if the noise has no room."""
    # what is added to hide: random integers beside the results, and zeros
    unit = derived.unit(parameters)
    bound = outputs.norm + unit * 0.5 + 2 * derived.worst_of_zero(parameters)
    room = 2.0 ** -(1 + _SPARE_BITS) - derived.switched(Noise(0.0), parameters).norm - bound
    if room <= 0:
        return None
    wanted = ceil(log2(bound / unit)) + FLOOD_BITS
    bits = max(min(floor(log2(room / unit)), wanted), 0)
    total = derived.switched(Noise(bound + unit * 2.0**bits), parameters)
    hidden = max(bits - log2(bound / unit), 0.0)
    return Plan(parameters, tape, bits, hidden, derived.budget_of(total))


def plain_modulus(n: int, span: int) -> int:
    """Find the least prime above a span that gives slots: one more than a multiple of 2n."""
    candidate = (max(span, 1) // (2 * n) + 1) * 2 * n + 1
    while not _is_prime(candidate):
        candidate += 2 * n
    return candidate


def _is_prime(number: int) -> bool:
    """Miller and Rabin's test with bases that decide all numbers below 2**64."""
    bases = (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37)
    if number in bases or any(number % base == 0 for base in bases):
        return number in bases
    odd, twos = number - 1, 0
    while odd % 2 == 0:
        odd, twos = odd // 2, twos + 1
    return all(_is_witness_of_prime(number, base, odd, twos) for base in bases)


def _is_witness_of_prime(number: int, base: int, odd: int, twos: int) -> bool:
    power = pow(base, odd, number)
    if power in (1, number - 1):
        return True
    return any((power := power * power % number) == number - 1 for _ in range(twos - 1))
