"""The client's half as a model of MLflow: it encrypts, asks a service, and decrypts.

What MLflow stores is ``client.zip``, as data: no pickle, no token and no keys. These come from the
environment of who predicts.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from numpy.typing import ArrayLike

from cml_sklearn._version import __version__
from cml_sklearn.deployment.client import FheClient
from cml_sklearn.deployment.remote import RemoteModel
from cml_sklearn.exceptions import InvalidInputError, MissingPackageError

if TYPE_CHECKING:
    from mlflow.models import ModelSignature
    from mlflow.models.model import ModelInfo

__all__ = ["EncryptingModel", "log_model", "save_model"]

_VARIABLES = {"url": "CML_SERVER", "keys": "CML_KEYS"}
"""Variables of the environment that an entry of `model_config` goes before."""


class EncryptingModel:
    """What MLflow calls: see `RemoteModel`.

    Parameters
    ----------
    model : RemoteModel
    """

    def __init__(self, model: RemoteModel) -> None:
        self.model = model

    def predict(self, X: ArrayLike, params: Mapping[str, Any] | None = None) -> Any:
        """Encrypt, ask and decrypt.

        Parameters
        ----------
        X : DataFrame or ndarray of shape (n_samples, n_features)
        params : mapping, optional
            "method": "predict" (the default), "predict_proba", ...

        Returns
        -------
        ndarray with a row a sample, or a list of them
        """
        return self.model.compute(X, (params or {}).get("method", "predict"), progress=False)


def save_model(client: str | Path, path: str | Path, *, url: str | None = None) -> None:
    """Write a client's half as a model of MLflow into a folder.

    Parameters
    ----------
    client : path
        ``client.zip`` of `cml_sklearn.deployment.save_model`.
    path : path
        Of a folder that is not there yet.
    url : str, optional
        Of the service, where it is always the same; None: whoever predicts says it.

    Raises
    ------
    InvalidInputError
        The file is no client's half.
    """
    _pyfunc().save_model(path=str(path), **_arguments(client, url))


def log_model(
    client: str | Path, name: str = "model", *, url: str | None = None, **options: Any
) -> ModelInfo:
    """Log a client's half to the current run of MLflow.

    Parameters
    ----------
    client, url
        See `save_model`.
    name : str
        Of the model.
    **options
        Further ones of ``mlflow.pyfunc.log_model``, such as ``registered_model_name``.

    Returns
    -------
    ModelInfo
    """
    return _pyfunc().log_model(name=name, **_arguments(client, url), **options)


def _pyfunc() -> ModuleType:
    """Import MLflow's part for models of any library, on first need."""
    with MissingPackageError.of_imports("A model of MLflow", "mlflow"):
        from mlflow import pyfunc
    module: ModuleType = pyfunc
    return module


def _arguments(client: str | Path, url: str | None) -> dict[str, Any]:
    """Make what pyfunc needs to store and load a client's half by this module."""
    half = FheClient(client)
    extras = "concrete,deployment" if "concrete" in half.card.engines else "deployment"
    return {
        "loader_module": __name__,
        "data_path": str(client),
        "signature": _signature(half),
        # MLflow lets only those entries be given later that are there
        "model_config": {"url": url or "", "keys": ""},
        "pip_requirements": [f"cml-sklearn[{extras},service,mlflow]=={__version__}"],
    }


def _signature(client: FheClient) -> ModelSignature:
    """Columns with their types where they have names, and the parameter of `predict`."""
    from mlflow.models import ModelSignature
    from mlflow.types.schema import ColSpec, ParamSchema, ParamSpec, Schema

    names = client.card.features
    text = client.words_of(names) if names else {}
    columns: list[Any] = [ColSpec("string" if name in text else "double", name) for name in names]
    params = ParamSchema([ParamSpec("method", "string", "predict")])
    return ModelSignature(inputs=Schema(columns) if columns else None, params=params)


def _load_pyfunc(path: str, model_config: Mapping[str, Any] | None = None) -> EncryptingModel:
    """Make the model that ``mlflow.pyfunc.load_model`` gives; MLflow looks for this name.

    Raises
    ------
    InvalidInputError
        The URL or the token of the service is missing, or the keys don't open.
    """
    client = FheClient(path)
    keys = _setting(model_config, "keys")
    if keys:
        client.load_keys(keys, os.environ.get("CML_PASSPHRASE", ""))
    url, token = _setting(model_config, "url"), os.environ.get("CML_TOKEN")
    if not (url and token):
        raise InvalidInputError(
            "The service to ask is not known: set CML_TOKEN to its token, and CML_SERVER (or "
            '"url" in model_config) to its URL.'
        )
    return EncryptingModel(RemoteModel(url, client, token))


def _setting(config: Mapping[str, Any] | None, name: str) -> str | None:
    """Read a setting; the environment goes first: whoever stores a model must not get its token."""
    return os.environ.get(_VARIABLES[name]) or (config or {}).get(name)
