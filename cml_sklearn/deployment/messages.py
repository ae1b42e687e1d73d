"""What goes over the wire: a few bytes that say what follows, then the engine's own bytes.

A message is ``CMLM``, a version, the length of a JSON text and the text, and parts with their
lengths. It is read without any trust: lengths are checked before anything is taken.
"""

from __future__ import annotations

import io
import json
import struct
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from typing import Any, BinaryIO

from cml_sklearn.exceptions import InvalidInputError

__all__ = ["Message", "count_samples", "read_messages"]

_MAGIC, _VERSION = b"CMLM", 1
_START = struct.Struct("<4sHI")
_LENGTH = struct.Struct("<Q")
_MAX_TEXT, _MAX_PARTS, _MAX_PART = 4096, 1 << 20, 1 << 32
_KINDS = ("keys", "inputs", "outputs")


@dataclass(frozen=True)
class Message:
    """One set of evaluation keys, or one batch on its way.

    Parameters
    ----------
    kind : {"keys", "inputs", "outputs"}
    engine : str
        Name of the engine whose bytes the parts are.
    target : str
        What it is for: the digest of a model, or of the parameters that keys are for.
    module : int
        Which of the model's modules.
    n_samples : int
        Samples of a batch, as the circuit takes them.
    n_rows : int
        Those of them that were asked for; the rest fills the batch up.
    parts : tuple of bytes
    """

    kind: str
    engine: str
    target: str
    module: int
    n_samples: int
    n_rows: int
    parts: tuple[bytes, ...]

    def write(self) -> bytes:
        """Put everything into bytes."""
        head = {name: value for name, value in asdict(self).items() if name != "parts"}
        text = json.dumps({**head, "parts": len(self.parts)}).encode()
        pieces = [_START.pack(_MAGIC, _VERSION, len(text)), text]
        for part in self.parts:
            pieces += [_LENGTH.pack(len(part)), part]
        return b"".join(pieces)


def read_messages(data: bytes | BinaryIO, *, limit: int = 1 << 34) -> Iterator[Message]:
    """Read messages that stand one after the other.

    Parameters
    ----------
    data : bytes or binary file
    limit : int
        Bytes of a message's parts together.

    Raises
    ------
    InvalidInputError
        The bytes are no messages of this version, or too large.
    """
    file = io.BytesIO(data) if isinstance(data, bytes) else data
    while start := file.read(_START.size):
        yield _read(file, start, limit)


def count_samples(data: bytes) -> int:
    """Count the samples of batches that stand one after the other, as circuits take them.

    Raises
    ------
    InvalidInputError
        As in `read_messages`.
    """
    return sum(message.n_samples for message in read_messages(data))


def _read(file: BinaryIO, start: bytes, limit: int) -> Message:
    if len(start) < _START.size:
        raise _refused("it ends early")
    magic, version, length = _START.unpack(start)
    if magic != _MAGIC:
        raise _refused("it does not begin like one")
    if version != _VERSION:
        raise _refused(f"it has version {version}, but this library reads {_VERSION}")
    if length > _MAX_TEXT:
        raise _refused("its head is too long")
    head = _head(_exactly(file, length))
    parts, left = [], limit
    for _ in range(head.pop("parts")):
        (size,) = _LENGTH.unpack(_exactly(file, _LENGTH.size))
        left -= size
        if size > _MAX_PART or left < 0:
            raise _refused(f"it has more than {limit:,} bytes")
        parts.append(_exactly(file, size))
    return Message(**head, parts=tuple(parts))


def _head(text: bytes) -> dict[str, Any]:
    """Check the fields of a message's head."""
    try:
        head = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise _refused("its head is no JSON") from error
    wanted = {"kind": str, "engine": str, "target": str, "module": int, "n_samples": int}
    wanted |= {"n_rows": int, "parts": int}
    if not isinstance(head, dict) or {n: type(v) for n, v in head.items()} != wanted:
        raise _refused("its head has other fields")
    numbers = [head[name] for name in ("module", "n_rows", "parts")]
    if head["kind"] == "inputs":  # empty ones would cost time, and count for nothing
        numbers += [head["n_samples"] - 1, head["parts"] - 1]
    too_many = head["parts"] > _MAX_PARTS or head["n_rows"] > head["n_samples"]
    if head["kind"] not in _KINDS or min(numbers) < 0 or too_many:
        raise _refused("its head makes no sense")
    return head


def _exactly(file: BinaryIO, size: int) -> bytes:
    """Read so many bytes, in pieces: a length that lies takes no memory."""
    pieces, left = [], size
    while left:
        piece = file.read(min(left, 1 << 20))
        if not piece:
            raise _refused("it ends early")
        pieces.append(piece)
        left -= len(piece)
    return b"".join(pieces)


def _refused(reason: str) -> InvalidInputError:
    return InvalidInputError(
        f"The bytes are no message of this library: {reason}. Send what the other half made."
    )
