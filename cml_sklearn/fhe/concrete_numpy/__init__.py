"""TFHE by concrete-numpy, Concrete's predecessor: everything that only it knows."""

from cml_sklearn.fhe.concrete_numpy.engine import ConcreteNumpyEngine

__all__ = ["ConcreteNumpyEngine"]
