"""Steps that Concrete does wrong or refuses, written in steps that it does right.

*Products of two encrypted tensors.* Its own are wrong where one factor has a sign and the other has
none. Here the lookup of a function of ``x + y`` holds the product, and others take the rest away.
Every index counts from its proven smallest value, so that no lookup meets a sign:

* *Quarter squares*, two lookups a product: ``x y = q(x + y) - q(x - y)`` with
  ``q(n) = floor(n n / 4)``, where what the floor drops is the same in both.
* *Triangular numbers*, one lookup a product and one a factor: ``x y = t(x + y) - t(x) - t(y)`` with
  ``t(n) = n (n - 1) / 2``. They are for factors that take part in many products.

*Maxima* are ``y + relu(x - y)``, one lookup each.

*Elements taken from a tensor with a sign.* It refuses them where they have none themselves, so they
are taken from integers without any.

*Lookups whose index may round up over its last step.* It drops the carry; here their tables are
twice as long, and the second half is the last entry.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from math import prod
from typing import NamedTuple

import numpy as np

from cml_sklearn._typing import IntArray
from cml_sklearn.fhe.concrete.limits import check_index
from cml_sklearn.program.bounds import Bounds, interval
from cml_sklearn.program.builder import ProgramBuilder
from cml_sklearn.program.program import IntegerProgram, Width
from cml_sklearn.program.steps import (
    Add,
    AddConstant,
    Lookup,
    Maximum,
    Multiply,
    MultiplyMatrices,
    Reshape,
    Step,
    Subtract,
    SumOver,
    Take,
)

__all__ = ["substitute"]


class _Tensor(NamedTuple):
    """A tensor of the new program, and the range that the old one proves for it."""

    number: int
    bounds: Bounds


def substitute(program: IntegerProgram) -> IntegerProgram:
    """Replace all steps that the library can't be left with.

    Raises
    ------
    BitWidthError
        The lookups are too wide; the message names the operator.
    """
    if not any(type(i.step) in _SUBSTITUTES for i in program.instructions):
        return program
    builder = ProgramBuilder(program.input_bounds)
    numbers = list(range(builder.n_inputs))
    for instruction in program.instructions:
        builder.source = instruction.source
        operands = [_Tensor(numbers[i], program.bounds[i]) for i in instruction.inputs]
        append = _SUBSTITUTES.get(type(instruction.step), _add)
        number = append(builder, instruction.step, *operands).number
        builder.narrow(number, program.bounds[len(numbers)])
        numbers.append(number)
    return builder.build([numbers[i] for i in program.outputs])


def _multiply(builder: ProgramBuilder, _: Step, x: _Tensor, y: _Tensor) -> _Tensor:
    """Multiply element by element, in the way of fewer lookups."""
    total = _add(builder, Add(), x, y)
    if prod(x.bounds.shape) + prod(y.bounds.shape) < prod(total.bounds.shape):
        result = _look_up(builder, _triangular_numbers, total)
        for factor in (x, y):
            part = _look_up(builder, _triangular_numbers, factor)
            result = _add(builder, Subtract(), result, part)
        return result
    difference = _add(builder, Subtract(), x, y)
    squares = (_look_up(builder, _quarter_squares, n) for n in (total, difference))
    return _add(builder, Subtract(), *squares)


def _multiply_matrices(builder: ProgramBuilder, step: Step, x: _Tensor, y: _Tensor) -> _Tensor:
    """Add up the products of every row with every column."""
    *outer, n_terms, n_columns = y.bounds.shape
    rows = _add(builder, Reshape((*x.bounds.shape, 1)), x)
    columns = _add(builder, Reshape((*outer, 1, n_terms, n_columns)), y)
    products = _multiply(builder, step, rows, columns)
    return _add(builder, SumOver((len(outer) + 1,)), products)


def _maximum(builder: ProgramBuilder, _: Step, x: _Tensor, y: _Tensor) -> _Tensor:
    """Add to one tensor what the other has more."""
    difference = _add(builder, Subtract(), x, y)
    excess = _look_up(builder, _positive_part, difference)
    return _add(builder, Add(), y, excess)


def _take(builder: ProgramBuilder, step: Take, x: _Tensor) -> _Tensor:
    """Take elements of integers without a sign, which comes back afterwards."""
    low = min(int(x.bounds.low.min()), 0)
    unsigned = _shift(builder, x, -low)
    return _shift(builder, _add(builder, step, unsigned), low)


def _roomy(builder: ProgramBuilder, step: Lookup, x: _Tensor) -> _Tensor:
    """Look up in a table that has room for indices that are rounded up."""
    span = int(x.bounds.high.max(initial=step.low)) - step.low
    if step.lsbs_to_remove and span > (1 << step.index_width) - (1 << step.lsbs_to_remove):
        room = np.repeat(step.tables[:, -1:], step.tables.shape[1], axis=1)
        step = replace(step, tables=np.hstack([step.tables, room]))
    return _add(builder, step, x)


def _shift(builder: ProgramBuilder, x: _Tensor, by: int) -> _Tensor:
    """Add a constant, unless it is 0."""
    return _add(builder, AddConstant(np.full(x.bounds.shape, by)), x) if by else x


_SUBSTITUTES: Mapping[type[Step], Callable[..., _Tensor]] = {
    Multiply: _multiply,
    MultiplyMatrices: _multiply_matrices,
    Maximum: _maximum,
    Take: _take,
    Lookup: _roomy,
}


def _add(builder: ProgramBuilder, step: Step, *operands: _Tensor) -> _Tensor:
    """Append a step."""
    number = builder.add(step, *(x.number for x in operands))
    return _Tensor(number, interval(step, *(x.bounds for x in operands)))


def _look_up(
    builder: ProgramBuilder, function: Callable[[IntArray], IntArray], x: _Tensor
) -> _Tensor:
    """Append the lookup of a function of all integers that a tensor can hold."""
    low, high = int(x.bounds.low.min()), int(x.bounds.high.max())
    width = max((high - low).bit_length(), 1)
    check_index(Width(builder.source, width, width))
    integers = np.minimum(low + np.arange(1 << width), high)
    return _add(builder, Lookup(low, function(integers)[None], np.zeros((), np.int64)), x)


def _positive_part(n: IntArray) -> IntArray:
    return np.maximum(n, 0)


def _quarter_squares(n: IntArray) -> IntArray:
    return n * n // 4


def _triangular_numbers(n: IntArray) -> IntArray:
    return n * (n - 1) // 2
