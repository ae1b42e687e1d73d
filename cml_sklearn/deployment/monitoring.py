"""What a service tells its operator: metrics for Prometheus, and a log of JSON lines.

Neither has payloads, keys or tokens in it.
"""

from __future__ import annotations

import json
import logging
import time

from cml_sklearn.exceptions import MissingPackageError

with MissingPackageError.of_imports(__name__, "service"):
    from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from cml_sklearn.deployment.pool import Pool

__all__ = ["LOG", "JsonLines", "Metrics", "log_to_stderr"]

LOG = logging.getLogger("cml_sklearn.service")
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250)


class Metrics:
    """Counts of one service.

    Parameters
    ----------
    pool : Pool
        Whose queue is shown.
    """

    def __init__(self, pool: Pool) -> None:
        self.registry = CollectorRegistry()
        labels = ("route", "method", "status")
        self._requests = Counter("cml_requests", "Requests.", labels, registry=self.registry)
        self._seconds = Histogram(
            "cml_request_seconds",
            "From a request's head to the end of its answer.",
            ("route",),
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._bytes = Counter("cml_bytes", "Of bodies.", ("direction",), registry=self.registry)
        self._gauge("cml_requests_running", "On a worker.", pool, "running")
        self._gauge("cml_requests_taken", "Waiting or on a worker.", pool, "taken")
        self._gauge("cml_worker_restarts", "Workers that were replaced.", pool, "restarts")

    def _gauge(self, name: str, text: str, pool: Pool, attribute: str) -> None:
        gauge = Gauge(name, text, registry=self.registry)
        gauge.set_function(lambda: float(getattr(pool, attribute)))

    def note(
        self, route: str, method: str, status: int, *, seconds: float, received: int, sent: int
    ) -> None:
        """Count a request."""
        self._requests.labels(route, method, str(status)).inc()
        self._seconds.labels(route).observe(seconds)
        self._bytes.labels("received").inc(received)
        self._bytes.labels("sent").inc(sent)

    def text(self) -> bytes:
        """Give all in Prometheus' format."""
        return generate_latest(self.registry)


class JsonLines(logging.Formatter):
    """A line of JSON for each record; `extra={"fields": ...}` goes into it."""

    def format(self, record: logging.LogRecord) -> str:
        """Write a record."""
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        line = {
            "time": f"{stamp}.{int(record.msecs):03}Z",
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line)


def log_to_stderr() -> None:
    """Have the whole process log so."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=logging.INFO, handlers=[handler], force=True)
