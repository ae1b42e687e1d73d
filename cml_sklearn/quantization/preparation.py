"""What is settled before a graph is quantized: types of inputs, the samples' axis, and sizes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from cml_sklearn._typing import Array, FloatArray
from cml_sklearn.exceptions import InvalidGraphError, InvalidInputError, UnsupportedOperatorError
from cml_sklearn.onnx._arrays import NUMPY_TYPES
from cml_sklearn.onnx.graph import Node, PreparedGraph, TensorSpec
from cml_sklearn.onnx.numpy_module import NumpyModule
from cml_sklearn.onnx.running import run_node
from cml_sklearn.quantization.clear_tail import ClearTail, tensors_of_sizes
from cml_sklearn.quantization.decompositions import decompose
from cml_sklearn.quantization.ranges import size_of
from cml_sklearn.quantization.samples_axis import samples_first

__all__ = [
    "completed",
    "rewritten",
    "settle_sizes",
    "typed_samples",
    "typed_tail",
    "with_free_batch",
]

_MOVES = frozenset(
    {"Expand", "Flatten", "GatherElements", "Pad", "Reshape", "Resize"}
    | {"ScatterElements", "ScatterND", "Slice", "Squeeze", "Tile", "Unsqueeze"}
    | {"GRU", "LSTM", "RNN"}
)
"""Operators that are quantized by what they do to one sample, and so take sizes of one."""


def typed_samples(specs: Sequence[TensorSpec], samples: Sequence[FloatArray]) -> list[Array]:
    """Give samples the element types that a graph says.

    Raises
    ------
    InvalidInputError
        Fractions, where it takes integers.
    """
    if len(specs) != len(samples):
        return list(samples)  # running the model says so
    return [
        x if np.issubdtype(spec.dtype, np.floating) else _typed(spec, x)
        for spec, x in zip(specs, samples, strict=True)
    ]


def _typed(spec: TensorSpec, x: FloatArray) -> Array:
    """Integers or bools of floats."""
    if (x != np.rint(x)).any():
        raise InvalidInputError(
            f"Input {spec.name!r} takes {spec.dtype}, but the samples have fractions; round them."
        )
    return x.astype(spec.dtype)


def with_free_batch(module: NumpyModule, samples: Sequence[Array]) -> NumpyModule:
    """Free the samples' axis of a model that was exported for one sample.

    Raises
    ------
    InvalidGraphError
        The model makes something else of two samples than of each alone.
    """
    freed = module.with_free_batch()
    if freed is module:
        return module
    rows = [np.resize(x[:2], (2, *x.shape[1:])) for x in samples]
    alone = [module(*(x[i : i + 1] for x in rows)) for i in range(2)]
    for result, *each in zip(freed(*rows), *alone, strict=True):
        joined = np.concatenate(each) if result.ndim else np.stack(each)
        if result.shape != joined.shape or not _alike(result, joined, 1e-5):
            raise InvalidGraphError(
                "The model was exported for one sample, and its first axis is not that of the "
                "samples everywhere; export it with a free first axis (dynamic_axes)."
            )
    return freed


def _alike(actual: Array, expected: Array, share: float) -> bool:
    """Whether arrays differ by no more than a share of the greatest value, whatever its size."""
    least = share * size_of(expected)
    return np.allclose(actual, expected, rtol=share, atol=least, equal_nan=True)


def settle_sizes(
    graph: PreparedGraph, module: NumpyModule, samples: Sequence[Array]
) -> PreparedGraph:
    """Replace what depends on sizes only by constants, as they are for one sample.

    Raises
    ------
    UnsupportedOperatorError
        Such a value depends on the number of samples, and is no size of a tensor to be moved.
    """
    settled = tensors_of_sizes(graph)
    if not settled:
        return graph
    one, two = (
        module.activations(*(np.resize(x[:n], (n, *x.shape[1:])) for x in samples)) for n in (1, 2)
    )
    varying = {name for name in settled if not _same(one[name], two[name])}
    nodes = tuple(
        node for node in graph.nodes if not settled.issuperset(filter(None, node.outputs))
    )
    for node in nodes:
        _check_varying(node, varying)
    constants = graph.constants | {name: one[name] for name in settled}
    return replace(graph, nodes=nodes, constants=constants)


def _same(one: Array, two: Array) -> bool:
    """Whether a value is the same for one and two samples, but for its repetition for each."""
    if one.shape == two.shape:
        return bool(np.array_equal(one, two))
    repeated = one.shape[:1] == (1,) and two.shape == (2, *one.shape[1:])
    return repeated and bool((one == two).all())


def _check_varying(node: Node, varying: set[str]) -> None:
    """Refuse a node that computes with the number of samples."""
    read = varying.intersection(node.inputs)
    if read and (node.op_type not in _MOVES or node.inputs[0] in read):
        raise UnsupportedOperatorError(
            f"{node} computes with {min(read)!r}, which depends on the number of samples; make "
            "what becomes of a sample independent of the others."
        )


def typed_tail(tail: ClearTail, activations: Mapping[str, Array]) -> ClearTail:
    """Give integers and bools their types back before the tail's nodes compute with them."""
    codes = {dtype: code for code, dtype in NUMPY_TYPES.items()}
    types = {name: activations[name].dtype for name in tail.inputs}
    typed = {n: f"{n}/typed" for n, t in types.items() if not np.issubdtype(t, np.floating)}
    casts = [
        node
        for name, new in typed.items()
        for node in (
            Node(f"{new}/Round", "Round", (name,), (f"{new}/round",)),
            Node(f"{new}/Cast", "Cast", (f"{new}/round",), (new,), {"to": codes[types[name]]}),
        )
    ]
    nodes = (replace(n, inputs=tuple(typed.get(i, i) for i in n.inputs)) for n in tail.nodes)
    return replace(tail, nodes=(*casts, *nodes)) if tail.nodes else tail


def rewritten(
    graph: PreparedGraph, tail: ClearTail | None, module: NumpyModule, samples: Sequence[Array]
) -> tuple[PreparedGraph, ClearTail | None]:
    """Replace what has no quantized form by what has one, with the samples' axis always first."""
    two = [np.resize(x, (2, *x.shape[1:])) for x in samples]
    # sizes as they are for two samples, not as they were settled
    values = graph.constants | module.activations(*two)
    simple = decompose(graph, {name: value.shape for name, value in values.items()})
    result, tail = samples_first(simple, tail, completed(values, simple))
    if result is not graph:
        _check_rewritten(result, module, [x[:1] for x in samples])
    return result, tail


def _check_rewritten(graph: PreparedGraph, module: NumpyModule, sample: Sequence[Array]) -> None:
    """Refuse a rewritten graph that gives something else for a sample than the model.

    Raises
    ------
    UnsupportedOperatorError
        It does.
    """
    expected = module.activations(*sample)
    actual = completed({spec.name: expected[spec.name] for spec in graph.inputs}, graph)
    for name in expected.keys() & set(graph.outputs):
        if not _alike(actual[name], expected[name], 1e-3):
            raise UnsupportedOperatorError(
                f"The tensor {name!r} comes out otherwise with the samples' axis first; keep it "
                "the first throughout the model, and write layers with plain operators."
            )


def completed(values: Mapping[str, Array], graph: PreparedGraph) -> dict[str, Array]:
    """Run those nodes of a rewritten graph whose results are not known yet.

    Parameters
    ----------
    values : mapping of str to ndarray
        Tensors of the graph as it was.
    graph : PreparedGraph
    """
    known = {**graph.constants, **values}
    with np.errstate(all="ignore"):
        for node in graph.nodes:
            if node.outputs[0] not in known:
                known |= run_node(node, known)
    return known
