"""Concrete leaves a process as it was: judged from outside, since a status of 0 proves nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from cml_sklearn.fhe.circuit import FheCircuit
from cml_sklearn.fhe.concrete import ConcreteEngine
from cml_sklearn.fhe.protocol import CircuitOptions
from tests.programs import codes_for, lookup_program

pytestmark = pytest.mark.fhe

PRELUDE = """
import os, signal, sys, threading, time
# processes started in a shell's background ignore it
signal.signal(signal.SIGINT, signal.default_int_handler)
from cml_sklearn.fhe.circuit import FheCircuit
from cml_sklearn.fhe.concrete import ConcreteEngine
from cml_sklearn.fhe.protocol import CircuitOptions
from tests.programs import codes_for, linear_program, lookup_program

def circuit_of(program):
    return FheCircuit(program, CircuitOptions(), ConcreteEngine())

def interrupt_after(seconds):
    threading.Timer(seconds, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
"""


def run(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", PRELUDE + code],
        env={**os.environ, **environment},
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize("mode", ["simulate", "execute"])
@pytest.mark.parametrize(
    ("end", "status"), [("raise RuntimeError", 1), ("sys.exit(3)", 3), ("", 0)]
)
def test_the_status_is_the_processs_own(mode: str, end: str, status: int) -> None:
    code = f"c = circuit_of(lookup_program()); c.{mode}(*codes_for(lookup_program(), 1))\n{end}"
    assert run(code).returncode == status


def test_ctrl_c_after_a_prediction_raises() -> None:
    done = run(
        """
circuit = circuit_of(linear_program())
circuit.execute(*codes_for(linear_program(), 200))
circuit.simulate(*codes_for(linear_program(), 50))
interrupt_after(0.2)
try:
    time.sleep(20)
except KeyboardInterrupt:
    print("interrupted")
"""
    )
    assert (done.returncode, done.stdout) == (0, "interrupted\n")


@pytest.mark.parametrize("seconds", ["0.1", "1.0"])
def test_ctrl_c_during_a_prediction_raises_after_the_batches_under_way(seconds: str) -> None:
    done = run(
        f"""
program = lookup_program()
circuit = circuit_of(program)
circuit.generate_keys()
codes = codes_for(program, 1_000)
interrupt_after({seconds})
try:
    circuit.execute(*codes)
except KeyboardInterrupt:
    few = [x[:3] for x in codes]
    print("interrupted", (circuit.execute(*few)[0] == program(*few)[0]).all())
"""
    )
    assert (done.returncode, done.stdout) == (0, "interrupted True\n")


@pytest.mark.parametrize("program", ["linear_program", "lookup_program"])
def test_ctrl_c_is_pythons_whichever_thread_gets_it(program: str) -> None:
    """Notebooks have threads of their own, which take the signal while the main thread doesn't."""
    done = run(
        f"""
import random
threading.Thread(target=lambda: time.sleep(100), daemon=True).start()
circuit = circuit_of({program}())
circuit.generate_keys()
codes = codes_for({program}(), 60)
pressed = 0
for _ in range(15):
    try:
        interrupt_after(random.uniform(0, 0.1))  # which may be before its thread has started
        while True:
            circuit.execute(*codes)
            circuit.simulate(*codes)
    except KeyboardInterrupt:
        pressed += 1
print(pressed)
"""
    )
    assert (done.returncode, done.stdout) == (0, "15\n")


def test_handlers_of_the_users_stay() -> None:
    done = run(
        """
pressed = []
signal.signal(signal.SIGINT, lambda *_: pressed.append(1))
circuit = circuit_of(linear_program())
circuit.execute(*codes_for(linear_program(), 50))
os.kill(os.getpid(), signal.SIGINT)
time.sleep(0.1)
os.kill(os.getpid(), signal.SIGTERM)
"""
    )
    assert done.returncode == -signal.SIGTERM


def test_no_folders_are_left(tmp_path: Path) -> None:
    code = """
import gc, pickle
circuit = circuit_of(linear_program())
circuit.simulate(*codes_for(linear_program(), 1))
pickle.loads(pickle.dumps(circuit.server))
folder = os.environ["TMPDIR"]
print(len(os.listdir(folder)) > 0)
circuit = circuit_of(lookup_program())
gc.collect()
print(len(os.listdir(folder)))
"""
    assert run(code, TMPDIR=str(tmp_path)).stdout == "True\n1\n"
    assert list(tmp_path.iterdir()) == []


def test_any_thread_compiles_and_predicts() -> None:
    results: dict[str, bool] = {}

    def work(name: str) -> None:
        program = lookup_program()
        circuit, codes = (
            FheCircuit(program, CircuitOptions(), ConcreteEngine()),
            codes_for(program, 1),
        )
        results[name] = bool((circuit.simulate(*codes)[0] == program(*codes)[0]).all())

    threads = [threading.Thread(target=work, args=(name,)) for name in ("first", "second")]
    for thread in threads:
        thread.start()
    work("main")
    for thread in threads:
        thread.join()
    assert results == {"first": True, "second": True, "main": True}


def test_threads_share_the_keys_of_a_circuit() -> None:
    program = lookup_program()
    circuit, codes = FheCircuit(program, CircuitOptions(), ConcreteEngine()), codes_for(program, 2)
    results: list[bool] = []

    def work() -> None:
        results.append(np.array_equal(circuit.execute(*codes)[0], program(*codes)[0]))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [True] * 4


def test_keys_and_encryptions_are_random() -> None:
    circuits = [ConcreteEngine().compile(lookup_program(), CircuitOptions()) for _ in range(2)]
    codes = codes_for(lookup_program(), 1)
    for circuit in circuits:
        circuit.client.generate_keys()
    secrets = {c.client._clients[1].keys.serialize() for c in circuits}
    ciphertexts = {circuits[0].client.encrypt(*codes).values[0].serialize() for _ in range(3)}
    assert (len(secrets), len(ciphertexts)) == (2, 3)
