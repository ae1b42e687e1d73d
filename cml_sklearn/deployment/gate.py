"""The way into a service and out of it: tokens, the words of errors, counts and the log."""

from __future__ import annotations

import time
from collections.abc import Mapping

from cml_sklearn.exceptions import InvalidInputError, MissingPackageError

with MissingPackageError.of_imports(__name__, "service"):
    from anyio.to_thread import run_sync
    from fastapi.responses import JSONResponse
    from starlette.requests import ClientDisconnect
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cml_sklearn.deployment.monitoring import LOG, Metrics
from cml_sklearn.deployment.pool import reason_of
from cml_sklearn.deployment.refusals import RefusedError
from cml_sklearn.deployment.tokens import Tokens

__all__ = ["OPEN_PATHS", "Gate"]

OPEN_PATHS = ("/v2/health/live", "/v2/health/ready")
"""What needs no token."""


class Gate:
    """What every request passes: its token is looked at, and its end is logged and counted.

    Parameters
    ----------
    app : ASGI application
    tokens : Tokens
    metrics : Metrics
    """

    def __init__(self, app: ASGIApp, tokens: Tokens, metrics: Metrics) -> None:
        self._app, self._tokens, self._metrics = app, tokens, metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        visit = _Visit(receive, send)
        try:
            await self._admit(scope)
            await self._app(scope, visit.receive, visit.send)
        except ClientDisconnect:
            visit.status, visit.reason = visit.status or 499, "the client went away"
        except RefusedError as error:
            await visit.refuse(error.status, str(error), scope, error.headers)
        except InvalidInputError as error:
            await visit.refuse(400, str(error), scope)
        except Exception as error:
            visit.reason = reason_of(error)
            await visit.refuse(500, "The service failed; its log says why.", scope)
        finally:
            self._note(scope, visit)

    async def _admit(self, scope: Scope) -> None:
        scope.setdefault("state", {})["owner"] = None
        if scope["path"] in OPEN_PATHS:
            return
        try:
            owner = await run_sync(self._tokens.owner_of, _bearer(scope))
        except InvalidInputError as error:
            LOG.error("tokens", extra={"fields": {"reason": str(error)}})
            raise RefusedError(503, "The service can't read its tokens.") from error
        if owner is None:
            raise RefusedError(
                401,
                "Give a token of this service: Authorization: Bearer ...",
                {"WWW-Authenticate": "Bearer"},
            )
        scope["state"]["owner"] = owner

    def _note(self, scope: Scope, visit: _Visit) -> None:
        seconds = time.monotonic() - visit.started
        route = getattr(scope.get("route"), "path", "other")
        method = scope["method"] if route != "other" else "other"
        sizes = {"received": visit.received, "sent": visit.sent}
        self._metrics.note(route, method, visit.status, seconds=seconds, **sizes)
        fields = {"method": method, "route": route, "status": visit.status, **sizes}
        fields |= {"seconds": round(seconds, 4), "owner": scope["state"]["owner"]}
        if visit.reason or visit.status >= 500:
            fields["reason"] = visit.reason or "not ready"
        log = LOG.error if visit.status >= 500 else LOG.info
        log("request", extra={"fields": fields})


class _Visit:
    """Counts of one request."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive, self._send = receive, send
        self.started = time.monotonic()
        self.status = self.received = self.sent = 0
        self.reason = ""

    async def receive(self) -> Message:
        message = await self._receive()
        self.received += len(message.get("body", b""))
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
        self.sent += len(message.get("body", b""))
        await self._send(message)

    async def refuse(
        self, status: int, text: str, scope: Scope, headers: Mapping[str, str] | None = None
    ) -> None:
        """Answer with an error, unless an answer has begun."""
        self.reason = self.reason or text
        if not self.status:
            response = JSONResponse({"error": text}, status, headers)
            await response(scope, self.receive, self.send)


def _bearer(scope: Scope) -> str:
    headers: list[tuple[bytes, bytes]] = scope["headers"]
    given = next((value for key, value in headers if key == b"authorization"), b"")
    kind, _, token = given.decode("latin-1").partition(" ")
    return token.strip() if kind.lower() == "bearer" else ""
