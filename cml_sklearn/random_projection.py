"""Random projections: `sklearn.random_projection` on encrypted data."""

from __future__ import annotations

import sklearn.random_projection

from cml_sklearn.estimators.linear import LinearTransformer

__all__ = ["GaussianRandomProjection", "SparseRandomProjection"]


def __dir__() -> list[str]:
    return __all__


class GaussianRandomProjection(
    LinearTransformer, wraps=sklearn.random_projection.GaussianRandomProjection
): ...


class SparseRandomProjection(
    LinearTransformer, wraps=sklearn.random_projection.SparseRandomProjection
): ...
