"""TFHE by concrete-python: everything that only Concrete knows."""

from cml_sklearn.fhe.concrete.engine import ConcreteEngine

__all__ = ["ConcreteEngine"]
