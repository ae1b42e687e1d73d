"""All small integers through everything that we take from the backend: it is known to be wrong.

Concrete 2.11 has open reports of wrong results, most of them of mixed signs. So every operation that
a program can ask for meets every small range of integers, with and without a sign, simulated and
encrypted. Each range has inputs of its own, since tensors that meet share their width.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from math import prod

import numpy as np
import pytest

from cml_sklearn._typing import IntArray
from cml_sklearn.exceptions import BitWidthError
from cml_sklearn.fhe.circuit import FheCircuit
from cml_sklearn.fhe.concrete import ConcreteEngine
from cml_sklearn.fhe.concrete.substitutes import substitute
from cml_sklearn.fhe.protocol import CircuitOptions
from cml_sklearn.program import steps
from cml_sklearn.program.bounds import Bounds
from cml_sklearn.program.builder import ProgramBuilder
from cml_sklearn.program.evaluation import CLEAR
from cml_sklearn.program.program import IntegerProgram
from cml_sklearn.program.steps import Step
from tests.programs import range_to

SAMPLES = 16


def starts(bits: int) -> list[int]:
    """Smallest integers of ranges of 2**bits: no sign, both signs in three ways."""
    return sorted({0, -1, -(1 << (bits - 1)), 1 - (1 << bits)})


def shifted(builder: ProgramBuilder, tensor: int, start: int) -> int:
    """Let a range from 0 start elsewhere."""
    shape = builder.bounds(tensor).shape
    return builder.add(steps.AddConstant(np.full(shape, start)), tensor) if start else tensor


class Products:
    """All pairs of integers of two widths, in all their ranges, each product an output of its own.

    Parameters
    ----------
    step : Step
    shape : tuple of int
        Of an operand, with -1 where its integers go: side by side, or along an axis.
    """

    def __init__(self, bits: tuple[int, int], step: Step, *, outer: bool) -> None:
        x, y = np.arange(1 << bits[0]), np.arange(1 << bits[1])
        if outer:
            x, y = x[:, None], y[None, :]
        else:
            x, y = (v.ravel() for v in np.meshgrid(x, y))
        ranges = [*product(starts(bits[0]), starts(bits[1]))]
        builder = ProgramBuilder([Bounds(0 * v, 0 * v + v.max()) for v in (x, y)] * len(ranges))
        self.inputs = [v[None] for v in (x, y)] * len(ranges)
        self.expected = [((x + a) * (y + b))[None] for a, b in ranges]
        outputs = []
        for i, ends in enumerate(ranges):
            factors = (shifted(builder, 2 * i + j, start) for j, start in enumerate(ends))
            outputs.append(builder.add_output(builder.add(step, *factors)))
        numbers, self.shifts = zip(*outputs, strict=True)
        self.program = builder.build(numbers)

    @property
    def n_pairs(self) -> int:
        return sum(x.size for x in self.expected)

    def n_wrong(self, results: Sequence[IntArray]) -> int:
        rows = zip(results, self.shifts, self.expected, strict=True)
        return sum(int((result - shift != expected).sum()) for result, shift, expected in rows)


def check_products(case: Products, *, encrypted: bool) -> FheCircuit:
    circuit = FheCircuit(case.program, CircuitOptions(batch_size=1), ConcreteEngine())
    assert case.n_wrong(circuit.simulate(*case.inputs)) == 0
    if encrypted:
        assert case.n_wrong(circuit.execute(*case.inputs)) == 0
    return circuit


@pytest.mark.fhe
@pytest.mark.parametrize("bits", [(1, 2), (2, 1), (2, 2)])
def test_products_of_all_pairs(bits: tuple[int, int]) -> None:
    case = Products(bits, steps.Multiply(), outer=False)
    report = check_products(case, encrypted=True).report
    assert report.pbs_count is not None
    assert report.pbs_count <= 2 * case.n_pairs
    assert sum(report.pbs_by_width.values()) == report.pbs_count


@pytest.mark.fhe
@pytest.mark.parametrize("outer", [False, True])
def test_products_of_all_pairs_simulated(outer: bool) -> None:
    check_products(Products((3, 3), steps.Multiply(), outer=outer), encrypted=False)


@pytest.mark.fhe
def test_outer_products_of_all_pairs() -> None:
    case = Products((1, 2), steps.MultiplyMatrices(), outer=True)
    report = check_products(case, encrypted=True).report
    n_factors = sum(x.size for x in case.inputs)
    assert report.pbs_count is not None
    assert report.pbs_count <= case.n_pairs + n_factors


WIDE = [(m, n) for m, n in product(range(1, 5), repeat=2) if max(m, n) >= 2]


@pytest.mark.slow
@pytest.mark.fhe
@pytest.mark.parametrize("outer", [False, True])
@pytest.mark.parametrize("bits", WIDE)
def test_products_of_all_wider_pairs(bits: tuple[int, int], outer: bool) -> None:
    step = steps.MultiplyMatrices() if outer else steps.Multiply()
    check_products(Products(bits, step, outer=outer), encrypted=sum(bits) < 8 or outer)


def test_lowered_products_keep_their_ranges_and_integers() -> None:
    for m, n in product(range(1, 5), repeat=2):
        case = Products((m, n), steps.Multiply(), outer=False)
        lowered = substitute(case.program)
        assert steps.Multiply not in {type(i.step) for i in lowered.instructions}
        assert case.n_wrong(lowered(*case.inputs)) == 0
        assert max(w.bits for w in lowered.widths() if w.kept_bits) <= max(m, n) + 1


def test_sums_of_products() -> None:
    rng = np.random.default_rng(0)
    builder = ProgramBuilder([Bounds(*np.full((2, 2, 3, 4), [[[[-3]]], [[[2]]]])), range_4x2()])
    number = builder.add(steps.MultiplyMatrices(), 0, 1)
    program = builder.build([number])
    x, y = (rng.integers(b.low, b.high + 1, (50, *b.shape)) for b in program.input_bounds)
    np.testing.assert_array_equal(substitute(program)(x, y)[0], x @ y)


def range_4x2() -> Bounds:
    """Matrices that all others of two share."""
    return Bounds(np.full((1, 4, 2), 1), np.full((1, 4, 2), 5))


def test_too_wide_a_product_names_its_operator() -> None:
    builder = ProgramBuilder([range_to(2**16 - 1, 1), range_to(1, 1)])
    builder.source = "Mul (node 'gate')"
    program = builder.build([builder.add(steps.Multiply(), 0, 1)])
    with pytest.raises(BitWidthError, match=r"after Mul \(node 'gate'\) has an index of 17 bits"):
        substitute(program)


@dataclass
class Chain:
    """Steps one after the other, the first of them on all inputs.

    Parameters
    ----------
    steps : sequence of Step
        Lookups count from the smallest integer of their range, wherever they say.
    shapes : sequence of tuple of int
        Of the inputs, whose integers take all combinations where 16 samples hold these.
    bits : int
        Of the inputs.
    tolerance : int
        How far a result may be from the clear one.
    """

    steps: Sequence[Step]
    shapes: Sequence[tuple[int, ...]] = ((2,),)
    bits: int = 2
    tolerance: int = 0

    def ranges(self, *, every: bool) -> list[tuple[int, ...]]:
        """Smallest integers of the inputs, in all combinations: two each, or every one."""
        smallest = starts(self.bits) if every else [0, -(1 << (self.bits - 1))]
        return [*product(smallest, repeat=len(self.shapes))]

    def values(self) -> list[IntArray]:
        """Integers from 0 for every input, shape (16, ...)."""
        sizes = [prod(shape) for shape in self.shapes]
        top = (1 << self.bits) - 1
        if self.bits * sum(sizes) <= 4:
            numbers = np.arange(SAMPLES)[:, None] >> (self.bits * np.arange(sum(sizes))) & top
        else:
            numbers = np.random.default_rng(0).integers(0, top + 1, (SAMPLES, sum(sizes)))
            numbers[:2] = [[0], [top]]
        parts = np.split(numbers, np.cumsum(sizes)[:-1], axis=1)
        return [x.reshape(-1, *s) for x, s in zip(parts, self.shapes, strict=True)]

    def grow(self, builder: ProgramBuilder, inputs: Sequence[int]) -> int:
        """Append the steps."""
        for step in self.steps:
            low = int(builder.bounds(inputs[0]).low.min())
            placed = replace(step, low=low) if isinstance(step, steps.Lookup) else step
            squared = len(inputs) == 1 and isinstance(step, steps.Multiply)
            inputs = [builder.add(placed, *inputs, *inputs[: int(squared)])]
        return inputs[0]


def looked_up(builder: ProgramBuilder, tensor: int) -> int:
    """Look the first and the last element up in a table of both signs."""
    size = prod(builder.bounds(tensor).shape)
    tensor = builder.add(steps.Take(np.unique([0, size - 1])), tensor)
    low, high = (int(end) for end in extremes(builder.bounds(tensor)))
    integers = low + np.arange(1 << max((high - low).bit_length(), 1))
    return builder.add(
        steps.Lookup(low, (integers * 5 + 3)[None] % 7 - 3, np.zeros(1, int)), tensor
    )


def extremes(bounds: Bounds) -> tuple[int, int]:
    return int(bounds.low.min()), int(bounds.high.max())


def rounded(*, exact: bool) -> Step:
    """A lookup of the 3 upper bits of 5."""
    return steps.Lookup(0, np.arange(8)[None], np.zeros(1, int), 2, exact)


def table(*rows: Sequence[int], choice: Sequence[int] = (0,)) -> Step:
    return steps.Lookup(0, np.array(rows), np.array(choice))


SIGNED = np.array([-2, 0, 1, -1, 2, 0, -3, 3])
FILTERS = np.array([[[-1, 0, 2]], [[0, 0, -1]]])
SUMS = {
    "sum": Chain([steps.Add()], [(1,), (1,)]),
    "difference": Chain([steps.Subtract()], [(1,), (1,)]),
    "sum of rows and columns": Chain([steps.Add()], [(2, 1), (1, 3)], 1),
    "difference of rows and columns": Chain([steps.Subtract()], [(2, 1), (1, 3)], 1),
}
LINEAR = {
    "constant added": Chain([steps.AddConstant(SIGNED[:2])]),
    "constant factor": Chain([steps.Take(np.zeros(8, int)), steps.MultiplyConstant(SIGNED)]),
    "negative factor": Chain([steps.MultiplyConstant(np.array([-1, -2]))]),
    "matrix": Chain([steps.MatMul(np.array([*product([-2, 0, 1], repeat=2)]).T)]),
    "zero matrix": Chain([steps.MatMul(np.zeros((2, 2), int))]),
    "matrix on rows": Chain([steps.MatMul(SIGNED.reshape(2, 4)[:, :3])], [(2, 2)], 1),
    "sum over an axis": Chain([steps.SumOver((1,))], [(2, 2)], 1),
    "sum over all axes": Chain([steps.SumOver((0, 1), keepdims=True)], [(2, 2)], 1),
}
WINDOWS = {
    "convolution": Chain([steps.Convolve(FILTERS, (1,), (1, 1), (1,))], [(1, 4)], 1),
    "strided, dilated": Chain([steps.Convolve(FILTERS, (2,), (2, 1), (2,))], [(1, 4)], 1),
    "by group": Chain([steps.Convolve(FILTERS[:, :, ::2], (1,), (0, 0), (1,), 2)], [(2, 2)], 1),
    "image": Chain(
        [steps.Convolve(SIGNED.reshape(2, 1, 2, 2), (1, 1), (0, 1, 0, 0), (1, 1))], [(1, 2, 2)], 1
    ),
    "zero filter": Chain([steps.Convolve(0 * FILTERS, (1,), (0, 0), (1,))], [(1, 4)], 1),
}
MOVES = {
    "reshape": Chain([steps.Reshape((3, 2))], [(2, 3)]),
    "transpose": Chain([steps.Transpose((2, 0, 1))], [(2, 1, 2)], 1),
    "concatenation": Chain([steps.Concatenate(0)], [(1,), (1,)]),
    "concatenation of columns": Chain([steps.Concatenate(1)], [(2, 1), (2, 2)], 1),
    "border": Chain([steps.Pad((1, 0), (0, 2))], [(2, 1)]),
    "take with repeats": Chain([steps.Take(np.array([[1, 0, 1], [1, 1, 0]]))]),
}
LOOKUPS = {
    "tables by element": Chain([table([3, -1, 2, 0], [0, 1, -2, 3], choice=[1, 0])]),
    "constant table": Chain([table([-2, -2, -2, -2])]),
    "lookup of a lookup": Chain([table([-3, 0, 1, -1]), table([1, 0, 5, -2, 3, 0, 0, 0])]),
    "maximum": Chain([steps.Maximum()], [(1,), (1,)]),
    "maximum of rows and columns": Chain([steps.Maximum()], [(2, 1), (1, 2)], 1),
    "square": Chain([steps.Multiply()], [(1,)]),
    "product of products": Chain([steps.Multiply(), steps.Multiply()], [(1,), (1,)], 1),
    "rounded": Chain([rounded(exact=True)], [(1,)], 4),
    "rounded nearly": Chain([rounded(exact=False)], [(1,)], 4, tolerance=1),
}
GROUPS = {"sums": SUMS, "linear": LINEAR, "windows": WINDOWS, "moves": MOVES, "lookups": LOOKUPS}
ENCRYPTED = {"sums", "windows"}
"""Groups that are encrypted in every run; all are in the slow ones."""


@pytest.mark.fhe
@pytest.mark.parametrize("group", GROUPS)
def test_every_operation_on_small_integers(group: str) -> None:
    check_group(GROUPS[group], every=False, encrypted=group in ENCRYPTED)


@pytest.mark.slow
@pytest.mark.fhe
@pytest.mark.parametrize(
    ("group", "name"), [(group, name) for group, chains in GROUPS.items() for name in chains]
)
def test_every_operation_on_every_small_range(group: str, name: str) -> None:
    check_group({name: GROUPS[group][name]}, every=True, encrypted=True)


def check_group(chains: Mapping[str, Chain], *, every: bool, encrypted: bool) -> None:
    """What steps give, and what a lookup makes of that; all in one circuit."""
    rows = [(name, chain, r) for name, chain in chains.items() for r in chain.ranges(every=every)]
    inputs = [x for _, chain, _ in rows for x in chain.values()]
    ends = [(np.zeros(x.shape[1:], int), np.full(x.shape[1:], x.max())) for x in inputs]
    builder, number = ProgramBuilder([Bounds(*e) for e in ends]), 0
    outputs: dict[int, tuple[str, int]] = {}
    for name, chain, smallest in rows:
        factors = [shifted(builder, number + i, start) for i, start in enumerate(smallest)]
        number += len(factors)
        result = chain.grow(builder, factors)
        outputs[builder.add_output(result)[0]] = f"{name} from {smallest}", chain.tolerance
        if not chain.tolerance:
            after = builder.add_output(looked_up(builder, result))[0]
            outputs[after] = f"lookup after {name} from {smallest}", 0
    check_chains(builder.build([*outputs]), inputs, [*outputs.values()], encrypted=encrypted)


def check_chains(
    program: IntegerProgram,
    inputs: Sequence[IntArray],
    outputs: Sequence[tuple[str, int]],
    *,
    encrypted: bool,
) -> None:
    """Compare every output, and name those that are wrong."""
    circuit = FheCircuit(program, CircuitOptions(batch_size=SAMPLES), ConcreteEngine())
    for run in (circuit.simulate, circuit.execute)[: 1 + encrypted]:
        pairs = zip(run(*inputs), program(*inputs), outputs, strict=True)
        wrong = [name for x, y, (name, tolerance) in pairs if (np.abs(x - y) > tolerance).any()]
        assert not wrong


def test_every_step_is_here() -> None:
    chains = {
        type(step) for group in GROUPS.values() for chain in group.values() for step in chain.steps
    }
    both = {steps.Declare, steps.MultiplyMatrices}  # every output, and the outer products above
    assert chains | both | {steps.Trees} == CLEAR.keys()
