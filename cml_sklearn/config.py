"""Settings of a ``with`` block, and those that hold everywhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import Literal

import joblib

from cml_sklearn.exceptions import InvalidInputError
from cml_sklearn.keywords import known_keywords

__all__ = [
    "AUTO",
    "ENGINES",
    "ExecutionMode",
    "bars_disabled",
    "config_context",
    "current_engine",
    "get_config",
    "resolve_mode",
    "set_config",
]

ExecutionMode = bool | Literal["simulate"]
"""False: in the clear; True: encrypted; "simulate": the backend's simulation."""

AUTO = "auto"
"""Name of the engine that does a model best."""

ENGINES = {
    "seal": "cml_sklearn.fhe.seal:SealEngine",
    "concrete": "cml_sklearn.fhe.concrete:ConcreteEngine",
    "concrete-numpy": "cml_sklearn.fhe.concrete_numpy:ConcreteNumpyEngine",
    "clear": "cml_sklearn.fhe.clear:ClearEngine",
}
"""Where each engine is found when it is first used."""


@dataclass(frozen=True, eq=False)
class _Settings:
    """What holds for calls that don't say it themselves; None: as outside of the block."""

    mode: ExecutionMode | None
    engine: str | None
    progress: bool | None


_open_blocks = [_Settings(False, AUTO, True)]
"""Settings of all blocks that are open, the outermost first."""


@known_keywords
@contextmanager
def config_context(
    *,
    execute_in_fhe: ExecutionMode | None = None,
    engine: str | None = None,
    progress: bool | None = None,
) -> Iterator[None]:
    """Set mode and engine of all predictions inside the block that don't say it themselves.

    It reaches what calls `predict` on one's behalf: `GridSearchCV`, `cross_val_score`, ensembles,
    scorers. The setting holds for the process, in all its threads, and for the worker processes
    that joblib's default backend starts inside the block; workers of another backend (Dask, Ray)
    need it set on their side.

    Parameters
    ----------
    execute_in_fhe : bool or "simulate", optional
        None: as outside of the block.
    engine : {"auto", "seal", "concrete", "concrete-numpy", "clear"}, optional
        What compiles and evaluates circuits: "seal" encrypts linear models and trees, "concrete"
        everything, "concrete-numpy", its predecessor, in an environment of its own; "clear" checks
        all that a circuit promises without encryption, for tests; "auto" takes the cheapest one
        that encrypts. None: as outside of the block.
    progress : bool, optional
        Whether long steps show a bar or a clock on terminals and in notebooks. None: as outside of
        the block.

    Examples
    --------
    >>> import cml_sklearn
    >>> from cml_sklearn.linear_model import Ridge
    >>> from sklearn.datasets import load_diabetes
    >>> from sklearn.model_selection import cross_val_score
    >>> X, y = load_diabetes(return_X_y=True)
    >>> with cml_sklearn.config_context(execute_in_fhe="simulate"):
    ...     scores = cross_val_score(Ridge(n_bits=6), X[:60], y[:60], cv=2)
    >>> scores.shape
    (2,)
    """
    mode = None if execute_in_fhe is None else _checked(execute_in_fhe)
    shown = None if progress is None else _checked_switch(progress)
    block = _Settings(mode, None if engine is None else checked_engine(engine), shown)
    with ExitStack() as stack:
        _open_blocks.append(block)
        # its own settings, whichever thread opened or closed a block since
        stack.callback(_open_blocks.remove, block)
        if _workers_are_loky():
            mode, engine, _ = _in_force()
            context = joblib.parallel_config("loky", initializer=_set, initargs=(mode, engine))
            stack.enter_context(context)
        yield


def get_config() -> dict[str, object]:
    """Give the settings that hold here, as `scikit-learn` does with its own.

    Returns
    -------
    dict
        "execute_in_fhe", "engine" and "progress", as in `config_context`.

    Examples
    --------
    >>> import cml_sklearn
    >>> with cml_sklearn.config_context(engine="seal"):
    ...     cml_sklearn.get_config()
    {'execute_in_fhe': False, 'engine': 'seal', 'progress': True}
    """
    return dict(zip(("execute_in_fhe", "engine", "progress"), _in_force(), strict=True))


@known_keywords
def set_config(*, progress: bool | None = None) -> None:
    """Set what holds outside of all blocks of `config_context`.

    Mode and engine can't be set so: worker processes, which are told the settings of the block that
    starts them, would predict in the clear without a word.

    Parameters
    ----------
    progress : bool, optional
        As in `config_context`. None: it stays.

    Examples
    --------
    >>> import cml_sklearn
    >>> cml_sklearn.set_config(progress=True)
    """
    if progress is not None:
        _open_blocks[0] = replace(_open_blocks[0], progress=_checked_switch(progress))


def bars_disabled() -> bool | None:
    """Say what tqdm is to make of a bar: none, or None: one on a terminal or in a notebook."""
    return None if _in_force()[2] else True


def resolve_mode(execute_in_fhe: ExecutionMode | None) -> ExecutionMode:
    """Mode of a call: its own argument, or the context's when that is None."""
    return _in_force()[0] if execute_in_fhe is None else _checked(execute_in_fhe)


def current_engine() -> str:
    """Name of the context's engine."""
    return _in_force()[1]


def checked_engine(engine: object) -> str:
    """Check the name of an engine.

    Raises
    ------
    InvalidInputError
        There is none of this name; the message lists them.
    """
    if isinstance(engine, str) and engine in (AUTO, *ENGINES):
        return engine
    allowed = ", ".join(map(repr, (AUTO, *ENGINES)))
    raise InvalidInputError(f"engine is {engine!r}; it must be one of {allowed}.")


def _checked(mode: object) -> ExecutionMode:
    """Mode, or an error that lists the three."""
    if mode is True or mode is False:
        return bool(mode)
    if isinstance(mode, str) and mode == "simulate":
        return "simulate"
    raise InvalidInputError(
        f"execute_in_fhe is {mode!r}; it must be False (in the clear), True (encrypted) or "
        '"simulate".'
    )


def _checked_switch(progress: object) -> bool:
    """Whether to show progress, or an error that says what it may be."""
    if isinstance(progress, bool):
        return progress
    raise InvalidInputError(f"progress is {progress!r}; it must be True or False.")


def _in_force() -> tuple[ExecutionMode, str, bool]:
    """Find what holds for calls that don't say it: what the innermost blocks say."""
    blocks = list(_open_blocks)
    mode = [settings.mode for settings in blocks if settings.mode is not None][-1]
    engine = [settings.engine for settings in blocks if settings.engine is not None][-1]
    return mode, engine, [s.progress for s in blocks if s.progress is not None][-1]


def _set(mode: ExecutionMode, engine: str) -> None:
    """Set mode and engine of a worker process; its bars would cross those of the others."""
    _open_blocks[:] = [_Settings(mode, engine, progress=False)]


def _workers_are_loky() -> bool:
    """Whether joblib would start local processes, unless the user chose something else."""
    backend, _ = joblib.parallel.get_active_backend()
    return isinstance(backend, joblib._parallel_backends.LokyBackend)
