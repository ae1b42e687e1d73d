"""Workers in processes of their own: a crash in native code takes one request with it.

Nothing is pickled between them: a request is a JSON text and bytes, an answer a word and bytes.
"""

from __future__ import annotations

import json
import logging
import signal
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection
from queue import SimpleQueue
from threading import Event, Lock, Timer
from typing import NamedTuple

from cml_sklearn.deployment.fairness import Places, Turns
from cml_sklearn.deployment.refusals import RefusedError
from cml_sklearn.exceptions import CmlError, InvalidInputError

__all__ = ["Handler", "Pool", "WorkerError", "reason_of"]

Handler = Callable[[Mapping[str, str], bytes], bytes]
"""What a worker does with a request."""

_LOG = logging.getLogger("cml_sklearn.service")


class WorkerError(CmlError, RuntimeError):
    """A worker did not get through, for a reason that is for the log only."""


class _Job(NamedTuple):
    """A request that waits for a worker, and who waits for its answer."""

    task: Mapping[str, str]
    payload: bytes
    deadline: float
    answer: Future[bytes]


class Pool:
    """Some workers, and a queue with an end, which owners of requests share: see `Places`.

    Parameters
    ----------
    make : callable
        Makes a worker's handler, in its process; picklable.
    n_workers, n_waiting : int
        Requests that are worked on, and that may wait.
    """

    def __init__(self, make: Callable[[], Handler], n_workers: int, n_waiting: int) -> None:
        self._make, self.n_workers = make, n_workers
        self._places, self._turns = Places(n_workers + n_waiting), Turns[_Job]()
        self._threads = ThreadPoolExecutor(n_workers, thread_name_prefix="cml-worker")
        self._idle: SimpleQueue[_Worker] = SimpleQueue()
        self._workers: set[_Worker] = set()
        self._lock = Lock()
        self.running = self.restarts = 0
        self.ready = False

    @property
    def taken(self) -> int:
        """Requests that wait or are worked on."""
        return self._places.taken

    def start(self) -> None:
        """Start all workers, and wait until they are ready.

        Raises
        ------
        WorkerError
            One of them can't be.
        """
        workers = [self._new_worker() for _ in range(self.n_workers)]
        try:
            for worker in workers:
                worker.wait_until_ready()
                self._idle.put(worker)
        except WorkerError:
            self.close()
            raise
        self.ready = True

    @contextmanager
    def place(self, owner: str) -> Iterator[None]:
        """Keep a place in the queue.

        Raises
        ------
        RefusedError
            All are taken, or as many by the owner as may be.
        """
        if not self.ready:
            raise RefusedError(503, "The service is not ready; try later.", _soon(2))
        if not self._places.take(owner):
            raise RefusedError(
                429,
                f"{self.taken} of {self._places.total} places are taken, and the rest is for "
                "others; try later.",
                _soon(1),
            )
        try:
            yield
        finally:
            self._places.leave(owner)

    def ask(
        self, owner: str, task: Mapping[str, str], payload: bytes, deadline: float
    ) -> Future[bytes]:
        """Have a worker do something until a time of `time.monotonic`; owners take turns.

        Raises
        ------
        InvalidInputError
            The worker's handler raised it.
        RefusedError
            The time is over, or the worker's process ended.
        WorkerError
            The handler raised something else.
        """
        job = _Job(task, payload, deadline, Future())
        self._turns.put(owner, job)
        self._threads.submit(self._take_turn)
        return job.answer

    def close(self) -> None:
        """End all workers."""
        self.ready = False
        self._threads.shutdown(wait=False, cancel_futures=True)
        for job in self._turns.clear():
            job.answer.cancel()
        with self._lock:
            workers, self._workers = self._workers, set()
        for worker in workers:
            worker.end()

    def _take_turn(self) -> None:
        """Do the job whose owner's turn it is."""
        job = self._turns.get()
        if job.answer.set_running_or_notify_cancel():
            try:
                job.answer.set_result(self._ask(job))
            except BaseException as error:
                job.answer.set_exception(error)

    def _ask(self, job: _Job) -> bytes:
        worker = self._idle.get()
        self.running += 1
        try:
            if not worker.alive:
                worker = self._replace(worker)
            return worker.ask(job.task, job.payload, job.deadline)
        finally:
            self.running -= 1
            self._idle.put(worker if worker.alive else self._replace(worker))

    def _replace(self, worker: _Worker) -> _Worker:
        self._workers.discard(worker)
        worker.end()
        if not self.ready:
            return worker
        self.restarts += 1
        return self._new_worker()

    def _new_worker(self) -> _Worker:
        worker = _Worker(self._make)
        self._workers.add(worker)
        return worker


class _Worker:
    """A process, and our end of the line to it."""

    def __init__(self, make: Callable[[], Handler]) -> None:
        # not by fork: the threads of this process may hold locks
        context = get_context("spawn")
        self._line, other_end = context.Pipe()
        self._process = context.Process(target=_work, args=(other_end, make), daemon=True)
        self._process.start()
        other_end.close()
        self._is_ready = False
        _LOG.info("worker started", extra={"fields": {"pid": self._process.pid}})

    @property
    def alive(self) -> bool:
        return self._process.is_alive()

    def wait_until_ready(self) -> None:
        if not self._is_ready:
            try:
                self._read()
            except (EOFError, OSError) as error:
                raise WorkerError("A worker ended before it was ready.") from error
            self._is_ready = True

    def ask(self, task: Mapping[str, str], payload: bytes, deadline: float) -> bytes:
        if time.monotonic() >= deadline:
            raise RefusedError(504, "It waited too long; try later, or send fewer samples.")
        with self._until(deadline) as late:
            try:
                self.wait_until_ready()
                self._line.send_bytes(json.dumps(task).encode())
                self._line.send_bytes(payload)
                return self._read()
            except (EOFError, OSError, WorkerError) as error:
                if late.is_set():
                    raise RefusedError(504, "It took too long; send fewer samples.") from error
                if isinstance(error, WorkerError) and self._is_ready:
                    raise
                raise self._lost() from error

    def end(self) -> None:
        self._process.kill()
        self._process.join()
        self._line.close()

    def _read(self) -> bytes:
        outcome, content = self._line.recv_bytes(), self._line.recv_bytes()
        if outcome == b"refused":
            raise InvalidInputError(content.decode())
        if outcome == b"failed":
            raise WorkerError(content.decode())
        return content

    def _lost(self) -> RefusedError:
        self._process.join(timeout=1)
        fields = {"pid": self._process.pid, "status": self._process.exitcode}
        _LOG.error("worker lost", extra={"fields": fields})
        return RefusedError(503, "The worker that computed this ended; try again.", _soon(1))

    @contextmanager
    def _until(self, deadline: float) -> Iterator[Event]:
        """Kill the process when time is over: native code hears nothing else."""
        late = Event()

        def end() -> None:
            late.set()
            self._process.kill()

        timer = Timer(max(deadline - time.monotonic(), 0), end)
        timer.daemon = True
        timer.start()
        try:
            yield late
        finally:
            timer.cancel()
            if late.is_set():
                self._process.join()


def reason_of(error: BaseException) -> str:
    """Say what went wrong and where, in one line, without any values of variables."""
    frames = traceback.extract_tb(error.__traceback__)[-3:]
    places = " > ".join(f"{frame.name} ({frame.filename}:{frame.lineno})" for frame in frames)
    return f"{type(error).__name__}: {str(error)[:300]} at {places}"


def _soon(seconds: int) -> dict[str, str]:
    return {"Retry-After": str(seconds)}


def _work(line: Connection, make: Callable[[], Handler]) -> None:
    """Serve one request after the other, as long as the parent is there."""
    # Ctrl-C goes to all processes of a terminal; the parent says when to end
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with suppress(EOFError, OSError):
        try:
            handler = make()
        except Exception as error:
            _send(line, "failed", reason_of(error).encode(errors="backslashreplace"))
            return
        _send(line, "ready", b"")
        while True:
            task, payload = json.loads(line.recv_bytes()), line.recv_bytes()
            _send(line, *_outcome(handler, task, payload))


def _outcome(handler: Handler, task: Mapping[str, str], payload: bytes) -> tuple[str, bytes]:
    try:
        return "done", handler(task, payload)
    except InvalidInputError as error:
        return "refused", str(error).encode(errors="backslashreplace")
    except Exception as error:
        return "failed", reason_of(error).encode(errors="backslashreplace")


def _send(line: Connection, outcome: str, content: bytes) -> None:
    line.send_bytes(outcome.encode())
    line.send_bytes(content)
