"""NumPy arrays of what scikit-learn takes as arrays, and the way back."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse
from sklearn.utils._array_api import (
    _convert_to_numpy,
    get_namespace,
    get_namespace_and_device,
)

from cml_sklearn._typing import Array, FloatArray

__all__ = ["as_dense", "as_numpy", "like_input"]


def as_numpy(values: ArrayLike) -> Array:
    """NumPy array of what scikit-learn takes as one, arrays of other libraries too."""
    namespace, _ = get_namespace(values)
    return np.asarray(_convert_to_numpy(values, namespace))


def as_dense(X: ArrayLike) -> FloatArray:
    """Float array of shape (n_samples, n_features) of what the wrapped `fit` has accepted."""
    values: Array = cast("sparse.spmatrix", X).toarray() if sparse.issparse(X) else as_numpy(X)
    return values.astype(np.float64)


def like_input(result: Any, X: ArrayLike) -> Any:
    """Move results to the array library of X, where scikit-learn's array dispatch is on.

    Labels that are no numbers stay, as in scikit-learn.
    """
    if isinstance(result, list):
        return [like_input(part, X) for part in result]
    namespace, is_array_api, device = get_namespace_and_device(X)
    moves = is_array_api and result.dtype.kind in "biufc"
    return namespace.asarray(result, device=device) if moves else result
