"""ONNX models from files and bytes, with weights from no other place than the model's folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain
from pathlib import Path

import onnx
from onnx.external_data_helper import (
    _get_all_tensors,
    load_external_data_for_tensor,
    uses_external_data,
)

from cml_sklearn.exceptions import CmlError, InvalidGraphError, InvalidInputError

__all__ = ["errors_of_models", "load_model", "refuse_external_data"]


def load_model(model: str | Path | bytes | onnx.ModelProto) -> onnx.ModelProto:
    """Read a model.

    Parameters
    ----------
    model : path, bytes or onnx.ModelProto
        Only a path's model may have external data, and only in files of its own folder.

    Returns
    -------
    onnx.ModelProto

    Raises
    ------
    InvalidGraphError
        The file or the bytes hold no ONNX model, or name data outside the model's folder.
    InvalidInputError
        Something else came.
    """
    match model:
        case onnx.ModelProto():
            return model
        case bytes():
            with errors_of_models():
                return onnx.load_from_string(model)
        case str() | Path():
            with errors_of_models():
                return _load_file(Path(model))
        case _:
            raise InvalidInputError(
                f"A model came as {type(model).__name__}; give a path, bytes or an onnx.ModelProto."
            )


@contextmanager
def errors_of_models() -> Iterator[None]:
    """Make every error over a damaged model one of ours."""
    try:
        yield
    except CmlError:
        raise
    except OSError as error:
        raise InvalidGraphError(f"The model can't be read: {error}. Give a file's path.") from error
    except Exception as error:  # parsers of damaged files raise almost anything
        raise InvalidGraphError(
            f"The model is no ONNX model, or a damaged one ({type(error).__name__}: {error}); "
            "give the path or bytes of one that onnx.checker accepts."
        ) from error


def refuse_external_data(tensor: onnx.TensorProto) -> None:
    """Refuse a tensor whose data are in a file.

    Raises
    ------
    InvalidGraphError
        They are: the model came as bytes or as an object, so that no folder is its own.
    """
    if uses_external_data(tensor):
        raise InvalidGraphError(
            f"Tensor {tensor.name!r} has its data in a file ({_location(tensor)!r}), which only "
            "models given by path may have; give the path, or onnx.load(path)."
        )


def _load_file(path: Path) -> onnx.ModelProto:
    """Read a file, and the data that it has in others."""
    model = onnx.load(str(path), load_external_data=False)
    of_functions = (node.attribute for f in model.functions for node in f.node)
    inner = (a.t for attributes in of_functions for a in attributes if a.HasField("t"))
    for tensor in chain(_get_all_tensors(model), inner):
        if uses_external_data(tensor):
            _check_location(tensor, path.parent)
            load_external_data_for_tensor(tensor, str(path.parent))
            tensor.data_location = onnx.TensorProto.DEFAULT
            del tensor.external_data[:]
    return model


def _check_location(tensor: onnx.TensorProto, folder: Path) -> None:
    """Refuse data outside a folder, also by way of links."""
    location = _location(tensor)
    home, target = folder.resolve(), (folder / location).resolve()
    outside = Path(location).is_absolute() or ".." in Path(location).parts
    if outside or not target.is_relative_to(home):
        raise InvalidGraphError(
            f"Tensor {tensor.name!r} has its data in {location!r}, outside the model's folder; "
            "put the file beside the model."
        )
    if not target.is_file():
        raise InvalidGraphError(
            f"Tensor {tensor.name!r} has its data in {location!r}, which is no file beside the "
            "model; put it there."
        )


def _location(tensor: onnx.TensorProto) -> str:
    """File that a tensor names."""
    entries = {entry.key: entry.value for entry in tensor.external_data}
    return entries.get("location", "")
