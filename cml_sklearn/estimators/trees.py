"""What all estimators made of trees share: raw scores that are a sum of trees over bits."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import replace
from numbers import Integral
from typing import ClassVar, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, DTypeLike
from sklearn.base import BaseEstimator
from sklearn.utils import get_tags
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data
from typing_extensions import override

from cml_sklearn._typing import Array, FloatArray, IntArray
from cml_sklearn.convert.raw_scores import trees_to_onnx
from cml_sklearn.estimators.arrays import as_dense
from cml_sklearn.estimators.base import P_ERROR, FheEstimator
from cml_sklearn.estimators.translated_parameters import groups_by_position, signs_by_position
from cml_sklearn.estimators.wrapping import OwnParameter
from cml_sklearn.exceptions import InvalidInputError, UnsupportedModelError
from cml_sklearn.forest.forest import Forest, forest_from_onnx
from cml_sklearn.forest.grid import FeatureGrid
from cml_sklearn.forest.lowering import forest_to_module
from cml_sklearn.forest.tree_arrays import TreeArrays
from cml_sklearn.quantization.quantized_module import QuantizedModule
from cml_sklearn.quantization.ranges import random_rows

__all__ = [
    "Conversion",
    "EnsembleEstimator",
    "Samples",
    "TreeEstimator",
    "constant_tree",
]

_PARAMETERS = (
    OwnParameter(
        "n_bits",
        6,
        (Interval(Integral, 1, 8, closed="both"),),
        """int, default=6
        Width of the features' codes (1 to 8): at most ``2**n_bits - 1`` edges a feature.""",
        in_fit_only=True,
    ),
    OwnParameter(
        "grid",
        "balanced",
        (StrOptions({"balanced", "quantile", "uniform"}),),
        """{"balanced", "quantile", "uniform"}, default="balanced"
        Whether the edges part the training samples ("quantile"), their interval ("uniform"), or the
        mean of rank and distance evenly. A feature of few distinct values gets an edge between any
        two of them.""",
        in_fit_only=True,
    ),
    OwnParameter(
        "sum_bits",
        None,
        (Interval(Integral, 1, 14, closed="both"), None),
        """int, optional
        Width of each output's sum over the trees (1 to 14). None: the least that is exact enough
        on the training samples.""",
    ),
    P_ERROR,
)

_AGGREGATION = OwnParameter(
    "aggregation",
    "encrypted",
    (StrOptions({"encrypted", "client"}),),
    """{"encrypted", "client"}, default="encrypted"
    Where the trees are added up: under encryption, or by the client, who then learns every tree's
    share of every score. Predictions are the same.""",
)

_MAX_SAMPLES = 2_000

_BY_POSITION = {
    "monotonic_cst": signs_by_position,
    "monotone_constraints": signs_by_position,
    "interaction_constraints": groups_by_position,
}

Conversion = Callable[[IntArray, FloatArray], FloatArray]
"""Makes other thresholds of the features and thresholds of splits."""


class Samples(NamedTuple):
    """Training samples on which the leaves' rounding is made up for.

    Parameters
    ----------
    codes : ndarray of int, shape (n_samples, n_features)
    weight : ndarray of shape (n_samples,)
        Positive.
    """

    codes: IntArray
    weight: FloatArray


class TreeEstimator(FheEstimator):
    """An estimator whose raw scores are a sum of trees; abstract.

    The wrapped model is trained on the codes of a public grid. Afterwards its thresholds are
    written in the user's units, so that `sklearn_model_` predicts from the user's data.

    Attributes
    ----------
    grid_ : FeatureGrid
        Edges of every feature: all that the client needs to know.
    """

    _own_parameters: ClassVar[tuple[OwnParameter, ...]] = _PARAMETERS
    _float32: ClassVar[bool] = True
    _one_unit: ClassVar[bool] = True
    """Whether raw scores have one unit, as those of classes; targets have units of their own."""

    aggregation: str = "encrypted"
    grid_: FeatureGrid
    _grid_asked_for: tuple[int, str]

    def fit(self, X: ArrayLike, y: ArrayLike | None = None, **fit_params: object) -> Self:
        """Place the grid, train the wrapped model on its codes, convert it and quantize it.

        Forgets an earlier circuit. Parameters are those of the wrapped class's `fit`.

        Returns
        -------
        self
        """
        self._validate_params()
        self._check_fit_arguments(fit_params)
        self._check_warm_start()
        values = self._validated(X, reset=not self._is_warm)
        weight = fit_params.get("sample_weight")
        if weight is not None:
            weight = np.maximum(_check_sample_weight(weight, values), 0)
        grid = self._grid_for(values, weight)
        model = self._model_to_fit().set_params(**self._constraints_by_position())
        codes = grid.codes(values)
        model.fit(self._typed(codes), y, **self._encoded_parameters(grid, fit_params))
        trees = self._read_trees(model)
        self._to_users_units(model, grid)
        self._is_adopted = False
        rows = np.arange(len(codes)) if weight is None else np.flatnonzero(weight)
        samples = _thin(codes[rows], None if weight is None else weight[rows])
        return self._adopt_trees(model, trees, grid, samples)

    @classmethod
    def from_sklearn_model(cls, model: BaseEstimator, X: ArrayLike, **own: object) -> Self:
        """Make an estimator of a model that was fitted elsewhere, with its very thresholds.

        The thresholds are the grid then: nothing is lost, but whoever encrypts gets to know them
        (not which tree they are in, nor any leaf). Missing values are not taken.
        """
        return super().from_sklearn_model(model, X, **own)

    @override
    def _adopt(
        self, model: BaseEstimator, X: FloatArray, sample_weight: ArrayLike | None = None
    ) -> Self:
        self._take_names(model)
        trees = self._read_trees(model)
        inner = [~tree.is_leaf for tree in trees]
        features = np.concatenate([t.feature[i] for t, i in zip(trees, inner, strict=True)])
        levels = np.concatenate([t.threshold[i] for t, i in zip(trees, inner, strict=True)])
        grid = FeatureGrid.of_thresholds(features, levels, model.n_features_in_)
        on_codes = [_on_codes(tree, grid) for tree in trees]
        samples = _thin(grid.codes(self._rounded(X)))
        return self._adopt_trees(model, on_codes, grid, samples)

    def _grid_for(self, values: FloatArray, weight: FloatArray | None) -> FeatureGrid:
        """Place a grid, or take that of the fit which this one goes on from."""
        if self._is_warm:
            return self.grid_
        self._grid_asked_for = (self.n_bits, self.grid)
        return FeatureGrid.fit(values, self.n_bits, self.grid, weight)

    @override
    def _check_warm_start(self) -> None:
        """Refuse to go on with another grid, or without one, too."""
        super()._check_warm_start()
        if self._is_warm and self._is_adopted:
            raise UnsupportedModelError(
                "warm_start can't go on from a model that was fitted elsewhere, whose grid is its "
                "own thresholds; train it on there, or use warm_start=False."
            )
        if self._is_warm and self._grid_asked_for != (self.n_bits, self.grid):
            raise InvalidInputError(
                "warm_start goes on with the grid of the first fit (n_bits, grid = "
                f"{self._grid_asked_for}), but they are now {(self.n_bits, self.grid)}; leave "
                "them, or use warm_start=False."
            )

    @override
    def _model_to_fit(self) -> BaseEstimator:
        model = super()._model_to_fit()
        if self._is_warm:
            self._convert_thresholds(model, self._codes_of_thresholds)
        return model

    def _codes_of_thresholds(self, feature: IntArray, threshold: FloatArray) -> FloatArray:
        """Undo `FeatureGrid.thresholds`."""
        codes: FloatArray = self.grid_.ranks(feature, threshold) + 0.5
        return codes

    def _constraints_by_position(self) -> dict[str, object]:
        """Constraints of the wrapped model, with positions in place of the features' names."""
        given, names = self.get_params(deep=False), getattr(self, "feature_names_in_", ())
        return {k: put(given[k], names) for k, put in _BY_POSITION.items() if k in given}

    @abstractmethod
    def _read_trees(self, model: BaseEstimator) -> list[TreeArrays]:
        """Trees whose sum is the raw scores of a fitted model."""

    def _to_users_units(self, model: BaseEstimator, grid: FeatureGrid) -> None:
        """Let a model that was trained on codes predict from the user's data."""
        if "feature_names_in_" in vars(self):
            model.feature_names_in_ = self.feature_names_in_
        self._convert_thresholds(model, grid.thresholds)

    def _convert_thresholds(self, model: BaseEstimator, convert: Conversion) -> None:
        """Put other thresholds in place of those of scikit-learn's trees."""
        members = np.ravel(getattr(model, "estimators_", [model]))
        columns = getattr(model, "estimators_features_", [None] * len(members))
        for member, features in zip(members, columns, strict=True):
            tree = member.tree_
            inner = tree.children_left >= 0
            feature = tree.feature[inner]
            feature = feature if features is None else np.asarray(features)[feature]
            tree.threshold[inner] = convert(feature, tree.threshold[inner])
            # a missing value lies above every edge
            tree.missing_go_to_left[:] = 0

    def _encoded_parameters(
        self, grid: FeatureGrid, fit_params: dict[str, object]
    ) -> dict[str, object]:
        """Parameters of `fit` as the wrapped model needs them."""
        del grid
        return fit_params

    def _adopt_trees(
        self,
        model: BaseEstimator,
        trees: list[TreeArrays],
        grid: FeatureGrid,
        samples: Samples,
    ) -> Self:
        """Make a fitted model this estimator's own; its trees are in terms of codes."""
        graph = trees_to_onnx(trees, grid.n_features)
        self.grid_ = grid
        modules = self._quantize_forest(model, forest_from_onnx(graph, grid), samples)
        self.sklearn_model_ = model  # after what takes long or fails, as in `_adopt`
        return self._adopt_modules(model, graph, modules)

    def _quantize_forest(
        self, model: BaseEstimator, forest: Forest, samples: Samples
    ) -> dict[str, QuantizedModule]:
        """Modules by method; those that are missing take the module of "predict"."""
        del model
        return {"predict": self._make_module(forest, samples)}

    def _make_module(
        self, forest: Forest, samples: Samples, sum_bits: int | None = None
    ) -> QuantizedModule:
        """Round a forest's leaves."""
        return forest_to_module(
            forest,
            self.grid_,
            self.grid_.bits(samples.codes),
            float32=self._float32,
            sum_bits=sum_bits or self.sum_bits,
            sample_weight=samples.weight,
            per_tree=self.aggregation == "client",
            one_unit=self._one_unit,
        )

    @override
    def _checked_input(self, X: ArrayLike) -> FloatArray:
        check_is_fitted(self)
        return self._validated(X, reset=False)

    def _validated(self, X: ArrayLike, *, reset: bool) -> FloatArray:
        """Let scikit-learn validate X, for the fit too."""
        tags = get_tags(self).input_tags
        checked = validate_data(
            self,
            X,
            accept_sparse=["csr", "csc"] if tags.sparse else False,
            dtype=self._dtype,
            ensure_all_finite="allow-nan" if tags.allow_nan else True,
            reset=reset,
        )
        return as_dense(checked)

    @property
    def _dtype(self) -> DTypeLike:
        """Type of the values that the wrapped model compares."""
        return np.float32 if self._float32 else np.float64

    def _codes(self, grid: FeatureGrid, X: ArrayLike) -> Array:
        """Further samples as the wrapped model takes them; checked as those of `fit` are."""
        return self._typed(grid.codes(self._validated(X, reset=False)))

    def _typed(self, codes: IntArray) -> Array:
        """Codes in the type in which the wrapped model takes them."""
        return codes.astype(self._dtype)

    def _rounded(self, X: ArrayLike) -> FloatArray:
        """Dense X in the precision of the wrapped model."""
        return as_dense(X).astype(self._dtype).astype(np.float64)


class EnsembleEstimator(TreeEstimator):
    """Several trees, which the server adds up, or the client; abstract."""

    _own_parameters: ClassVar[tuple[OwnParameter, ...]] = (*_PARAMETERS, _AGGREGATION)


def constant_tree(value: Sequence[float] | FloatArray) -> TreeArrays:
    """Make a tree of one leaf: what a model adds to the sum of its trees."""
    none = np.full(1, -1, dtype=np.int64)
    return TreeArrays(
        none, none, np.zeros(1, dtype=np.int64), np.zeros(1), np.atleast_2d(value).astype(float)
    )


def _thin(codes: IntArray, weight: FloatArray | None = None) -> Samples:
    """Pick rows at random where there are many: rows in an order may repeat with any stride."""
    mass = np.ones(len(codes)) if weight is None else weight
    rows = random_rows(len(codes), _MAX_SAMPLES)
    return Samples(codes[rows], mass[rows])


def _on_codes(tree: TreeArrays, grid: FeatureGrid) -> TreeArrays:
    """Give a tree thresholds between a grid's codes instead of the edges themselves."""
    inner = ~tree.is_leaf
    threshold = np.zeros(len(inner))
    threshold[inner] = grid.ranks(tree.feature[inner], tree.threshold[inner]) + 0.5
    return replace(tree, threshold=threshold)
