"""One plan for a program, or one for small batches and one for large ones."""

from __future__ import annotations

from dataclasses import dataclass

from cml_sklearn.fhe.protocol import Cost
from cml_sklearn.fhe.seal.cost import (
    MOST_BYTES,
    batches_of,
    bytes_of_batch,
    key_bytes,
    seconds_of_batch,
    seconds_of_keys,
)
from cml_sklearn.fhe.seal.layouts import LEAST_BLOCK, Batches
from cml_sklearn.fhe.seal.plan import Plan, plan_digits, plan_program
from cml_sklearn.program.program import IntegerProgram

__all__ = ["Choice", "choose"]

_MOST_KEY_BYTES = 8_000_000
"""Of all plans together."""


@dataclass(frozen=True)
class Choice:
    """Plans by the size of a batch.

    Parameters
    ----------
    plans : tuple of Plan
    least : tuple of int
        Samples of the smallest batch of each, ascending.
    """

    plans: tuple[Plan, ...]
    least: tuple[int, ...] = (1,)

    def up_to(self, most: int | None) -> Choice:
        """Leave out plans for batches of more samples."""
        kept = [i for i, least in enumerate(self.least) if most is None or least <= most]
        return Choice(tuple(self.plans[i] for i in kept), tuple(self.least[i] for i in kept))

    def plan_of(self, n_samples: int) -> Plan:
        """Plan of a batch."""
        pairs = zip(self.plans, self.least, strict=True)
        return [plan for plan, least in pairs if least <= n_samples][-1]

    def batches(self, most: int | None = None) -> Batches:
        """Batches that take the least time, of `most` samples."""
        return batches_of(self.plans[-1], most)

    def cost(self, n_samples: int) -> Cost:
        """Seconds and bytes of samples, without keys."""
        sizes = self.batches().sizes(n_samples)
        pairs = [(self.plan_of(size), size) for size in sizes]
        return Cost(
            sum(seconds_of_batch(plan, size) for plan, size in pairs),
            sum(sum(bytes_of_batch(plan, size)) for plan, size in pairs),
        )

    @property
    def cost_of_keys(self) -> Cost:
        """Seconds to make the evaluation keys, and their bytes."""
        return Cost(sum(map(seconds_of_keys, self.plans)), sum(map(key_bytes, self.plans)))


def choose(program: IntegerProgram, p_error: float) -> Choice:
    """Find the plans of a program.

    Features go in two digits from the number of samples on for which that takes less time with the
    bytes' and the keys', if there is such a one.

    Raises
    ------
    UnsupportedProgramError
        See `plan_program`.
    """
    bits = Choice((plan_program(program, p_error),))
    large = plan_digits(program, bits.plans[0], p_error)
    if large is None:
        return bits
    least = _least(bits, Choice((large,)))
    both = Choice((*bits.plans, large), (1, least))
    fits = least <= large.layouts.n and both.cost_of_keys.n_bytes <= _MOST_KEY_BYTES
    return both if fits else bits


def _least(bits: Choice, digits: Choice) -> int:
    """Fewest samples for which digits are cheaper, as they are for all sizes of blocks above."""
    size = n = digits.plans[0].layouts.n
    keys = digits.cost_of_keys.total
    if bytes_of_batch(digits.plans[0], n)[0] > MOST_BYTES:
        return n + 1
    while size > LEAST_BLOCK and digits.cost(size).total + keys < bits.cost(size).total:
        size //= 2
    return size + 1
