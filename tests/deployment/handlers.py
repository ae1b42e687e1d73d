"""Handlers of workers that behave badly."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping

from cml_sklearn.deployment.pool import Handler
from cml_sklearn.exceptions import InvalidInputError


def misbehave(task: Mapping[str, str], payload: bytes) -> bytes:
    match task["do"]:
        case "abort":
            os.abort()
        case "sleep":
            time.sleep(60)
        case "refuse":
            raise InvalidInputError("not \ud800 so")
        case "fail":
            raise ZeroDivisionError("by zero")
    return payload[::-1]


def make_misbehaving() -> Handler:
    return misbehave


def make_nothing() -> Handler:
    raise OSError("there is no model")


def die() -> Handler:
    os._exit(3)
