"""Batches spread over a Dask cluster: equal answers, keys sent once, nothing lost with a worker."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from threading import Timer
from typing import Any

import joblib
import numpy as np
import pytest
from sklearn.datasets import load_iris

from cml_sklearn.fhe.parcel import Parcel
from cml_sklearn.tree import DecisionTreeClassifier

distributed = pytest.importorskip("distributed")
pytestmark = [pytest.mark.fhe, pytest.mark.filterwarnings("ignore")]

N_ROWS = 120


@pytest.fixture
def cluster() -> Iterator[Any]:
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as made,
        distributed.Client(made),
    ):
        yield made


@pytest.fixture(scope="module")
def model() -> DecisionTreeClassifier:
    X, y = load_iris(return_X_y=True)
    return DecisionTreeClassifier(max_depth=2, n_bits=2, random_state=0).fit(X, y)


def predicted(model: DecisionTreeClassifier, batch_size: int) -> np.ndarray:
    X = np.resize(load_iris().data, (N_ROWS, 4))
    model.compile(batch_size=batch_size, engine="seal")
    with joblib.parallel_config("dask"):
        labels: np.ndarray = model.predict(X, execute_in_fhe=True)
    np.testing.assert_array_equal(labels, model.predict(X))
    return labels


def test_keys_do_not_go_with_batches(
    cluster: Any, model: DecisionTreeClassifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They go to the scheduler once; `tests/deployment/test_bulk.py` counts what workers unpack."""
    packed = list[Parcel[Any]]()
    pack = Parcel.__reduce_ex__

    def counting(self: Parcel[Any], protocol: Any) -> Any:
        packed.append(self)
        return pack(self, protocol)

    monkeypatch.setattr(Parcel, "__reduce_ex__", counting)
    predicted(model, batch_size=10)
    assert not packed


@pytest.mark.parametrize("delay", [0.05, 0.3])
def test_a_worker_that_dies_loses_nothing(
    cluster: Any, model: DecisionTreeClassifier, delay: float
) -> None:
    """Whether or not it alone had the keys yet."""
    victim = next(iter(cluster.workers.values())).pid
    timer = Timer(delay, os.kill, (victim, signal.SIGKILL))
    timer.start()
    predicted(model, batch_size=3)
    timer.join()
