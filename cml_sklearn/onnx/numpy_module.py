"""An ONNX graph run by NumPy, in the clear."""

from __future__ import annotations

from copy import copy
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import ArrayLike

from cml_sklearn._typing import Array
from cml_sklearn.exceptions import InvalidInputError
from cml_sklearn.onnx._arrays import Tensors
from cml_sklearn.onnx.files import load_model
from cml_sklearn.onnx.graph import PreparedGraph, TensorSpec
from cml_sklearn.onnx.loading import prepare_graph
from cml_sklearn.onnx.passes import free_batch
from cml_sklearn.onnx.running import run_node

__all__ = ["NumpyModule", "run_model"]


class NumpyModule:
    """A model that computes with NumPy what its ONNX graph says.

    Parameters
    ----------
    model : path, bytes or onnx.ModelProto

    Attributes
    ----------
    onnx_model : onnx.ModelProto
        The model as it came.
    graph : PreparedGraph
        What is run: the nodes in their operators' newest forms, and the constants.

    Raises
    ------
    InvalidGraphError
        The graph is cyclic, unsorted or lacks a tensor.
    UnsupportedOperatorError
        An operator, operator set, attribute or element type is unknown here.

    Examples
    --------
    >>> import numpy as np
    >>> from onnx import parser
    >>> from cml_sklearn.onnx import NumpyModule
    >>> module = NumpyModule(parser.parse_model('''
    ...     <ir_version: 8, opset_import: ["": 17]>
    ...     affine (float[N, 2] x) => (float[N, 1] y)
    ...     <float[2, 1] w = {1, 2}, float[1] b = {3}> { y = Gemm(x, w, b) }
    ... '''))
    >>> module(np.array([[1, 1]]))
    (array([[6.]], dtype=float32),)
    """

    def __init__(self, model: str | Path | bytes | onnx.ModelProto) -> None:
        self.onnx_model = load_model(model)
        self.graph = prepare_graph(self.onnx_model)
        self._releases = self._last_uses()

    @property
    def graph_inputs(self) -> tuple[TensorSpec, ...]:
        """Names, shapes and types of the inputs."""
        return self.graph.inputs

    @property
    def output_names(self) -> tuple[str, ...]:
        """Names of the outputs."""
        return self.graph.outputs

    def __call__(self, *inputs: ArrayLike) -> Tensors:
        """Compute the outputs, by `forward`."""
        return self.forward(*inputs)

    def forward(self, *inputs: ArrayLike) -> Tensors:
        """Compute the outputs.

        Parameters
        ----------
        *inputs : array-like
            One for each of `graph_inputs`, of its shape; converted to its type where that loses
            precision at most.

        Returns
        -------
        tuple of ndarray
            One for each of `output_names`.

        Raises
        ------
        InvalidInputError
            Wrong number, rank, shape or type of the inputs, or a node that can't be computed on
            tensors of such shapes.
        """
        values = self._run(inputs, release=True)
        return tuple(values[name] for name in self.graph.outputs)

    def activations(self, *inputs: ArrayLike) -> dict[str, Array]:
        """Compute all tensors, for calibration.

        Parameters
        ----------
        *inputs : array-like
            As for `forward`.

        Returns
        -------
        dict of str to ndarray
            Constants, inputs, and the outputs of all nodes.

        Raises
        ------
        InvalidInputError
            As for `forward`.
        """
        return self._run(inputs, release=False)

    def with_free_batch(self) -> NumpyModule:
        """Give the module itself, or one for any number of samples if its inputs are for one."""
        shapes = [spec.shape for spec in self.graph.inputs]
        if not shapes or any(shape is None or shape[:1] != (1,) for shape in shapes):
            return self
        return self.with_graph(free_batch(self.graph))

    def with_graph(self, graph: PreparedGraph) -> NumpyModule:
        """Make a module that runs another graph, prepared already."""
        other = copy(self)
        other.graph = graph
        other._releases = other._last_uses()
        return other

    def _run(self, inputs: tuple[ArrayLike, ...], *, release: bool) -> dict[str, Array]:
        """Walk the graph; with `release`, forget each tensor after its last use."""
        values = {**self.graph.constants, **bind_inputs(self.graph.inputs, inputs)}
        with np.errstate(all="ignore"):
            for node, unneeded in zip(self.graph.nodes, self._releases, strict=True):
                values |= run_node(node, values)
                for name in unneeded if release else ():
                    del values[name]
        return values

    def _last_uses(self) -> tuple[tuple[str, ...], ...]:
        """Names of the tensors that each node is the last to use."""
        seen, releases = {*self.graph.outputs, ""}, []
        for node in reversed(self.graph.nodes):
            unneeded = {*node.inputs, *node.outputs} - seen
            seen |= unneeded
            releases.append(tuple(unneeded))
        return tuple(reversed(releases))


def bind_inputs(specs: tuple[TensorSpec, ...], inputs: tuple[ArrayLike, ...]) -> dict[str, Array]:
    """Check inputs against what the graph says of them, and convert them.

    Raises
    ------
    InvalidInputError
        Wrong number, rank, shape or type; the message names the tensor.
    """
    if len(inputs) != len(specs):
        names = ", ".join(repr(spec.name) for spec in specs)
        raise InvalidInputError(
            f"The model got {len(inputs)} inputs and takes {len(specs)}: {names or 'none'}."
        )
    return {spec.name: _bind(spec, np.asarray(x)) for spec, x in zip(specs, inputs, strict=True)}


def _bind(spec: TensorSpec, x: Array) -> Array:
    """Check and convert one input."""
    if spec.shape is not None and not _fits(x.shape, spec.shape):
        wanted = ", ".join("?" if n is None else str(n) for n in spec.shape)
        raise InvalidInputError(
            f"Input {spec.name!r} has shape {list(x.shape)}; the model takes [{wanted}]."
        )
    if not np.can_cast(x.dtype, spec.dtype, "same_kind"):
        raise InvalidInputError(
            f"Input {spec.name!r} is of type {x.dtype}, which {spec.dtype} can't hold; convert it."
        )
    return x.astype(spec.dtype, copy=False)


def _fits(shape: tuple[int, ...], allowed: tuple[int | str | None, ...]) -> bool:
    """Whether a shape agrees with one that may have free axes."""
    return len(shape) == len(allowed) and all(
        not isinstance(n, int) or n == size for size, n in zip(shape, allowed, strict=True)
    )


def run_model(model: str | Path | bytes | onnx.ModelProto, inputs: list[ArrayLike]) -> list[Array]:
    """Run a model once: the form in which ONNX's own tests run a backend.

    Parameters
    ----------
    model : path, bytes or onnx.ModelProto
    inputs : list of array-like
        In the order of the graph's inputs.

    Returns
    -------
    list of ndarray
        In the order of the graph's outputs.
    """
    return list(NumpyModule(model).forward(*inputs))
