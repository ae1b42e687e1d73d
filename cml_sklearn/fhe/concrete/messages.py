"""The library's own bytes: checked before it reads them, and ciphertexts picked out of a tensor.

They are a Cap'n Proto message: words of 64 bits, in which a pointer leads from a structure to
each of its parts. Seeded ciphertexts are alike in size and stand one after the other, so those that
are wanted are written over the first ones, and lengths and shapes are changed to theirs.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cml_sklearn._typing import IntArray
from cml_sklearn.exceptions import InvalidInputError

__all__ = ["SEEDED_WORDS", "check_frame", "pick_ciphertexts"]

SEEDED_WORDS = 3
"""Words of a ciphertext: two of the seed, one of the body."""

Words = NDArray[np.uint64]

_MAX_SEGMENTS = 512
"""As many as Cap'n Proto itself reads."""

_CIPHERTEXTS = (0, 0)
_SHAPES = ((1, 0, 0), (2, 0, 0, 0), (2, 0, 1, 0))
"""Parts of parts of the message: shape of words, of integers, of ciphertexts."""


def check_frame(message: bytes) -> None:
    """Refuse a message whose segments are not as long as its head says: the library would hang.

    Raises
    ------
    InvalidInputError
        The bytes are no such message.
    """
    head = np.frombuffer(message[:4], dtype="<u4")
    n_segments = int(head[0]) + 1 if len(head) else _MAX_SEGMENTS + 1
    sizes = np.frombuffer(message[4 : 4 + 4 * n_segments], dtype="<u4")
    n_words = (n_segments + 2) // 2 + int(sizes.sum(dtype=np.int64))
    if n_segments > _MAX_SEGMENTS or len(sizes) != n_segments or 8 * n_words != len(message):
        raise InvalidInputError(
            "Concrete's bytes can't be read: they are not as long as their head says. Send anew."
        )


def pick_ciphertexts(message: bytes, n_features: int, positions: IntArray) -> bytes:
    """Keep some ciphertexts of every sample.

    Parameters
    ----------
    message : bytes
        A tensor of seeded ciphertexts of shape (n_samples, n_features), as the library writes it.
    n_features : int
    positions : ndarray of int, shape (n_kept,)
        Which ones to keep.

    Returns
    -------
    bytes
        A tensor of shape (n_samples, n_kept), still as long as the message was.

    Raises
    ------
    InvalidInputError
        The message holds no such tensor.
    """
    words = np.frombuffer(message, dtype="<u8").copy()
    try:
        root = ((int(words[0]) & 0xFFFFFFFF) + 3) // 2  # after the number and sizes of segments
        for path in _SHAPES:
            _write_shape(words, _part(words, root, *path), n_features, len(positions))
        _pick(words, _part(words, root, *_CIPHERTEXTS), n_features, positions)
    except (IndexError, ValueError) as error:
        raise InvalidInputError(
            f"The ciphertexts are no seeded tensor of {n_features} integers a sample ({error}); "
            "encrypt with the client's half of this circuit."
        ) from error
    return words.tobytes()


def _write_shape(words: Words, pointer: int, n_features: int, n_kept: int) -> None:
    """Change the second axis of a shape, which may have an axis of words at its end."""
    sizes = words.view("<u4")[2 * _target(words, pointer) :][: _length(words, pointer)]
    if sizes[1] != n_features:
        raise ValueError(f"they have the shape {tuple(sizes.tolist())}")
    sizes[1] = n_kept


def _pick(words: Words, pointer: int, n_features: int, positions: IntArray) -> None:
    """Write the ciphertexts to keep over the first ones."""
    pointer = _target(words, pointer)  # the one piece of a list of pieces
    n_words = _length(words, pointer) // 8
    start = _target(words, pointer)
    samples = words[start : start + n_words].reshape((-1, n_features, SEEDED_WORDS))
    kept = samples[:, positions].ravel()
    words[start : start + len(kept)] = kept
    words[pointer] = int(words[pointer]) & (1 << 35) - 1 | 8 * len(kept) << 35


def _part(words: Words, pointer: int, *path: int) -> int:
    """Place of the pointer to a part of a part ... of a structure."""
    for number in path:
        n_data = int(words[pointer]) >> 32 & 0xFFFF
        pointer = _target(words, pointer) + n_data + number
    return pointer


def _target(words: Words, pointer: int) -> int:
    """Place where a pointer leads; one to another segment leads nowhere."""
    word = int(words[pointer])
    if word & 3 > 1:
        raise ValueError("they are in several pieces")
    return pointer + 1 + (word >> 2 & 0x3FFFFFFF)


def _length(words: Words, pointer: int) -> int:
    """Read the number of a list's elements."""
    return int(words[pointer]) >> 35
