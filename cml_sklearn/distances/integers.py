"""Squared distances from an encrypted point to clear ones, as an affine step of a program."""

from __future__ import annotations

import numpy as np
from scipy.spatial.distance import cdist

from cml_sklearn._typing import FloatArray, IntArray
from cml_sklearn.exceptions import BitWidthError, UnsupportedModelError
from cml_sklearn.program.bounds import Ball
from cml_sklearn.program.builder import ProgramBuilder
from cml_sklearn.program.steps import AddConstant, MatMul
from cml_sklearn.quantization.encoders import BallQuantizer

__all__ = [
    "add_squared_distances",
    "ball_around",
    "builder_of",
    "check_points",
    "farthest",
    "squared_distances",
]

_MOST_POINTS = 4096
"""Samples of training that a prediction may look at."""

_GOP_A_POINT = 1.0
"""Cost of a prediction by points, about: a lookup of 6 bits, or seven of 3."""


def check_points(points: FloatArray) -> None:
    """Refuse more points (n_points, n_features) than anybody would wait for, or too far apart.

    Raises
    ------
    UnsupportedModelError
        There are too many, or squares of distances overflow.
    """
    n_points = len(points)
    with np.errstate(over="ignore"):
        diagonal = (np.ptp(points, axis=0) ** 2).sum()
    if not np.isfinite(4 * diagonal):
        raise UnsupportedModelError(
            "Squared distances between samples of training overflow floats. Scale the features "
            "first (StandardScaler)."
        )
    if n_points > _MOST_POINTS:
        raise UnsupportedModelError(
            f"The model compares a sample with {n_points} samples of training, which would take "
            f"about {_GOP_A_POINT * n_points:.0f} Gop; at most {_MOST_POINTS} are encrypted. Train "
            "on fewer samples, or on their centres (KMeans)."
        )


def squared_distances(values: FloatArray | IntArray, points: FloatArray | IntArray) -> FloatArray:
    """Squared Euclidean distances (n, n_points) of values (n, n_features) to points."""
    return np.asarray(cdist(values, points, "sqeuclidean"))


def ball_around(
    centre: FloatArray, radius: float, points: FloatArray, longest: float
) -> BallQuantizer:
    """Encode samples so that no squared distance to some points exceeds a number of steps.

    Parameters
    ----------
    centre : ndarray of shape (n_features,)
    radius : float
        Samples farther away are moved to the surface.
    points : ndarray of shape (n_points, n_features)
        They may lie outside of the ball.
    longest : float
        Bound of the distances in steps.

    Raises
    ------
    BitWidthError
        There are so many features that rounding alone makes longer distances.
    """
    # rounding moves a point and a sample by half the diagonal of a cell each, at most
    diagonal = np.sqrt(len(centre))
    room = longest - diagonal - 2
    if room < 1:
        raise BitWidthError(
            f"{len(centre)} features leave distances of {longest:.0f} steps no room: rounding "
            "alone makes such. Raise n_bits, or reduce the features (PCA, SelectKBest)."
        )
    span = radius + np.linalg.norm(points - centre, axis=1).max()
    step = float(span / room) if span > 0 else 1.0
    return BallQuantizer(centre, step, int(np.ceil(radius / step + diagonal / 2)) + 1)


def farthest(encoder: BallQuantizer, places: IntArray) -> FloatArray:
    """Greatest squared distance of a ball's points to each place (n_points, n_features)."""
    return np.asarray((encoder.reach + np.linalg.norm(places, axis=1)) ** 2)


def add_squared_distances(
    builder: ProgramBuilder, encoder: BallQuantizer, places: IntArray, factors: IntArray
) -> int:
    """Append squared distances in steps, times a factor for each point.

    They are affine in what the encoder gives: ``|x|**2 - 2 x @ place + |place|**2``, with x as seen
    from the centre.

    Parameters
    ----------
    builder : ProgramBuilder
        Of a program whose input is a `Ball`.
    encoder : BallQuantizer
    places : ndarray of int, shape (n_points, n_features)
        Points of the lattice, as seen from the centre.
    factors : ndarray of int, shape (n_points,)

    Returns
    -------
    int
        Number of the tensor, of shape (n_points,).
    """
    weights = np.vstack([-2 * places.T, np.ones(len(places), np.int64)]) * factors
    constant = (places**2).sum(axis=1) + 2 * encoder.reach * places.sum(axis=1)
    return builder.add(AddConstant(constant * factors), builder.add(MatMul(weights), 0))


def builder_of(encoder: BallQuantizer, source: str) -> ProgramBuilder:
    """Start a program that takes what an encoder gives."""
    builder = ProgramBuilder([Ball.of(len(encoder.centre), encoder.reach)])
    builder.source = source
    return builder
