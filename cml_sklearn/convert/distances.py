"""Functions of distances to samples of training as ONNX graphs, in float64."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from cml_sklearn._typing import Array, FloatArray
from cml_sklearn.convert.text import model_from_text

if TYPE_CHECKING:
    import onnx

__all__ = ["kernel_sum_to_onnx", "nearest_votes_to_onnx", "votes_within_to_onnx"]

_SQUARED_DISTANCES = """
    row = Unsqueeze(x, row_axis)
    difference = Sub(row, points)
    distances = ReduceSumSquare<keepdims = 0>(difference, feature_axis)
"""


def kernel_sum_to_onnx(
    points: FloatArray, gamma: float, weights: FloatArray, constant: FloatArray
) -> onnx.ModelProto:
    """Convert ``exp(-gamma * distances) @ weights + constant``, of squared Euclidean distances.

    Parameters
    ----------
    points : ndarray of shape (n_points, n_features)
    gamma : float
    weights : ndarray of shape (n_points, n_outputs)
    constant : ndarray of shape (n_outputs,)
    """
    body = """
        exponents = Mul(distances, factor)
        kernels = Exp(exponents)
        products = MatMul(kernels, weights)
        y = Add(products, constant)
    """
    tables = {"factor": np.asarray(-gamma), "weights": weights, "constant": constant}
    return _model(body, points, tables)


def nearest_votes_to_onnx(
    points: FloatArray, votes: FloatArray, n_neighbors: int
) -> onnx.ModelProto:
    """Convert the sum of the votes of the nearest points.

    Parameters
    ----------
    points : ndarray of shape (n_points, n_features)
    votes : ndarray of shape (n_points, n_outputs)
    n_neighbors : int
    """
    body = """
        nearest, places = TopK<largest = 0>(distances, n_neighbors)
        chosen = Gather(votes, places)
        y = ReduceSum<keepdims = 0>(chosen, row_axis)
    """
    return _model(body, points, {"votes": votes, "n_neighbors": np.array([n_neighbors])})


def votes_within_to_onnx(points: FloatArray, votes: FloatArray, square: float) -> onnx.ModelProto:
    """Convert the sum of the votes of all points within a squared distance; points as above."""
    body = """
        is_near = LessOrEqual(distances, square)
        near = Cast<to = 11>(is_near)
        y = MatMul(near, votes)
    """
    return _model(body, points, {"votes": votes, "square": np.asarray(square)})


def _model(body: str, points: FloatArray, tables: Mapping[str, Array]) -> onnx.ModelProto:
    """Make a graph of x and y in which `distances` (n_samples, n_points) are known already."""
    signature = f"distances (double[n, {points.shape[1]}] x) => (double[n, outputs] y)"
    axes = {"row_axis": np.array([1]), "feature_axis": np.array([2])}
    return model_from_text(
        signature, f"{_SQUARED_DISTANCES} {body}", {"points": points, **axes, **tables}
    )
