"""The half of who owns the data: encodes, encrypts, decrypts and decodes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from threading import Lock
from typing import Any, BinaryIO, cast

import numpy as np
from numpy.typing import ArrayLike

from cml_sklearn._typing import Array, IntArray
from cml_sklearn.deployment.archives import opened
from cml_sklearn.deployment.keys import KeyRing, load_ring, save_ring
from cml_sklearn.deployment.messages import Message, read_messages
from cml_sklearn.deployment.preprocessing import Preprocessing, preprocess, words_of
from cml_sklearn.deployment.saving import (
    CLIENT,
    MODULE,
    PREPROCESSING,
    PREPROCESSING_TABLE,
    folder_of,
)
from cml_sklearn.exceptions import InvalidInputError
from cml_sklearn.fhe.engines import portable_engine
from cml_sklearn.fhe.protocol import AnyPortableClient
from cml_sklearn.program.archive import read
from cml_sklearn.quantization.affine import AffineQuantizer
from cml_sklearn.quantization.clipping import report_clipping
from cml_sklearn.quantization.postprocessing import labels_in, postprocess
from cml_sklearn.quantization.quantized_module import QuantizedModule

__all__ = ["FheClient"]


class FheClient:
    """The client's half of a model, from the file that `save_model` wrote.

    Parameters
    ----------
    path : path
        ``client.zip``.

    Attributes
    ----------
    card : Card
        What the model is, what it takes and what it costs.

    Raises
    ------
    InvalidInputError
        The file is no client's half, or damaged.

    Examples
    --------
    >>> from pathlib import Path
    >>> from tempfile import TemporaryDirectory
    >>> from sklearn.datasets import load_diabetes
    >>> from cml_sklearn.deployment import FheClient, FheServer, save_model
    >>> from cml_sklearn.linear_model import Ridge
    >>> X, y = load_diabetes(return_X_y=True)
    >>> model = Ridge(n_bits=8).fit(X, y)
    >>> with TemporaryDirectory() as folder:
    ...     card = save_model(model, folder)
    ...     client = FheClient(Path(folder) / "client.zip")
    ...     server = FheServer(Path(folder) / "server.zip")
    >>> answer = server.run(client.evaluation_keys(), client.encrypt(X[:3]))
    >>> bool((client.decrypt(answer) == model.predict(X[:3])).all())
    True
    """

    def __init__(self, path: str | Path) -> None:
        with opened(path, CLIENT) as (self.card, folder):
            transforms = read(folder / PREPROCESSING, tuple, PREPROCESSING_TABLE)
            self._transforms = cast("Preprocessing", transforms)
            self._engines = [portable_engine(name) for name in self.card.engines]
            self._modules: list[QuantizedModule] = []
            self._clients: list[AnyPortableClient] = []
            for number, engine in enumerate(self._engines):
                place = folder / folder_of(number)
                self._modules.append(QuantizedModule.load(place / MODULE))
                self._clients.append(engine.load_client(place))
        self._lock, self._has_keys = Lock(), False

    def __repr__(self) -> str:
        """Model, methods and engines."""
        methods, engines = ", ".join(self.card.modules), ", ".join(sorted(set(self.card.engines)))
        return f"FheClient({self.card.model}: {methods}; {engines}; {self.card.digest[:12]})"

    @property
    def methods(self) -> tuple[str, ...]:
        """What can be decrypted: "predict", "predict_proba", ..."""
        return tuple(self.card.modules)

    @property
    def labels(self) -> tuple[Array, ...]:
        """Class labels of each output; empty where the model is no classifier."""
        if "predict" not in self.methods:
            return ()
        return labels_in(self._modules[self._number("predict")].postprocessing.get("predict", ()))

    def words_of(self, columns: Sequence[str]) -> dict[str, set[str | None]]:
        """Say which of some columns hold text: their categories, by name; None is a gap.

        Parameters
        ----------
        columns : sequence of str
            Names of all columns of a table, in their order.

        Raises
        ------
        InvalidInputError
            A column is missing.
        """
        return words_of(self._transforms, columns)

    def generate_keys(self) -> None:
        """Make the keys, unless they are there; modules of equal parameters share them."""
        with self._lock:
            if not self._has_keys:
                first = {client.key_name: client for client in reversed(self._clients)}
                self._take({name: client.secret for name, client in first.items()})

    def save_keys(self, path: str | Path, passphrase: str) -> None:
        """Write all keys to a file, encrypted under a passphrase (scrypt, AES-256-GCM)."""
        self.generate_keys()
        save_ring(path, {c.key_name: c.secret for c in self._clients}, passphrase)

    def load_keys(self, path: str | Path, passphrase: str) -> None:
        """Take keys of a file, also one of another model with equal parameters.

        Raises
        ------
        InvalidInputError
            The passphrase is another one, or the file has no keys for this model.
        """
        ring = load_ring(path, passphrase)
        missing = [c.key_name for c in self._clients if c.key_name not in ring]
        if missing:
            raise InvalidInputError(
                f"{path} has keys for other parameters ({', '.join(ring)}); this model needs "
                f"{missing[0]}. Make keys for it with `generate_keys` and `save_keys`, or with "
                "`cml-sklearn keys`."
            )
        with self._lock:
            self._take(ring)

    def _take(self, ring: KeyRing) -> None:
        for client in self._clients:
            client.use_secret(ring[client.key_name])
        self._has_keys = True

    def evaluation_keys(self) -> bytes:
        """Give what the server needs to compute; nothing can be decrypted with it."""
        self.generate_keys()
        messages = {
            client.key_name: Message(
                "keys", engine.name, client.key_name, 0, 0, 0, client.evaluation_keys.parts
            )
            for client, engine in zip(self._clients, self._engines, strict=True)
        }
        return b"".join(message.write() for message in messages.values())

    def encrypt(self, X: ArrayLike, method: str = "predict") -> bytes:
        """Encode and encrypt samples.

        Parameters
        ----------
        X : array-like or DataFrame of shape (n_samples, n_features)
        method : str
            What the answer shall be decrypted to.

        Returns
        -------
        bytes
            For `FheServer.run`.

        Raises
        ------
        InvalidInputError
            Samples that the model can't take, or a method that it does not have.

        Warns
        -----
        ClippedInputWarning
            A value lies so far beyond the range of a linear model or a network that it is another.
        """
        return b"".join(self.encrypt_batches(X, method))

    def encrypt_batches(self, X: ArrayLike, method: str = "predict") -> Iterator[bytes]:
        """Encrypt batch after batch, so that memory does not grow with the number of samples."""
        number = self._number(method)
        self.generate_keys()
        features, module = self._features(X), self._modules[number]
        codes = module.quantize_input(features)
        if not len(codes[0]):
            raise InvalidInputError("X has no samples; give at least one.")
        quantizer = module.input_quantizers[0]
        if isinstance(quantizer, AffineQuantizer):  # which has a range for each feature
            report_clipping(quantizer, np.asarray(features, dtype=np.float64), quantizer.ends)
        return self._encrypted(number, codes)

    def decrypt(self, answer: bytes | BinaryIO, method: str = "predict") -> Any:
        """Decrypt and decode what the server answered.

        Parameters
        ----------
        answer : bytes or binary file
        method : str
            The one that the samples were encrypted for, or one of the same module.

        Returns
        -------
        ndarray with a row a sample, or a list of them
            As the estimator's method gives them.

        Raises
        ------
        InvalidInputError
            The answer is damaged, of another model, or was made with other keys.
        """
        number = self._number(method)
        if not self._has_keys:
            raise InvalidInputError("There are no keys yet; load those that encrypted the samples.")
        module, engine = self._modules[number], self._engines[number]
        batches = []
        for message in read_messages(answer):
            self._check(message, number)
            ciphertexts = engine.read_ciphertexts(message.n_samples, message.parts)
            outputs = self._clients[number].decrypt(ciphertexts)
            batches.append(tuple(y[: message.n_rows] for y in outputs))
        if not batches:
            raise InvalidInputError("The answer is empty; give what the server sent.")
        integers = (np.concatenate(parts) for parts in zip(*batches, strict=True))
        values = module.dequantize_output(*integers)
        steps = module.postprocessing.get(method)
        return values[0] if steps is None else postprocess(steps, values[0])

    def _features(self, X: ArrayLike) -> ArrayLike:
        """Take samples through the transformers of a pipeline, or find columns by their names."""
        return preprocess(self._transforms, X, allow_nan=True) if self._transforms else X

    def _encrypted(self, number: int, codes: tuple[IntArray, ...]) -> Iterator[bytes]:
        client, engine, start = self._clients[number], self._engines[number], 0
        for size in client.batch_sizes(len(codes[0])):
            rows = np.minimum(np.arange(start, start + size), len(codes[0]) - 1)
            parts = client.encrypt(*(x[rows] for x in codes)).parts
            n_rows, digest = min(size, len(codes[0]) - start), self.card.digest
            yield Message("inputs", engine.name, digest, number, size, n_rows, parts).write()
            start += size

    def _number(self, method: str) -> int:
        if method not in self.card.modules:
            raise InvalidInputError(
                f"The model has no {method!r}; it has {', '.join(self.card.modules)}."
            )
        return self.card.modules[method]

    def _check(self, message: Message, number: int) -> None:
        """Refuse what is not an answer of the model's module."""
        if message.kind != "outputs":
            raise InvalidInputError(
                f"Not an answer but {message.kind} came; send it to the server."
            )
        if message.target != self.card.digest:
            raise InvalidInputError(
                f"The answer is of the model {message.target[:12]}; this is "
                f"{self.card.digest[:12]}."
            )
        if (message.module, message.engine) != (number, self.card.engines[number]):
            raise InvalidInputError("The answer was made for another method of the model.")
