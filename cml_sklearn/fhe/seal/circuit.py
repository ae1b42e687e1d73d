"""A program under BFV: its halves, its batches, and what it costs."""

from __future__ import annotations

import numpy as np

from cml_sklearn._typing import IntArray
from cml_sklearn.fhe.protocol import CircuitOptions, FheReport
from cml_sklearn.fhe.seal.cost import batches_of, bytes_of_batch, key_bytes
from cml_sklearn.fhe.seal.halves import (
    ClientSpecification,
    SealClient,
    SealServer,
    ServerSpecification,
)
from cml_sklearn.fhe.seal.plan import Plan
from cml_sklearn.fhe.seal.tape import ClearAlgebra
from cml_sklearn.program.program import IntegerProgram

__all__ = ["SealCircuit"]

_SECURITY_BITS = 128


class SealCircuit:
    """A planned program.

    Parameters
    ----------
    program : IntegerProgram
    plan : Plan
    options : CircuitOptions
    """

    overlaps = False

    def __init__(self, program: IntegerProgram, plan: Plan, options: CircuitOptions) -> None:
        self._plan = plan
        self._outputs = tuple(program.output_bounds)
        self.client = SealClient(
            ClientSpecification(
                plan.parameters, plan.layouts, self._outputs, batches_of(plan, options.batch_size)
            )
        )
        self.server = SealServer(
            ServerSpecification(plan.parameters, plan.layouts, plan.tape, plan.flood_bits)
        )
        self.report = _report(program, plan, options)

    def simulate(self, *inputs: IntArray) -> tuple[IntArray, ...]:
        """Evaluate the arithmetic of the circuit on clear integers."""
        n_samples = len(inputs[0])
        columns = np.hstack([x.reshape(n_samples, -1) for x in inputs]).T.astype(np.int64)
        values = self._plan.tape.run(ClearAlgebra(), lambda column: columns[column])
        rows = np.stack([np.broadcast_to(value, n_samples) for value in values], axis=1)
        sizes = [bounds.low.size for bounds in self._outputs]
        parts = np.split(rows, np.cumsum(sizes)[:-1], axis=1)
        return tuple(
            part.reshape(n_samples, *bounds.shape)
            for part, bounds in zip(parts, self._outputs, strict=True)
        )


def _report(program: IntegerProgram, plan: Plan, options: CircuitOptions) -> FheReport:
    """Facts of the largest batch, by sample."""
    parameters, work = plan.parameters, plan.tape.work
    size = min(options.batch_size or parameters.ring_dimension, parameters.ring_dimension)
    batches = batches_of(plan, options.batch_size).sizes(size)
    up, down = np.sum([bytes_of_batch(plan, batch) for batch in batches], axis=0).tolist()
    return FheReport(
        engine="seal",
        pbs_count=None,
        complexity=None,
        key_bytes=key_bytes(plan),
        input_bytes=up / size,
        output_bytes=down / size,
        max_bit_width=max(width.bits for width in program.widths()),
        batch_size=size,
        p_error=0.0 if plan.layouts.is_affine else options.p_error,
        security_bits=_SECURITY_BITS,
        samples_per_ciphertext=size,
        levels=plan.tape.levels,
        products=work.products,
        ring_dimension=parameters.ring_dimension,
        modulus_bits=parameters.modulus_bits,
        plain_modulus=parameters.plain_modulus,
        noise_budget=plan.budget,
        flood_bits=plan.hidden_bits,
    )
