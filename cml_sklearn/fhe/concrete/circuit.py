"""A program compiled by Concrete, for one or two sizes of batches."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from cml_sklearn._typing import IntArray
from cml_sklearn.fhe.concrete.bindings import compiling, delete_folder_of
from cml_sklearn.fhe.concrete.forest.plan import OutputWords
from cml_sklearn.fhe.concrete.halves import ConcreteClient, ConcreteServer, as_tuple, in_order
from cml_sklearn.fhe.concrete.selection import Selection
from cml_sklearn.fhe.protocol import CircuitOptions, Cost, FheReport
from cml_sklearn.program.packing import Packing

__all__ = ["BatchCircuit", "ConcreteCircuit"]

_SECONDS_OF_CALL, _SECONDS_OF_BATCH, _SECONDS_OF_LOOKUPS = 0.009, 0.003, 0.05
"""Of handing batches to threads, of any batch, and in addition of one with lookups."""

_SECONDS_OF_GOP, _SECONDS_OF_MB_SENT, _SECONDS_OF_MB_READ = 0.107, 4.2, 4.2
"""Measured on 16 models by the machine of docs/guide/costs.md: both cores, nothing else running."""

_SECURITY_BITS = 128


@dataclass(frozen=True)
class BatchCircuit:
    """One of the library's circuits.

    Parameters
    ----------
    circuit : concrete.fhe.Circuit
    size : int
        Samples that go through at once.
    packing : Packing, optional
        How samples share a ciphertext.
    """

    circuit: Any
    size: int
    packing: Packing | None = None

    @property
    def n_packed(self) -> int:
        """Samples that share a ciphertext."""
        return 1 if self.packing is None else self.packing.n_packed

    def simulate(self, *inputs: IntArray) -> tuple[IntArray, ...]:
        """Evaluate without encryption."""
        rows = inputs if self.packing is None else self.packing.pack(*inputs)
        with compiling(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            values = as_tuple(self._simulator.simulate(*in_order(rows)))
        return values if self.packing is None else self.packing.unpack(*values)

    @cached_property
    def _simulator(self) -> Any:
        """The circuit, compiled for simulation, too."""
        self.circuit.enable_fhe_simulation()
        delete_folder_of(self.circuit.simulator)
        return self.circuit


class ConcreteCircuit:
    """Circuits of the same program, the one for the largest batch first."""

    overlaps = True

    def __init__(
        self,
        batches: Sequence[BatchCircuit],
        selection: Selection,
        words: OutputWords,
        options: CircuitOptions,
    ) -> None:
        self._batches = {batch.size: batch for batch in batches}
        self._largest = batches[0]
        self._selection = selection
        self._words = words
        self.client = ConcreteClient(
            {b.size: selection.client(b.circuit.client.specs) for b in batches},
            {b.size: b.packing for b in batches if b.packing is not None},
            words,
        )
        self.server = ConcreteServer({b.size: b.circuit.server for b in batches}, selection)
        self.report = _report(self._largest, selection, options)

    def simulate(self, *inputs: IntArray) -> tuple[IntArray, ...]:
        """Evaluate one batch without encryption."""
        batch = self._batches[len(inputs[0])]
        return self._words.fields(*batch.simulate(*self._selection.integers(*inputs)))

    def cost(self, n_samples: int) -> Cost:
        """Estimate by operations and bytes of the batches."""
        batches = [self._batches[size] for size in self.client.batch_sizes(n_samples)]
        costs = [_cost_of(batch, self._selection) for batch in batches]
        seconds = _SECONDS_OF_CALL + sum(cost.seconds for cost in costs)
        return Cost(seconds, sum(cost.n_bytes for cost in costs))


def _cost_of(batch: BatchCircuit, selection: Selection) -> Cost:
    """Estimate encryption, evaluation and decryption of a batch."""
    statistics, size = batch.circuit.statistics, batch.size
    gop, read = statistics["complexity"] / 1e9, statistics["size_of_inputs"]
    sent = size * _input_bytes(batch, selection)
    seconds = _SECONDS_OF_BATCH + _SECONDS_OF_GOP * gop
    if statistics["programmable_bootstrap_count"]:
        seconds += _SECONDS_OF_LOOKUPS
    seconds += (_SECONDS_OF_MB_SENT * sent + _SECONDS_OF_MB_READ * read) / 1e6
    return Cost(seconds, round(sent + statistics["size_of_outputs"]))


def _input_bytes(batch: BatchCircuit, selection: Selection) -> float:
    """Ciphertexts that a sample sends, those among them that the circuit does not read."""
    read: float = batch.circuit.statistics["size_of_inputs"] / batch.size
    return read + selection.bytes_left_out / batch.n_packed


def _report(batch: BatchCircuit, selection: Selection, options: CircuitOptions) -> FheReport:
    """Collect the compiler's statistics, by sample."""
    circuit, size, statistics = batch.circuit, batch.size, batch.circuit.statistics
    by_tag = statistics["programmable_bootstrap_count_per_tag"]
    by_width = {
        int(tag.removeprefix("width_")): count / size
        for tag, count in sorted(by_tag.items())
        if tag.startswith("width_")
    }
    return FheReport(
        engine="concrete",
        pbs_count=statistics["programmable_bootstrap_count"] / size,
        pbs_by_width=by_width,
        complexity=statistics["complexity"] / size / 1e9,
        key_bytes=statistics["size_of_bootstrap_keys"] + statistics["size_of_keyswitch_keys"],
        input_bytes=_input_bytes(batch, selection),
        output_bytes=statistics["size_of_outputs"] / size,
        max_bit_width=circuit.graph.maximum_integer_bit_width(),
        batch_size=size,
        p_error=options.p_error,
        security_bits=_SECURITY_BITS,
        samples_per_ciphertext=batch.n_packed,
    )
