"""Votes of the nearest samples of training: a threshold is searched for under encryption.

The server knows levels of squared distances, from small to large. By bisection it finds the first
of them within which there are as many samples as asked for. A round compares every sample's
distance with a level, adds up, and looks up whether that is enough. All samples within the level
that was found vote, and those within a margin beyond it: who was counted in a noisy comparison
would else not vote after another one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

import numpy as np

from cml_sklearn._typing import Array, FloatArray, IntArray
from cml_sklearn.distances.integers import (
    add_squared_distances,
    ball_around,
    builder_of,
    check_points,
    squared_distances,
)
from cml_sklearn.program.builder import ProgramBuilder
from cml_sklearn.program.integers import to_integers
from cml_sklearn.program.steps import (
    Add,
    AddConstant,
    Lookup,
    MatMul,
    MultiplyConstant,
    Subtract,
    SumOver,
)
from cml_sklearn.quantization.builder import Rounding
from cml_sklearn.quantization.decoders import OutputScale
from cml_sklearn.quantization.encoders import BallQuantizer
from cml_sklearn.quantization.quantized_module import QuantizedModule

__all__ = ["Electorate", "Precision", "quantize_nearest", "quantize_within"]

_SHARE = 0.95
"""Share of the samples of training that lie in the ball where the nearest are asked."""


_MARGIN = 32
"""Margins in one of the kept steps. The noise of a comparison, which must all but never amount to
half a step, has a standard deviation of nearly two margins. With none, nobody would vote for every
seventh flower whose one neighbor is asked; wider ones let more samples vote than asked for, which
costs more labels than they save."""

_NEAREST = 0.02
"""Share of the samples of training whose neighbors are within the first level."""

_LEAST_SPREAD = 16.0
"""The last level over the first, at least. On a grid the neighbors of all samples of training are
as far as one another; a new sample may be much nearer to one of them."""


@dataclass(frozen=True)
class Electorate:
    """Samples of training, and what each adds to the outputs.

    Parameters
    ----------
    points : ndarray of shape (n_points, n_features)
    floats : ndarray of shape (n_points, n_outputs)
    scale : ndarray of shape (n_outputs,)
        To what they are rounded.
    """

    points: FloatArray
    floats: FloatArray
    scale: FloatArray

    @property
    def votes(self) -> IntArray:
        """The same in integers."""
        return to_integers(self.floats / self.scale, "A vote")


@dataclass(frozen=True)
class Precision:
    """How exactly distances are told apart.

    Parameters
    ----------
    rounding_bits : int
        Bits of a difference of distances that a comparison looks at.
    index_width : int
        Bits of squared distances.
    """

    rounding_bits: int
    index_width: int


def quantize_nearest(
    electorate: Electorate, n_neighbors: int, rounds: int, precision: Precision
) -> QuantizedModule:
    """Add up the votes of the nearest samples.

    The levels' ratios are equal, from where the neighbors of the densest samples of training end to
    where those of the loneliest do.

    Parameters
    ----------
    electorate : Electorate
    n_neighbors : int
    rounds : int
        Of the bisection; there are ``2**rounds`` levels.
    precision : Precision

    Raises
    ------
    UnsupportedModelError
        There are too many samples, or they are too far apart.
    BitWidthError
        There are too many features for so few bits.
    """
    check_points(electorate.points)
    farthest = _farthest_neighbors(electorate.points, n_neighbors)
    radius = np.quantile(_lengths(electorate.points), _SHARE, method="inverted_cdf")
    lowering = _Lowering.of(electorate, precision, float(radius), farthest.max())
    farthest = np.maximum(_farthest_neighbors(lowering.places, n_neighbors), lowering.margin + 1)
    densest = np.quantile(farthest, _NEAREST, method="inverted_cdf")
    least = max(min(float(densest), farthest.max() / _LEAST_SPREAD), 1.0)
    levels = np.geomspace(least, farthest.max(), 1 << rounds)
    levels = to_integers(levels, "A squared distance")
    builder, distances = lowering.start()
    place = lowering.find_level(builder, distances, levels, n_neighbors)
    within = lowering.within(builder, distances, levels + lowering.margin, place)
    return lowering.counted(builder, within)


def quantize_within(electorate: Electorate, square: float, precision: Precision) -> QuantizedModule:
    """Add up the votes of all samples within a squared distance; else as `quantize_nearest`."""
    check_points(electorate.points)
    longest = float(_lengths(electorate.points).max())
    # what lies outside of such a ball is near nobody, and so is its surface
    radius = longest + min(np.sqrt(square), 2 * longest)
    lowering = _Lowering.of(electorate, precision, radius, square)
    builder, distances = lowering.start()
    widest = float(builder.bounds(distances).high.max())
    level = np.floor(np.minimum(square / lowering.encoder.step**2, widest))
    within = lowering.within(
        builder, distances, to_integers(level.reshape(1), "A squared distance"), None
    )
    return lowering.counted(builder, within)


def _lengths(points: FloatArray) -> FloatArray:
    """Distances of points (n_points, n_features) from their mean."""
    return np.asarray(np.linalg.norm(points - points.mean(axis=0), axis=1))


def _farthest_neighbors(points: FloatArray | IntArray, n_neighbors: int) -> FloatArray:
    """Squared distance of each point (n_points, n_features) to the last of its neighbors."""
    # the point itself is the first
    place = min(n_neighbors, len(points) - 1)
    return np.asarray(np.sort(squared_distances(points, points), axis=1)[:, place])


@dataclass(frozen=True)
class _Lowering:
    """Steps of a program that compares distances with levels.

    Parameters
    ----------
    electorate : Electorate
    encoder : BallQuantizer
    places : ndarray of int, shape (n_points, n_features)
        Points of the electorate, in steps.
    rounding : Rounding
    index_width : int
    """

    electorate: Electorate
    encoder: BallQuantizer
    places: IntArray
    rounding: Rounding
    index_width: int

    @classmethod
    def of(
        cls, electorate: Electorate, precision: Precision, radius: float, highest: float
    ) -> _Lowering:
        """Choose the encoder so that differences of distances and levels fit an index.

        Parameters
        ----------
        electorate : Electorate
        precision : Precision
        radius : float
            Of the ball.
        highest : float
            The highest level.
        """
        points = electorate.points
        centre = points.mean(axis=0)
        rounding = Rounding(precision.rounding_bits, exact=False)
        # one of the kept steps is lost, since 0 must lie between two of them
        room = rounding.largest_index(precision.index_width)
        step = 1 << rounding.lsbs_to_remove(precision.index_width)
        room -= step + step // _MARGIN
        widest = float((radius + _lengths(points).max()) ** 2)
        share = min(highest / widest, 1.0) if widest > 0 else 0.0
        longest = np.sqrt(room / (1 + share)) - np.sqrt(points.shape[1])
        encoder = ball_around(centre, radius, points, longest)
        return cls(electorate, encoder, encoder.lattice(points), rounding, precision.index_width)

    @property
    def margin(self) -> int:
        """Squared distance beyond the level that was found within which samples vote, too."""
        return (1 << self.rounding.lsbs_to_remove(self.index_width)) // _MARGIN

    def start(self) -> tuple[ProgramBuilder, int]:
        """Start a program with the distances."""
        builder = builder_of(self.encoder, "distances")
        ones = np.ones(len(self.places), np.int64)
        return builder, add_squared_distances(builder, self.encoder, self.places, ones)

    def find_level(
        self, builder: ProgramBuilder, distances: int, levels: IntArray, n_neighbors: int
    ) -> int:
        """Find the first level within which there are enough samples; its place among them.

        Each round doubles what is known: in which part of the levels it lies. Where there are too
        few samples within all of them, it is the last.
        """
        builder.source = "search"
        place: int | None = None
        n_parts = 1
        while n_parts < len(levels):
            parts = levels.reshape(n_parts, -1)
            within = self.within(builder, distances, parts[:, parts.shape[1] // 2 - 1], place)
            is_farther = self._are_too_few(builder, within, n_neighbors)
            if place is None:
                place = is_farther
            else:
                twice = builder.add(MultiplyConstant(np.full(1, 2)), place)
                place = builder.add(Add(), twice, is_farther)
            n_parts *= 2
        return cast("int", place)

    def _are_too_few(self, builder: ProgramBuilder, within: int, n_neighbors: int) -> int:
        """Look up whether fewer than so many are within.

        Groups are counted up to that number, then groups of groups: narrow lookups are much cheaper
        than one of a large sum, and so are their keys.
        """
        size, top = len(self.places), 1
        # two groups at least must fit
        width = max(self.rounding.kept_bits or 0, (2 * n_neighbors).bit_length())
        while size * top >= 1 << width:
            group = np.arange(size) // (((1 << width) - 1) // top)
            size, top = int(group[-1]) + 1, n_neighbors
            members = (group[:, None] == np.arange(size)).astype(np.int64)
            count = builder.add(MatMul(members), within)
            within = self._exact(builder, count, lambda n: np.minimum(n, n_neighbors))
        count = builder.add(SumOver((0,), keepdims=True), within)
        return self._exact(builder, count, lambda n: n < n_neighbors)

    def within(
        self, builder: ProgramBuilder, distances: int, levels: IntArray, place: int | None
    ) -> int:
        """Look up which distances are at most the level at an encrypted place; None: at 0.

        The table's jump is where the rounding of differences has one, too. So it takes few bits.
        """
        if place is None:
            rest = builder.add(AddConstant(np.full(len(self.places), -levels[0])), distances)
        else:
            level = self._exact(builder, place, lambda n: levels[n])
            rest = builder.add(Subtract(), distances, level)
        removed = self.rounding.lsbs_to_remove(self.index_width)
        first = 1 + ((1 << removed) >> 1)
        least = int(builder.bounds(rest).low.min())
        low = least - (least - first) % (1 << removed)
        entries = np.arange(1 << (self.index_width - removed)) < (first - low) >> removed
        table = entries.astype(np.int64)[None]
        lookup = Lookup(low, table, np.zeros((), np.int64), removed, self.rounding.exact)
        return builder.add(lookup, rest)

    def counted(self, builder: ProgramBuilder, within: int) -> QuantizedModule:
        """Add the votes of those within up."""
        builder.source = "votes"
        output, shift = builder.add_output(builder.add(MatMul(self.electorate.votes), within))
        decoder = OutputScale(self.electorate.scale, shift, np.zeros(()))
        return QuantizedModule(builder.build([output]), (self.encoder,), (decoder,))

    def _exact(
        self, builder: ProgramBuilder, tensor: int, function: Callable[[IntArray], Array]
    ) -> int:
        """Look up a function of a tensor's integers, with no narrower tables than comparisons have.

        Every width of tables needs keys of its own.
        """
        bounds = builder.bounds(tensor)
        low, high = int(bounds.low.min()), int(bounds.high.max())
        width = max((high - low).bit_length(), self.rounding.kept_bits or 1)
        integers = np.minimum(low + np.arange(1 << width), high)
        table = np.asarray(function(integers), np.int64)[None]
        return builder.add(Lookup(low, table, np.zeros((), np.int64)), tensor)
