"""The door to concrete-numpy, and what its compiler must be told.

It knows no declared ranges, only those that it sees in samples. So a node may carry the largest
integer that must fit in its tag, which is added to what was measured. And it imports torch for a
module of layers that it only asks for its file's name: where torch is missing, an empty one serves.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from importlib.util import find_spec
from threading import RLock
from types import ModuleType
from typing import Any

__all__ = ["compiling", "declared", "is_installed", "load_concrete_numpy"]

_PACKAGE = "concrete.numpy"
_LAYERS = "concrete.onnx"
_TAG = "declared_"

_compiling = RLock()

Measured = dict[Any, dict[str, Any]]
"""Smallest and largest value by node of the library's graph."""


def is_installed() -> bool:
    """Whether the library is there; it shares its parent package with concrete-python."""
    return find_spec("concrete") is not None and find_spec(_PACKAGE) is not None


@cache
def load_concrete_numpy() -> ModuleType:
    """Import the library on first need."""
    layers = find_spec(_LAYERS)
    if layers is not None and find_spec("torch") is None:
        empty = sys.modules.setdefault(_LAYERS, ModuleType(_LAYERS))
        empty.__file__ = layers.origin
    return importlib.import_module(_PACKAGE)


@contextmanager
def compiling() -> Iterator[None]:
    """Let the present thread compile, and no other one meanwhile, with declared ranges."""
    load_concrete_numpy()
    context = importlib.import_module(f"{_PACKAGE}.extensions.tag").tag_context
    graph = importlib.import_module(f"{_PACKAGE}.representation").Graph
    with _compiling:
        if not hasattr(context, "stack"):  # the library sets it in the importing thread only
            context.stack = []
        measure = graph.measure_bounds
        graph.measure_bounds = _with_declared(measure)
        try:
            yield
        finally:
            graph.measure_bounds = measure


def declared(x: Any, upper: int) -> Any:
    """Say that a traced tensor may hold integers up to a bound."""
    with load_concrete_numpy().tag(f"{_TAG}{upper}"):
        return x + 0


def _with_declared(measure: Callable[..., Measured]) -> Callable[..., Measured]:
    """Let a function of a graph's measured ranges also regard the declared ones."""

    def measure_bounds(graph: Any, inputset: Any) -> Measured:
        bounds = measure(graph, inputset)
        for node, measured in bounds.items():
            *_, tag = node.tag.split(".")
            if tag.startswith(_TAG):
                upper = int(tag.removeprefix(_TAG))
                bounds[node] = {**measured, "max": max(measured["max"], upper)}
        return bounds

    return measure_bounds
