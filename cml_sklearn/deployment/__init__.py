"""A model on two machines: a client that keeps its keys, a server that never sees them."""

from cml_sklearn.deployment.client import FheClient
from cml_sklearn.deployment.estimators import load_estimator, save_estimator
from cml_sklearn.deployment.saving import save_model
from cml_sklearn.deployment.server import FheServer

__all__ = ["FheClient", "FheServer", "load_estimator", "save_estimator", "save_model"]
