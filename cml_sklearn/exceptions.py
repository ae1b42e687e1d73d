"""The errors of the library: one small tree, every message says what to do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

__all__ = [
    "BitWidthError",
    "CalibrationError",
    "ClippedInputWarning",
    "CmlError",
    "CompilationError",
    "FarValueWarning",
    "InvalidGraphError",
    "InvalidInputError",
    "MissingPackageError",
    "UnknownKeywordError",
    "UnsupportedModelError",
    "UnsupportedOperatorError",
]


class CmlError(Exception):
    """Root of every error that this library raises by itself."""


class InvalidGraphError(CmlError, ValueError):
    """An ONNX graph is malformed: cyclic, unsorted, or with a missing tensor.

    Export the model again; `onnx.checker.check_model` says more.
    """


class UnsupportedOperatorError(CmlError, NotImplementedError):
    """An operator, or an attribute of one, has no encrypted form; names the node.

    Write the model with others, or leave the layer to the client by `clear_tail`.
    """


class UnsupportedModelError(CmlError, NotImplementedError):
    """A fitted model can't be converted, or is of another class.

    The message names what can be taken instead.
    """


class InvalidInputError(CmlError, ValueError):
    """An array has the wrong shape, type or values, or an option is not one of those allowed.

    Files, messages and keys that are damaged or meant for another model raise it, too.
    """


class MissingPackageError(CmlError, ImportError):
    """A package of an extra is not installed; the message has the command that installs it."""

    @classmethod
    def of(cls, user: str, package: str, extra: str) -> MissingPackageError:
        """Say that something needs a package.

        Parameters
        ----------
        user : str
            What needs it, as the subject of a sentence.
        package : str
            Name of the package.
        extra : str
            Extra that brings it along.
        """
        return cls(
            f"{user} needs {package}, which is not installed: {cls.command(extra)}.",
            name=package,
        )

    @staticmethod
    def command(extra: str) -> str:
        """Give the command that installs an extra."""
        return f"pip install 'cml-sklearn[{extra}]'"

    @classmethod
    @contextmanager
    def of_imports(cls, user: str, extra: str) -> Iterator[None]:
        """Say what a block's imports are for, where one is not installed; parameters as in `of`."""
        try:
            yield
        except ModuleNotFoundError as error:
            raise cls.of(user, error.name or "a package", extra) from error


class UnknownKeywordError(CmlError, TypeError):
    """A call has a keyword that it does not take; the message names what to write instead.

    Those of Concrete-ML have their counterparts in docs/reference/migration.md.
    """


class CalibrationError(CmlError, ValueError):
    """Samples can't fix a range: none, all of weight 0, or not finite.

    Give typical inputs, a few hundred of them.
    """


class BitWidthError(CmlError, ValueError):
    """An integer of the circuit is wider than the backend takes; names the operator and its width.

    Lower `n_bits` or `rounding_bits`.
    """


class ClippedInputWarning(UserWarning):
    """Inputs far outside the range of training became its ends."""


class CompilationError(CmlError, RuntimeError):
    """The FHE backend refused a circuit for another reason, or can't be used here."""


class FarValueWarning(UserWarning):
    """Few values of training lie so far out that the others share few integers."""
