"""A model on two machines: a client that keeps its keys, a server that never sees them."""

from cml_sklearn.deployment.client import FheClient
from cml_sklearn.deployment.saving import save_model
from cml_sklearn.deployment.server import FheServer

__all__ = ["FheClient", "FheServer", "save_model"]
