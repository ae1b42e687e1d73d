"""A service in a process of its own, as an operator starts it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Thread
from typing import IO, Any

import httpx

from cml_sklearn.deployment.tokens import Tokens


class Live:
    """Started by the command line, and judged by its answers, its log and its status."""

    def __init__(self, folder: Path, *archives: Path, **options: object) -> None:
        self.folder, self.lines = folder, list[dict[str, Any]]()
        self.tokens = Tokens(folder / "tokens.json")
        self.token = self.tokens.create("first")
        self._archives = [str(path) for path in archives]
        words = (("--" + name.replace("_", "-"), str(value)) for name, value in options.items())
        self._options = [word for pair in words for word in pair]
        self.start()

    def start(self) -> None:
        command = [sys.executable, "-m", "cml_sklearn.deployment", "serve", *self._archives]
        command += ["--store", str(self.folder / "keys"), "--tokens", str(self.tokens.path)]
        self.lines.clear()
        self.process = subprocess.Popen(
            [*command, "--port", "0", *self._options],
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        assert self.process.stderr is not None
        self._reader = Thread(target=self._read, args=(self.process.stderr,), daemon=True)
        self._reader.start()
        running = self.wait_for("Uvicorn running on")
        self.url = running["event"].split()[3]

    def stop(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        status = self.process.wait(30)
        self._reader.join(10)
        assert self.process.stderr is not None
        self.process.stderr.close()
        return status

    def http(self, token: str | None = None, **how: Any) -> httpx.Client:
        headers = {"Authorization": f"Bearer {token or self.token}"}
        return httpx.Client(base_url=self.url, headers=headers, timeout=60, **how)

    def wait_for(self, event: str, count: int = 1) -> dict[str, Any]:
        """Last of some lines of the log that begin so."""

        def lines() -> list[dict[str, Any]]:
            return [line for line in list(self.lines) if line["event"].startswith(event)]

        wait(lambda: len(lines()) >= count or self.process.poll() is not None)
        assert len(lines()) >= count, self.lines
        return lines()[count - 1]

    @property
    def worker(self) -> int:
        """Process id of the worker that was started last."""
        pids = [line["pid"] for line in list(self.lines) if line["event"] == "worker started"]
        return int(pids[-1])

    def metric(self, name: str) -> float:
        with self.http() as http:
            lines = http.get("/metrics").text.splitlines()
        return sum(float(line.split()[-1]) for line in lines if line.startswith(name))

    def _read(self, stderr: IO[str]) -> None:
        for line in stderr:
            with suppress(ValueError):  # Concrete writes lines of its own
                self.lines.append(json.loads(line))


def wait(condition: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)
