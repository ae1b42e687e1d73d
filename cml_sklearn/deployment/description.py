"""What an archive holds and what its model costs, in lines for who has to decide on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from cml_sklearn.deployment.archives import Card

__all__ = ["describe"]

_PLAIN: dict[str, Callable[[float], str]] = {
    "security_bits": lambda n: f"security: {n} bits; the best known attack takes 2**{n} steps",
    "key_bytes": lambda n: f"evaluation keys: {_size(n)}, sent to the server once",
    "batch_size": lambda n: f"rows that are computed together: up to {n:,}",
    "input_bytes": lambda n: f"sent for each row: {_size(n)}, where batches are full",
    "output_bytes": lambda n: f"returned for each row: {_size(n)}, where batches are full",
    "p_error": lambda p: f"chance that a computed value is wrong: {p:.2g}",
}
"""What a user of the model wants to know, by field of `FheReport`."""

_TECHNICAL: dict[str, Callable[[float], str]] = {
    "pbs_count": lambda n: f"table lookups (bootstraps), for each row: {n:,.4g}",
    "complexity": lambda n: f"10**9 operations by the compiler's estimate, for each row: {n:,.4g}",
    "products": lambda n: f"products of two encrypted numbers, for each batch: {n:,}",
    "levels": lambda n: f"most products that follow one another: {n}",
    "max_bit_width": lambda n: f"widest encrypted integer: {n} bits",
    "samples_per_ciphertext": lambda n: f"rows that share a ciphertext: {n:,}",
    "ring_dimension": lambda n: f"scheme: polynomials of {n:,} coefficients",
    "modulus_bits": lambda n: f"scheme: ciphertexts modulo a number of {n} bits",
    "plain_modulus": lambda n: f"scheme: computes modulo {n:,}",
    "noise_budget": lambda n: f"scheme: {n:.1f} bits of room for noise are left at the worst",
    "flood_bits": lambda n: f"scheme: noise that hides the model is 2**{n:.1f} times the model's",
}
"""What one asks who knows the engine."""

_MOST = 2.0**62
"""No cost is greater: an archive that says so is not to be believed."""

_UNITS = ((1e9, "GB"), (1e6, "MB"), (1e3, "kB"))


def describe(card: Card) -> Iterator[str]:
    """Say what a card says, line by line.

    Parameters
    ----------
    card : Card

    Yields
    ------
    str
    """
    is_whole = card.half == "estimator"
    yield f"estimator {card.model}" if is_whole else f"{card.half}'s half of {card.model}"
    yield f"  made by cml_sklearn {card.library}, file format {card.format}"
    yield f"  model: {card.digest}{'' if is_whole else ' (its other half has the same)'}"
    yield f"  methods: {', '.join(card.modules)}"
    yield f"  columns: {', '.join(card.features) or 'without names, in the order of fit'}"
    for number in range(len(card.engines)):
        yield from _of_module(card, number)


def _of_module(card: Card, number: int) -> Iterator[str]:
    """Describe what serves one or several methods."""
    methods = [name for name, module in card.modules.items() if module == number]
    costs = card.costs[number] if number < len(card.costs) else {}
    yield f"{', '.join(methods)}:"
    yield f"  engine: {card.engines[number]}{_reason(costs.get('chosen'))}"
    yield f"  keys: of the kind {card.keys[number]!r}; models of one kind can share them"
    yield from _lines(_PLAIN, costs)
    if costs.get("p_error") == 0:
        yield "  wrong values by chance: none"
    if questions := card.questions[number]:
        yield f"  secrecy: a client that has {questions:,} rows answered can compute the weights"
    yield "  for who knows the engine:"
    yield from (f"  {line}" for line in _lines(_TECHNICAL, costs))


def _lines(
    texts: Mapping[str, Callable[[float], str]], costs: Mapping[str, object]
) -> Iterator[str]:
    """Put numbers into words; zeros, and what makes no sense, are left out."""
    for name, text in texts.items():
        value = costs.get(name)
        if type(value) in (int, float) and 0 < value < _MOST:  # type: ignore[operator]
            yield f"  {text(value)}"  # type: ignore[arg-type]


def _reason(chosen: object) -> str:
    if not isinstance(chosen, str):
        return ""
    return ", as asked for" if chosen in ("named", "given") else f" ({chosen})"


def _size(n_bytes: float) -> str:
    unit, name = next(((u, n) for u, n in _UNITS if n_bytes >= u), (1.0, "bytes"))
    return f"{n_bytes / unit:,.3g} {name}"
