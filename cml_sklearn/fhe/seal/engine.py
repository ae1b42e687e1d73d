"""SEAL's BFV for affine programs, and for trees and lookups over bits."""

from __future__ import annotations

import weakref
from pathlib import Path

from cml_sklearn.fhe.protocol import CircuitOptions, Cost
from cml_sklearn.fhe.seal.bindings import SealKeys, is_installed
from cml_sklearn.fhe.seal.circuit import SealCircuit
from cml_sklearn.fhe.seal.cost import (
    batches_of,
    bytes_of_batch,
    key_bytes,
    seconds_of,
    seconds_of_keys,
)
from cml_sklearn.fhe.seal.halves import SealCiphertexts, SealClient, SealServer
from cml_sklearn.fhe.seal.plan import Plan, plan_program
from cml_sklearn.fhe.seal.polynomial import UnsupportedProgramError
from cml_sklearn.program.program import IntegerProgram

__all__ = ["SealEngine"]


class SealEngine:
    """BFV: exact arithmetic on thousands of samples at once, with keys of megabytes."""

    name = "seal"

    def supports(self, program: IntegerProgram) -> str | None:
        """Why there is no polynomial that is worth evaluating, or no package."""
        if not is_installed():
            return 'the package "tenseal" is not installed'
        try:
            _plan(program, CircuitOptions().p_error)
        except UnsupportedProgramError as error:
            return str(error)
        return None

    def compile(self, program: IntegerProgram, options: CircuitOptions) -> SealCircuit:
        """Plan the arithmetic; nothing else is to be compiled."""
        return SealCircuit(program, _plan(program, options.p_error), options)

    def load_client(self, folder: str | Path) -> SealClient:
        """Read what `SealClient.save` wrote."""
        return SealClient.load(folder)

    def load_server(self, folder: str | Path) -> SealServer:
        """Read what `SealServer.save` wrote."""
        return SealServer.load(folder)

    def read_ciphertexts(self, n_samples: int, parts: tuple[bytes, ...]) -> SealCiphertexts:
        """Read a batch from the wire."""
        return SealCiphertexts.of(n_samples, parts)

    def read_keys(self, parts: tuple[bytes, ...]) -> SealKeys:
        """Read evaluation keys from the wire."""
        return SealKeys.of(parts)

    def cost(self, program: IntegerProgram, n_samples: int) -> Cost:
        """Seconds and bytes, keys included."""
        plan = _plan(program, CircuitOptions().p_error)
        sizes = batches_of(plan).sizes(n_samples)
        sent = sum(sum(bytes_of_batch(plan, size)) for size in sizes)
        seconds = seconds_of_keys(plan) + seconds_of(plan, n_samples)
        return Cost(seconds, key_bytes(plan) + sent)


_plans: dict[tuple[int, float], tuple[weakref.ref[IntegerProgram], Plan | str]] = {}
"""Plans of programs that are alive, or why there are none, by identity and error."""


def _plan(program: IntegerProgram, p_error: float) -> Plan:
    """Plan a program once, however often it is asked whether it can be."""
    key = id(program), p_error
    known = _plans.get(key)
    if known is None or known[0]() is not program:
        try:
            found: Plan | str = plan_program(program, p_error)
        except UnsupportedProgramError as error:
            found = str(error)
        _plans[key] = known = weakref.ref(program, lambda _: _plans.pop(key, None)), found
    if isinstance(known[1], str):
        raise UnsupportedProgramError(known[1])
    return known[1]
