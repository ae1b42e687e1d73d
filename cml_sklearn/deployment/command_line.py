"""The command ``cml-sklearn``: serve a model, and predict by one that is served."""

from __future__ import annotations

import signal
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cml_sklearn.exceptions import CmlError, InvalidInputError, MissingPackageError

with MissingPackageError.of_imports("The command cml-sklearn", "service"):
    import typer

from cml_sklearn.deployment.archives import opened
from cml_sklearn.deployment.description import describe
from cml_sklearn.deployment.tokens import Tokens

if TYPE_CHECKING:
    from cml_sklearn.deployment.remote import RemoteModel

__all__ = ["app"]

_INTERRUPTED = 130
"""Exit status of who was stopped by Ctrl-C, as shells have it."""

# variables hold passphrases and tokens: no traceback may show them
app = typer.Typer(
    help="Predictions on encrypted data.",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
)

TokensFile = Annotated[Path, typer.Option("--tokens", help="File of the hashes of tokens.")]
Passphrase = Annotated[
    str | None,
    typer.Option(envvar="CML_PASSPHRASE", help="Of the file of keys; asked for if not given."),
]
ClientFile = Annotated[Path, typer.Argument(metavar="client.zip")]


@contextmanager
def _in_words() -> Iterator[None]:
    """Say what is wrong instead of where."""
    try:
        yield
    except CmlError as error:
        typer.secho(str(error), fg="red", err=True)
        raise typer.Exit(1) from error


@app.command()
def serve(
    archives: Annotated[list[Path], typer.Argument(metavar="server.zip ...")],
    *,
    name: Annotated[
        list[str] | None,
        typer.Option(help="Of each model; else that of its file or folder."),
    ] = None,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535)] = 8000,
    store: Annotated[Path, typer.Option(help="Folder for evaluation keys.")] = Path("keys"),
    tokens: TokensFile = Path("tokens.json"),
    workers: Annotated[int, typer.Option(min=1, help="Processes that compute.")] = 1,
    waiting: Annotated[int, typer.Option(min=0, help="Requests that may wait.")] = 16,
    seconds: Annotated[float, typer.Option(min=0.1, help="For a request.")] = 300.0,
    idle_seconds: Annotated[float, typer.Option(min=0.1, help="Of a still upload.")] = 30.0,
    body_megabytes: Annotated[int, typer.Option(min=1, help="Of a batch.")] = 256,
    key_megabytes: Annotated[
        int | None, typer.Option(min=1, help="Of a set of keys; else what the models need.")
    ] = None,
    quota_megabytes: Annotated[
        int | None, typer.Option(min=1, help="Of a token's keys; else four sets for each model.")
    ] = None,
    key_days: Annotated[float, typer.Option(min=0.01, help="For unused keys.")] = 30.0,
    budget: Annotated[
        int | None,
        typer.Option(min=1, help="Rows that a token may have answered by a model; else no limit."),
    ] = None,
    web: Annotated[
        list[Path] | None,
        typer.Option(metavar="client.zip", help="Serve a page that predicts by it, at /web/."),
    ] = None,
) -> None:
    """Serve models over HTTP, until SIGTERM or Ctrl-C."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with _in_words():
        from cml_sklearn.deployment.limits import Limits
        from cml_sklearn.deployment.service import make_app
        from cml_sklearn.deployment.service import serve as serve_app

        limits = Limits(
            workers=workers,
            waiting=waiting,
            seconds=seconds,
            idle_seconds=idle_seconds,
            body_bytes=body_megabytes * 2**20,
            key_bytes=_bytes(key_megabytes),
            quota_bytes=_bytes(quota_megabytes),
            key_days=key_days,
            budget=budget,
        )
        models = dict(zip(_names(archives, name), archives, strict=True))
        service = make_app(models, store, tokens, limits)
        if web:
            from cml_sklearn.deployment.web import add_pages

            add_pages(service, web, models)
        serve_app(service, host, port, limits)


@app.command()
def token(
    tokens: TokensFile = Path("tokens.json"),
    name: Annotated[str, typer.Option(help="Whom it is for.")] = "",
    days: Annotated[float | None, typer.Option(min=0.01, help="For which it is good.")] = None,
    revoke: Annotated[str | None, typer.Option(help="Forget the token of this id.")] = None,
) -> None:
    """Make a token of a service; it is printed once, and only its hash is kept."""
    with _in_words():
        if revoke is None:
            typer.echo(Tokens(tokens).create(name, days))
        else:
            Tokens(tokens).revoke(revoke)


@app.command()
def keys(
    client: ClientFile,
    path: Annotated[Path, typer.Argument(metavar="keys-file")],
    passphrase: Passphrase = None,
) -> None:
    """Make keys, and write them to a file that a passphrase opens."""
    with _in_words():
        from cml_sklearn.deployment.client import FheClient

        if path.exists():
            raise InvalidInputError(f"{path} is there; remove it, or give another name.")
        half = FheClient(client)
        phrase = passphrase or typer.prompt("Passphrase", hide_input=True, confirmation_prompt=True)
        half.save_keys(path, phrase)


@app.command()
def predict(
    client: ClientFile,
    data: Annotated[Path, typer.Argument(metavar="data.csv")],
    *,
    output: Annotated[Path, typer.Option("--output", "-o", help="CSV file to write.")],
    server: Annotated[str, typer.Option(help="URL of the service.")],
    token: Annotated[str, typer.Option(envvar="CML_TOKEN", help="Of the service.")],
    keys: Annotated[Path | None, typer.Option(help="File of `keys`; else new ones.")] = None,
    passphrase: Passphrase = None,
    method: Annotated[str, typer.Option(help="predict, predict_proba, ...")] = "predict",
    name: Annotated[str | None, typer.Option(help="Of the model on the service.")] = None,
    retries: Annotated[int, typer.Option(min=0, help="Of a request.")] = 8,
) -> None:
    """Encrypt the rows of a CSV file, have them predicted, and decrypt; call again to go on."""
    with _in_words():
        from cml_sklearn.deployment.client import FheClient
        from cml_sklearn.deployment.csv_files import predict_file
        from cml_sklearn.deployment.remote import RemoteModel

        half = FheClient(client)
        if keys is not None:
            half.load_keys(keys, passphrase or typer.prompt("Passphrase", hide_input=True))
        with (
            _ended_as_by_ctrl_c(),
            _saying_warnings(),
            _saying_what_is_kept(output),
            RemoteModel(server, half, token, name=name, retries=retries) as model,
            _forgetting_keys(model) if keys is None else nullcontext(),
        ):
            count = predict_file(model, data, output, method)
        typer.echo(f"{count} rows predicted, {output} is complete", err=True)


@contextmanager
def _ended_as_by_ctrl_c() -> Iterator[None]:
    """Let SIGTERM do what Ctrl-C does, so that the service is told to delete the keys."""
    # no other thread may say what signals do
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before or signal.SIG_DFL)


@contextmanager
def _saying_warnings() -> Iterator[None]:
    """Show warnings as what they say, without a line of code that users don't have."""
    with warnings.catch_warnings():
        warnings.showwarning = lambda message, *_, **__: typer.echo(f"Warning: {message}", err=True)
        yield


@contextmanager
def _saying_what_is_kept(output: Path) -> Iterator[None]:
    """After Ctrl-C or SIGTERM, an error that may pass, or any after some rows, say how to go on."""
    from cml_sklearn.deployment.csv_files import how_to_go_on, is_begun
    from cml_sklearn.deployment.refusals import RefusedError
    from cml_sklearn.deployment.remote import UnreachableError

    try:
        yield
    except KeyboardInterrupt:
        typer.echo(f"Stopped. {how_to_go_on(output)}", err=True)
        raise typer.Exit(_INTERRUPTED) from None
    except (RefusedError, UnreachableError) as error:
        if isinstance(error, UnreachableError) or error.is_busy or is_begun(output):
            typer.echo(how_to_go_on(output), err=True)
        raise


@contextmanager
def _forgetting_keys(model: RemoteModel) -> Iterator[None]:
    """In the end, also by an error, have the service delete keys that are of no further use."""
    try:
        yield
    finally:
        try:
            model.delete_keys(retries=1)
        except CmlError as error:
            text = "The service may still have this run's evaluation keys, until they expire"
            typer.echo(f"{text}: {error}", err=True)


@app.command()
def inspect(archive: Annotated[Path, typer.Argument(metavar="file.zip")]) -> None:
    """Say what an archive holds, and what its model costs."""
    with _in_words(), opened(archive, None) as (card, folder):
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        for line in (*describe(card), "files:"):
            typer.echo(line)
        for path in files:
            typer.echo(f"  {path.relative_to(folder).as_posix()}: {path.stat().st_size:,} bytes")


def _bytes(megabytes: int | None) -> int | None:
    return None if megabytes is None else megabytes * 2**20


def _names(archives: list[Path], names: list[str] | None) -> list[str]:
    found = names or [
        path.resolve().parent.name if path.stem == "server" else path.stem for path in archives
    ]
    if len(found) != len(archives) or len(set(found)) != len(found):
        raise InvalidInputError(
            f"{len(archives)} archives have the names {', '.join(found)}; give each its own by "
            "--name."
        )
    return found
