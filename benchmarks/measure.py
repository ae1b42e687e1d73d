"""Seconds, peak memory, and facts of the machine."""

from __future__ import annotations

import multiprocessing
import os
import platform
import resource
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

__all__ = ["in_child", "machine_facts", "median_seconds", "seconds_of", "stage"]

_PACKAGES = (
    "cml-sklearn",
    "concrete-ml",
    "concrete-python",
    "numpy",
    "scikit-learn",
    "tenseal",
    "torch",
    "xgboost",
    "xgboost-cpu",
)


def machine_facts() -> dict[str, Any]:
    """CPU model, cores that this process may use, and versions of what is installed."""
    return {"cpu": _cpu_model(), "cores": _cores(), "versions": _versions()}


def seconds_of(function: Callable[[], object]) -> float:
    """Seconds of one call."""
    start = perf_counter()
    function()
    return perf_counter() - start


def median_seconds(function: Callable[[], object], repeat: int) -> float:
    """Median seconds of several calls."""
    return median(seconds_of(function) for _ in range(repeat))


@contextmanager
def stage(row: dict[str, Any], name: str) -> Iterator[None]:
    """Write the block's ``seconds_<name>`` and ``memory_<name>`` (peak bytes) to a row."""
    _reset_peak_memory()
    start = perf_counter()
    yield
    row[f"seconds_{name}"] = perf_counter() - start
    row[f"memory_{name}"] = _peak_memory()


def in_child(function: Callable[..., Any], *args: Any) -> Any:
    """Call a function in a fresh process, so that no earlier work counts as its memory."""
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=context) as pool:
        return pool.submit(function, *args).result()


def _reset_peak_memory() -> None:
    """Make the kernel forget the process's peak; only Linux can."""
    if sys.platform == "linux":
        Path("/proc/self/clear_refs").write_text("5")


def _peak_memory() -> int:
    """Peak resident bytes, since the last reset where the kernel knows it."""
    if sys.platform == "linux":
        lines = Path("/proc/self/status").read_text().splitlines()
        return 1024 * next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _cpu_model() -> str:
    """Name of the processor."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.is_file() else []
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor())


def _cores() -> int:
    """Cores that this process may run on."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1


def _versions() -> dict[str, str]:
    """Versions of the packages that matter, Python's among them."""
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
