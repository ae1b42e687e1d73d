"""The walks of docs/explanation/architecture.md are the ways that the code goes."""

from __future__ import annotations

import re
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.datasets import load_iris

import cml_sklearn
from cml_sklearn import LogisticRegression, RandomForestClassifier, compile_torch_model

PACKAGE = Path(cml_sklearn.__file__).parent
PAGE = Path(__file__).parents[1] / "docs" / "explanation" / "architecture.md"
STOP = re.compile(r"\d+\. `(\S+)`: `(\S+)`: `(\S+)`")

X, Y = load_iris(return_X_y=True)
MODEL = LogisticRegression(max_iter=500).fit(X, Y)


def predict() -> None:
    MODEL.predict(X[:2], execute_in_fhe=True)


def fit_forest() -> None:
    RandomForestClassifier(n_estimators=2, max_depth=2).fit(X, Y)


def compile_torch() -> None:
    layers = torch.nn.Linear(4, 2), torch.nn.ReLU(), torch.nn.Linear(2, 1)
    compile_torch_model(torch.nn.Sequential(*layers), X, n_bits=3, rounding_bits=None)


WALKS: dict[str, Callable[[], None]] = {
    "`LogisticRegression.predict(X, execute_in_fhe=True)`": predict,
    "`RandomForestClassifier.fit(X, y)`": fit_forest,
    "`compile_torch_model(module, X)`": compile_torch,
}


def stops_of(walk: str) -> list[tuple[str, str, str]]:
    sections = PAGE.read_text().split("\n### ")
    section = next(s for s in sections if s.startswith(f"{walk}\n")).split("\n## ")[0]
    return [(m[1], m[2], m[3]) for m in map(STOP.match, section.splitlines()) if m]


def visits_of(action: Callable[[], None]) -> list[tuple[str, str, tuple[str, ...]]]:
    """File, name and variables of every function of the package, as they are called."""
    visits = []

    def note(frame: FrameType, event: str, _: Any) -> None:
        code = frame.f_code
        if event == "call" and code.co_filename.startswith(str(PACKAGE)):
            path = Path(code.co_filename).relative_to(PACKAGE).as_posix()
            names = code.co_varnames + code.co_cellvars
            visits.append((path, code.co_name, names))

    threading.setprofile(note)
    sys.setprofile(note)
    try:
        action()
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
    return visits


@pytest.mark.fhe
@pytest.mark.parametrize("walk", WALKS)
def test_walks_stop_where_the_page_says(walk: str) -> None:
    stops, visits = stops_of(walk), iter(visits_of(WALKS[walk]))
    assert len(stops) > 10
    for path, function, name in stops:
        variables = next((v for p, f, v in visits if (p, f) == (path, function)), None)
        assert variables is not None, f"{path}: {function} is not on the way"
        assert name in variables, f"{path}: {function} has no {name}"


def test_every_walk_is_taken() -> None:
    walks = PAGE.read_text().split("\n## Walks")[1].split("\n## ")[0]
    assert set(re.findall(r"### (.*)\n", walks)) == set(WALKS)


def test_rooms_of_the_page_are_there() -> None:
    table = PAGE.read_text().split("\n## Floors")[1].split("\n## ")[0]
    rows = [line.split("|")[2] for line in table.splitlines() if re.match(r"\| \d", line)]
    rooms = {name.rstrip("/") for row in rows for name in re.findall(r"`(\w+/?)`", row)}
    assert np.all([(PACKAGE / r).is_dir() or (PACKAGE / f"{r}.py").exists() for r in rooms])
    packages = {path.name for path in PACKAGE.iterdir() if (path / "__init__.py").exists()}
    assert packages <= rooms
