"""What workers need travels once, and to whichever process takes the place of another."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import time
from pathlib import Path

import joblib
import numpy as np
import pytest
from joblib.externals.loky import get_reusable_executor

from cml_sklearn.fhe.circuit import FheCircuit
from cml_sklearn.fhe.clear import ClearEngine
from cml_sklearn.fhe.parcel import Parcel
from cml_sklearn.fhe.protocol import CircuitOptions
from tests.programs import codes_for, lookup_program


class Counted:
    """Counts how often one of its kind is packed and unpacked."""

    packed = 0
    unpacked = 0

    def __init__(self, name: str) -> None:
        self.name = name

    def __getstate__(self) -> dict[str, str]:
        Counted.packed += 1
        return {"name": self.name}

    def __setstate__(self, state: dict[str, str]) -> None:
        Counted.unpacked += 1
        self.name = state["name"]


def test_content_is_packed_and_unpacked_once() -> None:
    Counted.packed = Counted.unpacked = 0
    parcel = Parcel(Counted("server"))
    jobs = [pickle.dumps((parcel, batch)) for batch in range(5)]
    contents = [pickle.loads(job)[0].content for job in jobs]
    assert (Counted.packed, Counted.unpacked) == (1, 1)
    assert {id(content) for content in contents} == {id(contents[0])}
    assert contents[0].name == "server"
    assert parcel.content is not contents[0]


def test_another_parcel_takes_the_place_of_the_last() -> None:
    names = [
        pickle.loads(pickle.dumps(Parcel(Counted(name)))).content.name for name in ("a", "b", "a")
    ]
    assert names == ["a", "b", "a"]


@pytest.mark.parametrize("backend", ["threading", "loky", "sequential"])
def test_all_backends_of_joblib_serve(backend: str) -> None:
    check_backend(backend)


@pytest.mark.slow
def test_forked_workers_serve() -> None:
    """From a new process: one that is forked with threads may find their locks taken, forever.

    Python's pool of forked processes may also hang when it ends, so that others don't wait for it.
    """
    code = "from tests.fhe.test_parcel import check_backend; check_backend('multiprocessing')"
    root = Path(__file__).parents[2]
    subprocess.run([sys.executable, "-c", code], cwd=root, check=True, timeout=120)


def check_backend(backend: str) -> None:
    program = lookup_program()
    circuit = FheCircuit(program, CircuitOptions(batch_size=2), ClearEngine())
    codes = codes_for(program, 7)
    with joblib.parallel_config(backend, n_jobs=2):
        np.testing.assert_array_equal(circuit.execute(*codes)[0], program(*codes)[0])


HELD: list[bytes] = []
"""What stays in the memory of a process."""


def grow(n_bytes: int) -> int:
    """Take memory for good, as an import does; joblib looks for that once a second."""
    HELD.append(b"1" * n_bytes)
    time.sleep(1.1)
    return os.getpid()


def test_workers_that_have_grown_are_replaced_and_nobody_waits_forever() -> None:
    jobs = joblib.Parallel(n_jobs=2)
    small = jobs(joblib.delayed(grow)(0) for _ in range(4))
    grown = jobs(joblib.delayed(grow)(320 << 20) for _ in range(6))
    assert set(grown) - set(small)
    get_reusable_executor().shutdown()
