"""Writing nodes: what one operator does, said by others."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from cml_sklearn._typing import Array
from cml_sklearn.onnx.graph import Node

__all__ = ["NodeWriter"]


class NodeWriter:
    """Collects nodes, and the constants that they read.

    Calling it writes a node of one output, and gives the output's name.

    Parameters
    ----------
    prefix : str
        What the names of nodes and tensors begin with.

    Attributes
    ----------
    nodes : list of Node
    constants : dict of str to ndarray
    """

    def __init__(self, prefix: str) -> None:
        self.prefix = prefix
        self.nodes: list[Node] = []
        self.constants: dict[str, Array] = {}

    def __call__(
        self, op_type: str, *inputs: str | ArrayLike, output: str = "", **attributes: Any
    ) -> str:
        """Write a node.

        Parameters
        ----------
        op_type : str
        *inputs : str or array-like
            Names of tensors, or values of constants.
        output : str
            Name of the result; by default one that no other has.
        **attributes
            Of the node.

        Returns
        -------
        str
            Name of the result.
        """
        name = f"{self.prefix}/{op_type}_{len(self.nodes)}"
        names = tuple(x if isinstance(x, str) else self.constant(x) for x in inputs)
        self.nodes.append(Node(name, op_type, names, (output or name,), attributes))
        return output or name

    def constant(self, values: ArrayLike) -> str:
        """Name of a new constant."""
        name = f"{self.prefix}/constant_{len(self.constants)}"
        self.constants[name] = np.asarray(values)
        return name

    def reshape(self, x: str, *shape: int, output: str = "") -> str:
        """Write a change of shape; 0 keeps a size."""
        return self("Reshape", x, np.array(shape, np.int64), output=output)

    def pick(self, x: str, positions: ArrayLike, axis: int) -> str:
        """Write the choice of elements along an axis; a single number drops the axis."""
        return self("Gather", x, np.asarray(positions, np.int64), axis=axis)
