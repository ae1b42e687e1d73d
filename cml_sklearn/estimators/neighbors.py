"""Models that ask the nearest samples of training."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from numbers import Integral
from typing import TYPE_CHECKING, ClassVar

from sklearn.base import BaseEstimator
from sklearn.utils._param_validation import Interval
from typing_extensions import override

from cml_sklearn._typing import FloatArray
from cml_sklearn.convert.distances import nearest_votes_to_onnx, votes_within_to_onnx
from cml_sklearn.distances.neighbors import (
    Electorate,
    Precision,
    quantize_nearest,
    quantize_within,
)
from cml_sklearn.estimators.base import N_BITS_CONSTRAINT, P_ERROR
from cml_sklearn.estimators.predictions import PredictingEstimator
from cml_sklearn.estimators.wrapping import OwnParameter
from cml_sklearn.exceptions import InvalidInputError, UnsupportedModelError
from cml_sklearn.quantization.bit_widths import BitWidths
from cml_sklearn.quantization.quantized_module import QuantizedModule

if TYPE_CHECKING:
    import onnx

__all__ = ["NearestEstimator", "NeighborsEstimator", "RadiusEstimator"]

_N_BITS = OwnParameter(
    "n_bits",
    8,
    N_BITS_CONSTRAINT,
    """int or dict, default=8
    Squared distances have twice the bits of inputs, at most 16. Targets of a regressor have the
    bits of weights, at most 5. By role as ``{"inputs": 8, "weights": 6}``.""",
)

_SEARCH_ROUNDS = OwnParameter(
    "search_rounds",
    4,
    (Interval(Integral, 1, 8, closed="both"),),
    """int, default=4
    Rounds of the search for the distance of the last neighbor. It is one of
    ``2**search_rounds`` levels, and all samples within it vote. A round takes a comparison for
    each sample of training.""",
)

_ROUNDING_BITS = OwnParameter(
    "rounding_bits",
    4,
    (Interval(Integral, 2, 8, closed="both"),),
    """int, default=4
    Bits of a difference of distances that a comparison looks at; they make the cost. The fewer,
    the more often samples that are about as near as the last neighbor are taken for nearer or
    farther ones under encryption.""",
)

_ROUNDING_BITS_WITHIN = OwnParameter(
    "rounding_bits",
    6,
    (Interval(Integral, 2, 8, closed="both"),),
    """int, default=6
    Bits of a difference of distance and radius that a comparison looks at; they make the cost.
    The fewer, the more often samples about as far as the radius are taken for nearer or farther
    ones under encryption.""",
)

_WIDEST_INDEX = 16


class NeighborsEstimator(PredictingEstimator):
    """An estimator that adds up what samples of training near a sample say; abstract."""

    _most_far = 25.0  # distances add up what all features leave out

    n_bits: int | Mapping[str, int]
    rounding_bits: int

    @abstractmethod
    def _electorate(self, model: BaseEstimator) -> Electorate:
        """Read who votes for what."""

    @abstractmethod
    def _counted(
        self, model: BaseEstimator, electorate: Electorate
    ) -> tuple[onnx.ModelProto, QuantizedModule]:
        """Make a graph and a module of the votes of those near a sample."""

    @override
    def _validate_params(self) -> None:
        super()._validate_params()
        if self.metric == "minkowski" and self.p != 2:
            raise UnsupportedModelError(
                f"{type(self).__name__} does not take p={self.p!r}: only squares of differences "
                "are affine in what the client can make. Use p=2."
            )

    @override
    def _quantize(
        self, model: BaseEstimator, X: FloatArray, sample_weight: FloatArray | None
    ) -> tuple[onnx.ModelProto, dict[str, QuantizedModule]]:
        graph, module = self._counted(model, self._electorate(model))
        return graph, {"predict": module}

    @property
    def _precision(self) -> Precision:
        """How exactly distances are told apart."""
        index_width = min(2 * BitWidths.resolve(self.n_bits).inputs, _WIDEST_INDEX)
        return Precision(self.rounding_bits, index_width)

    @override
    def _check_circuit(self, module: QuantizedModule, X: FloatArray) -> None:
        """Compare nothing: rounding is approximate."""


class NearestEstimator(NeighborsEstimator):
    """An estimator that asks so many of the nearest; abstract."""

    _own_parameters: ClassVar[tuple[OwnParameter, ...]] = (
        _N_BITS,
        P_ERROR,
        _SEARCH_ROUNDS,
        _ROUNDING_BITS,
    )

    search_rounds: int

    @override
    def _counted(
        self, model: BaseEstimator, electorate: Electorate
    ) -> tuple[onnx.ModelProto, QuantizedModule]:
        n_samples, n_neighbors = model.n_samples_fit_, model.n_neighbors
        if n_neighbors > n_samples:
            raise InvalidInputError(
                f"n_neighbors is {n_neighbors}, but n_samples = {n_samples}; give at most as many "
                "neighbors as samples."
            )
        rounds = self.search_rounds
        module = quantize_nearest(electorate, n_neighbors, rounds, self._precision)
        return nearest_votes_to_onnx(electorate.points, electorate.floats, n_neighbors), module


class RadiusEstimator(NeighborsEstimator):
    """An estimator that asks all within a radius; abstract."""

    _own_parameters: ClassVar[tuple[OwnParameter, ...]] = (_N_BITS, P_ERROR, _ROUNDING_BITS_WITHIN)

    @override
    def _counted(
        self, model: BaseEstimator, electorate: Electorate
    ) -> tuple[onnx.ModelProto, QuantizedModule]:
        is_squared = model.effective_metric_ == "sqeuclidean"
        radius = float(model.radius)
        # a product overflows to infinity, within which everybody is; a power would raise
        square = radius if is_squared else radius * radius
        module = quantize_within(electorate, square, self._precision)
        return votes_within_to_onnx(electorate.points, electorate.floats, square), module
