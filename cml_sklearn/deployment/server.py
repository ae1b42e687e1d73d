"""The half of who owns the model: computes on ciphertexts, and has no key to open them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

from cml_sklearn.deployment.archives import opened
from cml_sklearn.deployment.messages import Message, read_messages
from cml_sklearn.deployment.recent import Recent
from cml_sklearn.deployment.saving import SERVER, folder_of
from cml_sklearn.exceptions import InvalidInputError
from cml_sklearn.fhe.engines import portable_engine

__all__ = ["FheServer", "ServerKeys"]

_KEPT_BYTES = 2**29
"""Keys that stay read, for clients that send batch after batch."""


class ServerKeys(NamedTuple):
    """Evaluation keys that were read, for `FheServer.run` of all models that they fit.

    Attributes
    ----------
    by_target : dict of str to object
        Keys as their engine has them, by what they are for.
    """

    by_target: dict[str, Any]

    @classmethod
    def of(cls, data: bytes) -> ServerKeys:
        """Read what `FheClient.evaluation_keys` gave.

        Raises
        ------
        InvalidInputError
            The bytes are no keys.
        """
        keys = {}
        for message in read_messages(data):
            if message.kind != "keys":
                raise InvalidInputError(
                    f"Not evaluation keys but {message.kind} came; send those of the client."
                )
            keys[message.target] = portable_engine(message.engine).read_keys(message.parts)
        return cls(keys)


class FheServer:
    """The server's half of a model, from the file that `save_model` wrote.

    Parameters
    ----------
    path : path or binary file
        ``server.zip``.

    Attributes
    ----------
    card : Card
        What the model is and what it costs.

    Raises
    ------
    InvalidInputError
        The file is no server's half, or damaged.

    Examples
    --------
    See `FheClient`, which asks it.
    """

    def __init__(self, path: str | Path | BinaryIO) -> None:
        with opened(path, SERVER) as (self.card, folder):
            self._engines = [portable_engine(name) for name in self.card.engines]
            self._servers = [
                engine.load_server(folder / folder_of(number))
                for number, engine in enumerate(self._engines)
            ]
        self._keys = Recent[bytes, ServerKeys](_KEPT_BYTES)

    def __repr__(self) -> str:
        """Model and engines."""
        engines = ", ".join(sorted(set(self.card.engines)))
        return f"FheServer({self.card.model}; {engines}; {self.card.digest[:12]})"

    def run(self, evaluation_keys: bytes | ServerKeys, payload: bytes | BinaryIO) -> bytes:
        """Compute on all batches of a payload.

        Parameters
        ----------
        evaluation_keys : bytes or ServerKeys
            Of `FheClient.evaluation_keys`; those used last stay read.
        payload : bytes or binary file
            Of `FheClient.encrypt`.

        Returns
        -------
        bytes
            For `FheClient.decrypt`.

        Raises
        ------
        InvalidInputError
            The bytes are damaged, or of another model or engine.
        """
        return b"".join(self.run_batches(evaluation_keys, payload))

    def run_batches(
        self, evaluation_keys: bytes | ServerKeys, payload: bytes | BinaryIO
    ) -> Iterator[bytes]:
        """Compute batch after batch, so that memory does not grow with the number of samples."""
        keys, empty = self._read(evaluation_keys).by_target, True
        for message in read_messages(payload):
            empty = False
            yield self._answered(message, keys)
        if empty:
            raise InvalidInputError("The payload is empty; send what the client encrypted.")

    def _answered(self, message: Message, keys: dict[str, Any]) -> bytes:
        self._check(message)
        engine, server = self._engines[message.module], self._servers[message.module]
        name = self.card.keys[message.module]
        if name not in keys:
            raise InvalidInputError(
                f"The evaluation keys are for {', '.join(keys)}, not for {name}; send those of "
                "the client that encrypted."
            )
        ciphertexts = engine.read_ciphertexts(message.n_samples, message.parts)
        outputs = server.run(ciphertexts, keys[name])
        return replace(message, kind="outputs", parts=outputs.parts).write()

    def _read(self, keys: bytes | ServerKeys) -> ServerKeys:
        if isinstance(keys, ServerKeys):
            return keys
        return self._keys.get(keys, lambda: (ServerKeys.of(keys), len(keys)))

    def _check(self, message: Message) -> None:
        """Refuse what is no batch for this model."""
        if message.kind != "inputs":
            raise InvalidInputError(f"Not a batch but {message.kind} came; send an encrypted one.")
        if message.target != self.card.digest:
            raise InvalidInputError(
                f"The batch is for the model {message.target[:12]}; this is "
                f"{self.card.digest[:12]}."
            )
        fits = message.module < len(self._engines)
        if not fits or message.engine != self.card.engines[message.module]:
            raise InvalidInputError("The batch is for a module that the model does not have.")
