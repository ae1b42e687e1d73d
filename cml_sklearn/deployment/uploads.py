"""Routes for evaluation keys: uploads that can be resumed, and what is there of them."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Annotated

from cml_sklearn.exceptions import MissingPackageError

with MissingPackageError.of_imports(__name__, "service"):
    from anyio.to_thread import run_sync
    from fastapi import Header, Request, Response
    from fastapi import Path as InPath
    from starlette.requests import ClientDisconnect

from cml_sklearn.deployment.keystore import KeyStore, Progress, Upload
from cml_sklearn.deployment.refusals import RefusedError

__all__ = ["KeyRoutes"]

_RANGE = re.compile(r"bytes ([0-9]{1,15})-([0-9]{1,15})/([0-9]{1,15})")
_PIECE = 1 << 20

KeyName = Annotated[str, InPath(pattern="^[0-9a-f]{64}$", description="SHA-256 of the keys")]


class KeyRoutes:
    """Beside inference, since keys are large and serve many requests.

    Parameters
    ----------
    store : KeyStore
    idle_seconds : float
        For which an upload may stand still.
    """

    def __init__(self, store: KeyStore, idle_seconds: float) -> None:
        self._store, self._idle_seconds = store, idle_seconds

    async def status(self, request: Request, sha256: KeyName) -> Response:
        """Say how much of a set of keys is there: the next byte is that of Upload-Offset."""
        progress = await run_sync(self._store.progress, request.state.owner, sha256)
        if progress is None:
            raise RefusedError(404, "There are no such keys of this token.")
        return Response(headers=_upload_headers(progress))

    async def put(
        self,
        request: Request,
        sha256: KeyName,
        content_range: Annotated[str | None, Header(description="bytes 0-99/4000")] = None,
    ) -> Response:
        """Upload a set of keys, or a range of its bytes: 201 when it is whole, else 202."""
        owner = request.state.owner
        there = await run_sync(self._store.progress, owner, sha256)
        if there is not None and there.complete:
            return Response(status_code=200, headers=_upload_headers(there))
        offset, total = _range(content_range, request.headers.get("Content-Length"))
        upload = await run_sync(self._store.start, owner, sha256, offset, total)
        progress = await self._receive(request, upload)
        return Response(
            status_code=201 if progress.complete else 202, headers=_upload_headers(progress)
        )

    async def delete(self, request: Request, sha256: KeyName) -> Response:
        """Forget a set of keys, also one that is not whole."""
        if not await run_sync(self._store.delete, request.state.owner, sha256):
            raise RefusedError(404, "There are no such keys of this token.")
        return Response(status_code=204)

    async def _receive(self, request: Request, upload: Upload) -> Progress:
        """Write what comes, and keep what came, however the connection ends."""
        try:
            async for piece in self._pieces(request):
                await run_sync(upload.write, piece)
        except Exception:
            with suppress(RefusedError):
                await run_sync(upload.close)
            raise
        return await run_sync(upload.close)

    async def _pieces(self, request: Request) -> AsyncIterator[bytes]:
        """Join small pieces; what came before a break is given, too."""
        buffer = bytearray()
        stream = request.stream()
        try:
            while True:
                async with asyncio.timeout(self._idle_seconds):
                    buffer += await anext(stream)
                if len(buffer) >= _PIECE:
                    yield bytes(buffer)
                    buffer.clear()
        except StopAsyncIteration:
            yield bytes(buffer)
        except TimeoutError as error:
            yield bytes(buffer)
            raise RefusedError(408, "The upload stood still; go on with it.") from error
        except ClientDisconnect:
            yield bytes(buffer)
            raise


def _range(text: str | None, length: str | None) -> tuple[int, int]:
    """First byte, and how many there are in all."""
    if text is None:
        if length is None or not re.fullmatch(r"[0-9]{1,15}", length):
            raise RefusedError(411, "Give Content-Length, or Content-Range: bytes 0-99/4000.")
        return 0, _some(int(length))
    match = _RANGE.fullmatch(text)
    if match is None or not int(match[1]) <= int(match[2]) < int(match[3]):
        raise RefusedError(400, f"Content-Range is {text[:60]!r}; give such as bytes 0-99/4000.")
    return int(match[1]), _some(int(match[3]))


def _some(total: int) -> int:
    if not total:
        raise RefusedError(400, "The keys are empty; send those of the client.")
    return total


def _upload_headers(progress: Progress) -> dict[str, str]:
    return {
        "Upload-Offset": str(progress.offset),
        "Upload-Length": str(progress.total),
        "Upload-Complete": "?1" if progress.complete else "?0",
    }
