"""The reference engine: no encryption, and no mercy."""

from cml_sklearn.fhe.clear.engine import ClearEngine

__all__ = ["ClearEngine"]
