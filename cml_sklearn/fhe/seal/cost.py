"""Seconds and bytes of batches, from a plan's counts and measured times of SEAL's operations.

Times were measured by ``python -m benchmarks seal-costs`` on one core of an x86 server; on other
machines all change by about the same factor, so that choices stay.
"""

from __future__ import annotations

from dataclasses import dataclass

from cml_sklearn.fhe.seal.layouts import LEAST_BLOCK, Batches, CoefficientLayout, SlotLayout
from cml_sklearn.fhe.seal.plan import Plan
from cml_sklearn.fhe.seal.tape import Tape

__all__ = [
    "MOST_BYTES",
    "Times",
    "batches_of",
    "bytes_of_batch",
    "key_bytes",
    "seconds_of_batch",
    "seconds_of_keys",
]


@dataclass(frozen=True)
class Times:
    """Milliseconds of operations, by ring dimension and primes of a ciphertext.

    Attributes
    ----------
    encrypt, read, answer, decrypt : float
        One ciphertext, with reading, writing, encoding and hiding.
    product, relinearize, rotate : float
    scale, add : float
        By a clear integer; of two ciphertexts.
    plain : float
        Product with a polynomial of weights, with its encoding.
    key : float
        One key for relinearization or rotation.
    """

    encrypt: float
    read: float
    answer: float
    decrypt: float
    product: float
    relinearize: float
    rotate: float
    scale: float
    add: float
    plain: float
    key: float


_MEASURED = {
    (4096, 2): Times(1.2, 0.35, 2.1, 0.54, 2.9, 0.6, 0.61, 0.026, 0.018, 0.62, 2.5),
    (8192, 2): Times(1.8, 0.52, 4.3, 0.85, 6.1, 1.4, 1.3, 0.05, 0.035, 1.2, 3.8),
    (8192, 3): Times(2.5, 0.91, 5.6, 0.94, 8.8, 2.2, 2.2, 0.073, 0.054, 1.7, 6.4),
    (16384, 4): Times(5.9, 1.9, 25, 1.8, 24, 6.8, 6.8, 0.2, 0.15, 4.6, 21),
    (16384, 5): Times(7, 2.4, 35, 1.7, 30, 9.4, 9.4, 0.24, 0.19, 5.7, 34),
}

MOST_BYTES = 300_000_000
"""Of a batch's ciphertexts: half as many samples share each of them with another column."""

_BATCH_MS = 0.6
"""Of Python, for a batch."""


def seconds_of_keys(plan: Plan) -> float:
    """Make the evaluation keys."""
    return _times(plan).key * (1 + _n_switching_keys(plan)) / 1e3


def key_bytes(plan: Plan) -> int:
    """Size of the evaluation keys: the public one whole, of others a seed stands for half."""
    parameters = plan.parameters
    polynomial = _polynomial_bytes(plan, parameters.prime_bits)
    return round(polynomial * (2 + _n_switching_keys(plan) * parameters.n_primes))


def bytes_of_batch(plan: Plan, n_samples: int) -> tuple[int, int]:
    """Bytes of a batch up and down."""
    parameters = plan.parameters
    n_ciphertexts = plan.layouts.of(n_samples).n_ciphertexts(plan.tape.n_inputs)
    up = n_ciphertexts * _polynomial_bytes(plan, parameters.prime_bits[:-1])
    down = 2 * len(plan.tape.outputs) * _polynomial_bytes(plan, parameters.prime_bits[:1])
    return round(up), round(down)


def batches_of(plan: Plan, most: int | None = None) -> Batches:
    """Batches that take the least time.

    Parameters
    ----------
    plan : Plan
    most : int, optional
        Largest batch.
    """
    largest = min(most or plan.parameters.ring_dimension, plan.parameters.ring_dimension)
    while bytes_of_batch(plan, largest)[0] > MOST_BYTES and largest > LEAST_BLOCK:
        largest //= 2
    layout = plan.layouts.of(1)
    if not isinstance(layout, CoefficientLayout):
        return Batches(largest)
    small = min(layout.samples, largest)
    if small == largest:
        return Batches(largest)
    seconds = seconds_of_batch(plan, small), seconds_of_batch(plan, small + 1)
    return Batches(largest, small, int(seconds[1] / seconds[0]))


def seconds_of_batch(plan: Plan, n_samples: int) -> float:
    """Encrypt, evaluate and decrypt, without keys."""
    times, layout, n_outputs = _times(plan), plan.layouts.of(n_samples), len(plan.tape.outputs)
    n_ciphertexts = layout.n_ciphertexts(plan.tape.n_inputs)
    milliseconds = _BATCH_MS + n_ciphertexts * times.encrypt
    milliseconds += n_outputs * (times.answer + times.decrypt)
    if isinstance(layout, CoefficientLayout):
        milliseconds += n_ciphertexts * (times.read + n_outputs * times.plain)
    else:
        milliseconds += _milliseconds_in_slots(plan.tape, layout, times)
    return milliseconds / 1e3


def _milliseconds_in_slots(tape: Tape, layout: SlotLayout, times: Times) -> float:
    """Read the columns that count, bring them to the front, and do the arithmetic."""
    work = tape.work
    n_read = len({layout.place(column).ciphertext for column in tape.inputs_read})
    return (
        n_read * times.read
        + len(layout.ways(tape.inputs_read)) * times.rotate
        + work.products * times.product
        + work.relinearizations * times.relinearize
        + work.scalings * times.scale
        + work.additions * times.add
    )


def _n_switching_keys(plan: Plan) -> int:
    return len(plan.layouts.galois_elements) + (not plan.layouts.is_affine)


def _polynomial_bytes(plan: Plan, prime_bits: tuple[int, ...]) -> float:
    """Bytes of a polynomial as SEAL compresses it: random words lose their zeros, not all."""
    n = plan.parameters.ring_dimension
    return sum(n * min(8.0, 2 + bits / 10) for bits in prime_bits)


def _times(plan: Plan) -> Times:
    return _MEASURED[plan.parameters.ring_dimension, plan.parameters.n_primes]
