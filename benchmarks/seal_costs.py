"""Milliseconds of SEAL's operations, for the cost model of `cml_sklearn.fhe.seal.cost`.

Each is done through the functions of the two halves, for parameters of plans: those of an affine
program, and those of as many products in a row as need a larger ring or modulus than fewer do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import astuple, replace
from statistics import median
from time import process_time
from typing import Annotated, Any

import numpy as np
import typer

from cml_sklearn.fhe.seal.cost import Times, batches_of
from cml_sklearn.fhe.seal.halves import SealClient, SealServer
from cml_sklearn.fhe.seal.layouts import CoefficientLayout
from cml_sklearn.fhe.seal.plan import Plan, _affine_plans, _product_plans
from cml_sklearn.fhe.seal.session import session_of
from cml_sklearn.fhe.seal.specifications import ClientSpecification, ServerSpecification, Task, Way
from cml_sklearn.fhe.seal.tape import Combination, Product, Tape
from cml_sklearn.program.bounds import Bounds

__all__ = ["main", "measured", "plans"]

_LEVELS = (2, 3, 4, 6)
_COPY = Tape(1, (Combination(np.array([0]), np.array([1]), 0),), (1,))
"""Its answer takes what any answer takes, reading and one addition."""

_SPAN = 30_000
_P_ERROR = 2.0**-64
_CALLS = 7
_FEATURES = 30
_MANY = 16


def main(
    rounds: Annotated[int, typer.Option(min=1, help="Medians, of which the best counts.")] = 5,
    most: Annotated[int, typer.Option(help="Leave out larger rings.")] = 16384,
) -> None:
    """Print times of SEAL's operations, ready to be pasted into the cost model."""
    typer.echo("_MEASURED = {")
    for plan in plans():
        parameters = plan.parameters
        if parameters.ring_dimension <= most:
            figures = ", ".join(f"{x:.2g}" for x in astuple(measured(plan, rounds)))
            key = parameters.ring_dimension, parameters.n_primes
            typer.echo(f"    {key}: Times({figures}),")
    typer.echo("}")


def plans() -> Iterator[Plan]:
    """Plans of squares of squares, one for each parameters of the cost model."""
    # no affine program has products, but there are keys for them, too
    yield replace(next(_affine_plans(_COPY, _SPAN)), tape=_squares(1))
    for levels in _LEVELS:
        yield next(_product_plans(_squares(levels), _SPAN, _P_ERROR))


def _squares(levels: int) -> Tape:
    return Tape(1, tuple(Product(i, i) for i in range(levels)), (levels,))


def measured(plan: Plan, rounds: int) -> Times:
    """Measure all operations with the parameters of a plan."""
    bench = _Bench(plan)
    best = {name: _best(*work, rounds) for name, work in bench.works.items()}
    best["add"] /= _MANY
    best["answer"] -= best["read"] + best["add"]
    best["key"] /= bench.n_keys
    return Times(**best)


def _best(work: Callable[[Any], object], make: Callable[[], Any], rounds: int) -> float:
    """Milliseconds of the process: the best of some medians."""
    calls = ([_milliseconds(work, make()) for _ in range(_CALLS)] for _ in range(rounds))
    return min(map(median, calls))


def _milliseconds(work: Callable[[Any], object], argument: Any) -> float:
    start = process_time()
    work(argument)
    return 1e3 * (process_time() - start)


class _Bench:
    """Both halves with keys, and something to work on."""

    def __init__(self, plan: Plan) -> None:
        parameters, layouts = plan.parameters, plan.layouts
        n, t = parameters.ring_dimension, parameters.plain_modulus
        bounds = Bounds(np.array([0]), np.array([t - 1]))
        way = Way(parameters, layouts)
        self.client = SealClient(ClientSpecification((way,), (bounds,), batches_of(plan)))
        self.keys = self.client.evaluation_keys
        self.server = SealServer(ServerSpecification((Task(way, _COPY, plan.flood_bits),)))
        self.session = session_of(parameters, self.keys.keys[0], layouts)
        self.scheme = self.session.scheme
        self.elements = layouts.galois_elements
        self.n_keys = 2 + len(self.elements)
        self.x = np.random.default_rng(0).integers(0, 2, (n, 1))
        self.sent = self.client.encrypt(self.x)
        self.answer = self.server.run(self.sent, self.keys)
        self.layout = CoefficientLayout(n, _FEATURES)

    @property
    def works(self) -> dict[str, tuple[Callable[[Any], object], Callable[[], Any]]]:
        """What is done, and what makes its argument, by the fields of `Times`."""
        session, evaluator = self.session, self.scheme.evaluator
        weights, ones = np.arange(1, _FEATURES + 1), np.ones(_MANY, dtype=np.int64)
        constant = self.scheme.constant(3)
        return {
            "encrypt": (self.client.encrypt, lambda: self.x),
            "read": (session.read, lambda: self.sent.values[0]),
            "answer": (lambda x: self.server.run(x, self.keys), lambda: self.sent),
            "decrypt": (self.client.decrypt, lambda: self.answer),
            "product": (lambda pair: session.product(*pair), lambda: (self._read(), self._read())),
            "relinearize": (session.relinearize, self._product),
            "rotate": (lambda x: session.turned(x, self.elements[0]), self._read),
            "scale": (lambda x: evaluator.multiply_plain_inplace(x, constant), self._read),
            "add": (lambda xs: session.combine(xs, ones, 0), lambda: [self._read()] * _MANY),
            "plain": (lambda x: session.affine([x], [weights], 1, self.layout), self._read),
            "key": (lambda _: self._make_keys(), lambda: None),
        }

    def _read(self) -> Any:
        return self.session.read(self.sent.values[0])

    def _product(self) -> Any:
        return self.session.product(self._read(), self._read())

    def _make_keys(self) -> None:
        secret = self.scheme.secret_keys()
        secret.evaluation_keys(products=True, rotations=self.elements)
