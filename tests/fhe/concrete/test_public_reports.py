"""Public reports of wrong results of Concrete 2.11, each as the nearest thing that our programs do.

The names are the numbers of the reports at github.com/zama-ai/concrete. Many are of comparisons,
bits and shifts, which we don't take from the library: here these are the lookups that we make of
them. The table in docs/explanation/reliability.md says what each report is about.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from cml_sklearn._typing import IntArray
from cml_sklearn.fhe.circuit import FheCircuit
from cml_sklearn.fhe.concrete import ConcreteEngine
from cml_sklearn.fhe.protocol import CircuitOptions
from cml_sklearn.program import steps
from cml_sklearn.program.builder import ProgramBuilder
from cml_sklearn.program.program import IntegerProgram
from tests.programs import range_to

pytestmark = pytest.mark.fhe

Function = Callable[[IntArray], IntArray]

PAIRS = [x.reshape(-1, 1) for x in np.mgrid[:4, :4]]
"""All values of two inputs of 2 bits."""

BATCH = 4


class Pair(ProgramBuilder):
    """Two inputs of one element and 2 bits, and what one does to them in a word."""

    def __init__(self) -> None:
        super().__init__([range_to(3, 1), range_to(3, 1)])
        self.x, self.y = (self.plus(tensor, -2) for tensor in (0, 1))

    def plus(self, tensor: int, constant: int) -> int:
        return self.add(steps.AddConstant(np.array([constant])), tensor)

    def times(self, tensor: int, *factors: int) -> int:
        for factor in factors:
            tensor = self.add(steps.MultiplyConstant(np.array([factor])), tensor)
        return tensor

    def zero(self, tensor: int) -> int:
        """What is always 0, and encrypted."""
        return self.add(steps.MatMul(np.zeros((1, 1), int)), tensor)

    def lookup(self, tensor: int, function: Function, *, removed: int = 0) -> int:
        """Look a function up; of rounded integers, if low bits are removed."""
        bounds = self.bounds(tensor)
        low, high = int(bounds.low.min()), int(bounds.high.max())
        width = max((high - low + (1 << removed >> 1)).bit_length() - removed, 1)
        integers = low + (np.arange(1 << width) << removed)
        table = steps.Lookup(low, function(integers)[None], np.zeros(1, int), removed)
        return self.add(table, tensor)

    def maximum(self, x: int, y: int) -> int:
        """Add to y by how much x is larger."""
        more = self.lookup(self.add(steps.Subtract(), x, y), lambda n: np.maximum(n, 0))
        return self.add(steps.Add(), more, y)


def constant_outputs(b: Pair) -> list[int]:
    negative, positive = b.plus(b.zero(b.x), -97), b.plus(b.zero(b.y), 5)
    return [negative, b.x, positive, b.zero(b.x)]


def products_of_what_is_always_the_same(b: Pair) -> list[int]:
    same = b.add(steps.Subtract(), b.lookup(b.x, np.abs), b.lookup(b.x, np.abs))
    point = b.plus(b.zero(b.x), 3)
    left = b.plus(b.zero(b.y), -2)
    product = b.add(steps.Multiply(), b.plus(same, 3), left)
    return [same, point, left, product, b.add(steps.Multiply(), point, left)]


def maximum_of_signed_products(b: Pair) -> list[int]:
    products = [b.add(steps.Multiply(), b.x, factor) for factor in (b.y, b.plus(b.y, 1))]
    return [b.maximum(*products)]


def narrow_beside_declared_wide(b: Pair) -> list[int]:
    wide = b.add(steps.Declare(2**12 - 1), 1)
    least = b.times(b.maximum(b.times(b.x, -1), b.times(b.y, -1)), -1)
    return [b.add(steps.Add(), least, wide), b.add(steps.Add(), b.x, wide)]


def constant_by_condition(b: Pair) -> list[int]:
    square = b.add(steps.Multiply(), b.y, b.y)
    return [b.lookup(square, lambda n: 3 >> (n > 0)), b.lookup(b.x, lambda n: -3 * (n > 0))]


def factors_after_minimum(b: Pair) -> list[int]:
    scaled = b.times(b.x, -3)
    least = b.times(b.maximum(b.plus(scaled, 1), b.times(scaled, -1)), -1)
    padded = b.add(steps.Take(np.array([1])), b.add(steps.Pad((1,), (1,)), b.y))
    return [b.add(steps.Add(), b.times(b.plus(least, -3), 6), padded)]


def one_intermediate_alone(b: Pair) -> list[int]:
    product = b.add(steps.Multiply(), b.y, b.x)
    largest = b.maximum(product, b.plus(product, -1))
    b.lookup(b.lookup(largest, lambda n: 1 * (n >= 1)), lambda n: 1 * (n == 1))
    return [largest]


def intermediates_and_doubles(b: Pair) -> list[int]:
    sign = b.lookup(b.x, np.sign)
    return [sign, b.add(steps.Add(), sign, sign), b.y, b.add(steps.Add(), b.y, b.y)]


def input_added_after_factors(b: Pair) -> list[int]:
    larger = b.lookup(b.add(steps.Subtract(), b.x, b.y), lambda n: 1 * (n > 0))
    chain = b.times(b.plus(b.times(b.plus(larger, 3), -10), -13), 13, 13)
    return [b.add(steps.Add(), chain, b.x), chain]


def declared_before_flags(b: Pair) -> list[int]:
    wide = [b.add(steps.Declare(255), tensor) for tensor in (0, 1)]
    flag = b.lookup(b.add(steps.Subtract(), b.x, b.y), lambda n: 1 * (n > 0))
    clipped = b.lookup(b.times(flag, 12), lambda n: np.minimum(n, 7))
    return [b.add(steps.Add(), b.times(clipped, 10), tensor) for tensor in wide]


def tables_of_both_signs(b: Pair) -> list[int]:
    return [b.lookup(b.lookup(tensor, lambda n: n**3), lambda n: -n) for tensor in (b.x, b.y)]


def rounded_after_factors(b: Pair) -> list[int]:
    total = b.times(b.add(steps.Subtract(), b.times(b.x, 8), b.y), 2)
    return [b.lookup(total, lambda n: n // 8, removed=3)]


REPORTS: dict[str, Callable[[Pair], list[int]]] = {
    "921": rounded_after_factors,
    "1257": tables_of_both_signs,
    "1293": constant_outputs,
    "1301": products_of_what_is_always_the_same,
    "1302": maximum_of_signed_products,
    "1303": narrow_beside_declared_wide,
    "1304": constant_by_condition,
    "1306": factors_after_minimum,
    "1307": one_intermediate_alone,
    "1307, doubles": intermediates_and_doubles,
    "1309": input_added_after_factors,
    "1316": declared_before_flags,
}


def program_of(report: str) -> IntegerProgram:
    builder = Pair()
    outputs = REPORTS[report](builder)
    return builder.build([builder.add_output(tensor)[0] for tensor in outputs])


def wrong_outputs(
    program: IntegerProgram, engine: ConcreteEngine, encrypted: slice
) -> list[tuple[str, int]]:
    """Modes and numbers of the outputs that differ from the clear ones."""
    circuit = FheCircuit(program, CircuitOptions(batch_size=BATCH), engine)
    modes = {
        "simulated": (circuit.simulate, slice(None)),
        "encrypted": (circuit.execute, encrypted),
    }
    wrong = []
    for mode, (run, rows) in modes.items():
        inputs = [x[rows] for x in PAIRS]
        results = zip(run(*inputs), program(*inputs), strict=True)
        wrong += [(mode, number) for number, (x, y) in enumerate(results) if (x != y).any()]
    return wrong


@pytest.mark.parametrize("report", REPORTS)
def test_what_was_wrong_is_right_here(report: str) -> None:
    # the last one is of one set of parameters for the whole circuit
    engine = ConcreteEngine("mono" if report == "1316" else "multi")
    assert wrong_outputs(program_of(report), engine, slice(None, None, 5)) == []


@pytest.mark.slow
@pytest.mark.parametrize("parameters", ["multi", "mono"])
@pytest.mark.parametrize("report", REPORTS)
def test_all_pairs_encrypted(report: str, parameters: str) -> None:
    assert wrong_outputs(program_of(report), ConcreteEngine(parameters), slice(None)) == []
