"""SEAL's BFV for affine programs, and for trees and lookups over bits."""

from __future__ import annotations

import weakref
from pathlib import Path

from cml_sklearn.fhe.long_steps import long_step
from cml_sklearn.fhe.protocol import CircuitOptions, Cost
from cml_sklearn.fhe.seal.bindings import KeyRing, is_installed
from cml_sklearn.fhe.seal.choice import Choice, choose
from cml_sklearn.fhe.seal.circuit import SealCircuit
from cml_sklearn.fhe.seal.halves import SealCiphertexts, SealClient, SealServer
from cml_sklearn.fhe.seal.sums import UnsupportedProgramError
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
            _chosen(program, CircuitOptions().p_error)
        except UnsupportedProgramError as error:
            return str(error)
        return None

    def compile(self, program: IntegerProgram, options: CircuitOptions) -> SealCircuit:
        """Plan the arithmetic; nothing else is to be compiled."""
        return SealCircuit(program, _chosen(program, options.p_error), options)

    def load_client(self, folder: str | Path) -> SealClient:
        """Read what `SealClient.save` wrote."""
        return SealClient.load(folder)

    def load_server(self, folder: str | Path) -> SealServer:
        """Read what `SealServer.save` wrote."""
        return SealServer.load(folder)

    def read_ciphertexts(self, n_samples: int, parts: tuple[bytes, ...]) -> SealCiphertexts:
        """Read a batch from the wire."""
        return SealCiphertexts.of(n_samples, parts)

    def read_keys(self, parts: tuple[bytes, ...]) -> KeyRing:
        """Read evaluation keys from the wire."""
        return KeyRing.of(parts)

    def cost(self, program: IntegerProgram, n_samples: int) -> Cost:
        """Seconds and bytes, keys included."""
        choice = _chosen(program, CircuitOptions().p_error)
        samples, keys = choice.cost(n_samples), choice.cost_of_keys
        return Cost(samples.seconds + keys.seconds, samples.n_bytes + keys.n_bytes)


_choices: dict[tuple[int, float], tuple[weakref.ref[IntegerProgram], Choice | str]] = {}
"""Plans of programs that are alive, or why there are none, by identity and error."""


def _chosen(program: IntegerProgram, p_error: float) -> Choice:
    """Plan a program once, however often it is asked whether it can be."""
    key = id(program), p_error
    known = _choices.get(key)
    if known is None or known[0]() is not program:
        try:
            with long_step("plan", engine=SealEngine.name):
                found: Choice | str = choose(program, p_error)
        except UnsupportedProgramError as error:
            found = str(error)
        _choices[key] = known = weakref.ref(program, lambda _: _choices.pop(key, None)), found
    if isinstance(known[1], str):
        raise UnsupportedProgramError(known[1])
    return known[1]
