"""Warnings that point at the user's line, however deep in the library they come up."""

from __future__ import annotations

import sys
import warnings
from types import FrameType

__all__ = ["warn_caller"]

_BETWEEN = {"cml_sklearn", "joblib", "sklearn"}
"""Packages through which a user's call may have come."""


def warn_caller(message: str, category: type[Warning] = UserWarning) -> None:
    """Warn of the line that called this library, by itself or through scikit-learn."""
    frame, level = sys._getframe(1), 2
    while frame.f_back and _package_of(frame) in _BETWEEN:
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)


def _package_of(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__", "")).partition(".")[0]
