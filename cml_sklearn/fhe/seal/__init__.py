"""SEAL's BFV: linear models and trees, exact, thousands of samples in one ciphertext."""

from cml_sklearn.fhe.seal.engine import SealEngine

__all__ = ["SealEngine"]
