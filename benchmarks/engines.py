"""What the measurements of engines share: models as integer programs, and samples sent through."""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Iterator
from dataclasses import replace
from statistics import median_low
from time import perf_counter, process_time
from typing import Any, NamedTuple

import numpy as np

from benchmarks.measure import machine_facts
from benchmarks.models import MODELS
from benchmarks.subject import OurSubject
from cml_sklearn import QuantizedModule
from cml_sklearn.fhe.engines import named_engine
from cml_sklearn.fhe.protocol import Circuit, CircuitOptions

__all__ = ["Flow", "compiled", "facts_line", "few_flows", "n_bytes", "stream", "trained"]

_PACKAGES = ("cml-sklearn", "tenseal", "concrete-python")
_LONG = 10.0
"""Seconds of runs after which no further one is made."""

Integers = tuple[np.ndarray, ...]


class Flow(NamedTuple):
    """What became of samples.

    Attributes
    ----------
    outputs : tuple of ndarray of int, shape (n_samples, ...)
    seconds : float
        Encryption, evaluation and decryption, one after the other.
    seconds_cpu : float
        The same of the process's own time.
    n_up, n_down : int
        Bytes of ciphertexts.
    """

    outputs: Integers
    seconds: float
    seconds_cpu: float
    n_up: int
    n_down: int


def trained(
    model: str, n_bits: int | None, X: np.ndarray, y: np.ndarray, **parameters: Any
) -> QuantizedModule:
    """Train a classifier of `MODELS`, with other parameters where some are given."""
    spec = MODELS["classification"][model]
    spec = replace(spec, parameters=spec.parameters | parameters)
    subject = OurSubject(spec, spec.n_bits if n_bits is None else n_bits, 0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scikit-learn's on convergence
        subject.fit(X, y)
    module: QuantizedModule = subject.model.quantized_module_
    return module


def compiled(module: QuantizedModule, engine: str) -> Circuit[Any, Any]:
    """Compile a module's program.

    Raises
    ------
    CompilationError
    """
    return named_engine(engine).compile(module.program, CircuitOptions())


def stream(circuit: Circuit[Any, Any], inputs: Integers) -> Flow:
    """Send samples through, batch after batch; keys are made before the clock starts."""
    client, server, keys = circuit.client, circuit.server, circuit.client.evaluation_keys
    results, seconds, up, down = [], np.zeros(2), 0, 0
    for batch in _batches(circuit, inputs):
        start = _clocks()
        encrypted = client.encrypt(*batch)
        answer = server.run(encrypted, keys)
        results.append(client.decrypt(answer))
        seconds += _clocks() - start
        up += n_bytes(encrypted)
        down += n_bytes(answer)
    parts = zip(*results, strict=True)
    outputs = tuple(np.concatenate(part)[: len(inputs[0])] for part in parts)
    wall, cpu = seconds.tolist()
    return Flow(outputs, wall, cpu, up, down)


def few_flows(circuit: Circuit[Any, Any], inputs: Integers, repeat: int = 3) -> Flow:
    """Send samples through some times, fewer where that takes long; the one of median time."""
    flows: list[Flow] = []
    while len(flows) < repeat and sum(flow.seconds for flow in flows) < _LONG:
        flows.append(stream(circuit, inputs))
    middle = median_low(flow.seconds_cpu for flow in flows)
    return next(flow for flow in flows if flow.seconds_cpu == middle)


def n_bytes(sent: Any) -> int:
    """Size of ciphertexts or keys on the wire."""
    parts: tuple[bytes, ...] | None = getattr(sent, "parts", None)
    return len(pickle.dumps(sent)) if parts is None else sum(map(len, parts))


def facts_line() -> str:
    """Say what was measured where."""
    facts = machine_facts()
    versions = ", ".join(f"{name} {facts['versions'].get(name, '-')}" for name in _PACKAGES)
    return f"{versions}, on {facts['cpu']} ({facts['cores']} cores)."


def _batches(circuit: Circuit[Any, Any], inputs: Integers) -> Iterator[Integers]:
    """Rows of each batch; the last one is filled with the last row."""
    start, n_samples = 0, len(inputs[0])
    for size in circuit.client.batch_sizes(n_samples):
        rows = np.minimum(np.arange(start, start + size), n_samples - 1)
        yield tuple(x[rows] for x in inputs)
        start += size


def _clocks() -> np.ndarray:
    return np.array([perf_counter(), process_time()])
