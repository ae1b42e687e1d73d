"""A program under BFV: its halves, its batches, and what it costs."""

from __future__ import annotations

import numpy as np

from cml_sklearn._typing import IntArray
from cml_sklearn.fhe.protocol import CircuitOptions, Cost, FheReport
from cml_sklearn.fhe.seal.choice import Choice
from cml_sklearn.fhe.seal.cost import bytes_of_batch
from cml_sklearn.fhe.seal.halves import SealClient, SealServer
from cml_sklearn.fhe.seal.specifications import (
    ClientSpecification,
    ServerSpecification,
    Task,
    Way,
    split_outputs,
)
from cml_sklearn.fhe.seal.tape import ClearAlgebra
from cml_sklearn.program.program import IntegerProgram

__all__ = ["SealCircuit"]

_SECURITY_BITS = 128


class SealCircuit:
    """A planned program.

    Parameters
    ----------
    program : IntegerProgram
    choice : Choice
    options : CircuitOptions
    """

    overlaps = False

    def __init__(self, program: IntegerProgram, choice: Choice, options: CircuitOptions) -> None:
        self._choice = choice = choice.up_to(options.batch_size)
        self._outputs = tuple(program.output_bounds)
        ways = tuple(
            Way(plan.parameters, plan.layouts, least)
            for plan, least in zip(choice.plans, choice.least, strict=True)
        )
        tasks = tuple(
            Task(way, plan.tape, plan.flood_bits)
            for way, plan in zip(ways, choice.plans, strict=True)
        )
        batches = choice.batches(options.batch_size)
        self.client = SealClient(ClientSpecification(ways, self._outputs, batches))
        self.server = SealServer(ServerSpecification(tasks))
        self.report = _report(program, choice, options)

    def simulate(self, *inputs: IntArray) -> tuple[IntArray, ...]:
        """Evaluate the arithmetic of the circuit on clear integers."""
        n_samples = len(inputs[0])
        plan = self._choice.plan_of(n_samples)
        columns = plan.layouts.columns(*inputs).astype(np.int64)
        values = plan.tape.run(ClearAlgebra(), lambda column: columns[column])
        rows = np.stack([np.broadcast_to(value, n_samples) for value in values], axis=1)
        return split_outputs(rows, self._outputs)

    def cost(self, n_samples: int) -> Cost:
        """Estimate by measured times of SEAL's operations."""
        return self._choice.cost(n_samples)


def _report(program: IntegerProgram, choice: Choice, options: CircuitOptions) -> FheReport:
    """Facts of the largest batch, by sample; of what is worst, for all of them."""
    plan = choice.plans[-1]
    parameters = plan.parameters
    size = min(options.batch_size or parameters.ring_dimension, parameters.ring_dimension)
    batches = choice.batches(options.batch_size).sizes(size)
    pairs = [bytes_of_batch(choice.plan_of(batch), batch) for batch in batches]
    up, down = np.sum(pairs, axis=0).tolist()
    return FheReport(
        engine="seal",
        pbs_count=None,
        complexity=None,
        key_bytes=choice.cost_of_keys.n_bytes,
        input_bytes=up / size,
        output_bytes=down / size,
        max_bit_width=max(width.bits for width in program.widths()),
        batch_size=size,
        p_error=0.0 if plan.layouts.is_affine else options.p_error,
        security_bits=_SECURITY_BITS,
        samples_per_ciphertext=size,
        levels=plan.tape.levels,
        products=plan.tape.work.products,
        ring_dimension=parameters.ring_dimension,
        modulus_bits=parameters.modulus_bits,
        plain_modulus=parameters.plain_modulus,
        noise_budget=min(plan.budget for plan in choice.plans),
        flood_bits=min(plan.hidden_bits for plan in choice.plans),
    )
