"""Running a compiled program on any number of samples."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from time import perf_counter
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from joblib import Parallel, delayed, effective_n_jobs
from tqdm.auto import tqdm

from cml_sklearn.exceptions import BitWidthError
from cml_sklearn.fhe.backend import (
    Backend,
    CircuitOptions,
    CompiledCircuit,
    FheReport,
    Program,
)
from cml_sklearn.fhe.packing import PackedCircuit, PackedProgram
from cml_sklearn.fhe.primitives import IntArray

if TYPE_CHECKING:
    from cml_sklearn.quantization.program import IntegerProgram

__all__ = ["FheCircuit"]

_LINEAR_BATCH = 24

_LEAST_JOBS = 2
"""Batches on their way at once: one is evaluated while the next one is encrypted."""


class FheCircuit:
    """An FHE circuit with its keys, in the hands of the one who owns the data.

    Samples go through in batches of fixed size. Batches are spread by joblib over two threads, or
    as many as ``joblib.parallel_config(n_jobs=...)`` says, or over processes and machines with
    another backend; only the server's half (never the secret key) is sent there. A progress bar
    shows on a terminal.

    Parameters
    ----------
    program : Program
    options : CircuitOptions
    backend : Backend, optional
        None: Concrete.
    """

    def __init__(
        self, program: Program, options: CircuitOptions, backend: Backend | None = None
    ) -> None:
        if backend is None:
            from cml_sklearn.fhe.compiler import ConcreteBackend

            backend = ConcreteBackend()
        # written for Concrete; other engines have other ways to evaluate trees
        from cml_sklearn.fhe.concrete.forest.lowering import lower_trees

        lowered = lower_trees(cast("IntegerProgram", program))
        self._program, self._restore = lowered.program, lowered.restore
        self._backend = backend
        self.options = options
        self._is_linear = not self._program.has_lookups()
        self.batch_size = options.batch_size or (_LINEAR_BATCH if self._is_linear else 1)
        self._compiled: dict[int, CompiledCircuit] = {}
        self._for_batch(self.batch_size)

    @cached_property
    def report(self) -> FheReport:
        """Exact facts: bootstraps, cost, bytes, widths, security."""
        return self._for_batch(self.batch_size).report

    def simulate(self, *inputs: IntArray) -> tuple[IntArray, ...]:
        """Evaluate by the backend's simulation.

        Parameters
        ----------
        *inputs : ndarray of int, shape (n_samples, ...)

        Returns
        -------
        tuple of ndarray of int, shape (n_samples, ...)
        """
        circuit = self._for_batch(self.batch_size)
        batches = self._split(inputs, (self.batch_size,))
        results = [circuit.simulate(*rows) for _, rows in batches]
        return self._restore(*_join(results, len(inputs[0])))

    def execute(self, *inputs: IntArray) -> tuple[IntArray, ...]:
        """Encrypt, evaluate on ciphertexts, and decrypt.

        Parameters and result as in `simulate`.
        """
        batches = list(self._split(inputs, self._sizes))
        circuits = [self._for_batch(size) for size, _ in batches]
        servers = {size: self._for_batch(size).server() for size in {size for size, _ in batches}}
        jobs = (
            delayed(servers[size].run)(circuit.encrypt(*rows))
            for circuit, (size, rows) in zip(circuits, batches, strict=True)
        )
        n_jobs = max(_LEAST_JOBS, effective_n_jobs(None))
        runs = Parallel(n_jobs=n_jobs, prefer="threads", return_as="generator")(jobs)
        results = []
        with tqdm(total=len(inputs[0]), desc="encrypted", unit="sample", disable=None) as bar:
            for circuit, encrypted in zip(circuits, runs, strict=True):
                results.append(circuit.decrypt(encrypted))
                bar.update(min(len(results[-1][0]), bar.total - bar.n))
        return self._restore(*_join(results, len(inputs[0])))

    def generate_keys(self) -> None:
        """Generate the keys ahead of time, which `execute` else does when first called."""
        for size in self._sizes:
            self._for_batch(size).server()

    def profile(self, *inputs: IntArray) -> tuple[tuple[IntArray, ...], dict[str, float]]:
        """Do as `execute`, one batch after the other, and measure the stages.

        Call `generate_keys` first, or the keys count as encryption.

        Parameters
        ----------
        *inputs : ndarray of int, shape (n_samples, ...)

        Returns
        -------
        outputs : tuple of ndarray of int, shape (n_samples, ...)
        seconds : dict
            Of all batches together, by stage: "encrypt", "run", "decrypt".
        """
        times, results = [], []
        for size, rows in self._split(inputs, self._sizes):
            circuit = self._for_batch(size)
            server = circuit.server()
            clock = [perf_counter()]
            encrypted = circuit.encrypt(*rows)
            clock.append(perf_counter())
            encrypted = server.run(encrypted)
            clock.append(perf_counter())
            results.append(circuit.decrypt(encrypted))
            clock.append(perf_counter())
            times.append(np.diff(clock))
        totals = np.sum(times, axis=0).tolist()
        seconds = dict(zip(("encrypt", "run", "decrypt"), totals, strict=True))
        return self._restore(*_join(results, len(inputs[0]))), seconds

    @property
    def _sizes(self) -> tuple[int, ...]:
        """Batch sizes that samples are split into."""
        # without bootstraps there are no evaluation keys, so one more circuit costs nothing
        return (self.batch_size, 1) if self._is_linear else (self.batch_size,)

    def _for_batch(self, size: int) -> CompiledCircuit:
        """Circuit of a batch size, compiled once."""
        if size not in self._compiled:
            self._compiled[size] = self._compile(size)
        return self._compiled[size]

    def _compile(self, size: int) -> CompiledCircuit:
        """Compile for a batch size; several samples share a ciphertext where that is possible."""
        packed = PackedProgram.for_batch(self._program, size) if self._is_linear else None
        if packed is not None and packed.n_packed > 1:
            try:
                rows = size // packed.n_packed
                return PackedCircuit(self._backend.compile(packed, rows, self.options), packed)
            except BitWidthError:
                pass  # large weights leave the noise no room beside several samples
        return self._backend.compile(self._program, size, self.options)

    def _split(
        self, inputs: tuple[IntArray, ...], sizes: tuple[int, ...]
    ) -> Iterator[tuple[int, list[IntArray]]]:
        """Batches of the given sizes, largest first; the last one is filled with its last row."""
        start, n_samples = 0, len(inputs[0])
        while start < n_samples:
            left = n_samples - start
            size = next((s for s in sizes if s <= left), sizes[-1])
            rows = np.minimum(np.arange(start, start + size), n_samples - 1)
            yield size, [x[rows] for x in inputs]
            start += size


def _join(results: list[Any], n_samples: int) -> tuple[IntArray, ...]:
    """Put the outputs of batches together, without the filling."""
    return tuple(np.concatenate(parts)[:n_samples] for parts in zip(*results, strict=True))
