"""What a service says instead of an answer: a status of HTTP, and words."""

from __future__ import annotations

from collections.abc import Mapping

from cml_sklearn.exceptions import CmlError

__all__ = ["RefusedError"]

_BUSY = (408, 429, 502, 503)


class RefusedError(CmlError, RuntimeError):
    """A request that gets no answer.

    Parameters
    ----------
    status : int
        Of HTTP.
    text : str
        What is wrong, and what to do.
    headers : mapping of str to str
        That go with it.
    """

    def __init__(self, status: int, text: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(text)
        self.status, self.headers = status, dict(headers or {})

    @property
    def is_busy(self) -> bool:
        """Whether the service has too much to do, and may answer the same request soon."""
        return self.status in _BUSY
