"""A model behind a service, from the client's side."""

from __future__ import annotations

import hashlib
import random
import re
import time
from collections.abc import Iterator, Mapping, Sized
from contextlib import suppress
from functools import partial
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from tqdm.auto import tqdm

from cml_sklearn.config import bars_disabled
from cml_sklearn.deployment.client import FheClient
from cml_sklearn.deployment.refusals import RefusedError
from cml_sklearn.exceptions import CmlError, InvalidInputError, MissingPackageError
from cml_sklearn.fhe.long_steps import LOG

with MissingPackageError.of_imports(__name__, "service"):
    import httpx

__all__ = ["RemoteModel", "UnreachableError"]

_PIECE = 8 * 2**20
_LONGEST_PAUSE = 30.0
_WORDS = {401: "The service does not know the token; its operator makes one."}
"""Where an answer to HEAD has none."""


class UnreachableError(CmlError, ConnectionError):
    """No answer comes from a service."""


class _Served:
    """A method that is there only if the model has it, as `available_if` of scikit-learn does."""

    def __init__(self, doc: str) -> None:
        self.__doc__ = f"{doc}; parameters and errors as in `compute`."

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, model: RemoteModel | None, owner: type) -> Any:
        """Bind the method, or say that there is none."""
        if model is None:
            return self
        if self._name not in model.client.methods:
            raise AttributeError(
                f"{model.client.card.model} has no {self._name}; it has "
                f"{', '.join(model.client.methods)}."
            )
        return partial(model.compute, method=self._name)


class RemoteModel:
    """Predicts by a service that sees neither samples nor predictions.

    It has the methods of the model that it stands for: `predict`, and those of `predict_proba`,
    `predict_log_proba`, `decision_function`, `score_samples` and `transform` that the model has.

    Parameters
    ----------
    url : str
        Of the service.
    client : FheClient
        Its keys are made, and uploaded, when they are first needed.
    token : str
        Of ``cml-sklearn token``.
    name : str, optional
        Of the model on the service; None: the one whose digest the client's half has.
    retries : int
        Times that a request is sent again where the service is busy or can't be reached.
    timeout : float
        Seconds to wait for an answer.
    http : httpx.Client, optional
        That sends; one of our own otherwise.

    Examples
    --------
    ::

        with RemoteModel("https://fhe.example", FheClient("client.zip"), token) as model:
            labels = model.predict(X)
    """

    def __init__(
        self,
        url: str,
        client: FheClient,
        token: str,
        *,
        name: str | None = None,
        retries: int = 8,
        timeout: float = 600.0,
        http: httpx.Client | None = None,
    ) -> None:
        if not url.startswith(("http://", "https://")):
            raise InvalidInputError(f"url is {url!r}; give such as https://fhe.example.")
        self.client, self.retries = client, retries
        self._url, self._name = url.rstrip("/"), name
        self._headers = {"Authorization": f"Bearer {token}"}
        self._http = http or httpx.Client(timeout=httpx.Timeout(timeout, connect=10.0))
        self._keys: str | None = None
        self._uploaded: str | None = None

    def __enter__(self) -> Self:
        """Give the model."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close connections."""
        self._http.close()

    @property
    def name(self) -> str:
        """Name of the model on the service.

        Raises
        ------
        InvalidInputError
            The service has another model, or another version of it.
        """
        if self._name is None:
            digest = self.client.card.digest
            models = self._sent("POST", "/v2/repository/index").json()
            names = [model["name"] for model in models if model["version"] == digest]
            if not names:
                there = ", ".join(f"{m['name']} ({m['version'][:12]})" for m in models)
                raise InvalidInputError(
                    f"The service has {there}, but not {self.client.card.model} {digest[:12]}; "
                    "use the client.zip that was made with its server.zip."
                )
            self._name = str(names[0])
        return self._name

    def compute(self, X: ArrayLike, method: str = "predict", *, progress: bool = True) -> Any:
        """Encrypt, ask and decrypt, batch after batch.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n_samples, n_features)
        method : str
            One of `FheClient.methods`.
        progress : bool
            Whether to show a bar.

        Returns
        -------
        ndarray with a row a sample, or a list of them
            As the model's method gives them.

        Raises
        ------
        InvalidInputError
            The model can't take the samples, or does not have the method.
        RefusedError, UnreachableError
            The service gives no answer, also after retries.
        """
        total = len(X) if isinstance(X, Sized) else None
        batches = []
        with tqdm(total=total, unit="row", disable=bars_disabled() if progress else True) as bar:
            for values in self.compute_batches(X, method):
                batches.append(values)
                bar.update(len(_first(values)))
        if isinstance(batches[0], list):
            return [np.concatenate(parts) for parts in zip(*batches, strict=True)]
        return np.concatenate(batches)

    def compute_batches(self, X: ArrayLike, method: str = "predict") -> Iterator[Any]:
        """Give the results of one batch after the other, as `compute` does."""
        for payload in self.client.encrypt_batches(X, method):
            yield self.client.decrypt(self._answer(payload), method)

    predict = _Served("Labels or targets")
    predict_proba = _Served("Class probabilities")
    predict_log_proba = _Served("Logarithms of `predict_proba`")
    decision_function = _Served("Raw scores")
    score_samples = _Served("Opposite of the anomaly score")
    transform = _Served("Projected samples")

    def upload_keys(self) -> str:
        """Have the service hold the evaluation keys; gives their SHA-256.

        What it has of them already is not sent again.
        """
        keys = self.client.evaluation_keys()
        name = self._uploaded = hashlib.sha256(keys).hexdigest()
        attempts, before = _attempts(self.retries), -1
        while not self._is_whole(response := self._sent("HEAD", f"/keys/{name}", missing=True)):
            offset = _offset_of(response)
            try:
                if offset <= before:
                    raise RefusedError(503, "The service has no more of the keys than before.")
                self._send_piece(name, keys, offset)
                before = offset
            except (httpx.TransportError, RefusedError) as error:
                _pause(next(attempts), error)
                before = -1
        self._keys = name
        return name

    def delete_keys(self, *, retries: int | None = None) -> None:
        """Have the service forget the keys, or what it has of them.

        Parameters
        ----------
        retries : int, optional
            None: as for all requests.
        """
        if self._uploaded is not None:
            self._sent("DELETE", f"/keys/{self._uploaded}", missing=True, retries=retries)
            self._keys = self._uploaded = None

    def _send_piece(self, name: str, keys: bytes, offset: int) -> None:
        piece = keys[offset : offset + _PIECE]
        span = f"bytes {offset}-{offset + len(piece) - 1}/{len(keys)}"
        headers = self._headers | {"Content-Range": span}
        url = f"{self._url}/keys/{name}"
        response = self._http.put(url, content=piece, headers=headers)
        # 409: another connection wrote; what is there is asked for again
        if response.status_code not in (200, 201, 202):
            raise _refusal(response)

    def _is_whole(self, response: httpx.Response) -> bool:
        return response.headers.get("Upload-Complete") == "?1"

    def _answer(self, payload: bytes) -> bytes:
        keys = self._keys or self.upload_keys()
        path = f"/v2/models/{self.name}/infer"
        try:
            return self._sent("POST", path, payload, {"CML-Keys": keys}).content
        except RefusedError as error:
            if error.status != 404:
                raise
        # keys may expire between two batches
        return self._sent("POST", path, payload, {"CML-Keys": self.upload_keys()}).content

    def _sent(
        self,
        method: str,
        path: str,
        content: bytes = b"",
        headers: Mapping[str, str] | None = None,
        *,
        missing: bool = False,
        retries: int | None = None,
    ) -> httpx.Response:
        """Send until an answer comes; `missing` says whether 404 is one."""
        attempts = _attempts(self.retries if retries is None else retries)
        url, all_headers = self._url + path, self._headers | dict(headers or {})
        if content:
            all_headers["Content-Type"] = "application/octet-stream"
        while True:
            try:
                response = self._http.request(method, url, content=content, headers=all_headers)
                if response.is_success or (missing and response.status_code == 404):
                    return response
                raise _refusal(response)
            except (httpx.TransportError, RefusedError) as error:
                _pause(next(attempts), error)


def _attempts(retries: int) -> Iterator[int | None]:
    """Count attempts; None after the last one."""
    yield from range(retries)
    yield None


def _offset_of(response: httpx.Response) -> int:
    """Bytes that the service has of an upload."""
    text = response.headers.get("Upload-Offset", "0")
    if not re.fullmatch("[0-9]{1,15}", text):
        raise RefusedError(500, f"Upload-Offset is {text[:60]!r}; is this a service of models?")
    return int(text)


def _first(values: Any) -> Any:
    return values[0] if isinstance(values, list) else values


def _pause(attempt: int | None, error: httpx.TransportError | RefusedError) -> None:
    """Wait before the next attempt, or raise where it makes no sense."""
    if isinstance(error, RefusedError) and not (error.is_busy or error.status == 409):
        if error.status == 400:
            raise InvalidInputError(str(error)) from error
        raise error
    if attempt is None:
        if isinstance(error, RefusedError):
            raise error
        plain = " (http:// where it has no certificate)" if "SSL" in str(error) else ""
        raise UnreachableError(
            f"The service does not answer ({type(error).__name__}: {error}); is the URL right"
            f"{plain}, and the service running?"
        ) from error
    # not all at the same time: others wait, too
    pause = min(0.25 * 2.0**attempt, _LONGEST_PAUSE) * random.uniform(0.75, 1.25)  # noqa: S311
    pause = max(pause, _wished(error))
    if attempt > 1:
        LOG.warning("no answer yet (%s); trying again in %.0f s", type(error).__name__, pause)
    time.sleep(pause)


def _wished(error: httpx.TransportError | RefusedError) -> float:
    wish = error.headers.get("retry-after", "") if isinstance(error, RefusedError) else ""
    return min(float(wish), _LONGEST_PAUSE) if wish.isdecimal() else 0.0


def _refusal(response: httpx.Response) -> RefusedError:
    text = _WORDS.get(response.status_code, response.reason_phrase)
    with suppress(ValueError, KeyError, TypeError):
        text = str(response.json()["error"])
    return RefusedError(response.status_code, text, response.headers)
