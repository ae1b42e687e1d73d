"""A service for models: the Open Inference Protocol over HTTP, and keys beside it."""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from logging import INFO, WARNING
from pathlib import Path
from typing import Annotated, Any, NamedTuple

from cml_sklearn.exceptions import InvalidInputError, MissingPackageError

with MissingPackageError.of_imports(__name__, "service"):
    import uvicorn
    from anyio.to_thread import run_sync
    from fastapi import FastAPI, Header, Request, Response
    from fastapi import Path as InPath
    from fastapi.exceptions import RequestValidationError
    from fastapi.params import Security
    from fastapi.responses import JSONResponse
    from fastapi.security import HTTPBearer
    from pydantic import BaseModel
    from starlette.exceptions import HTTPException
    from starlette.routing import Match

from cml_sklearn._version import __version__
from cml_sklearn.deployment.archives import Card, opened
from cml_sklearn.deployment.budget import Budget, known_after
from cml_sklearn.deployment.gate import OPEN_PATHS, Gate
from cml_sklearn.deployment.inference import (
    INPUT,
    LENGTH_HEADER,
    OUTPUT,
    Inference,
    read_request,
    write_answer,
)
from cml_sklearn.deployment.keystore import KeyStore
from cml_sklearn.deployment.limits import Limits, key_bytes_of, key_limits
from cml_sklearn.deployment.messages import count_samples
from cml_sklearn.deployment.monitoring import LOG, Metrics, log_to_stderr
from cml_sklearn.deployment.pool import Pool, WorkerError
from cml_sklearn.deployment.refusals import RefusedError
from cml_sklearn.deployment.saving import SERVER
from cml_sklearn.deployment.tokens import Tokens
from cml_sklearn.deployment.uploads import KeyRoutes
from cml_sklearn.deployment.worker import ModelWorker

__all__ = ["Limits", "make_app", "serve"]

_MODEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_BINARY = "application/octet-stream"
_CONTENT = {_BINARY: {"schema": {"type": "string", "format": "binary", "minLength": 1}}}
_BINARY_BODY = {"requestBody": {"required": True, "content": _CONTENT}}
_BINARY_BOTH_WAYS = {
    "openapi_extra": _BINARY_BODY,
    "response_class": Response,
    "responses": {200: {"description": "The answer.", "content": _CONTENT}},
}
_TEXT_BACK = {
    "response_class": Response,
    "responses": {200: {"description": "Metrics.", "content": {"text/plain": {}}}},
}
"""For the OpenAPI page: bodies that no function's signature shows."""

_HOUR = 3600.0

Name = Annotated[str, InPath(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=100)]


class Problem(BaseModel):
    """What all errors look like."""

    error: str


class _Model(NamedTuple):
    card: Card
    path: Path


def make_app(
    servers: Mapping[str, str | Path], store: str | Path, tokens: str | Path, limits: Limits
) -> FastAPI:
    """Make an ASGI application; its workers start with its lifespan.

    Parameters
    ----------
    servers : mapping of str to path
        ``server.zip`` of each model, by the name that requests give.
    store : path
        Folder for evaluation keys; one service may use it at a time.
    tokens : path
        File of `Tokens`.
    limits : Limits

    Raises
    ------
    InvalidInputError
        An archive, a name or the file of tokens can't be used.
    """
    service = _Service(_models(servers), store, Tokens(tokens), limits)
    app = FastAPI(
        title="cml_sklearn",
        version=__version__,
        docs_url=None,
        redoc_url=None,
        lifespan=service.lifespan,
        responses={"default": {"model": Problem, "description": "What is wrong."}},
    )
    app.state.pool = service.pool
    _add_routes(app, service)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _no_route)
    app.add_middleware(Gate, tokens=service.tokens, metrics=service.metrics)
    return app


def serve(app: FastAPI, host: str, port: int, limits: Limits) -> None:
    """Serve until a signal comes; running requests are finished."""
    log_to_stderr()
    stop = int(limits.stop_seconds)
    uvicorn.run(
        app,
        host=host,
        port=port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=stop,
    )


class _Service:
    """State of a service, and a method for each route."""

    def __init__(
        self, models: dict[str, _Model], store: str | Path, tokens: Tokens, limits: Limits
    ) -> None:
        tokens.all()
        self.models, self.tokens, self.limits = models, tokens, limits
        cards = [model.card for model in models.values()]
        self.key_bytes, quota_bytes = key_limits(limits, cards)
        self.store = KeyStore(
            store, key_bytes=self.key_bytes, quota_bytes=quota_bytes, days=limits.key_days
        )
        self.budget = (
            None
            if limits.budget is None
            else Budget(self.store.folder / "budget.sqlite", limits.budget)
        )
        archives = {name: (model.path, model.card.digest) for name, model in models.items()}
        self.pool = Pool(partial(ModelWorker, archives), limits.workers, limits.waiting)
        self.metrics = Metrics(self.pool)

    @asynccontextmanager
    async def lifespan(self, _: FastAPI) -> AsyncIterator[None]:
        """Start the workers, look after the store, and end the workers."""
        for name, model in self.models.items():
            self._introduce(name, model.card)
        await run_sync(self.pool.start)
        sweeper = asyncio.create_task(self._sweep())
        try:
            yield
        finally:
            sweeper.cancel()
            await run_sync(self.pool.close)
            if self.budget is not None:
                self.budget.close()

    def _introduce(self, name: str, card: Card) -> None:
        """Log what a model gives away, what its keys take, and which limits don't go with that."""
        rows, budget, size = known_after(card), self.limits.budget, key_bytes_of(card)
        warnings = []
        if rows is not None and (budget is None or budget >= rows):
            text = f"who asks {rows:,} rows can work the weights out; --budget limits rows"
            warnings.append(text)
        if size > self.key_bytes:
            warnings.append("keys may be larger than --key-megabytes takes")
        fields = {"model": name, "known_after_rows": rows, "budget": budget, "key_bytes": size}
        level = WARNING if warnings else INFO
        LOG.log(level, "model served", extra={"fields": {**fields, "warnings": warnings}})

    async def _sweep(self) -> None:
        while True:
            removed = await run_sync(self.store.sweep)
            LOG.info("store swept", extra={"fields": {"removed": removed}})
            await asyncio.sleep(_HOUR)

    async def live(self) -> dict[str, bool]:
        """Say whether the process answers."""
        return {"live": True}

    async def ready(self) -> JSONResponse:
        """Say whether workers take requests."""
        ready = self.pool.ready
        return JSONResponse({"ready": ready}, 200 if ready else 503)

    async def about(self) -> dict[str, object]:
        """Say what this server is."""
        extensions = ["binary_tensor_data", "model_repository"]
        return {"name": "cml_sklearn", "version": __version__, "extensions": extensions}

    async def index(self) -> list[dict[str, str]]:
        """List the models; a version is the digest of a model's archives."""
        state = "READY" if self.pool.ready else "UNAVAILABLE"
        return [
            {"name": name, "version": model.card.digest, "state": state}
            for name, model in self.models.items()
        ]

    async def describe(self, request: Request, name: Name) -> dict[str, object]:
        """Say what a model takes and gives, and how many rows the token may still ask."""
        card = self._card(name)
        parameters: dict[str, object] = {"model": card.model, "keys": sorted(set(card.keys))}
        if self.budget is not None:
            owner = request.state.owner
            parameters["rows_left"] = await run_sync(self.budget.left, owner, card.digest)
        return {
            "name": name,
            "versions": [card.digest],
            "platform": "_".join(["cml_sklearn", *sorted(set(card.engines))]),
            "inputs": [{"name": INPUT, "datatype": "BYTES", "shape": [1]}],
            "outputs": [{"name": OUTPUT, "datatype": "BYTES", "shape": [1]}],
            "parameters": parameters,
        }

    async def model_ready(self, name: Name) -> JSONResponse:
        """Say whether a model takes requests."""
        self._card(name)
        ready = self.pool.ready
        return JSONResponse({"name": name, "ready": ready}, 200 if ready else 503)

    async def infer(
        self,
        request: Request,
        name: Name,
        cml_keys: Annotated[str | None, Header(description="SHA-256 of the keys")] = None,
    ) -> Response:
        """Compute on an encrypted batch."""
        card, deadline = self._card(name), time.monotonic() + self.limits.seconds
        length, owner = request.headers.get(LENGTH_HEADER), request.state.owner
        with self.pool.place(owner):
            body = await self._body(request)
            asked = Inference(body, None) if length is None else read_request(body, length)
            path = await run_sync(self._keys, owner, asked.keys or cml_keys)
            task = {"model": name, "keys": str(path)}
            async with self._charged(owner, card, asked.payload):
                future = self.pool.ask(owner, task, asked.payload, deadline)
                answer = await asyncio.wrap_future(future)
        if length is None:
            return Response(answer, media_type=_BINARY)
        content, size = write_answer(answer, name, card.digest, asked.id)
        return Response(content, headers={LENGTH_HEADER: str(size)}, media_type=_BINARY)

    async def show_metrics(self) -> Response:
        """Give metrics for Prometheus."""
        return Response(self.metrics.text(), media_type="text/plain; version=0.0.4")

    def _card(self, name: str) -> Card:
        if name not in self.models:
            raise RefusedError(404, f"There is no model {name}; see POST /v2/repository/index.")
        return self.models[name].card

    def _keys(self, owner: str, name: str | None) -> Path:
        if name is None:
            raise RefusedError(
                400, "Name the keys by their SHA-256: the header CML-Keys or the parameter `keys`."
            )
        path = self.store.find(owner, name)
        if path is None:
            raise RefusedError(404, "There are no such keys of this token; PUT them to /keys/.")
        return path

    @asynccontextmanager
    async def _charged(self, owner: str, card: Card, payload: bytes) -> AsyncIterator[None]:
        """Count the rows of a payload against the owner's budget, unless they get no answer."""
        if self.budget is None:
            yield
            return
        n_samples = await run_sync(count_samples, payload)
        await run_sync(self.budget.take, owner, card.digest, n_samples)
        try:
            yield
        except (RefusedError, WorkerError):
            # but not of an input that was refused: errors must not be free questions
            await run_sync(self.budget.give_back, owner, card.digest, n_samples)
            raise

    async def _body(self, request: Request) -> bytes:
        limit, pieces, size = self.limits.body_bytes, [], 0
        announced = request.headers.get("Content-Length", "0")
        if re.fullmatch("[0-9]+", announced) and int(announced[:18]) > limit:
            raise _too_large(limit)
        try:
            async with asyncio.timeout(self.limits.seconds):
                async for piece in request.stream():
                    pieces.append(piece)
                    size += len(piece)
                    if size > limit:
                        raise _too_large(limit)
        except TimeoutError as error:
            raise RefusedError(408, "The request came too slowly; send fewer samples.") from error
        return b"".join(pieces)


def _add_routes(app: FastAPI, service: _Service) -> None:
    keys = KeyRoutes(service.store, service.limits.idle_seconds)

    def add(method: str, path: str, function: Callable[..., Awaitable[object]], **how: Any) -> None:
        needs = [] if path in OPEN_PATHS else [Security(HTTPBearer(auto_error=False))]
        app.add_api_route(path, function, methods=[method], dependencies=needs, **how)

    add("GET", "/v2/health/live", service.live)
    add("GET", "/v2/health/ready", service.ready)
    add("GET", "/v2", service.about)
    add("POST", "/v2/repository/index", service.index)
    add("GET", "/v2/models/{name}", service.describe)
    add("GET", "/v2/models/{name}/ready", service.model_ready)
    add("POST", "/v2/models/{name}/infer", service.infer, **_BINARY_BOTH_WAYS)
    add("HEAD", "/keys/{sha256}", keys.status)
    add("PUT", "/keys/{sha256}", keys.put, openapi_extra=_BINARY_BODY)
    add("DELETE", "/keys/{sha256}", keys.delete, status_code=204)
    add("GET", "/metrics", service.show_metrics, **_TEXT_BACK)


def _models(servers: Mapping[str, str | Path]) -> dict[str, _Model]:
    if not servers:
        raise InvalidInputError("There are no models; give a server.zip.")
    models = {}
    for name, path in servers.items():
        if not _MODEL.fullmatch(name):
            raise InvalidInputError(
                f"A model can't have the name {name!r}: use letters, digits, '.', '_' and '-'."
            )
        with opened(path, SERVER) as (card, _):
            models[name] = _Model(card, Path(path).resolve())
    return models


def _too_large(limit: int) -> RefusedError:
    return RefusedError(413, f"The body has more than {limit:,} bytes; send fewer samples.")


async def _invalid(_: Request, error: Exception) -> Response:
    """Say where a path or header is not as it must be, without repeating what came."""
    problems = error.errors() if isinstance(error, RequestValidationError) else ()
    text = "; ".join(f"{'.'.join(map(str, p['loc']))}: {p['msg']}" for p in problems)
    return JSONResponse({"error": text}, 400)


async def _no_route(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    headers = {"Allow": ", ".join(_methods(request))} if status == 405 else None
    text = {404: "There is nothing at this path.", 405: "The path has other methods."}
    return JSONResponse({"error": text.get(status, "It was refused.")}, status, headers)


def _methods(request: Request) -> list[str]:
    """Methods of all routes at a request's path; the framework names those of one."""
    routes = (r for r in request.app.routes if r.matches(request.scope)[0] is not Match.NONE)
    return sorted({method for route in routes for method in route.methods})
