"""Requests and answers of the Open Inference Protocol, version 2: one tensor of bytes each way.

With its extension for binary data: a JSON text, whose length a header gives, then the tensor, which
is its length in four bytes and the bytes themselves.
"""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Mapping
from typing import NamedTuple

from cml_sklearn.exceptions import InvalidInputError

__all__ = ["INPUT", "LENGTH_HEADER", "OUTPUT", "Inference", "read_answer", "read_request"]
__all__ += ["write_answer", "write_request"]

LENGTH_HEADER = "Inference-Header-Content-Length"
INPUT, OUTPUT = "ciphertexts", "answer"
_LENGTH = struct.Struct("<I")


class Inference(NamedTuple):
    """What a request asks for.

    Attributes
    ----------
    payload : bytes
        Of `FheClient.encrypt`.
    keys : str, optional
        SHA-256 of the evaluation keys.
    id : str, optional
        Given back with the answer.
    """

    payload: bytes
    keys: str | None
    id: str | None = None


def write_request(payload: bytes, keys: str) -> tuple[bytes, int]:
    """Make a request's body, and the length of its JSON text for the header.

    Examples
    --------
    >>> body, length = write_request(b"encrypted", "ab12")
    >>> read_request(body, str(length))
    Inference(payload=b'encrypted', keys='ab12', id=None)
    """
    asked = [{"name": OUTPUT, "parameters": {"binary_data": True}}]
    head = {"parameters": {"keys": keys}, "inputs": [_tensor(INPUT, payload)], "outputs": asked}
    return _written(head, payload)


def write_answer(content: bytes, name: str, version: str, id: str | None) -> tuple[bytes, int]:  # noqa: A002
    """Make an answer's body, and the length of its JSON text for the header."""
    head = {"model_name": name, "model_version": version, "outputs": [_tensor(OUTPUT, content)]}
    return _written(head if id is None else {**head, "id": id}, content)


def read_request(body: bytes, length: str) -> Inference:
    """Read a request's body.

    Raises
    ------
    InvalidInputError
        It is none of the protocol, or has other tensors than one of bytes.
    """
    head, content = _read(body, length, "inputs", INPUT)
    parameters, id_ = head.get("parameters", {}), head.get("id")
    keys = parameters.get("keys") if isinstance(parameters, Mapping) else None
    if not isinstance(keys, str | None) or not isinstance(id_, str | None):
        raise InvalidInputError("The request's `id` and its parameter `keys` must be texts.")
    return Inference(content, keys, id_)


def read_answer(body: bytes, length: str) -> bytes:
    """Read what `FheClient.decrypt` takes of an answer's body.

    Raises
    ------
    InvalidInputError
        It is none of the protocol.
    """
    return _read(body, length, "outputs", OUTPUT)[1]


def _tensor(name: str, content: bytes) -> dict[str, object]:
    size = {"binary_data_size": _LENGTH.size + len(content)}
    return {"name": name, "shape": [1], "datatype": "BYTES", "parameters": size}


def _written(head: Mapping[str, object], content: bytes) -> tuple[bytes, int]:
    text = json.dumps(head).encode()
    return b"".join([text, _LENGTH.pack(len(content)), content]), len(text)


def _read(body: bytes, length: str, kind: str, name: str) -> tuple[Mapping[str, object], bytes]:
    if not re.fullmatch(r"[0-9]{1,9}", length) or int(length) > len(body):
        raise InvalidInputError(f"{LENGTH_HEADER} is not the length of the JSON text.")
    head = _head(body[: int(length)])
    tensors = head.get(kind)
    tensor = tensors[0] if isinstance(tensors, list) and len(tensors) == 1 else None
    if not isinstance(tensor, dict) or tensor.get("name") != name:
        raise InvalidInputError(f"The {kind} must be one tensor of the name {name!r}.")
    if tensor.get("datatype") != "BYTES" or tensor.get("shape") not in ([1], [1, 1]):
        raise InvalidInputError(f"The tensor {name!r} must be of type BYTES and shape [1].")
    content = body[int(length) :]
    size = tensor.get("parameters", {})
    size = size.get("binary_data_size") if isinstance(size, dict) else None
    if size != len(content) or content[:4] != _LENGTH.pack(max(len(content) - 4, 0) & 0xFFFFFFFF):
        raise InvalidInputError(
            f"The tensor {name!r} must come as binary data: `binary_data_size` bytes after the "
            "JSON text, the first four of which are the length of the rest."
        )
    return head, content[4:]


def _head(text: bytes) -> Mapping[str, object]:
    try:
        head = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InvalidInputError("The request does not begin with a JSON text.") from error
    if not isinstance(head, dict):
        raise InvalidInputError("The request's JSON text must be an object.")
    return head
