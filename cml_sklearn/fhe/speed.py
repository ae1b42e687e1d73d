"""How fast this machine is, beside the one whose seconds the engines' estimates come from."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Lock
from time import perf_counter

import numpy as np
from joblib import cpu_count
from platformdirs import user_cache_path

from cml_sklearn._typing import IntArray
from cml_sklearn._version import __version__
from cml_sklearn.fhe.circuit import FheCircuit
from cml_sklearn.fhe.protocol import AnyEngine, CircuitOptions
from cml_sklearn.program.bounds import Bounds
from cml_sklearn.program.builder import ProgramBuilder
from cml_sklearn.program.program import IntegerProgram
from cml_sklearn.program.steps import Lookup, MatMul

__all__ = ["Speed", "forget_speeds", "speed_of"]

_N_FEATURES, _N_LOOKUPS, _LOOKUP_BITS = 30, 8, 4
_SAMPLES = (1, 500)
"""Few and many: engines treat batches in ways of their own."""

_LEAST_SECONDS = 0.3
"""Of measuring a circuit."""

_MOST = 1e3
"""No machine is so many times slower or faster."""

_lock = Lock()


@dataclass(frozen=True)
class Speed:
    """Measured seconds of an engine over its estimates.

    Attributes
    ----------
    factor : float
        Geometric mean over probes: circuits of an affine map and of lookups.
    spread : float
        Largest distance of a probe from it, over it.
    """

    factor: float
    spread: float


def speed_of(engine: AnyEngine) -> Speed:
    """Measure an engine, once on a machine; later processes read it from the user's cache.

    It takes some seconds: circuits are compiled, keys made, and samples of zeros encrypted.
    """
    with _lock:
        path = _path_of(engine)
        speed = _read(path)
        if speed is None:
            speed = _measured(engine)
            _write(path, speed)
    return speed


def forget_speeds() -> None:
    """Delete what is in the user's cache: measure again when asked."""
    for path in _folder().glob("*.json"):
        path.unlink(missing_ok=True)


def _folder() -> Path:
    return user_cache_path("cml_sklearn") / "speed"


def _path_of(engine: AnyEngine) -> Path:
    """File of an engine on this machine, for this version."""
    processor = "".join(c for c in platform.processor() or platform.machine() if c.isalnum())
    return _folder() / f"{engine.name}-{__version__}-{processor}-{cpu_count()}.json"


def _read(path: Path) -> Speed | None:
    """Read a file of the cache; None if there is none, or it is broken."""
    try:
        read = json.loads(path.read_text())
        speed = Speed(float(read["factor"]), float(read["spread"]))
    except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError):
        return None
    plausible = 1 / _MOST < speed.factor < _MOST and 0 <= speed.spread < _MOST
    return speed if plausible else None


def _write(path: Path, speed: Speed) -> None:
    """Write a file whole or not at all; without a cache, the next process measures again."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(f".{os.getpid()}")
        part.write_text(json.dumps(asdict(speed)))
        part.replace(path)
    except OSError:
        pass


def _measured(engine: AnyEngine) -> Speed:
    """Measure the probes that an engine supports."""
    ratios = np.array([*_ratios(engine)])
    ratios = ratios[np.isfinite(ratios) & (ratios > 0)]
    if not len(ratios):
        return Speed(1.0, 0.0)
    factor = float(np.exp(np.log(ratios).mean()))
    return Speed(factor, float(abs(ratios / factor - 1).max()))


def _ratios(engine: AnyEngine) -> Iterator[float]:
    """Measured over estimated seconds."""
    for program in (_affine(), _lookups()):
        if engine.supports(program) is not None:
            continue
        circuit = FheCircuit(program, CircuitOptions(), engine)
        circuit.generate_keys()
        for n_samples in _SAMPLES if program.is_affine else _SAMPLES[:1]:
            zeros = np.zeros((n_samples, _N_FEATURES), dtype=np.int64)
            estimated = circuit.cost(n_samples).seconds
            yield _seconds(circuit, zeros) / estimated if estimated else np.nan


def _seconds(circuit: FheCircuit, codes: IntArray) -> float:
    """Median of several runs, after one that fills caches."""
    circuit.execute(codes)
    times: list[float] = []
    while len(times) < 3 or sum(times) < _LEAST_SECONDS:
        started = perf_counter()
        circuit.execute(codes)
        times.append(perf_counter() - started)
    return float(np.median(times))


def _bits(n_bits: int) -> Bounds:
    return Bounds(np.zeros(_N_FEATURES, dtype=np.int64), np.full(_N_FEATURES, 2**n_bits - 1))


def _affine() -> IntegerProgram:
    """One output of 8-bit features."""
    builder = ProgramBuilder([_bits(8)])
    weights = np.arange(_N_FEATURES, dtype=np.int64)[:, None] % 15 - 7
    return builder.build([builder.add(MatMul(weights), 0)])


def _lookups() -> IntegerProgram:
    """Lookups of a small network's width."""
    builder = ProgramBuilder([_bits(1)])
    n_inputs = 2**_LOOKUP_BITS - 1
    weights = np.zeros((_N_FEATURES, _N_LOOKUPS), dtype=np.int64)
    weights[:n_inputs] = 1
    table = np.arange(2**_LOOKUP_BITS, dtype=np.int64)[None]
    units = builder.add(MatMul(weights), 0)
    found = builder.add(Lookup(0, table, np.zeros(_N_LOOKUPS, dtype=np.int64)), units)
    ones = np.ones((_N_LOOKUPS, 1), dtype=np.int64)
    return builder.build([builder.add(MatMul(ones), found)])
