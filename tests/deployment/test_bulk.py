"""Encrypted partitions on a Dask cluster: keys once per worker, nothing lost with a worker."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer

from cml_sklearn.deployment import FheClient, save_model
from cml_sklearn.deployment.bulk import (
    _Half,
    read_answers,
    run_folder,
    run_partitions,
    write_partitions,
)
from cml_sklearn.exceptions import InvalidInputError
from cml_sklearn.fhe import parcel
from cml_sklearn.linear_model import LogisticRegression

dask, distributed = pytest.importorskip("dask"), pytest.importorskip("distributed")
pytestmark = [pytest.mark.fhe, pytest.mark.filterwarnings("ignore")]

N_ROWS, N_PARTITIONS = 2000, 20


class Setting:
    """A model, its halves, and rows."""

    def __init__(self, folder: Path) -> None:
        X, y = load_breast_cancer(return_X_y=True)
        self.model = LogisticRegression(n_bits=6, max_iter=5000).fit(X, y)
        save_model(self.model, folder)
        self.server, self.client = folder / "server.zip", FheClient(folder / "client.zip")
        self.keys = self.client.evaluation_keys()
        self.X = np.resize(X, (N_ROWS, X.shape[1]))
        self.partitions = [self.client.encrypt(p) for p in np.array_split(self.X, N_PARTITIONS)]

    def check(self, answers: list[bytes]) -> None:
        assert len(answers) == N_PARTITIONS
        labels = self.client.decrypt(b"".join(answers))
        np.testing.assert_array_equal(labels, self.model.predict(self.X))


@pytest.fixture(scope="module")
def setting(tmp_path_factory: pytest.TempPathFactory) -> Setting:
    return Setting(tmp_path_factory.mktemp("model"))


@contextmanager
def new_cluster() -> Iterator[Any]:
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=None) as made,
        distributed.Client(made) as opened,
    ):
        yield opened


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    # by itself Dask takes copies from workers that stand idle at a moment, and sends them again
    kept = {"distributed.scheduler.active-memory-manager.start": False}
    with dask.config.set(kept), new_cluster() as opened:
        yield opened


def start_counting() -> None:
    unpack = parcel.Parcel.__setstate__

    def counting(self: Any, state: Any) -> None:
        parcel.unpacked = getattr(parcel, "unpacked", 0) + 1  # type: ignore[attr-defined]
        unpack(self, state)

    parcel.Parcel.__setstate__ = counting  # type: ignore[method-assign]


def counted() -> int:
    return getattr(parcel, "unpacked", 0)


def test_keys_are_sent_once_to_each_worker(setting: Setting, cluster: Any) -> None:
    cluster.run(start_counting)
    setting.check(list(run_partitions(setting.server, setting.keys, setting.partitions)))
    # a worker that starts late may find nothing left to do
    assert max(cluster.run(counted).values()) == 1


@pytest.mark.parametrize(("count", "after"), [(1, 1), (2, 7)])
def test_workers_that_end_lose_nothing(setting: Setting, count: int, after: int) -> None:
    """Not even both of them, which alone had the keys."""
    with new_cluster() as cluster:
        run = run_partitions(setting.server, setting.keys, setting.partitions, cluster)
        answers = [next(run) for _ in range(after)]
        for worker in list(cluster.cluster.workers.values())[:count]:
            os.kill(worker.pid, signal.SIGKILL)
        cluster.cluster.scale(4)
        setting.check([*answers, *run])


def test_folders_go_on_after_a_break(setting: Setting, cluster: Any, tmp_path: Path) -> None:
    inputs, answers = tmp_path / "inputs", tmp_path / "answers"
    paths = write_partitions(inputs, setting.partitions)
    where = setting.server, setting.keys, inputs, answers
    hidden = paths[4].rename(tmp_path / "hidden")
    paths[4].write_bytes(b"other bytes")
    with pytest.raises(InvalidInputError, match="was damaged"):
        run_folder(*where)
    hidden.rename(paths[4])
    with pytest.raises(InvalidInputError, match=r"of 20 partitions have no answer yet, first 0000"):
        list(read_answers(inputs, answers))
    done = len(list(answers.iterdir()))
    assert run_folder(*where) == N_PARTITIONS - done
    assert run_folder(*where) == 0
    setting.check(list(read_answers(inputs, answers)))


def test_answers_to_other_rows_are_not_taken(setting: Setting, tmp_path: Path) -> None:
    write_partitions(tmp_path / "a", setting.partitions[:1])
    (stale,) = write_partitions(tmp_path / "b", [setting.client.encrypt(setting.X[:9])])
    stale.rename(tmp_path / f"{stale.stem}.answer")
    with pytest.raises(InvalidInputError, match="1 of 1 partitions have no answer"):
        list(read_answers(tmp_path / "a", tmp_path))
    with pytest.raises(InvalidInputError, match="has partitions already"):
        write_partitions(tmp_path / "a", [])
    with pytest.raises(InvalidInputError, match="write them by"):
        list(read_answers(tmp_path, tmp_path))


@pytest.mark.parametrize("lost", [0, 1, 2])
def test_a_lost_partition_is_noticed(setting: Setting, tmp_path: Path, lost: int) -> None:
    paths = write_partitions(tmp_path, setting.partitions[:3])
    paths[lost].unlink()
    with pytest.raises(InvalidInputError, match="lacks partitions"):
        list(read_answers(tmp_path, tmp_path))


def test_what_was_not_written_to_its_end_is_refused(setting: Setting, tmp_path: Path) -> None:
    def interrupted() -> Iterator[bytes]:
        yield from setting.partitions[:2]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_partitions(tmp_path, interrupted())
    with pytest.raises(InvalidInputError, match="was not written to its end"):
        run_folder(setting.server, setting.keys, tmp_path, tmp_path / "answers")


def test_damaged_partitions_are_refused_in_words(setting: Setting, cluster: Any) -> None:
    with pytest.raises(InvalidInputError, match="ends early"):
        list(run_partitions(setting.server, setting.keys, [setting.partitions[0][:-9]]))


def test_no_secret_goes_to_the_cluster(setting: Setting) -> None:
    half = parcel.Parcel(_Half(setting.server.read_bytes(), setting.keys))
    sent = half.__getstate__()[1].tobytes() + b"".join(setting.partitions)
    secret = b"".join(client.secret[0] for client in setting.client._clients)
    pieces = [secret[i : i + 16] for i in range(64, len(secret) - 16, 512)]
    assert pieces
    assert not any(piece in sent for piece in pieces)
