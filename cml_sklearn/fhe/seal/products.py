"""Programs of sums and products of integers: squares and other products between affine layers."""

from __future__ import annotations

import numpy as np

from cml_sklearn._typing import IntArray
from cml_sklearn.fhe.seal.sums import (
    LINEAR,
    Sums,
    Terms,
    UnsupportedProgramError,
    linear,
    plus,
    unit_sums,
)
from cml_sklearn.fhe.seal.tape import Combination, Operation, Product, Tape
from cml_sklearn.program import steps
from cml_sklearn.program.program import Instruction, IntegerProgram

__all__ = ["has_products", "product_tape"]

_MOST_PRODUCTS = 2_000
"""Of a program: ten seconds and more for a batch."""


def has_products(program: IntegerProgram) -> bool:
    """Whether a program multiplies encrypted integers element by element."""
    return any(isinstance(i.step, steps.Multiply) for i in program.instructions)


def product_tape(program: IntegerProgram) -> Tape:
    """Write the arithmetic of a program of affine steps and products.

    Affine steps that follow one another are one sum an element.

    Raises
    ------
    UnsupportedProgramError
        It has other steps, or too many products; the message ends a sentence.
    """
    sizes = [bounds.low.size for bounds in program.input_bounds]
    writer = _Writer(sum(sizes))
    starts = np.cumsum([0, *sizes])
    tensors = [
        unit_sums(np.arange(size).reshape(bounds.shape) + start)
        for bounds, size, start in zip(
            program.input_bounds, sizes, starts[:-1].tolist(), strict=True
        )
    ]
    for instruction in program.instructions:
        tensors.append(writer.step(instruction, [tensors[i] for i in instruction.inputs]))
    # an answer is hidden in place: each is written for itself
    outputs = tuple(node for i in program.outputs for node in writer.combinations(tensors[i]))
    return Tape(writer.n_inputs, tuple(writer.operations), outputs)


class _Writer:
    """Operations in turn; tensors are sums of the inputs and of the products so far."""

    def __init__(self, n_inputs: int) -> None:
        self.n_inputs = n_inputs
        self.operations: list[Operation] = []
        self._n_products = 0

    def step(self, instruction: Instruction, values: list[Sums]) -> Sums:
        """Find the sums that a step makes."""
        step = instruction.step
        if isinstance(step, steps.AddConstant):
            return plus(values[0], step)
        if isinstance(step, LINEAR):
            return linear(step, values)
        if isinstance(step, steps.Multiply):
            return self._products(values, is_square=len(set(instruction.inputs)) == 1)
        raise UnsupportedProgramError(
            f"{instruction.source} is neither a sum nor a product of integers"
        )

    def combinations(self, sums: Sums) -> list[int]:
        """Write every element; their nodes."""
        return [self._write(combination) for combination in _combinations(sums)]

    def _products(self, values: list[Sums], *, is_square: bool) -> Sums:
        """Multiply element by element."""
        shape = np.broadcast_shapes(*(value.shape for value in values))
        self._n_products += int(np.prod(shape))
        if self._n_products > _MOST_PRODUCTS:
            raise UnsupportedProgramError(
                f"it has over {_MOST_PRODUCTS:,} products of encrypted integers"
            )
        left = self._factors(values[0], shape)
        right = left if is_square else self._factors(values[1], shape)
        pairs = zip(left.tolist(), right.tolist(), strict=True)
        nodes = [self._write(Product(a, b)) for a, b in pairs]
        return unit_sums(np.array(nodes, dtype=np.int64).reshape(shape))

    def _factors(self, sums: Sums, shape: tuple[int, ...]) -> IntArray:
        """Nodes of a factor's elements, repeated to a shape, in a row."""
        nodes = [int(c.nodes[0]) if _is_node(c) else self._write(c) for c in _combinations(sums)]
        return np.broadcast_to(np.array(nodes, dtype=np.int64).reshape(sums.shape), shape).ravel()

    def _write(self, operation: Operation) -> int:
        self.operations.append(operation)
        return self.n_inputs + len(self.operations) - 1


def _combinations(sums: Sums) -> list[Combination]:
    """Sum of nodes that each element is."""
    terms: Terms = dict(sums.terms)
    constants = terms.pop((), np.zeros(sums.shape, dtype=np.int64)).ravel().tolist()
    nodes = np.array([node for (node,) in terms], dtype=np.int64)
    weights = np.array([w.ravel() for w in terms.values()], dtype=np.int64)
    weights = weights.reshape(len(nodes), sums.size)
    used = [np.flatnonzero(column) for column in weights.T]
    return [
        Combination(nodes[places], column[places], constant)
        for places, column, constant in zip(used, weights.T, constants, strict=True)
    ]


def _is_node(combination: Combination) -> bool:
    """Whether a sum is nothing but one node."""
    return combination.weights.tolist() == [1] and not combination.constant
