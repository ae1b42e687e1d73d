"""Cost of a lookup by the width of its index and by what is asked of the lookups' sum.

The optimizer's own cost, exact and repeatable: the table of
`cml_sklearn/fhe/concrete/forest/cost.py`. Takes some minutes.
"""

from __future__ import annotations

from typing import Annotated

import numpy as np
import typer

from benchmarks.options import parted
from cml_sklearn.fhe.concrete import ConcreteEngine
from cml_sklearn.fhe.protocol import CircuitOptions
from cml_sklearn.program.bounds import Bounds
from cml_sklearn.program.builder import ProgramBuilder
from cml_sklearn.program.program import IntegerProgram
from cml_sklearn.program.steps import Declare, Lookup, MatMul

__all__ = ["main"]

_WIDTHS = range(1, 9)
_SPREADS = [quarters / 4 for quarters in range(4 * 14, 4 * 40 + 1)]
_FEWEST = 2
"""log2 of the number of lookups for even spreads; less than two more between them."""
_ALIKE = 1.03
"""Costs are told apart from this ratio on."""


def main(
    levels: Annotated[str, typer.Option(help="-log2 of p_error, parted by commas.")] = "40,64,128",
) -> None:
    """Millions of operations a lookup, by p_error, width and spread of the sum."""
    for bits in map(int, parted(levels)):
        typer.echo(f"{bits}: {{")
        for width in _WIDTHS:
            steps = ", ".join(f"({end}, {cost})" for end, cost in _steps(width, 2.0**-bits))
            typer.echo(f"    {width}: ({steps}),")
        typer.echo("},")


def _steps(width: int, p_error: float) -> list[tuple[float | str, float]]:
    """Each cost with the last spread that it holds for; the dearest for all beyond, too."""
    steps: list[tuple[float | str, float]] = [("math.inf", _cost(width, _SPREADS[-1], p_error))]
    for spread in _SPREADS[-2::-1]:
        cost = _cost(width, spread, p_error)
        if cost * _ALIKE < steps[0][1]:
            steps.insert(0, (spread, cost))
    return steps


def _cost(width: int, spread: float, p_error: float) -> float:
    """Cost of one of the lookups of a program."""
    sum_bits = int(spread - _FEWEST) // 2
    n_lookups = round(2 ** (spread - 2 * sum_bits))
    program = _program(width, n_lookups, sum_bits)
    report = ConcreteEngine().compile(program, CircuitOptions(p_error)).report
    return round(1e3 * (report.complexity or 0.0) / n_lookups, 1)


def _program(width: int, n_lookups: int, sum_bits: int) -> IntegerProgram:
    """Lookups of sums of bits, added up."""
    n_bits = 2**width - 1
    bits = np.ones(n_lookups * n_bits, dtype=np.int64)
    builder = ProgramBuilder([Bounds(np.zeros_like(bits), bits)])
    weights = np.repeat(np.eye(n_lookups, dtype=np.int64), n_bits, axis=0)
    index = builder.add(MatMul(weights), 0)
    rng = np.random.default_rng(0)
    tables = rng.integers(0, 2**sum_bits // n_lookups, (n_lookups, n_bits + 1))
    tables[:, :2] = 0, 1
    entries = builder.add(Lookup(0, tables, np.arange(n_lookups)), index)
    total = builder.add(MatMul(np.ones((n_lookups, 1), np.int64)), entries)
    return builder.build([builder.add(Declare(2**sum_bits - 1), total)])
