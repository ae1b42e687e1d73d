"""From a fitted model to two archives: one for who owns the data, one for who owns the model."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, NamedTuple, cast

import numpy as np

from cml_sklearn.deployment.archives import Card, digest_of, write_zip
from cml_sklearn.deployment.preprocessing import (
    TRANSFORM_CLASSES,
    Preprocessing,
    columns_of,
    transforms_of,
)
from cml_sklearn.exceptions import InvalidInputError, UnsupportedModelError
from cml_sklearn.fhe.circuit import FheCircuit
from cml_sklearn.fhe.protocol import AnyPortableClient, CircuitOptions
from cml_sklearn.program.archive import ArchiveTable, write
from cml_sklearn.program.bounds import Bounds
from cml_sklearn.program.program import Instruction, IntegerProgram
from cml_sklearn.program.steps import Take
from cml_sklearn.quantization.quantized_module import QuantizedModule

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator
    from sklearn.pipeline import Pipeline

__all__ = [
    "CLIENT",
    "MODULE",
    "PREPROCESSING",
    "PREPROCESSING_TABLE",
    "SERVER",
    "Parts",
    "card_of",
    "contents",
    "folder_of",
    "parts_of",
    "save_model",
    "server_files",
]

CLIENT, SERVER = "client", "server"
PREPROCESSING = "preprocessing.npz"
PREPROCESSING_TABLE = ArchiveTable(TRANSFORM_CLASSES)
MODULE = "module.npz"

_PORTABLE = ("seal", "concrete")


class Parts(NamedTuple):
    """What a model is made of.

    Attributes
    ----------
    name : str
        Class of the model.
    modules : list of QuantizedModule
    methods : dict of str to int
        Number of the module by method.
    p_error : float
    transforms : tuple of ClientTransform
    features : tuple of str
        Names of the columns that come; empty where they have none.
    """

    name: str
    modules: list[QuantizedModule]
    methods: dict[str, int]
    p_error: float
    transforms: Preprocessing = ()
    features: tuple[str, ...] = ()


def save_model(
    model: BaseEstimator | Pipeline | QuantizedModule,
    folder: str | Path,
    *,
    engine: str = "auto",
    n_samples: int = 1000,
) -> Card:
    """Write ``client.zip`` and ``server.zip`` of a fitted model.

    The client's archive has encoders, quantizers, what follows decryption, and labels; no weights,
    and no thresholds. The server's has circuits and no keys; no training data
    either, but for models of distances, whose weights are samples of training.

    Parameters
    ----------
    model : fitted estimator of this library, pipeline that ends in one, or QuantizedModule
        The transformers of a pipeline go to the client as data.
    folder : path
        Made where it is not there.
    engine : {"auto", "seal", "concrete"}
        As in `QuantizedModule.compile`.
    n_samples : int
        Samples that are usually sent at once, for the choice of "auto".

    Returns
    -------
    Card
        What the archives say of the model.

    Raises
    ------
    InvalidInputError
        An engine that encrypts nothing.
    UnsupportedModelError
        The model is not fitted, of another library, or has a transformer that is no plain data.
    BitWidthError, CompilationError
        The engine can't do the model.

    Examples
    --------
    See `FheClient`.
    """
    if engine not in ("auto", *_PORTABLE):
        allowed = ", ".join(map(repr, ("auto", *_PORTABLE)))
        raise InvalidInputError(f"engine is {engine!r}; it must be one of {allowed}.")
    parts = parts_of(model)
    circuits = [_compiled(module, parts.p_error, engine, n_samples) for module in parts.modules]
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    files = server_files(circuits)
    card = card_of(SERVER, parts, circuits, digest_of(files))
    write_zip(folder / "server.zip", card, files)
    client_card = replace(card, half=CLIENT)
    write_zip(folder / "client.zip", client_card, _client_files(parts, circuits))
    return client_card


def card_of(half: str, parts: Parts, circuits: Sequence[FheCircuit], digest: str) -> Card:
    """Say what a model is made of."""
    return Card(
        half=half,
        model=parts.name,
        digest=digest,
        modules=parts.methods,
        engines=tuple(circuit.engine.name for circuit in circuits),
        keys=tuple(cast("AnyPortableClient", c.client).key_name for c in circuits),
        features=parts.features,
        questions=tuple(questions_of(module.program) for module in parts.modules),
        costs=tuple(asdict(circuit.report) for circuit in circuits),
    )


def questions_of(program: IntegerProgram) -> int:
    """Count the rows that give an affine program away: as many as it has inputs, and one more."""
    return sum(b.low.size for b in program.input_bounds) + 1 if program.is_affine else 0


def folder_of(module: int) -> str:
    """Folder of a module's files in an archive."""
    return f"module{module}"


def parts_of(model: BaseEstimator | Pipeline | QuantizedModule) -> Parts:
    """Find the modules of a fitted model, and what comes before them.

    Raises
    ------
    UnsupportedModelError
        It is not fitted, or of another library.
    """
    if isinstance(model, QuantizedModule):
        return Parts("QuantizedModule", [model], {"predict": 0}, CircuitOptions().p_error)
    if hasattr(model, "steps"):
        return _parts_of_pipeline(model)
    modules = getattr(model, "modules_", None)
    if not isinstance(modules, Mapping):
        raise UnsupportedModelError(
            f"{type(model).__name__} has no quantized modules: give a fitted estimator of "
            "cml_sklearn, a pipeline that ends in one, or a QuantizedModule."
        )
    unique = list({id(module): module for module in modules.values()}.values())
    methods = {
        name: next(i for i, other in enumerate(unique) if other is module)
        for name, module in modules.items()
    }
    names = tuple(map(str, getattr(model, "feature_names_in_", ())))
    p_error = cast("float", getattr(model, "p_error", CircuitOptions().p_error))
    return Parts(type(model).__name__, unique, methods, p_error, columns_of(model), names)


def _parts_of_pipeline(pipeline: Pipeline) -> Parts:
    parts = parts_of(pipeline.steps[-1][1])
    transforms = transforms_of(pipeline.steps[:-1]) or parts.transforms
    names = tuple(map(str, getattr(pipeline, "feature_names_in_", ())))
    return parts._replace(transforms=transforms, features=names or parts.features)


def _compiled(module: QuantizedModule, p_error: float, engine: str, n_samples: int) -> FheCircuit:
    """Compile a circuit of its own, since one in use has keys."""
    fresh = QuantizedModule(module.program, module.input_quantizers, module.output_scales)
    if engine != "auto":
        return fresh.compile(CircuitOptions(p_error), engine=engine)
    return fresh.circuit_in_force(CircuitOptions(p_error), n_samples=n_samples)


def server_files(circuits: Iterable[FheCircuit]) -> dict[str, bytes]:
    """Files of the servers' halves, in a folder for each module."""
    with TemporaryDirectory() as folder:
        for number, circuit in enumerate(circuits):
            circuit.server.save(Path(folder) / folder_of(number))
        return dict(contents(Path(folder)))


def _client_files(parts: Parts, circuits: list[FheCircuit]) -> dict[str, bytes]:
    with TemporaryDirectory() as folder:
        for number, (module, circuit) in enumerate(zip(parts.modules, circuits, strict=True)):
            place = Path(folder) / folder_of(number)
            circuit.client.save(place)
            without_weights(module).save(place / MODULE)
        write(Path(folder) / PREPROCESSING, parts.transforms, PREPROCESSING_TABLE)
        return dict(contents(Path(folder)))


def contents(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Yield the files of a folder, by their paths in it."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield path.relative_to(folder).as_posix(), path.read_bytes()


def without_weights(module: QuantizedModule) -> QuantizedModule:
    """Make a module that encodes and decodes alike, and computes nothing.

    Its program has the same inputs, and outputs of the same shapes, which are copies of an input.
    """
    program = module.program
    takes = [
        Instruction(Take(np.zeros(bounds.shape, dtype=np.int64)), (0,), "hidden")
        for bounds in program.output_bounds
    ]
    inputs: tuple[Bounds, ...] = program.input_bounds
    outputs = tuple(range(len(inputs), len(inputs) + len(takes)))
    return QuantizedModule(
        IntegerProgram(inputs, tuple(takes), outputs),
        module.input_quantizers,
        module.output_scales,
        module.tail,
        module.postprocessing,
    )
