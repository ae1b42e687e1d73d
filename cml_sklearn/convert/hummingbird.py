"""Fitted scikit-learn models to ONNX, by Hummingbird."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from cml_sklearn.convert.torch import export_to_onnx
from cml_sklearn.exceptions import UnsupportedModelError

if TYPE_CHECKING:
    import onnx

__all__ = ["linear_map_to_onnx", "to_onnx"]


def to_onnx(model: Any, X: NDArray[np.float64]) -> onnx.ModelProto:
    """Convert a fitted model.

    Parameters
    ----------
    model : estimator
        One that Hummingbird knows.
    X : ndarray of shape (n_samples, n_features)
        A few samples, for their shape.

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
            container = convert(model, "torch", examples)
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
