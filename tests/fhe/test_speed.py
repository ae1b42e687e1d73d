"""Probes run on the engines, and give a sensible factor."""

from __future__ import annotations

import pytest

from cml_sklearn.fhe import speed
from cml_sklearn.fhe.clear import ClearEngine
from cml_sklearn.fhe.concrete import ConcreteEngine
from cml_sklearn.fhe.protocol import AnyEngine
from cml_sklearn.fhe.seal import SealEngine


@pytest.mark.fhe
@pytest.mark.parametrize("engine", [SealEngine(), ConcreteEngine()], ids=lambda e: e.name)
def test_probes_are_measured(engine: AnyEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speed, "_LEAST_SECONDS", 0.0)
    measured = speed._measured(engine)
    assert 0.05 < measured.factor < 50
    assert measured.spread >= 0


def test_what_costs_nothing_has_no_speed() -> None:
    assert speed._measured(ClearEngine()) == speed.Speed(1.0, 0.0)
