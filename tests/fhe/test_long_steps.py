"""Long steps say when they start and end, on a terminal by a clock; never anything secret."""

from __future__ import annotations

import io
import logging
import re
import sys
import time
from typing import Any

import numpy as np
import pytest

from cml_sklearn import config_context, get_config, set_config
from cml_sklearn.exceptions import InvalidInputError
from cml_sklearn.fhe import long_steps
from cml_sklearn.fhe.long_steps import long_step
from cml_sklearn.linear_model import Ridge

LINE = re.compile(r"[a-z]+: (started|done)(, [a-z_]+=[a-z0-9_.-]+)*|encrypted: .{1,30}|engine .*")


def ridge() -> tuple[Ridge, Any]:
    X = np.random.default_rng(0).normal(size=(40, 3))
    return Ridge().fit(X, X.sum(axis=1)), X


@pytest.mark.fhe
@pytest.mark.parametrize("engine", ["seal", "concrete"])
def test_an_encrypted_run_tells_its_steps_and_no_secret(
    engine: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="cml_sklearn")
    model, X = ridge()
    with config_context(engine=engine):
        model.predict(X[:3], execute_in_fhe=True)
        circuit: Any = model.fhe_circuit_
        secret = circuit.client.secret
    facts = {r.getMessage().partition(",")[0]: vars(r).get("fields", {}) for r in caplog.records}
    records = {record.getMessage().partition(",")[0]: record for record in caplog.records}
    assert {"compile: started", "compile: done", "keys: started", "keys: done"} <= set(records)
    assert facts["compile: done"]["key_bytes"] == circuit.report.key_bytes
    assert records["keys: done"].levelno == logging.INFO
    assert facts["keys: done"]["seconds"] >= 0
    text = "\n".join(record.getMessage() for record in caplog.records)
    assert all(LINE.fullmatch(line) for line in text.splitlines()), text
    middles = [part[len(part) // 2 :][:8] for part in secret if len(part) > 64]
    assert middles
    assert not any(shown in text for m in middles for shown in (m.hex(), repr(m), str(list(m))))


def test_a_step_that_fails_says_so(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="cml_sklearn")
    with pytest.raises(KeyError), long_step("plan", engine="none"):
        raise KeyError("a secret")
    assert re.fullmatch(
        r"plan: ended by KeyError, seconds=[\d.]+, engine=none", caplog.messages[-1]
    )


def test_nothing_is_written_where_nobody_asks(capfd: pytest.CaptureFixture[str]) -> None:
    with long_step("keys", engine="none"):
        pass
    assert capfd.readouterr() == ("", "")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_step_that_keeps_the_lock_shows_its_name_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with long_step("keys", locks=True):
        assert "keys ..." in terminal.getvalue()


@pytest.mark.parametrize("progress", [True, False])
def test_a_clock_shows_on_a_terminal(progress: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(long_steps, "_PATIENCE", 0.15)
    monkeypatch.setattr(long_steps, "_TICK", 0.02)
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with config_context(progress=progress):
        with long_step("brief"):
            pass
        with long_step("keys"):
            time.sleep(0.4)
    assert ("keys: 00:00" in terminal.getvalue()) == progress
    assert "brief" not in terminal.getvalue()


def test_progress_is_set_for_blocks_and_everywhere() -> None:
    set_config(progress=False)
    try:
        assert get_config()["progress"] is False
        with config_context(progress=True):
            assert get_config()["progress"] is True
        set_config()
        assert get_config() == {"execute_in_fhe": False, "engine": "auto", "progress": False}
    finally:
        set_config(progress=True)
    with pytest.raises(InvalidInputError, match="progress is 1; it must be True or False"):
        set_config(progress=1)
