"""A program compiled by concrete-numpy, for one size of batches."""

from __future__ import annotations

from typing import Any

import numpy as np

from cml_sklearn._typing import IntArray
from cml_sklearn.fhe.concrete.forest.plan import OutputWords
from cml_sklearn.fhe.concrete_numpy.halves import ConcreteNumpyClient, ConcreteNumpyServer, Layout
from cml_sklearn.fhe.protocol import CircuitOptions, Cost, FheReport

__all__ = ["ConcreteNumpyCircuit"]

_SECONDS_OF_MB = 0.1
"""Of ciphertexts, as in the engine's `cost`."""

_SECURITY_BITS = 128


class ConcreteNumpyCircuit:
    """One of the library's circuits.

    Parameters
    ----------
    circuit : concrete.numpy.Circuit
    size : int
        Samples that go through at once.
    n_lookups : int
        Of a sample.
    words : OutputWords
    options : CircuitOptions
    """

    overlaps = True

    def __init__(
        self, circuit: Any, size: int, n_lookups: int, words: OutputWords, options: CircuitOptions
    ) -> None:
        self._circuit = circuit
        self._words = words
        self.client = ConcreteNumpyClient(circuit.client, Layout(size, words))
        self.server = ConcreteNumpyServer(circuit.server)
        self.report = _report(circuit, size, n_lookups, options)

    def simulate(self, *inputs: IntArray) -> tuple[IntArray, ...]:
        """Evaluate one batch without encryption."""
        return self._words.fields(np.asarray(self._circuit.simulate(*inputs)).astype(np.int64))

    def cost(self, n_samples: int) -> Cost:
        """Estimate by bytes on the wire: encryption takes the most."""
        n_bytes = n_samples * (self.report.input_bytes + self.report.output_bytes)
        return Cost(_SECONDS_OF_MB * n_bytes / 1e6, round(n_bytes))


def _report(circuit: Any, size: int, n_lookups: int, options: CircuitOptions) -> FheReport:
    """Collect the compiler's statistics, by sample; all integers have the widest one's width."""
    width = circuit.graph.maximum_integer_bit_width()
    return FheReport(
        engine="concrete-numpy",
        pbs_count=n_lookups,
        pbs_by_width={width: float(n_lookups)} if n_lookups else {},
        complexity=circuit.complexity / size / 1e9,
        key_bytes=circuit.size_of_bootstrap_keys + circuit.size_of_keyswitch_keys,
        input_bytes=circuit.size_of_inputs / size,
        output_bytes=circuit.size_of_outputs / size,
        max_bit_width=width,
        batch_size=size,
        p_error=options.p_error,
        security_bits=_SECURITY_BITS,
    )
