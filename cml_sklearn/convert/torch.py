"""Torch modules to ONNX: the one export path of the library."""

from __future__ import annotations

import io
import warnings
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, cast

from cml_sklearn._typing import Array
from cml_sklearn.convert.symbolics import more_operations
from cml_sklearn.exceptions import MissingPackageError, UnsupportedOperatorError

if TYPE_CHECKING:
    import onnx
    import torch

__all__ = ["check_torch", "export_to_onnx", "submodule_name"]


def check_torch(user: str) -> None:
    """Refuse what trains or converts with torch where the extra "torch" is not installed.

    The message names "concrete", too, which runs all networks but those of squares.

    Parameters
    ----------
    user : str
        What needs it, for the message.

    Raises
    ------
    MissingPackageError
    """
    for package in ("torch", "skorch"):
        if find_spec(package) is None:
            raise MissingPackageError.of(user, package, "concrete,torch")


def export_to_onnx(module: torch.nn.Module, *examples: Array) -> onnx.ModelProto:
    """Export a torch module with a free batch axis.

    Parameters
    ----------
    module : torch.nn.Module
        Put into evaluation mode for the export, and back into its own after it.
    *examples : ndarray of shape (n_samples, ...)
        One for each input; only shapes and types matter.

    Returns
    -------
    onnx.ModelProto

    Raises
    ------
    UnsupportedOperatorError
        Torch's exporter does not know an operation of the module's.
    """
    import onnx
    import torch
    from torch.onnx.errors import OnnxExporterError

    names = [f"input_{i}" for i in range(len(examples))]
    buffer = io.BytesIO()
    try:
        with warnings.catch_warnings(), more_operations():
            # the tracing exporter is deprecated, yet the only one that takes all these modules
            warnings.simplefilter("ignore")
            torch.onnx.export(
                module,
                tuple(torch.as_tensor(x) for x in examples),
                cast("Any", buffer),  # its annotation lacks file objects
                dynamo=False,
                input_names=names,
                dynamic_axes={name: {0: "n_samples"} for name in names},
            )
    except OnnxExporterError as error:
        raise UnsupportedOperatorError(
            f"Torch can't export the module: {error}. Write it with other operations."
        ) from error
    return onnx.load_from_string(buffer.getvalue())


def submodule_name(node: str) -> str:
    """Qualified name of the submodule that a node of an export comes from.

    The exporter writes the way to it, ``/block/body/body.0/Gemm`` for ``block.body.0``: what a
    container holds has its name in front. Empty for what the module does itself.
    """
    names: list[str] = []
    for part in node.strip("/").split("/")[:-1]:
        if names and part.startswith(f"{names[-1]}."):
            names.pop()
        names.append(part)
    return ".".join(names)
