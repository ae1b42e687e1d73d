"""The errors of the library: one small tree, every message says what to do."""

from __future__ import annotations

__all__ = [
    "BitWidthError",
    "CalibrationError",
    "ClippedInputWarning",
    "CmlError",
    "CompilationError",
    "InvalidGraphError",
    "InvalidInputError",
    "UnsupportedModelError",
    "UnsupportedOperatorError",
]


class CmlError(Exception):
    """Root of every error that this library raises by itself."""


class InvalidGraphError(CmlError, ValueError):
    """An ONNX graph is malformed: cyclic, unsorted, or with a missing tensor."""


class UnsupportedOperatorError(CmlError, NotImplementedError):
    """An operator, or an attribute of one, has no implementation here."""


class UnsupportedModelError(CmlError, NotImplementedError):
    """A fitted model can't be converted."""


class InvalidInputError(CmlError, ValueError):
    """An array has the wrong number, rank, shape, type or values."""


class CalibrationError(CmlError, ValueError):
    """Calibration data can't fix the quantization parameters."""


class BitWidthError(CmlError, ValueError):
    """An integer of the circuit is wider than the backend takes."""


class ClippedInputWarning(UserWarning):
    """Inputs far outside the range of training became its ends."""


class CompilationError(CmlError, RuntimeError):
    """The FHE backend refused a circuit."""
