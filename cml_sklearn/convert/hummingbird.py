"""Fitted scikit-learn models to ONNX, by Hummingbird."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cml_sklearn.convert.torch import export_to_onnx
from cml_sklearn.convert.tree_arrays import TreeArrays
from cml_sklearn.exceptions import UnsupportedModelError

if TYPE_CHECKING:
    import onnx

__all__ = ["linear_map_to_onnx", "to_onnx", "trees_to_onnx"]


def to_onnx(
    model: Any, X: NDArray[np.float64], options: dict[str, Any] | None = None
) -> onnx.ModelProto:
    """Convert a fitted model.

    Parameters
    ----------
    model : estimator
        One that Hummingbird knows.
    X : ndarray of shape (n_samples, n_features)
        A few samples, for their shape.
    options : dict, optional
        Hummingbird's `extra_config`.

    Returns
    -------
    onnx.ModelProto
        Float32 input and output with a free batch axis.

    Raises
    ------
    UnsupportedModelError
        Hummingbird has no converter for the model.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from hummingbird.ml import convert
        from hummingbird.ml.exceptions import MissingConverter

        examples = X[:2].astype(np.float32)
        try:
            container = convert(model, "torch", examples, extra_config=options or {})
        except MissingConverter as error:
            raise UnsupportedModelError(
                f"Hummingbird can't convert {type(model).__name__}; use an estimator of "
                "cml_sklearn, or export the model to ONNX and use compile_onnx_model."
            ) from error
    return export_to_onnx(container.model, examples)


def linear_map_to_onnx(
    coef: NDArray[np.float64], intercept: NDArray[np.float64]
) -> onnx.ModelProto:
    """Convert the linear map ``X @ coef.T + intercept``, as a `LinearRegression`.

    The raw scores of every linear model are such a map. Going through the one converter keeps link
    functions, which run in the clear after decryption, out of the graph, and serves the models that
    Hummingbird does not know.

    Parameters
    ----------
    coef : ndarray of shape (n_outputs, n_features)
    intercept : ndarray of shape (n_outputs,)
    """
    from sklearn.linear_model import LinearRegression

    model = LinearRegression()
    model.coef_, model.intercept_ = coef, intercept
    model.n_features_in_ = coef.shape[1]
    return to_onnx(model, np.zeros((2, coef.shape[1])))


def trees_to_onnx(trees: Sequence[TreeArrays], n_features: int) -> onnx.ModelProto:
    """Convert the sum of trees, as a `RandomForestRegressor` of them.

    The raw scores of every ensemble of trees are such a sum. Like `linear_map_to_onnx` this keeps
    links out of the graph, and serves the models that Hummingbird does not know. The trees are
    written as matrices (its "gemm" strategy).

    Parameters
    ----------
    trees : sequence of TreeArrays
        All with the same outputs.
    n_features : int
        Columns of the graph's input.
    """
    from sklearn.ensemble import RandomForestRegressor

    model = RandomForestRegressor()
    model.estimators_ = [SimpleNamespace(tree_=_stand_in(tree, len(trees))) for tree in trees]
    model.n_features_in_ = n_features
    return to_onnx(model, np.zeros((2, n_features)), {"tree_implementation": "gemm"})


def _stand_in(tree: TreeArrays, n_trees: int) -> SimpleNamespace:
    """Give what Hummingbird reads of scikit-learn's `tree_`; a forest's values get averaged."""
    value = tree.value[:, :, None] * n_trees
    if len(value) > 1:
        return SimpleNamespace(**{**vars(tree), "value": value})
    # a lone leaf becomes a split with equal sides, which Hummingbird has for one output only
    return SimpleNamespace(
        children_left=np.array([1, -1, -1]),
        children_right=np.array([2, -1, -1]),
        feature=np.zeros(3, dtype=np.int64),
        threshold=np.zeros(3),
        value=np.repeat(value, 3, axis=0),
    )
