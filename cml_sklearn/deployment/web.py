"""The page of a service: a client in the browser, from the service's own files."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from cml_sklearn.exceptions import CompilationError, InvalidInputError, MissingPackageError

with MissingPackageError.of_imports(__name__, "service"):
    from fastapi import FastAPI
    from starlette.datastructures import Headers
    from starlette.responses import RedirectResponse, Response
    from starlette.types import ASGIApp, Receive, Scope, Send

from cml_sklearn.deployment.archives import Card, opened
from cml_sklearn.deployment.saving import CLIENT, SERVER

__all__ = ["add_pages"]

_FOLDER = Path(__file__).with_name("web")
_BUILT = _FOLDER / "vendor"
_TYPES = {
    "": "text/plain; charset=utf-8",  # licences
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".mjs": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".wasm": "application/wasm",
    ".zip": "application/zip",
}

_HEADERS = {
    # nothing from elsewhere, nothing to elsewhere, and no page around it
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; "
        "style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; "
        "form-action 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cache-Control": "no-cache",
}


class _File(NamedTuple):
    content: bytes
    media_type: str

    @property
    def tag(self) -> str:
        """What an unchanged file is known by."""
        return f'"{sha256(self.content).hexdigest()[:32]}"'


def add_pages(app: FastAPI, clients: Iterable[Path], servers: Mapping[str, Path]) -> None:
    """Have a service serve the page at ``/web/``, without tokens: there is no secret in it.

    Parameters
    ----------
    app : FastAPI
        Of `make_app`.
    clients : iterable of path
        ``client.zip`` of each model that the page offers.
    servers : mapping of str to path
        ``server.zip`` of the service's models, by name.

    Raises
    ------
    InvalidInputError
        A file is no client's half, or the service has no server's half for it.
    CompilationError
        What the page needs from npm is not there.
    """
    app.add_middleware(_Pages, files=_page() | _models(clients, servers))


class _Pages:
    """Answers before the gate what the page asks for."""

    def __init__(self, app: ASGIApp, files: Mapping[str, _File]) -> None:
        self._app, self._files = app, files
        self._tags = {path: file.tag for path, file in files.items()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a file, or leave a request to the service."""
        if scope["type"] == "http" and scope["method"] in ("GET", "HEAD"):
            response = self._response(scope)
            if response is not None:
                await response(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _response(self, scope: Scope) -> Response | None:
        path = scope["path"]
        if path in ("/", "/web"):
            return RedirectResponse("web/", headers=_HEADERS)
        file = self._files.get(path)
        if file is None:
            return None
        headers = _HEADERS | {"ETag": self._tags[path]}
        if Headers(scope=scope).get("If-None-Match") == self._tags[path]:
            return Response(status_code=304, headers=headers)
        content = b"" if scope["method"] == "HEAD" else file.content
        headers["Content-Length"] = str(len(file.content))
        return Response(content, headers=headers, media_type=file.media_type)


def _page() -> dict[str, _File]:
    """Read the files of the page."""
    if not _BUILT.is_dir():
        raise CompilationError(
            "The page lacks what it needs from npm (node-seal): run `make web` in the project's "
            "folder, which takes npm, and install the package from there."
        )
    files = {
        f"/web/{path.relative_to(_FOLDER).as_posix()}": _File(
            path.read_bytes(), _TYPES[path.suffix]
        )
        for path in _FOLDER.rglob("*")
        if path.is_file() and path.suffix in _TYPES
    }
    return files | {"/web/": files["/web/index.html"]}


def _models(clients: Iterable[Path], servers: Mapping[str, Path]) -> dict[str, _File]:
    """Read the clients' halves, and list them."""
    names = {_card(path, SERVER).digest: name for name, path in servers.items()}
    files, models = {}, []
    for path in clients:
        card = _card(path, CLIENT)
        if card.digest not in names:
            raise InvalidInputError(
                f"{path} belongs to the model {card.digest[:12]}, which is not served; give the "
                "client.zip that was made with a server.zip of the service."
            )
        name = names[card.digest]
        files[f"/web/models/{name}.zip"] = _File(path.read_bytes(), _TYPES[".zip"])
        models.append({"name": name, "model": card.model, "file": f"models/{name}.zip"})
    files["/web/models.json"] = _File(json.dumps(models).encode(), _TYPES[".json"])
    return files


def _card(path: Path, half: str) -> Card:
    with opened(path, half) as (card, _):
        return card
