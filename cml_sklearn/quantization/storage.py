"""Files of quantized modules: the one table of what they may hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cml_sklearn.exceptions import InvalidInputError
from cml_sklearn.onnx.graph import Node
from cml_sklearn.program.archive import PROGRAM_CLASSES, ArchiveTable, read, write
from cml_sklearn.program.program import IntegerProgram
from cml_sklearn.quantization.affine import AffineQuantizer
from cml_sklearn.quantization.clear_tail import ClearTail
from cml_sklearn.quantization.decoders import FieldDecoder, OutputScale
from cml_sklearn.quantization.encoders import BallQuantizer, GridEncoder, IndexEncoder
from cml_sklearn.quantization.encoding import Encoder
from cml_sklearn.quantization.feature_maps import (
    Companding,
    CompandingQuantizer,
    MappedQuantizer,
    Monomials,
)
from cml_sklearn.quantization.postprocessing import ClientStep, Postprocessing
from cml_sklearn.quantization.soundness import check_parts

__all__ = ["Decoder", "StoredModule", "load_module", "save_module"]

Decoder = OutputScale | FieldDecoder
"""What the client needs to read an output."""


@dataclass(frozen=True)
class StoredModule:
    """What a file holds: the parameters of `QuantizedModule`."""

    program: IntegerProgram
    encoders: tuple[Encoder, ...]
    decoders: tuple[Decoder, ...]
    tail: ClearTail | None = None
    postprocessing: Mapping[str, Postprocessing] = field(default_factory=dict)


_TABLE = ArchiveTable(
    [
        *PROGRAM_CLASSES,
        StoredModule,
        AffineQuantizer,
        BallQuantizer,
        Companding,
        CompandingQuantizer,
        Monomials,
        MappedQuantizer,
        OutputScale,
        FieldDecoder,
        GridEncoder,
        IndexEncoder,
        ClearTail,
        Node,
        *ClientStep.__subclasses__(),
    ]
)


def save_module(path: str | Path, module: StoredModule) -> None:
    """Write a module's parts to a file of plain data."""
    write(path, module, _TABLE)


def load_module(path: str | Path) -> StoredModule:
    """Read what `save_module` has written.

    Raises
    ------
    InvalidInputError
        The file is missing or of another kind, or its program makes no sense.
    """
    module: StoredModule = read(path, StoredModule, _TABLE)
    try:
        check_parts(
            module.program, module.encoders, module.decoders, module.tail, module.postprocessing
        )
    except Exception as error:  # whatever the parts find wrong
        reason = str(error).rstrip(".")
        raise InvalidInputError(
            f"{path} can't be read: {reason}. Give a file that was saved by this library."
        ) from error
    return module
