"""What all estimators made of trees share: raw scores that are a sum of trees over bits."""

from __future__ import annotations

import copy
from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from numbers import Integral, Real
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import RegressorMixin
from sklearn.utils import get_tags
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, validate_data

from cml_sklearn._predictions import DecidingEstimator, PredictingEstimator
from cml_sklearn.base import FheEstimator, as_dense, like_input
from cml_sklearn.config import ExecutionMode
from cml_sklearn.convert.hummingbird import trees_to_onnx
from cml_sklearn.forest.forest import Forest, forest_from_onnx
from cml_sklearn.forest.grid import FeatureGrid
from cml_sklearn.forest.lowering import forest_to_module
from cml_sklearn.forest.tree_arrays import TreeArrays
from cml_sklearn.quantization.quantized_module import QuantizedModule
from cml_sklearn.quantization.quantizers import FloatArray

__all__ = [
    "EnsembleEstimator",
    "PatchedClassifier",
    "PatchedEstimator",
    "PatchedRegressor",
    "Samples",
    "TreeEstimator",
    "constant_tree",
]

_OWN_PARAMETERS = {"n_bits": 6, "grid": "balanced", "sum_bits": None, "p_error": 2.0**-40}

_MAX_SAMPLES = 2_000


class Samples(NamedTuple):
    """Training samples on which the leaves' rounding is made up for.

    Parameters
    ----------
    codes : ndarray of int, shape (n_samples, n_features)
    weight : ndarray of shape (n_samples,)
        Positive.
    """

    codes: NDArray[np.int64]
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

    _own_parameters: ClassVar[dict[str, Any]] = _OWN_PARAMETERS
    _own_constraints: ClassVar[dict[str, Any]] = {
        "n_bits": [Interval(Integral, 1, 8, closed="both")],
        "grid": [StrOptions({"balanced", "quantile", "uniform"})],
        "sum_bits": [Interval(Integral, 1, 14, closed="both"), None],
        "p_error": [Interval(Real, 0, 1, closed="neither")],
    }
    _n_bits_doc: ClassVar[str] = """int, default=6
        Width of the features' codes (1 to 8): at most ``2**n_bits - 1`` edges a feature.
    grid : {"balanced", "quantile", "uniform"}, default="balanced"
        Whether the edges part the training samples ("quantile"), their interval ("uniform"), or the
        mean of rank and distance evenly. A feature of few distinct values gets an edge between any
        two of them.
    sum_bits : int, optional
        Width of each output's sum over the trees (1 to 14). None: the least that is exact enough
        on the training samples."""
    _float32: ClassVar[bool] = True

    aggregation: str = "encrypted"
    grid_: FeatureGrid

    def fit(self, X: ArrayLike, y: ArrayLike | None = None, **fit_params: Any) -> Self:
        """Place the grid, train the wrapped model on its codes, convert it and quantize it.

        Forgets an earlier circuit. Parameters are those of the wrapped class's `fit`.

        Returns
        -------
        self
        """
        self._validate_params()
        values = self._validated(X, reset=True)
        weight = fit_params.get("sample_weight")
        if weight is not None:
            weight = np.maximum(_check_sample_weight(weight, values), 0)
        grid = FeatureGrid.fit(values, self.n_bits, self.grid, weight)
        model = self._make_wrapped()
        codes = grid.codes(values)
        model.fit(self._typed(codes), y, **self._encoded_parameters(grid, fit_params))
        trees = self._read_trees(model)
        self._to_users_units(model, grid)
        rows = np.arange(len(codes)) if weight is None else np.flatnonzero(weight)
        samples = _thin(codes[rows], None if weight is None else weight[rows])
        return self._adopt_trees(model, trees, grid, samples)

    @classmethod
    def from_sklearn_model(
        cls,
        model: Any,
        X: ArrayLike,
        *,
        n_bits: int = 6,
        sum_bits: int | None = None,
        p_error: float = 2.0**-40,
    ) -> Self:
        """Make an estimator of a model that was fitted elsewhere, with its very thresholds.

        The thresholds are the grid then: nothing is lost, but whoever encrypts gets to know them
        (not which tree they are in, nor any leaf). Missing values are not taken.

        Parameters
        ----------
        model : estimator
            Of the wrapped class.
        X : array-like of shape (n_samples, n_features)
            Samples on which the leaves' rounding is made up for.
        n_bits
            Without effect on this estimator; used if it is fitted again.
        sum_bits, p_error
            See the class.

        Raises
        ------
        UnsupportedModelError
            A model of another class.
        NotFittedError
            A model that is not fitted.
        """
        return cls._from_fitted(model, X, n_bits=n_bits, sum_bits=sum_bits, p_error=p_error)

    @classmethod
    def _from_fitted(cls, model: Any, X: ArrayLike, **own: Any) -> Self:
        """See `from_sklearn_model`; takes all parameters of our own."""
        cls._check_wrapped(model)
        known = cls._get_param_names()
        parameters = {k: v for k, v in model.get_params(deep=False).items() if k in known}
        estimator = cls(**parameters, **own)
        estimator._validate_params()
        estimator.n_features_in_ = model.n_features_in_
        trees = estimator._read_trees(model)
        inner = [~tree.is_leaf for tree in trees]
        features = np.concatenate([t.feature[i] for t, i in zip(trees, inner, strict=True)])
        levels = np.concatenate([t.threshold[i] for t, i in zip(trees, inner, strict=True)])
        grid = FeatureGrid.of_thresholds(features, levels, model.n_features_in_)
        on_codes = [_on_codes(tree, grid) for tree in trees]
        samples = _thin(grid.codes(estimator._rounded(X)))
        return estimator._adopt_trees(model, on_codes, grid, samples)

    @abstractmethod
    def _read_trees(self, model: Any) -> list[TreeArrays]:
        """Trees whose sum is the raw scores of a fitted model."""

    def _to_users_units(self, model: Any, grid: FeatureGrid) -> None:
        """Let a model that was trained on codes predict from the user's data."""
        if hasattr(self, "feature_names_in_"):
            model.feature_names_in_ = self.feature_names_in_
        self._write_thresholds(model, grid)

    def _write_thresholds(self, model: Any, grid: FeatureGrid) -> None:
        """Put the grid's edges in place of codes, in scikit-learn's trees."""
        members = np.ravel(getattr(model, "estimators_", [model]))
        columns = getattr(model, "estimators_features_", [None] * len(members))
        for member, features in zip(members, columns, strict=True):
            tree = member.tree_
            inner = tree.children_left >= 0
            feature = tree.feature[inner]
            feature = feature if features is None else np.asarray(features)[feature]
            tree.threshold[inner] = grid.thresholds(feature, tree.threshold[inner])
            # a missing value lies above every edge
            tree.missing_go_to_left[:] = 0

    def _encoded_parameters(self, grid: FeatureGrid, fit_params: dict[str, Any]) -> dict[str, Any]:
        """Parameters of `fit` as the wrapped model needs them."""
        del grid
        return fit_params

    def _adopt_trees(
        self,
        model: Any,
        trees: list[TreeArrays],
        grid: FeatureGrid,
        samples: Samples,
    ) -> Self:
        """Make a fitted model this estimator's own; its trees are in terms of codes."""
        self.sklearn_model_ = model
        self.grid_ = grid
        self.onnx_model_ = trees_to_onnx(trees, grid.n_features)
        forest = forest_from_onnx(self.onnx_model_, grid)
        self._quantize_forest(forest, samples)
        return self

    def _quantize_forest(self, forest: Forest, samples: Samples) -> None:
        """Set the quantized module."""
        self.quantized_module_ = self._make_module(forest, samples)

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
        )

    def _checked_input(self, X: ArrayLike) -> FloatArray:
        """Validate X for a prediction, as scikit-learn does, and make it dense."""
        check_is_fitted(self)
        return self._validated(X, reset=False)

    def _validated(self, X: Any, *, reset: bool) -> FloatArray:
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
    def _dtype(self) -> type[np.floating[Any]]:
        """Type of the values that the wrapped model compares."""
        return np.float32 if self._float32 else np.float64

    def _typed(self, codes: NDArray[np.int64]) -> NDArray[np.floating[Any]]:
        """Codes in the type in which the wrapped model takes them."""
        return codes.astype(self._dtype)

    def _rounded(self, X: Any) -> FloatArray:
        """Dense X in the precision of the wrapped model."""
        return as_dense(X).astype(self._dtype).astype(np.float64)


class EnsembleEstimator(TreeEstimator):
    """Several trees, which the server adds up, or the client; abstract."""

    _own_parameters: ClassVar[dict[str, Any]] = {**_OWN_PARAMETERS, "aggregation": "encrypted"}
    _own_constraints: ClassVar[dict[str, Any]] = {
        **TreeEstimator._own_constraints,
        "aggregation": [StrOptions({"encrypted", "client"})],
    }
    _n_bits_doc: ClassVar[str] = (
        TreeEstimator._n_bits_doc
        + """
    aggregation : {"encrypted", "client"}, default="encrypted"
        Where the trees are added up: under encryption, or by the client, who then learns every
        tree's share of every score. Predictions are the same."""
    )

    @classmethod
    def from_sklearn_model(
        cls,
        model: Any,
        X: ArrayLike,
        *,
        n_bits: int = 6,
        sum_bits: int | None = None,
        aggregation: str = "encrypted",
        p_error: float = 2.0**-40,
    ) -> Self:
        """See `TreeEstimator.from_sklearn_model`; `aggregation` is the class's."""
        own = {"n_bits": n_bits, "sum_bits": sum_bits, "p_error": p_error}
        return cls._from_fitted(model, X, **own, aggregation=aggregation)


class PatchedEstimator(PredictingEstimator, TreeEstimator):
    """One whose wrapped methods work on our raw scores, by their own conventions; abstract."""

    @abstractmethod
    def _patch(self, model: Any, scores: FloatArray) -> None:
        """Let a copy of the wrapped model take scores for those that it would compute."""

    def _predicted(
        self, method: str, X: ArrayLike, execute_in_fhe: ExecutionMode | None
    ) -> NDArray[Any]:
        """See `PredictingEstimator`."""
        scores = self._raw_scores(X, execute_in_fhe)
        model = copy.copy(self.sklearn_model_)
        self._patch(model, scores)
        result: NDArray[Any] = getattr(model, method)(X)
        return like_input(result, X)


class PatchedRegressor(RegressorMixin, PatchedEstimator):
    """A regressor on raw scores; abstract."""


class PatchedClassifier(DecidingEstimator, PatchedEstimator):
    """A classifier on raw scores; abstract."""


def constant_tree(value: Sequence[float] | FloatArray) -> TreeArrays:
    """Make a tree of one leaf: what a model adds to the sum of its trees."""
    none = np.full(1, -1, dtype=np.int64)
    return TreeArrays(
        none, none, np.zeros(1, dtype=np.int64), np.zeros(1), np.atleast_2d(value).astype(float)
    )


def _thin(codes: NDArray[np.int64], weight: FloatArray | None = None) -> Samples:
    """Take evenly spread rows where there are many."""
    mass = np.ones(len(codes)) if weight is None else weight
    rows = slice(None, None, -(-len(codes) // _MAX_SAMPLES))
    return Samples(codes[rows], mass[rows])


def _on_codes(tree: TreeArrays, grid: FeatureGrid) -> TreeArrays:
    """Give a tree thresholds between a grid's codes instead of the edges themselves."""
    inner = ~tree.is_leaf
    threshold = np.zeros(len(inner))
    threshold[inner] = grid.ranks(tree.feature[inner], tree.threshold[inner]) + 0.5
    return replace(tree, threshold=threshold)
