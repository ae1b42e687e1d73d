"""The engines by their names, and the choice between them."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import NamedTuple, Protocol, cast

from cml_sklearn.config import AUTO, ENGINES, checked_engine, current_engine
from cml_sklearn.exceptions import CompilationError, InvalidInputError
from cml_sklearn.fhe.long_steps import LOG
from cml_sklearn.fhe.protocol import AnyEngine, AnyPortableEngine, LookupCost, NotInstalled
from cml_sklearn.program.program import IntegerProgram

__all__ = ["Choice", "choose_engine", "lookup_costs", "named_engine", "portable_engine"]

_CANDIDATES = ("seal", "concrete")
"""What "auto" chooses from; of equals, the first."""


class LookupEngine(Protocol):
    """An engine that works by lookups, and tells their costs before it compiles."""

    def lookup_costs(self, program: IntegerProgram, p_error: float) -> list[LookupCost]:
        """Estimate the cost of every layer of lookups."""


class Choice(NamedTuple):
    """An engine, and why it was taken."""

    engine: AnyEngine
    reason: str


def named_engine(name: str) -> AnyEngine:
    """Make an engine."""
    module, cls = ENGINES[name].split(":")
    return cast("AnyEngine", getattr(import_module(module), cls)())


def lookup_costs(program: IntegerProgram, p_error: float) -> list[LookupCost]:
    """Estimate what every layer of lookups costs a sample, without compiling."""
    return cast("LookupEngine", named_engine("concrete")).lookup_costs(program, p_error)


def portable_engine(name: str) -> AnyPortableEngine:
    """Make an engine whose halves can stand on two machines.

    Raises
    ------
    InvalidInputError
        There is none of this name.
    """
    if name not in _CANDIDATES:
        raise InvalidInputError(
            f"The engine {name!r} is not known; there are {', '.join(_CANDIDATES)}."
        )
    return cast("AnyPortableEngine", named_engine(name))


def choose_engine(
    program: IntegerProgram, choice: str | AnyEngine | None = None, n_samples: int = 1
) -> Choice:
    """Find the engine for a program.

    Parameters
    ----------
    program : IntegerProgram
    choice : str or Engine, optional
        An engine itself or its name; "auto": the cheapest that can do the program; None: what the
        context says.
    n_samples : int
        Samples at hand, on which the cheapest depends.

    Raises
    ------
    InvalidInputError
        An unknown name.
    CompilationError
        No engine can do the program.
    """
    choice = current_engine() if choice is None else choice
    if not isinstance(choice, str):
        return Choice(choice, "given")
    name = checked_engine(choice)
    if name != AUTO:
        return Choice(named_engine(name), "named")
    found = _cheapest(program, n_samples)
    LOG.debug("engine %s: %s", found.engine.name, found.reason)
    return found


def _cheapest(program: IntegerProgram, n_samples: int) -> Choice:
    engines = [named_engine(name) for name in _CANDIDATES]
    refusals = {engine.name: engine.supports(program) for engine in engines}
    able = [engine for engine in engines if refusals[engine.name] is None]
    if not able:
        raise CompilationError(_why_none(refusals))
    if len(able) == 1:
        return Choice(able[0], _told(refusals))
    costs = {engine.name: engine.cost(program, n_samples) for engine in able}
    best = min(able, key=lambda engine: costs[engine.name].total)
    told = ", ".join(
        f"{name} {cost.seconds:.2g} s and {cost.n_bytes / 1e6:.2g} MB"
        for name, cost in costs.items()
    )
    return Choice(best, f"cheapest for {n_samples} samples with keys: {told}")


def _why_none(refusals: Mapping[str, str | None]) -> str:
    """Say why no engine can do a program, or first which could if it were installed."""
    for name, reason in refusals.items():
        if isinstance(reason, NotInstalled):
            others = _told({other: why for other, why in refusals.items() if other != name})
            return f"This model needs the engine {name!r}, but {reason}; {others}."
    return f"No engine can do this model; {_told(refusals)}."


def _told(refusals: Mapping[str, str | None]) -> str:
    return "; ".join(f"{name} can't: {reason}" for name, reason in refusals.items() if reason)
