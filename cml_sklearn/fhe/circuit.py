"""Running a compiled program on any number of samples, whatever the engine."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import takewhile
from time import perf_counter
from typing import Any, NoReturn

import numpy as np
from joblib import Parallel, delayed, effective_n_jobs
from joblib.parallel import get_active_backend
from tqdm.auto import tqdm

from cml_sklearn._typing import IntArray
from cml_sklearn.config import bars_disabled
from cml_sklearn.exceptions import CompilationError
from cml_sklearn.fhe.interrupts import deferred_interrupts
from cml_sklearn.fhe.long_steps import LOG, long_step
from cml_sklearn.fhe.parcel import Parcel, held_by_workers
from cml_sklearn.fhe.protocol import (
    AnyCircuit,
    AnyEngine,
    CircuitOptions,
    Client,
    Cost,
    FheReport,
    Server,
)
from cml_sklearn.program.program import IntegerProgram

__all__ = ["FheCircuit"]

_OVERLAPPING_JOBS = 2
"""Batches on their way at once: one is evaluated while the next one is encrypted."""

_STAGES = ("encrypt", "run", "decrypt")

Integers = tuple[IntArray, ...]


class FheCircuit:
    """An FHE circuit with its keys, in the hands of the one who owns the data.

    Samples go through in batches of the sizes that the engine likes. Batches are spread by joblib
    over two threads (one, where the engine's library keeps Python's lock), or as many as
    ``joblib.parallel_config(n_jobs=...)`` says, or over processes and machines with another
    backend; only the server's half (never the secret key) is sent there.
    A progress bar shows on a terminal.

    Parameters
    ----------
    program : IntegerProgram
    options : CircuitOptions
    engine : Engine
    chosen : str
        Why this engine, for the report.
    circuit : Circuit, optional
        The program as the engine compiled it before; None: it is compiled now.

    Attributes
    ----------
    report : FheReport
        Exact facts: bootstraps or products, bytes, widths, security.

    Raises
    ------
    BitWidthError, CompilationError
        The engine can't do the program.
    """

    def __init__(
        self,
        program: IntegerProgram,
        options: CircuitOptions,
        engine: AnyEngine,
        chosen: str = "named",
        circuit: AnyCircuit | None = None,
    ) -> None:
        self.engine = engine
        self.options = options
        self._circuit = _compiled(program, options, engine) if circuit is None else circuit
        self.report: FheReport = replace(self._circuit.report, chosen=chosen)
        self._half: Parcel[Any] | None = None

    def __getstate__(self) -> NoReturn:
        """Refuse to be pickled or copied: what is compiled, and the keys, stay in the process."""
        raise TypeError(
            "A circuit can't be pickled or copied. Pickle the estimator, or write its module with "
            "QuantizedModule.save; what is read again compiles and makes keys when needed."
        )

    def __repr__(self) -> str:
        """Engine and cost of a sample."""
        report = self.report
        work = f"products={report.products}"
        if report.pbs_count is not None:
            work = f"pbs_count={report.pbs_count:g}, complexity={report.complexity:.3g}"
        return f"FheCircuit(engine={report.engine!r}, {work}, batch_size={report.batch_size})"

    @property
    def client(self) -> Client[Any, Any]:
        """The half that keeps the secret key: it encrypts and decrypts."""
        return self._circuit.client

    @property
    def server(self) -> Server[Any, Any]:
        """The half that evaluates ciphertexts."""
        return self._circuit.server

    @property
    def overlaps(self) -> bool:
        """Whether a thread can encrypt a batch while another one evaluates."""
        return self._circuit.overlaps

    @property
    def batch_size(self) -> int:
        """Samples that go through at once."""
        return self.report.batch_size

    def cost(self, n_samples: int) -> Cost:
        """Estimate what `execute` takes, without keys, on the machine of docs/guide/costs.md."""
        return self._circuit.cost(n_samples)

    def simulate(self, *inputs: IntArray) -> Integers:
        """Evaluate by the engine's simulation.

        Parameters
        ----------
        *inputs : ndarray of int, shape (n_samples, ...)

        Returns
        -------
        tuple of ndarray of int, shape (n_samples, ...)
        """
        return _join([self._circuit.simulate(*rows) for rows in self._batches(inputs)], inputs)

    def execute(self, *inputs: IntArray) -> Integers:
        """Encrypt, evaluate on ciphertexts, and decrypt.

        Ctrl-C ends it after the batches under way. Parameters and result as in `simulate`.
        """
        client = self.client
        half = self._half or Parcel((self.server, client.evaluation_keys))
        self._half = half
        results, started, n_samples = [], perf_counter(), len(inputs[0])
        with (
            deferred_interrupts() as interrupted,
            tqdm(total=n_samples, desc="encrypted", unit="sample", disable=bars_disabled()) as bar,
        ):
            batches = takewhile(lambda _: not interrupted(), self._batches(inputs))
            for encrypted in self._evaluated(half, batches):
                results.append(client.decrypt(encrypted))
                bar.update(min(len(results[-1][0]), bar.total - bar.n))
        LOG.debug("encrypted: %d samples, %.3f s", n_samples, perf_counter() - started)
        return _join(results, inputs)

    def _evaluated(self, half: Parcel[Any], batches: Iterable[Integers]) -> Iterator[Any]:
        """Encrypt batches and let the server's half evaluate them, several at once or in turn."""
        encrypt, overlaps = self.client.encrypt, self.overlaps
        if not overlaps and effective_n_jobs(None) == 1:
            # joblib would keep a batch until the next one is there: hundreds of megabytes
            yield from (_evaluate(half, encrypt(*rows)) for rows in batches)
            return
        jobs = (delayed(_evaluate)(half, encrypt(*rows)) for rows in batches)
        backend, _ = get_active_backend(prefer="threads")
        with held_by_workers(half, backend):
            yield from _parallel(backend, overlaps=overlaps)(jobs)

    def generate_keys(self) -> None:
        """Generate the keys ahead of time, which `execute` else does when first called."""
        self.client.generate_keys()

    def profile(self, *inputs: IntArray) -> tuple[Integers, dict[str, float]]:
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
        client, server, keys = self.client, self.server, self.client.evaluation_keys
        times, results = [], []
        for rows in self._batches(inputs):
            clock = [perf_counter()]
            encrypted = client.encrypt(*rows)
            clock.append(perf_counter())
            evaluated = server.run(encrypted, keys)
            clock.append(perf_counter())
            results.append(client.decrypt(evaluated))
            clock.append(perf_counter())
            times.append(np.diff(clock))
        seconds = dict(zip(_STAGES, np.sum(times, axis=0).tolist(), strict=True))
        return _join(results, inputs), seconds

    def _batches(self, inputs: Integers) -> Iterator[Integers]:
        """Rows of every batch; the last batch is filled with its last row."""
        start, n_samples = 0, len(inputs[0])
        for size in self.client.batch_sizes(n_samples):
            rows = np.minimum(np.arange(start, start + size), n_samples - 1)
            yield tuple(x[rows] for x in inputs)
            start += size


def _compiled(program: IntegerProgram, options: CircuitOptions, engine: AnyEngine) -> AnyCircuit:
    """Compile what an engine supports."""
    reason = engine.supports(program)
    if reason is not None:
        raise CompilationError(
            f"The engine {engine.name!r} can't do this model: {reason}. Choose another one."
        )
    with long_step("compile", engine=engine.name) as facts:
        circuit = engine.compile(program, options)
        facts |= {"key_bytes": circuit.report.key_bytes, "batch_size": circuit.report.batch_size}
    return circuit


def _evaluate(half: Parcel[tuple[Server[Any, Any], Any]], encrypted: Any) -> Any:
    """Let the server's half work on a batch."""
    server, keys = half.content
    return server.run(encrypted, keys)


def _parallel(backend: Any, *, overlaps: bool) -> Parallel:
    """Make what spreads the batches, as joblib's context says; by itself two threads or one."""
    return Parallel(
        n_jobs=max(_OVERLAPPING_JOBS if overlaps else 1, effective_n_jobs(None)),
        prefer="threads",
        return_as="generator" if backend.supports_return_generator else "list",
        pre_dispatch="n_jobs",
    )


def _join(results: list[Integers], inputs: Integers) -> Integers:
    """Put the outputs of batches together, without the filling."""
    parts = zip(*results, strict=True)
    return tuple(np.concatenate(part)[: len(inputs[0])] for part in parts)
