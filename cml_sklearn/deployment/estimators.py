"""A fitted estimator in one file: modules, circuits, and keys if one likes, but no pickle.

What is loaded is of the same class, and predicts as the one that was saved; the float model stays
behind.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from cml_sklearn.deployment.archives import Card, digest_of, opened, write_zip
from cml_sklearn.deployment.keys import opened_ring, sealed_ring
from cml_sklearn.deployment.plain_values import PLAIN_CLASSES, from_plain, to_plain
from cml_sklearn.deployment.saving import (
    CLIENT,
    MODULE,
    SERVER,
    card_of,
    contents,
    folder_of,
    parts_of,
)
from cml_sklearn.exceptions import InvalidInputError, UnsupportedModelError
from cml_sklearn.fhe.circuit import FheCircuit
from cml_sklearn.fhe.engines import portable_engine
from cml_sklearn.fhe.protocol import AnyPortableClient, CircuitOptions, FheReport
from cml_sklearn.fhe.stored import StoredCircuit
from cml_sklearn.program.archive import ArchiveTable, read, write
from cml_sklearn.quantization.quantized_module import QuantizedModule

if TYPE_CHECKING:
    from sklearn.base import BaseEstimator

__all__ = ["load_estimator", "save_estimator"]

_ESTIMATOR = "estimator"
_STATE, _KEYS = "estimator.npz", "keys"

_ROOMS = (
    "cluster",
    "covariance",
    "cross_decomposition",
    "decomposition",
    "discriminant_analysis",
    "ensemble",
    "kernel_ridge",
    "lightgbm",
    "linear_model",
    "mixture",
    "naive_bayes",
    "neighbors",
    "neural_network",
    "random_projection",
    "svm",
    "tree",
    "xgboost",
)
"""Modules of the library whose public classes may be made."""

_FITTED: dict[str, type | tuple[type, ...]] = {
    "n_features_in_": int,
    "feature_names_in_": np.ndarray,
    "classes_": (np.ndarray, list),
    "n_outputs_": int,
    "offset_": float,
}
"""Attributes of `fit` that a prediction, or who reads it, needs, and what they may be."""

_RUNS_CODE = ("concrete",)
"""Engines whose circuits are machine code."""


@dataclass(frozen=True)
class StoredReport:
    """How a circuit was compiled, and what came out; JSON has no numbers for keys."""

    options: CircuitOptions
    report: FheReport
    pbs_by_width: Mapping[str, float]
    overlaps: bool


@dataclass(frozen=True)
class StoredEstimator:
    """What an estimator is beside its modules and circuits.

    Parameters
    ----------
    room, name : str
        Where its class is, in this library.
    parameters, fitted : mapping of str to plain data
        As `get_params` gives them, and attributes of `fit`.
    circuits : tuple of StoredReport
        By module.
    """

    room: str
    name: str
    parameters: Mapping[str, Any]
    fitted: Mapping[str, Any]
    circuits: tuple[StoredReport, ...]


_TABLE = ArchiveTable([CircuitOptions, FheReport, StoredEstimator, StoredReport, *PLAIN_CLASSES])


def save_estimator(
    estimator: BaseEstimator, path: str | Path, passphrase: str | None = None
) -> Card:
    """Write a fitted estimator to a file, with its circuits, which are compiled if they aren't.

    Parameters
    ----------
    estimator : fitted estimator of this library
    path : path
        Usually ends in ``.zip``.
    passphrase : str, optional
        Under which the keys are written, too (scrypt, AES-256-GCM); None: no keys are.

    Returns
    -------
    Card
        What the file says of the model.

    Raises
    ------
    UnsupportedModelError
        The estimator is not fitted, of another library, or has a parameter that is no plain data.
    InvalidInputError
        It was compiled by an engine whose circuits can't be saved.
    BitWidthError, CompilationError
        The engine can't do the model.
    """
    room = _room_of(type(estimator))
    parts = parts_of(estimator)
    options = CircuitOptions(parts.p_error)
    circuits = [_portable(module.circuit_in_force(options)) for module in parts.modules]
    state = StoredEstimator(
        room,
        type(estimator).__name__,
        _plain(estimator.get_params(deep=False), type(estimator).__name__),
        _plain(_fitted_of(estimator), type(estimator).__name__),
        tuple(map(_report_of, circuits)),
    )
    _made(state)  # nothing is written that can't be read
    files = _files_of(state, parts.modules, circuits)
    digest = digest_of(_of_servers(files))
    if passphrase is not None:
        clients = [cast("AnyPortableClient", circuit.client) for circuit in circuits]
        files[_KEYS] = sealed_ring({c.key_name: c.secret for c in clients}, passphrase)
    card = card_of(_ESTIMATOR, parts, circuits, digest)
    write_zip(Path(path), card, files, private=passphrase is not None)
    return card


def load_estimator(
    path: str | Path, passphrase: str | None = None, *, trusted: bool = False
) -> Any:
    """Read an estimator that `save_estimator` wrote; nothing in the file is run.

    Parameters
    ----------
    path : path
    passphrase : str, optional
        Of the keys in the file. None: keys are made when they are first needed.
    trusted : bool, default=False
        Whether machine code in the file, of circuits of the engine "concrete", may be run. False:
        these are compiled again when they are first needed. SEAL's circuits are plain data.

    Returns
    -------
    estimator
        Of the class that was saved, which predicts in all three modes. What comes from the float
        model (`coef_`, `sklearn_model_`, `partial_fit`, ...) it refuses; `fit` fits anew.

    Raises
    ------
    InvalidInputError
        The file is damaged or of another kind, has no keys, or the passphrase is another one.
    """
    with opened(path, _ESTIMATOR) as (card, folder):
        try:
            state: StoredEstimator = read(folder / _STATE, StoredEstimator, _TABLE)
            estimator = _made(state)
            modules = _modules_of(card, folder, estimator._main_method)
            circuits = _circuits_of(card, state, modules, folder, trusted=trusted)
        except Exception as error:  # whatever classes, engines and parameters find wrong
            reason = str(error).rstrip(".")
            raise InvalidInputError(
                f"{path} can't be read as an estimator: {reason}. Give a file of `save_estimator`."
            ) from error
        if passphrase is not None:
            _use_keys(folder / _KEYS, passphrase, circuits, path, len(modules))
    for module, circuit in circuits.items():
        module.use_circuit(circuit)
    estimator.modules_ = {method: modules[number] for method, number in card.modules.items()}
    return estimator


def _room_of(cls: type) -> str:
    """Name the module of the library that a class is public in."""
    room = cls.__module__.removeprefix("cml_sklearn.")
    if room not in _ROOMS or getattr(import_module(cls.__module__), cls.__name__, None) is not cls:
        raise UnsupportedModelError(
            f"{cls.__name__} is none of this library's estimators; save one of them. Of a pipeline "
            "save the last step, or use save_model."
        )
    return room


def _portable(circuit: FheCircuit) -> FheCircuit:
    """Refuse a circuit whose halves can't be saved."""
    portable_engine(circuit.engine.name)
    return circuit


def _fitted_of(estimator: BaseEstimator) -> dict[str, object]:
    """Those that the estimator sets itself, and the classes of its float model."""
    fitted = {name: vars(estimator)[name] for name in _FITTED if name in vars(estimator)}
    return fitted | ({"classes_": estimator.classes_} if hasattr(estimator, "classes_") else {})


def _plain(values: Mapping[str, object], owner: str) -> dict[str, Any]:
    return {name: to_plain(value, f"{owner}.{name}") for name, value in values.items()}


def _report_of(circuit: FheCircuit) -> StoredReport:
    report = circuit.report
    widths = {str(width): float(count) for width, count in report.pbs_by_width.items()}
    plain = replace(report, pbs_by_width={})
    return StoredReport(circuit.options, plain, widths, circuit.overlaps)


def _made(state: StoredEstimator) -> Any:
    """Make the estimator, without modules; only a public class of the library is looked up."""
    from sklearn.base import BaseEstimator

    public = import_module(f"cml_sklearn.{state.room}") if state.room in _ROOMS else None
    if public is None or state.name not in public.__all__:
        raise InvalidInputError(f"{state.room}.{state.name} is no estimator of this library.")
    cls = getattr(public, state.name)
    if not (isinstance(cls, type) and issubclass(cls, BaseEstimator)):
        raise InvalidInputError(f"{state.room}.{state.name} is no estimator.")
    estimator = cls(**{name: from_plain(value) for name, value in state.parameters.items()})
    estimator._validate_params()
    for name, value in state.fitted.items():
        attribute = from_plain(value)
        if name not in _FITTED or not isinstance(attribute, _FITTED[name]):
            raise InvalidInputError(f"Its fitted attribute {name} makes no sense.")
        setattr(estimator, name, attribute)
    return estimator


def _files_of(
    state: StoredEstimator, modules: Iterable[QuantizedModule], circuits: Iterable[FheCircuit]
) -> dict[str, bytes]:
    with TemporaryDirectory() as folder:
        for number, (module, circuit) in enumerate(zip(modules, circuits, strict=True)):
            place = Path(folder) / folder_of(number)
            circuit.client.save(place / CLIENT)
            circuit.server.save(place / SERVER)
            module.save(place / MODULE)
        write(Path(folder) / _STATE, state, _TABLE)
        return dict(contents(Path(folder)))


def _of_servers(files: Mapping[str, bytes]) -> dict[str, bytes]:
    """Files of the servers' halves by their names in ``server.zip``, which has the same digest."""
    part = f"/{SERVER}/"
    return {name.replace(part, "/"): data for name, data in files.items() if part in name}


def _modules_of(card: Card, folder: Path, main: str) -> list[QuantizedModule]:
    """Read the modules, which must have the steps of the methods that they serve."""
    places = [folder / folder_of(number) for number in range(len(card.engines))]
    modules = [QuantizedModule.load(place / MODULE) for place in places]
    missing = [name for name, n in card.modules.items() if name not in modules[n].postprocessing]
    if missing or main not in card.modules:
        raise InvalidInputError(f"What follows decryption for {missing or main} is missing.")
    return modules


def _circuits_of(
    card: Card,
    state: StoredEstimator,
    modules: list[QuantizedModule],
    folder: Path,
    *,
    trusted: bool,
) -> dict[QuantizedModule, FheCircuit]:
    """Circuits by module; without those whose code must not be run."""
    circuits = {}
    for number, (name, stored) in enumerate(zip(card.engines, state.circuits, strict=True)):
        engine, place = portable_engine(name), folder / folder_of(number)
        if name in _RUNS_CODE and not trusted:
            continue
        widths = {int(width): count for width, count in stored.pbs_by_width.items()}
        circuit = StoredCircuit(
            modules[number].program,
            stored.options,
            engine,
            engine.load_client(place / CLIENT),
            engine.load_server(place / SERVER),
            replace(stored.report, pbs_by_width=widths),
            stored.overlaps,
        )
        chosen = circuit.report.chosen
        circuits[modules[number]] = FheCircuit(
            circuit.program, circuit.options, engine, chosen, circuit
        )
    return circuits


def _use_keys(
    file: Path,
    passphrase: str,
    circuits: Mapping[QuantizedModule, FheCircuit],
    path: str | Path,
    n_modules: int,
) -> None:
    """Give the circuits the keys of the archive."""
    if not file.exists():
        raise InvalidInputError(f"{path} has no keys; leave the passphrase out.")
    if len(circuits) < n_modules:
        raise InvalidInputError(
            f"The keys in {path} are for compiled code; give trusted=True if you trust it, or "
            "leave the passphrase out: new keys are made then."
        )
    ring = opened_ring(file.read_bytes(), passphrase, path)
    for circuit in circuits.values():
        client = cast("AnyPortableClient", circuit.client)
        if client.key_name not in ring:
            raise InvalidInputError(f"{path} lacks keys for {client.key_name}; save it again.")
        client.use_secret(ring[client.key_name])
