"""The door to concrete-python, which leaves the process as it was.

The library takes more of a process than it needs. What it would change, and what is done about it:

* its libraries install C handlers of signals, which end the process on Ctrl-C: see `signals`; one
  library can be told not to;
* its dataflow runtime, which is not used here, ends the process with status 0 whatever was raised:
  its function is taken off Python's list of what to do at exit;
* a thread-local that compiling reads is set in the importing thread only: see `compiling`;
* every compiled circuit leaves a folder with its code: see `delete_folder_of`;
* graphs are written out as text with all their constants, which takes most of the time of compiling
  wide networks: see `no_artifacts`.
"""

from __future__ import annotations

import atexit
import importlib
import os
import shutil
import warnings
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from threading import Lock, RLock
from types import ModuleType
from typing import Any

from cml_sklearn.exceptions import MissingPackageError
from cml_sklearn.fhe.concrete.signals import handlers_kept, keep_from_signals
from cml_sklearn.fhe.protocol import NotInstalled

__all__ = ["compiling", "delete_folder_of", "load_concrete", "no_artifacts", "why_missing"]

_PACKAGE = "concrete-python"
_EXTRA = "concrete"

_RUNTIME_SIGNALS = "HPX_HANDLE_SIGNALS"

_importing = Lock()
_compiling = RLock()


def why_missing() -> NotInstalled | None:
    """Say what to install if the package is not there, without the seconds of its import."""
    try:
        version(_PACKAGE)
    except PackageNotFoundError:
        command = MissingPackageError.command(_EXTRA)
        return NotInstalled(f"{_PACKAGE} is not installed ({command})")
    return None


def load_concrete() -> ModuleType:
    """Import the library on first need.

    Raises
    ------
    MissingPackageError
        The extra "concrete" is not installed.
    """
    if why_missing():
        raise MissingPackageError.of('The engine "concrete"', _PACKAGE, _EXTRA)
    with _importing:
        return _prepared()


@cache
def _prepared() -> ModuleType:
    """Import the library, whose imports warn, and undo what that does to the process."""
    with warnings.catch_warnings(), handlers_kept():
        warnings.simplefilter("ignore")
        os.environ.setdefault(_RUNTIME_SIGNALS, "0")
        from concrete import compiler, fhe
    native = importlib.import_module("mlir._mlir_libs._concretelang")
    keep_from_signals(Path(str(native.__file__)))
    atexit.unregister(compiler._terminate_df_parallelization)
    return fhe


@contextmanager
def compiling() -> Iterator[None]:
    """Let the present thread compile, and no other one meanwhile."""
    load_concrete()
    context = importlib.import_module("concrete.fhe.extensions.tag").tag_context
    with _compiling:
        if not hasattr(context, "stack"):
            context.stack = []
        yield


def no_artifacts(function: str) -> Any:
    """Artifacts that keep no texts of the graphs of a function, given by its name."""
    module = importlib.import_module("concrete.fhe.compilation.artifacts")
    of_function = module.FunctionDebugArtifacts()
    of_function.add_graph = lambda *_: None
    artifacts = module.DebugArtifacts()
    artifacts.module_artifacts.functions = {function: of_function}
    return artifacts


def delete_folder_of(server: Any) -> None:
    """Delete the folder with a server's code when the server is gone, at the latest at exit."""
    folder = server._library.get_output_dir_path()
    weakref.finalize(server, _delete, folder, os.getpid())


def _delete(folder: str, owner: int) -> None:
    if os.getpid() == owner:  # a forked child has a copy of the server, not a folder of its own
        shutil.rmtree(folder, ignore_errors=True)
