"""Arithmetic on ciphertexts as plain data: products of two, and sums with clear weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol, TypeVar

import numpy as np

from cml_sklearn._typing import IntArray

__all__ = ["Algebra", "ClearAlgebra", "Combination", "Operation", "Product", "Tape", "Work"]

T = TypeVar("T")


@dataclass(frozen=True)
class Product:
    """Product of two nodes."""

    left: int
    right: int


@dataclass(frozen=True)
class Combination:
    """``weights @ nodes + constant``.

    Parameters
    ----------
    nodes, weights : ndarray of int, shape (n_terms,)
    constant : int
    """

    nodes: IntArray
    weights: IntArray
    constant: int


Operation = Product | Combination


class Algebra(Protocol[T]):
    """What products and combinations do to some kind of value: ciphertexts, integers, bounds."""

    def product(self, left: T, right: T) -> T:
        """Multiply two values."""
        ...

    def combine(self, values: list[T], weights: IntArray, constant: int) -> T:
        """Weigh and add values."""
        ...


@dataclass(frozen=True)
class Tape:
    """Operations in turn. Nodes are numbered: first the inputs, then one for each operation.

    Parameters
    ----------
    n_inputs : int
    operations : tuple of Product or Combination
    outputs : tuple of int
        Nodes to give back.
    """

    n_inputs: int
    operations: tuple[Product | Combination, ...]
    outputs: tuple[int, ...]

    def run(self, algebra: Algebra[T], read: Callable[[int], T]) -> list[T]:
        """Evaluate; a value is dropped when nothing needs it any more.

        Parameters
        ----------
        algebra : Algebra
        read : callable
            Gives the value of an input, once.
        """
        values: dict[int, T] = {}
        for number, (operation, dropped) in enumerate(
            zip(self.operations, self._dropped_after, strict=True), start=self.n_inputs
        ):
            nodes = operands(operation)
            for node in nodes:
                if node not in values:
                    values[node] = read(node)
            if isinstance(operation, Product):
                result = algebra.product(values[operation.left], values[operation.right])
            else:
                terms = [values[node] for node in nodes]
                result = algebra.combine(terms, operation.weights, operation.constant)
            values[number] = result
            for node in dropped:
                del values[node]
        return [values[node] for node in self.outputs]

    @cached_property
    def inputs_read(self) -> list[int]:
        """Inputs that the outputs depend on, ascending."""
        return sorted({n for op in self.operations for n in operands(op) if n < self.n_inputs})

    @property
    def n_products(self) -> int:
        """Products of two ciphertexts."""
        return sum(isinstance(operation, Product) for operation in self.operations)

    @cached_property
    def levels(self) -> int:
        """Products that follow one another at the most."""
        depth = self.run(_Depth(), lambda _: 0)
        return max(depth, default=0)

    @cached_property
    def work(self) -> Work:
        """Count what a server does."""
        counter = _Counter()
        for output in self.run(counter, lambda _: _Polynomials(2)):
            counter.relinearize(output)
        return Work(**counter.counts)

    @cached_property
    def _dropped_after(self) -> list[list[int]]:
        """Nodes that no operation after this one reads."""
        last: dict[int, int] = {}
        for position, operation in enumerate(self.operations):
            last.update(dict.fromkeys(operands(operation), position))
        dropped: list[list[int]] = [[] for _ in self.operations]
        for node, position in last.items():
            if node not in self.outputs:
                dropped[position].append(node)
        return dropped


def operands(operation: Operation) -> list[int]:
    """Nodes that an operation reads, each once."""
    if isinstance(operation, Product):
        return list(dict.fromkeys((operation.left, operation.right)))
    nodes: list[int] = operation.nodes.tolist()
    return nodes


@dataclass(frozen=True)
class Work:
    """Operations on ciphertexts that a tape takes.

    Attributes
    ----------
    products, relinearizations, scalings, additions : int
        Scalings are products with clear integers.
    """

    products: int
    relinearizations: int
    scalings: int
    additions: int


class _Polynomials:
    """Number of polynomials of a ciphertext: 3 after a product, 2 when relinearized."""

    def __init__(self, number: int) -> None:
        self.number = number


class _Counter:
    """Counts what the server's algebra does."""

    def __init__(self) -> None:
        self.counts = dict.fromkeys(("products", "relinearizations", "scalings", "additions"), 0)

    def relinearize(self, value: _Polynomials) -> None:
        self.counts["relinearizations"] += value.number - 2
        value.number = 2

    def product(self, left: _Polynomials, right: _Polynomials) -> _Polynomials:
        self.relinearize(left)
        self.relinearize(right)
        self.counts["products"] += 1
        return _Polynomials(3)

    def combine(self, values: list[_Polynomials], weights: IntArray, constant: int) -> _Polynomials:
        self.counts["additions"] += len(values)
        self.counts["scalings"] += len(set(np.abs(weights).tolist()) - {0, 1})
        return _Polynomials(max((value.number for value in values), default=2))


class _Depth:
    """Counts products along the way."""

    def product(self, left: int, right: int) -> int:
        return max(left, right) + 1

    def combine(self, values: list[int], weights: IntArray, constant: int) -> int:
        return max(values, default=0)


class ClearAlgebra:
    """Integers of samples, for simulation: arrays of shape (n_samples,)."""

    def product(self, left: IntArray, right: IntArray) -> IntArray:
        """Multiply sample by sample."""
        return left * right

    def combine(self, values: list[IntArray], weights: IntArray, constant: int) -> IntArray:
        """Weigh and add."""
        total: IntArray = np.asarray(constant, dtype=np.int64)
        for value, weight in zip(values, weights.tolist(), strict=True):
            total = total + value * weight
        return total
