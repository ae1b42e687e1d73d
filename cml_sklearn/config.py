"""Settings for everything that runs inside a ``with`` block."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Literal

import joblib

from cml_sklearn.exceptions import InvalidInputError

__all__ = ["ExecutionMode", "config_context", "resolve_mode"]

ExecutionMode = bool | Literal["simulate"]
"""False: in the clear; True: encrypted; "simulate": the backend's simulation."""

_current: ExecutionMode = False


@contextmanager
def config_context(*, execute_in_fhe: ExecutionMode) -> Iterator[None]:
    """Set the mode of all predictions inside the block that don't say it themselves.

    It reaches what calls `predict` on one's behalf: `GridSearchCV`, `cross_val_score`, ensembles,
    scorers. The setting holds for the process, in all its threads, and for the worker processes
    that joblib's default backend starts inside the block; workers of another backend (Dask, Ray)
    need it set on their side.

    Parameters
    ----------
    execute_in_fhe : bool or "simulate"

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
    mode = _checked(execute_in_fhe)
    before = _current
    with ExitStack() as stack:
        if _workers_are_loky():
            context = joblib.parallel_config("loky", initializer=_set_mode, initargs=(mode,))
            stack.enter_context(context)
        stack.callback(_set_mode, before)
        _set_mode(mode)
        yield


def resolve_mode(execute_in_fhe: ExecutionMode | None) -> ExecutionMode:
    """Mode of a call: its own argument, or the context's when that is None."""
    return _current if execute_in_fhe is None else _checked(execute_in_fhe)


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


def _set_mode(mode: ExecutionMode) -> None:
    """Set the mode of this process."""
    global _current  # noqa: PLW0603  one setting for the process is the point
    _current = mode


def _workers_are_loky() -> bool:
    """Whether joblib would start local processes, unless the user chose something else."""
    backend, _ = joblib.parallel.get_active_backend()
    return isinstance(backend, joblib._parallel_backends.LokyBackend)
